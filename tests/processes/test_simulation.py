"""Simulation: over a policy's own live time it equals the ledger; over any other past it writes nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.consent import Purpose, WithdrawConsent
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command
from domain.order import OrderPlaced
from eventstore.envelope import Origin, Recorded
from processes import consent_guard, post_purchase_survey, runner
from processes.policy import Policy
from processes.simulation import simulate
from projections.touchpoints.follow_ups import LedgerEntry
from tests.conftest import House
from tests.processes.shop import Shop, moment
from tests.processes.shop_life import Life
from tests.processes.test_firing import following_up, office, opened, replacing

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


def differing(shop: Shop, policy: Policy[Any]) -> list[Any]:
    """What a simulation of a policy's own live time says otherwise than the ledger."""
    ledger = by_id([row for row in shop.ledger() if row.policy == policy.name])
    found = by_id(simulate(shop.log, policy).rows)
    assert ledger
    return [(ledger.get(id), found.get(id)) for id in ledger.keys() | found.keys() if ledger.get(id) != found.get(id)]


@pytest.mark.parametrize("seed", [7, 9])
def test_each_of_several_policies_equals_its_own_ledger(house: House, tmp_path: Path, seed: int) -> None:
    policies = [SURVEY, consent_guard.policy, replacing()]
    shop = Shop(house.log, tmp_path / "mail", policies=policies)
    Life(shop, seed).go_on(60)
    assert [differing(shop, policy) for policy in policies] == [[], [], []]
    assert any(row.reason == "CANCELLED" for row in shop.ledger("guard"))


def test_a_policy_of_nouns_and_one_that_shares_equal_their_ledgers(house: House, tmp_path: Path) -> None:
    shop = office(house, tmp_path)
    for day in range(1, 9):
        shop.now = moment(f"2026-02-0{day} 12:00")
        shop.order(shop.customer(), shop.now)
        if day % 3:
            shop.worker.run()
    shop.worker.run()
    [sharing] = shop.worker.runner.policies
    assert differing(shop, sharing) == []
    shop = Shop(house.log, tmp_path / "mail", policies=[following_up()])
    shop.now = moment("2026-02-20 12:00")
    for n in range(3):
        opened(shop, n)
        shop.worker.run()
    assert differing(shop, shop.worker.runner.policies[0]) == []


# Otherwise than it was.


def strict() -> Policy[Any]:
    """The survey, but nobody is asked who bought in the evening."""
    policy = replace(SURVEY, version=2, reactions=dict(SURVEY.reactions), triggers=dict(SURVEY.triggers))

    def promise(placed: OrderPlaced, at: Recorded, known: Any) -> Iterator[Command]:
        if at.occurred_at.hour < 18:
            yield from SURVEY.reactions[OrderPlaced](placed, at, known)

    policy.reactions[OrderPlaced] = promise
    return policy


def test_another_version_is_simulated_without_what_the_live_one_did(shop: Shop) -> None:
    ana, bea = shop.customer(), shop.customer(email="bea@shop.test")
    early, late = shop.order(ana, "2026-01-10 12:00"), shop.order(ana, "2026-01-20 20:00")
    other = shop.order(bea, "2026-01-20 21:00")
    for day in ("2026-01-21 12:00", "2026-02-10 10:00", "2026-02-20 10:00", "2026-03-25 12:00"):
        shop.until(day)
    shop.order(bea, "2026-03-26 12:00")
    shop.until("2026-03-26 12:00")
    assert (shop.outcome(late), shop.outcome(other)[0]) == (("SUPPRESSED", "CAPPED"), "DELIVERED")
    head = shop.log.reader.head()
    found = simulate(shop.log, strict())
    rows = {row.trigger: (row.status, row.reason) for row in found.rows if row.step in ("survey", "none")}
    assert rows[early] == ("DELIVERED", None)
    assert Counter(rows.values()) == {
        ("DELIVERED", None): 1,
        ("SUPPRESSED", "NOT_CONCERNED"): 2,
        ("SCHEDULED", None): 1,
    }
    assert {row.customer_id for row in found.rows if row.step in ("reminder", "expiry")} == {ana}
    assert (found.version, found.recipients, shop.log.reader.head()) == (2, 1, head)


