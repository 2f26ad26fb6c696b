"""Marketing and control over GraphQL: campaigns, segments, offers, profit, the cost of customers, and objectives."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from api.house import House
from domain.kernel import derived
from domain.objective import ObjectiveOperator, SetObjective
from domain.offer import AcceptOffer, MakeOffer
from domain.order import OrderLine, PlaceOrder
from domain.segment import DefineSegment, PublishSegment
from domain.segment_membership import EnterSegment
from eventstore.envelope import Request
from projections.company.cost_shares import ProfitBy
from projections.company.profitability import profitability
from projections.marketing.campaign_performance import CampaignBy, performance
from tests.api.conftest import REGISTER, Ask
from tests.projections.story_control import tell_control
from tests.projections.story_marketing import CAMPAIGNS, START, Story
from tests.projections.test_segments import ANYBODY

SEGMENT = derived("segment", 1)

PERFORMANCE = """query($id: Ref!, $by: CampaignBy, $asOf: AsOf) {
  campaignPerformance(campaign: $id, by: $by, asOf: $asOf) {
    code title kind responseDays model modelVersion suppressed { reason members }
    total { targeted heldOut delivered responded converted revenue margin cost roi responseRate
            uplift { rate controlRate difference standardError z } }
    lines { key targeted attempts revenue cost }
  }
}"""


@pytest.fixture
def told(house: House) -> House:
    Story(house.log).whole()
    house.engine.catch_up()
    return house


def test_a_campaign_shows_how_it_did(told: House, ask: Ask) -> None:
    spring = str(CAMPAIGNS["spring"])
    found = ask(PERFORMANCE, id=spring, by="CHANNEL")["campaignPerformance"]
    figures = performance(told.lists, [CAMPAIGNS["spring"]], CampaignBy.CHANNEL)[CAMPAIGNS["spring"]]
    assert figures.total.uplift is not None
    assert found["total"]["responded"] == figures.total.responded > 0
    assert Decimal(found["total"]["roi"]) == figures.total.roi
    assert Decimal(found["total"]["uplift"]["standardError"]) == figures.total.uplift.standard_error
    assert [(line["key"], Decimal(line["revenue"])) for line in found["lines"]] == [
        (line.key, line.revenue) for line in figures.lines
    ]
    assert (found["code"], found["kind"], found["model"]) == ("spring", "EMAIL", "last")
    before = ask(PERFORMANCE, id=spring, asOf={"validAt": START.isoformat()})["campaignPerformance"]
    assert (before["total"]["targeted"], before["lines"]) == (0, [])
    assert ask(PERFORMANCE, id="x:nobody")["campaignPerformance"] is None


def test_a_list_of_campaigns_shows_how_each_did(told: House, ask: Ask) -> None:
    found = ask("{ campaigns { nodes { code performance { total { targeted revenue } } } } }")["campaigns"]["nodes"]
    assert {each["code"]: each["performance"]["total"]["targeted"] for each in found} == {
        code: performance(told.lists, [id])[id].total.targeted for code, id in CAMPAIGNS.items()
    }


def test_members_contacts_and_steps_lead_to_their_campaign_and_their_customer(told: House, ask: Ask) -> None:
    query = """{
      campaignMembers(first: 3, filter: {status: {eq: TARGETED}}) { nodes { campaign { code } customerId } }
      campaignContacts(first: 3) { nodes { campaign { code } channel } }
      campaignSteps(first: 3, filter: {kind: {eq: DISPATCHED}}) { nodes { campaign { code } attempt } }
    }"""
    found = ask(query)
    for name in ("campaignMembers", "campaignContacts", "campaignSteps"):
        assert [each["campaign"]["code"] in CAMPAIGNS for each in found[name]["nodes"]] == [True] * 3


def test_a_segment_shows_who_is_in_it_on_any_day(house: House, ask: Ask) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    define = DefineSegment(segment_id=SEGMENT, key="all", title={"en": "All"}, predicate=ANYBODY)
    for command in (define, PublishSegment(segment_id=SEGMENT)):
        house.log.do(command, Request(occurred_at=day))
    for n, name in enumerate(("ana", "eva")):
        done = ask(REGISTER, input={"customerId": f"shop:{name}", "name": name.title()})["registerCustomer"]
        enter = EnterSegment(segment_id=SEGMENT, customer_id=UUID(done["streamId"]), definition_version=1)
        house.log.do(enter, Request(occurred_at=day + timedelta(days=n)))
    query = """query($asOf: AsOf) { segmentMembers(segment: "ID", asOf: $asOf) {
      count hasNext members { enteredAt version customer { name } } } }""".replace("ID", str(SEGMENT))
    now = ask(query)["segmentMembers"]
    assert (now["count"], sorted(each["customer"]["name"] for each in now["members"])) == (2, ["Ana", "Eva"])
    then = ask(query, asOf={"validAt": "2026-01-01T12:00:00Z"})["segmentMembers"]
    assert (then["count"], then["members"][0]["enteredAt"]) == (1, "2026-01-01T00:00:00Z")
    (segment,) = ask("{ segments { nodes { code size predicate { test { field operator number } } } } }")["segments"][
        "nodes"
    ]
    assert (segment["size"], segment["predicate"]["test"]["field"]) == (2, "orders")


def test_a_predicate_can_be_tried_before_it_makes_a_segment(ana: Any, ask: Ask) -> None:
    ask(REGISTER, input={"customerId": "shop:eva", "name": "Eva"})
    query = (
        """query($p: PredicateInput!) { segmentPreview(predicate: $p) { count outOf customers { name } hasNext } }"""
    )
    bought = {"test": {"field": "orders", "operator": "GTE", "number": "2"}}
    found = ask(query, p=bought)["segmentPreview"]
    assert found == {"count": 1, "outOf": 2, "customers": [{"name": "Ana Núñez"}], "hasNext": False}
    assert ask(query, p={"no": [bought]})["segmentPreview"]["customers"] == [{"name": "Eva"}]
    for wrong, words in (
        ({"every": []}, "give one predicate at least"),
        ({"test": {"field": "shoes", "operator": "IS_EMPTY"}}, "there is no field"),
        ({"test": {"field": "tags", "operator": "IS_EMPTY"}}, "No view knows tags"),
        ({"test": {"field": "orders", "operator": "GTE", "number": "NaN"}}, "number"),
    ):
        (error,) = ask(query, errors=True, p=wrong)
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert words in error["message"]


def test_offers_are_counted_by_what_became_of_them(house: House, ask: Ask) -> None:
    for n in range(3):
        offer = derived("offer", n)
        house.log.do(MakeOffer(offer_id=offer, customer_id=derived("customer", n), offer="TEN"))
        if n:
            house.log.do(AcceptOffer(offer_id=offer))
    (found,) = ask("{ offerOutcomes { key made accepted open acceptanceRate } }")["offerOutcomes"]
    assert found == {"key": "TEN", "made": 3, "accepted": 2, "open": 1, "acceptanceRate": "0.666667"}


def test_profit_and_the_cost_of_customers_come_to_the_ledger(house: House, ask: Ask) -> None:
    tell_control(house.log)
    query = """{
      profitability(by: TERRITORY, from: "2026-01-01", to: "2026-03-31") {
        currency ledger count lines { key revenue profit } total { commercialCost serviceCost } unallocated { reason amount } }
      acquisitionCost(from: "2026-01-01", to: "2026-03-31", grain: MONTH) { startsOn newCustomers costPerCustomer }
    }"""
    found = ask(query)
    profit = found["profitability"]
    spent = Decimal(profit["total"]["commercialCost"]) + Decimal(profit["total"]["serviceCost"])
    assert spent + sum(Decimal(each["amount"]) for each in profit["unallocated"]) == Decimal(profit["ledger"])
    expected = profitability(house.lists, ProfitBy.TERRITORY, date(2026, 1, 1), date(2026, 3, 31))
    assert [(each["key"], Decimal(each["profit"])) for each in profit["lines"]] == [
        (line.key, line.profit) for line in expected.lines
    ]
    assert [each["startsOn"] for each in found["acquisitionCost"]] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    (error,) = ask('{ profitability(from: "2026-03-01", to: "2026-01-01") { ledger } }', errors=True)
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_objectives_stand_by_what_the_kpi_measures(house: House, ask: Ask) -> None:
    for n, (kpi, version) in enumerate((("revenue", 1), ("nothing", 1), ("revenue", 7))):
        objective = SetObjective(
            objective_id=derived("objective", n), kpi=kpi, kpi_version=version, target=Decimal(3100),
            operator=ObjectiveOperator.AT_LEAST, starts_on=date(2026, 1, 1), ends_on=date(2026, 1, 30) + timedelta(days=n),
        )  # fmt: skip
        house.log.do(objective, Request(occurred_at=datetime(2026, 1, 1, tzinfo=UTC)))
    line = OrderLine(sku="A", quantity=10, unit_price=Decimal(100))
    place = PlaceOrder(order_id=derived("order", 1), customer_id=derived("customer", 1), lines=(line,))
    house.log.do(place, Request(occurred_at=datetime(2026, 1, 5, tzinfo=UTC)))
    query = """query($asOf: AsOf) { objectiveStatus(on: "2026-01-15", asOf: $asOf) {
      kpi actual expected projected pace light explanation } }"""
    revenue, nothing, unknown = ask(query)["objectiveStatus"]
    assert (revenue["actual"], Decimal(revenue["expected"]), revenue["light"]) == ("1000", 1550, "RED")
    assert Decimal(revenue["projected"]) == 2000
    assert (nothing["light"], nothing["actual"]) == ("UNKNOWN", None)
    assert "There is no KPI 'nothing'" in nothing["explanation"]
    assert (unknown["actual"], unknown["explanation"]) == (None, "revenue has the versions 1.")
    before = ask(query, asOf={"validAt": "2026-01-04T00:00:00Z"})["objectiveStatus"][0]
    assert (Decimal(before["actual"]), before["light"]) == (0, "RED")
