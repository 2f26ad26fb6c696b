"""Hands: two processes keep what is due where nothing is shared, and what is new comes before what is due."""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.follow_up import FollowUpCompleted
from domain.kernel import Command
from domain.order import OrderPlaced
from eventstore.database import Unavailable
from eventstore.envelope import Recorded
from processes import firing, hands, points, worker
from processes.alone import alone
from processes.hands import SecondHand, lend
from processes.policy import Policy, done
from processes.worker import DECIDING
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.shop import Shop
from tests.processes.test_read_once import ACT, Known, completed, counted, opened, policy_named
from tests.processes.test_worker import wait_for
from tests.processes.two_handed import PER_BATCH, begun, numbering, ready

ORDERS, KILLS = 12, 4

# What is due.


def test_what_was_decided_about_a_customer_is_known_to_the_next_decision_of_the_batch(
    house: House, tmp_path: Path
) -> None:
    shop = opened(house, tmp_path, numbering())
    one, other = shop.customer(), shop.customer()
    for customer in (one, other, one, one):
        shop.order(customer, "2026-01-01 12:00")
    shop.worker.run()
    assert numbers(shop) == {one: [0, 1, 2], other: [0]}


def numbers(shop: Shop) -> dict[UUID, list[int]]:
    """What was numbered for each customer, in the order of the orders."""
    kept = [(at.because or 0, at.customer_id, event) for event, at in shop.events()
            if isinstance(event, FollowUpCompleted)]  # fmt: skip
    found: dict[UUID, list[int]] = {}
    for _, customer, event in sorted(kept, key=lambda each: each[0]):
        assert customer is not None
        found.setdefault(customer, []).append(int(event.outcome.removeprefix("NUMBER_")))
    return found


@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
def test_hands_that_are_killed_at_any_moment_keep_each_once_and_in_its_turn(
    house: House, tmp_path: Path, rounds: int
) -> None:
    shop = opened(house, tmp_path, numbering())
    chance, open = random.Random(rounds), 0
    for number in range(1, rounds + 1):
        customers = [shop.customer() for _ in range(40)]
        for customer in customers:  # those of one follow on one another: who is out of turn shows
            for _ in range(ORDERS):
                shop.order(customer, "2026-01-01 12:00")
        shop.worker.runner.react_all()
        with ExitStack() as stack:
            with house.pool.connection() as db, alone(db, DECIDING):
                workers = [stack.enter_context(begun("first", house.dsn, tmp_path)) for _ in range(KILLS + 1)]
                assert all(map(ready, workers))
            for worker in workers[:KILLS]:
                time.sleep(chance.uniform(0.05, 0.5))
                open += len(completed(shop)) < 40 * ORDERS * number
                worker.kill()
            wait_for(lambda number=number: len(completed(shop)) == 40 * ORDERS * number, 60)
        assert set(completed(shop).values()) == {1}
        assert all(each == list(range(ORDERS)) for each in numbers(shop).values())
    assert open >= rounds  # each time something was still to be done when at least one was killed


