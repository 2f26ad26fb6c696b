"""The limits: hostile documents are measured in as much work as they have parts, and refused with a sentence."""

# ruff: noqa: E501  # a hostile document is one line

import asyncio
import json
from typing import Any, cast

import pytest
from graphql import get_introspection_query, parse, print_ast

from api import limits
from api.house import House
from api.limits import MAX_COST, SATURATED, measure
from api.schema import answer, schema
from api.schema.context import Context
from domain.predicate import MAX_DEPTH


def spreads(levels: int, times: int = 2, leaf: str = "name") -> str:
    """A chain of fragments in which each spreads the next one several times."""
    chain = [f"fragment F{n} on Customer {{ {f'...F{n + 1} ' * times}}}" for n in range(levels)]
    return f"{{ customers {{ nodes {{ ...F0 }} }} }} {' '.join(chain)} fragment F{levels} on Customer {{ {leaf} }}"


def selections(text: str) -> int:
    """How many selections a document has, counted by what is printed."""
    return sum(
        not line.strip().startswith(("}", "{", "fragment", "query")) for line in print_ast(parse(text)).splitlines()
    )


ATTACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "double spreads, under a kilobyte": (spreads(19), {}),
    "double spreads, as many as go": (spreads(28), {}),
    "tenfold spreads": (spreads(20, times=10), {}),
    "spreads of aliases": (spreads(10, leaf="a: name b: email"), {}),
    "spreads of lists": (spreads(8, leaf="orders(first: 100) { nodes { customer { customerId } } }"), {}),
    "too many fragments": (spreads(40, times=1), {}),
    "a fragment in itself": ("{ customers { nodes { ...F } } } fragment F on Customer { ...F name }", {}),
    "two fragments in each other": ("{ customers { nodes { ...F } } } fragment F on Customer { ...G } fragment G on Customer { ...F }", {}),
    "a large page": ("{ customers(first: 1000000) { nodes { name } } }", {}),
    "a larger page than numbers go": ("{ customers(first: 99999999999999999999) { nodes { name } } }", {}),
    "a large page by a variable": ("query($n: Int!) { customers(first: $n) { nodes { name } } }", {"n": 1_000_000}),
    "a large page by a default": ("query($n: Int! = 1000000) { customers(first: $n) { nodes { name } } }", {}),
    "pages in pages": ("{ customers(first: 100) { nodes { orders(first: 100) { nodes { orderId } } } } }", {}),
    "pages in pages by default": ("{ orders(first: 100) { nodes { customer { timeline(first: 99) { nodes { type } } } } } }", {}),
    "pages in edges": ("{ customers(first: 100) { edges { node { orders(first: 99) { edges { node { total } } } } } } }", {}),
    "pages of pages of pages": (
        "{ customers(first: 20) { nodes { orders(first: 20) { nodes { customer { orders(first: 20) { nodes { total } } } } } } } }", {},
    ),
    "a deep query": ("{ orders(first: 1) { nodes " + "{ customer { orders(first: 1) { nodes " * 4 + "{ total }" + "} } }" * 4 + " } }", {}),
    "inline fragments without end": ("{ customers { nodes " + "{ ... on Customer " * 150 + "{ name }" + "}" * 150 + " } }", {}),
    "braces without end": ("{ a " * 3000 + "}" * 3000, {}),
    "brackets without end": ('{ orders(filter: {orderId: {in: ' + "[" * 5000 + "]" * 5000 + "}}) { position } }", {}),
    "aliases": ("{" + " ".join(f"a{n}: __typename" for n in range(200)) + "}", {}),
    "the same list by aliases": ("{" + " ".join(f"a{n}: customers(first: 100) {{ totalCount }}" for n in range(16)) + "}", {}),
    "the same field": ("{ customers { nodes {" + "name " * 900 + "} } }", {}),
    "conflicting fields": ("{ customers { nodes {" + " ".join("a: name a: email" for _ in range(7)) + "} } }", {}),
    "directives": ("{ views {" + " name" + " @include(if: true)" * 30 + "} }", {}),
    "unknown directives": ("{ views { name " + "@x " * 400 + "} }", {}),
    "tokens": ("{ views { name " + "name " * 5000 + "} }", {}),
    "commas": ("{ views { name } }" + "," * 70_000, {}),
    "comments": ("#\n" * 30_000 + "{ views { name } }", {}),
    "a long name": ("{ " + "a" * 100_000 + " }", {}),
    "many operations": (" ".join(f"query Q{n} {{ views {{ name }} }}" for n in range(100)), {}),
    "many variables": ("query(" + " ".join(f"$v{n}: Int" for n in range(300)) + ") { views { name } }", {}),
    "many mutations": ("mutation {" + " ".join(f'a{n}: confirmOrder(input: {{orderId: "shop:{n}"}}) {{ __typename }}' for n in range(40)) + "}", {}),
    "many values": ("query($v: [Ref!]) { orders(filter: {orderId: {in: $v}}) { position } }", {"v": ["shop:1"] * 5_000}),
    "nested variables": ("query($v: OrderFilter) { orders(filter: $v) { position } }", {"v": json.loads('{"a":' * 200 + "1" + "}" * 200)}),
    "introspection in circles": (
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }", {},
    ),
    "introspection in depth": ('{ __type(name: "Query") ' + "{ ofType " * 24 + "{ name }" + "}" * 24 + " }", {}),
    "introspection by aliases": (
        "{ __schema {" + " ".join(f"a{n}: types {{ fields {{ args {{ name }} name }} }}" for n in range(14)) + "} }", {},
    ),
}  # fmt: skip

