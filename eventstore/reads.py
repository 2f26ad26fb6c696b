"""The log of reads: who looked at personal values, of whom, when and what for; never the values themselves."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.arrays import id_array
from eventstore.database import ERASER_ROLE, connect, reachable

MAX_CODE = 100
"""The longest name of an actor, a purpose or an operation that is kept, in characters."""
MAX_READS = 1_000
MAX_SUBJECTS = 1_000
"""How many people one entry names; a read of more takes several."""
MANY_SUBJECTS = 500
"""How many people somebody may look at within an hour before the doctor says so."""
KEPT_YEARS = 2
"""How long a read is kept at least; the database knows it too (`es.read_term`), and drops no younger one."""
PRUNED_AT_ONCE = 10_000
TOO_YOUNG = "BT030"


@dataclass(frozen=True, slots=True)
class Read:
    """One look at personal values: `subjects` are whose, and `seen` is how far the log of events had come.

    `door` is where they went out, such as graphql; `document` is the SHA-256 of what was asked.
    """

    position: int
    recorded_at: datetime
    actor: str
    door: str
    purpose: str | None
    operation: str | None
    document: bytes | None
    seen: int
    subjects: tuple[UUID, ...]


class Reads:
    """Writes the log of reads, and answers who read what."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def note(
        self,
        subjects: Collection[UUID],
        *,
        actor: str,
        door: str,
        purpose: str | None = None,
        operation: str | None = None,
        document: str | None = None,
    ) -> int:
        """Notes a read before what was read is given out; returns its position, the last one if it takes several.

        Texts are cut to MAX_CODE characters.
        """
        digest = None if document is None else sha256(document.encode()).digest()
        texts = [text and text[:MAX_CODE] for text in (actor, door, purpose, operation)]
        whole, position = sorted(subjects), 0
        with self._pool.connection() as db:
            for start in range(0, len(whole), MAX_SUBJECTS):
                row = db.execute(
                    "call es.note_read(%s, %s, %s, %s, %s, %s::uuid[], null)",
                    [*texts, digest, id_array(whole[start : start + MAX_SUBJECTS])],
                ).fetchone()
                assert row is not None
                position = int(row[0])
        return position

    def of(self, subjects: Collection[UUID], after: int = 0, limit: int = MAX_READS) -> list[Read]:
        """Who looked at one of these people, after a position, in the order in which it was noted."""
        return self._select("subjects && %s::uuid[] and position > %s", [id_array(subjects), after], limit)

    def page(self, after: int = 0, limit: int = MAX_READS) -> list[Read]:
        """The next reads after a position."""
        return self._select("position > %s", [after], limit)

    def busiest(self, now: datetime, within: timedelta = timedelta(hours=1)) -> list[tuple[str, int]]:
        """Who looked at more than MANY_SUBJECTS people of late, and at how many; the most first."""
        with self._pool.connection() as db:
            return db.execute(
                "select actor, count(distinct subject) from es.read, unnest(subjects) subject "
                " where recorded_at > %s group by actor having count(distinct subject) > %s order by 2 desc, 1",
                [now - within, MANY_SUBJECTS],
            ).fetchall()

    def _select(self, where: str, parameters: Sequence[object], limit: int) -> list[Read]:
        with self._pool.connection() as db:
            rows = db.execute(
                "select position, recorded_at, actor, door, purpose, operation, document, seen, subjects "
                f"  from es.read where {where} order by position limit %s",
                [*parameters, limit],
            ).fetchall()
        return [
            Read(
                position=position,
                recorded_at=recorded_at,
                actor=actor,
                door=door,
                purpose=purpose,
                operation=operation,
                document=document,
                seen=seen,
                subjects=tuple(subjects),
            )
            for position, recorded_at, actor, door, purpose, operation, document, seen, subjects in rows
        ]


def prune(dsn: str, before: datetime, tell: Callable[[int], None] = lambda dropped: None) -> int:
    """Drops the sealed reads from before a moment, but for the last of them, and says how many. Their hashes stay sealed.

    Twice is the same as once. Raises `Refused` for a moment less than KEPT_YEARS ago.
    """
    dropped = 0
    with reachable(), connect(dsn, role=ERASER_ROLE) as db:
        while True:
            try:
                row = db.execute("select es.prune_reads(%s, %s)", [before, PRUNED_AT_ONCE]).fetchone()
            except psycopg.DatabaseError as error:
                if error.sqlstate == TOO_YOUNG:
                    raise Refused(f"Reads are kept for {KEPT_YEARS} years. Name a day before that.", "years") from error
                raise
            if row is None or not row[0]:
                return dropped
            dropped += int(row[0])
            tell(dropped)
