"""The named points at which a worker may die. Nothing happens here; tests put something in its place that ends it."""

from typing import Literal

Point = Literal[
    "reaction: checkpoint locked",
    "reaction: decided",
    "reaction: checkpoint moved",
    "reaction: appended, not committed",
    "reaction: committed, not flushed",
    "firing: claimed",
    "firing: decided",
    "firing: appended, not committed",
    "firing: committed, not flushed",
    "delivery: locked",
    "delivery: decided",
    "delivery: attempt appended, not committed",
    "delivery: attempt recorded",
    "delivery: sent",
    "delivery: outcome appended, not committed",
    "delivery: outcome recorded",
    "file: written, not renamed",
    "outbox: locked",
    "outbox: attempt recorded",
    "outbox: sent",
    "outbox: outcome recorded",
    "inbox: read",
    "inbox: decided",
    "inbox: appended, not committed",
    "inbox: committed, not flushed",
    "inbox: taken, not marked",
    "erasing: taken",
    "erasing: appended, not committed",
    "erasing: block recorded",
    "erasing: keys blocked",
    "erasing: promises taken back",
    "erasing: claims forgotten",
    "erasing: views folded anew",
    "erasing: papers removed",
    "erasing: purge recorded",
    "erasing: destruction recorded",
    "erasing: keys destroyed",
    "erasing: ciphertext erased",
    "erasing: checked",
    "erasing: completed",
]


def reached(point: Point) -> None:
    """Says that a worker has come so far."""