LIMITS = {
    "double spreads, under a kilobyte": "fields", "double spreads, as many as go": "fields", "tenfold spreads": "fields",
    "spreads of aliases": "fields", "spreads of lists": "fields", "too many fragments": "fragments", "a fragment in itself": None,
    "two fragments in each other": None, "a large page": "cost", "a larger page than numbers go": "cost",
    "a large page by a variable": "cost", "a large page by a default": "cost", "pages in pages": "cost",
    "pages in pages by default": "cost", "pages in edges": "cost", "pages of pages of pages": "cost", "a deep query": "depth",
    "inline fragments without end": "nesting", "braces without end": "nesting", "brackets without end": "nesting",
    "aliases": "aliases", "the same list by aliases": "aliases", "the same field": "fields", "conflicting fields": None,
    "directives": "directives", "unknown directives": "directives", "tokens": "tokens", "commas": "document", "comments": "comments",
    "a long name": "document", "many operations": "operations", "many variables": "tokens", "many mutations": "aliases",
    "many values": None, "nested variables": "variables", "introspection in circles": "introspection",
    "introspection by aliases": "introspection", "introspection in depth": "introspection",
}  # fmt: skip
"""Which limit each of them meets; None: the specification's own validation, or the list, has the word."""

NO_HOUSE = cast(House, None)
"""What is refused in time needs none."""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_before_anything_is_done_for_it(name: str, monkeypatch: pytest.MonkeyPatch):
    asked: list[object] = []

    async def ask(self: Context, *args: object, **kwargs: object) -> None:
        asked.append(args)

    monkeypatch.setattr(Context, "ask", ask)
    text, variables = ATTACKS[name]
    found = asyncio.run(answer(Context(NO_HOUSE), text, variables))
    assert "errors" in found, name
    assert asked == []
    assert {error["extensions"]["code"] for error in found["errors"]} <= {"TOO_LARGE", "BAD_REQUEST"}
    assert {error["extensions"].get("limit") for error in found["errors"]} == {LIMITS[name]}
    assert all(error["message"].endswith((".", "?")) for error in found["errors"])
    assert len(json.dumps(found)) < 40_000


@pytest.mark.parametrize(
    "name", [name for name, (text, _) in ATTACKS.items() if len(text) < 8_000 and "{ a " not in text]
)
def test_the_work_of_measuring_is_the_number_of_selections(name: str):
    text, variables = ATTACKS[name]
    try:
        document = parse(text)
        _, work = measure(schema()._schema, document, variables)
    except limits.TooLarge:
        return
    assert work <= selections(text)


