"""What must hold of a row, however nested, and by what a list is sorted: a question's conditions in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never, cast

from psycopg import sql

from domain.kernel import Refused
from projections.table import Table
from projections.view import Column, R

MAX_CONDITIONS = 50
MAX_VALUES = 1_000
MAX_NESTED = 8
"""How deep conditions may be within one another."""


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
class AllOf:
    """Holds if each of these does: also if there are none."""

    parts: "Sequence[Clause]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds if one of these does: never, if there are none."""

    parts: "Sequence[Clause]"


@dataclass(frozen=True, slots=True)
class Not:
    """Holds if this does not. A comparison with what is not known does not hold, so its contrary does."""

    part: "Clause"


Clause = Condition | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by. What is unknown comes last either way."""

    column: str
    descending: bool = False


def column_of(table: Table[R], name: str, field: str) -> Column:
    """A column by its name. Raises `Refused` if there is none."""
    for column in table.columns:
        if column.name == name:
            return column
    raise Refused(f"There is no {name} in {table.view.name}.", field)


_COMPARISONS = {
    Operator.EQ: "{} = %s",
    Operator.NE: "{} is distinct from %s",
    Operator.LT: "{} < %s",
    Operator.LE: "{} <= %s",
    Operator.GT: "{} > %s",
    Operator.GE: "{} >= %s",
    Operator.IN: "{} = any(%s)",
}


def where_of(table: Table[R], clauses: Sequence[Clause]) -> tuple[sql.Composable, list[object]]:
    """The condition under which all of these hold, and its parameters. Raises `Refused` for what cannot be compared."""
    if sum(map(_size, clauses)) > MAX_CONDITIONS:
        raise Refused(f"{MAX_CONDITIONS} conditions are the limit.", "filter")
    if max(map(_depth, clauses), default=0) > MAX_NESTED:
        raise Refused(f"Conditions may be {MAX_NESTED} deep within one another.", "filter")
    return _clause(table, AllOf(clauses))


def _size(clause: Clause) -> int:
    match clause:
        case AllOf(parts) | AnyOf(parts):
            return 1 + sum(map(_size, parts))
        case Not(part):
            return 1 + _size(part)
        case _:
            return 1


def _depth(clause: Clause) -> int:
    match clause:
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(_depth, parts), default=0)
        case Not(part):
            return 1 + _depth(part)
        case _:
            return 0


def _clause(table: Table[R], clause: Clause) -> tuple[sql.Composable, list[object]]:
    match clause:
        case Condition():
            return _comparison(table, clause)
        case Not(part):
            made, parameters = _clause(table, part)
            return sql.SQL("(({}) is not true)").format(made), parameters
        case AllOf(parts):
            nothing, between = "true", " and "
        case AnyOf(parts):
            nothing, between = "false", " or "
        case _:
            assert_never(clause)
    made_of = [_clause(table, part) for part in parts]
    if not made_of:
        return sql.SQL(cast(Any, nothing)), []
    return (
        sql.SQL("({})").format(sql.SQL(cast(Any, between)).join(made for made, _ in made_of)),
        [value for _, values in made_of for value in values],
    )


def _comparison(table: Table[R], condition: Condition) -> tuple[sql.Composable, list[object]]:
    column, operator, value = column_of(table, condition.column, "filter"), condition.operator, condition.value
    name = sql.Identifier(column.name)
    if operator is Operator.IS_NULL:
        return sql.SQL("{} is {} null").format(name, sql.SQL("" if value else "not")), []
    if operator is Operator.IN and len(value) > MAX_VALUES:
        raise Refused(f"{MAX_VALUES} values are the limit.", "filter")
    if column.is_json:
        if operator not in (Operator.CONTAINS, Operator.IN):
            raise Refused(f"{column.name} is a list: ask whether it contains something.", "filter")
        return sql.SQL("{} ?| %s::text[]").format(name), [list(value) if operator is Operator.IN else [value]]
    if operator in (Operator.CONTAINS, Operator.STARTS_WITH):
        pattern = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        wanted = f"%{pattern}%" if operator is Operator.CONTAINS else f"{pattern}%"
        return sql.SQL("{} ilike %s").format(name), [wanted]
    return sql.SQL(cast(Any, _COMPARISONS[operator])).format(name), [value]
