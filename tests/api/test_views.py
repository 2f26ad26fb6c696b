"""Lists: every view with filters, orders and pages, and relations without a query for each row."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from api.house import House
from api.schema import build_schema, execute
from api.schema.context import Context
from domain.customer import CustomerRegistered
from domain.order import OrderPlaced
from eventstore.envelope import Recorded
from projections import VIEWS
from projections.customers import consents, customers
from projections.engine import Engine
from projections.lists import Lists
from projections.view import Row, View
from tests.api.conftest import LOGGED, ORDER, REGISTER, Ask
from tests.api.test_statements import counting

ROWS = 12
LINES = [{"sku": "A", "quantity": 1, "unitPrice": "1"}]


@pytest.fixture
def shop(ask: Ask) -> None:
    """Customers c0, c1 ... with an order of as many euros each."""
    for n in range(ROWS):
        ask(
            REGISTER, input={"customerId": f"shop:c{n}", "name": f"Customer {n:02}", "country": "ES" if n % 2 else None}
        )
        line = {"sku": "A", "quantity": 1, "unitPrice": str(n)}
        ask(
            ORDER,
            input={"orderId": f"shop:{n}", "customerId": f"shop:c{n}", "lines": [line]},
            at=f"2026-01-{n + 1:02}T10:00:00Z",
        )


def names(found: dict[str, Any]) -> list[str]:
    return [node["name"][-2:] for node in found["customers"]["nodes"]]


FILTERS: list[tuple[str, list[str]]] = [
    ("revenue: {ge: 10}", ["10", "11"]),
    ('revenue: {gt: "2", lt: "5"}', ["03", "04"]),
    ('revenue: {in: ["3", 7]}', ["03", "07"]),
    ('name: {eq: "Customer 05"}', ["05"]),
    ('name: {startsWith: "customer 1"}', ["10", "11"]),
    ('name: {contains: "_"}', []),
    ("country: {isNull: true}, revenue: {le: 2}", ["00", "02"]),
    ('country: {eq: "ES"}, revenue: {lt: 4}', ["01", "03"]),
    ('customerId: {eq: "shop:c6"}', ["06"]),
    ('customerId: {in: ["shop:c6", "shop:c2"]}', ["02", "06"]),
    ("kind: {eq: PERSON}, revenue: {lt: 1}", ["00"]),
    ("kind: {in: [ORGANISATION]}", []),
    ('lastOrderAt: {ge: "2026-01-11T10:00:00+00:00"}', ["10", "11"]),
    ("orderCount: {ne: 1}", []),
]


def test_a_filter_holds_for_every_row(shop: None, ask: Ask):
    query = "{ customers(first: 50, filter: {CONDITION}, orderBy: [{field: NAME}]) { nodes { name } totalCount } }"
    for condition, expected in FILTERS:
        found = ask(query.replace("CONDITION", condition))
        assert (condition, names(found)) == (condition, expected)
        assert found["customers"]["totalCount"] == len(expected)


def test_pages_are_disjoint_and_complete(shop: None, ask: Ask):
    query = """query($after: String) {
      customers(first: 5, after: $after, orderBy: [{field: REVENUE, direction: DESC}]) {
        edges { cursor node { name } } nodes { name }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    seen: list[str] = []
    after = None
    while True:
        page = ask(query, after=after)["customers"]
        seen += [edge["node"]["name"][-2:] for edge in page["edges"]]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        info = page["pageInfo"]
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        assert info["hasPreviousPage"] is (after is not None)
        after = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert seen == [f"{n:02}" for n in reversed(range(ROWS))]


@pytest.mark.parametrize("first", [0, -1, 101, 2_000_000])
def test_a_page_has_a_size(ask: Ask, first: int):
    (error,) = ask("query($first: Int!) { orders(first: $first) { nodes { orderId } } }", errors=True, first=first)
    assert error["extensions"]["code"] in ("BAD_REQUEST", "TOO_LARGE")
    assert "1 to 100" in error["message"] or "smaller `first`" in error["message"]


def test_a_cursor_of_another_list_is_refused(shop: None, ask: Ask):
    other = ask("{ customers(first: 1) { pageInfo { endCursor } } }")["customers"]["pageInfo"]["endCursor"]
    for cursor in [
        other,
        *["", "x", "ñ", "W10", "WyJhIl0", "WyJhIiwgImIiXQ", "WyJmYWxzZSIsICJub3RoaW5nIiwgImEiXQ", "\0"],
    ]:
        (error,) = ask(
            "query($after: String) { orders(after: $after) { nodes { orderId } } }", errors=True, after=cursor
        )
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert "cursor" in error["message"]


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ('name: {eq: "a\\u0000b"}', "filter.name.eq"),
        ("name: {eq: null}", "filter.name.eq"),
        ('customerId: {eq: "nobody"}', "filter.customerId.eq"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(ask: Ask, condition: str, field: str):
    (error,) = ask(f"{{ customers(filter: {{{condition}}}) {{ nodes {{ name }} }} }}", errors=True)
    assert error["extensions"] == {"code": "BAD_REQUEST", "field": field}


def test_a_list_can_be_asked_as_of_a_position(shop: None, ask: Ask):
    query = """query($at: Position!) {
      customers(asOf: {position: $at}) { nodes { name orderCount pieces } position totalCount }
    }"""
    found = ask(query, at="4")["customers"]
    assert sorted((node["name"][-2:], node["orderCount"], node["pieces"]) for node in found["nodes"]) == [
        ("00", 1, 1),
        ("01", 1, 1),
    ]
    assert (found["position"], found["totalCount"]) == ("4", 2)


def test_search_finds_words_without_accents_or_capitals(ask: Ask):
    ask(REGISTER, input={"customerId": "shop:1", "name": "José MUÑOZ", "email": "pepe@example.com"})
    ask(REGISTER, input={"customerId": "shop:2", "name": "Josefa Ruiz"})
    for words, found in (("jose munoz", 1), ("Muñoz", 1), ("jose", 2), ("pepe@EXAMPLE", 1), ("jose nobody", 0)):
        assert (
            ask("query($w: String) { customers(search: $w) { totalCount } }", w=words)["customers"]["totalCount"]
            == found
        )


def test_what_came_last_is_shown_first(ana: UUID, ask: Ask):
    found = ask("""{
      orders { nodes { number total placedAt lines { sku quantity unitPrice } customer { name } } }
      timeline { nodes { type } }
    }""")
    assert [node["total"] for node in found["orders"]["nodes"]] == ["199.98", "25.00"]
    assert found["orders"]["nodes"][0]["lines"] == [{"sku": "SKU-2", "quantity": 2, "unitPrice": "99.99"}]
    assert found["orders"]["nodes"][0]["placedAt"] == "2026-02-10T10:00:00Z"
    assert {node["customer"]["name"] for node in found["orders"]["nodes"]} == {"Ana Núñez"}
    assert found["timeline"]["nodes"][-1]["type"] == "order.placed.v1"


def test_words_on_the_timeline_come_from_the_log(ana: UUID, ask: Ask):
    (line,) = ask('{ timeline(filter: {kind: {eq: "interaction"}}) { nodes { subject text channel } } }')["timeline"][
        "nodes"
    ]
    assert line == {"subject": "Tienda", "text": "¿Está abierto?", "channel": "PHONE"}


NESTED = [
    "{ orders(first: N) { nodes { orderId customer { name pieces gross preferences } } } }",
    "{ timeline(first: N) { nodes { subject text customer { name since } } } }",
    "{ customers(first: N) { nodes { name pieces gross returns since position } } }",
    "{ events(first: N) { nodes { body disclosed customer { name } } } }",
    "{ customers(first: N, asOf: {position: 20}) { nodes { name pieces gross } } }",
    "{ customers(first: N) { nodes { orders(first: 2) { nodes { total } totalCount } } } }",
    "{ customers(first: N, asOf: {position: 20}) { nodes { timeline(first: 2) { nodes { type text } totalCount } } } }",
]


def test_more_rows_do_not_take_more_statements(shop: None, house: House, ask: Ask, monkeypatch: pytest.MonkeyPatch):
    for n in range(ROWS):
        ask(LOGGED, input={"interactionId": f"pbx:{n}", "customerId": f"shop:c{n}", "channel": "PHONE", "text": f"{n}"})
    house.engine.catch_up()
    for query in NESTED:
        used = []
        for rows in (2, ROWS):
            with counting(monkeypatch) as statements:
                assert "errors" not in execute(house, query.replace("N", str(rows), 1))
            used.append(len(statements))
        assert (query, used[0]) == (query, used[1])
        assert used[0] >= 2


def test_at_least_waits_for_the_view(house: House, ask: Ask):
    import threading

    found = ask(REGISTER, input={"customerId": "shop:ana", "name": "Ana"})["registerCustomer"]
    later = threading.Timer(0.3, house.engine.catch_up)
    later.start()
    query = """query($p: Position) {
      customers(atLeast: $p) { nodes { name } position }
      customer(id: "shop:ana", atLeast: $p) { name }
    }"""
    seen = execute(house, query, {"p": found["position"]})["data"]
    later.join()
    assert seen == {
        "customers": {"nodes": [{"name": "Ana"}], "position": found["position"]},
        "customer": {"name": "Ana"},
    }


def test_at_least_says_how_far_the_view_is(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.schema.moments.AT_LEAST_WAIT_S", 0.05)
    (error,) = execute(house, '{ orders(atLeast: "7") { position } }')["errors"]
    assert error["extensions"] == {"code": "STALE", "retryable": True, "position": "0"}
    assert "ask again" in error["message"]


def test_lists_within_a_list_are_those_of_each_customer(ask: Ask):
    for n in range(4):
        ask(REGISTER, input={"customerId": f"shop:c{n}", "name": f"C{n}"})
        for m in range(n):
            placed = {"orderId": f"shop:{n}-{m}", "customerId": f"shop:c{n}", "number": f"{n}-{m}", "lines": LINES}
            ask(ORDER, input=placed, at=f"2026-01-0{m + 1}T10:00:00Z")
    query = """query($asOf: AsOf, $after: String) { customers(asOf: $asOf, orderBy: [{field: NAME}]) { nodes { name
      orders(first: 2, after: $after, filter: {number: {ne: "3-1"}}) {
        nodes { number } totalCount pageInfo { hasNextPage endCursor } position
      } } } }"""
    for as_of in (None, {"position": 10}):
        found = [node["orders"] for node in ask(query, asOf=as_of)["customers"]["nodes"]]
        assert [[node["number"] for node in each["nodes"]] for each in found] == [
            [],
            ["1-0"],
            ["2-1", "2-0"],
            ["3-2", "3-0"],
        ]
        assert [each["totalCount"] for each in found] == [0, 1, 2, 2]
        assert {each["position"] for each in found} == {"10"}
    query = query.replace("first: 2", "first: 1")
    last = ask(query)["customers"]["nodes"][3]["orders"]
    assert (last["nodes"], last["pageInfo"]["hasNextPage"]) == ([{"number": "3-2"}], True)
    rest = ask(query, after=last["pageInfo"]["endCursor"])["customers"]["nodes"][3]["orders"]
    assert (rest["nodes"], rest["pageInfo"]["hasNextPage"]) == ([{"number": "3-0"}], False)


class Shelf(Row, key="customer_id"):
    """A row of a view that nobody has prepared anything for."""

    customer_id: UUID
    total: Decimal = Decimal(0)
    last_at: datetime | None = None
    odd: bool = False
    wide: int = 0
    tags: tuple[str, ...] = ()


shelf = View("shelf", Shelf, version=1)


@shelf.on(CustomerRegistered)
def put(row: Shelf, registered: CustomerRegistered, at: Recorded) -> None:
    row.last_at = at.occurred_at
    row.tags = ("new",)
    row.wide = 2**40


@shelf.on(OrderPlaced)
def add(row: Shelf, placed: OrderPlaced, at: Recorded) -> None:
    row.total += placed.total.base


def test_a_view_that_is_only_a_row_class_becomes_a_list(shop: None, house: House):
    import asyncio

    views = (*VIEWS, shelf)
    engine = Engine(house.log, house.engine.pool, views)
    engine.prepare()
    engine.catch_up()
    bigger = House(house.settings, house.dsn, house.log, Lists(house.log, house.engine.pool), engine)
    made = build_schema(house.commands.classes, views)
    query = """{ shelf(filter: {tags: {contains: "new"}, total: {gt: 9}}, orderBy: [{field: TOTAL}]) {
      nodes { customerId total wide odd tags }
    } }"""
    result = asyncio.run(made.execute(query, context_value=Context(bigger)))
    assert result.errors is None
    assert result.data is not None
    nodes = result.data["shelf"]["nodes"]
    assert [(node["total"], node["wide"], node["tags"], node["odd"]) for node in nodes] == [
        ("10", 2**40, ["new"], False),
        ("11", 2**40, ["new"], False),
    ]
    assert uuid.UUID(nodes[0]["customerId"])


def test_what_needs_a_view_that_is_not_there_is_not_shown(house: House):
    made = build_schema(house.commands.classes, [customers.view, consents.view])._schema
    shown = set(made.type_map["Customer"].fields)
    assert {"name", "revenue", "duplicates", "consentAt", "consentRegister"} <= shown
    lacking = {"profile", "quality", "relationships", "customerValue", "openRequests", "reports", "returnRequests"}
    assert not lacking & shown
    assert "customer" in made.query_type.fields
    assert not {"screenPop", "churn", "consentCoverage"} & set(made.query_type.fields)
