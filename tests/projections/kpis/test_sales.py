"""The KPIs of sales, against a naive evaluation of the same events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

import pytest

from domain.order import (
    GoodsReturned,
    LinesReturned,
    OrderCancelled,
    OrderLinesCancelled,
    OrderPlaced,
    SalesChannel,
)
from eventstore.envelope import Happened
from projections.buckets import Granularity
from projections.periods import CalendarPeriod
from tests.projections.kpis.story import Company, Naive, Quotient, before, differences, within

GIVEN_BACK = (OrderCancelled, OrderLinesCancelled, LinesReturned, GoodsReturned)
Events = Sequence[Happened]


def placed(events: Events, period: CalendarPeriod) -> list[OrderPlaced]:
    return [each.event for each in within(events, period, OrderPlaced) if isinstance(each.event, OrderPlaced)]


def given_back(events: Events, period: CalendarPeriod) -> Iterator[tuple[Happened, Decimal]]:
    for each in within(events, period, *GIVEN_BACK):
        yield each, each.event.value.base  # type: ignore[attr-defined]  # each of them has one


def gross(events: Events, period: CalendarPeriod) -> Decimal:
    return sum((order.total.base for order in placed(events, period)), Decimal(0))


def net(events: Events, period: CalendarPeriod) -> Decimal:
    return gross(events, period) - sum((value for _, value in given_back(events, period)), Decimal(0))


def buyers(events: Events, period: CalendarPeriod) -> int:
    return len({each.at.customer_id for each in within(events, period, OrderPlaced)})


def new_customers(events: Events, period: CalendarPeriod) -> Quotient:
    old = {each.at.customer_id for each in before(events, period.starts_at, OrderPlaced)}
    now = {each.at.customer_id for each in before(events, period.ends_at, OrderPlaced)}
    return len(now - old), None


def per_rep(events: Events, period: CalendarPeriod) -> Quotient:
    reps = {each.at.stream_id: each.event.rep for each in events if isinstance(each.event, OrderPlaced)}
    revenue = sum((order.total.base for order in placed(events, period) if order.rep), Decimal(0))
    back = sum((value for each, value in given_back(events, period) if reps.get(each.at.stream_id)), Decimal(0))
    return revenue - back, len({order.rep for order in placed(events, period) if order.rep})


def online(events: Events, period: CalendarPeriod) -> Quotient:
    web = [order.total.base for order in placed(events, period) if order.channel == SalesChannel.WEB]
    return sum(web, Decimal(0)), gross(events, period)


def pareto(events: Events, period: CalendarPeriod) -> Quotient:
    spent: dict[UUID | None, Decimal] = defaultdict(Decimal)
    for each in within(events, period, OrderPlaced):
        assert isinstance(each.event, OrderPlaced)
        spent[each.at.customer_id] += each.event.total.base
    best = int((len(spent) * Decimal("0.2")).to_integral_value(ROUND_CEILING))
    return sum(sorted(spent.values(), reverse=True)[:best], Decimal(0)), gross(events, period)


NAIVE: dict[str, Naive] = {
    "revenue": lambda events, period: (net(events, period), None),
    "gross_revenue": lambda events, period: (gross(events, period), None),
    "orders": lambda events, period: (len(placed(events, period)), None),
    "customers": lambda events, period: (buyers(events, period), None),
    "new_customers": new_customers,
    "avg_order_value": lambda events, period: (gross(events, period), len(placed(events, period))),
    "revenue_per_customer": lambda events, period: (net(events, period), buyers(events, period)),
    "revenue_per_rep": per_rep,
    "online_sales_share": online,
    "pareto_share": pareto,
}


@pytest.mark.parametrize("key", NAIVE)
def test_a_figure_is_what_the_events_say(company: Company, key: str) -> None:
    for granularity in Granularity:
        assert differences(company, company.series(key, granularity), NAIVE[key]) == []
