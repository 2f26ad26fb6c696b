"""What a worker reads, it reads once: for all that set its policies off, for all policies, and for all that is due."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.customer import CustomerRegistered
from domain.follow_up import Action, ActionKind, FollowUpCompleted, FollowUpScheduled
from domain.kernel import UNTOLD, Command
from domain.merging import MergeCustomers
from domain.order import OrderPlaced
from domain.staff import AddStaff, StaffAdded
from eventstore.envelope import Recorded
from eventstore.log import Log
from eventstore.reader import Reader
from processes import completeness, contact, points
from processes.completeness import Completeness
from processes.contact import Contact
from processes.memories import Shared
from processes.policy import Policy, cancel, done
from processes.sharing import learn_together
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.shop import Shop

ACT = Action(kind=ActionKind.ACT)


@dataclass
class Staff:
    """Who works here."""

    ids: set[UUID] = field(default_factory=set)


@dataclass
class Known:
    """Nothing but what all share, if anything."""

    shared: Staff | None = None


@dataclass
class Counts:
    """How many orders there were of a customer, and how many promises were kept."""

    orders: int = 0
    kept: int = 0


def policy_named(name: str, *, sharing: bool = False) -> Policy[Known]:
    """Promises something for each order, and keeps it at once."""
    policy = Policy(name, version=1, memory=Known, shared=Staff if sharing else None)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        yield policy.promise(at, "act", ACT, at.occurred_at)

    @policy.due
    def keep(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        yield done(due, "DONE")

    if sharing:

        @policy.learn(StaffAdded)
        def hired(shared: Staff, event: StaffAdded, at: Recorded) -> None:
            shared.ids.add(at.stream_id)

    return policy


def opened(house: House, tmp_path: Path, *policies: Policy[Any]) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=policies)


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[Any]:
    """What a method is called with from now on."""
    calls: list[Any] = []
    method: Callable[..., Any] = getattr(owner, name)
    monkeypatch.setattr(
        owner, name, lambda ours, *args, **words: (calls.append((args, words)), method(ours, *args, **words))[1]
    )
    return calls


def completed(shop: Shop) -> Counter[UUID]:
    return Counter(at.stream_id for event, at in shop.events() if isinstance(event, FollowUpCompleted))


# Reacting.


@pytest.mark.parametrize("sharing", [False, True])
def test_many_triggers_ask_the_log_no_more_often_than_few(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sharing: bool
) -> None:
    shop = opened(house, tmp_path, policy_named("busy", sharing=sharing))
    asked = [counted(monkeypatch, Log, name) for name in ("done", "states")]
    for orders in (2, 12):
        for _ in range(orders):
            shop.order(shop.customer(), "2026-01-01 12:00")
        for calls in asked:
            calls.clear()
        [step] = shop.worker.runner.react_all()[0]
        assert step.appended == orders
        assert [len(calls) for calls in asked] == [0, 1]


def test_what_was_done_already_is_found_out_where_it_is_appended(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is set back, and of the same command something else would come now."""
    steps = ["one"]
    policy = Policy("stepping", version=1, memory=Known)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        for step in steps:
            yield policy.promise(at, step, ACT, at.occurred_at.replace(year=2027))

    shop = opened(house, tmp_path, policy)
    shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    steps[:] = ["other"]
    done = counted(monkeypatch, Log, "done")
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0 where name = %s", [policy.actor])
    head = shop.log.reader.head()
    shop.worker.run()
    assert shop.log.reader.head() == head
    assert done


def test_what_was_guessed_wrong_is_asked_for_when_it_is_known(house: House, tmp_path: Path) -> None:
    """What is promised for an order depends on what was promised for the one before it, which nobody could foresee."""
    policy = Policy("queueing", version=1, memory=Known, shared=Staff)

    @policy.learn(FollowUpScheduled)
    def queued(shared: Staff, event: FollowUpScheduled, at: Recorded) -> None:
        shared.ids.add(at.stream_id)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        assert known.shared is not None
        yield from cancel("NEXT", *sorted(known.shared.ids))
        yield policy.promise(at, f"number-{len(known.shared.ids)}", ACT, at.occurred_at.replace(year=2027))

    shop = opened(house, tmp_path, policy)
    for _ in range(4):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    rows = sorted((entry.step, entry.status) for entry in shop.ledger())
    assert rows == [
        ("number-0", "CANCELLED"),
        ("number-1", "CANCELLED"),
        ("number-2", "CANCELLED"),
        ("number-3", "SCHEDULED"),
    ]


