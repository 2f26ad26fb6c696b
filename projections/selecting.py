"""What a question becomes in SQL: conditions, an order, and cursors that belong to it."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import orjson
from psycopg import sql

from domain.kernel import Refused
from projections.table import Table
from projections.view import Column, R

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
class Term:
    """What is sorted by: an expression, its direction, and its type for the cursor's values."""

    name: str
    expression: sql.Composable
    descending: bool
    sql_type: str


def _column(table: Table[R], name: str, field: str) -> Column:
    for column in table.columns:
        if column.name == name:
            return column
    raise Refused(f"There is no {name} in {table.view.name}.", field)


def terms_of(table: Table[R], order: Sequence[Order]) -> list[Term]:
    terms: list[Term] = []
    keyed = [Order(name) for name in table.key if name not in {part.column for part in order}]
    for part in (*order, *keyed):
        column = _column(table, part.column, "orderBy")
        name = sql.Identifier(column.name)
        if column.nullable:
            terms.append(Term(f"{column.name}?", sql.SQL("({} is null)").format(name), False, "boolean"))
        terms.append(Term(column.name, name, part.descending, column.sql_type))
    return terms


def after_cursor(terms: Sequence[Term], values: Sequence[str | None]) -> tuple[sql.Composable, list[object]]:
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


def cursor_of(values: Sequence[str | None], terms: Sequence[Term]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_signature(terms), *values])).decode().rstrip("=")


def _signature(terms: Sequence[Term]) -> str:
    """What a list is sorted by, so that a cursor of another order is told from one of this."""
    return ",".join(f"{term.name}{'-' if term.descending else '+'}" for term in terms)


def read_cursor(cursor: str, terms: Sequence[Term]) -> list[str | None]:
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


def where_of(table: Table[R], conditions: Sequence[Condition]) -> tuple[sql.Composable, list[object]]:
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
