"""Firing: what is shared, what is about a noun, and what cannot be decided, with one worker and with several."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.activity import ActivityKind, ActivityScheduled, ScheduleActivity
from domain.follow_up import Action, ActionKind, FollowUpCancelled, FollowUpCompleted, FollowUpScheduled
from domain.interaction import InteractionLogged, LogInteraction
from domain.kernel import Command, derived
from domain.opportunity import OpenOpportunity, OpportunityAmountRevised, OpportunityOpened, ReviseOpportunityAmount
from domain.order import OrderPlaced
from domain.staff import AddStaff, StaffAdded
from domain.values import Channel
from eventstore.envelope import Recorded
from processes import hands, points, runner
from processes.memories import Shared
from processes.policy import Policy, Subject, cancel, done
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.shop import Shop

ACT = Action(kind=ActionKind.ACT)


@dataclass
class Desks:
    """Who works here, and who has which task. What is learnt twice is learnt once."""

    staff: set[UUID] = field(default_factory=set)
    tasks: dict[UUID, UUID | None] = field(default_factory=dict)

    def load(self, staff_id: UUID) -> int:
        return sum(each == staff_id for each in self.tasks.values())


@dataclass
class Known:
    """Nothing but what all share."""

    shared: Desks


def sharing_out() -> Policy[Known]:
    """Each order is a task for whoever has fewest."""
    policy = Policy("sharing-out", version=1, memory=Known, shared=Desks)

    @policy.learn(StaffAdded)
    def hired(shared: Desks, event: StaffAdded, at: Recorded) -> None:
        shared.staff.add(at.stream_id)

    @policy.learn(ActivityScheduled)
    def busy(shared: Desks, event: ActivityScheduled, at: Recorded) -> None:
        shared.tasks[at.stream_id] = event.staff_id

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        yield policy.promise(at, "share", ACT, at.occurred_at)

    @policy.due
    def share(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        staff = min(known.shared.staff, key=lambda each: (known.shared.load(each), each))
        task = derived("activity", due.follow_up_id)
        yield ScheduleActivity(activity_id=task, kind=ActivityKind.TASK, subject="x", staff_id=staff, due_at=now)
        yield done(due, "SHARED")

    return policy


def office(house: House, tmp_path: Path, people: int = 3) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[sharing_out()])
    for n in range(people):
        shop.do(AddStaff(staff_id=derived("staff", n), name=f"S{n}", email=f"s{n}@shop.test"))
    return shop


def shares(shop: Shop) -> list[int]:
    tasks = [event.staff_id for event, _ in shop.events() if isinstance(event, ActivityScheduled)]
    return sorted(tasks.count(each) for each in set(tasks))


def test_what_all_share_sees_each_decision_before_the_next(house: House, tmp_path: Path) -> None:
    shop = office(house, tmp_path)
    customers = [shop.customer() for _ in range(7)]
    for customer in customers:
        shop.order(customer, "2026-01-01 12:00")
    shop.worker.run()
    assert shares(shop) == [2, 2, 3]


def test_what_all_share_is_kept_from_one_batch_to_the_next(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", 2)
    shop = office(house, tmp_path)
    begun: list[int] = []
    forget = Shared.forget
    monkeypatch.setattr(Shared, "forget", lambda ours: (begun.append(1), forget(ours))[1])
    for _ in range(7):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    assert shares(shop) == [2, 2, 3]
    assert begun == []  # it is made when the worker begins, and never again


def test_what_was_not_appended_is_forgotten(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = office(house, tmp_path, people=2)
    orders = [shop.order(shop.customer(), "2026-01-01 12:00") for _ in range(2)]
    shop.worker.runner.react(shop.worker.runner.policies[0])
    interruptions = iter([1])

    def reached(here: str) -> None:
        if here == "firing: decided":
            for _ in interruptions:  # somebody takes one of them back, so that nothing of the batch is appended
                [first] = [entry.follow_up_id for entry in shop.ledger() if entry.trigger == orders[0]]
                for command in cancel("BY_HAND", first):
                    shop.do(command)

    monkeypatch.setattr(points, "reached", reached)
    shop.worker.run()
    [task] = [at.stream_id for event, at in shop.events() if isinstance(event, ActivityScheduled)]
    runner = shop.worker.runner
    shared = runner.firing.shared.of(runner.lives["sharing-out"].policy)
    assert shared is not None
    assert set(shared.known.tasks) == {task}


def test_two_workers_never_decide_at_once_about_what_they_share(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", 2)
    shop = office(house, tmp_path)
    other = shop.hire()
    other.step()
    for _ in range(6):
        shop.order(shop.customer(), "2026-01-01 12:00")
    for worker in (shop.worker, other):
        worker.runner.react(worker.runner.policies[0])
    fired: list[int] = []

    def reached(here: str) -> None:
        if here == "firing: decided" and not fired:
            fired.append(-1)  # the other one comes by while this one has decided and not yet appended
            fired.append(other.runner.fire(shop.now))

    monkeypatch.setattr(points, "reached", reached)
    shop.worker.runner.fire(shop.now)
    assert fired == [-1, 0]
    assert shares(shop) == [2, 2, 2]


# Nouns.


@dataclass
class Deal:
    """What an opportunity is worth, and what was promised about it."""

    amount: Decimal | None = None
    heard: list[str] = field(default_factory=list)


def following_up() -> Policy[Deal]:
    """An opportunity that is worth something is looked at."""
    policy = Policy(
        "following-up", version=1, memory=Deal, subject=Subject.NOUN,
        streams_of=lambda id: (id, derived("interaction", id)),
    )  # fmt: skip

    @policy.remember(OpportunityOpened, OpportunityAmountRevised)
    def worth(known: Deal, event: OpportunityOpened | OpportunityAmountRevised, at: Recorded) -> None:
        known.amount = event.amount.amount if event.amount is not None else None

    @policy.remember(InteractionLogged)
    def heard(known: Deal, event: InteractionLogged, at: Recorded) -> None:
        known.heard.append(event.topic or "")

    @policy.trigger(OpportunityOpened)
    def promise(opened: OpportunityOpened, at: Recorded, known: Deal) -> Iterator[Command]:
        action = Action(kind=ActionKind.ACT, about=at.stream_id)
        yield policy.promise(at, "look", action, at.occurred_at)

    @policy.due
    def look(due: Due, now: datetime, known: Deal) -> Iterator[Command]:
        yield done(due, f"{known.amount} {' '.join(known.heard)}".strip())

    return policy


def opened(shop: Shop, n: int = 0, **more: Any) -> UUID:
    sale = derived("opportunity", n)
    shop.do(OpenOpportunity(opportunity_id=sale, amount=Decimal(100 + n), **more))
    return sale


def test_each_noun_has_a_memory_of_its_own_and_of_the_streams_that_tell_of_it(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[following_up()])
    customer = shop.customer()
    sales = [opened(shop, n, customer_id=customer if n else None) for n in range(3)]
    shop.do(
        LogInteraction(
            interaction_id=derived("interaction", sales[1]), customer_id=customer, channel=Channel.EMAIL, topic="hello"
        )
    )
    shop.worker.run()
    assert [shop.outcome(sale, "look") for sale in sales] == [("DONE", "100"), ("DONE", "101 hello"), ("DONE", "102")]


def test_a_decision_about_a_noun_never_rests_on_less_than_is_known(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[following_up()])
    sale = opened(shop)
    news = iter([ReviseOpportunityAmount(opportunity_id=sale, amount=Decimal(7))])

    def reached(here: str) -> None:
        if here == "firing: decided":
            for each in news:
                shop.do(each)

    monkeypatch.setattr(points, "reached", reached)
    shop.worker.run()
    assert shop.outcome(sale, "look") == ("DONE", "7")


# What cannot be decided, and what waits.


def picky(**words: Any) -> Policy[dict[str, int]]:
    """A policy that stumbles over some, and lets others wait."""
    policy = Policy("picky", version=1, memory=dict)
    count: dict[str, int] = {}

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: dict[str, int]) -> Iterator[Command]:
        yield policy.promise(at, "keep", ACT, at.occurred_at)

    @policy.due
    def keep(due: Due, now: datetime, known: dict[str, int]) -> Iterator[Command]:
        count[str(due.trigger)] = count.get(str(due.trigger), 0) + 1
        if due.trigger in words.get("broken", ()):
            raise ZeroDivisionError
        if due.trigger not in words.get("waiting", ()):
            yield done(due, "KEPT")

    return policy


@pytest.mark.parametrize("kind", ["broken", "waiting"])
def test_however_many_cannot_be_decided_the_others_are(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", 2)
    stuck: list[UUID] = []
    shop = Shop(house.log, tmp_path / "mail", policies=[picky(**{kind: stuck})])
    stuck += [shop.order(shop.customer(), "2026-01-01 10:00") for _ in range(5)]
    fine = [shop.order(shop.customer(), "2026-01-01 11:00") for _ in range(3)]
    shop.worker.step()
    assert {shop.outcome(order, "keep") for order in fine} == {("DONE", "KEPT")}
    assert {shop.outcome(order, "keep") for order in stuck} == {("SCHEDULED", None)}
    assert shop.worker.step() is False


# Reactions and what is promised.


@dataclass
class Promised:
    """What was promised to a customer and is not done."""

    open: set[UUID] = field(default_factory=set)


def replacing() -> Policy[Promised]:
    """Each order takes back what was promised because of the one before."""
    policy = Policy("replacing", version=1, memory=Promised)

    @policy.remember(FollowUpScheduled)
    def promised(known: Promised, event: FollowUpScheduled, at: Recorded) -> None:
        known.open.add(at.stream_id)

    @policy.remember(FollowUpCancelled, FollowUpCompleted)
    def ended(known: Promised, event: FollowUpCancelled | FollowUpCompleted, at: Recorded) -> None:
        known.open.discard(at.stream_id)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Promised) -> Iterator[Command]:
        yield from cancel("REPLACED", *sorted(known.open))
        yield policy.promise(at, "last", ACT, datetime.max.replace(tzinfo=at.occurred_at.tzinfo))

    return policy


@pytest.mark.parametrize("step", [1, 2, 500])
def test_a_reaction_knows_what_was_decided_before_it_however_late_the_worker_is(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", step)
    shop = Shop(house.log, tmp_path / "mail", policies=[replacing()])
    ana, bea = shop.customer(), shop.customer()
    orders = [shop.order(who, "2026-01-01 12:00") for who in (ana, bea, ana, ana, bea, ana, bea)]
    shop.worker.run()
    expected = [("CANCELLED", "REPLACED")] * 5 + [("SCHEDULED", None)] * 2
    assert [shop.outcome(order, "last") for order in orders] == expected


def test_nothing_is_kept_before_everything_was_reacted_to(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", 1)
    policy = picky()
    shop = Shop(house.log, tmp_path / "mail", policies=[policy])
    orders = [shop.order(shop.customer(), "2026-01-01 10:00") for _ in range(3)]
    shop.worker.step()
    shop.worker.step()
    assert [entry.status for entry in shop.ledger()] == ["SCHEDULED", "SCHEDULED"]
    shop.worker.run()
    assert {shop.outcome(order, "keep") for order in orders} == {("DONE", "KEPT")}


def test_two_commands_of_a_kind_in_one_decision_are_two(house: House, tmp_path: Path) -> None:
    policy = Policy("twins", version=1, memory=dict)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: object) -> Iterator[Command]:
        yield policy.promise(at, "both", ACT, at.occurred_at)

    @policy.due
    def both(due: Due, now: datetime, known: object) -> Iterator[Command]:
        for n in range(2):
            task = derived("activity", due.follow_up_id, n)
            yield ScheduleActivity(activity_id=task, kind=ActivityKind.TASK, subject=f"{n}", due_at=now)
        yield done(due, "BOTH")

    shop = Shop(house.log, tmp_path / "mail", policies=[policy])
    shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    assert sum(isinstance(event, ActivityScheduled) for event, _ in shop.events()) == 2


def test_the_states_of_all_that_is_asked_for_are_read_in_one_go(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = office(house, tmp_path)
    for _ in range(20):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react(shop.worker.runner.policies[0])
    asked: list[int] = []
    states = shop.log.states
    monkeypatch.setattr(shop.log, "states", lambda streams: (asked.append(len(streams)), states(streams))[1])
    shop.worker.runner.fire(shop.now)
    assert [count for count in asked if count] == [20]  # of the tasks; how the follow-ups stand, the sheet says
