"""RFM: how recently, how often and for how much customers bought, in a hundred profiles of five by five by four.

A. M. Hughes, "Strategic Database Marketing" (1994). Recency is the moment of the last order and frequency the number of
orders, each in quintiles; money is what was spent, returns taken off, in quarters. Quantiles are those of SQL's `ntile`:
the customers in order, in parts of which the first are larger by one if they do not come out even. Customers who are equal
are never parted: they all have the score of the first of them. So a score is 1 to 5, or 4, and the best is the highest.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

from psycopg import sql

from projections.lists import Lists
from projections.moments import Then
from projections.remembered import EDGES_SHARE, remembered
from projections.selling import orders
from projections.value.buyers import Look, buyers, currency_of

QUINTILES = 5
QUARTERS = 4
PERCENT = 100


class RfmSegment(StrEnum):
    """What is done about customers, by how recently and how often they bought."""

    CHAMPIONS = "CHAMPIONS"
    LOYAL = "LOYAL"
    POTENTIALLY_LOYAL = "POTENTIALLY_LOYAL"
    NEW = "NEW"
    PROMISING = "PROMISING"
    NEEDING_ATTENTION = "NEEDING_ATTENTION"
    ABOUT_TO_SLEEP = "ABOUT_TO_SLEEP"
    AT_RISK = "AT_RISK"
    NOT_TO_LOSE = "NOT_TO_LOSE"
    HIBERNATING = "HIBERNATING"


SEGMENTS: dict[RfmSegment, tuple[tuple[int, int], tuple[int, int]]] = {
    RfmSegment.CHAMPIONS: ((5, 5), (4, 5)),
    RfmSegment.LOYAL: ((3, 4), (4, 5)),
    RfmSegment.POTENTIALLY_LOYAL: ((4, 5), (2, 3)),
    RfmSegment.NEW: ((5, 5), (1, 1)),
    RfmSegment.PROMISING: ((4, 4), (1, 1)),
    RfmSegment.NEEDING_ATTENTION: ((3, 3), (3, 3)),
    RfmSegment.ABOUT_TO_SLEEP: ((3, 3), (1, 2)),
    RfmSegment.AT_RISK: ((1, 2), (3, 4)),
    RfmSegment.NOT_TO_LOSE: ((1, 2), (5, 5)),
    RfmSegment.HIBERNATING: ((1, 2), (1, 2)),
}
"""From which to which score of recency, and of frequency: together every score there is, and none twice."""


@dataclass(frozen=True, slots=True)
class RfmCell:
    """The scores of a customer, the best being the highest; `profile` has them one after the other, as 543."""

    recency: int
    frequency: int
    money: int
    profile: str
    segment: RfmSegment


@dataclass(frozen=True, slots=True)
class RfmEdges:
    """Where scores begin: the least value that has a score of 2, of 3 and so on, empty where nobody has it.

    `percentiles` are what one, two, ... 99 percent of the customers spent at most.
    """

    recency: tuple[datetime | None, ...]
    frequency: tuple[int | None, ...]
    money: tuple[Decimal | None, ...]
    percentiles: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class RfmProfile:
    """The customers who have the same scores."""

    cell: RfmCell
    customers: int
    orders: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class RfmSegmentCount:
    """The customers of a segment, and their part of all customers and of all revenue, in percent."""

    segment: RfmSegment
    customers: int
    orders: int
    revenue: Decimal
    share_of_customers: Decimal
    share_of_revenue: Decimal


@dataclass(frozen=True, slots=True)
class Rfm:
    """All customers who ordered, by profile and by segment, in the base currency."""

    customers: int
    revenue: Decimal
    currency: str | None
    edges: RfmEdges
    profiles: list[RfmProfile]
    segments: list[RfmSegmentCount]
    position: int


def cell_of(recency: int, frequency: int, money: int) -> RfmCell:
    """The cell of three scores."""
    segment = next(
        name
        for name, ((lowest, highest), (fewest, most)) in SEGMENTS.items()
        if lowest <= recency <= highest and fewest <= frequency <= most
    )
    return RfmCell(recency, frequency, money, f"{recency}{frequency}{money}", segment)


def rfm(lists: Lists, look: Look) -> Rfm:
    """Everybody's scores, computed anew whenever the sales have gone on."""
    return remembered(lists, orders.view, ("rfm", _fixed(look)), partial(_computed, lists, look))


