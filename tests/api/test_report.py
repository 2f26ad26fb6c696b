"""Reports over GraphQL: saved questions, opened with parameters, from a customer's page too."""

from typing import Any

import pytest

from tests.api.conftest import ORDER, REGISTER, Ask

OPEN = """query($name: String!, $parameters: JSON, $asOf: AsOf) {
  report(name: $name, parameters: $parameters, asOf: $asOf) {
    rows totals version reportVersion position timeZone hasMore annotation
  }
}"""


@pytest.fixture
def shop(ask: Ask) -> None:
    """Ana and Luis, with an order each in January and in February; Ana's are the dearer ones."""
    for name in ("ana", "luis"):
        ask(REGISTER, input={"customerId": f"shop:{name}", "name": name, "territory": "NORTH"})
        for month in (1, 2):
            line = {"sku": "A", "quantity": month, "unitPrice": "10" if name == "ana" else "1"}
            placed = {"orderId": f"shop:{name}-{month}", "customerId": f"shop:{name}", "lines": [line]}
            ask(ORDER, input=placed, at=f"2026-0{month}-10T10:00:00Z")


def test_a_report_opens_from_the_page_of_a_customer(shop: None, ask: Ask) -> None:
    query = '{ customer(id: "shop:ana") { reports { report { name title version parameters { name required } } parameters } } }'
    theirs = {each["report"]["name"]: each for each in ask(query)["customer"]["reports"]}
    opened = theirs["customerPurchases"]
    assert {"name": "customerId", "required": True} in opened["report"]["parameters"]
    report = ask(OPEN, name="customerPurchases", parameters=opened["parameters"])["report"]
    assert [(row["sales.occurredAt.month"], row["sales.revenue"]) for row in report["rows"]] == [
        ("2026-01-01", "10"),
        ("2026-02-01", "20"),
    ]
    assert report["totals"][0]["sales.revenue"] == "30"
    assert (report["version"], report["reportVersion"], report["position"]) == (1, 1, "6")


def test_parameters_narrow_a_report_down_and_it_answers_for_the_past(shop: None, ask: Ask) -> None:
    def revenue(parameters: Any = None, **asked: Any) -> list[str]:
        rows = ask(OPEN, name="salesByTerritory", parameters=parameters, **asked)["report"]["rows"]
        return [row["sales.revenue"] for row in rows]

    assert revenue() == ["11", "22"]
    assert revenue({"from": "2026-02-01", "to": "2026-02-28"}) == ["22"]
    assert revenue({"territory": "SOUTH"}) == []
    assert revenue({"category": None}) == ["11", "22"]
    assert revenue(asOf={"position": 3}) == ["10", "20"]


def test_a_report_that_somebody_saved_opens_by_its_code(shop: None, ask: Ask) -> None:
    save = "mutation($input: SaveReportInput!) { saveReport(input: $input) { __typename } }"
    said = {"key": "february", "title": "February", "base": "salesByTerritory"}
    february = {"from": "2026-02-01", "to": "2026-02-28"}
    ask(save, input={"reportId": "shop:r", **said, "parameters": february})
    rows = ask(OPEN, name="february")["report"]["rows"]
    assert [row["sales.revenue"] for row in rows] == ["22"]
    january = {"from": "2026-01-01", "to": "2026-01-31"}  # what is given comes before what was saved
    assert [row["sales.revenue"] for row in ask(OPEN, name="february", parameters=january)["report"]["rows"]] == ["11"]
    found = ask("{ savedReports { nodes { code version title base parameters recipients } } }")["savedReports"]["nodes"]
    assert [(each["code"], each["version"], each["base"], each["recipients"]) for each in found] == [
        ("february", 1, "salesByTerritory", [])
    ]


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("customerPurchase", {}, "Did you mean customerPurchases?"),
        ("customerPurchases", {}, "say of which"),
        ("customerPurchases", {"customerid": "shop:ana"}, "Did you mean customerId?"),
        ("salesByTerritory", {"from": "2026-01-01"}, "or neither"),
        ("salesByTerritory", {"from": "May", "to": "June"}, "written as"),
        ("salesByTerritory", [1], "an object"),
    ],
)
def test_what_is_no_report_is_refused(ask: Ask, name: str, parameters: Any, sentence: str) -> None:
    (error,) = ask(OPEN, errors=True, name=name, parameters=parameters)
    assert sentence in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_every_report_opens(shop: None, ask: Ask) -> None:
    reports = ask("{ reports { name title description version cube parameters { name member required } } }")["reports"]
    assert len(reports) > 5
    for report in reports:
        given = {each["name"]: "shop:ana" for each in report["parameters"] if each["required"]}
        assert ask(OPEN, name=report["name"], parameters=given)["report"]["reportVersion"] == report["version"]
