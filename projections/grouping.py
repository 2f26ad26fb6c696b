"""Groups: any list counted and summed, as a whole, by its columns, or by the days and months of one of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity, bucket
from projections.lists import Lists, comparing
from projections.selecting import Clause, Condition, Operator, column_of, where_of
from projections.table import Table
from projections.view import Column, R, View

MAX_GROUPS = 1_000
MAX_GROUPED_BY = 5
MAX_AGGREGATES = 100

MEAN = Context(prec=28, rounding=ROUND_HALF_EVEN)
"""Sums are exact. A mean that does not come out even has this many digits."""
ADDED = ("bigint", "numeric", "double precision")
RANGED = (*ADDED, "timestamptz", "date")


class Function(StrEnum):
    """What is made of a group's values: those that are not known are left out, except by COUNT, which counts rows."""

    COUNT = "COUNT"
    COUNT_DISTINCT = "COUNT_DISTINCT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of a column; COUNT is of none."""

    function: Function
    column: str = ""


COUNT = Aggregate(Function.COUNT)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to group by: a column or, with a granularity, the buckets of one."""

    column: str
    granularity: Granularity | None = None
    zone: str = BUSINESS_ZONE


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """What groups are sorted by: one of their aggregates, or the part with this number. What is unknown comes last."""

    by: Aggregate | int
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its key, one value for each part, the first day where it is a bucket; and its aggregates."""

    key: tuple[Any, ...]
    values: Mapping[Aggregate, Any]


@dataclass(frozen=True, slots=True)
class Groups:
    """The first groups of an order. `more`: there are others. `position` is how far the log was folded in."""

    groups: list[Group]
    more: bool
    position: int


def aggregates_of(column: Column) -> tuple[Function, ...]:
    """What can be made of a column's values."""
    if column.is_json:
        return ()
    if column.sql_type not in RANGED:
        return (Function.COUNT_DISTINCT,)
    ranged = (Function.COUNT_DISTINCT, Function.MIN, Function.MAX)
    return (*ranged, Function.SUM, Function.AVG) if column.sql_type in ADDED else ranged


def grouped(
    lists: Lists,
    view: View[R],
    parts: Sequence[Part],
    aggregates: Collection[Aggregate] = (COUNT,),
    conditions: Sequence[Clause] = (),
    order: Sequence[GroupOrder] = (),
    *,
    first: int = MAX_GROUPS,
    as_of: AsOf = NOW,
    customer_id: UUID | None = None,
) -> Groups:
    """The groups of a list, sorted by their keys if nothing else is said. Raises `Refused` for what cannot be asked."""
    if not 0 < first <= MAX_GROUPS:
        raise Refused(f"Ask for 1 to {MAX_GROUPS} groups at a time.", "first")
    if len(parts) > MAX_GROUPED_BY:
        raise Refused(f"Group by at most {MAX_GROUPED_BY} things.", "groupBy")
    if customer_id is not None:
        conditions = [*conditions, Condition("customer_id", Operator.EQ, customer_id)]
    with lists.opened(view, as_of, None if customer_id is None else [customer_id]) as (db, table, position):
        query, parameters, wanted = _query(table, parts, aggregates, conditions, order)
        with comparing(), db.cursor(binary=True) as cursor:
            found = cursor.execute(query + sql.SQL(" limit %s"), [*parameters, first + 1]).fetchall()
    groups = [_group(row, len(parts), wanted) for row in found[:first]]
    return Groups(groups, len(found) > first, position)


def summary_of_each(
    lists: Lists,
    view: View[R],
    customer_ids: Sequence[UUID],
    aggregates: Collection[Aggregate] = (COUNT,),
    conditions: Sequence[Clause] = (),
    *,
    as_of: AsOf = NOW,
) -> dict[UUID, Group]:
    """The aggregates of each customer's rows, in one statement."""
    theirs = [*conditions, Condition("customer_id", Operator.IN, list(customer_ids))]
    with lists.opened(view, as_of, customer_ids) as (db, table, _):
        query, parameters, wanted = _query(table, [Part("customer_id")], aggregates, theirs, ())
        with comparing(), db.cursor(binary=True) as cursor:
            found = {row[0]: _group(row, 1, wanted) for row in cursor.execute(query, parameters)}
    nothing = _group([None] * 2 * (len(wanted) + 1), 1, wanted)
    return {key: found.get(key, nothing) for key in customer_ids}