@pytest.fixture
def second(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that helps, a few follow-ups at a time."""
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", PER_BATCH)
    with begun("second", house.dsn, tmp_path) as process:
        assert ready(process)
        yield process


def helped(house: House, tmp_path: Path, second: "subprocess.Popen[bytes]", *policies: Policy[Any]) -> Shop:
    """A shop whose worker has a second hand; twenty customers bought something twice, and nothing was kept yet."""
    shop = Shop(house.log, tmp_path / "mail", policies=policies, second=SecondHand(lambda: second))
    customers = [shop.customer() for _ in range(20)]
    for customer in [*customers, *customers]:
        shop.order(customer, "2026-01-01 12:00")
    shop.worker.runner.react_all()
    return shop


def at(monkeypatch: pytest.MonkeyPatch, point: str, act: Callable[[], None]) -> None:
    """Has something happen when the worker itself comes to a point."""
    monkeypatch.setattr(points, "reached", lambda here: act() if here == point else None)


def noted(shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """What the second hand answers from now on, or is asked."""
    told: list[Any] = []
    hand = shop.worker.runner.firing.second
    method: Callable[..., Any] = getattr(hand, name)
    monkeypatch.setattr(hand, name, lambda *args: told.append(answer := method(*args)) or answer)
    return told


def before(method: Callable[[], Any], act: Callable[[], object]) -> Callable[[], Any]:
    """The method, with something that happens first."""
    return lambda: (act(), method())[1]


def test_of_many_that_are_due_two_processes_keep_each_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: "subprocess.Popen[bytes]"
) -> None:
    shop = helped(house, tmp_path, second, numbering())
    answers = noted(shop, monkeypatch, "end")
    assert shop.worker.runner.fire(shop.now) == 40
    assert len(completed(shop)) == 40
    assert set(completed(shop).values()) == {1}
    assert len(answers) == 1
    assert 5 < answers[0] < 35


def test_few_that_are_due_are_nothing_to_ask_another_process_for(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: "subprocess.Popen[bytes]"
) -> None:
    shop = helped(house, tmp_path, second, numbering())
    asked = noted(shop, monkeypatch, "begin")
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", 1_000)
    assert shop.worker.runner.fire(shop.now) == 40
    assert not asked


def test_as_long_as_something_is_due_of_a_policy_that_shares_there_is_one_hand_and_one_order(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: "subprocess.Popen[bytes]"
) -> None:
    shop = helped(house, tmp_path, second, numbering(), policy_named("sharing", sharing=True))
    asked = noted(shop, monkeypatch, "begin")
    assert shop.worker.runner.firing.fire_share(shop.now, ["sharing"], is_over=lambda: False) == 0
    assert shop.worker.runner.fire(shop.now) == 80
    assert not asked
    kept = [(at.because, at.actor) for event, at in shop.events() if isinstance(event, FollowUpCompleted)]
    assert [because for because, _ in kept] == sorted(because for because, _ in kept)


def test_who_may_not_decide_yet_is_not_decided_for_by_the_second_hand_either(
    house: House, tmp_path: Path, second: "subprocess.Popen[bytes]"
) -> None:
    shop = helped(house, tmp_path, second, numbering(), policy_named("other"))
    assert shop.worker.runner.fire(shop.now, ["other"]) == 40
    assert {at.actor for event, at in shop.events() if isinstance(event, FollowUpCompleted)} == {"policy:other"}


def test_what_a_second_hand_did_not_see_to_when_it_died_is_kept_by_the_first(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: "subprocess.Popen[bytes]"
) -> None:
    shop = helped(house, tmp_path, second, numbering())
    begun, answers = noted(shop, monkeypatch, "begin"), noted(shop, monkeypatch, "end")
    second.send_signal(signal.SIGSTOP)  # it is asked, and does not come to it
    hand, kept = shop.worker.runner.firing.second, list[int]()
    assert hand is not None
    monkeypatch.setattr(hand, "end", before(hand.end, lambda: (kept.append(len(completed(shop))), second.kill())))
    assert shop.worker.runner.fire(shop.now) == 40
    assert begun[0] is True
    assert not any(begun[1:])  # nobody is there to ask any more
    assert answers == [0]
    assert 5 < kept[0] < 35  # the share of the other was the other's as long as it lived
    assert set(completed(shop).values()) == {1}


def test_a_failure_of_the_first_hand_is_told_when_the_second_one_has_decided(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: "subprocess.Popen[bytes]"
) -> None:
    shop = helped(house, tmp_path, second, numbering())
    begun, answers = noted(shop, monkeypatch, "begin"), noted(shop, monkeypatch, "end")

    def slip() -> None:
        if begun:
            raise RuntimeError("a hand slipped")

    with monkeypatch.context() as patched:
        at(patched, "firing: decided", slip)
        with pytest.raises(RuntimeError, match="a hand slipped"):
            shop.worker.runner.fire(shop.now)
    assert answers[0] > 5
    assert len(completed(shop)) == PER_BATCH + answers[0]
    shop.worker.run()
    assert len(completed(shop)) == 40
    assert set(completed(shop).values()) == {1}


def test_a_second_hand_appends_nothing_once_the_first_is_gone(house: House, tmp_path: Path) -> None:
    shop = opened(house, tmp_path, policy_named("acting"))
    for _ in range(20):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react_all()
    fire = partial(shop.worker.runner.firing.fire_share, shop.now, None)
    looks = iter([False, True])  # it dies while it is decided
    assert fire(is_over=lambda: next(looks, True)) == 0
    assert not completed(shop)
    assert fire(is_over=lambda: False) == len(completed(shop)) > 0


def test_what_a_second_hand_cannot_do_is_told_and_it_can_be_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    failures: Iterator[Exception] = iter([Unavailable("The database is away."), RuntimeError("a hand slipped")])

    def decide(now: datetime, only: Any, is_over: Callable[[], bool]) -> int:
        if (failure := next(failures, None)) is not None:
            raise failure
        return 7

    answers = BytesIO()
    lend(decide, BytesIO(b'{"now": "2026-01-01T12:00:00Z", "only": null}\n' * 3), answers)
    assert answers.getvalue().splitlines() == [b"ready", b"0", b"0", b"7"]
    assert "The database is away." in caplog.text
    assert "a hand slipped" in caplog.text


def test_where_much_is_due_it_is_not_looked_each_time_whether_anything_is(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", 2)
    shop = opened(house, tmp_path, policy_named("acting"))
    for _ in range(11):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react_all()
    looks = counted(monkeypatch, firing.Firing, "_is_due")
    assert shop.worker.runner.fire(shop.now) == 11
    assert len(looks) == 2  # at first, and after a batch that was not full


def test_a_second_hand_goes_with_whoever_asks_it(second: "subprocess.Popen[bytes]") -> None:
    assert second.stdin is not None
    second.stdin.close()
    assert second.wait(60) == 0


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
