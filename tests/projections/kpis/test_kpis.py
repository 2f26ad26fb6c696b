"""What holds for every KPI: periods, versions, what was reported and what is known now, and what it is made of."""

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from domain.customer import RegisterCustomer
from domain.kernel import Command, Refused, derived
from domain.kpi import BUILT_IN as KEYS
from domain.kpi import DefineKpi, KpiDirection, kpi_id
from domain.merging import MergeCustomers
from domain.order import OrderLine, PlaceOrder
from eventstore.envelope import Origin, Request
from eventstore.reader import AsOf
from projections import VIEWS
from projections.buckets import Granularity
from projections.engine import Engine
from projections.figures.counting import KpiDimension, KpiScope, Part, Tally
from projections.figures.kpi_catalogue import BUILT_IN, BY_NAME, MEASURES
from projections.figures.kpi_explaining import explain_kpi
from projections.figures.kpis import KpiSeries, kpi
from projections.figures.measures import Measure
from projections.lists import Lists
from tests.api.test_statements import counting
from tests.conftest import House
from tests.importers.conftest import Import, load  # noqa: F401  # a fixture
from tests.projections.kpis.story import Company

MAX_STATEMENTS = 12
RETAIL = Path(__file__).parents[4] / "shared/data/online_retail/online_retail.csv.gz"
HALF_YEAR = (date(2025, 1, 1), date(2025, 6, 30))
JANUARY, MARCH = date(2025, 1, 1), date(2025, 3, 31)


def at(month: int, day: int) -> datetime:
    return datetime(2025, month, day, 12, tzinfo=UTC)


def order(n: int, amount: int, *, customer: int = 1, **more: Any) -> PlaceOrder:
    lines = (OrderLine(sku="A", quantity=1, unit_price=Decimal(amount)),)
    return PlaceOrder(order_id=derived("order", n), customer_id=derived("customer", customer), lines=lines, **more)


def in_time(house: House, moment: datetime, command: Command) -> None:
    house.log.do(command, Request(occurred_at=moment, origin=Origin.IMPORT))


def late(house: House, moment: datetime, command: Command) -> None:
    house.log.do(command, Request(occurred_at=moment))


def asked(house: House, key: str = "revenue", from_: date = JANUARY, to: date = MARCH, **more: Any) -> KpiSeries:
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return kpi(Lists(house.log, house.pool), key, from_, to, **more)


def restated(series: KpiSeries) -> list[Decimal | None]:
    return [point.restated.value for point in series.points]


def reported(series: KpiSeries) -> list[Decimal | None]:
    return [point.reported.value for point in series.points]


def defining(measure: str, key: str = "revenue", **more: Any) -> DefineKpi:
    return DefineKpi(
        kpi_id=kpi_id(key), key=key, title={"en": "Ours"}, formula="As we see it.", measure=measure, unit="money",
        direction=KpiDirection.HIGHER_IS_BETTER, **more,
    )  # fmt: skip


def test_what_comes_with_bitacora_is_known_to_those_who_define() -> None:
    assert set(BUILT_IN) == KEYS
    assert len(BY_NAME) == len(MEASURES)
    for measure in MEASURES:
        assert {"en", "es"} == set(measure.title)
        assert measure.formula.endswith(".")
        assert measure.source
        assert KpiDimension.COMPANY in measure.scopes
        assert len({part.name for part in measure.all_parts}) == len(measure.all_parts)


def test_a_late_order_changes_what_its_period_comes_to_and_not_what_was_reported(house: House) -> None:
    in_time(house, at(1, 10), order(1, 100))
    in_time(house, at(2, 10), order(2, 10))
    before = asked(house)
    assert restated(before) == reported(before) == [100, 10, 0]
    late(house, at(1, 20), order(3, 7))
    after = asked(house)
    assert (reported(after), restated(after)) == ([100, 10, 0], [107, 10, 0])
    assert (after.total.reported.value, after.total.restated.value) == (110, 117)
    again = asked(house, as_of=AsOf(position=before.position))
    assert (reported(again), restated(again)) == ([100, 10, 0], [100, 10, 0])
    assert restated(asked(house, as_of=AsOf(time=at(12, 31)))) == [100, 10, 0]
    assert restated(asked(house, as_of=AsOf(valid_at=at(1, 15)))) == [100, 0, 0]
    assert restated(asked(house, as_of=AsOf(known_at=datetime.now(UTC) - timedelta(days=1)))) == [0, 0, 0]


def test_another_definition_leaves_what_was_reported_as_it_was(house: House) -> None:
    in_time(house, at(1, 10), order(1, 100))
    in_time(house, at(2, 10), order(2, 10))
    in_time(house, at(2, 11), order(3, 20, customer=2))
    in_time(house, at(2, 15), defining("avg_order_value.v1", effective_from=date(2025, 2, 1)))
    series = asked(house)
    assert (reported(series), restated(series)) == ([100, 15, None], [100, 15, None])
    assert [point.reported.definition.version for point in series.points] == [1, 2, 2]
    assert [point.restated.definition.version for point in series.points] == [2, 2, 2]
    assert (series.definition.formula, series.definition.measure) == ("As we see it.", "avg_order_value.v1")
    first = asked(house, version=1)
    assert (reported(first), restated(first)) == ([100, 15, None], [100, 30, 0])
    late(house, at(12, 1), defining("orders.v1"))
    third = asked(house)
    assert (reported(third), restated(third)) == ([100, 15, None], [1, 2, 0])
    assert (third.definition.version, third.total.restated.value) == (3, 3)


