"""What facts must fulfil to be counted in a cube: comparisons in the words of Cube, joined by and and or."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from psycopg import sql

from domain.kernel import MAX_TEXT, Refused
from eventstore.commands import identify
from projections.figures.cube import Dimension
from projections.periods import DAY, EARLIEST, LATEST, midnight
from projections.view import Column

MAX_FILTERS = 50
MAX_FILTER_DEPTH = 5
MAX_FILTER_VALUES = 1_000
INSTANT = timedelta(microseconds=1)

Made = tuple[sql.Composable, list[object]]
"""A condition in SQL with its parameters."""


class CubeOperator(StrEnum):
    """How a member is compared, in the words of Cube. Of several values one must fit."""

    EQUALS = "equals"
    NOT_EQUALS = "notEquals"
    CONTAINS = "contains"
    NOT_CONTAINS = "notContains"
    STARTS_WITH = "startsWith"
    ENDS_WITH = "endsWith"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    SET = "set"
    NOT_SET = "notSet"
    IN_DATE_RANGE = "inDateRange"
    NOT_IN_DATE_RANGE = "notInDateRange"
    BEFORE_DATE = "beforeDate"
    BEFORE_OR_ON_DATE = "beforeOrOnDate"
    AFTER_DATE = "afterDate"
    AFTER_OR_ON_DATE = "afterOrOnDate"


O = CubeOperator  # noqa: E741  # the operators are named often below
NEGATED = {O.NOT_EQUALS: O.EQUALS, O.NOT_CONTAINS: O.CONTAINS, O.NOT_IN_DATE_RANGE: O.IN_DATE_RANGE}
LIKE = {O.CONTAINS: "%{}%", O.STARTS_WITH: "{}%", O.ENDS_WITH: "%{}"}
COMPARED = {O.GT: ">", O.GTE: ">=", O.LT: "<", O.LTE: "<="}
EDGES = {O.BEFORE_DATE: "< {0}", O.BEFORE_OR_ON_DATE: "< {1}", O.AFTER_DATE: ">= {1}", O.AFTER_OR_ON_DATE: ">= {0}"}
"""A day begins at its first value and ends before its second."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A member compared with values, which are written as texts."""

    member: str
    operator: CubeOperator
    values: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Comparisons of which one must hold or, with `every`, each."""

    parts: "Sequence[CubeFilter]"
    every: bool = False


CubeFilter = Comparison | Joined


def size(filters: Sequence[CubeFilter], depth: int = 0) -> int:
    """How many comparisons there are. Raises `Refused` if they are nested too deeply."""
    if depth > MAX_FILTER_DEPTH:
        raise Refused(f"Filters may be {MAX_FILTER_DEPTH} deep within one another.", "filters")
    return sum(size(each.parts, depth + 1) if isinstance(each, Joined) else 1 for each in filters)


def of_dimension(dimension: Dimension, expression: sql.Composable, asked: Comparison, zone: str) -> Made:
    """The condition that a comparison of a dimension is. Raises `Refused` for what cannot be compared."""
    operator, column, path = asked.operator, dimension.column, f"filters.{asked.member}"
    if operator in NEGATED:
        condition, parameters = of_dimension(
            dimension, expression, Comparison(asked.member, NEGATED[operator], asked.values), zone
        )
        return sql.SQL("({}) is not true").format(condition), parameters
    if operator in (O.SET, O.NOT_SET):
        return sql.SQL("{} is {} null").format(expression, sql.SQL("not" if operator is O.SET else "")), []
    _must_have_values(asked, path)
    if operator in LIKE:
        if column.sql_type != "text":
            raise Refused(f"{asked.member} is not a text.", path)
        return sql.SQL("{} ilike any(%s)").format(expression), [
            [LIKE[operator].format(_escaped(value)) for value in asked.values]
        ]
    if dimension.type == "time":
        return _of_time(column, expression, asked, zone, path)
    if operator is O.EQUALS:
        kind = sql.SQL(cast(Any, column.sql_type))
        values = [_value(column, value, path) for value in asked.values]
        return sql.SQL("{} = any(%s::{}[])").format(expression, kind), [values]
    if operator in COMPARED and dimension.type == "number":
        return sql.SQL("{} {} %s").format(expression, sql.SQL(cast(Any, COMPARED[operator]))), [
            _value(column, _one(asked, path), path)
        ]
    raise Refused(f"{asked.member} cannot be asked by {operator}.", path)


def of_measure(expression: sql.Composable, asked: Comparison) -> Made:
    """The condition on a group that a comparison of a measure is. Raises `Refused` for what cannot be compared."""
    operator, path = asked.operator, f"filters.{asked.member}"
    if operator in (O.SET, O.NOT_SET):
        return sql.SQL("{} is {} null").format(expression, sql.SQL("not" if operator is O.SET else "")), []
    _must_have_values(asked, path)
    if operator in COMPARED:
        condition = sql.SQL("{} {} %s").format(expression, sql.SQL(cast(Any, COMPARED[operator])))
        return condition, [number(_one(asked, path), path)]
    if operator in (O.EQUALS, O.NOT_EQUALS):
        condition = sql.SQL("{} = any(%s::numeric[])").format(expression)
        values: list[object] = [[number(value, path) for value in asked.values]]
        return (condition if operator is O.EQUALS else sql.SQL("({}) is not true").format(condition)), values
    raise Refused(f"{asked.member} is a number: it cannot be asked by {operator}.", path)


def within(column: Column, expression: sql.Composable, from_: date, to: date, zone: str) -> Made:
    """The condition that something falls on one of these days, both included."""
    start, _ = _day(column, from_.isoformat(), zone, "dateRange")
    _, end = _day(column, to.isoformat(), zone, "dateRange")
    return sql.SQL("{0} >= %s and {0} < %s").format(expression), [start, end]


def _of_time(column: Column, expression: sql.Composable, asked: Comparison, zone: str, path: str) -> Made:
    if asked.operator is O.IN_DATE_RANGE:
        if len(asked.values) != 2:
            raise Refused("A range of dates has two: the first and the last.", path)
        (start, _), (_, end) = (_day(column, value, zone, path) for value in asked.values)
        return sql.SQL("{0} >= %s and {0} < %s").format(expression), [start, end]
    if asked.operator is O.EQUALS:
        days = [_day(column, value, zone, path) for value in asked.values]
        either = sql.SQL(" or ").join(sql.SQL("({0} >= %s and {0} < %s)").format(expression) for _ in days)
        return sql.SQL("({})").format(either), [edge for day in days for edge in day]
    if asked.operator in EDGES:
        edges = _day(column, _one(asked, path), zone, path)
        form = EDGES[asked.operator]
        sign, _, which = form.partition(" ")
        return sql.SQL("{} {} %s").format(expression, sql.SQL(cast(Any, sign))), [edges["1" in which]]
    raise Refused(f"{asked.member} is a time: it cannot be asked by {asked.operator}.", path)


def _day(column: Column, text: str, zone: str, path: str) -> tuple[object, object]:
    """Where a day of the zone, or a moment, begins and ends."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _moment(column, text, path)
    must_be_near(day, path)
    if column.inner is date:
        return day, day + DAY
    return midnight(day, zone), midnight(day + DAY, zone)


