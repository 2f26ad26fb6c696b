"""Differences of rows and of KPIs, and decisions shown again, asked over GraphQL and on the command line."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from typer.testing import CliRunner

from api import terminal
from api.cli import app
from api.house import House
from tests.api.conftest import ORDER, Ask
from tests.conftest import KEK

Run = Callable[..., Result]

DIFF = """query($view: String!, $key: [String!]!, $from: AsOf!, $to: AsOf, $fields: [String!]) {
  diffAsOf(view: $view, key: $key, from: $from, to: $to, fields: $fields) { view existed exists corrections
    changes { field before after causes { position type changed before after } gone { position } } } }"""
KPI = """query($before: AsOf!, $after: AsOf, $part: String) { kpiDiffAsOf(
    key: "revenue", from: "2026-01-01", to: "2026-03-31", before: $before, after: $after, part: $part) {
  before { value definition { version } } after { value } part changes { position before after customerId } } }"""
SCREEN = '{ screenPop(identifier: "shop:ana") { digest position seenAt comparedPosition namePosition } }'
REPLAY = """query($position: Position!) { decisionReplay(position: $position) {
  screenVerdict inputsVerdict screenDigest screen { name digest orders } benefit { eligible } } }"""


@pytest.fixture
def run(dsn: str, house: House, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `bitacora audit` on the same house."""
    monkeypatch.setenv("BITACORA_HOME", str(house.settings.home))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    monkeypatch.setattr(terminal.console, "width", 200)
    key = house.settings.key_file
    key.write_bytes(KEK)
    return lambda *words: CliRunner().invoke(app, ["audit", *words], catch_exceptions=False)


def returned(ask: Ask) -> int:
    """One of the lamps of the first order comes back in March; where that stands in the log."""
    line = {"sku": "SKU-1", "quantity": 1, "unitPrice": "12.50"}
    command = (
        "mutation($input: ReturnLinesInput!, $at: DateTime) { returnLines(input: $input, occurredAt: $at) { ...R } }"
    )
    done = ask(command, input={"orderId": "shop:1", "lines": [line]}, at="2026-03-10T10:00:00Z")["returnLines"]
    return int(done["position"])


def test_a_row_is_compared_by_either_clock_and_by_both(ana: UUID, ask: Ask) -> None:
    back = returned(ask)
    asked: dict[str, Any] = {"view": "customer360", "key": ["shop:ana"], "fields": ["revenue", "orderCount"]}
    days = [{"validAt": f"2026-0{month}-28T00:00:00Z"} for month in (2, 3)]
    found = ask(DIFF, **asked, **{"from": days[0]}, to=days[1])["diffAsOf"]
    assert (found["existed"], found["exists"], found["corrections"]) == (True, True, [])
    [change] = found["changes"]
    assert (change["field"], change["before"], change["after"], change["gone"]) == ("revenue", "224.98", "212.48", [])
    assert change["causes"] == [
        {
            "position": str(back),
            "type": "order.lines-returned.v1",
            "changed": True,
            "before": "224.98",
            "after": "212.48",
        }
    ]
    both = {"both": {**days[1], "knownAt": "2025-01-01T00:00:00Z"}}
    gone = ask(DIFF, **asked, **{"from": days[1]}, to=both)["diffAsOf"]
    assert (gone["exists"], [change["field"] for change in gone["changes"]]) == (False, ["revenue", "orderCount"])
    assert str(back) in {each["position"] for each in gone["changes"][0]["gone"]}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"view": "customer", "key": ["shop:ana"]}, "Did you mean"),
        ({"view": "customers", "key": ["shop:ana", "2"]}, "The key of customers is customerId"),
        ({"view": "customers", "key": ["shop:ana"], "fields": ["nonsense"]}, "nonsense"),
        ({"view": "customers", "key": ["shop:ana"], "fields": ["name"] * 51}, "at most 50 fields"),
        ({"view": "sales", "key": ["shop:1", "1", "0"]}, "are facts"),
    ],
)
def test_what_cannot_be_compared_is_refused(ana: UUID, ask: Ask, asked: dict[str, Any], sentence: str) -> None:
    [error] = ask(DIFF, errors=True, **asked, **{"from": {"position": "1"}})
    assert sentence in error["message"]


def test_a_figure_is_compared_with_the_facts_that_make_the_difference(ana: UUID, ask: Ask) -> None:
    line = {"sku": "A", "quantity": 1, "unitPrice": "7"}
    before = int(ask("{ events(first: 1) { position } }")["events"]["position"])
    late = {"orderId": "shop:late", "customerId": "shop:ana", "lines": [line]}
    placed = int(ask(ORDER, input=late, at="2026-02-20T10:00:00Z")["placeOrder"]["position"])
    back = returned(ask)
    found = ask(KPI, before={"position": str(before)})["kpiDiffAsOf"]
    assert (float(found["before"]["value"]), float(found["after"]["value"])) == (224.98, 219.48)
    assert [(each["position"], each["before"], float(each["after"])) for each in found["changes"]] == [
        (str(placed), None, 7.0), (str(back), None, -12.5),
    ]  # fmt: skip
    assert ask(KPI, before={"position": str(back)})["kpiDiffAsOf"]["changes"] == []
    backwards = ask(KPI, before={"position": str(back)}, after={"position": str(before)})["kpiDiffAsOf"]["changes"]
    assert [(each["position"], each["after"]) for each in backwards] == [(str(placed), None), (str(back), None)]
    assert "part" in ask(KPI, errors=True, before={"position": "1"}, part="nonsense")[0]["message"]


