"""Explain over GraphQL: a value with the events that made it."""

from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import ORDER, Ask

EXPLAIN = """query($view: String!, $key: [String!]!, $field: String!, $asOf: AsOf) {
  explain(view: $view, key: $key, field: $field, asOf: $asOf) {
    view viewVersion field value causeCount events position definitions { kind name version }
    causes { position type changed before after event { body } }
  }
}"""


def test_a_number_is_explained_by_the_events_that_made_it(ana: UUID, ask: Ask) -> None:
    found = ask(EXPLAIN, view="customer360", key="shop:ana", field="revenue")["explain"]
    assert (found["view"], found["field"], found["value"], found["causeCount"]) == (
        "customer360",
        "revenue",
        "224.98",
        2,
    )
    assert [(each["type"], each["before"], each["after"]) for each in found["causes"]] == [
        ("order.placed.v1", "0", "25.00"),
        ("order.placed.v1", "25.00", "224.98"),
    ]
    assert found["events"] > 2
    assert "total" in found["causes"][0]["event"]["body"]
    position = found["causes"][0]["position"]
    then = ask(EXPLAIN, view="customer360", key=str(ana), field="revenue", asOf={"position": position})["explain"]
    assert (then["value"], then["causeCount"], then["position"]) == ("25.00", 1, position)


def test_a_customer_explains_its_own_fields(ana: UUID, ask: Ask) -> None:
    query = """{ customer(id: "shop:ana") {
      orders: explain(field: "orderCount") { view value causes(first: 1) { type } causeCount }
      phone: explain(field: "phone") { view value causes { type } }
    } }"""
    found = ask(query)["customer"]
    assert (found["orders"]["value"], found["orders"]["causeCount"]) == (2, 2)
    assert (found["phone"]["view"], found["phone"]["value"]) == ("customers", "600 123 456")
    assert len(found["orders"]["causes"]) == 1


def test_a_key_of_several_columns_is_given_in_order(ana: UUID, ask: Ask) -> None:
    (entry,) = ask('{ timeline(filter: {kind: {eq: "interaction"}}) { nodes { position } } }')["timeline"]["nodes"]
    found = ask(EXPLAIN, view="timeline", key=["shop:ana", entry["position"]], field="channel")["explain"]
    assert (found["value"], [each["position"] for each in found["causes"]]) == ("PHONE", [entry["position"]])


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"view": "custmers", "key": ["shop:ana"], "field": "name"}, "Did you mean customers?"),
        ({"view": "customers", "key": ["shop:ana"], "field": "nme"}, "Did you mean name?"),
        ({"view": "customers", "key": ["shop:ana", "1"], "field": "name"}, "The key of customers is customerId"),
        ({"view": "timeline", "key": ["shop:ana", "x"], "field": "type"}, "whole number"),
        ({"view": "customers", "key": ["?"], "field": "name"}, "id"),
        ({"view": "sales", "key": ["shop:1", "1", "1"], "field": "amount"}, "Explain orders"),
    ],
)
def test_what_cannot_be_explained_is_refused(ask: Ask, asked: dict[str, Any], sentence: str) -> None:
    (error,) = ask(EXPLAIN, errors=True, **asked)
    assert sentence in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_what_is_not_there_has_no_explanation(ask: Ask) -> None:
    assert ask(EXPLAIN, view="orders", key=["shop:9"], field="total")["explain"] is None


def test_causes_go_on_after_a_position(ana: UUID, ask: Ask) -> None:
    for n in range(3, 6):
        line = {"sku": "A", "quantity": 1, "unitPrice": "1"}
        ask(ORDER, input={"orderId": f"shop:{n}", "customerId": "shop:ana", "lines": [line]})
    query = """query($after: Position) { customer(id: "shop:ana") {
      explain(field: "orderCount") { causes(first: 3, after: $after) { position after } }
    } }"""
    first = ask(query)["customer"]["explain"]["causes"]
    rest = ask(query, after=first[-1]["position"])["customer"]["explain"]["causes"]
    assert [each["after"] for each in first + rest] == [1, 2, 3, 4, 5]