def test_the_deepest_predicate_that_a_segment_may_have_is_taken() -> None:
    deepest: dict[str, Any] = {"test": {"field": "country", "operator": "IN", "texts": ["ES"]}}
    for _ in range(MAX_DEPTH - 1):
        deepest = {"no": [deepest]}
    limits.check_variables({"input": {"predicate": deepest}})
    for _ in range(limits.MAX_VARIABLES_DEPTH // 2):
        deepest = {"no": [deepest]}
    with pytest.raises(limits.TooLarge, match="Send them flatter"):
        limits.check_variables({"input": {"predicate": deepest}})


def test_the_work_grows_with_the_document_while_what_it_asks_for_explodes():
    works, fields = [], []
    for levels in (5, 10, 20):
        found, work = measure(schema()._schema, parse(spreads(levels)), {})
        works.append(work)
        fields.append(found.fields)
    assert works == [2 * levels + 4 for levels in (5, 10, 20)]
    assert fields == [2**levels + 2 for levels in (5, 10, 20)]


def test_counters_stop_instead_of_growing_without_end():
    found, work = measure(schema()._schema, parse(spreads(90, times=9)), {})
    assert (found.fields, work) == (SATURATED, 9 * 90 + 4)


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{ customers(first: 10) { nodes { name } } }", 10),
        ("{ customers { nodes { name } } }", 20),
        ("{ customers(last: 30) { nodes { name } } }", 30),
        ("{ customers(first: 3, last: 30) { nodes { name } } }", 30),
        ("query($n: Int! = 40) { customers(last: $n) { nodes { name } } }", 40),
        ("{ customers { nodes { name } edges { node { name } } } }", 20),
        ("{ customers(first: 10) { nodes { orders(first: 5) { nodes { lines { sku } } } } } }", 10 + 50 + 500),
        ("{ a: customers(first: 7) { totalCount } b: customers(first: 8) { totalCount } }", 15),
        ("{ views { name } }", 10),
        ('{ customer(id: "shop:1") { name } }', 0),
        ("query($n: Int! = 30) { events(first: $n) { nodes { body } } }", 30),
    ],
)
def test_the_cost_is_the_number_of_objects_that_may_come(text: str, cost: int):
    assert measure(schema()._schema, parse(text), {})[0].cost == cost


def test_a_variable_decides_on_the_cost():
    document = parse("query($n: Int! = 3) { customers(first: $n) { nodes { name } } }")
    assert measure(schema()._schema, document, {"n": 90})[0].cost == 90


def test_the_largest_operation_counts_whichever_is_asked_for():
    text = "query A { views { name } } query B { customers(first: 100) { nodes { orders(first: 100) { nodes { total } } } } }"
    assert measure(schema()._schema, parse(text), {})[0].cost > MAX_COST


def test_tools_can_read_the_schema(house: House):
    found = asyncio.run(
        answer(Context(house), get_introspection_query(descriptions=True, input_value_deprecation=True))
    )
    assert "errors" not in found
    assert len(found["data"]["__schema"]["types"]) > 50


def test_an_ordinary_screen_is_within_the_limits(house: House):
    text = """{ customer(id: "shop:1") { name revenue timeline(first: 50) { edges { cursor node { type text subject } } }
      orders(first: 20) { nodes { total lines { sku quantity } } } followUps { nodes { status dueAt } } } }"""
    assert "errors" not in asyncio.run(answer(Context(house), text))


def test_what_is_refused_says_which_limit_it_was():
    found = asyncio.run(
        answer(Context(NO_HOUSE), "{ customers(first: 100) { nodes { orders(first: 100) { nodes { total } } } } }")
    )
    assert found["errors"] == [
        {
            "message": "This asks for up to 10,100 objects; 5,000 is the limit. Give a smaller `first`.",
            "extensions": {"code": "TOO_LARGE", "limit": "cost"},
        }
    ]
