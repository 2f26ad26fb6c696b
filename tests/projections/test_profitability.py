"""Profit by anything is what the events say, and the parts are the ledger to the last cent."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cost import CostCategory, RecordCost
from domain.kernel import Refused, derived
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.company import allocations, costs, staff, territories
from projections.company.cost_shares import ProfitBy
from projections.company.profitability import Profitability, profitability
from projections.company.sharing import shares
from projections.customers import profiles
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import campaign_members, campaigns, segment_memberships, segments
from projections.selling import orders, products
from projections.service import cases
from projections.touchpoints import calls, interactions
from tests.conftest import House
from tests.projections.naive_control import Sharing, books
from tests.projections.story_control import START, tell_control

VIEWS = (
    orders.view,
    products.view,
    profiles.view,
    segments.view,
    segment_memberships.view,
    staff.view,
    territories.view,
    campaigns.view,
    campaign_members.view,
    interactions.view,
    calls.view,
    cases.view,
    costs.view,
    allocations.view,
)
DIMENSIONS = {
    ProfitBy.CUSTOMER: "customer",
    ProfitBy.SEGMENT: "segment",
    ProfitBy.TERRITORY: "territory",
    ProfitBy.REP: "rep",
    ProfitBy.PRODUCT: "sku",
    ProfitBy.CHANNEL: "channel",
    ProfitBy.CAMPAIGN: "campaign",
    None: None,
}
PERIODS = [
    (date(2026, 1, 1), date(2026, 1, 31)),
    (date(2026, 2, 1), date(2026, 2, 28)),
    (date(2026, 2, 10), date(2026, 2, 10)),
    (date(2026, 1, 1), date(2026, 6, 30)),
    (date(2026, 6, 1), date(2026, 6, 30)),
]


def folded(house: House) -> Lists:
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


@pytest.fixture
def lists(house: House) -> Lists:
    tell_control(house.log)
    return folded(house)


def assert_same(found: Profitability, naive: Sharing) -> None:
    lines = {
        line.key: (
            line.revenue, line.cost_of_goods, line.uncosted_revenue, line.orders, line.commercial_cost, line.service_cost,
        )
        for line in found.lines
    }  # fmt: skip
    for key, line in naive.lines.items():
        expected = (line.revenue, line.goods, line.uncosted, line.orders, line.commercial, line.service)
        if naive.by == "sku":  # of several articles the order counts for one
            assert (key, *lines[key][:3], *lines[key][4:]) == (key, *expected[:3], *expected[4:])
        else:
            assert (key, *lines[key]) == (key, *expected)
    assert lines.keys() == naive.lines.keys()
    assert {(each.reason, each.allocation): each.amount for each in found.unallocated} == {
        key: amount for key, amount in naive.unallocated.items() if amount
    }
    assert found.ledger == naive.ledger


def assert_reconciled(found: Profitability) -> None:
    assert found.count == len(found.lines)
    for name in ("revenue", "cost_of_goods", "uncosted_revenue", "commercial_cost", "service_cost", "profit", "orders"):
        assert sum(getattr(line, name) for line in found.lines) == getattr(found.total, name)
    spent = found.total.commercial_cost + found.total.service_cost
    assert spent + sum(each.amount for each in found.unallocated) == found.ledger


def test_what_each_brought_and_bore_is_that_of_the_events(lists: Lists) -> None:
    found = books(lists.log.reader.page(0, 10_000))
    for by, of in DIMENSIONS.items():
        for period in PERIODS:
            answer = profitability(lists, by, *period)
            assert_same(answer, Sharing(found, of, *period))
            assert_reconciled(answer)
            assert answer.lines == tuple(sorted(answer.lines, key=lambda line: -line.profit))


def test_there_is_something_to_share_out_in_every_way(lists: Lists) -> None:
    whole = profitability(lists, ProfitBy.CUSTOMER, date(2026, 1, 1), date(2026, 6, 30))
    for name in ("revenue", "cost_of_goods", "uncosted_revenue", "commercial_cost", "service_cost"):
        assert getattr(whole.total, name) > 100
    assert {each.reason for each in whole.unallocated} == {"NO_RULE", "NOBODY"}
    assert whole.ledger == sum(cost.amount.base for cost in books(lists.log.reader.page(0, 10_000)).costs.values())


def test_it_can_be_asked_as_it_had_happened_by_any_day(lists: Lists) -> None:
    period = PERIODS[3]
    for day in (10, 45, 79, 81):
        moment = START + timedelta(days=day)
        found = books(each for each in lists.log.reader.page(0, 10_000) if each.at.occurred_at <= moment)
        for by in (ProfitBy.SEGMENT, ProfitBy.CHANNEL):
            answer = profitability(lists, by, *period, as_of=AsOf(valid_at=moment))
            assert_same(answer, Sharing(found, DIMENSIONS[by], *period))
            assert_reconciled(answer)


def test_adjacent_periods_spend_what_the_whole_period_spends(lists: Lists) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(181)]
    whole = profitability(lists, None, days[0], days[-1])
    cut = [0, 1, 14, 31, 62, 90, 181]
    parts = [profitability(lists, None, days[a], days[b - 1]) for a, b in pairwise(cut)]
    assert sum(part.ledger for part in parts) == whole.ledger
    assert sum(part.total.revenue for part in parts) == whole.total.revenue


def test_the_best_lines_come_first_and_the_total_is_that_of_all(lists: Lists) -> None:
    whole = profitability(lists, ProfitBy.CUSTOMER, *PERIODS[3])
    best = profitability(lists, ProfitBy.CUSTOMER, *PERIODS[3], first=3)
    assert best.lines == whole.lines[:3]
    assert (best.total, best.count) == (whole.total, whole.count)


def test_nothing_at_all_comes_to_nothing(house: House) -> None:
    found = profitability(folded(house), ProfitBy.CUSTOMER, *PERIODS[0])
    assert (found.lines, found.total.profit, found.ledger, found.unallocated) == ((), 0, 0, ())


def test_books_in_two_currencies_are_not_added_up(house: House) -> None:
    for currency in ("EUR", "USD"):
        cost = RecordCost(
            cost_id=derived("cost", currency), category=CostCategory.TOOL, amount=Decimal(5), currency=currency,
            period_from=date(2026, 1, 1), period_to=date(2026, 1, 2),
        )  # fmt: skip
        house.log.do(cost, Request(occurred_at=START))
    lists = folded(house)
    with pytest.raises(Refused, match="EUR, USD"):
        profitability(lists, None, *PERIODS[0])
    assert profitability(lists, None, *PERIODS[0], currency="USD").ledger == 5


def test_what_cannot_be_asked_is_refused(house: House) -> None:
    lists = folded(house)
    backwards, centuries = (date(2026, 2, 1), date(2026, 1, 1)), (date(1926, 1, 1), date(2026, 1, 1))
    for days, first in ((backwards, 1), (centuries, 1), (PERIODS[0], 0), (PERIODS[0], 1_001)):
        with pytest.raises(Refused):
            profitability(lists, None, *days, first=first)


@given(
    amount=st.decimals(-(10**9), 10**9, places=3),
    weights=st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=40),
)
def test_shares_are_the_amount_to_the_last_cent(amount: Decimal, weights: list[Decimal]) -> None:
    found = shares(amount, weights)
    if not sum(weights):
        assert found == []
        return
    assert sum(found) == amount
    for share, weight in zip(found, weights, strict=True):
        assert abs(share - amount * weight / sum(weights)) <= Decimal("0.001001")
