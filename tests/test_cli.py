"""The command line, asked as an operator would ask it, on a database of its own."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from api import terminal
from api.cli import app
from api.doctor import views
from projections import VIEWS
from projections.engine import Standing

SAMPLE = Path(__file__).parent.parent / "docs" / "samples" / "orders.csv"
Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `bitacora` with a home and a database of its own."""
    monkeypatch.setenv("BITACORA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    monkeypatch.setattr(terminal.console, "width", 200)
    return lambda *words, **more: CliRunner().invoke(app, [*words], catch_exceptions=False, **more)


@pytest.fixture
def shop(run: Run) -> Run:
    """The same, with the sample of a shop's orders imported."""
    assert run("import", "retail", str(SAMPLE)).exit_code == 1  # its last line is refused, on purpose
    return run


def test_an_import_says_what_was_taken_what_was_there_and_what_was_refused(run: Run) -> None:
    first = json.loads(run("import", "retail", str(SAMPLE), "--json").stdout)
    again = json.loads(run("import", "retail", str(SAMPLE), "--json").stdout)
    assert (first["taken"], first["already"], first["refused"]) == (13, 0, 1)
    assert first["refusals"] == [{"line": 10, "field": "Quantity", "reason": "'=1+1' is not a whole number."}]
    assert (again["taken"], again["already"], again["refused"]) == (0, 13, 1)


def test_a_dry_run_decides_everything_and_writes_nothing(run: Run) -> None:
    dry = json.loads(run("import", "retail", str(SAMPLE), "--dry-run", "--json").stdout)
    assert (dry["taken"], dry["refused"]) == (13, 1)
    assert (
        json.loads(run("query", "{ customers(first: 1) { totalCount } }").stdout)["data"]["customers"]["totalCount"]
        == 0
    )


def test_a_question_is_answered_with_variables_and_an_error_ends_with_one(shop: Run) -> None:
    asked = shop(
        "query", "query ($id: Ref) { customer(id: $id) { country revenue } }", "--variables", '{"id": "retail:502"}'
    )
    assert json.loads(asked.stdout) == {"data": {"customer": {"country": "Portugal", "revenue": "267.00"}}}
    assert shop("query", "{ nonsense }").exit_code == 1
    assert "not JSON" in shop("query", "{ __typename }", "--variables", "{").stderr


def test_a_customer_is_replayed_as_of_a_day_and_compared_between_two(shop: Run) -> None:
    then = json.loads(shop("replay", "retail:502", "--as-of", "2026-01-31", "--json").stdout)
    assert (then["card"]["gross"], then["card"]["returned"]) == ("356.00", "0")
    assert [entry["type"] for entry in then["timeline"]] == ["order.placed.v1", "customer.registered.v1"]
    changed = json.loads(shop("replay", "retail:502", "--diff", "2026-01-31", "2026-02-28", "--json").stdout)
    assert changed["card.returned"] == {"before": "0", "after": "89.00", "events": [12]}
    assert "card.gross" not in changed
    assert "9101" in shop("replay", "retail:502").stdout
    assert "Nothing was known" in shop("replay", "retail:502", "--as-of", "2025-01-01").stdout
    assert json.loads(shop("replay", "retail:502", "--as-of", "1", "--json").stdout) == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("replay", "nobody@example.com"), "Nobody is known by 'nobody@example.com'"),
        (("replay", "retail:502", "--as-of", "yesterday"), "'yesterday' is not a moment"),
        (("rebuild", "sales"), "There is no view sales. There are customers, customer_360"),
        (("import", "commands", "/nowhere/at/all"), "/nowhere/at/all"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(shop: Run, words: tuple[str, ...], sentence: str) -> None:
    result = shop(*words)
    assert result.exit_code > 0
    assert sentence in result.stderr


def test_a_rebuilt_view_is_identical_to_the_one_before(shop: Run) -> None:
    built = json.loads(shop("rebuild", "--json").stdout)
    assert [view["view"] for view in built] == [view.name for view in VIEWS]
    assert all(view["unchanged"] for view in built)
    assert "identical to the one before" in shop("rebuild", "customer_360").stdout


def test_commands_come_in_as_lines_and_a_bad_line_loses_no_good_one(run: Run, tmp_path: Path) -> None:
    lines = [
        {"command": "registerCustomer", "input": {"customerId": "shop:1", "name": "Ana Núñez"}},
        {"command": "registerCustomer", "input": {"customerId": "shop:2", "nmae": "Luis"}},
        {"command": "logInteraction", "input": {"interactionId": "shop:1", "customerId": "shop:1", "channel": "PHONE"}},
    ]
    file = tmp_path / "lines.ndjson.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    report = json.loads(run("import", "commands", str(file), "--json").stdout)
    assert (report["taken"], report["refused"]) == (2, 1)
    assert report["refusals"][0]["line"] == 2
    assert "Did you mean name?" in report["refusals"][0]["reason"]
    assert "interaction.logged.v1" in run("events", "--after", "0").stdout


def test_the_catalogue_and_the_schema_in_the_tree_are_what_the_code_says(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(SAMPLE.parent.parent.parent)
    assert run("events", "--write", "docs/events.md", "--check").exit_code == 0
    assert run("policies", "--write", "docs/policies.md", "--check").exit_code == 0
    assert run("export-schema", "--check").exit_code == 0
    assert "order.placed.v1" in run("events").stdout
    assert json.loads(run("events", "--json").stdout)["order"]["events"]["order.placed.v1"]["required"]


def test_the_doctor_says_what_is_well_and_what_is_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    well = run("doctor", "--json")
    assert well.exit_code == 0
    assert all(finding["ok"] for finding in json.loads(well.stdout))
    monkeypatch.setenv("BITACORA_HOST", "0.0.0.0")
    assert any(finding["says"] == f"All {len(VIEWS)} views follow the log." for finding in json.loads(well.stdout))
    assert "there is no authentication yet" in run("doctor").stdout
    assert "no authentication yet" in run("serve").stderr
    monkeypatch.setenv("BITACORA_PORT", "eighty")
    assert "BITACORA_PORT" in run("doctor").stdout
    assert "BITACORA_PORT cannot be 'eighty'" in run("query", "{ __typename }").stderr
    monkeypatch.delenv("BITACORA_PORT")
    monkeypatch.setenv("BITACORA_DSN", "host=127.0.0.1 port=1 dbname=none")
    assert run("doctor").exit_code == 1
    assert "cannot be reached" in run("query", "{ __typename }").stderr


def test_the_doctor_names_the_views_that_something_is_wrong_with() -> None:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    well = Standing("orders", 1, 9, lag_events=0, changed_at=when, parked=0)
    parked, late = replace(well, view="carts", parked=2), replace(well, view="cases", lag_events=20_000)
    assert [(found.name, found.ok) for found in views([well, parked, late])] == [("carts", False), ("cases", False)]


def test_help_teaches() -> None:
    for words in ([], ["import"], ["replay"], ["rebuild"], ["query"]):
        shown = CliRunner().invoke(app, [*words, "--help"])
        assert shown.exit_code == 0
        assert "Usage" in shown.stdout


def test_the_policies_are_listed_with_what_they_do(run: Run) -> None:
    rules = """{ triggers: { event: "order.placed.v1" }, delay: { count: 3, at: "10:00" },
                 action: { kind: CREATE_TASK, subject: "Call" } }"""
    define = f'definePolicy(input: {{ policyId: "bitacora:thanks", key: "thanks", rules: {rules} }})'
    assert run("query", f"mutation {{ {define} {{ ... on Receipt {{ position }} }} }}").exit_code == 0
    shown = run("policies").stdout
    assert "3 days after order.placed, at 10:00: CREATE_TASK" in shown
    [said] = json.loads(run("policies", "--json").stdout)
    assert (said["policy"], said["version"], said["status"], said["built_in"]) == ("thanks", 1, "DEFINED", False)


def test_segments_are_counted_and_looked_at_when_it_is_asked(run: Run) -> None:
    define = "mutation ($input: DefineSegmentInput!) { defineSegment(input: $input) { __typename } }"
    orders = {"test": {"field": "orders", "operator": "GTE", "number": "1"}}
    said = {"segmentId": "shop:all", "key": "buyers", "title": {"en": "Buyers"}, "predicate": orders}
    run("query", define, "--variables", json.dumps({"input": said}))
    assert run("segments", "--refresh", "buyers").exit_code == 2
    run("query", 'mutation { publishSegment(input: {segmentId: "shop:all"}) { __typename } }')
    for _ in range(2):  # the second time, what waits already is put forward
        assert "1 segments are looked at as soon as" in run("segments", "--refresh", "all").stdout
        [waiting] = json.loads(run("ledger", "--json").stdout)
        assert (waiting["policy"], waiting["status"], waiting["count"]) == ("segment-membership", "SCHEDULED", 1)
    refused = run("segments", "--refresh", "nobody")
    assert (refused.exit_code, "No segment 'nobody' is published" in refused.stderr) == (2, True)
    [shown] = json.loads(run("segments", "--json").stdout)
    assert (shown["code"], shown["published"], shown["size"]) == ("buyers", 1, 0)
    assert "buyers" in run("segments").stdout
