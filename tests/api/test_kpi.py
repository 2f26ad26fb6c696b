"""KPIs over GraphQL: series, what is behind a figure, and what can be measured."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from api.house import House
from domain.kernel import reference
from domain.order import OrderLine, PlaceOrder
from eventstore.envelope import Origin, Request
from tests.api.conftest import Ask

SERIES = """query($key: String!, $version: Long, $scope: [KpiScopeInput!], $asOf: AsOf) {
  kpi(key: $key, version: $version, scope: $scope, grain: MONTH, from: "2025-01-01", to: "2025-03-31", asOf: $asOf) {
    key unit direction granularity timeZone scope { dimension value } leftOut position
    definition { version formula measure }
    points { startsOn endsOn startsAt endsAt reported { ...F } restated { ...F } }
    total { startsOn endsOn restated { value } }
  }
}
fragment F on KpiFigure { value numerator denominator definition { key version formula measure } }"""
DEFINE = """mutation($input: DefineKpiInput!) { defineKpi(input: $input) { ...R } }"""


@pytest.fixture
def shop(house: House) -> None:
    """Three orders of the winter of 2025, in time, and one that is told today."""
    for n, (month, origin) in enumerate([(1, Origin.IMPORT), (1, Origin.IMPORT), (2, Origin.IMPORT), (1, Origin.LIVE)]):
        line = OrderLine(sku="A", quantity=1, unit_price=Decimal(10) ** n)
        house.log.do(
            PlaceOrder(
                order_id=reference("order", "shop", str(n)), customer_id=reference("customer", "shop", "ana"),
                lines=(line,), rep="eva" if n else None,
            ),
            Request(occurred_at=datetime(2025, month, 10 + n, tzinfo=UTC), origin=origin),
        )  # fmt: skip


def test_a_figure_is_given_as_reported_and_as_it_is_now_with_its_definition(shop: None, ask: Ask) -> None:
    found = ask(SERIES, key="avg_order_value")["kpi"]
    january, february, march = found["points"]
    assert (found["unit"], found["timeZone"], found["direction"], found["granularity"], found["position"]) == (
        "EUR", "Europe/Madrid", "HIGHER_IS_BETTER", "MONTH", "4",
    )  # fmt: skip
    assert (january["startsOn"], january["endsOn"], january["startsAt"]) == (
        "2025-01-01", "2025-01-31", "2024-12-31T23:00:00Z",
    )  # fmt: skip
    assert (january["reported"]["value"], january["restated"]["value"]) == ("5.5", "337")
    assert (january["reported"]["numerator"], january["reported"]["denominator"]) == ("11", "2")
    assert february["reported"] == february["restated"] != march["restated"]
    assert (march["restated"]["value"], march["restated"]["numerator"]) == (None, "0")
    assert january["reported"]["definition"] == {
        "key": "avg_order_value", "version": 1, "measure": "avg_order_value.v1",
        "formula": "What was ordered ÷ orders placed.",
    }  # fmt: skip
    assert (found["total"]["startsOn"], found["total"]["endsOn"]) == ("2025-01-01", "2025-03-31")


def test_it_is_narrowed_down_and_looked_at_from_another_day(shop: None, ask: Ask) -> None:
    eva = {"dimension": "REP", "value": "eva"}
    found = ask(SERIES, key="revenue", scope=[eva], asOf={"position": "3"})["kpi"]
    assert found["scope"] == [eva]
    assert [point["restated"]["value"] for point in found["points"]] == ["10", "100", "0"]


def test_a_figure_that_is_defined_anew_has_two_versions(shop: None, ask: Ask) -> None:
    told = {
        "kpiId": "bitacora:revenue", "key": "revenue", "title": {"en": "Revenue"}, "formula": "Before returns.",
        "measure": "gross_revenue.v1", "unit": "money", "direction": "HIGHER_IS_BETTER",
    }  # fmt: skip
    ask(DEFINE, input=told)
    found = ask(SERIES, key="revenue")["kpi"]
    assert {point["reported"]["definition"]["version"] for point in found["points"]} == {1}
    assert {point["restated"]["definition"]["version"] for point in found["points"]} == {2}
    assert ask(SERIES, key="revenue", version=1)["kpi"]["definition"]["measure"] == "revenue.v1"
    entries = {
        each["key"]: each for each in ask("{ kpis { key versions { version position } measure { source } } }")["kpis"]
    }
    assert entries["revenue"]["versions"] == [{"version": 1, "position": None}, {"version": 2, "position": "5"}]
    assert entries["orders"]["measure"]["source"] == "S3"


def test_every_computation_can_be_looked_up(ask: Ask) -> None:
    found = ask("{ kpiMeasures { name title formula unit source scopes parts } }")["kpiMeasures"]
    revenue = next(each for each in found if each["name"] == "revenue.v1")
    assert (revenue["title"]["es"], revenue["parts"]) == ("Ingresos", ["revenue"])
    assert {"COMPANY", "CHANNEL", "REP"} <= set(revenue["scopes"])


def test_the_events_behind_a_figure_are_listed(shop: None, ask: Ask) -> None:
    query = """query($after: String) {
      kpiExplain(key: "revenue", from: "2025-01-01", to: "2025-01-31", first: 2, after: $after) {
        value part parts { name tally timing } source endCursor hasNext
        facts { position amount restated reported ownerId customerId occurredAt knownAt }
      }
    }"""
    first = ask(query)["kpiExplain"]
    assert (first["value"], first["part"], first["hasNext"]) == ("1011", "revenue", True)
    assert [(fact["position"], fact["amount"], fact["reported"]) for fact in first["facts"]] == [
        ("1", "1", True), ("2", "10", True),
    ]  # fmt: skip
    rest = ask(query, after=first["endCursor"])["kpiExplain"]
    assert [(fact["position"], fact["reported"], fact["restated"]) for fact in rest["facts"]] == [("4", False, True)]
    assert not rest["hasNext"]


def test_what_cannot_be_asked_is_refused_in_a_sentence(ask: Ask) -> None:
    (error,) = ask(SERIES, errors=True, key="revenu")
    assert error["message"] == "There is no KPI 'revenu'. Is it 'revenue'?"
    (error,) = ask(SERIES, errors=True, key="revenue", scope=[{"dimension": "QUEUE", "value": "x"}])
    assert error["message"] == "This figure cannot be narrowed down by queue."
