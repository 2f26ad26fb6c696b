"""One customer: by id or identifier, now or as it was, with what belongs to it."""

from uuid import UUID

import pytest

from api.schema.customer import candidates
from domain.kernel import Refused, reference
from tests.api.conftest import ORDER, REGISTER, Ask

FULL = """query($id: Ref, $identifier: String, $asOf: AsOf) { customer(id: $id, identifier: $identifier, asOf: $asOf) {
  customerId name email identifiers orderCount revenue pieces gross channels position
  orders(first: 1) { nodes { orderId total customer { name } } totalCount }
  timeline(first: 2, filter: {kind: {eq: "order"}}) { nodes { type amount } }
  followUps { nodes { status } }
} }"""


def test_a_customer_is_shown_with_card_and_lists(ana: UUID, ask: Ask):
    found = ask(FULL, id="shop:ana")["customer"]
    assert found["customerId"] == str(ana)
    assert (found["name"], found["orderCount"], found["revenue"], found["pieces"], found["gross"]) == (
        "Ana Núñez", 2, "224.98", 4, "224.98",
    )  # fmt: skip
    assert found["identifiers"] == ["EMAIL:ana@example.com", "PHONE:+34600123456"]
    assert found["channels"] == {"PHONE": 1}
    assert found["orders"] == {
        "nodes": [
            {"orderId": str(reference("order", "shop", "2")), "total": "199.98", "customer": {"name": "Ana Núñez"}}
        ],
        "totalCount": 2,
    }
    assert [line["amount"] for line in found["timeline"]["nodes"]] == ["199.98", "25.00"]
    assert found["position"] == "6"
    assert found == ask(FULL, id=str(ana))["customer"]


def test_a_customer_is_shown_as_it_was(ana: UUID, ask: Ask):
    found = ask(FULL, id="shop:ana", asOf={"position": 4})["customer"]
    assert (found["orderCount"], found["revenue"], found["pieces"], found["position"]) == (1, "25.00", 2, "4")
    assert found["orders"]["totalCount"] == 1
    assert found["orders"]["nodes"][0]["customer"] == {"name": "Ana Núñez"}
    assert len(found["timeline"]["nodes"]) == 1
    assert ask(FULL, id="shop:ana", asOf={"validAt": "2026-01-31T00:00:00Z"})["customer"]["orderCount"] == 1
    assert ask(FULL, id="shop:ana", asOf={"knownAt": "2020-01-31T00:00:00Z"})["customer"] is None


@pytest.mark.parametrize(
    "text", ["ana@EXAMPLE.com", "EMAIL:Ana@example.com", "+34 600 123 456", "600123456", "PHONE:600-123-456"]
)
def test_a_customer_is_found_by_an_identifier(ana: UUID, ask: Ask, text: str):
    assert ask(FULL, identifier=text)["customer"]["customerId"] == str(ana)


def test_a_card_number_is_found_in_its_normal_form(ana: UUID, ask: Ask):
    ask('mutation { addIdentifier(input: {customerId: "shop:ana", type: LOYALTY_CARD, value: "ab-12 34"}) { ...R } }')
    assert ask(FULL, identifier="AB1234")["customer"]["customerId"] == str(ana)
    assert ask(FULL, identifier="TAX_ID:AB1234")["customer"] is None
    ask('mutation { removeIdentifier(input: {customerId: "shop:ana", type: LOYALTY_CARD, value: "AB1234"}) { ...R } }')
    assert ask(FULL, identifier="AB1234")["customer"] is None
    assert "" not in ask(FULL, id="shop:ana")["customer"]["identifiers"]


def test_an_identifier_of_two_customers_names_nobody(ana: UUID, ask: Ask):
    ask(REGISTER, input={"customerId": "shop:eva", "email": "ana@example.com"})
    (error,) = ask(FULL, errors=True, identifier="ana@example.com")
    assert error["extensions"] == {"code": "BAD_REQUEST", "field": "identifier"}
    assert "customers(filter:" in error["message"]


def test_nobody_is_null(ask: Ask):
    assert ask(FULL, id="shop:nobody")["customer"] is None
    assert ask(FULL, identifier="nobody@example.com")["customer"] is None


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "id"),
        ({"id": "shop:ana", "identifier": "a@b.es"}, "id"),
        ({"id": "ana"}, "id"),
        ({"identifier": "a@b.es", "asOf": {"position": 1}}, "identifier"),
        ({"identifier": "EMAIL:nothing like it"}, "identifier"),
        ({"identifier": "a\0b"}, "identifier"),
        ({"identifier": "x" * 1000}, "identifier"),
    ],
)
def test_an_impossible_question_says_what_to_correct(ask: Ask, asked: dict[str, object], field: str):
    (error,) = ask(FULL, errors=True, **asked)
    assert error["extensions"] == {"code": "BAD_REQUEST", "field": field}


def test_as_of_is_exactly_one_moment(ask: Ask):
    both = {"position": 1, "time": "2026-01-01T00:00:00Z"}
    (error,) = ask(FULL, errors=True, id="shop:ana", asOf=both)
    assert "AsOf" in error["message"]


def test_a_named_type_is_tried_alone():
    assert candidates("LOYALTY_CARD: ab-12") == ["LOYALTY_CARD:AB12"]
    assert "EMAIL:a@b.es" in candidates("A@b.es")
    with pytest.raises(Refused):
        candidates("PHONE:abc")


def test_an_order_of_somebody_unknown_is_shown_all_the_same(ask: Ask):
    line = {"sku": "A", "quantity": 1, "unitPrice": "1"}
    ask(ORDER, input={"orderId": "shop:1", "customerId": "shop:new", "lines": [line]})
    found = ask(FULL, id="shop:new")["customer"]
    assert (found["name"], found["orderCount"]) == (None, 1)
