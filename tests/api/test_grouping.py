"""Filters within filters, pages from the end, and every list counted, summed and grouped."""

from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import LOGGED, ORDER, REGISTER, Ask

ROWS = 8
FEBRUARY = "2026-02-10T22:59:00Z"


@pytest.fixture
def shop(ask: Ask) -> None:
    """Customers c0, c1 ... of two countries, with an order of as many euros each, half of them by web."""
    for n in range(ROWS):
        country = "ES" if n % 2 else "FR"
        ask(REGISTER, input={"customerId": f"shop:c{n}", "name": f"Customer {n}", "country": country})
        line = {"sku": "A", "quantity": n + 1, "unitPrice": f"{n}.001"}
        placed = {"orderId": f"shop:{n}", "customerId": f"shop:c{n}", "lines": [line]}
        placed["channel"] = "WEB" if n < 3 else "PHONE"
        ask(ORDER, input=placed, at=f"2026-0{n // 3 + 1}-{n + 1:02}T10:00:00Z")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('or: [{name: {eq: "Customer 1"}}, {country: {eq: "FR"}, revenue: {gt: 20}}]', "146"),
        ('not: {country: {eq: "ES"}}', "0246"),
        ('and: [{country: {eq: "ES"}}, {not: {or: [{revenue: {lt: 10}}, {revenue: {gt: 50}}]}}]', "35"),
        ("or: []", ""),
        ("and: []", "01234567"),
        ("or: [{}]", "01234567"),
        ("not: {}", ""),
        ('not: {lastContactAt: {gt: "2026-01-01T00:00:00Z"}}', "01234567"),
    ],
)
def test_filters_hold_others(shop: None, ask: Ask, condition: str, expected: str) -> None:
    found = ask(
        f"{{ customers(filter: {{{condition}}}, orderBy: [{{field: NAME}}]) {{ nodes {{ name }} totalCount }} }}"
    )
    assert "".join(node["name"][-1] for node in found["customers"]["nodes"]) == expected
    assert found["customers"]["totalCount"] == len(expected)


def test_a_filter_within_a_filter_says_where_it_is_wrong(ask: Ask) -> None:
    (error,) = ask("{ customers(filter: {or: [{not: {name: {eq: null}}}]}) { position } }", errors=True)
    assert error["extensions"] == {"code": "BAD_REQUEST", "field": "filter.or.not.name.eq"}


def test_filters_have_a_depth_and_a_number(ask: Ask) -> None:
    query = "query($f: CustomerFilter) { customers(filter: $f) { position } }"
    deep: dict[str, Any] = {}
    for _ in range(9):
        deep = {"not": deep}
    (error,) = ask(query, errors=True, f=deep)
    assert "8 deep" in error["message"]
    (error,) = ask(query, errors=True, f={"or": [{"name": {"eq": "x"}}] * 30})
    assert "50 conditions" in error["message"]


def test_pages_go_backwards_too(shop: None, ask: Ask) -> None:
    query = """query($last: Int, $before: String, $first: Int, $after: String) {
      customers(last: $last, before: $before, first: $first, after: $after, orderBy: [{field: NAME}]) {
        nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      } }"""
    seen: list[list[str]] = []
    before = None
    while True:
        page = ask(query, last=3, before=before)["customers"]
        seen.insert(0, [node["name"][-1] for node in page["nodes"]])
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert seen == [["0", "1"], ["2", "3", "4"], ["5", "6", "7"]]
    start = ask(query, first=2)["customers"]["pageInfo"]["endCursor"]
    between = ask(query, first=9, after=start, before=before)["customers"]["nodes"]
    assert [node["name"][-1] for node in between] == []
    (error,) = ask(query, errors=True, first=2, last=2)
    assert error["extensions"]["field"] == "last"
    (error,) = ask(query, errors=True, last=101)
    assert "1 to 100" in error["message"]
    (error,) = ask(query, errors=True, before="x")
    assert error["extensions"]["field"] == "before"


def test_a_list_is_summed_up_as_a_whole_whatever_its_page(shop: None, ask: Ask) -> None:
    found = ask("""{ orders(first: 1, filter: {channel: {eq: WEB}}) { totalCount aggregate {
      key count sum { total pieces } avg { total } min { placedAt total } max { total } countDistinct { channel rep }
    } } }""")["orders"]
    assert found["totalCount"] == 3
    assert found["aggregate"] == {
        "key": [],
        "count": 3,
        "sum": {"total": "8.006", "pieces": "6"},
        "avg": {"total": "2.668666666666666666666666667"},
        "min": {"placedAt": "2026-01-01T10:00:00Z", "total": "0.001"},
        "max": {"total": "6.003"},
        "countDistinct": {"channel": 1, "rep": 0},
    }
    nothing = ask('{ orders(filter: {number: {eq: "?"}}) { aggregate { count sum { total } avg { total } } } }')
    assert nothing["orders"]["aggregate"] == {"count": 0, "sum": {"total": "0"}, "avg": {"total": None}}


GROUPED = """query($by: [OrderGroupBy!]!, $sort: [OrderGroupSort!], $first: Int!, $asOf: AsOf) {
  ordersGroupBy(groupBy: $by, orderBy: $sort, first: $first, asOf: $asOf) {
    groups { key count ...Sums } hasMore position
  }
}
fragment Sums on OrderAggregate { sum { total } }"""