def must_be_near(day: date, path: str) -> None:
    """Refused if a day is farther away than any that can be asked."""
    if not EARLIEST <= day <= LATEST:
        raise Refused(f"Days from {EARLIEST} to {LATEST} can be asked.", path)


def _moment(column: Column, text: str, path: str) -> tuple[object, object]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or column.inner is date or not EARLIEST <= moment.date() <= LATEST:
        raise Refused("A day is written as 2026-01-31, and a moment with its zone as 2026-01-31T18:00:00+01:00.", path)
    return moment, moment + INSTANT


def _value(column: Column, text: str, path: str) -> object:
    """A value as the column holds it."""
    if column.inner is UUID:
        return identify(column.name.removesuffix("_id"), text, path)
    if column.inner is bool:
        if text not in ("true", "false"):
            raise Refused("This is true or false.", path)
        return text == "true"
    if column.sql_type in ("bigint", "numeric", "double precision"):
        return number(text, path)
    return text


def parsed(column: Column, value: Any, path: str, *, day: bool = False) -> object:
    """A value as an answer shows it, or the first day of a bucket. Raises `Refused` if it cannot be one."""
    if value is None:
        return None
    if isinstance(value, bool):
        value = str(value).lower()
    text = str(value)
    _must_be_text(text, path)
    try:
        if day or column.inner is date:
            return date.fromisoformat(text)
        if column.inner is datetime:
            return datetime.fromisoformat(text)
    except ValueError:
        raise Refused("This is no such value. Take it from a row of the answer.", path) from None
    return _value(column, text, path)


def number(text: str, path: str) -> Decimal:
    """A number that was written as a text. Raises `Refused` if it is none."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or abs(found.adjusted()) > 30:
        raise Refused("This is no number that could be compared.", path)
    return found


def _must_have_values(asked: Comparison, path: str) -> None:
    if not asked.values:
        raise Refused(f"{asked.operator} needs a value.", path)
    if len(asked.values) > MAX_FILTER_VALUES:
        raise Refused(f"{MAX_FILTER_VALUES} values are the limit.", path)
    for value in asked.values:
        _must_be_text(value, path)


def _must_be_text(value: str, path: str) -> None:
    if len(value) > MAX_TEXT or "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise Refused("This holds a character that no text has, or too many of them.", path)


def _one(asked: Comparison, path: str) -> str:
    if len(asked.values) != 1:
        raise Refused(f"{asked.operator} takes one value.", path)
    return asked.values[0]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
