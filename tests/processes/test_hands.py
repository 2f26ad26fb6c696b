"""Hands: what is due is kept by two hands at once where nothing is shared, and what is new comes before what is due."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import current_thread

import pytest

from domain.follow_up import FollowUpCompleted
from domain.kernel import Command
from domain.order import OrderPlaced
from eventstore.envelope import Recorded
from processes import firing, points, worker
from processes.policy import Policy, done
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.shop import Shop
from tests.processes.test_read_once import ACT, Counts, Known, completed, opened, policy_named

# What is due.


def test_what_was_decided_about_a_customer_is_known_to_the_next_decision_of_the_batch(
    house: House, tmp_path: Path
) -> None:
    policy = Policy("numbering", version=1, memory=Counts)

    @policy.remember(FollowUpCompleted)
    def kept(known: Counts, event: FollowUpCompleted, at: Recorded) -> None:
        known.kept += 1

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Counts) -> Iterator[Command]:
        yield policy.promise(at, "number", ACT, at.occurred_at)

    @policy.due
    def keep(due: Due, now: datetime, known: Counts) -> Iterator[Command]:
        yield done(due, f"NUMBER_{known.kept}")

    shop = opened(house, tmp_path, policy)
    one, other = shop.customer(), shop.customer()
    for customer in (one, other, one, one):
        shop.order(customer, "2026-01-01 12:00")
    shop.worker.run()
    outcomes = sorted(event.outcome for event, _ in shop.events() if isinstance(event, FollowUpCompleted))
    assert outcomes == ["NUMBER_0", "NUMBER_0", "NUMBER_1", "NUMBER_2"]


def test_of_many_that_are_due_two_hands_keep_each_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "FOLLOW_UPS_PER_BATCH", 3)
    shop = opened(house, tmp_path, policy_named("acting"))
    customers = [shop.customer() for _ in range(20)]
    for customer in [*customers, *customers]:
        shop.order(customer, "2026-01-01 12:00")
    shop.worker.runner.react_all()
    hands: Counter[str] = Counter()

    def reached(here: str) -> None:
        if here == "firing: committed, not flushed":
            hands[current_thread().name] += 1

    monkeypatch.setattr(points, "reached", reached)
    assert shop.worker.runner.fire(shop.now) == 40
    assert len(completed(shop)) == 40
    assert set(completed(shop).values()) == {1}
    assert len([name for name in hands if name.startswith("firing")]) == 2


def test_as_long_as_something_is_due_of_a_policy_that_shares_there_is_one_hand_and_one_order(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "FOLLOW_UPS_PER_BATCH", 2)
    shop = opened(house, tmp_path, policy_named("alone"), policy_named("sharing", sharing=True))
    for _ in range(5):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react_all()
    hands: list[str] = []

    def reached(here: str) -> None:
        if here == "firing: committed, not flushed":
            hands.append(current_thread().name)

    monkeypatch.setattr(points, "reached", reached)
    assert shop.worker.runner.fire(shop.now) == 10
    assert hands == [current_thread().name] * 5
    kept = [(at.because, at.actor) for event, at in shop.events() if isinstance(event, FollowUpCompleted)]
    assert [because for because, _ in kept] == sorted(because for because, _ in kept)


def test_a_failure_of_one_hand_is_told_and_nothing_is_lost(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "FOLLOW_UPS_PER_BATCH", 2)
    shop = opened(house, tmp_path, policy_named("acting"))
    for _ in range(12):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react_all()

    def reached(here: str) -> None:
        if here == "firing: decided" and current_thread().name.startswith("firing"):
            raise RuntimeError("a hand slipped")

    with monkeypatch.context() as patched:
        patched.setattr(points, "reached", reached)
        with pytest.raises(RuntimeError, match="a hand slipped"):
            shop.worker.runner.fire(shop.now)
    shop.worker.run()
    assert len(completed(shop)) == 12
    assert set(completed(shop).values()) == {1}


# What comes first.


def later(name: str) -> Policy[Known]:
    """Promises something for the next day."""
    policy = Policy(name, version=1, memory=Known)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        yield policy.promise(at, "act", ACT, at.occurred_at + timedelta(days=1))

    @policy.due
    def keep(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        yield done(due, "DONE")

    return policy


def pressed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another order comes in while one is reacted to."""

    def reached(here: str) -> None:
        if here == "reaction: committed, not flushed":
            shop.order(shop.customer(), shop.now)

    monkeypatch.setattr(points, "reached", reached)


def test_what_is_new_comes_before_what_is_due_but_not_for_ever(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(house, tmp_path, later("patient"))
    shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    shop.now += timedelta(days=2)
    pressed(shop, monkeypatch)
    shop.order(shop.customer(), shop.now)
    monkeypatch.setattr(worker, "FIRE_EVERY_S", 3_600)
    assert [shop.worker.step() for _ in range(3)] == [True] * 3
    assert not completed(shop)
    assert len(shop.ledger()) == 4
    monkeypatch.setattr(worker, "FIRE_EVERY_S", 0)
    assert shop.worker.step()
    assert len(completed(shop)) == 1


def test_what_is_promised_for_now_is_kept_now_however_much_is_new(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(house, tmp_path, policy_named("prompt"))
    monkeypatch.setattr(worker, "FIRE_EVERY_S", 3_600)
    pressed(shop, monkeypatch)
    shop.order(shop.customer(), shop.now)
    assert shop.worker.step()
    assert len(completed(shop)) == 1
