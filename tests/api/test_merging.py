"""Two records of one person, over GraphQL: found, merged, looked at by either id, and parted again."""

from typing import Any
from uuid import UUID

import pytest

from domain.kernel import reference
from tests.api.conftest import ORDER, REGISTER, Ask

EVA: UUID = reference("customer", "shop", "eva")
FOUND = "{ duplicates { score features customer { customerId } other { customerId } } }"
CARD = "query($id: Ref, $asOf: AsOf) { customer(id: $id, asOf: $asOf) { customerId name orderCount duplicates { features } } }"
MERGE = "mutation($input: MergeCustomersInput!) { mergeCustomers(input: $input) { ...R } }"
UNMERGE = "mutation($input: UnmergeCustomersInput!) { unmergeCustomers(input: $input) { ...R } }"


@pytest.fixture
def both(ana: UUID, ask: Ask) -> Ask:
    """Ana with two orders, and Eva with one, who has the same mail address."""
    ask(REGISTER, input={"customerId": "shop:eva", "name": "A. Nuñez", "email": "ana@example.com"})
    line = {"sku": "X", "quantity": 1, "unitPrice": "1"}
    ask(ORDER, input={"orderId": "shop:9", "customerId": "shop:eva", "lines": [line]})
    return ask


def card(ask: Ask, id: str, **more: Any) -> Any:
    return ask(CARD, id=id, **more)["customer"]


def test_who_has_the_same_address_may_be_the_same(both: Ask) -> None:
    (pair,) = both(FOUND)["duplicates"]
    assert (pair["score"], pair["features"]) == ("0.9980", ["SAME_EMAIL", "SIMILAR_NAME"])
    assert {pair["customer"]["customerId"], pair["other"]["customerId"]} == {
        str(EVA),
        str(reference("customer", "shop", "ana")),
    }
    assert card(both, "shop:eva")["duplicates"] == [{"features": ["SAME_EMAIL", "SIMILAR_NAME"]}]


def test_a_suspicion_that_was_dismissed_is_not_shown_again_until_it_is_surer(both: Ask) -> None:
    pair = {"customerId": "shop:ana", "otherId": "shop:eva"}
    suspect = "mutation($input: SuspectDuplicateInput!) { suspectDuplicate(input: $input) { ...R } }"
    (found,) = both(FOUND)["duplicates"]
    both(suspect, input={**pair, "score": found["score"], "features": found["features"]})
    dismiss = "mutation($input: DismissDuplicateInput!) { dismissDuplicate(input: $input) { ...R } }"
    both(dismiss, input={**pair, "reason": "Mother and daughter."})
    assert both(FOUND)["duplicates"] == []
    add = "mutation($input: AddIdentifierInput!) { addIdentifier(input: $input) { ...R } }"
    both(add, input={"customerId": "shop:eva", "type": "PHONE", "value": "+34 600 123 456"})
    (pair,) = both(FOUND)["duplicates"]
    assert (pair["score"], pair["features"]) == ("0.9999", ["SAME_EMAIL", "SAME_PHONE", "SIMILAR_NAME"])


def test_either_id_leads_to_the_one_that_remains_and_back_when_they_part(both: Ask) -> None:
    merged = both(MERGE, input={"customerId": "shop:eva", "survivorId": "shop:ana"})["mergeCustomers"]
    assert card(both, "shop:eva") == card(both, "shop:ana")
    assert (card(both, "shop:eva")["orderCount"], card(both, "shop:eva")["duplicates"]) == (3, [])
    assert both(FOUND)["duplicates"] == []
    before = {"position": int(merged["position"]) - 1}
    assert card(both, "shop:eva", asOf=before)["name"] == "A. Nuñez"
    assert card(both, "shop:eva", asOf={"position": int(merged["position"])})["name"] == "Ana Núñez"
    events = both('{ events(first: 100, customer: "shop:eva") { nodes { type customer { name } } } }')["events"][
        "nodes"
    ]
    assert {event["customer"]["name"] for event in events} == {"Ana Núñez"}
    both(UNMERGE, input={"customerId": "shop:eva"})
    assert [card(both, f"shop:{who}")["orderCount"] for who in ("ana", "eva")] == [2, 1]


def test_a_circle_is_refused_as_data(both: Ask) -> None:
    both(MERGE, input={"customerId": "shop:eva", "survivorId": "shop:ana"})
    refused = both(MERGE, input={"customerId": "shop:ana", "survivorId": "shop:eva"})["mergeCustomers"]
    assert (refused["field"], refused["reason"]) == (
        "survivorId",
        "The customer to merge into has been merged into another one itself: merge into that one.",
    )


def test_an_identifier_of_two_belongs_to_whoever_verified_it(both: Ask) -> None:
    by = 'query { customer(identifier: "ana@example.com") { customerId } }'
    assert "More than one has it" in both(by, errors=True)[0]["message"]
    verify = "mutation($input: VerifyIdentifierInput!) { verifyIdentifier(input: $input) { ...R } }"
    asked = {"type": "EMAIL", "value": "ana@example.com", "method": "LINK"}
    both(verify, input={"customerId": "shop:eva", **asked})
    assert both(by)["customer"]["customerId"] == str(EVA)
    refused = both(verify, input={"customerId": "shop:ana", **asked})["verifyIdentifier"]
    assert "another customer's" in refused["reason"]
