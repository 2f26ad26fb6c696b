"""Alone: whether nobody else is at something, for as long as we are; the database arbitrates."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection


@contextmanager
def alone(db: Connection, what: object) -> Iterator[bool]:
    """Whether nobody else is at it, for as long as we are. The lock goes with the connection."""
    key = str(what)
    row = db.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
    ours = bool(row and row[0])
    try:
        yield ours
    finally:
        if ours and not db.closed and not db.broken:
            db.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [key])
