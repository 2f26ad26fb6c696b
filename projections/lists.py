"""Lists: any view filtered, ordered and paged by key, as it is now or as it was."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, cast
from uuid import UUID

import orjson
import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.log import Log
from eventstore.reader import NOW, AsOf
from projections.table import Table
from projections.view import Column, Fold, Key, R, View

MAX_PAGE = 100
MAX_CONDITIONS = 50
MAX_VALUES = 1_000


class Operator(StrEnum):
    """How a column is compared."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    CONTAINS = "contains"
    STARTS_WITH = "startsWith"
    IS_NULL = "isNull"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. A list of them holds if each does."""

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by. What is unknown comes last either way."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A page of rows with a cursor for each. `position` is how far the log was folded in."""

    rows: list[R]
    cursors: list[str]
    has_next: bool
    position: int


@dataclass(frozen=True, slots=True)
class _Term:
    """What is sorted by: an expression, its direction, and its type for the cursor's values."""

    name: str
    expression: sql.Composable
    descending: bool
    sql_type: str


class Lists:
    """Answers questions to the views of one house."""

    def __init__(self, log: Log, pool: ConnectionPool) -> None:
        self.log = log
        self.pool = pool

    def get(self, view: View[R], keys: Sequence[Key]) -> dict[Key, R]:
        """The rows of these keys as they are now, in one query."""
        with self._pool(view).connection() as db:
            return Table(view).load(db, keys)

    def get_as_of(self, view: View[R], key: Key, as_of: AsOf, *, customer_id: UUID) -> R | None:
        """One row as it was, folded from its customer's events alone."""
        return self._fold(view, as_of, customer_id).rows.get(key)

    def page(
        self,
        view: View[R],
        conditions: Sequence[Condition] = (),
        order: Sequence[Order] = (),
        *,
        first: int = MAX_PAGE,
        after: str | None = None,
        as_of: AsOf = NOW,
        customer_id: UUID | None = None,
    ) -> Page[R]:
        """The next `first` rows after a cursor. Pages are disjoint and complete while rows are being added.

        `customer_id` restricts the list to one customer's rows, and an as-of question to folding that one's events.
        Raises `Refused` for a size, cursor, column or value that cannot be.
        """
        if not 0 < first <= MAX_PAGE:
            raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
        if customer_id is not None:
            conditions = [*conditions, Condition("customer_id", Operator.EQ, customer_id)]
        with self._table(view, as_of, customer_id) as (db, table, position):
            terms = _terms(table, order)
            where, parameters = _where(table, conditions)
            if after is not None:
                later, values = _later(terms, _read_cursor(after, terms))
                where, parameters = sql.SQL("({}) and ({})").format(where, later), [*parameters, *values]
            query = sql.SQL("select {}, array[{}] from {} where {} order by {} limit %s").format(
                table.selected,
                sql.SQL(", ").join(sql.SQL("({})::text").format(term.expression) for term in terms),
                table.identifier,
                where,
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(term.expression, sql.SQL("desc" if term.descending else "asc"))
                    for term in terms
                ),
            )
            try:
                with db.cursor(binary=True) as cursor:
                    found = cursor.execute(query, [*parameters, first + 1]).fetchall()
            except psycopg.DataError as error:
                raise Refused(f"A value cannot be compared: {error.diag.message_primary}.", "filter") from error
        shown = found[:first]
        return Page(
            [table.row(row[:-1]) for row in shown],
            [_cursor(row[-1], terms) for row in shown],
            len(found) > first,
            position,
        )

    def count(
        self, view: View[R], conditions: Sequence[Condition] = (), *, as_of: AsOf = NOW, customer_id: UUID | None = None
    ) -> int:
        """How many rows there are."""
        if customer_id is not None:
            conditions = [*conditions, Condition("customer_id", Operator.EQ, customer_id)]
        with self._table(view, as_of, customer_id) as (db, table, _):
            where, parameters = _where(table, conditions)
            row = db.execute(
                sql.SQL("select count(*) from {} where {}").format(table.identifier, where), parameters
            ).fetchone()
        return int(row[0]) if row else 0

    def position(self, view: View[R]) -> int:
        """How far the log is folded into a view."""
        with self._pool(view).connection() as db:
            row = db.execute("select position from views.checkpoint where name = %s", [view.name]).fetchone()
        return int(row[0]) if row else 0

    def _pool(self, view: View[R]) -> ConnectionPool:
        return self.log.pool if view.beside_log else self.pool

    @contextmanager
    def _table(
        self, view: View[R], as_of: AsOf, customer_id: UUID | None
    ) -> Iterator[tuple[Connection, Table[R], int]]:
        """The view's table, or one of the same shape that holds what the view held then and goes with the transaction."""
        if as_of == NOW:
            with self._pool(view).connection() as db, db.transaction():
                row = db.execute("select position from views.checkpoint where name = %s", [view.name]).fetchone()
                yield db, Table(view), int(row[0]) if row else 0
            return
        fold = self._fold(view, as_of, customer_id)
        position = as_of.position if as_of.position is not None else self.log.reader.head()
        with self._pool(view).connection() as db, db.transaction():
            past = Table(view, f"{view.name}__as_of", schema="pg_temp")
            past.create(db, temporary=True)
            past.copy_in(db, fold.rows.values(), temporary=True)
            yield db, past, position

    def _fold(self, view: View[R], as_of: AsOf, customer_id: UUID | None) -> Fold[R]:
        names = self.log.codec.names(view.events)
        disclose = bool(view.personal)
        fold = Fold(view)
        if customer_id is not None:
            fold.apply(self.log.reader.customers([customer_id], types=names, as_of=as_of, disclose=disclose))
        else:
            for page in self.log.reader.fold(types=names, as_of=as_of, disclose=disclose):
                fold.apply(page)
        return fold


