"""The journal and the chain of causes, asked over GraphQL."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from api.house import House
from domain.kernel import derived
from eventstore.envelope import Request
from tests.api.conftest import ORDER, REGISTER, Ask

JOURNAL = """query($filter: JournalFilter, $first: Int, $after: Position, $last: Int, $before: Position) {
  journal(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    nodes { position type actor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } position } }"""
WHY = """query($position: Position!, $depth: Int! = 12) { why(position: $position, depth: $depth) { older
  causes { link back event { position type } } event { link back more event { position } }
  effects { link back more event { position type } } } }"""


def positions(ask: Ask, **asked: Any) -> list[int]:
    return [int(node["position"]) for node in ask(JOURNAL, **asked)["journal"]["nodes"]]


def test_the_log_is_searched_and_paged_both_ways(ana: UUID, ask: Ask) -> None:
    ask(REGISTER, input={"customerId": "shop:eva", "email": "eva@example.com"})
    everything = positions(ask)
    assert everything == list(range(1, len(everything) + 1))
    assert positions(ask, filter={"types": ["order.*"]}) == positions(ask, filter={"types": ["order.placed.v1"]})
    for customer in ("shop:ana", "ana@example.com", "600 123 456", str(ana)):
        assert len(positions(ask, filter={"customers": [customer]})) == 6
    actor = ask(JOURNAL, first=1)["journal"]["nodes"][0]["actor"]
    who = {"customers": ["eva@example.com"], "actors": [f"{actor[:4]}*"], "origin": "live"}
    assert positions(ask, filter=who) == positions(ask, filter={**who, "actors": [actor]}) != []
    assert positions(ask, filter={**who, "actors": ["nobody*"]}) == []
    page = ask(JOURNAL, last=3)["journal"]
    assert [int(node["position"]) for node in page["nodes"]] == everything[-3:]
    assert (page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]) == (True, False)
    assert positions(ask, last=2, before=page["pageInfo"]["startCursor"]) == everything[-5:-3]
    assert positions(ask, first=2, after="2") == [3, 4]
    assert positions(ask, filter={"occurredUntil": "2026-01-31T00:00:00Z"}) == positions(
        ask, filter={"occurredFrom": "2026-01-10T10:00:00Z", "occurredUntil": "2026-01-10T10:00:00Z"}
    )
    assert positions(ask, filter={"recordedFrom": "2999-01-01T00:00:00Z"}) == []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"filter": {"types": ["order.place.v1"]}}, "Did you mean order.placed.v1?"),
        ({"filter": {"customers": ["nobody@example.com"]}}, "Nobody is known by 'nobody@example.com'"),
        ({"filter": {"origin": "moon"}}, "An origin is one of live, import, sync"),
        ({"filter": {"streamId": "what"}}, "streamId"),
        ({"first": 101}, "Ask for 1 to 100"),
        ({"last": 0}, "Ask for 1 to 100"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(ana: UUID, ask: Ask, asked: dict[str, Any], sentence: str) -> None:
    [error] = ask(JOURNAL, errors=True, **asked)
    assert sentence in f"{error['message']} {error['extensions']}"


def test_because_of_what_is_told_with_what_came_of_it(ana: UUID, ask: Ask, house: House) -> None:
    line = {"sku": "A", "quantity": 1, "unitPrice": "1"}
    placed = int(
        ask(ORDER, input={"orderId": "shop:9", "customerId": "shop:ana", "lines": [line]})["placeOrder"]["position"]
    )
    ship = house.commands.read("shipOrder", {"orderId": "shop:9"})
    shipped = house.log.do(ship, Request(actor="user:ana")).position
    told = {"customerId": "shop:ana", "interactionId": str(derived("x")), "channel": "EMAIL"}
    logged = house.commands.read("logInteraction", told)
    letter = house.log.do(logged, Request(actor="policy:p", because=shipped, command_id=uuid4())).position
    found = ask(WHY, position=placed)["why"]
    assert (found["causes"], found["event"]["link"], found["older"]) == ([], None, False)
    assert [(e["event"]["position"], e["link"], e["back"]) for e in found["effects"]] == [
        (str(shipped), "CONTINUED", str(placed)), (str(letter), "CAUSED", str(shipped)),
    ]  # fmt: skip
    back = ask(WHY, position=letter)["why"]
    assert [(e["event"]["position"], e["link"], e["back"]) for e in back["causes"]] == [
        (str(placed), None, None), (str(shipped), "CONTINUED", str(placed)),
    ]  # fmt: skip
    assert (back["event"]["link"], back["event"]["back"]) == ("CAUSED", str(shipped))
    assert ask(WHY, position=placed, depth=1)["why"]["effects"][0]["more"]
    assert "no event at position 999" in ask(WHY, errors=True, position=999)[0]["message"]
