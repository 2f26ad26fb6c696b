"""The CDNOW customers in the log: imported by a mapping, and what is known of them then."""

import gzip
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.importers.importing import run
from api.importers.mapped import importer_from
from domain import DECIDERS
from domain.kernel import reference
from eventstore.commands import Commands
from eventstore.database import open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.customers import customers
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.selling import orders
from projections.value import churn, cohorts, lifetime, pareto, rfm
from projections.value.buyers import Look, look
from projections.value.buying_backtest import buying_backtest
from projections.value.churn import ChurnStatus
from projections.value.customer_value import values_of
from projections.value.lifetime import ValueMethod
from projections.value.sales_forecast import sales_forecast
from tests.conftest import KEK, TEMPLATE
from tests.projections import cdnow
from tests.projections.buyers_by_hand import Bought, Buyer, best_of, profiles, running

pytestmark = [cdnow.needs_cdnow, pytest.mark.timeout(300)]

MAPPING = b"""
name: cdnow
source: cdnow
format: csv
timezone: UTC
currency: USD
commands:
  - command: registerCustomer
    once_per: "{customer_id}"
    occurred_at: {column: date, moment: {format: "%Y%m%d"}}
    input:
      customerId: {column: customer_id}
  - command: placeOrder
    occurred_at: {column: date, moment: {format: "%Y%m%d"}}
    input:
      orderId: {column: row}
      customerId: {column: customer_id}
      lines:
        - object:
            sku: CD
            quantity: 1
            unitPrice: {column: dollar_value, number: true}
"""
CALIBRATED = datetime(1997, 9, 30, 23, 59, tzinfo=UTC)
END = datetime(1998, 6, 30, 23, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def lists(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lists]:
    """A house with all rows of the file. Two of them may be the same, so each has its number for an id."""
    path = tmp_path_factory.mktemp("cdnow") / "cdnow.csv"
    with gzip.open(cdnow.WHOLE_FILE, "rt") as lines:
        rows = [line.split() for line in lines]
    table = [",".join(["row", *rows[0]]), *(",".join([str(n), *row]) for n, row in enumerate(rows[1:], 1))]
    path.write_text("\n".join(table) + "\n")
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute(sql.SQL("create database cdnow template {}").format(sql.Identifier(TEMPLATE)))
    with open_pool(server.dsn(dbname="cdnow")) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        report = run(importer_from(MAPPING), str(path), log=log, commands=Commands(DECIDERS))
        assert (report.refused, report.taken) == (0, 23_570 + 69_659)
        engine = Engine(log, pool, [customers.view, orders.view])
        engine.prepare()
        for view in engine.views:
            rebuild(engine, view)
        yield Lists(log, pool)


@pytest.fixture(scope="module")
def by_hand() -> Callable[[datetime], dict[str, Buyer]]:
    """The buyers of the file up to a moment, in plain Python."""
    with gzip.open(cdnow.WHOLE_FILE, "rt") as lines:
        rows = [line.split() for line in lines][1:]

    def until(end: datetime) -> dict[str, Buyer]:
        found: dict[str, Buyer] = defaultdict(Buyer)
        for n, (customer, day, _, dollars) in enumerate(rows, 1):
            placed_at = datetime.strptime(f"{day}+0000", "%Y%m%d%z")
            if placed_at <= end:
                found[customer].orders[reference("order", "cdnow", str(n))] = Bought(placed_at, Decimal(dollars), 1)
        return dict(found)

    return until


def at(lists: Lists, moment: datetime) -> Look:
    return look(lists.log.reader, AsOf(time=moment), datetime.now(UTC), zone="UTC")


def known(customer: str) -> Any:
    return reference("customer", "cdnow", customer)


def test_every_customer_and_order_and_dollar_is_there(lists: Lists) -> None:
    assert lists.count(customers.view) == 23_570
    assert lists.count(orders.view) == 69_659
    assert rfm.rfm(lists, at(lists, END)).revenue == Decimal("2500315.63")
    assert rfm.rfm(lists, at(lists, END)).currency == "USD"


@pytest.mark.parametrize("moment", [CALIBRATED, END])
def test_the_profiles_are_those_by_hand(
    lists: Lists, by_hand: Callable[[datetime], dict[str, Buyer]], moment: datetime
) -> None:
    expected = Counter(profiles(by_hand(moment)).values())  # type: ignore[arg-type]
    found = rfm.rfm(lists, at(lists, moment))
    assert {each.cell.profile: each.customers for each in found.profiles} == dict(expected)
    assert sum(each.customers for each in found.segments) == found.customers == 23_570
    assert sum(each.revenue for each in found.segments) == found.revenue


def test_one_customer_has_the_profile_that_all_together_give(
    lists: Lists, by_hand: Callable[[datetime], dict[str, Buyer]]
) -> None:
    people = by_hand(END)
    expected = profiles(people)  # type: ignore[arg-type]
    some = sorted(people)[::97]
    found = values_of(lists, [known(customer) for customer in some], at(lists, END))
    for customer in some:
        value, buyer = found[known(customer)], people[customer]
        assert value.cell.profile == expected[customer]  # type: ignore[index]
        assert (value.orders, value.revenue) == (len(buyer.counting), buyer.spent)
        assert value.silence.median_gap_days == buyer.median_gap("UTC")
        assert value.silence.days == (END.date() - buyer.days("UTC")[-1]).days


def test_who_makes_the_revenue_is_measured(lists: Lists, by_hand: Callable[[datetime], dict[str, Buyer]]) -> None:
    summed = running(by_hand(END))  # type: ignore[arg-type]
    fifth = pareto.pareto(lists, at(lists, END), top=Decimal(20), steps=10).answer
    assert fifth is not None
    assert (fifth.customers, fifth.revenue) == (4_714, summed[best_of(summed, 20) - 1])
    # Not 80 % but two thirds.
    assert fifth.share_of_revenue == (fifth.revenue * 100 / summed[-1]).quantize(Decimal("0.0001"))
    assert 60 < fifth.share_of_revenue < 75
    for share in (20, 50, 80, 100):
        answer = pareto.pareto(lists, at(lists, END), share=Decimal(share)).answer
        assert answer is not None
        assert answer.customers == next(n for n, spent in enumerate(summed, 1) if spent * 100 >= share * summed[-1])
    hundred = pareto.pareto(lists, at(lists, END), best=100, steps=7)
    assert hundred.answer is not None
    assert hundred.answer.revenue == summed[99]
    assert [point.customers for point in hundred.curve] == [-(-n * 23_570 // 7) for n in range(1, 8)]
    assert [point.revenue for point in hundred.curve] == [summed[point.customers - 1] for point in hundred.curve]


def test_cohorts_come_back_as_often_as_by_hand(lists: Lists, by_hand: Callable[[datetime], dict[str, Buyer]]) -> None:
    expected: dict[tuple[date, int], list[Any]] = {}
    for buyer in by_hand(END).values():
        began = buyer.days("UTC")[0].replace(day=1)
        seen = set()
        for order in buyer.counting:
            assert order.placed_at is not None
            months = (order.placed_at.year - began.year) * 12 + order.placed_at.month - began.month
            cell = expected.setdefault((began, months), [0, 0, Decimal(0)])
            cell[0] += months not in seen
            cell[1] += 1
            cell[2] += order.worth
            seen.add(months)
    found = cohorts.cohorts(lists, at(lists, END))
    assert {
        (cohort.month, month.months): [month.customers, month.orders, month.revenue]
        for cohort in found.cohorts
        for month in cohort.months
    } == expected
    assert [(cohort.month, cohort.customers) for cohort in found.cohorts] == [
        (date(1997, 1, 1), 7_846), (date(1997, 2, 1), 8_476), (date(1997, 3, 1), 7_248),
    ]  # fmt: skip


def test_who_is_silent_for_too_long_is_counted_as_by_hand(
    lists: Lists, by_hand: Callable[[datetime], dict[str, Buyer]]
) -> None:
    expected: dict[ChurnStatus, list[Any]] = {status: [0, Decimal(0)] for status in ChurnStatus}
    for buyer in by_hand(END).values():
        days, gap = (END.date() - buyer.days("UTC")[-1]).days, buyer.median_gap("UTC") or 0
        status = (
            ChurnStatus.CHURNED if days > max(365, 4 * gap)
            else ChurnStatus.AT_RISK if days > max(90, 2 * gap)
            else ChurnStatus.ACTIVE
        )  # fmt: skip
        expected[status][0] += 1
        expected[status][1] += buyer.spent
    found = churn.churn(lists, at(lists, END), status=ChurnStatus.CHURNED, first=5)
    assert {each.status: [each.customers, each.revenue] for each in found.counts} == expected
    assert all(each.silence.status is ChurnStatus.CHURNED for each in found.quiet)
    assert [each.revenue for each in found.quiet] == sorted((each.revenue for each in found.quiet), reverse=True)


def test_the_models_are_fitted_on_the_log_as_on_the_file(lists: Lists) -> None:
    report = lifetime.buying_report(lists, at(lists, CALIBRATED))
    assert (report.method, report.customers, report.repeat_buyers) == (ValueMethod.BG_NBD, 23_570, 9_451)
    assert report.buying is not None
    assert report.spend is not None
    model, spend = report.buying, report.spend
    # As PyPI `lifetimes` 0.11.3 fits the file.
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.251624, 4.788945, 0.723433, 2.161087), rel=1e-5)
    assert model.log_likelihood == pytest.approx(-95368.44393, abs=1e-4)
    assert (spend.p, spend.q, spend.v) == pytest.approx((6.27536, 3.62445, 14.98369), rel=1e-4)


def test_what_the_model_expected_is_held_to_what_came(lists: Lists) -> None:
    found = buying_backtest(lists, at(lists, END), CALIBRATED)
    assert (found.fitted_on, found.until, found.customers) == (date(1997, 9, 30), date(1998, 6, 30), 23_570)
    assert found.model.log_likelihood == pytest.approx(-95368.44393, abs=1e-4)
    assert found.came == 19_684
    assert found.expected == pytest.approx(16_873.7, abs=0.1)
    assert found.error == pytest.approx((16_873.7 - 19_684) / 19_684, abs=1e-5)
    # Computed from the file with PyPI `lifetimes` 0.11.3.
    assert [(each.frequency, round(each.came, 4)) for each in found.classes[:7]] == [
        (0, 0.2507), (1, 0.7841), (2, 1.4026), (3, 1.8367), (4, 2.4512), (5, 3.0632), (6, 3.8015),
    ]  # fmt: skip
    assert [each.expected for each in found.classes] == pytest.approx(
        [0.2309, 0.5198, 1.0372, 1.5791, 2.2669, 2.8916, 3.5327, 6.4685], abs=5e-5
    )


def test_sales_are_forecast_from_whole_months(lists: Lists, by_hand: Callable[[datetime], dict[str, Buyer]]) -> None:
    months: dict[date, Decimal] = defaultdict(Decimal)
    for buyer in by_hand(END).values():
        for order in buyer.counting:
            assert order.placed_at is not None
            months[order.placed_at.date().replace(day=1)] += order.worth
    found = sales_forecast(lists, at(lists, END), horizon=3)
    # June is not over, a minute before its end.
    assert {each.period: each.revenue for each in found.series} == {
        month: worth for month, worth in months.items() if month < date(1998, 6, 1)
    }
    assert [each.period for each in found.expected] == [date(1998, 6, 1), date(1998, 7, 1), date(1998, 8, 1)]
    assert all(each.low < each.revenue < each.high for each in found.expected)


def test_a_customer_is_worth_what_was_spent_and_what_is_expected(lists: Lists) -> None:
    found = lifetime.lifetime_of(lists, [known("00003"), known("00001")], at(lists, CALIBRATED))
    often, once = found[known("00003")], found[known("00001")]
    assert once.historic == Decimal("11.77")
    assert once.alive == 1.0
    assert often.expected_purchases is not None
    assert often.expected_purchases > (once.expected_purchases or 0)
    assert often.total == often.historic + often.expected
    # A year of purchases at their worth, discounted by less than a whole year's rate.
    undiscounted = often.expected_purchases * float(often.expected_worth or 0)
    assert undiscounted / 1.1 < float(often.expected) < undiscounted
