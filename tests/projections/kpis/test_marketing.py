"""The KPIs of marketing, against a naive evaluation of the same events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.campaign_member import (
    CampaignAttributed,
    CampaignMessageDispatched,
    CampaignResponded,
    MemberHeldOut,
    MemberTargeted,
)
from domain.cost import CostRecorded
from domain.delivery import LinkClicked, MessageDelivered, MessageOpened, delivery_id
from domain.kernel import Refused
from domain.lifecycle import LifecycleStageChanged
from domain.order import OrderCancelled, OrderLinesCancelled, OrderPlaced
from eventstore.envelope import Happened
from eventstore.reader import AsOf
from projections.buckets import Granularity
from projections.company.acquisition import acquisition_costs
from projections.figures.counting import KpiDimension, KpiScope
from projections.figures.kpis import kpi
from projections.periods import CalendarPeriod
from tests.projections.kpis.story import FROM, Company, Naive, Quotient, before, differences, known, within
from tests.projections.kpis.story_marketing import CAMPAIGNS

Events = Sequence[Happened]
ACTIVE = {"CUSTOMER", "LOYAL", "AT_RISK", "WON_BACK"}


def response_rate(events: Events, period: CalendarPeriod) -> Quotient:
    arrived = {
        each.at.stream_id for each in events if isinstance(each.event, MessageDelivered | MessageOpened | LinkClicked)
    }
    responded = {
        each.at.stream_id
        for each in within(events, period, CampaignResponded)
        if isinstance(each.event, CampaignResponded) and each.event.within_window
    }
    sent = [
        (each.at.stream_id, each.event.message_id)
        for each in within(events, period, CampaignMessageDispatched)
        if isinstance(each.event, CampaignMessageDispatched)
    ]
    return len(responded), len({who for who, message in sent if message is None or delivery_id(message) in arrived})


def days_of(cost: CostRecorded, amount: Decimal) -> Iterator[tuple[date, Decimal]]:
    """Equal parts for each day, which add up."""
    days = (cost.period_to - cost.period_from).days + 1
    spent = Decimal(0)
    for n in range(1, days + 1):
        by_then = (amount * n / days).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        yield cost.period_from + timedelta(days=n - 1), by_then - spent
        spent = by_then


def costs(events: Events, period: CalendarPeriod) -> Iterator[tuple[CostRecorded, Decimal]]:
    """What was spent in a period: every word on a cost is the difference to the one before."""
    before: dict[UUID, Decimal] = defaultdict(Decimal)
    for event, at in sorted(events, key=lambda each: each.at.position):
        if isinstance(event, CostRecorded):
            change = event.amount.base - before[at.stream_id]
            before[at.stream_id] = event.amount.base
            for day, amount in days_of(event, change):
                if period.starts_on <= day <= period.ends_on:
                    yield event, amount


def roi(events: Events, period: CalendarPeriod) -> Quotient:
    orders = {each.at.stream_id: each for each in events if isinstance(each.event, OrderPlaced)}
    weights: dict[tuple[UUID, UUID | None], Decimal] = defaultdict(Decimal)
    margin = Decimal(0)
    for event, at in sorted(events, key=lambda each: each.at.position):
        if isinstance(event, CampaignAttributed) and event.order_id in orders:
            change = event.weight - weights[at.stream_id, event.order_id]
            weights[at.stream_id, event.order_id] = event.weight
            placed, order = orders[event.order_id]
            assert isinstance(placed, OrderPlaced)
            if period.starts_at <= max(at.occurred_at, order.occurred_at) < period.ends_at:
                cost = placed.total.like(placed.cost).base if placed.cost is not None else Decimal(0)
                margin += change * (placed.total.base - cost)
    spent = sum((amount for cost, amount in costs(events, period) if cost.campaign_id), Decimal(0))
    return margin - spent, spent


def uplift(events: Events, period: CalendarPeriod) -> Quotient:
    responded = {
        each.at.stream_id for each in events if isinstance(each.event, CampaignResponded) and each.event.within_window
    }
    targeted = [each.at.stream_id for each in within(events, period, MemberTargeted)]
    control = [each.at.stream_id for each in within(events, period, MemberHeldOut)]
    a, b = (sum(who in responded for who in group) for group in (targeted, control))
    return a * len(control) - b * len(targeted), len(targeted) * len(control)


def churn(events: Events, period: CalendarPeriod) -> Quotient:
    stages: dict[UUID | None, str] = {}
    for each in before(events, period.starts_at, LifecycleStageChanged):
        assert isinstance(each.event, LifecycleStageChanged)
        stages[each.at.customer_id] = each.event.stage
    churned = {
        each.at.customer_id
        for each in within(events, period, LifecycleStageChanged)
        if isinstance(each.event, LifecycleStageChanged) and each.event.stage == "CHURNED"
    }
    return len(churned), sum(stage in ACTIVE for stage in stages.values())


NAIVE: dict[str, Naive] = {
    "campaign_response_rate": response_rate,
    "campaign_roi": roi,
    "campaign_uplift": uplift,
    "churn_rate": churn,
}


@pytest.mark.parametrize("key", NAIVE)
def test_a_figure_is_what_the_events_say(company: Company, key: str) -> None:
    for granularity in (Granularity.WEEK, Granularity.MONTH):
        assert differences(company, company.series(key, granularity), NAIVE[key]) == []


def test_one_campaign_is_told_from_the_other(company: Company) -> None:
    spring = KpiScope(dimension=KpiDimension.CAMPAIGN, value=str(CAMPAIGNS[0]))
    streams = {
        each.at.stream_id
        for each in company.events
        if isinstance(each.event, CostRecorded | MemberTargeted | MemberHeldOut)
        and each.event.campaign_id == CAMPAIGNS[1]
    }
    only = [each for each in company.events if each.at.stream_id not in streams]
    for key in ("campaign_response_rate", "campaign_roi", "campaign_uplift"):
        series = company.series(key, scope=[spring])
        assert differences(replace(company, events=only), series, NAIVE[key]) == []


PARTS = {
    "cac": ("acquisition_cost", "new_customers"),
    "cost_per_case": ("service_cost", "cases"),
    "cost_to_serve": ("service_cost", "served_customers"),
}


@pytest.mark.parametrize("key", PARTS)
def test_what_customers_cost_is_what_the_books_say_as_of_the_end_of_the_period(company: Company, key: str) -> None:
    numerator, denominator = PARTS[key]
    series = company.series(key, Granularity.QUARTER)
    for point in series.points:
        days = (point.starts_on, point.ends_on)
        for figure, as_of in ((point.restated, AsOf()), (point.reported, AsOf(time=point.ends_at))):
            (booked,) = acquisition_costs(company.lists, *days, currency="EUR", as_of=as_of)
            assert (figure.numerator, figure.denominator) == (getattr(booked, numerator), getattr(booked, denominator))
    assert series.points[0].reported != series.points[0].restated


def test_winning_a_customer_is_compared_to_keeping_one(company: Company) -> None:
    (point,) = company.series("retention_cost_ratio", Granularity.YEAR).points
    (booked,) = acquisition_costs(company.lists, point.starts_on, point.ends_on, currency="EUR")
    assert point.restated.numerator == booked.acquisition_cost * booked.retained_customers
    assert point.restated.denominator == booked.new_customers * booked.retention_cost


def test_the_value_of_customers_is_that_of_all_who_had_ordered_by_then(company: Company) -> None:
    series = company.series("clv", Granularity.QUARTER)
    for point in series.points:
        for figure, known_by in ((point.restated, None), (point.reported, point.ends_at)):
            assert figure.denominator == buyers(company, point.ends_at, known_by)
    assert series.points[0].restated.numerator > 0
    assert series.points[0].reported != series.points[0].restated


def buyers(company: Company, moment: datetime, known_by: datetime | None) -> int:
    """Who had an order then that had not been called off."""
    found = before(company.events, moment, OrderPlaced, OrderCancelled, OrderLinesCancelled)
    counted = [each for each in found if known_by is None or known(each.at) <= known_by]
    off = {
        each.at.stream_id
        for each in counted
        if isinstance(each.event, OrderCancelled)
        or (isinstance(each.event, OrderLinesCancelled) and each.event.nothing_left)
    }
    return len({each.at.customer_id for each in counted if each.at.stream_id not in off})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("clv", {"granularity": Granularity.WEEK}, "That is more than 13 periods. Ask for longer ones, or for less time."),
    ("cac", {"granularity": Granularity.DAY}, "That is more than 60 periods. Ask for longer ones, or for less time."),
    (
        "cac", {"scope": [KpiScope(dimension=KpiDimension.REP, value="ana")]},
        "This figure is one of the whole company: leave the scope out.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "asked", "sentence"), REFUSED)
def test_what_takes_too_long_is_refused(company: Company, key: str, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        kpi(company.lists, key, FROM, date(2025, 6, 30), **asked)
    assert refused.value.reason == sentence
