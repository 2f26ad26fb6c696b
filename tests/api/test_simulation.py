"""What a policy would have done, and what is missing from the ledger, by GraphQL and by the command line."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from api.cli import app
from api.house import House
from api.settings import Settings
from domain.customer import RegisterCustomer
from domain.kernel import derived
from domain.order import OrderLine, PlaceOrder
from eventstore.envelope import Request
from eventstore.log import Log
from tests.conftest import KEK
from tests.processes.shop import moment

SIMULATE = """
query ($key: String!, $from: DateTime, $to: DateTime, $rows: Int! = 100, $imported: Boolean! = false) {
  simulatePolicy(key: $key, from: $from, to: $to, rows: $rows, includeImported: $imported) {
    policy sent recipients waiting consent caps reasons { reason count } days { day promised sent suppressed }
    rows { step status reason dueAt customerId }
  }
}
"""
SURVEY = "post-purchase-survey"


def a_few_orders(log: Log) -> None:
    """Two customers buy in January; the last thing happens in June."""
    for n, day in enumerate(("2026-01-10 12:00", "2026-01-12 12:00", "2026-06-01 12:00")):
        customer = derived("customer", n % 2)
        at = Request(actor="test", occurred_at=moment(day))
        log.do(RegisterCustomer(customer_id=customer, name="Ana", email=f"a{n % 2}@shop.test"), at)
        lines = (OrderLine(sku="cup", quantity=1, unit_price=Decimal(5)),)
        log.do(PlaceOrder(order_id=derived("order", n), customer_id=customer, lines=lines), at)


def test_a_policy_is_simulated_over_the_past_and_nothing_is_written(ask: Callable[..., Any], house: House) -> None:
    a_few_orders(house.log)
    head = house.log.reader.head()
    found = ask(SIMULATE, key=SURVEY)["simulatePolicy"]
    assert (found["sent"], found["recipients"]) == (4, 2)  # each is asked, and reminded
    assert {row["status"] for row in found["rows"]} >= {"DELIVERED", "SCHEDULED"}
    assert house.log.reader.head() == head
    part = ask(SIMULATE, key=SURVEY, **{"from": "2026-01-11T00:00:00Z", "to": "2026-01-31T00:00:00Z"})["simulatePolicy"]
    assert [(day["day"], day["promised"]) for day in part["days"]] == [("2026-01-12", 1)]
    assert len(ask(SIMULATE, key=SURVEY, rows=1)["simulatePolicy"]["rows"]) == 1


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"key": "nonsense"}, "There is no policy nonsense."),
        ({"key": SURVEY, "rows": 1001}, "Between 0 and 1,000 rows can be shown."),
        (
            {"key": SURVEY, "from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
            "The end of a simulation cannot be before its beginning.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(ask: Callable[..., Any], asked: dict[str, Any], reason: str) -> None:
    [error] = ask(SIMULATE, errors=True, **asked)
    assert error["message"].startswith(reason)
    assert error["extensions"]["code"] == "BAD_REQUEST"


def test_what_is_missing_from_the_ledger_is_shown(ask: Callable[..., Any], house: House) -> None:
    question = "{ followUpGaps { policy position sentence } }"
    assert ask(question) == {"followUpGaps": []}
    with house.log.pool.connection() as db:
        db.execute("insert into es.follow_up_gap (policy, position) values ('post-purchase-survey', 7)")
    [gap] = ask(question)["followUpGaps"]
    assert (gap["policy"], gap["position"]) == (SURVEY, "7")
    assert "was set off by event 7 and the ledger has no row for it" in gap["sentence"]


Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    settings = Settings(home=tmp_path / "home")
    settings.key_file.parent.mkdir(parents=True, exist_ok=True)
    settings.key_file.write_bytes(KEK)
    settings.key_file.chmod(0o600)
    monkeypatch.setenv("BITACORA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [*words], catch_exceptions=False)


def test_the_command_line_simulates_and_prints_a_table(run: Run, house: House) -> None:
    a_few_orders(house.log)
    shown = run("simulate", SURVEY, "--from", "2026-01-01", "--to", "2026-03-01")
    assert shown.exit_code == 0
    assert "decisions by day" in shown.stdout
    assert "would have been sent to 2 customers" in shown.stdout
    found = json.loads(run("simulate", SURVEY, "--from", "2026-01-01", "--to", "2026-01-10", "--json").stdout)
    assert [day["day"] for day in found["days"]] == ["2026-01-10"]  # the last day is one of them
    assert run("simulate", SURVEY, "--from", "someday").exit_code == 2
    assert run("simulate", SURVEY, "--from", "2026-01-01T10:00").exit_code == 2
    assert run("simulate", "nonsense").exit_code == 1


def test_the_command_line_looks_for_rows_that_are_missing(run: Run, house: House) -> None:
    assert run("ledger", "--check").exit_code == 0
    a_few_orders(house.log)
    with house.log.pool.connection() as db:  # as if it had read them and done nothing
        db.execute(
            "insert into es.checkpoint (name, position) select n, case when n like 'policy:%%' then 7 else 0 end "
            "  from unnest(array['policy:post-purchase-survey', 'activated:post-purchase-survey']) n"
        )
    checked = run("ledger", "--check")
    assert checked.exit_code == 1
    assert checked.stdout.count("the ledger has no row for it") == 3
    assert len(json.loads(run("ledger", "--check", "--json").stdout)) == 3
    assert "the ledger has no row for it" in run("doctor").stdout
    assert "follow-ups" in run("ledger").stdout
