"""Filling: a view's new tables, filled from the whole log by COPY with what events will not change any more."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic

from psycopg import Connection

from eventstore.envelope import Happened
from projections.fold import Fold
from projections.history import Versions
from projections.lines import rest_of, start_of
from projections.stored import Stored
from projections.table import Table
from projections.view import SPAN, Column, Key, R, View

LINES_TOGETHER = 20_000


class Filling(Generic[R]):
    """A fold of the log into the empty tables of a view.

    Strict: raises what a handler raises. `frozen` as `Table.copy_lines` has it.
    """

    def __init__(self, stored: Stored[R], *, frozen: bool) -> None:
        self.stored = stored
        self.frozen = frozen
        self.versions = VersionLines(stored.view) if stored.view.history else None
        self.fold = Fold(stored.view, versions=self.versions)
        self._waiting: dict[Table[Any], list[bytes]] = {table: [] for table in stored.tables}

    def apply(self, db: Connection, page: Sequence[Happened]) -> None:
        """Folds a page in, and writes some of what will not change any more."""
        self.fold.apply(page)
        if self.stored.view.appends:
            self._write(db, self.stored.rows, map(self.stored.rows.line, self.fold.rows.values()))
            self.fold.rows.clear()
        for row, table in self.stored.facts.items():
            self._write(db, table, map(table.line, self.fold.facts[row]))
            self.fold.facts[row].clear()
        if self.stored.versions is not None and self.versions is not None:
            self._write(db, self.stored.versions, self.versions.take_closed())

    def finish(self, db: Connection) -> None:
        """Writes the rows as the last event left them, and all that waits."""
        if self.stored.versions is not None and self.versions is not None:
            self._waiting[self.stored.rows] += self.versions.rows()
            self._waiting[self.stored.versions] += self.versions.take_open()
        else:
            self._waiting[self.stored.rows] += map(self.stored.rows.line, self.fold.rows.values())
        self.fold.rows.clear()
        for table, lines in self._waiting.items():
            table.copy_lines(db, lines, frozen=self.frozen)
            lines.clear()

    def _write(self, db: Connection, table: Table[Any], lines: Iterable[bytes]) -> None:
        waiting = self._waiting[table]
        waiting += lines
        if len(waiting) >= LINES_TOGETHER:
            table.copy_lines(db, waiting, frozen=self.frozen)
            waiting.clear()


class Held:
    """A version of a row as far as a line of it is written: from when to when it held, and all else as `rest`."""

    __slots__ = (
        "from_position",
        "key",
        "known_from",
        "known_until",
        "rest",
        "until_position",
        "valid_from",
        "valid_until",
    )

    def __init__(self, key: Key, from_position: int, known_from: datetime, valid_from: datetime, rest: bytes) -> None:
        self.key = key
        self.from_position = from_position
        self.until_position: int | None = None
        self.known_from = known_from
        self.known_until: datetime | None = None
        self.valid_from = valid_from
        self.valid_until: datetime | None = None
        self.rest = rest


class VersionLines(Versions[R]):
    """Versions that are written as they come about, each from the row itself; nobody can go on from them."""

    def __init__(self, view: View[R]) -> None:
        super().__init__(view)
        key, span = Column("key", view.columns[0].hint), [Column(name, hint) for name, (hint, _) in SPAN.items()]
        rest = view.columns[1:]
        self._rest = rest_of(rest)
        self._version_start = start_of([key, *span], len(rest))
        self._row_start = start_of([key], len(rest))

    def version(self, key: Key, row: R, position: int, known: datetime, valid: datetime) -> Any:
        return Held(key, position, known, valid, self._rest(row))

    def take_closed(self) -> list[bytes]:
        """The lines of those that hold no longer; they are not kept."""
        start = self._version_start
        lines = [start(held) + held.rest for held in self.closed]
        self.closed.clear()
        return lines

    def take_open(self) -> list[bytes]:
        """The lines of those that hold now; they are not kept."""
        self.closed += self.open.values()
        self.open.clear()
        return self.take_closed()

    def rows(self) -> list[bytes]:
        """The lines of the rows themselves, which are as their last versions are."""
        start = self._row_start
        return [start(held) + held.rest for held in self.open.values()]
