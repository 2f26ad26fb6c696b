"""The catalogue: a reader finds every event in it, and every word that it uses."""

import re

from domain import DECIDERS
from domain.order import OrderPlaced, PlaceOrder
from domain.predicate import Predicate
from domain.segment import DefineSegment, SegmentDefined
from eventstore.catalogue import as_markdown, command_schema, event_schema, sentence

PAGE = as_markdown(DECIDERS)
TABLES = [line for line in PAGE.splitlines() if line.startswith("| ")]


def cells(start: str) -> list[str]:
    [found] = [line for line in TABLES if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split(" | ")]


def test_every_noun_is_in_the_contents_and_has_a_section() -> None:
    for decider in DECIDERS:
        linked = cells(f"[{decider.noun}](#{decider.noun})")
        assert linked[2:] == [str(len(decider.commands)), str(len(decider.events))]
        assert PAGE.count(f"\n## {decider.noun}\n") == 1


def test_every_event_has_one_line_that_says_what_happened() -> None:
    for decider in DECIDERS:
        for event in decider.events:
            assert cells(f"`{event.stored_as}`")[1] == sentence(event)


def test_no_sentence_breaks_its_table() -> None:
    columns = {len(re.split(r"(?<!\\)\|", line)) - 2 for line in TABLES}
    assert columns == {3, 4}


def test_a_field_says_what_it_is_whether_it_may_be_empty_and_whether_it_is_sealed() -> None:
    [body] = cells("`order.placed.v1`")[2:]
    assert body.startswith("`customer_id` id of customer, `lines` list of OrderLine, ")
    assert "`number?` text" in body
    assert cells("`interaction.message-received.v1`")[2].count("*sealed* ") > 1
    assert cells("`placeOrder`")[2].startswith("`orderId` id of order, ")
    assert cells("`call.resumed.v1`")[2] == "nothing more"


def test_every_word_with_a_capital_is_explained() -> None:
    named = {word for line in TABLES for word in re.findall(r"(?:` |of |to )([A-Z][a-z]\w*)(?=,| \||\?)", line)}
    assert {"Predicate", "OrderLine", "Channel", "Money", "Test", "TestOperator"} <= named
    for word in named:
        assert len(cells(word)) == 3, word


def test_what_holds_itself_is_defined_once_and_referred_to() -> None:
    for schema in (event_schema(SegmentDefined), command_schema(DefineSegment)):
        inner = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Predicate"}}, {"type": "null"}]}
        assert schema["properties"]["predicate"] == {"$ref": "#/$defs/Predicate"}  # type: ignore[index]
        [[name, defined]] = schema["$defs"].items()  # type: ignore[attr-defined]
        assert name == Predicate.__name__
        assert [defined["properties"][branch] for branch in ("every", "some", "no")] == [inner] * 3
        assert defined["properties"]["test"]["anyOf"][0]["required"] == ["field", "operator"]


def test_only_what_holds_itself_is_defined_apart() -> None:
    assert "$defs" not in event_schema(OrderPlaced)
    assert "$defs" not in command_schema(PlaceOrder)
