"""Lists as somebody with a pencil makes them: filtered, sorted and grouped in plain Python."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cmp_to_key
from typing import Any
from zoneinfo import ZoneInfo

from domain.values import EXACT
from projections.buckets import Granularity
from projections.grouping import MEAN, Aggregate, Function, Part
from projections.selecting import AllOf, AnyOf, Clause, Condition, Not, Operator, Order


def holds(clause: Clause, row: Any) -> bool:
    """Whether a row fulfils a condition."""
    match clause:
        case AllOf(parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(holds(part, row) for part in parts)
        case Not(part):
            return not holds(part, row)
        case Condition(column, operator, wanted):
            return compares(getattr(row, column), operator, wanted)


def compares(value: Any, operator: Operator, wanted: Any) -> bool:
    """Whether a value compares; what is not known compares with nothing, and differs from everything."""
    if operator is Operator.IS_NULL:
        return (value is None) is wanted
    if operator is Operator.NE:
        return bool(value != wanted)
    if value is None:
        return False
    match operator:
        case Operator.EQ:
            return bool(value == wanted)
        case Operator.IN:
            return any(each in value for each in wanted) if isinstance(value, tuple) else value in wanted
        case Operator.LT:
            return bool(value < wanted)
        case Operator.LE:
            return bool(value <= wanted)
        case Operator.GT:
            return bool(value > wanted)
        case Operator.GE:
            return bool(value >= wanted)
        case Operator.CONTAINS:
            return wanted in value if isinstance(value, tuple) else wanted.lower() in value.lower()
        case _:
            return bool(value.lower().startswith(wanted.lower()))


def in_order(rows: Iterable[Any], order: Sequence[Order], key: Sequence[str]) -> list[Any]:
    """The rows sorted, those of which a value is not known last, the key deciding between equals."""
    terms = [*order, *(Order(name) for name in key if name not in {part.column for part in order})]

    def compare(one: Any, other: Any) -> int:
        for term in terms:
            a, b = getattr(one, term.column), getattr(other, term.column)
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return (1 if a > b else -1) * (-1 if term.descending else 1)
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def key_of(row: Any, part: Part) -> Any:
    """What a row is grouped by."""
    value = getattr(row, part.column)
    if value is None or part.granularity is None:
        return value
    day = value.astimezone(ZoneInfo(part.zone)).date() if isinstance(value, datetime) else value
    return first_day(day, part.granularity)


def first_day(day: date, granularity: Granularity) -> date:
    """The first day of the bucket in which a day is."""
    match granularity:
        case Granularity.DAY:
            return day
        case Granularity.WEEK:
            return day - timedelta(days=day.weekday())
        case Granularity.MONTH:
            return day.replace(day=1)
        case Granularity.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Granularity.YEAR:
            return day.replace(month=1, day=1)


def made(aggregate: Aggregate, rows: Sequence[Any]) -> Any:
    """An aggregate of rows."""
    if aggregate.function is Function.COUNT:
        return len(rows)
    values = [value for row in rows if (value := getattr(row, aggregate.column)) is not None]
    match aggregate.function:
        case Function.COUNT_DISTINCT:
            return len(set(values))
        case Function.SUM:
            return added(values)
        case Function.AVG:
            return MEAN.divide(added(values), Decimal(len(values))) if values else None
        case Function.MIN:
            return min(values, default=None)
        case _:
            return max(values, default=None)


def added(values: Iterable[Any]) -> Decimal:
    """A sum, exact."""
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, Decimal(value))
    return total


def groups(rows: Iterable[Any], parts: Sequence[Part], aggregates: Sequence[Aggregate]) -> list[tuple[Any, Any]]:
    """The key of each group with its aggregates, by key."""
    found: dict[tuple[Any, ...], list[Any]] = {} if parts else {(): []}
    for row in rows:
        found.setdefault(tuple(key_of(row, part) for part in parts), []).append(row)
    unknown_last = [(tuple((value is None, 0 if value is None else value) for value in key), key) for key in found]
    return [
        (key, {each: made(each, found[key]) for each in aggregates})
        for _, key in sorted(unknown_last, key=lambda pair: _sortable(pair[0]))
    ]


def _sortable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((unknown, "" if unknown else _text(value)) for unknown, value in key)


def _text(value: Any) -> Any:
    """A value that compares with others of its column, whatever stands for one that is not known."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) - datetime(1, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
    return value