def test_a_definition_does_not_hold_before_its_day(house: House) -> None:
    in_time(house, at(1, 1), defining("orders.v1", effective_from=date(2025, 3, 1)))
    assert [point.reported.definition.version for point in asked(house).points] == [1, 1, 2]
    assert asked(house, to=date(2025, 2, 28)).definition.version == 1


def test_anybody_may_define_a_figure_of_their_own(house: House) -> None:
    in_time(house, at(1, 10), order(1, 100))
    in_time(house, at(1, 11), defining("orders.v1", "deals"))
    series = asked(house, "deals")
    assert (series.definition.version, series.unit, restated(series)) == (1, "EUR", [1, 0, 0])


def test_customers_who_were_merged_are_one_in_what_was_reported_too(house: House) -> None:
    for n in (1, 2):
        in_time(house, at(1, n), RegisterCustomer(customer_id=derived("customer", n)))
        in_time(house, at(1, n), order(n, 10, customer=n))
    assert reported(asked(house, "customers")) == [2, 0, 0]
    house.log.do(MergeCustomers(customer_id=derived("customer", 2), survivor_id=derived("customer", 1)))
    assert reported(asked(house, "customers")) == restated(asked(house, "customers")) == [1, 0, 0]


def test_a_day_is_a_day_in_the_zone_that_is_stated(house: House) -> None:
    in_time(
        house, datetime(2025, 3, 29, 23, 30, tzinfo=UTC), order(1, 1)
    )  # 00:30 in Madrid, where this day has 23 hours
    in_time(house, datetime(2025, 3, 30, 22, 30, tzinfo=UTC), order(2, 10))
    days: dict[str, Any] = {"from_": date(2025, 3, 29), "to": date(2025, 3, 31), "granularity": Granularity.DAY}
    madrid = asked(house, **days)
    assert (madrid.time_zone, restated(madrid)) == ("Europe/Madrid", [0, 1, 10])
    assert [point.ends_at - point.starts_at for point in madrid.points] == [timedelta(hours=h) for h in (24, 23, 24)]
    assert restated(asked(house, zone="UTC", **days)) == [1, 10, 0]


def test_money_of_another_base_currency_is_not_added_but_counted(house: House) -> None:
    in_time(house, at(1, 10), order(1, 100))
    in_time(house, at(1, 11), order(2, 5, currency="GBP"))
    series = asked(house)
    assert (series.unit, restated(series), series.left_out) == ("EUR", [100, 0, 0], 1)
    pounds = asked(house, currency="GBP")
    assert (pounds.unit, restated(pounds), pounds.left_out) == ("GBP", [5, 0, 0], 1)
    assert (asked(house, "orders").points[0].restated.value, asked(house, "orders").left_out) == (2, 0)