def _query(
    table: Table[R],
    parts: Sequence[Part],
    aggregates: Collection[Aggregate],
    conditions: Sequence[Clause],
    order: Sequence[GroupOrder],
) -> tuple[sql.Composed, list[object], list[Aggregate]]:
    wanted = list(dict.fromkeys(aggregates))
    if len(wanted) > MAX_AGGREGATES:
        raise Refused(f"Ask for at most {MAX_AGGREGATES} aggregates.", "groupBy")
    keys, parameters = _keys(table, parts)
    where, values = where_of(table, conditions)
    numbers = sql.SQL(", ").join(sql.SQL(cast(Any, str(n + 1))) for n in range(len(parts)))
    query = sql.SQL("select {} from {} where {}").format(
        sql.SQL(", ").join([*keys, *(_shown(table, each) for each in wanted)]), table.identifier, where
    )
    if parts:
        query += sql.SQL(" group by {}").format(numbers)
    terms = [_term(table, each, len(parts)) for each in order]
    if parts:
        terms.append(numbers)
    if terms:
        query += sql.SQL(" order by ") + sql.SQL(", ").join(terms)
    return query, [*parameters, *values], wanted


def _keys(table: Table[R], parts: Sequence[Part]) -> tuple[list[sql.Composable], list[object]]:
    keys: list[sql.Composable] = []
    parameters: list[object] = []
    for part in parts:
        column = column_of(table, part.column, "groupBy")
        if column.is_json:
            raise Refused(f"{column.name} holds several values: a list is not grouped by it.", "groupBy")
        key: sql.Composable = sql.Identifier(column.name)
        if part.granularity is not None:
            key, zone = bucket(key, column.sql_type, part.granularity, part.zone)
            parameters += zone
        keys.append(key)
    return keys, parameters


def _shown(table: Table[R], aggregate: Aggregate) -> sql.Composable:
    """The aggregate in two columns: itself and, of a mean, by how many its sum is to be divided."""
    if aggregate.function is Function.AVG:
        name = _argument(table, aggregate)
        return sql.SQL("sum({0}), count({0})").format(name)
    return sql.SQL("{}, null::bigint").format(_made(table, aggregate))


def _made(table: Table[R], aggregate: Aggregate) -> sql.Composable:
    if aggregate.function is Function.COUNT:
        return sql.SQL("count(*)")
    form = {
        Function.COUNT_DISTINCT: "count(distinct {})",
        Function.SUM: "coalesce(sum({}), 0)",
        Function.AVG: "avg({})",
        Function.MIN: "min({})",
        Function.MAX: "max({})",
    }[aggregate.function]
    return sql.SQL(cast(Any, form)).format(_argument(table, aggregate))


def _argument(table: Table[R], aggregate: Aggregate) -> sql.Composable:
    column = column_of(table, aggregate.column, "groupBy")
    if aggregate.function not in aggregates_of(column):
        raise Refused(f"There is no {aggregate.function} of {column.name}.", "groupBy")
    return sql.Identifier(column.name)


def _term(table: Table[R], order: GroupOrder, parts: int) -> sql.Composable:
    if isinstance(order.by, int):
        if not 0 <= order.by < parts:
            raise Refused("Sort by one of the things that you group by.", "orderBy")
        by: sql.Composable = sql.SQL(cast(Any, str(order.by + 1)))
    else:
        by = _made(table, order.by)
    return sql.SQL("{} {} nulls last").format(by, sql.SQL("desc" if order.descending else "asc"))


def _group(row: Sequence[Any], parts: int, wanted: Sequence[Aggregate]) -> Group:
    values = {each: _value(each, *row[parts + 2 * n : parts + 2 * n + 2]) for n, each in enumerate(wanted)}
    return Group(tuple(row[:parts]), values)


def _value(aggregate: Aggregate, value: Any, count: int | None) -> Any:
    if aggregate.function is Function.AVG:
        if not count:
            return None
        return value / count if isinstance(value, float) else MEAN.divide(value, Decimal(count))
    if value is None and aggregate.function in (Function.COUNT, Function.COUNT_DISTINCT, Function.SUM):
        return 0
    return value
