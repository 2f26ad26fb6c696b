"""Sources: what is sealed. A source is a table whose rows have dense positions from 1 on; leaf 0 is position 1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from eventstore.database import LogCorrupted
from eventstore.sealing.leaves import EVENT_COLUMNS, READ_COLUMNS, event_entry, read_entry

PAGE_ENTRIES = 5_000
"""How many entries are read at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that is sealed under a name: its columns, of which the first is the position, and how they make an entry.

    `pruned` is the function that says how many rows at its beginning are not kept any more, if there can be any.
    """

    name: str
    table: str
    columns: str
    entry: Callable[[Sequence[Any]], bytes]
    pruned: str | None = None

    def gone(self, db: Connection) -> int:
        """How many entries at the beginning are not kept any more, of which the hashes alone are left."""
        row = None if self.pruned is None else db.execute(f"select {self.pruned}").fetchone()
        return 0 if row is None else int(row[0])

    def entries(self, db: Connection, after: int, limit: int) -> list[bytes]:
        """The entries at the positions after `after`. Raises `LogCorrupted` if there is a gap."""
        rows = (
            db.cursor(binary=True)
            .execute(
                f"select {self.columns} from {self.table} where position > %s order by position limit %s",
                [after, limit],
            )
            .fetchall()
        )
        if rows and rows[-1][0] != after + len(rows):
            raise LogCorrupted(f"{self.table} has a gap after position {after}: something was removed from it.")
        return [self.entry(row) for row in rows]


EVENTS = Source("events", "es.event", EVENT_COLUMNS, event_entry)
READS = Source("reads", "es.read", READ_COLUMNS, read_entry, "es.reads_gone()")
