"""What it costs to win, to keep and to serve customers is what the events say."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from domain.kernel import Refused
from eventstore.reader import AsOf
from projections.buckets import Granularity
from projections.company.acquisition import acquisition_costs
from projections.company.profitability import profitability
from projections.figures.kpis import kpi
from projections.lists import Lists
from tests.conftest import House
from tests.projections.naive_control import Books, Sharing, books
from tests.projections.story_control import START, tell_control
from tests.projections.test_profitability import folded

SIX = Decimal("0.000001")


@pytest.fixture
def lists(house: House) -> Lists:
    tell_control(house.log)
    return folded(house)


def naive(found: Books, starts_on: date, ends_on: date) -> tuple[object, ...]:
    sharing = Sharing(found, "stage", starts_on, ends_on)
    start, end = sharing.start, sharing.end
    new = {who for who, first in found.first_order.items() if start <= first < end}
    bought = {thing.customer for thing in sharing.things if thing.placed}
    retained = {who for who in bought if who is not None and found.first_order[who] < start}
    opened = [thing for thing in sharing.things if thing.what == "SERVED"]
    served = {thing.customer for thing in sharing.things if thing.what in ("SERVED", "MET") and thing.customer}
    acquisition, retention = sharing.lines["ACQUISITION"], sharing.lines["RETENTION"]
    pools = sharing.pools()
    commercial, service = (
        sum((pool.amount for pool in pools if pool.service is kind), Decimal(0)) for kind in (False, True)
    )
    return (
        acquisition.commercial, retention.commercial, commercial - acquisition.commercial - retention.commercial,
        len(new), len(retained), service, len(opened), len(served),
    )  # fmt: skip


MONTHS = [
    (date(2026, 1, 1), date(2026, 1, 31)),
    (date(2026, 2, 1), date(2026, 2, 28)),
    (date(2026, 3, 1), date(2026, 3, 31)),
]


def test_every_period_costs_what_the_events_say(lists: Lists) -> None:
    found = books(lists.log.reader.page(0, 10_000))
    answer = acquisition_costs(lists, date(2026, 1, 1), date(2026, 3, 31), Granularity.MONTH)
    assert [(each.starts_on, each.ends_on) for each in answer] == MONTHS
    for each, month in zip(answer, MONTHS, strict=True):
        assert naive(found, *month) == (
            each.acquisition_cost, each.retention_cost, each.unallocated_cost, each.new_customers, each.retained_customers,
            each.service_cost, each.cases, each.served_customers,
        )  # fmt: skip
    assert answer[0].retained_customers == 0
    assert answer[2].retained_customers > 0


def test_rates_follow_from_the_sums(lists: Lists) -> None:
    (each,) = acquisition_costs(lists, *MONTHS[1])
    assert each.cost_per_customer == (each.acquisition_cost / each.new_customers).quantize(SIX)
    loaded = each.acquisition_cost + each.unallocated_cost
    assert each.loaded_cost_per_customer == (loaded / each.new_customers).quantize(SIX)
    assert each.retention_cost_per_customer == (each.retention_cost / each.retained_customers).quantize(SIX)
    assert each.retention_ratio == (each.cost_per_customer / each.retention_cost_per_customer).quantize(SIX)
    assert each.cost_per_case == (each.service_cost / each.cases).quantize(SIX)
    assert each.cost_to_serve == (each.service_cost / each.served_customers).quantize(SIX)


def test_winning_keeping_serving_and_what_nobody_bears_are_the_ledger(lists: Lists) -> None:
    for month in MONTHS:
        (each,) = acquisition_costs(lists, *month)
        ledger = profitability(lists, None, *month).ledger
        assert each.acquisition_cost + each.retention_cost + each.unallocated_cost + each.service_cost == ledger


FIGURES: dict[str, Callable[..., tuple[object, object]]] = {
    "cac": lambda won, kept, rest, new, retained, service, cases, served: (won, new),
    "retention_cost_ratio": lambda won, kept, rest, new, retained, service, cases, served: (won * retained, new * kept),
    "cost_per_case": lambda won, kept, rest, new, retained, service, cases, served: (service, cases),
    "cost_to_serve": lambda won, kept, rest, new, retained, service, cases, served: (service, served),
}


@pytest.mark.parametrize("key", FIGURES)
def test_the_figures_of_cost_are_what_the_events_say(lists: Lists, key: str) -> None:
    found = books(lists.log.reader.page(0, 10_000))
    series = kpi(lists, key, MONTHS[0][0], MONTHS[-1][1], Granularity.MONTH)
    for point, days in zip([*series.points, series.total], [*MONTHS, (MONTHS[0][0], MONTHS[-1][1])], strict=True):
        expected = FIGURES[key](*naive(found, *days))
        assert (point.restated.numerator, point.restated.denominator) == expected
    assert all(FIGURES[key](*naive(found, *MONTHS[2])))


def test_it_can_be_asked_as_of_a_moment(lists: Lists) -> None:
    moment = START.replace(month=2, day=20)
    found = books(each for each in lists.log.reader.page(0, 10_000) if each.at.occurred_at <= moment)
    (each,) = acquisition_costs(lists, *MONTHS[1], as_of=AsOf(valid_at=moment))
    assert naive(found, *MONTHS[1])[:2] == (each.acquisition_cost, each.retention_cost)


def test_too_many_periods_are_refused(house: House) -> None:
    with pytest.raises(Refused, match="more than 60 periods"):
        acquisition_costs(folded(house), date(2026, 1, 1), date(2026, 3, 31), Granularity.DAY)
