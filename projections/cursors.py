"""Cursors: where a row stands in an order, and which rows come after it or before."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

import orjson
from psycopg import sql

from domain.kernel import Refused
from projections.selecting import Clause, Order, column_of, where_of
from projections.table import Table
from projections.view import R

MAX_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Term:
    """What is sorted by: an expression, its direction, and its type for the cursor's values."""

    name: str
    expression: sql.Composable
    descending: bool
    sql_type: str


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a list: the first `size` rows between two cursors or, backwards, the last."""

    size: int = MAX_PAGE
    backwards: bool = False
    after: str | None = None
    before: str | None = None


def span_of(first: int | None, after: str | None, last: int | None, before: str | None) -> Span:
    """The part that is asked for; a whole page if nothing says how much. Raises `Refused` for a size that cannot be."""
    if first is not None and last is not None:
        raise Refused("Go forwards with first, or backwards with last: not both at once.", "last")
    size, name = (last, "last") if last is not None else (MAX_PAGE if first is None else first, "first")
    if not 0 < size <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", name)
    return Span(size, last is not None, after, before)


class Walk(Generic[R]):
    """How a part of a list is read: in which order, under which condition, and where it ends."""

    def __init__(self, table: Table[R], conditions: Sequence[Clause], order: Sequence[Order], span: Span) -> None:
        self.span = span
        self._terms = terms_of(table, order)
        self.where, self.parameters = where_of(table, conditions)
        if span.after is not None:
            self._bound(self._terms, span.after, "after")
        if span.before is not None:
            self._bound(_reversed(self._terms), span.before, "before")

    @property
    def sorting(self) -> sql.Composable:
        """The order in which the rows are walked through: the list's own, or from its end."""
        walked = _reversed(self._terms) if self.span.backwards else self._terms
        return sql.SQL(", ").join(
            sql.SQL("{} {}").format(term.expression, sql.SQL("desc" if term.descending else "asc")) for term in walked
        )

    @property
    def places(self) -> sql.Composable:
        """The values of a cursor, to be selected along with a row."""
        return sql.SQL("array[{}]").format(
            sql.SQL(", ").join(sql.SQL("({})::text").format(term.expression) for term in self._terms)
        )

    def cursor(self, values: Sequence[str | None]) -> str:
        """The cursor of a row with these places."""
        return cursor_of(values, self._terms)

    def cut(self, found: Sequence[T]) -> tuple[list[T], bool, bool]:
        """What is shown of `size` rows and one more, in the list's own order; whether there is more after and before it.

        On the far side of the cursor that one came from there is taken to be something.
        """
        shown, more = list(found[: self.span.size]), len(found) > self.span.size
        if self.span.backwards:
            return shown[::-1], self.span.before is not None, more
        return shown, more, self.span.after is not None

    def _bound(self, terms: Sequence[Term], cursor: str, field: str) -> None:
        beyond, values = _after(terms, read_cursor(cursor, self._terms, field))
        self.where, self.parameters = (
            sql.SQL("({}) and ({})").format(self.where, beyond),
            [*self.parameters, *values],
        )


def terms_of(table: Table[R], order: Sequence[Order]) -> list[Term]:
    """The terms of an order, the key last, so that no two rows have the same place. What is unknown comes last."""
    terms: list[Term] = []
    keyed = [Order(name) for name in table.key if name not in {part.column for part in order}]
    for part in (*order, *keyed):
        column = column_of(table, part.column, "orderBy")
        if column.is_json:
            raise Refused(f"{column.name} has no order.", "orderBy")
        name = sql.Identifier(column.name)
        if column.nullable:
            terms.append(Term(f"{column.name}?", sql.SQL("({} is null)").format(name), False, "boolean"))
        terms.append(Term(column.name, name, part.descending, column.sql_type))
    return terms


def _reversed(terms: Sequence[Term]) -> list[Term]:
    return [replace(term, descending=not term.descending) for term in terms]


def _after(terms: Sequence[Term], values: Sequence[str | None]) -> tuple[sql.Composable, list[object]]:
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


def _signature(terms: Sequence[Term]) -> str:
    """What a list is sorted by, so that a cursor of another order is told from one of this."""
    return ",".join(f"{term.name}{'-' if term.descending else '+'}" for term in terms)


def cursor_of(values: Sequence[str | None], terms: Sequence[Term]) -> str:
    """The cursor of a row with these values of the terms, as texts."""
    return base64.urlsafe_b64encode(orjson.dumps([_signature(terms), *values])).decode().rstrip("=")


def read_cursor(cursor: str, terms: Sequence[Term], field: str = "after") -> list[str | None]:
    """The values that a cursor was made of. Refused if it is one of another list, or of another order."""
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
        raise Refused("That cursor is not one of this list. Take it from pageInfo, and keep the same order.", field)
    return values[1:]