def test_a_decision_is_shown_again(ana: UUID, ask: Ask, run: Run) -> None:
    seen = ask(SCREEN)["screenPop"]
    asked = {"benefitId": "b:1", "customerId": "shop:ana", "benefit": "UP", "screen": seen}
    request = "mutation($input: RequestBenefitInput!) { requestBenefit(input: $input) { ...R } }"
    position = ask(request, input=asked)["requestBenefit"]["position"]
    returned(ask)
    found = ask(REPLAY, position=position)["decisionReplay"]
    assert (found["screenVerdict"], found["screenDigest"]) == ("SAME", seen["digest"])
    assert found["screen"] == {"name": "Ana Núñez", "digest": seen["digest"], "orders": 2}
    shown = run("screen", position)
    assert (shown.exit_code, "SAME" in shown.stdout, "Ana Núñez" in shown.stdout) == (0, True, True)
    false = {**asked, "benefitId": "b:2", "screen": {**seen, "digest": "0" * 64}}
    wrong = ask(request, input=false)["requestBenefit"]["position"]
    assert ask(REPLAY, position=wrong)["decisionReplay"]["screenVerdict"] == "DIFFERENT"
    assert run("screen", wrong).exit_code == 1
    assert run("screen", "1").exit_code == 1


def test_the_auditor_asks_on_the_command_line(ana: UUID, ask: Ask, run: Run) -> None:
    back = returned(ask)
    row = json.loads(run("replay", "customer_360", "ana@example.com", "--as-of", "valid:2026-02-01", "--json").stdout)
    assert row["order_count"] == 1
    shown = run(
        "diff",
        "customer360",
        "shop:ana",
        "--from",
        "valid:2026-02-28",
        "--to",
        "valid:2026-03-31",
        "--field",
        "revenue",
    )
    assert ("224.98" in shown.stdout, "212.48" in shown.stdout, str(back) in shown.stdout) == (True, True, True)
    both = "known:2999-01-01,valid:2026-02-28"
    changed = json.loads(run("diff", "customer_360", "shop:ana", "--from", both, "--json").stdout)
    assert {each["field"]: each["after"] for each in changed["changes"]}["revenue"] == "212.48"
    figure = run("kpi", "revenue", "2026-01-01", "2026-03-31", "--as-of", str(back - 1), "--compare", str(back))
    assert "224.98" in figure.stdout
    assert "-12.50" in figure.stdout
    assert "212.48" in run("kpi", "revenue", "2026-01-01", "2026-03-31").stdout
    assert json.loads(run("pipeline", "--from", "1", "--json").stdout)["parts"] == []
    lines = run("journal", "--customer", "600 123 456", "--type", "order.*", "--last", "2", "--values").stdout
    assert "order.lines-returned.v1" in lines
    assert "There is more before: --before 5 --last 2" in lines
    assert "Ana Núñez" not in run("journal", "--first", "1").stdout
    assert "Ana Núñez" in run("journal", "--first", "1", "--personal").stdout
    entries = json.loads(run("journal", "--because", "99", "--json").stdout)
    assert entries == {"events": [], "has_next": False, "has_previous": False}
    tree = run("why", str(back)).stdout
    assert "order.placed.v1" in tree
    assert f"└── {back} 2026-03-10 10:00 then: order.lines-returned.v1" in tree
    assert json.loads(run("why", "2", "--json").stdout)["event"]["position"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("replay", "customer", "shop:ana"), "There is no view customer. Did you mean"),
        (("diff", "customers", "shop:ana", "--from", "known:1,known:2"), "says the same twice"),
        (("diff", "customers", "shop:ana", "--from", "1,valid:2026-01-01"), "Only known: and valid: go together"),
        (("diff", "customers", "shop:ana", "--from", "valid:soon"), "'soon' is not a moment"),
        (("kpi", "revenue", "soon", "2026-01-01"), "first-day 'soon' is not a day"),
        (("why", "99"), "There is no event at position 99"),
        (("journal", "--first", "1", "--last", "1"), "not both at once"),
        (("journal", "--customer", "nobody@example.com"), "Nobody is known by"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(ana: UUID, run: Run, words: tuple[str, ...], sentence: str) -> None:
    told = run(*words)
    assert told.exit_code > 0
    assert sentence in told.stderr
