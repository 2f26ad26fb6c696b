"""The named points at which a sealer may die. Nothing happens here; tests put something in its place that ends it."""

from typing import Literal

Point = Literal[
    "state: written, not renamed",
    "seal: tree begun, no state",
    "seal: read",
    "seal: tiles written, not committed",
    "seal: tiles committed",
    "sign: intended",
    "sign: signed, not kept",
    "sign: kept, not told",
    "sign: in the database, not in the file",
    "sign: told",
]


def reached(point: Point) -> None:
    """Says that a sealer has come so far."""