def lately(lists: Lists, look: Look) -> Rfm:
    """The scores of a little while ago, which do to place one customer among the others."""
    if isinstance(look.as_of, Then):  # those that were shown then
        return _computed(lists, replace(look, as_of=look.as_of.compared or look.as_of))
    return remembered(lists, orders.view, ("rfm", _fixed(look)), partial(_computed, lists, look), share=EDGES_SHARE)


def placed(edges: RfmEdges, last_at: datetime, orders: int, spent: Decimal) -> RfmCell:
    """The cell of one customer by the edges of all."""
    return cell_of(_score(edges.recency, last_at), _score(edges.frequency, orders), _score(edges.money, spent))


def top_share(edges: RfmEdges, spent: Decimal) -> int:
    """Among which share of the customers, in whole percent, this one is by what was spent: 1 is the top percent."""
    return PERCENT - bisect_right(edges.percentiles, spent)


def share_from_top(at_most: int, customers: int) -> int:
    """The same, where `at_most` of all the `customers`, this one among them, spent as much as this one or less."""
    return PERCENT - min(PERCENT - 1, PERCENT * at_most // customers)


def _fixed(look: Look) -> tuple[Any, ...]:
    return (look.as_of, look.currency)


def _score(edges: Sequence[Any], value: Any) -> int:
    return 1 + sum(1 for edge in edges if edge is not None and value >= edge)


def _computed(lists: Lists, look: Look) -> Rfm:
    reader = lists.log.reader
    with lists.reading(orders.view) as (db, position):
        currency = currency_of(db, reader, look)
        rows = db.execute(
            buyers(reader, look, currency)
            + sql.SQL(
                ", parted as ("
                "  select *, ntile({five}) over (order by last_at) as last_part,"
                "         ntile({five}) over (order by orders) as orders_part,"
                "         ntile({four}) over (order by spent) as spent_part from buyers"
                "), scored as ("
                "  select *, min(last_part) over (partition by last_at) as r,"
                "         min(orders_part) over (partition by orders) as f,"
                "         min(spent_part) over (partition by spent) as m from parted"
                ") "
                "select r, f, m, count(*), sum(orders)::bigint, sum(spent), min(last_at), min(orders), min(spent),"
                "       (select percentile_disc({shares}) within group (order by spent) from buyers)"
                "  from scored group by r, f, m order by r desc, f desc, m desc"
            ).format(
                five=sql.Literal(QUINTILES),
                four=sql.Literal(QUARTERS),
                shares=sql.Literal([n / PERCENT for n in range(1, PERCENT)]),
            )
        ).fetchall()

    def edges(score: int, least: int, parts: int) -> tuple[Any, ...]:
        return tuple(
            min((row[least] for row in rows if row[score] >= part), default=None) for part in range(2, parts + 1)
        )

    profiles = [RfmProfile(cell_of(r, f, m), count, ordered, spent) for r, f, m, count, ordered, spent, *_ in rows]
    customers, revenue = sum(each.customers for each in profiles), sum((each.revenue for each in profiles), Decimal(0))
    return Rfm(
        customers,
        revenue,
        currency,
        RfmEdges(
            edges(0, 6, QUINTILES), edges(1, 7, QUINTILES), edges(2, 8, QUARTERS), tuple(rows[0][9]) if rows else ()
        ),
        profiles,
        [_counted(segment, profiles, customers, revenue) for segment in RfmSegment],
        position,
    )


def _counted(segment: RfmSegment, profiles: Sequence[RfmProfile], customers: int, revenue: Decimal) -> RfmSegmentCount:
    ours = [each for each in profiles if each.cell.segment is segment]
    count, spent = sum(each.customers for each in ours), sum((each.revenue for each in ours), Decimal(0))
    return RfmSegmentCount(
        segment,
        count,
        sum(each.orders for each in ours),
        spent,
        percent(Decimal(count), Decimal(customers)),
        percent(spent, revenue),
    )


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """So many percent, to four places; 0 of nothing."""
    return (part * 100 / whole).quantize(Decimal("0.0001")) if whole else Decimal(0)
