"""What a policy asks for may be refused: the ledger never says that it was done."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain.activity import ActivityKind, ActivityScheduled, ScheduleActivity
from domain.case import CloseCase
from domain.follow_up import FollowUpCompleted
from domain.kernel import MAX_LINE, Command, derived
from domain.order import OrderPlaced
from eventstore.envelope import Recorded
from processes.policy import Policy, done
from processes.simulation import simulate
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.shop import Shop
from tests.processes.test_firing import ACT

Ask = Callable[[Due, datetime], Command]


def close(due: Due, now: datetime) -> Command:
    """Nobody ever opened this case."""
    return CloseCase(case_id=derived("case", due.follow_up_id), reason="SOLVED")


def plan(due: Due, now: datetime) -> Command:
    task = derived("activity", due.follow_up_id)
    return ScheduleActivity(activity_id=task, kind=ActivityKind.TASK, subject="x", due_at=now)


def say_done(due: Due, now: datetime) -> Command:
    return done(due, "CLOSED")


def asking(*asked: Ask) -> Policy[dict[str, int]]:
    """A policy that asks for this, in this order, when an order's follow-up is due."""
    policy: Policy[dict[str, int]] = Policy("asking", version=1, memory=dict)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: object) -> Iterator[Command]:
        yield policy.promise(at, "ask", ACT, at.occurred_at)

    @policy.due
    def ask(due: Due, now: datetime, known: object) -> Iterator[Command]:
        for each in asked:
            yield each(due, now)

    return policy


@pytest.mark.parametrize(
    "asked",
    [(close, say_done), (say_done, close), (plan, close, say_done), (plan, say_done, close)],
    ids=["before", "after", "one of two", "one of two, after"],
)
def test_what_was_refused_is_not_done_and_the_ledger_says_why(
    house: House, tmp_path: Path, asked: tuple[Ask, ...]
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[asking(*asked)])
    order = shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    entry = shop.entry(order, "ask")
    assert (entry.status, entry.reason, entry.error) == (
        "DONE",
        "REFUSED",
        "CloseCase: This case is not open yet: open it first.",
    )
    events = shop.events()
    [completed] = [at for event, at in events if isinstance(event, FollowUpCompleted)]
    made = [at for event, at in events if isinstance(event, ActivityScheduled)]
    assert [at.recorded_at for at in made] == [completed.recorded_at] * (plan in asked)  # in one transaction
    head = house.log.reader.head()
    shop.hire().run()
    assert house.log.reader.head() == head


def test_what_is_not_refused_is_done_as_it_says(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[asking(plan, say_done)])
    order = shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    entry = shop.entry(order, "ask")
    assert (entry.status, entry.reason, entry.error) == ("DONE", "CLOSED", None)


def test_the_refusal_of_one_is_not_told_of_another(house: House, tmp_path: Path) -> None:
    def sometimes(due: Due, now: datetime) -> Command:
        return close(due, now) if due.trigger == bad else plan(due, now)

    shop = Shop(house.log, tmp_path / "mail", policies=[asking(sometimes, say_done)])
    ana = shop.customer()
    good, bad, fine = (shop.order(ana, f"2026-01-01 1{n}:00") for n in range(3))
    shop.worker.run()
    assert [shop.outcome(each, "ask")[1] for each in (good, bad, fine)] == ["CLOSED", "REFUSED", "CLOSED"]


def test_however_much_was_refused_it_is_a_line(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[asking(*[close] * 20, say_done)])
    order = shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    assert len(shop.entry(order, "ask").error or "") == MAX_LINE


def test_a_simulation_says_the_same_of_what_was_refused(house: House, tmp_path: Path) -> None:
    policy: Policy[Any] = asking(plan, say_done, close)
    shop = Shop(house.log, tmp_path / "mail", policies=[policy])
    for n in range(3):
        shop.order(shop.customer(), f"2026-01-01 1{n}:00")
    shop.worker.run()
    assert simulate(house.log, policy).rows == shop.ledger()
    assert {row.reason for row in shop.ledger()} == {"REFUSED"}
