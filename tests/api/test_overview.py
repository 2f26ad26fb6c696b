"""The whole of a customer on one screen: what is open, what to do next and why, and what pops up when a card is typed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.house import House
from api.schema import execute
from domain.kernel import reference
from tests.api.conftest import REGISTER, Ask
from tests.api.test_statements import counting

CARD = (
    'mutation { addIdentifier(input: {customerId: "shop:ana", type: LOYALTY_CARD, value: "C-1"}) { ...R } '
    'defineProgramme(input: {programmeId: "bitacora:plus", key: "plus", title: {es: "Plus"}, graceMonths: 3, tiers: ['
    '  {key: "SILVER", label: {es: "Plata"}, threshold: 0, benefits: []}, '
    '  {key: "GOLD", label: {es: "Oro"}, threshold: 100, benefits: ["FREE_UPGRADE"]}]}) { ...R } '
    'enrolMember(input: {loyaltyAccountId: "plus:1", customerId: "shop:ana", programme: "plus", tier: "GOLD"}) { ...R } '
    'accruePoints(input: {loyaltyAccountId: "plus:1", reference: "o1", qualifying: "120", redeemable: "60"}) { ...R } }'
)
SEEN = """query($identifier: String!, $asOf: AsOf) { screenPop(identifier: $identifier, asOf: $asOf) {
  customerId name tier points rfm topShare orders revenue currency openRequests openComplaints
  recommended { action reason about { kind id } } benefit { eligible reasons inputs { tierRank failures benefits } inputsDigest }
  digest position
} }"""
WHOLE = """query($asOf: AsOf) { customer(id: "shop:ana", asOf: $asOf) {
  openRequests { kind number status detail amount currency } recommended { action reason }
  satisfaction { csat nps trend } habits { bestChannel bestHour } openPipeline { opportunities amount weighted currency }
  favouriteCategories { category pieces revenue } benefit { eligible }
} }"""


def complain(ask: Ask, number: int, opened: datetime, kind: str = "COMPLAINT") -> None:
    said = {
        "caseId": f"desk:{number}",
        "customerId": "shop:ana",
        "type": kind,
        "channel": "EMAIL",
        "number": str(number),
    }
    command = "mutation($input: OpenCaseInput!, $at: DateTime) { openCase(input: $input, occurredAt: $at) { ...R } }"
    ask(command, input=said, at=opened.isoformat())


def pop(ask: Ask, identifier: str = "C1", **more: Any) -> Any:
    return ask(SEEN, identifier=identifier, **more)["screenPop"]


def actions(found: Any) -> list[str]:
    return [each["action"] for each in found["recommended"]]


def test_a_card_number_pops_up_the_key_facts(ana: UUID, ask: Ask) -> None:
    ask(CARD)
    found = pop(ask)
    assert (found["customerId"], found["name"], found["tier"], found["points"]) == (str(ana), "Ana Núñez", "GOLD", "60")
    assert (found["orders"], found["revenue"], found["currency"], found["openRequests"]) == (2, "224.98", "EUR", 2)
    assert found["rfm"] is not None
    for identifier in ("c-1", "ana@example.com", "600 123 456", "shop:ana", str(ana)):
        assert pop(ask, identifier) == found
    assert pop(ask, "C2") is None


def test_the_screen_of_then_is_shown_again_to_the_last_digit(ana: UUID, ask: Ask) -> None:
    ask(CARD)
    before = pop(ask)
    complain(ask, 7, datetime.now(UTC))
    after = pop(ask)
    assert after["digest"] != before["digest"]
    assert after["openComplaints"] == 1
    again = pop(ask, asOf={"position": before["position"]})
    assert {**again, "benefit": None} == {**before, "benefit": None}
    assert again["benefit"]["inputsDigest"] == before["benefit"]["inputsDigest"]


def test_a_complaint_comes_before_everything_else(ana: UUID, ask: Ask) -> None:
    assert actions(ask(WHOLE)["customer"])[-1:] == ["ASK_FOR_CONSENT"]
    complain(ask, 7, datetime.now(UTC) - timedelta(days=1))
    found = pop(ask, "shop:ana")
    assert found["recommended"]["action"] == "SOLVE_COMPLAINT"
    assert found["recommended"]["about"] == {"kind": "CASE", "id": str(reference("case", "desk", "7"))}
    ask('mutation { resolveCase(input: {caseId: "desk:7"}) { ...R } }')
    assert "SOLVE_COMPLAINT" not in actions(ask(WHOLE)["customer"])


def test_a_service_failure_makes_eligible_for_a_benefit_until_there_were_two(ana: UUID, ask: Ask) -> None:
    ask(CARD)
    assert pop(ask)["benefit"]["inputs"] == {"tierRank": 1, "failures": 0, "benefits": 0}
    complain(ask, 7, datetime.now(UTC) - timedelta(days=200), "INCIDENT")
    assert pop(ask)["benefit"]["inputs"]["failures"] == 0
    complain(ask, 8, datetime.now(UTC) - timedelta(days=20), "INCIDENT")
    asked = pop(ask)["benefit"]
    assert asked["eligible"]
    assert asked["inputs"]["failures"] == 1
    for n in (1, 2):
        ask(
            "mutation($digest: String!) {"
            f'  requestBenefit(input: {{benefitId: "b:{n}", customerId: "shop:ana", benefit: "FREE_UPGRADE"}}) {{ ...R }}'
            f'  authoriseBenefit(input: {{benefitId: "b:{n}", rule: "benefit-authorisation", ruleVersion: 1,'
            "    inputsDigest: $digest}) { ...R } }",
            digest=asked["inputsDigest"],
        )
        found = pop(ask)["benefit"]
        assert (found["inputs"]["benefits"], found["eligible"]) == (n, n < 2)
    assert (
        ask("{ benefits { nodes { benefit status rule } } }")["benefits"]["nodes"][0]["rule"] == "benefit-authorisation"
    )


def test_what_is_open_is_told_and_weighed(ana: UUID, ask: Ask) -> None:
    ask(
        'mutation { openOpportunity(input: {opportunityId: "crm:1", customerId: "shop:ana", amount: "1000"}) { ...R }'
        '  introduceProduct(input: {productId: "p:1", sku: "SKU-1", name: "Lamp", category: "LIGHT"}) { ...R }'
        '  draftQuote(input: {quoteId: "q:1", customerId: "shop:ana",'
        '    lines: [{sku: "SKU-1", quantity: 2, unitPrice: "5"}]}) { ...R }'
        '  issueQuote(input: {quoteId: "q:1", number: "Q-1", validUntil: "2999-01-01T00:00:00Z"}) { ...R } }'
    )
    found = ask(WHOLE)["customer"]
    told = {(each["kind"], each["number"], each["status"], each["amount"]) for each in found["openRequests"]}
    assert told == {
        ("ORDER", None, "PLACED", "25.00"),
        ("ORDER", None, "PLACED", "199.98"),
        ("QUOTE", "Q-1", "ISSUED", "10.00"),
        ("OPPORTUNITY", None, "OPEN", "1000"),
    }
    pipeline = found["openPipeline"]
    assert (pipeline["opportunities"], float(pipeline["weighted"])) == (1, 100.0)
    assert found["favouriteCategories"] == [{"category": "LIGHT", "pieces": 2, "revenue": "25.00"}]
    assert ask(WHOLE, asOf={"position": 4})["customer"]["openRequests"] == [
        {"kind": "ORDER", "number": None, "status": "PLACED", "detail": "WEB", "amount": "25.00", "currency": "EUR"}
    ]


def test_habits_and_satisfaction_are_told_from_what_customers_did_and_said(ana: UUID, ask: Ask) -> None:
    called = "mutation($input: LogInteractionInput!, $at: DateTime) { logInteraction(input: $input, occurredAt: $at) { ...R } }"
    for n, (channel, hour) in enumerate([("CHAT", 8), ("CHAT", 8), ("CHAT", 17), ("EMAIL", 17)]):
        said = {"interactionId": f"i:{n}", "customerId": "shop:ana", "channel": channel, "direction": "IN"}
        ask(called, input=said, at=f"2026-01-1{n}T{hour:02}:30:00Z")
    assert ask(WHOLE)["customer"]["habits"]["bestChannel"] == "CHAT"
    habits = ask(WHOLE, asOf={"validAt": "2026-01-12T00:00:00Z"})["customer"]["habits"]
    assert habits == {"bestChannel": "CHAT", "bestHour": 9}


def test_the_moment_of_a_page_is_looked_up_once_and_not_for_each_customer(
    ana: UUID, ask: Ask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        ask(REGISTER, input={"customerId": f"shop:c{n}", "name": f"C{n}"})
    head = house.log.reader.head()
    query = """{ customers(first: %d, asOf: {position: "%d"}) { nodes {
      openPipeline { amount } favouriteCategories { category } customerValue { revenue } habits { bestHour }
    } } }"""
    used = []
    for rows in (1, 6):
        with counting(monkeypatch) as statements:
            assert "errors" not in execute(house, query % (rows, head))
        used.append(len([each for each in statements if "select recorded_at from es.event" in each]))
    assert used[0] == used[1] > 0
