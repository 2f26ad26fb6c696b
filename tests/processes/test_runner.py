"""The runner: what follows from an event is decided on what was known then, once, and together with the checkpoint."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import UniqueViolation

from domain import DECIDERS
from domain.consent import Purpose, WithdrawConsent
from domain.customer import ChangeCustomerProfile, CustomerProfileChanged, CustomerRegistered
from domain.follow_up import (
    Action,
    ActionKind,
    CompleteFollowUp,
    FollowUpCompleted,
    FollowUpScheduled,
    PostponeFollowUp,
    ScheduleFollowUp,
)
from domain.interaction import InteractionLogged, LogInteraction
from domain.kernel import Command, derived
from domain.order import CancelOrder, LinesReturned, OrderLine, OrderPlaced, ReturnLines
from domain.values import Channel
from eventstore.envelope import Origin, Recorded, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import POLICIES, hands, points, post_purchase_survey, runner, triggers
from processes.decisions import Decisions
from processes.memories import Memories
from processes.policy import Policy
from projections.touchpoints.due import Due
from tests.conftest import KEK, House
from tests.processes.shop import Shop, moment


@dataclass
class Names:
    """The names that a customer has had."""

    said: list[str | None] = field(default_factory=list)


def note(of: UUID, *meaning: object, subject: str | None = None, topic: str | None = None) -> LogInteraction:
    id = derived("interaction", *meaning)
    return LogInteraction(interaction_id=id, customer_id=of, channel=Channel.EMAIL, subject=subject, topic=topic)


def greeting(**words: Any) -> Policy[Names]:
    """A policy that notes, at each order, how the customer was called until then."""
    policy = Policy("greeting", version=1, memory=Names, **words)

    @policy.remember(CustomerRegistered, CustomerProfileChanged, disclose=True)
    def called(known: Names, told: CustomerRegistered | CustomerProfileChanged, at: Recorded) -> None:
        known.said.append(told.name)

    @policy.on(OrderPlaced)
    def greet(placed: OrderPlaced, at: Recorded, known: Names) -> Iterator[Command]:
        yield note(placed.customer_id, at.stream_id, subject=" ".join(map(str, known.said)))

    return policy


def subjects(shop: Shop) -> list[str | None]:
    return [event.subject for event, _ in shop.events() if isinstance(event, InteractionLogged)]


# Reacting.


def test_a_reaction_knows_what_was_known_at_its_event_and_no_more(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path, policies=[greeting()])
    customer, other = shop.customer(name="Ana"), shop.customer(name="Bea")
    shop.order(customer, "2026-01-10 12:00")
    shop.do(ChangeCustomerProfile(customer_id=customer, name="Ana María"))
    shop.order(customer, "2026-01-11 12:00")
    shop.order(other, "2026-01-11 12:00")
    shop.do(ChangeCustomerProfile(customer_id=customer, name="Señora"))
    shop.worker.run()
    assert subjects(shop) == ["Ana", "Ana Ana María", "Bea"]


def test_what_follows_says_who_decided_and_why(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path, policies=[greeting()])
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    by_stream = {at.stream_id: at for _, at in shop.events()}
    cause, effect = by_stream[order], by_stream[derived("interaction", order)]
    assert (effect.actor, effect.origin, effect.because) == ("policy:greeting", "live", cause.position)
    assert effect.correlation_id == cause.correlation_id
    assert effect.occurred_at == cause.occurred_at


@pytest.mark.parametrize(("included", "origins"), [(False, ["live"]), (True, ["import", "live"])])
def test_what_was_imported_counts_only_if_the_policy_says_so(
    house: House, tmp_path: Path, included: bool, origins: list[str]
) -> None:
    shop = Shop(house.log, tmp_path, policies=[greeting(include_imported=included)])
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00", origin=Origin.IMPORT)
    shop.order(customer, "2026-01-11 12:00")
    shop.worker.run()
    assert [at.origin for event, at in shop.events() if isinstance(event, InteractionLogged)] == origins


def test_long_histories_are_read_in_steps(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", 3)
    shop = Shop(house.log, tmp_path, policies=[greeting()])
    customer = shop.customer()
    for n in range(10):
        shop.order(customer, f"2026-01-{n + 10} 12:00", origin=Origin.LIVE if n % 3 else Origin.IMPORT)
    steps = []
    while not (step := shop.worker.runner.react(shop.worker.runner.policies[0])).at_head or step.triggers:
        steps.append(step.triggers)
    assert sum(steps) == len(subjects(shop)) == 6
    assert shop.worker.runner.react(shop.worker.runner.policies[0]).appended == 0


def test_what_is_refused_is_counted_and_does_not_hold_up_the_rest(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Policy("bold", version=1, memory=Names)

    @policy.on(OrderPlaced)
    def ask(placed: OrderPlaced, at: Recorded, known: Names) -> Iterator[Command]:
        yield CancelOrder(order_id=derived("no such order"))
        yield note(placed.customer_id, at.stream_id, subject="and on")

    shop = Shop(house.log, tmp_path, policies=[policy])
    shop.order(shop.customer(), "2026-01-10 12:00")
    step = shop.worker.runner.react(policy)
    assert (step.triggers, step.appended, step.refused) == (1, 1, 1)
    assert subjects(shop) == ["and on"]
    assert "policy:bold asked for CancelOrder and was refused: This order has not been placed yet." in caplog.text


def test_a_reaction_that_is_repeated_is_passed_over(house: House, tmp_path: Path) -> None:
    policy = Policy("returns", version=1, memory=Names)

    @policy.on(OrderPlaced)
    def give_back(placed: OrderPlaced, at: Recorded, known: Names) -> Iterator[Command]:
        line = OrderLine(sku="cup", quantity=1, unit_price=Decimal(5))
        yield ReturnLines(order_id=at.stream_id, lines=(line,))  # each time it is asked for, more comes back

    shop = Shop(house.log, tmp_path, policies=[policy])
    shop.order(shop.customer(), "2026-01-10 12:00", pieces=9)
    shop.worker.run()
    with house.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0")
    step = shop.worker.runner.react(policy)
    assert (step.triggers, step.appended, step.taken) == (1, 0, False)
    assert sum(isinstance(event, LinesReturned) for event, _ in shop.events()) == 1


def echo(name: str, hears: str, says: str) -> Policy[Names]:
    """A policy that answers one topic with another."""
    policy = Policy(name, version=1, memory=Names)

    @policy.on(InteractionLogged)
    def answer(heard: InteractionLogged, at: Recorded, known: Names) -> Iterator[Command]:
        if heard.topic == hears:
            yield note(heard.customer_id, name, at.position, topic=says)

    return policy


def test_a_policy_does_not_react_to_itself(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", 2)
    shop = Shop(house.log, tmp_path, policies=[echo("parrot", "a", "a")])
    customer = shop.customer()
    for n in range(3):  # so that its own words stand between those of others
        shop.do(note(customer, n, topic="a"))
    shop.worker.run()
    assert len(subjects(shop)) == 6


def test_policies_that_set_each_other_off_come_to_an_end(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(house.log, tmp_path, policies=[echo("ping", "pong", "ping"), echo("pong", "ping", "pong")])
    shop.do(note(shop.customer(), "first", topic="ping"))
    shop.worker.run()
    assert len(subjects(shop)) == triggers.MAX_CAUSES + 1
    assert "look for two policies that set each other off" in caplog.text


def test_what_a_policy_would_decide_over_its_history_is_what_it_decided(shop: Shop) -> None:
    customer = shop.customer()
    for day in ("2026-01-31 18:00", "2026-02-15 12:00"):
        shop.order(customer, day)
        shop.worker.run()
        shop.do(ChangeCustomerProfile(customer_id=customer, timezone="America/New_York"))
    shop.worker.run()
    policy, events = post_purchase_survey.policy, shop.events()
    memories = Memories(policy, shop.log.reader, [customer], events[-1].at.position)
    imagined = [
        (asked.follow_up_id, asked.due_at, asked.wanted_at)
        for event, at in events
        if isinstance(event, OrderPlaced)
        for asked in policy.reactions[OrderPlaced](event, at, memories.of(at.customer_id, at.position))
        if isinstance(asked, ScheduleFollowUp)
    ]
    assert imagined == [
        (at.stream_id, event.due_at, event.wanted_at) for event, at in events if isinstance(event, FollowUpScheduled)
    ]
    assert imagined[0][1] != imagined[1][1]


def test_a_second_handler_for_an_event_is_a_mistake() -> None:
    policy = greeting()
    with pytest.raises(ValueError, match="already reacts to OrderPlaced"):
        policy.on(OrderPlaced)(lambda *_: iter(()))
    with pytest.raises(ValueError, match="already remembers CustomerRegistered"):
        policy.remember(CustomerRegistered)(lambda *_: None)


def test_what_somebody_else_was_faster_to_append_is_not_taken_for_ours(house: House) -> None:
    asked, request = note(derived("customer", "c"), "x"), Request(command_id=derived("request", "x"))
    both = [Decisions(house.log), Decisions(house.log)]
    for decisions in both:
        decisions.learn_for([asked])
        decisions.take(asked, request)
    with house.pool.connection() as db, db.transaction():
        assert both[0].append(db) == 1
    with pytest.raises(UniqueViolation), house.pool.connection() as db, db.transaction():
        both[1].append(db)
    assert house.log.reader.head() == 1


# Keeping promises.


@pytest.mark.parametrize(
    ("point", "outcome"),
    [("firing: decided", ("SUPPRESSED", "NO_CONSENT")), ("delivery: decided", ("CANCELLED", "NO_CONSENT"))],
)
def test_a_decision_never_rests_on_less_than_is_known(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, point: str, outcome: tuple[str, str]
) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    objections = iter([WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY)])

    def reached(here: str) -> None:
        if here == point:
            for objection in objections:  # while the worker is about to say that nobody objected
                shop.do(objection)

    monkeypatch.setattr(points, "reached", reached)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == outcome
    assert shop.mails() == []


def test_a_sheet_that_is_behind_the_log_sends_nothing_again(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    with shop.log.pool.connection() as db:
        db.execute("create table views.due_before as table views.due")
        shop.until("2026-02-10 10:00")
        head = shop.log.reader.head()
        db.execute("insert into views.due select * from views.due_before on conflict (follow_up_id) do nothing")
        assert shop.worker.step() is False
    assert (shop.log.reader.head(), len(shop.mails())) == (head, 1)


def test_a_promise_that_was_put_off_is_not_kept_by_a_sheet_that_does_not_know(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    id = shop.entry(order).follow_up_id
    shop.do(PostponeFollowUp(follow_up_id=id, due_at=moment("2026-02-12 10:00"), reason="HOLIDAY"))
    shop.worker.run()
    with shop.log.pool.connection() as db:
        db.execute("update views.due set due_at = %s, version = 1", [moment("2026-02-10 10:00")])
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SCHEDULED", "HOLIDAY")


def test_each_decision_sees_those_before_it(house: House, tmp_path: Path) -> None:
    policy = Policy("once", version=1, memory=Names)

    @policy.remember(FollowUpCompleted)
    def done(known: Names, completed: FollowUpCompleted, at: Recorded) -> None:
        known.said.append(completed.outcome)

    @policy.on(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Names) -> Iterator[Command]:
        action = Action(kind=ActionKind.EXPIRE_SURVEY, survey="none", invitation_id=UUID(int=1))
        for step in ("a", "b"):
            yield ScheduleFollowUp(
                follow_up_id=policy.follow_up_id(at.stream_id, step),
                customer_id=placed.customer_id,
                policy=policy.name,
                policy_version=policy.version,
                step=step,
                trigger=at.stream_id,
                trigger_position=at.position,
                action=action,
                due_at=at.occurred_at,
                wanted_at=at.occurred_at,
            )

    @policy.due
    def keep(due: Due, now: datetime, known: Names) -> Iterator[Command]:
        yield CompleteFollowUp(follow_up_id=due.follow_up_id, outcome="SECOND" if known.said else "FIRST")

    shop = Shop(house.log, tmp_path, policies=[policy])
    shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-01-10 12:00")
    assert sorted(str(entry.reason) for entry in shop.ledger()) == ["FIRST", "SECOND"]


def test_many_that_are_due_at_once_are_all_decided(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "FOLLOW_UPS_PER_BATCH", 4)
    shop = Shop(house.log, tmp_path / "mail")
    orders = [shop.order(shop.customer(email=f"c{n}@shop.test"), "2026-01-10 12:00") for n in range(10)]
    shop.until("2026-02-10 10:00")
    assert {shop.outcome(order)[0] for order in orders} == {"DELIVERED"}
    assert len(shop.mails()) == 10


def test_promises_of_a_policy_that_is_gone_are_left_alone(house: House, tmp_path: Path) -> None:
    order = (shop := Shop(house.log, tmp_path / "mail")).order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop = Shop(house.log, tmp_path / "mail", policies=[])
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SCHEDULED", None)


def test_the_same_happens_when_the_log_is_locked_until_the_disk_has_it(house: House, tmp_path: Path) -> None:
    shop = Shop(Log(house.pool, DECIDERS, KeyRing(house.pool, KEK), early=False), tmp_path / "mail")
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)


def test_a_policy_that_is_broken_holds_up_nobody_else(house: House, tmp_path: Path) -> None:
    broken = Policy("broken", version=1, memory=Names)

    @broken.on(OrderPlaced)
    def stumble(placed: OrderPlaced, at: Recorded, known: Names) -> Iterator[Command]:
        raise ZeroDivisionError
        yield

    shop = Shop(house.log, tmp_path / "mail", policies=[broken, *POLICIES])
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    for day in ("2026-01-10 12:00", "2026-02-10 10:00", "2026-02-10 10:00"):
        shop.now = moment(day)
        with pytest.raises(ZeroDivisionError):
            shop.worker.step()
    assert shop.outcome(order) == ("DELIVERED", None)
