"""Cubes over GraphQL: what can be asked, what is answered, and the events behind a cell."""

from typing import Any

import pytest

from tests.api.conftest import ORDER, REGISTER, Ask

CUBE = """query($measures: [String!]!, $dimensions: [String!]!, $times: [CubeTimeDimension!]!, $filters: [CubeFilter!]!,
    $order: [CubeOrder!]!, $asOf: AsOf) {
  cube(name: "sales", measures: $measures, dimensions: $dimensions, timeDimensions: $times, filters: $filters,
       orderBy: $order, asOf: $asOf) { rows totals annotation hasMore timeZone version position }
}"""
DRILL = """query($cell: JSON!, $after: String, $first: Int!) {
  cubeDrill(name: "sales", measures: ["sales.revenue"], dimensions: ["sales.channel"],
      timeDimensions: [{dimension: "sales.occurredAt", granularity: MONTH, dateRange: ["2026-01-01", "2026-12-31"]}],
      cell: $cell, first: $first, after: $after) {
    nodes { position number ownerId occurredAt event { type body } customer { name } }
    pageInfo { hasNextPage endCursor } position
  }
}"""

CATALOGUE = """{ cubes { name title description version
  measures { name title unit } dimensions { name type } segments { name } } }"""


@pytest.fixture
def shop(ask: Ask) -> None:
    """An order by web on the tenth of each of the first three months, and one by phone in the first."""
    ask(REGISTER, input={"customerId": "shop:ana", "name": "Ana"})
    for n, (channel, month) in enumerate([("WEB", 1), ("WEB", 2), ("WEB", 3), ("PHONE", 1)]):
        line = {"sku": f"SKU-{n}", "quantity": 1, "unitPrice": f"{n + 1}.5"}
        placed = {"orderId": f"shop:{n}", "customerId": "shop:ana", "lines": [line, line], "channel": channel}
        ask(ORDER, input=placed, at=f"2026-0{month}-10T10:00:00Z")


def asked(ask: Ask, **given: Any) -> Any:
    return ask(
        CUBE, **{"measures": ["sales.revenue"], "dimensions": [], "times": [], "filters": [], "order": []} | given
    )


def test_facts_are_measured_by_channel_and_month(shop: None, ask: Ask) -> None:
    time = {"dimension": "sales.occurredAt", "granularity": "MONTH", "dateRange": ["2026-01-01", "2026-02-28"]}
    cube = asked(ask, dimensions=["sales.channel"], times=[time], measures=["sales.revenue", "sales.orders"])["cube"]
    assert cube["rows"] == [
        {"sales.channel": "PHONE", "sales.occurredAt.month": "2026-01-01", "sales.revenue": "9.0", "sales.orders": 1},
        {"sales.channel": "WEB", "sales.occurredAt.month": "2026-01-01", "sales.revenue": "3.0", "sales.orders": 1},
        {"sales.channel": "WEB", "sales.occurredAt.month": "2026-02-01", "sales.revenue": "5.0", "sales.orders": 1},
    ]
    assert cube["totals"] == [{"sales.revenue": "17.0", "sales.orders": 3}]
    assert cube["annotation"]["measures"]["sales.revenue"] == {"title": "Revenue", "type": "number", "unit": "EUR"}
    assert cube["annotation"]["timeDimensions"]["sales.occurredAt.month"]["granularity"] == "MONTH"
    assert (cube["hasMore"], cube["timeZone"], cube["version"], cube["position"]) == (False, "Europe/Madrid", 1, "5")


def test_filters_are_those_of_cube(shop: None, ask: Ask) -> None:
    filters = [
        {"or": [
            {"member": "sales.sku", "operator": "equals", "values": ["SKU-0", "SKU-3"]},
            {"and": [
                {"member": "sales.occurredAt", "operator": "afterOrOnDate", "values": ["2026-03-01"]},
                {"member": "sales.channel", "operator": "notEquals", "values": ["PHONE"]},
            ]},
        ]},
        {"member": "sales.revenue", "operator": "gt", "values": ["3"]},
    ]  # fmt: skip
    order = [{"member": "sales.revenue", "direction": "DESC"}]
    cube = asked(ask, dimensions=["sales.sku"], filters=filters, order=order)["cube"]
    assert [row["sales.sku"] for row in cube["rows"]] == ["SKU-3", "SKU-2"]


