"""The table behind a view: made from the row's type hints, read and written many rows at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache, cached_property
from itertools import islice
from operator import attrgetter, is_, itemgetter
from typing import Any, Generic, cast

import orjson
from psycopg import Connection, sql
from psycopg.abc import Params

from domain.values import EMPTY
from eventstore.codec import json_form
from projections.lines import CLOSING, OPENING, line_of
from projections.statements import fixed
from projections.view import Column, Key, R, View

COPY_ROWS = 500
MANY_ROWS = 100
"""Of so many rows at once, only the columns that changed are written; fewer are not worth a statement of their own."""


def _json(value: object) -> str:
    return orjson.dumps(value, default=json_form, option=orjson.OPT_NON_STR_KEYS).decode()


class Table(Generic[R]):
    """The table of a view, under the view's own name or under that of a build beside it."""

    def __init__(self, view: View[R], name: str | None = None, *, schema: str = "views") -> None:
        self.view = view
        self.name = name or view.name
        self.columns = view.columns
        self.key = view.row.key
        self.identifier: sql.Composable = fixed(sql.Identifier(schema, self.name))
        self._all = fixed(sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns))
        self._key_list = fixed(sql.SQL(", ").join(map(sql.Identifier, self.key)))
        self._values: Callable[[Any], tuple[Any, ...]] = attrgetter(*(column.name for column in self.columns))
        self._converting = [n for n, column in enumerate(self.columns) if column.converts]
        self._written = [_array_writer(column) for column in self.columns]
        self._key_arrays = [
            array for array, column in zip(self._written, self.columns, strict=True) if column.name in self.key
        ]
        self._key_at = [n for n, column in enumerate(self.columns) if column.name in self.key]
        self._key: Callable[[tuple[Any, ...]], Key] = itemgetter(*self._key_at)
        self._updates: dict[tuple[int, ...], sql.SQL] = {}
        self._key_types = [column.sql_type for column in self.columns if column.name in self.key]

    def seen_in(self, source: sql.Composable) -> "Table[R]":
        """The same table as what is selected from a source of the same columns, such as its rows as of a moment."""
        seen = Table(self.view, self.name)
        seen.identifier = source
        return seen

    # Making it.

    def create(self, db: Connection, *, temporary: bool = False, keyed: bool = True) -> None:
        """Makes the table, without the indexes that are not its key."""
        lines = sql.SQL(", ").join(
            sql.SQL("{} {}{}").format(
                sql.Identifier(column.name),
                sql.SQL(cast(Any, column.sql_type)),
                sql.SQL("" if column.nullable else " not null"),
            )
            for column in self.columns
        )
        statement = sql.SQL("create {} {} ({}{}) {}").format(
            sql.SQL("temporary table" if temporary else "table"),
            sql.Identifier(self.name) if temporary else self.identifier,
            lines,
            sql.SQL(", primary key ({})").format(self._key_list) if keyed else sql.SQL(""),
            sql.SQL("on commit drop" if temporary else ""),
        )
        db.execute(statement)
        for name in () if temporary else self.view.personal:  # what the planner notes of a column are its values
            db.execute(
                sql.SQL("alter table {} alter column {} set statistics 0").format(self.identifier, sql.Identifier(name))
            )

    def add_key(self, db: Connection) -> None:
        """Makes the primary key of a table that was created without."""
        db.execute(sql.SQL("alter table {} add primary key ({})").format(self.identifier, self._key_list))

    def index(self, db: Connection) -> None:
        """Makes the indexes that the view asks for."""
        for columns in self.view.indexes:
            db.execute(sql.SQL("create index on {} ").format(self.identifier) + sql.SQL(cast(Any, columns)))

    # Reading.

    def load(self, db: Connection, keys: Iterable[Key]) -> dict[Key, R]:
        """The rows of these keys, in one query."""
        wanted = self._arrays(keys)
        return {self.key_of(row): row for row in self.select(db, self._load, wanted)} if wanted else {}

    def _arrays(self, keys: Iterable[Key]) -> list[str]:
        """The keys as an array for each of their columns; nothing if there are none."""
        wanted = list(keys)
        if not wanted:
            return []
        parts = [wanted] if len(self.key) == 1 else zip(*wanted, strict=True)
        return [array(values) for array, values in zip(self._key_arrays, parts, strict=True)]

    @cached_property
    def _load(self) -> sql.SQL:
        arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(cast(Any, kind))) for kind in self._key_types)
        wanted = "{} = any({})" if len(self.key) == 1 else "({}) in (select * from unnest({}))"
        return fixed(
            sql.SQL("select {} from {} where {}").format(
                self._all, self.identifier, sql.SQL(wanted).format(self._key_list, arrays)
            )
        )

    def select(self, db: Connection, query: sql.SQL | sql.Composed, parameters: Params = ()) -> list[R]:
        """The rows that a query finds; it selects `columns` in their order."""
        with db.cursor(binary=True) as cursor:
            found = cursor.execute(query, parameters).fetchall()
        return [self.row(values) for values in found]

    def row(self, values: Sequence[Any]) -> R:
        """A row from its column values."""
        if not self._converting:
            return self.view.row(*values)
        changed = list(values)
        for n in self._converting:
            changed[n] = self.columns[n].read(changed[n])
        return self.view.row(*changed)

    def key_of(self, row: R) -> Key:
        """The key of a row: a value, or a tuple where there are several columns."""
        return getattr(row, self.key[0]) if len(self.key) == 1 else tuple(getattr(row, name) for name in self.key)

    @property
    def selected(self) -> sql.SQL:
        """`columns`, to be selected in their order."""
        return self._all

    # Writing.

    def noted(self, rows: Mapping[Key, R]) -> dict[Key, tuple[Any, ...]]:
        """What rows say before they are changed, so that of many of them only what was changed is written."""
        return {key: self._values(row) for key, row in rows.items()} if len(rows) >= MANY_ROWS else {}

    def upsert(self, db: Connection, rows: Iterable[R], before: Mapping[Key, tuple[Any, ...]] = EMPTY) -> None:
        """Writes these rows, new or changed, in one statement, or in two if it was noted what many of them said before."""
        values = [self._values(row) for row in rows]
        if before:
            there = [before.get(self._key(each)) for each in values]
            self._update(db, [each for each in zip(values, there, strict=True) if each[1] is not None])
            values = [each for each, old in zip(values, there, strict=True) if old is None]
        if values:
            columns = zip(*values, strict=True)
            db.execute(self._upsert, [array(column) for array, column in zip(self._written, columns, strict=True)])

    def _update(self, db: Connection, rows: Sequence[tuple[tuple[Any, ...], tuple[Any, ...] | None]]) -> None:
        """Writes those columns of rows that are there in which any of them is not as it was."""
        if not rows:
            return
        columns, before = (list(zip(*each, strict=True)) for each in zip(*rows, strict=True))
        changed = tuple(
            n
            for n, column in enumerate(self.columns)
            if column.name not in self.key and (column.is_json or not all(map(is_, columns[n], before[n])))
        )
        if not changed:
            return
        if changed not in self._updates:
            self._updates[changed] = self._update_of([self.columns[n] for n in changed])
        db.execute(self._updates[changed], [self._written[n](columns[n]) for n in (*self._key_at, *changed)])

    def _update_of(self, changed: Sequence[Column]) -> sql.SQL:
        written = [*(column for column in self.columns if column.name in self.key), *changed]
        kinds = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(cast(Any, _carried(each)))) for each in written)
        return fixed(sql.SQL("update {} t set {} from unnest({}) u ({}) where {}").format(
            self.identifier,
            sql.SQL(", ").join(
                sql.SQL("{0} = u.{0}::{1}").format(sql.Identifier(each.name), sql.SQL(cast(Any, each.sql_type)))
                for each in changed
            ),
            kinds,
            sql.SQL(", ").join(sql.Identifier(each.name) for each in written),
            sql.SQL(" and ").join(sql.SQL("t.{0} = u.{0}").format(sql.Identifier(name)) for name in self.key),
        ))  # fmt: skip

    @cached_property
    def _upsert(self) -> sql.SQL:
        kinds = sql.SQL(", ").join(
            sql.SQL("%s::{}[]").format(sql.SQL(cast(Any, _carried(column)))) for column in self.columns
        )
        names = [f"c{n}" for n in range(len(self.columns))]
        picked = sql.SQL(", ").join(
            sql.SQL("u.{}::{}").format(sql.Identifier(name), sql.SQL(cast(Any, column.sql_type)))
            for name, column in zip(names, self.columns, strict=True)
        )
        rest = [column.name for column in self.columns if column.name not in self.key]
        update = sql.SQL("do update set {}").format(
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in rest)
        )
        return fixed(sql.SQL("insert into {} ({}) select {} from unnest({}) u ({}) on conflict ({}) {}").format(
            self.identifier, self._all, picked, kinds, sql.SQL(", ").join(map(sql.Identifier, names)), self._key_list,
            update if rest else sql.SQL("do nothing"),
        ))  # fmt: skip

    def delete(self, db: Connection, keys: Iterable[Key]) -> None:
        """Removes the rows of these keys."""
        gone = self._arrays(keys)
        if not gone:
            return
        arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(cast(Any, kind))) for kind in self._key_types)
        db.execute(
            sql.SQL("delete from {} where ({}) in (select * from unnest({}))").format(
                self.identifier, self._key_list, arrays
            ),
            gone,
        )

    def copy_in(self, db: Connection, rows: Iterable[R], *, temporary: bool = False) -> None:
        """Writes new rows by COPY."""
        self.copy_lines(db, map(self.line, rows), temporary=temporary)

    def copy_lines(
        self, db: Connection, lines: Iterable[bytes], *, temporary: bool = False, frozen: bool = False
    ) -> None:
        """Writes new rows that are lines already. `frozen`: the table was made in this transaction, and nobody has
        to look again whether they are visible."""
        query = sql.SQL("copy {} ({}) from stdin (format binary{})").format(
            sql.Identifier(self.name) if temporary else self.identifier,
            self._all,
            sql.SQL(", freeze" if frozen else ""),
        )
        rest = iter(lines)
        with db.cursor() as cursor, cursor.copy(query) as copy:
            copy.write(OPENING)
            while some := b"".join(islice(rest, COPY_ROWS)):
                copy.write(some)
            copy.write(CLOSING)

    @cached_property
    def line(self) -> Callable[[R], bytes]:
        """A row as COPY reads it."""
        return line_of(self.columns)

    def digest(self, db: Connection) -> tuple[int, int]:
        """How many rows there are, and a sum over them that does not depend on their order."""
        row = db.execute(
            sql.SQL("select count(*), coalesce(sum(hash_record_extended(t, 0)), 0) from (select {} from {}) t").format(
                self._all, self.identifier
            )
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def _carried(column: Column) -> str:
    return "text" if column.is_json else column.sql_type


def _array_writer(column: Column) -> Callable[[Iterable[Any]], str]:
    """A function that writes values of a column as PostgreSQL writes an array.

    A list that is left to psycopg is looked at value by value and more than once, which takes five times as long.
    """
    forms: dict[str, Callable[[Any], str]] = {
        "uuid": attrgetter("hex"),
        "timestamptz": datetime.isoformat,
        "date": date.isoformat,
        "boolean": lambda value: "t" if value else "f",
        "text": _quoted,
        "jsonb": lambda value: _quoted(_json(value)),
    }
    form = forms.get(column.sql_type, str)
    return lambda values: f"{{{','.join(['null' if value is None else form(value) for value in values])}}}"


def _quoted(value: str) -> str:
    """A text as an element of an array."""
    return f'"{value}"' if value.isalnum() else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@cache
def table_of(view: View[R]) -> Table[R]:
    """The table that serves a view: what can be said of it without asking the database is worked out once."""
    return Table(view)