def _column(table: Table[R], name: str, field: str) -> Column:
    for column in table.columns:
        if column.name == name:
            return column
    raise Refused(f"There is no {name} in {table.view.name}.", field)


def _terms(table: Table[R], order: Sequence[Order]) -> list[_Term]:
    terms: list[_Term] = []
    keyed = [Order(name) for name in table.key if name not in {part.column for part in order}]
    for part in (*order, *keyed):
        column = _column(table, part.column, "orderBy")
        name = sql.Identifier(column.name)
        if column.nullable:
            terms.append(_Term(f"{column.name}?", sql.SQL("({} is null)").format(name), False, "boolean"))
        terms.append(_Term(column.name, name, part.descending, column.sql_type))
    return terms


def _later(terms: Sequence[_Term], values: Sequence[str | None]) -> tuple[sql.Composable, list[object]]:
    """The condition for the rows after a cursor: the first term that differs decides."""
    ways: list[sql.Composable] = []
    parameters: list[object] = []
    for n, term in enumerate(terms):
        same = [
            sql.SQL("{} is not distinct from %s::{}").format(t.expression, sql.SQL(cast(Any, t.sql_type)))
            for t in terms[:n]
        ]
        beyond = sql.SQL("{} {} %s::{}").format(
            term.expression, sql.SQL("<" if term.descending else ">"), sql.SQL(cast(Any, term.sql_type))
        )
        ways.append(sql.SQL("({})").format(sql.SQL(" and ").join([*same, beyond])))
        parameters.extend(values[: n + 1])
    return sql.SQL(" or ").join(ways), parameters


def _cursor(values: Sequence[str | None], terms: Sequence[_Term]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_signature(terms), *values])).decode().rstrip("=")


def _signature(terms: Sequence[_Term]) -> str:
    """What a list is sorted by, so that a cursor of another order is told from one of this."""
    return ",".join(f"{term.name}{'-' if term.descending else '+'}" for term in terms)


def _read_cursor(cursor: str, terms: Sequence[_Term]) -> list[str | None]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if (
        not isinstance(values, list)
        or len(values) != len(terms) + 1
        or values[0] != _signature(terms)
        or not all(value is None or isinstance(value, str) for value in values)
    ):
        raise Refused("That cursor is not one of this list. Take it from pageInfo, and keep the same order.", "after")
    return values[1:]


_COMPARISONS = {
    Operator.EQ: "{} = %s",
    Operator.NE: "{} is distinct from %s",
    Operator.LT: "{} < %s",
    Operator.LE: "{} <= %s",
    Operator.GT: "{} > %s",
    Operator.GE: "{} >= %s",
    Operator.IN: "{} = any(%s)",
}


def _where(table: Table[R], conditions: Sequence[Condition]) -> tuple[sql.Composable, list[object]]:
    if len(conditions) > MAX_CONDITIONS:
        raise Refused(f"{MAX_CONDITIONS} conditions are the limit.", "filter")
    parts: list[sql.Composable] = [sql.SQL("true")]
    parameters: list[object] = []
    for condition in conditions:
        column = _column(table, condition.column, "filter")
        name = sql.Identifier(column.name)
        if condition.operator is Operator.IS_NULL:
            parts.append(sql.SQL("{} is {} null").format(name, sql.SQL("" if condition.value else "not")))
        elif column.is_json:
            if condition.operator not in (Operator.CONTAINS, Operator.IN):
                raise Refused(f"{column.name} is a list: ask whether it contains something.", "filter")
            wanted = condition.value if condition.operator is Operator.IN else [condition.value]
            parts.append(sql.SQL("{} ?| %s::text[]").format(name))
            parameters.append(list(wanted))
        elif condition.operator in (Operator.CONTAINS, Operator.STARTS_WITH):
            pattern = condition.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            parts.append(sql.SQL("{} ilike %s").format(name))
            parameters.append(f"%{pattern}%" if condition.operator is Operator.CONTAINS else f"{pattern}%")
        else:
            if condition.operator is Operator.IN and len(condition.value) > MAX_VALUES:
                raise Refused(f"{MAX_VALUES} values are the limit.", "filter")
            parts.append(sql.SQL(cast(Any, _COMPARISONS[condition.operator])).format(name))
            parameters.append(condition.value)
    return sql.SQL(" and ").join(parts), parameters
