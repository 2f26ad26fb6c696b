"""Filling: a view's new tables, filled from the whole log by COPY with what events will not change any more."""

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, Generic, Self

from psycopg import Connection

from eventstore.envelope import Happened
from projections.fold import Fold
from projections.history import Versions
from projections.lines import rest_of, start_of
from projections.stored import Stored
from projections.table import Table
from projections.view import SPAN, Column, Key, R, View

LINES_TOGETHER = 10_000
WAITING = 2
"""How many times so many lines may wait for the server."""


class Copying:
    """Lines on their way into tables, by a thread of its own: while the server takes them in, more are made.

    `frozen` as `Table.copy_lines` has it. What goes wrong is raised when more is written, or at the end.
    """

    def __init__(self, db: Connection, *, frozen: bool) -> None:
        self._db = db
        self._frozen = frozen
        self._thread = ThreadPoolExecutor(1, "copying")
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._wait(0)

    def write(self, table: Table[Any], lines: list[bytes]) -> None:
        """Writes them after all that was written before."""
        self._wait(WAITING - 1)
        self._under_way.append(self._thread.submit(table.copy_lines, self._db, lines, frozen=self._frozen))

    def _wait(self, most: int) -> None:
        while len(self._under_way) > most:
            self._under_way.popleft().result()


class Filling(Generic[R]):
    """A fold of the log into the empty tables of a view. Strict: raises what a handler raises."""

    def __init__(self, stored: Stored[R], copying: Copying) -> None:
        self.stored = stored
        self.versions = VersionLines(stored.view) if stored.view.history else None
        self.fold = Fold(stored.view, versions=self.versions)
        self._copying = copying
        self._waiting: dict[Table[Any], list[bytes]] = {table: [] for table in stored.tables}

    def apply(self, page: Sequence[Happened]) -> None:
        """Folds a page in, and writes some of what will not change any more."""
        if self.stored.view.appends:
            self._write(self.stored.rows, map(self.stored.rows.line, self.fold.added(page)))
            return
        self.fold.apply(page)
        for row, table in self.stored.facts.items():
            self._write(table, map(table.line, self.fold.facts[row]))
            self.fold.facts[row].clear()
        if self.stored.versions is not None and self.versions is not None:
            self._write(self.stored.versions, self.versions.take_closed())

    def finish(self) -> None:
        """Writes the rows as the last event left them, and all that waits."""
        if self.stored.versions is not None and self.versions is not None:
            self._waiting[self.stored.rows] += self.versions.rows()
            self._waiting[self.stored.versions] += self.versions.take_open()
        else:
            self._waiting[self.stored.rows] += map(self.stored.rows.line, self.fold.rows.values())
        self.fold.rows.clear()
        for table, lines in self._waiting.items():
            self._copying.write(table, lines)
        self._waiting.clear()

    def _write(self, table: Table[Any], lines: Iterable[bytes]) -> None:
        waiting = self._waiting[table]
        waiting += lines
        if len(waiting) >= LINES_TOGETHER:
            self._copying.write(table, waiting)
            self._waiting[table] = []


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

    def close(self, last: Held) -> None:
        """Only its line is kept."""
        self.closed.append(self._version_start(last) + last.rest)

    def succeed(self, last: Held, key: Key, row: R, position: int, known: datetime, valid: datetime) -> None:
        """The same is the next one from now on."""
        last.from_position, last.known_from, last.valid_from = position, known, valid
        last.until_position = last.known_until = last.valid_until = None
        last.rest = self._rest(row)

    def take_closed(self) -> list[bytes]:
        """The lines of those that hold no longer; they are not kept."""
        lines = self.closed
        self.closed = []
        return lines

    def take_open(self) -> list[bytes]:
        """The lines of those that hold now; they are not kept."""
        for held in self.open.values():
            self.close(held)
        self.open.clear()
        return self.take_closed()

    def rows(self) -> list[bytes]:
        """The lines of the rows themselves, which are as their last versions are."""
        start = self._row_start
        return [start(held) + held.rest for held in self.open.values()]
