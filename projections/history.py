"""History: every version of a view's rows with the moments between which it held, so that any day can be asked."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, cast

from psycopg import Connection, sql

from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf, Reader
from projections.facts import known_at
from projections.moments import standing_in
from projections.table import Table
from projections.view import Key, R, View


class Versions(Generic[R]):
    """The versions of rows as they come about: each is closed by the next of the same row."""

    def __init__(self, view: View[R]) -> None:
        assert view.versions is not None
        self._make = view.versions.row
        self._values: Callable[[R], tuple[Any, ...]] = attrgetter(*(part.name for part in fields(cast(Any, view.row))))
        self.open: dict[Key, Any] = {}
        self.closed: list[Any] = []

    def add(self, key: Key, row: R, at: Recorded) -> None:
        """The row as an event left it. What several handlers make of one event is one version."""
        known, valid, position = known_at(at), at.occurred_at, at.position
        last = self.open.get(key)
        if last is None:
            self.open[key] = self.version(key, row, position, known, valid)
            return
        if known < last.known_from:
            known = last.known_from
        if valid < last.valid_from:
            valid = last.valid_from
        if last.from_position != position:
            last.until_position, last.known_until, last.valid_until = position, known, valid
            self.close(last)
        self.succeed(last, key, row, position, known, valid)

    def version(self, key: Key, row: R, position: int, known: datetime, valid: datetime) -> Any:
        """The row as it is now, from there on."""
        _, *rest = self._values(row)
        return self._make(key, position, None, known, None, valid, None, *rest)

    def close(self, last: Any) -> None:
        """Keeps a version that holds no longer."""
        self.closed.append(last)

    def succeed(self, last: Any, key: Key, row: R, position: int, known: datetime, valid: datetime) -> None:
        """Puts the row as it is now in the place of its last version."""
        self.open[key] = self.version(key, row, position, known, valid)

    def end(self, key: Key, at: Recorded) -> None:
        """The row was removed by an event: nothing holds from there on."""
        last = self.open.pop(key, None)
        if last is not None and last.from_position != at.position:
            last.until_position = at.position
            last.known_until = max(known_at(at), last.known_from)
            last.valid_until = max(at.occurred_at, last.valid_from)
            self.close(last)

    def drop(self, key: Key) -> None:
        """Forgets what came about of a row."""
        self.open.pop(key, None)
        owner = attrgetter(self._make.key[0])
        self.closed = [version for version in self.closed if owner(version) != key]

    def all(self) -> Iterator[Any]:
        """Every version."""
        yield from self.closed
        yield from self.open.values()


def past(view: View[R], as_of: AsOf, reader: Reader) -> sql.Composable:
    """A view's rows as of a moment, to select from under the view's own name. Identities are those of today."""
    name = sql.Identifier(view.name)
    if as_of == NOW:
        return sql.SQL("{} as {}").format(sql.Identifier("views", view.name), name)
    if (instead := standing_in(as_of, view.name)) is not None:
        return instead
    assert view.versions is not None
    spans = [
        (sql.Identifier(start), sql.Identifier(end), sql.Literal(moment))
        for start, end, moment in (
            ("from_position", "until_position", as_of.position),
            ("from_position", "until_position", _position(as_of, reader)),
            ("known_from", "known_until", as_of.time),
            ("valid_from", "valid_until", as_of.valid_at),
        )
        if moment is not None
    ]
    begun = [sql.SQL("{} <= {}").format(start, at) for start, _, at in spans]
    replaced = [sql.SQL("{} <= {}").format(end, at) for _, end, at in spans]  # by one that has begun in every sense
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in view.columns)
    both = sql.SQL(" and ")
    return sql.SQL("(select {} from {} where {} and ({}) is not true) as {}").format(
        columns, sql.Identifier("views", view.versions.name), both.join(begun), both.join(replaced), name
    )


def known_versions(view: View[R], as_of: AsOf, reader: Reader) -> sql.Composable:
    """Every version of a view's rows that had come about by a moment, to select from under the name of its versions."""
    assert view.versions is not None
    conditions = [
        sql.SQL("{} <= {}").format(sql.Identifier(column), sql.Literal(end))
        for column, end in (
            ("from_position", as_of.position),
            ("from_position", _position(as_of, reader)),
            ("known_from", as_of.time),
            ("valid_from", as_of.valid_at),
        )
        if end is not None
    ]
    where = sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")
    name = sql.Identifier(view.versions.name)
    return sql.SQL("(select * from {} where {}) as {}").format(sql.Identifier("views", view.versions.name), where, name)


def _position(as_of: AsOf, reader: Reader) -> int | None:
    return None if as_of.known_at is None else reader.position_at(as_of.known_at)


def open_versions(db: Connection, table: Table[Any], keys: Collection[Key]) -> dict[Key, Any]:
    """The version that holds now of each of these rows, from a table of versions."""
    query = sql.SQL("select {} from {} where {} = any(%s) and until_position is null").format(
        table.selected, table.identifier, sql.Identifier(table.key[0])
    )
    return {getattr(row, table.key[0]): row for row in table.select(db, query, [list(keys)])}
