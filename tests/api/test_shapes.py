"""Shapes: types that hold themselves, as predicates do, are types of GraphQL too."""

import asyncio
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from api.schema.commands import written
from api.schema.scalars import SCALARS
from api.schema.shapes import REQUIRED, Argument, Shapes, answered, output
from domain.lead import ScoreLead
from domain.lead import decider as lead
from domain.predicate import Predicate
from domain.segment import DefineSegment, decider
from eventstore.commands import Commands

SPAIN = {"test": {"field": "country", "operator": "EQ", "text": "ES"}}
ASKED = {
    "segmentId": "crm:spain",
    "key": "spain",
    "title": {"en": "Spain"},
    "predicate": {"every": [SPAIN, {"no": [{"test": {"field": "revenue", "operator": "LT", "number": "0.10"}}]}]},
}


@pytest.fixture(scope="module")
def made() -> strawberry.Schema:
    shapes = Shapes()

    async def take(_: Any, info: Any, *, input: Any) -> Any:
        command = Commands([decider]).read("defineSegment", written(input))
        assert isinstance(command, DefineSegment)
        return command.predicate

    argument = Argument("input", shapes.input_of(DefineSegment), "What is asked.", REQUIRED)
    shape = shapes.output_of(Predicate)
    field = answered("take", shape, "What was understood.", take, (argument,), within=shapes.types)
    return strawberry.Schema(output("Query", "Everything.", [field]), config=StrawberryConfig(scalar_map=SCALARS))


def test_a_tree_is_asked_for_and_shown_as_one(made: strawberry.Schema) -> None:
    shown = "{ every { test { field text } no { test { operator number } } } }"
    found = asyncio.run(
        made.execute(
            f"query($input: DefineSegmentInput!) {{ take(input: $input) {shown} }}", variable_values={"input": ASKED}
        )
    )
    assert found.errors is None
    assert found.data == {
        "take": {
            "every": [
                {"test": {"field": "country", "text": "ES"}, "no": None},
                {"test": None, "no": [{"test": {"operator": "LT", "number": "0.10"}}]},
            ]
        }
    }


def test_a_type_that_holds_itself_is_made_once(made: strawberry.Schema) -> None:
    sdl = made.as_str()
    assert sdl.count("input PredicateInput {") == sdl.count("type Predicate {") == 1
    assert sdl.count("some: [PredicateInput!]") == sdl.count("some: [Predicate!]") == 1
    assert "predicate: PredicateInput!" in sdl


def test_what_has_a_default_may_be_left_out() -> None:
    shapes = Shapes()
    argument = Argument("input", shapes.input_of(ScoreLead), "What is asked.", REQUIRED)

    async def take(_: Any, info: Any, *, input: Any) -> int:
        command = Commands([lead]).read("scoreLead", written(input))
        assert isinstance(command, ScoreLead)
        return len(command.factors)

    field = answered("take", int, "How many factors were understood.", take, (argument,), within=shapes.types)
    made = strawberry.Schema(output("Query", "Everything.", [field]), config=StrawberryConfig(scalar_map=SCALARS))
    assert "factors: JSON\n" in made.as_str()
    asked = {"leadId": "crm:1", "score": 1, "model": "m"}
    for given, known in ((asked, 0), ({**asked, "factors": {"visits": "0.5"}}, 1)):
        found = asyncio.run(
            made.execute("query($input: ScoreLeadInput!) { take(input: $input) }", variable_values={"input": given})
        )
        assert (found.errors, found.data) == (None, {"take": known})
