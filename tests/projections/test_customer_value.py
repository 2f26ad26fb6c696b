"""What is said of buyers, on any history and as of any moment, is what a slow reading of the events says."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.kernel import Command, Refused, derived
from domain.order import CancelOrder, OrderLine, PlaceOrder, ReturnLines
from eventstore.database import open_pool
from eventstore.envelope import Happened, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.facts import known_at
from projections.lists import Lists
from projections.selling import orders
from projections.value import churn, cohorts, lifetime, pareto, rfm
from projections.value.buyers import look
from projections.value.churn import ChurnStatus, silence
from projections.value.customer_value import values_of
from projections.value.lifetime import ValueBasis, ValueMethod
from projections.value.rfm import SEGMENTS, RfmSegment, cell_of
from tests.conftest import KEK, House
from tests.projections import histories
from tests.projections.buyers_by_hand import buyers, profiles, running

ZONE = "Europe/Madrid"
TODAY = datetime(2027, 6, 1, tzinfo=UTC)
ANA, EVA = derived("customer", 1), derived("customer", 2)
shopping: st.SearchStrategy[Command] = st.one_of(
    *[
        st.builds(
            PlaceOrder,
            order_id=st.uuids(),
            customer_id=st.integers(1, 9).map(lambda n: derived("customer", n)),
            lines=histories.lines,
            currency=st.sampled_from(["EUR", "EUR", "EUR", "GBP"]),
            rate=st.none(),
        )
    ]
    * 4,
    st.builds(PlaceOrder, order_id=histories.orders, customer_id=histories.customers, lines=histories.lines),
    st.builds(CancelOrder, order_id=histories.orders),
    st.builds(ReturnLines, order_id=histories.orders, lines=histories.lines),
    histories.merges,
)


few_days = st.sampled_from([0, 0, 7, 60, 100, 200, 300]).map(lambda days: histories.START + timedelta(days=days))
"""So that many are equal, and many a day has several orders."""


def test_any_history_is_told_as_by_hand_as_of_any_moment(new_database: Callable[[], str]) -> None:
    @given(history=st.lists(st.tuples(shopping, few_days), min_size=12, max_size=50))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            histories.live_through(log, history)
            engine = Engine(log, pool, [orders.view])
            engine.prepare()
            engine.catch_up()
            lists, head = Lists(log, pool), log.reader.head()
            events = [each for page in log.reader.fold(types=log.codec.names(orders.view.events)) for each in page]
            days = [histories.START + timedelta(days=days) for days in (0, 100, 300)]
            for moment in (
                NOW, AsOf(position=head // 2), *(AsOf(time=day) for day in days), *(AsOf(valid_at=day) for day in days),
            ):  # fmt: skip
                same_as_by_hand(lists, moment, [each for each in events if counts(each, moment)])

    check()


def counts(happened: Happened, moment: AsOf) -> bool:
    at = happened.at
    return (
        (moment.position is None or at.position <= moment.position)
        and (moment.time is None or known_at(at) <= moment.time)
        and (moment.valid_at is None or at.occurred_at <= moment.valid_at)
    )


def same_as_by_hand(lists: Lists, moment: AsOf, events: list[Happened]) -> None:
    seen = look(lists.log.reader, moment, TODAY, zone=ZONE, currency="EUR")
    people, today = buyers(events, "EUR"), seen.today.date()
    found = rfm.rfm(lists, seen)
    by_hand = profiles(people)
    assert {each.cell.profile: each.customers for each in found.profiles} == Counter(by_hand.values())
    assert found.revenue == sum((buyer.spent for buyer in people.values()), Decimal(0))
    assert (found.customers, found.position) == (len(people), lists.position(orders.view))

    values = values_of(lists, [derived("customer", n) for n in range(1, 12)], seen)
    assert {customer: value.cell.profile for customer, value in values.items()} == by_hand
    for customer, value in values.items():
        buyer = people[customer]
        gap = buyer.median_gap(ZONE)
        assert (value.orders, value.revenue) == (len(buyer.counting), buyer.spent)
        assert (value.first_order_at, value.last_order_at) == (buyer.moments[0], buyer.moments[-1])
        assert value.silence == silence(today, buyer.days(ZONE)[-1], gap)
        not_more = sum(other.spent <= buyer.spent for other in people.values())
        assert value.top_share == 100 - sum(not_more * 100 >= n * len(people) for n in range(1, 100))

    status = Counter(silence(today, b.days(ZONE)[-1], b.median_gap(ZONE)).status for b in people.values())
    counted = churn.churn(lists, seen)
    assert {each.status: each.customers for each in counted.counts if each.customers} == status
    quiet = [c for c, value in values.items() if value.silence.status is ChurnStatus.AT_RISK]
    assert sorted(each.customer_id for each in counted.quiet) == sorted(quiet)

    summed = running(people)
    for share in (1, 20, 77, 100):
        answer = pareto.pareto(lists, seen, share=Decimal(share), steps=3)
        enough = [n for n, spent in enumerate(summed, 1) if spent * 100 >= share * summed[-1]]
        assert (answer.answer and answer.answer.customers) == (enough[0] if enough and summed[-1] > 0 else None)
        assert [point.revenue for point in answer.curve] == [summed[point.customers - 1] for point in answer.curve]

    months = {
        (buyer.days(ZONE)[0].replace(day=1), cohort_month(buyer.days(ZONE)[0], day))
        for buyer in people.values() for day in buyer.days(ZONE)
    }  # fmt: skip
    told = cohorts.cohorts(lists, seen, first=histories.START.date() - timedelta(days=40), last=TODAY.date())
    assert {(each.month, month.months) for each in told.cohorts for month in each.months} == months
    assert sum(each.customers for each in told.cohorts) == len(people)


def cohort_month(began: Any, day: Any) -> int:
    return int((day.year - began.year) * 12 + day.month - began.month)


def test_every_pair_of_scores_is_in_one_segment() -> None:
    inside = [
        [name for name, ((a, b), (c, d)) in SEGMENTS.items() if a <= r <= b and c <= f <= d]
        for r in range(1, 6) for f in range(1, 6)
    ]  # fmt: skip
    assert all(len(names) == 1 for names in inside)
    assert cell_of(5, 5, 4).segment is RfmSegment.CHAMPIONS
    assert cell_of(1, 5, 1).segment is RfmSegment.NOT_TO_LOSE
    assert len({cell_of(r, f, m).profile for r in range(1, 6) for f in range(1, 6) for m in range(1, 5)}) == 100


def test_silence_is_measured_by_the_own_rhythm() -> None:
    day = datetime(2026, 12, 31, tzinfo=UTC).date()
    assert silence(day, day - timedelta(days=90), None).status is ChurnStatus.ACTIVE
    assert silence(day, day - timedelta(days=91), None).status is ChurnStatus.AT_RISK
    assert silence(day, day - timedelta(days=366), None).status is ChurnStatus.CHURNED
    slow = silence(day, day - timedelta(days=366), 183.0)
    assert (slow.status, slow.risk_after_days, slow.churn_after_days) == (ChurnStatus.ACTIVE, 366.0, 732.0)
    assert "used to order every 183 days" in slow.reason


class Shop:
    """A log with orders in it, and the views of it."""

    def __init__(self, house: House) -> None:
        self.log = house.log
        self.engine = Engine(house.log, house.pool, [orders.view])
        self.engine.prepare()
        self.lists = Lists(house.log, house.pool)

    def order(self, customer_id: UUID, price: str, day: float = 0, cost: str | None = None) -> UUID:
        order_id = derived("order", customer_id, price, day)
        line = OrderLine(sku="A", quantity=1, unit_price=Decimal(price))
        placed = PlaceOrder(
            order_id=order_id, customer_id=customer_id, lines=(line,), cost=None if cost is None else Decimal(cost)
        )
        self.log.do(placed, Request(occurred_at=histories.START + timedelta(days=day)))
        self.engine.catch_up()
        return order_id

    def seen(self, as_of: AsOf = NOW, now: datetime = TODAY) -> Any:
        return look(self.lists.log.reader, as_of, now, zone=ZONE)


@pytest.fixture
def shop(house: House) -> Shop:
    return Shop(house)


def test_an_order_that_was_called_off_was_none(shop: Shop) -> None:
    shop.order(ANA, "10")
    gone = shop.order(ANA, "30", day=5)
    shop.log.do(CancelOrder(order_id=gone))
    shop.engine.catch_up()
    value = values_of(shop.lists, [ANA], shop.seen())[ANA]
    assert (value.orders, value.revenue, value.last_order_at) == (1, Decimal(10), histories.START)


def test_nobody_who_ordered_nothing_has_a_value(shop: Shop) -> None:
    assert values_of(shop.lists, [EVA], shop.seen()) == {}
    assert lifetime.lifetime_of(shop.lists, [EVA], shop.seen()) == {}
    assert rfm.rfm(shop.lists, shop.seen()).customers == 0
    assert pareto.pareto(shop.lists, shop.seen(), top=Decimal(20)).answer is None
    report = lifetime.buying_report(shop.lists, shop.seen())
    assert (report.method, report.customers, report.currency) == (ValueMethod.COHORT_MEAN, 0, None)


def test_few_repeat_buyers_are_expected_to_spend_as_their_cohort_did(shop: Shop) -> None:
    for n in range(10):
        shop.order(derived("customer", n), "100")
    year = shop.seen(now=histories.START + timedelta(days=365.25))
    report = lifetime.buying_report(shop.lists, year)
    assert (report.method, report.buying, report.basis) == (ValueMethod.COHORT_MEAN, None, ValueBasis.REVENUE)
    assert "fewer than 100" in report.why
    worth = lifetime.lifetime_of(shop.lists, [ANA], year, annual_rate=0.0)[ANA]
    assert (worth.historic, worth.alive, worth.method) == (Decimal(100), None, ValueMethod.COHORT_MEAN)
    assert float(worth.expected) == pytest.approx(100, abs=0.1)  # 100 a year and head
    assert lifetime.lifetime_of(shop.lists, [ANA], year, annual_rate=0.1)[ANA].expected < worth.expected


def test_what_goods_cost_is_taken_off_where_it_is_known(shop: Shop) -> None:
    shop.order(ANA, "100", cost="60")
    shop.order(ANA, "50", day=9)
    report = lifetime.buying_report(shop.lists, shop.seen())
    assert (report.basis, report.margin_share) == (ValueBasis.MARGIN, Decimal("0.4"))
    # 40 earned of 100, and of the other 50 as much as is usual.
    assert lifetime.lifetime_of(shop.lists, [ANA], shop.seen())[ANA].historic == Decimal("60.00")
    assert values_of(shop.lists, [ANA], shop.seen())[ANA].cost == Decimal(60)


def test_two_base_currencies_are_not_added_up(shop: Shop) -> None:
    shop.order(ANA, "100")
    shop.order(ANA, "50", day=1)
    line = OrderLine(sku="A", quantity=1, unit_price=Decimal(7))
    shop.log.do(PlaceOrder(order_id=derived("order", "usd"), customer_id=EVA, lines=(line,), currency="USD"))
    shop.engine.catch_up()
    assert (rfm.rfm(shop.lists, shop.seen()).currency, rfm.rfm(shop.lists, shop.seen()).revenue) == (
        "EUR",
        Decimal(150),
    )
    dollars = look(shop.log.reader, NOW, TODAY, currency="USD")
    assert (rfm.rfm(shop.lists, dollars).customers, rfm.rfm(shop.lists, dollars).revenue) == (1, Decimal(7))


def test_what_was_seen_then_is_still_seen(shop: Shop) -> None:
    shop.order(ANA, "100")
    then = shop.log.reader.head()
    before = rfm.rfm(shop.lists, shop.seen(AsOf(position=then)))
    shop.order(EVA, "500", day=3)
    again = rfm.rfm(shop.lists, shop.seen(AsOf(position=then)))
    assert (again.profiles, again.revenue) == (before.profiles, before.revenue)
    assert rfm.rfm(shop.lists, shop.seen()).customers == 2


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "top"),
        ({"top": Decimal(20), "best": 3}, "top"),
        ({"top": Decimal(101)}, "top"),
        ({"share": Decimal(0)}, "share"),
        ({"best": 0}, "best"),
        ({"best": 1, "steps": 101}, "steps"),
    ],
)
def test_a_share_that_cannot_be_is_refused(shop: Shop, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        pareto.pareto(shop.lists, shop.seen(), **asked)
    assert refused.value.field == field


def test_other_questions_that_cannot_be_are_refused(shop: Shop) -> None:
    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: lifetime.lifetime_of(shop.lists, [ANA], shop.seen(), months=121), "months"),
        (lambda: lifetime.lifetime_of(shop.lists, [ANA], shop.seen(), annual_rate=1.5), "annualRate"),
        (lambda: churn.churn(shop.lists, shop.seen(), first=101), "first"),
        (lambda: cohorts.cohorts(shop.lists, shop.seen(), first=TODAY.date(), last=histories.START.date()), "from"),
        (lambda: look(shop.log.reader, NOW, TODAY, zone="Mars/Olympus"), "zone"),
        (lambda: look(shop.log.reader, NOW, TODAY, currency="XXXX"), "currency"),
    ]
    for asked, field in refusals:
        with pytest.raises(Refused) as refused:
            asked()
        assert refused.value.field == field
