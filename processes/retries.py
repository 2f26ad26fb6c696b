"""Retries: when something that failed is tried again: ever later, and not everything at the same moment."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

SPREAD = 0.25
"""By which part of its time a retry may come earlier, so that what failed together does not come back together."""


def retry_after(id: UUID, attempt: int, first: timedelta, growth: int) -> timedelta:
    """How long to wait after a failed attempt, counted from 1: `first`, and so many times longer each time.

    The part that is taken off, less than SPREAD, follows from the id and the attempt: it is the same for whoever asks.
    """
    chance = int.from_bytes(sha256(id.bytes + attempt.to_bytes(4)).digest()[:4]) / 2**32
    return first * int(growth ** (attempt - 1)) * (1 - SPREAD * chance)