def test_a_figure_is_narrowed_down(house: House) -> None:
    in_time(house, at(1, 10), order(1, 100, rep="ana"))
    in_time(house, at(1, 11), order(2, 5, rep="luis", campaign="SPRING"))
    rep, campaign = (
        KpiScope(dimension=KpiDimension.REP, value="luis"),
        KpiScope(dimension=KpiDimension.CAMPAIGN, value="X"),
    )
    company = KpiScope(dimension=KpiDimension.COMPANY)
    assert restated(asked(house, scope=[rep])) == restated(asked(house, scope=[company, rep])) == [5, 0, 0]
    assert restated(asked(house, scope=[rep, campaign])) == [0, 0, 0]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"key": "revenu"}, "There is no KPI 'revenu'. Is it 'revenue'?", "key"),
    ({"currency": "XXXX"}, "There is no currency 'XXXX': give an ISO 4217 code such as EUR.", "currency"),
    ({"version": 2}, "revenue has the versions 1.", "version"),
    ({"measure": "revenue"}, "There is no measure 'revenue'. Is it 'revenue.v1'?", "measure"),
    ({"measure": "revenue.v1", "version": 1}, "Ask by a version or by a measure, not by both.", "measure"),
    ({"to": date(2024, 12, 31)}, "The last day must not be before the first.", "to"),
    ({"to": date(9999, 1, 1)}, "Give a day from 1900-01-01 to 9998-12-31.", "to"),
    ({"zone": "Madrid"}, "Give the time zone by its IANA name, such as Europe/Madrid.", "timeZone"),
    (
        {"to": date(2030, 1, 1), "granularity": Granularity.DAY},
        "That is more than 1,000 periods. Ask for longer ones, or for less time.",
        "grain",
    ),
    (
        {"scope": [KpiScope(dimension=KpiDimension.QUEUE, value="x")]},
        "This figure cannot be narrowed down by queue.",
        "scope",
    ),
    (
        {"scope": [KpiScope(dimension=KpiDimension.REP)]},
        "Give the value of a scope, except for the whole company.",
        "scope",
    ),
    ({"scope": [KpiScope(dimension=KpiDimension.COMPANY)] * 21}, "Give at most 20 scopes.", "scope"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence", "field"), REFUSED)
def test_what_cannot_be_asked_is_refused(company: Company, changes: dict[str, Any], sentence: str, field: str) -> None:
    asked_for: dict[str, Any] = {"key": "revenue", "from_": JANUARY, "to": MARCH, **changes}
    with pytest.raises(Refused) as refused:
        kpi(company.lists, asked_for.pop("key"), asked_for.pop("from_"), asked_for.pop("to"), **asked_for)
    assert (refused.value.reason, refused.value.field) == (sentence, field)


def test_a_definition_by_a_measure_that_there_is_not_is_refused(house: House) -> None:
    in_time(house, at(1, 1), defining("order.v1", "deals"))
    with pytest.raises(Refused, match=r"Version 1 of deals: There is no measure 'order\.v1'\. Is it 'orders\.v1'"):
        asked(house, "deals")


def test_the_facts_behind_a_figure_add_up_to_it(company: Company) -> None:
    for key in ("revenue", "revenue_per_customer", "new_customers"):
        series = company.series(key)
        for point in series.points:
            first = explain_kpi(company.lists, key, point.starts_on, point.ends_on, first=7)
            facts, page = list(first.facts), first
            while page.has_next:
                page = explain_kpi(company.lists, key, point.starts_on, point.ends_on, first=7, after=page.end_cursor)
                facts += page.facts
            assert len({(fact.position, fact.number) for fact in facts}) == len(facts)
            assert sum(fact.amount or 0 for fact in facts if fact.restated) == point.restated.numerator
            assert sum(fact.amount or 0 for fact in facts if fact.reported) == point.reported.numerator
            assert (first.value, first.numerator) == (point.restated.value, point.restated.numerator)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_the_facts_behind_every_part_of_every_figure_add_up_to_it(company: Company, measure: Measure) -> None:
    for part in measure.parts:
        if not isinstance(part, Part):
            continue
        facts, after = [], None
        while True:
            page = explain_kpi(
                company.lists, measure.key, *HALF_YEAR, measure=measure.name, part=part.name, first=100, after=after
            )
            facts += page.facts
            after = page.end_cursor
            if not page.has_next:
                break
        (shown,) = (each for each in page.parts if each.name == part.name)
        for now, amount in ((True, shown.restated), (False, shown.reported)):
            counted = [fact for fact in facts if (fact.restated if now else fact.reported)]
            if part.tally is Tally.DISTINCT:
                assert len({fact.counted_as for fact in counted}) == amount
            else:
                assert sum((fact.amount or Decimal(0) for fact in counted), Decimal(0)) == amount


def test_another_part_is_explained_by_what_it_counts_once(company: Company) -> None:
    found = explain_kpi(company.lists, "customers", JANUARY, date(2025, 1, 5))
    assert len({fact.counted_as for fact in found.facts if fact.restated}) == found.numerator
    per_customer = explain_kpi(company.lists, "revenue_per_customer", JANUARY, MARCH, part="customers")
    assert [part.name for part in per_customer.parts] == ["revenue", "customers"]
    assert per_customer.part == "customers"
    with pytest.raises(Refused, match=r"revenue has the parts revenue\."):
        explain_kpi(company.lists, "revenue", JANUARY, MARCH, part="orders")
    with pytest.raises(Refused, match="not one of this list"):
        explain_kpi(company.lists, "revenue", JANUARY, MARCH, after="x")


@pytest.mark.skipif(not RETAIL.exists(), reason="The shared data is not there.")
def test_of_a_real_shop_the_months_come_to_what_is_known(house: House, load: Import) -> None:  # noqa: F811
    with gzip.open(RETAIL, "rt") as lines:
        load("retail", "".join(takewhile(lambda line: ",2011-03-01 " not in line, lines)))
    series = asked(house, "gross_revenue", date(2010, 12, 1), date(2011, 2, 28), zone="Europe/London")
    assert [round(value or 0, 2) for value in restated(series)] == [
        Decimal("572713.89"), Decimal("569445.04"), Decimal("447137.35"),
    ]  # fmt: skip
    assert (series.unit, series.left_out) == ("GBP", 0)
    assert reported(series) == restated(series)


def test_more_periods_do_not_take_more_statements(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (
        "revenue_per_customer",
        "forecast_error",
        "backlog",
        "service_level",
        "pareto_share",
        "points_liability",
    ):
        used = []
        for granularity in (Granularity.QUARTER, Granularity.DAY):
            with counting(monkeypatch) as statements:
                company.series(key, granularity)
            used.append(len(statements))
        assert used[0] == used[1] <= MAX_STATEMENTS, key