def test_a_list_is_grouped_by_its_columns_and_by_months(shop: None, ask: Ask) -> None:
    by = [{"field": "CHANNEL"}, {"field": "PLACED_AT", "granularity": "MONTH"}]
    found = ask(GROUPED, by=by, first=10)["ordersGroupBy"]
    assert [(*group["key"], group["count"], group["sum"]["total"]) for group in found["groups"]] == [
        ("PHONE", "2026-02-01", 3, "62.015"),
        ("PHONE", "2026-03-01", 2, "98.015"),
        ("WEB", "2026-01-01", 3, "8.006"),
    ]
    assert (found["hasMore"], found["position"]) == (False, "16")
    most = ask(GROUPED, by=by, first=1, sort=[{"by": "SUM", "field": "TOTAL", "direction": "DESC"}])["ordersGroupBy"]
    assert ([group["key"] for group in most["groups"]], most["hasMore"]) == ([["PHONE", "2026-03-01"]], True)
    then = ask(GROUPED, by=by[:1], first=5, asOf={"position": 10})["ordersGroupBy"]
    assert [(group["key"], group["count"]) for group in then["groups"]] == [(["PHONE"], 2), (["WEB"], 3)]
    (one,) = ask(GROUPED, by=[], first=5)["ordersGroupBy"]["groups"]
    assert (one["key"], one["count"]) == ([], ROWS)


def test_a_day_is_a_day_in_the_time_zone_of_the_business(ask: Ask) -> None:
    for n, at in enumerate([FEBRUARY, "2026-02-10T23:00:00Z"]):
        line = {"sku": "A", "quantity": 1, "unitPrice": "1"}
        ask(ORDER, input={"orderId": f"shop:{n}", "customerId": "shop:c", "lines": [line]}, at=at)

    def days(zone: dict[str, str]) -> list[str]:
        by = [{"field": "PLACED_AT", "granularity": "DAY", **zone}]
        return [group["key"][0] for group in ask(GROUPED, by=by, first=9)["ordersGroupBy"]["groups"]]

    assert days({}) == ["2026-02-10", "2026-02-11"]
    assert days({"timeZone": "UTC"}) == ["2026-02-10"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"by": [{"field": "CHANNEL", "granularity": "DAY"}]}, "Only a moment or a day"),
        ({"by": [{"field": "PLACED_AT", "granularity": "DAY", "timeZone": "Mars"}]}, "IANA"),
        ({"by": [{"field": "CHANNEL"}] * 6}, "at most 5"),
        ({"by": [], "first": 1_001}, "1 to 1000 groups"),
        ({"by": [], "sort": [{"by": "KEY", "field": "CHANNEL"}]}, "group by"),
        ({"by": [], "sort": [{"by": "SUM"}]}, "Say by which field"),
        ({"by": [], "sort": [{"by": "SUM", "field": "CHANNEL"}]}, "no SUM of channel"),
    ],
)
def test_groups_that_cannot_be_are_refused(ask: Ask, asked: dict[str, Any], sentence: str) -> None:
    (error,) = ask(GROUPED, errors=True, **{"first": 5, **asked})
    assert sentence in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_lists_within_a_list_are_summed_up_and_go_backwards(shop: None, ask: Ask) -> None:
    for n in range(3):
        line = {"sku": "B", "quantity": 1, "unitPrice": "100"}
        ask(ORDER, input={"orderId": f"shop:b{n}", "customerId": "shop:c0", "number": str(n), "lines": [line]})
    query = """query($as: AsOf) { customers(orderBy: [{field: NAME}], first: 2, asOf: $as) { nodes { orders(last: 1) {
      nodes { total } pageInfo { hasPreviousPage } totalCount aggregate { sum { total } }
    } } } }"""
    for as_of in (None, {"position": 19}):
        first, second = (node["orders"] for node in ask(query, **{"as": as_of})["customers"]["nodes"])
        assert (first["nodes"], first["totalCount"]) == ([{"total": "0.001"}], 4)
        assert (first["pageInfo"]["hasPreviousPage"], first["aggregate"]["sum"]["total"]) == (True, "300.001")
        assert (second["totalCount"], second["aggregate"]["sum"]["total"]) == (1, "2.002")


def test_the_timeline_is_filtered_by_kind_channel_type_and_date(ana: UUID, ask: Ask) -> None:
    ask(LOGGED, input={"interactionId": "pbx:2", "customerId": "shop:ana", "channel": "EMAIL", "text": "x"})
    query = """query($f: TimelineEntryFilter) { customer(id: "shop:ana") {
      timeline(filter: $f, orderBy: [{field: POSITION}]) { nodes { type channel } }
    } }"""

    def types(**asked: Any) -> list[str]:
        return [node["type"] for node in ask(query, f=asked)["customer"]["timeline"]["nodes"]]

    assert types(kind={"in": ["order"]}) == ["order.placed.v1"] * 2
    assert types(channel={"eq": "EMAIL"}) == ["interaction.logged.v1"]
    assert types(type={"startsWith": "customer."})[0] == "customer.registered.v1"
    assert types(occurredAt={"ge": "2026-01-10T00:00:00Z", "lt": "2026-01-11T00:00:00Z"}) == ["order.placed.v1"]
    assert types(**{"or": [{"channel": {"eq": "PHONE"}}, {"kind": {"eq": "order"}}]})[-1] == "interaction.logged.v1"
    rest = types(**{"not": {"kind": {"in": ["order", "interaction"]}}})
    assert {type.partition(".")[0] for type in rest} == {"customer"}
    assert len(rest) == 3