def test_what_is_new_is_read_once_for_all_policies(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(house, tmp_path, *(policy_named(f"p{n}") for n in range(5)))
    shop.order(shop.customer(), "2026-01-01 12:00")
    pages = counted(monkeypatch, Reader, "page")
    steps, failures = shop.worker.runner.react_all()
    assert [step.appended for step in steps] == [1] * 5
    assert not failures
    assert sum(OrderPlaced.stored_as in words["types"] for _, words in pages) == 1


def test_one_that_reacts_after_another_worker_did_reads_for_itself(house: House, tmp_path: Path) -> None:
    shop = opened(house, tmp_path, policy_named("a"), policy_named("b"))
    other = shop.hire()
    shop.order(shop.customer(), "2026-01-01 12:00")
    concerned, _, stretch = shop.worker.runner._look(shop.worker.runner.policies)
    assert concerned == {"a", "b"}
    assert stretch is not None
    first, second = shop.worker.runner.policies
    other.runner.react(first)
    shop.order(shop.customer(), "2026-01-01 12:00")
    assert (
        shop.worker.runner.react(first, stretch).triggers == 1
    )  # the new one: where it stood when it was looked counts no more
    assert shop.worker.runner.react(second, stretch).triggers == 1
    shop.worker.run()
    assert len(shop.ledger()) == 4
    assert set(completed(shop).values()) == {1}


def test_who_became_somebody_else_only_later_is_known_as_before(house: House, tmp_path: Path) -> None:
    """The merging stands after the last trigger, in what is read for it."""
    policy = Policy("counting", version=1, memory=Counts)

    @policy.remember(OrderPlaced)
    def bought(known: Counts, event: OrderPlaced, at: Recorded) -> None:
        known.orders += 1

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Counts) -> Iterator[Command]:
        yield policy.promise(at, f"order-{known.orders}", ACT, at.occurred_at.replace(year=2027))

    shop = opened(house, tmp_path, policy)
    one, other = shop.customer(), shop.customer()
    shop.order(one, "2026-01-01 12:00")
    shop.worker.run()
    shop.order(other, "2026-01-01 12:00")
    shop.do(MergeCustomers(customer_id=other, survivor_id=one))
    shop.worker.run()
    shop.order(other, "2026-01-01 12:00")
    shop.worker.run()
    assert [entry.step for entry in sorted(shop.ledger(), key=lambda entry: entry.trigger_position)] == [
        "order-1", "order-1", "order-3",
    ]  # fmt: skip


@dataclass
class Met:
    """Whoever may be written to."""

    contact: Contact = field(default_factory=Contact)


def writing_to(name: str, *, by_name: bool) -> Policy[Met]:
    """Notes for each order whether there is an address, and what it knows of the name; `by_name`: it must be told."""
    policy = Policy(name, version=1, memory=Met)
    contact.remembers(policy)
    if by_name:
        policy.disclosed.append(CustomerRegistered)

    @policy.trigger(OrderPlaced)
    def note(placed: OrderPlaced, at: Recorded, known: Met) -> Iterator[Command]:
        yield policy.pass_over(at, f"{'' if known.contact.address() is None else 'ADDRESS '}{known.contact.name}")

    return policy


@pytest.mark.parametrize("by_name", [(False,), (True,), (False, False), (True, False), (True, True)])
def test_whether_there_is_an_address_is_known_to_each_that_reacts_and_what_it_must_know_is_told(
    house: House, tmp_path: Path, by_name: tuple[bool, ...]
) -> None:
    shop = opened(house, tmp_path, *(writing_to(f"p{n}", by_name=each) for n, each in enumerate(by_name)))
    shop.order(shop.customer(), "2026-01-01 12:00")
    shop.order(shop.customer(email=None), "2026-01-01 12:00")
    shop.worker.run()
    name = "Ana" if any(by_name) else UNTOLD  # what is told to one the others see as well
    assert sorted(str(entry.reason) for entry in shop.ledger()) == sorted([f"ADDRESS {name}", name] * len(by_name))


# What is shared.