def test_a_cube_answers_for_the_past(shop: None, ask: Ask) -> None:
    assert asked(ask, asOf={"position": 3})["cube"]["rows"] == [{"sales.revenue": "8.0"}]
    assert asked(ask, asOf={"validAt": "2026-01-31T00:00:00Z"})["cube"]["rows"] == [{"sales.revenue": "12.0"}]


def test_the_events_behind_a_cell_are_shown_page_by_page(shop: None, ask: Ask) -> None:
    cell = {"sales.channel": "WEB", "sales.occurredAt.month": "2026-02-01", "sales.revenue": "5.0"}
    page = ask(DRILL, cell=cell, first=1)["cubeDrill"]
    (node,) = page["nodes"]
    assert (node["position"], node["number"], node["occurredAt"]) == ("3", 0, "2026-02-10T10:00:00Z")
    assert (node["event"]["type"], node["customer"]["name"]) == ("order.placed.v1", "Ana")
    assert page["pageInfo"]["hasNextPage"]
    rest = ask(DRILL, cell=cell, first=5, after=page["pageInfo"]["endCursor"])["cubeDrill"]
    assert [(each["position"], each["number"]) for each in rest["nodes"]] == [("3", 1)]
    assert ask(DRILL, cell={**cell, "sales.occurredAt.month": "2026-05-01"}, first=5)["cubeDrill"]["nodes"] == []


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("WEB", "A cell is a row"),
        ({"sales.channel": "WEB"}, "does not say sales.occurredAt.month"),
        ({"sales.channel": "WEB", "sales.occurredAt.month": "May"}, "no such value"),
    ],
)
def test_what_is_no_cell_is_refused(ask: Ask, cell: Any, sentence: str) -> None:
    (error,) = ask(DRILL, errors=True, cell=cell, first=5)
    assert sentence in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"measures": ["sales.revenues"]}, "Did you mean sales.revenue?"),
        ({"filters": [{}]}, "one of these"),
        ({"filters": [{"member": "sales.sku"}]}, "one of these"),
        ({"filters": [{"or": [{"or": [{"or": [{"or": [{"or": [{"or": [{"or": []}]}]}]}]}]}]}]}, "5 deep"),
        ({"times": [{"dimension": "sales.occurredAt", "dateRange": ["2026-01-01"]}]}, "the first and the last"),
        ({"times": [{"dimension": "sales.occurredAt", "dateRange": ["2026-02-01", "2026-01-01"]}]}, "before it begins"),
    ],
)
def test_what_cannot_be_asked_of_a_cube_is_refused(ask: Ask, given: dict[str, Any], sentence: str) -> None:
    (error,) = ask(CUBE, errors=True, **{
        "measures": ["sales.revenue"], "dimensions": [], "times": [], "filters": [], "order": [], **given
    })  # fmt: skip
    assert sentence in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_the_catalogue_says_what_can_be_asked(ask: Ask) -> None:
    cubes = ask(CATALOGUE)
    (sales,) = [cube for cube in cubes["cubes"] if cube["name"] == "sales"]
    assert {"name": "sales.pieces", "title": "Pieces", "unit": "pieces"} in sales["measures"]
    assert {"name": "sales.occurredAt", "type": "time"} in sales["dimensions"]
    assert {"name": "sales.orderId", "type": "string"} in sales["dimensions"]
    assert sales["segments"] == [{"name": "sales.returns"}]
    for cube in cubes["cubes"]:
        for measure in cube["measures"]:
            query = "query($n: String!, $m: [String!]!) { cube(name: $n, measures: $m) { rows totals } }"
            assert len(ask(query, n=cube["name"], m=[measure["name"]])["cube"]["rows"]) == 1
        for dimension in cube["dimensions"]:
            query = "query($n: String!, $m: [String!]!, $d: [String!]!) { cube(name: $n, measures: $m, dimensions: $d) { rows } }"
            ask(query, n=cube["name"], m=[cube["measures"][-1]["name"]], d=[dimension["name"]])