def test_what_was_never_sent_is_taken_to_arrive_and_to_be_reminded_of(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[])
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    objects = shop.customer(email="b@shop.test")
    shop.order(objects, "2026-01-10 12:00")
    shop.do(WithdrawConsent(customer_id=objects, purpose=Purpose.SURVEY), "2026-01-11 12:00")
    found = simulate(shop.log, SURVEY, until=moment("2026-03-31 12:00"))
    ours = {row.step: (row.status.value, row.reason) for row in found.rows if row.customer_id != objects}
    assert ours == {"survey": ("DELIVERED", None), "reminder": ("DELIVERED", None), "expiry": ("DONE", "EXPIRED")}
    assert [row.provider_ref for row in found.rows if row.trigger == order] == ["simulated"]
    assert (found.sent, found.recipients, found.consent) == (2, 1, 1)
    assert [(day.day.isoformat(), day.promised, day.sent) for day in found.days] == [
        ("2026-01-10", 2, 0), ("2026-02-10", 2, 1), ("2026-02-17", 0, 1), ("2026-03-12", 0, 0),
    ]  # fmt: skip


def test_what_was_imported_counts_if_that_is_asked(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[])
    shop.order(shop.customer(), "2026-01-10 12:00", origin=Origin.IMPORT)
    until = moment("2026-02-15 12:00")
    assert simulate(shop.log, SURVEY, until=until).rows == []
    assert simulate(shop.log, SURVEY, until=until, imported=True).sent == 1


def test_a_simulation_may_begin_in_the_middle_and_goes_on_from_what_was_promised(shop: Shop) -> None:
    Life(shop, 3).go_on(70)
    ledger = by_id(shop.ledger())
    middle = moment("2026-02-10 12:00")
    found = by_id(simulate(shop.log, SURVEY, middle).rows)
    assert 20 < len(found) < len(ledger)
    assert [(ledger[id], row) for id, row in found.items() if ledger[id] != row] == []
    late = {
        id for id, row in ledger.items() if row.changed_at is not None and row.changed_at > middle + timedelta(days=1)
    }
    assert late <= found.keys()


def test_what_others_decided_about_its_promises_stays(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.do(CancelFollowUp(follow_up_id=shop.entry(order).follow_up_id, reason="BY_HAND"), "2026-01-12 12:00")
    shop.until("2026-02-12 12:00")
    assert [(row.status, row.reason) for row in simulate(shop.log, SURVEY).rows] == [("CANCELLED", "BY_HAND")]


def test_work_is_counted_by_day_and_by_who_would_have_it(house: House, tmp_path: Path) -> None:
    shop = office(house, tmp_path, people=2)
    for day in ("2026-02-02 12:00", "2026-02-02 13:00", "2026-02-03 12:00"):
        shop.order(shop.customer(), day)
    [sharing] = shop.worker.runner.policies
    shop.worker.run()
    found = simulate(shop.log, sharing, moment("2026-02-02 00:00"), moment("2026-02-03 00:00"))
    assert [(each.day.isoformat(), each.tasks) for each in found.workload] == [("2026-02-02", 1)] * 2
    assert len({each.staff_id for each in found.workload}) == 2


def test_a_policy_that_stumbles_in_a_simulation_is_told_and_the_rest_goes_on(house: House, tmp_path: Path) -> None:
    policy = Policy("stumbling", version=1, memory=dict)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: object) -> Iterator[Command]:
        yield policy.promise(at, "x", Action(kind=ActionKind.ACT), at.occurred_at)

    @policy.due
    def stumble(*_: object) -> Iterator[Command]:
        raise ZeroDivisionError
        yield

    shop = Shop(house.log, tmp_path / "mail", policies=[])
    for _ in range(2):
        shop.order(shop.customer(), "2026-01-10 12:00")
    found = simulate(shop.log, policy)
    assert (found.failed, found.waiting) == (2, 2)
