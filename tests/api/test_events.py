"""The log over GraphQL: envelopes, bodies, and personal values only where they are asked for."""

from uuid import UUID

import pytest

from api.house import House
from api.operator import operator
from api.schema import execute
from domain.kernel import reference
from projections.selling import orders
from tests.api.conftest import REGISTER, Ask

ALL = """query($after: Position, $types: [String!], $customer: Ref, $first: Int! = 20) {
  events(after: $after, types: $types, customer: $customer, first: $first) {
    nodes {
      position streamId version type customerId occurredAt recordedAt actor origin commandId correlationId because
      body disclosed
    }
    edges { cursor node { position } } pageInfo { hasNextPage endCursor } position } }"""


def test_an_event_is_shown_as_it_is_stored(ana: UUID, ask: Ask):
    found = ask(ALL)["events"]
    first = found["nodes"][0]
    assert (first["position"], first["version"], first["type"]) == ("1", 1, "customer.registered.v1")
    assert first["streamId"] == first["customerId"] == str(ana)
    assert (first["actor"], first["origin"], first["because"]) == (operator(), "live", None)
    assert first["commandId"] == first["correlationId"]
    assert "name" not in first["body"]
    assert first["disclosed"] == {"name": "Ana Núñez"}
    assert found["position"] == "6"
    placed = next(node for node in found["nodes"] if node["type"] == "order.placed.v1")
    assert placed["body"]["total"]["amount"] == "25.00"
    assert placed["body"]["lines"] == [{"sku": "SKU-1", "quantity": 2, "unit_price": "12.50", "description": None}]


def test_positions_are_cursors(ana: UUID, ask: Ask):
    seen: list[str] = []
    after = None
    while True:
        page = ask(ALL, first=4, after=after)["events"]
        seen += [edge["cursor"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [str(n) for n in range(1, 7)]


def test_events_of_a_type_and_of_a_customer(ana: UUID, ask: Ask):
    ask(REGISTER, input={"customerId": "shop:eva"})
    assert len(ask(ALL, types=["customer.registered.v1"])["events"]["nodes"]) == 2
    assert len(ask(ALL, customer="shop:ana", types=["customer.registered.v1"])["events"]["nodes"]) == 1
    found = ask(ALL, customer="shop:ana", after=2, first=2)["events"]
    assert [node["position"] for node in found["nodes"]] == ["3", "4"]
    assert found["pageInfo"]["hasNextPage"]
    assert ask(ALL, customer="shop:eva")["events"]["nodes"][0]["customerId"] == str(
        reference("customer", "shop", "eva")
    )


def test_what_is_forgotten_is_null(ana: UUID, house: House, ask: Ask):
    house.custodian.destroy([key.key_id for key in house.custodian.of([ana])], because=1)
    assert execute(house, "{ events(first: 1) { nodes { disclosed } } }")["data"]["events"]["nodes"][0][
        "disclosed"
    ] == {"name": None}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"types": ["order.placed"]}, "types"),
        ({"types": ["order.placed.v1"] * 101}, "types"),
        ({"first": 0}, "first"),
        ({"customer": "ana"}, "customer"),
    ],
)
def test_an_impossible_question_says_what_to_correct(ask: Ask, asked: dict[str, object], field: str):
    (error,) = ask(ALL, errors=True, **asked)
    assert error["extensions"] == {"code": "BAD_REQUEST", "field": field}


@pytest.mark.parametrize("after", [-1, "x", "1.5", 1.5, True, str(2**63), "٣"])
def test_a_position_is_a_whole_number(ask: Ask, after: object):
    (error,) = ask(ALL, errors=True, after=after)
    assert "A position is a whole number" in error["message"]


def test_a_misspelt_type_is_recognised(ask: Ask):
    (error,) = ask(ALL, errors=True, types=["order.plced.v1"])
    assert "Did you mean order.placed.v1?" in error["message"]


def test_the_views_say_how_they_stand(ana: UUID, house: House, ask: Ask):
    before = {
        view["name"]: view for view in ask("{ views { name version position lagEvents parked sentence } }")["views"]
    }
    assert set(before) == {view.name for view in house.engine.views}
    assert before["orders"] == {
        "name": "orders",
        "version": orders.view.version,
        "position": "6",
        "lagEvents": 0,
        "parked": 0,
        "sentence": "orders is up to date.",
    }