def test_what_policies_share_is_read_in_one_pass_when_a_worker_begins(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = [policy_named(f"p{n}", sharing=True) for n in range(4)]
    shop = opened(house, tmp_path, *policies)
    for n in range(3):
        shop.do(AddStaff(staff_id=UUID(int=n + 1), name=f"S{n}", email=f"s{n}@shop.test"))
    shop.worker.run()
    hired = shop.hire()
    pages = counted(monkeypatch, Reader, "page")
    hired.step()
    assert sum(words["types"] == [StaffAdded.stored_as] for _, words in pages if words.get("types")) == 1
    for sharing in (hired.runner._shared, hired.runner.firing.shared):
        for policy in policies:
            shared = sharing.of(policy)
            assert shared is not None
            assert shared.known.ids == {UUID(int=1), UUID(int=2), UUID(int=3)}


def test_each_has_learnt_up_to_where_it_stands_and_goes_on_from_there(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(house, tmp_path)
    for n in range(5):
        shop.do(AddStaff(staff_id=UUID(int=n + 1), name=f"S{n}", email=f"s{n}@shop.test"))
    policy = policy_named("one", sharing=True)
    positions = [at.position for event, at in shop.events() if isinstance(event, StaffAdded)]
    monkeypatch.setattr("processes.sharing.PAGE_EVENTS", 2)
    early, late = (Shared(policy, shop.log.reader) for _ in range(2))
    learn_together(shop.log.reader, [(early, positions[1]), (late, positions[3]), (None, positions[4])])
    assert [len(each.known.ids) for each in (early, late)] == [2, 4]
    assert [len(each.at(positions[4]).ids) for each in (early, late)] == [5, 5]


def test_one_that_cannot_learn_is_no_reason_for_the_others_not_to(house: House, tmp_path: Path) -> None:
    broken, sound = policy_named("broken", sharing=True), policy_named("sound", sharing=True)

    def fail(shared: Staff, event: StaffAdded, at: Recorded) -> None:
        raise RuntimeError("it cannot")

    broken.learning[StaffAdded] = fail
    shop = opened(house, tmp_path)
    shop.do(AddStaff(staff_id=UUID(int=1), name="S", email="s@shop.test"))
    shop = Shop(house.log, tmp_path / "mail", policies=[])
    shop.policies = (broken, sound)
    hired = shop.hire()
    hired.runner.activate(shop.now)
    shop.order(shop.customer(), "2026-01-01 12:00")
    steps, failures = hired.runner.react_all()
    assert [str(each) for each in failures] == ["it cannot"]
    assert [(step.policy, step.appended) for step in steps if step.appended] == [("sound", 1)]


def test_what_is_shared_is_not_read_anew_because_of_a_decision_that_taught_nothing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policy_named("patient", sharing=True)
    shop = opened(house, tmp_path, policy)
    shop.do(AddStaff(staff_id=UUID(int=1), name="S", email="s@shop.test"))
    shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react_all()
    interruptions = iter([1])

    def reached(here: str) -> None:
        if here == "firing: decided":
            for _ in interruptions:  # somebody is faster
                [entry] = shop.ledger()
                for command in cancel("BY_HAND", entry.follow_up_id):
                    shop.do(command)

    begun = counted(monkeypatch, Shared, "forget")
    monkeypatch.setattr(points, "reached", reached)
    shop.worker.run()
    assert not completed(shop)
    assert begun == []


# Whether each trigger has its row.


def test_it_is_looked_once_for_all_policies_whether_rows_are_missing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = [policy_named(f"p{n}") for n in range(5)]
    shop = opened(house, tmp_path, *policies)
    for _ in range(3):
        shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.runner.react_all()
    shop.engine.catch_up()
    lost = [entry for entry in shop.ledger() if entry.policy in ("p1", "p3")]
    with shop.log.pool.connection() as db:
        db.execute("delete from views.follow_ups where policy = any(%s)", [["p1", "p3"]])
    monkeypatch.setattr(completeness, "EVENTS_PER_CHECK", 4)
    looks = Completeness(shop.log, shop.engine, policies)
    found = looked = 0
    while (pages := counted(monkeypatch, Reader, "page")) is not None and looked < 10:
        found += looks.go_on()
        assert sum(OrderPlaced.stored_as in words["types"] for _, words in pages) <= 1
        looked += 1
    assert found == 6
    assert {(gap.policy, gap.position) for gap in completeness.gaps(shop.log)} == {
        (entry.policy, entry.trigger_position) for entry in lost
    }
