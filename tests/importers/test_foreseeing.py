"""What an import would set off is said before it, from the policies' own rules, and what was said is what happens."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.importers import importing
from domain.rules import Delay, DelayUnit, Occurrence, Rules
from eventstore.envelope import Origin
from processes import POLICIES
from processes.foreseeing import Foreseen
from projections import VIEWS
from tests.conftest import House
from tests.importers.conftest import Import
from tests.processes.defining import TASK, at_least, define, pause, retire
from tests.processes.shop import Shop

NOW = datetime.now(UTC).replace(microsecond=0)
RECENT = 7
"""Of so many of a hundred orders the survey would still be to come: one every day, the last one yesterday."""


def orders(path: Path, count: int) -> Path:
    """So many historic orders of a thousand customers, a few of them of the last days."""
    with path.open("w") as file:
        for n in range(min(count, 1_000)):
            told = {"customerId": f"shop:{n}", "name": f"Ana {n}", "email": f"a{n}@shop.test"}
            file.write(json.dumps({"command": "registerCustomer", "input": told, "occurredAt": "2015-01-01T00:00:00Z"}))
            file.write("\n")
        for n in range(count):
            recent = n % 100 < RECENT
            at = NOW - timedelta(days=1 + n % 100 if recent else 100 + n % 3_000)
            told = {
                "orderId": f"shop:{n}", "customerId": f"shop:{n % 1_000}",
                "lines": [{"sku": "cup", "quantity": 1, "unitPrice": "5" if n % 2 else "50"}],
            }  # fmt: skip
            file.write(json.dumps({"command": "placeOrder", "input": told, "occurredAt": at.isoformat()}))
            file.write("\n")
    return path


def by_policy(report: importing.Report) -> dict[str, Foreseen]:
    return {each.policy: each for each in report.foreseen}


def set_off(shop: Shop) -> Counter[str]:
    """How many events set off which policy. What is done every night, whatever happened, is set off by none."""
    return Counter(policy for policy, at in {(row.policy, row.trigger_position) for row in shop.ledger()} if at)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_an_import_of_historic_orders_sets_nothing_off_and_the_dry_run_said_so_before(
    house: House, load: Import, tmp_path: Path, count: int
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=POLICIES, views=VIEWS, now=NOW)
    file, head = orders(tmp_path / "orders", count), house.log.reader.head()
    said = load("commands", file, dry_run=True)
    assert house.log.reader.head() == head
    told = "\n".join(said.lines())
    assert "Policies:    sets off no follow-up: policies pass over what did not happen live." in told
    pending = count // 100 * RECENT
    assert (
        f"  post-purchase-survey: {count:,} events would set it off if they happened live; of {pending:,} of them "
        "what follows would still be to come." in told
    )
    assert by_policy(said)["churn-risk"] == Foreseen("churn-risk", 0, count, None)
    assert by_policy(said)["duplicate-detection"].passed_over == min(count, 1_000)
    load("commands", file)
    assert house.log.reader.head() > head + count
    shop.worker.run()
    shop.until(NOW + timedelta(days=40))
    assert set_off(shop) == {}
    assert shop.mails() == []


def test_what_is_imported_as_live_is_said_to_set_off_what_it_does(house: House, load: Import, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=POLICIES, views=VIEWS, now=NOW)
    file = orders(tmp_path / "orders", 100)
    said = load("commands", file, dry_run=True, origin=Origin.LIVE)
    load("commands", file, origin=Origin.LIVE)
    for policy in shop.worker.runner.policies:
        shop.worker.runner.react(policy)
    found = set_off(shop)
    assert found == {name: each.sets_off for name, each in by_policy(said).items()}
    told = "\n".join(said.lines())
    assert f"sets off follow-ups: {len(found)} policies are set off {found.total():,} times." in told
    assert "  churn-risk: 100 events set it off." in told


def test_defined_policies_are_asked_by_their_own_rules(house: House, load: Import, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=())
    big = Occurrence(event="order.placed.v1", when=at_least("total.base", 20))
    long, short = Delay(count=6, unit=DelayUnit.MONTHS), Delay(count=3, unit=DelayUnit.HOURS)
    define(shop, Rules(triggers=(big,), delay=long, action=TASK), "big")
    define(shop, Rules(triggers=(big,), delay=short, action=TASK), "quick")
    for key in ("thought", "paused", "gone"):
        define(shop, Rules(triggers=(big,), action=TASK), key, active=key != "thought")
    pause(shop, "paused")
    retire(shop, "gone")
    said = by_policy(load("commands", orders(tmp_path / "orders", 100), dry_run=True))
    assert [said[key] for key in ("big", "quick", "paused")] == [
        Foreseen("big", 0, 50, 43),  # at 1, 3, 5 and 7 days, and at those from 107 to 183 days
        Foreseen("quick", 0, 50, 0),
        Foreseen("paused", 0, 50, 0),
    ]
    assert said.keys().isdisjoint(("thought", "gone"))


def test_what_concerns_nobody_is_said_to_set_nothing_off(load: Import) -> None:
    report = load(
        "commands", '{"command": "introduceProduct", "input": {"productId": "a:1", "sku": "A"}}\n', dry_run=True
    )
    assert "Policies:    sets off no follow-up." in report.lines()
    assert report.as_json()["policies"] == []
    done = load("commands", '{"command": "introduceProduct", "input": {"productId": "a:1", "sku": "A"}}\n')
    assert not any(line.startswith("Policies") for line in done.lines())
    assert done.as_json()["policies"] is None
