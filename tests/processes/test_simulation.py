"""Simulation: over a policy's own live time it equals the ledger; over any other past it writes nothing."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from processes import post_purchase_survey, runner
from processes.simulation import simulate
from projections.touchpoints.follow_ups import LedgerEntry
from tests.conftest import House
from tests.processes.shop import Shop
from tests.processes.shop_life import Life

SURVEY = post_purchase_survey.policy


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=[SURVEY])


def by_id(rows: list[LedgerEntry]) -> dict[Any, LedgerEntry]:
    return {row.follow_up_id: row for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_over_its_own_live_time_it_equals_the_ledger(shop: Shop, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", 3)  # a worker that was away has much to catch up with
    Life(shop, seed).go_on(150)
    ledger, head = by_id(shop.ledger()), shop.log.reader.head()
    simulated = simulate(shop.log, SURVEY)
    found = by_id(simulated.rows)
    assert found.keys() == ledger.keys()
    different = [(ledger[id], found[id]) for id in ledger if ledger[id] != found[id]]
    assert different == []
    assert shop.log.reader.head() == head
    reasons = Counter(row.reason for row in ledger.values())
    assert len(ledger) > 200
    assert {"CAPPED", "COALESCED", "NO_CONSENT", "ORDER_CANCELLED"} <= reasons.keys()
