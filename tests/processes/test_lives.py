"""The life of a policy: activated from a position, paused, retired and revised."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from domain.customer import RegisterCustomer
from domain.follow_up import FollowUpAttempted, FollowUpStatus
from domain.kernel import derived
from domain.policy import PolicyDefined, PolicyStatus
from domain.predicate import TestOperator
from domain.rules import Cap, Delay, Occurrence
from eventstore.bulk import Bulk, in_batches
from eventstore.envelope import Request
from processes import points, runner
from processes.completeness import Completeness
from processes.defined import interpret
from processes.lives import Life, Lives
from processes.simulation import simulate
from processes.triggers import MAX_CAUSES
from tests.conftest import House
from tests.eventstore.test_bulk import entries_read
from tests.processes.defining import (
    AT_ONCE,
    KEY,
    MESSAGE,
    PLACED,
    TASK,
    THANKS,
    a,
    activate,
    define,
    of,
    pause,
    retire,
    rows,
    tasks,
)
from tests.processes.shop import Shop, local, moment

CANCELLED, DELIVERED, DONE = FollowUpStatus.CANCELLED, FollowUpStatus.DELIVERED, FollowUpStatus.DONE
SUPPRESSED, SCHEDULED = FollowUpStatus.SUPPRESSED, FollowUpStatus.SCHEDULED


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that has no policies but those that are defined."""
    return Shop(house.log, tmp_path / "mail", policies=())


# Activated.


def test_a_policy_reacts_to_what_happens_after_it_was_activated(shop: Shop) -> None:
    define(shop, active=False)
    customer = shop.customer()
    shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    activate(shop)
    after = shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    assert [row.about for row in shop.ledger()] == [after]


def test_a_worker_that_comes_later_begins_at_the_activation_as_well(shop: Shop) -> None:
    customer = shop.customer()
    shop.order(customer, "2026-01-10 18:00")
    define(shop)
    after = shop.order(customer, "2026-01-10 18:00")
    shop.hire().run()
    assert [row.about for row in shop.ledger()] == [after]


# Paused.


def test_a_pause_loses_nothing_and_does_nothing(shop: Shop) -> None:
    define(shop)
    customer = shop.customer()
    before = shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    pause(shop)
    during = shop.order(customer, "2026-01-12 18:00")
    shop.until("2026-01-14 12:00")
    assert (of(shop, before).status, [row.about for row in shop.ledger()]) == (SCHEDULED, [before])
    assert shop.mails() == []
    activate(shop)
    shop.until("2026-01-14 12:01")
    assert (of(shop, before).status, local(of(shop, before).dispatched_at)) == (DELIVERED, "2026-01-14 12:01")
    assert (of(shop, during).status, local(of(shop, during).due_at)) == (SCHEDULED, "2026-01-15 10:00")
    shop.until("2026-01-15 10:00")
    assert rows(shop) == [(DELIVERED, None), (DELIVERED, None)]


def test_after_a_long_pause_it_is_too_late(shop: Shop) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.worker.run()
    pause(shop)
    shop.until("2026-02-10 12:00")
    activate(shop)
    shop.until("2026-02-10 12:01")
    assert (of(shop, order).status, of(shop, order).reason) == (SUPPRESSED, "TOO_LATE")


@pytest.mark.parametrize("point", ["firing: committed, not flushed", "delivery: locked"])
@pytest.mark.parametrize("switch", [pause, retire])
def test_what_is_dispatched_is_not_sent_any_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, switch: object, point: str
) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.worker.run()
    switched: list[str] = []

    def reached(here: str) -> None:
        if here == point and not switched:
            switched.append(here)
            switch(shop)  # type: ignore[operator]

    monkeypatch.setattr(points, "reached", reached)
    shop.until("2026-01-13 10:00")
    assert shop.mails() == []
    if switch is retire:
        assert (of(shop, order).status, of(shop, order).reason) == (CANCELLED, "RETIRED")
        return
    assert of(shop, order).status is FollowUpStatus.DISPATCHED
    activate(shop)
    shop.until("2026-01-13 10:01")
    assert of(shop, order).status is DELIVERED


def test_to_look_whether_a_policy_changed_is_to_read_what_is_new(house: House) -> None:
    asked = [(RegisterCustomer(customer_id=derived("customer", n), name="Ana"), Request()) for n in range(5_000)]
    for _ in Bulk(house.log).do_all(in_batches(asked)):
        pass
    lives = Lives(house.log, [])
    lives.refresh()
    house.log.do(RegisterCustomer(customer_id=derived("customer", "one more"), name="Eva"))
    before = entries_read(house.log)
    lives.refresh()
    assert entries_read(house.log) - before < 100


# Retired.


def test_what_a_retired_policy_promised_is_taken_back(shop: Shop) -> None:
    define(shop)
    customer = shop.customer()
    sent = shop.order(customer, "2026-01-07 18:00")
    shop.until("2026-01-10 10:00")
    orders = [shop.order(customer, "2026-01-10 18:00") for _ in range(3)]
    shop.worker.run()
    retire(shop)
    shop.order(customer, "2026-01-10 19:00")
    shop.worker.run()
    assert of(shop, sent).status is DELIVERED
    assert [row.about for row in shop.ledger()] == [sent, *orders]
    assert rows(shop)[1:] == [(CANCELLED, "RETIRED")] * 3
    head = shop.log.reader.head()
    shop.hire().run()
    shop.until("2026-02-10 10:00")
    assert shop.log.reader.head() == head


def test_what_happened_before_the_retirement_has_its_row(shop: Shop) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    retire(shop)  # before any worker came by
    shop.until("2026-01-13 10:00")
    assert (of(shop, order).status, of(shop, order).reason) == (CANCELLED, "RETIRED")
    assert shop.mails() == []


def test_what_happened_before_it_is_taken_back_however_long_it_takes_to_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", 1)
    define(shop)
    for _ in range(3):
        shop.order(shop.customer(), "2026-01-10 18:00")
    retire(shop)
    shop.worker.run()
    assert rows(shop) == [(CANCELLED, "RETIRED")] * 3


def test_one_that_is_activated_again_begins_there(shop: Shop) -> None:
    define(shop)
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    retire(shop)
    shop.order(customer, "2026-01-10 18:00")
    activate(shop)
    last = shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    shop.hire().run()  # who has not seen to the retirement yet
    shop.until("2026-01-13 10:00")
    assert [row.about for row in shop.ledger()] == [first, last]
    assert rows(shop) == [(CANCELLED, "RETIRED"), (DELIVERED, None)]


def test_two_workers_take_back_what_one_does(shop: Shop) -> None:
    define(shop)
    shop.order(shop.customer(), "2026-01-10 18:00")
    workers = [shop.hire(), shop.hire()]
    for worker in workers:
        worker.run()
    retire(shop)
    for worker in workers:
        worker.run()
    assert rows(shop) == [(CANCELLED, "RETIRED")]


def test_a_letter_that_a_dead_worker_was_sending_is_seen_to_after_the_retirement(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.worker.run()

    def reached(here: str) -> None:
        if here == "delivery: attempt recorded":
            raise KeyboardInterrupt  # as if the process ended

    monkeypatch.setattr(points, "reached", reached)
    with pytest.raises(KeyboardInterrupt):
        shop.until("2026-01-13 10:00")
    monkeypatch.undo()
    assert sum(isinstance(event, FollowUpAttempted) for event, _ in shop.events()) == 1
    retire(shop)
    shop.worker = shop.hire()
    shop.until("2026-01-13 11:00")
    assert (of(shop, order).status, of(shop, order).reason) == (CANCELLED, "RETIRED")
    assert shop.mails() == []


# Revised.


def test_a_new_version_never_does_anything_again(shop: Shop) -> None:
    define(shop)
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 18:00")
    shop.until("2026-01-13 10:00")
    define(shop, replace(THANKS, delay=Delay(count=6, at="12:00")))
    second = shop.order(customer, "2026-01-13 18:00")
    shop.until("2026-01-19 12:00")
    assert len(shop.mails()) == len(shop.ledger()) == 2
    assert [of(shop, each).policy_version for each in (first, second)] == [1, 2]


def test_each_event_meets_the_version_of_its_time(shop: Shop) -> None:
    define(shop)
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 18:00")
    define(shop, replace(THANKS, delay=Delay(count=5, at="12:00")))
    second = shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()  # both at once, after the change
    assert local(of(shop, first).due_at) == "2026-01-13 10:00"
    assert local(of(shop, second).due_at) == "2026-01-15 12:00"


def test_a_promise_is_kept_by_the_version_that_made_it(shop: Shop) -> None:
    define(shop)
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.worker.run()
    words = tuple(replace(each, subject="Otro") for each in MESSAGE.words)
    define(shop, replace(THANKS, action=replace(MESSAGE, words=words), conditions=a("tier", TestOperator.EQ, text="x")))
    shop.worker = shop.hire()
    shop.until("2026-01-13 10:00")
    assert of(shop, order).status is DELIVERED
    assert [mail["Subject"] for mail in shop.mails()] == ["Gracias"]


# Turns.


def test_the_turn_of_a_policy_ends_where_its_version_or_its_span_does(house: House) -> None:
    one, two = (interpret(PolicyDefined(key=KEY, version=version, rules=THANKS), house.log.codec) for version in (1, 2))
    life = Life([(3, one), (20, two)])
    assert life.turn(0, 100) is None
    life.switch(PolicyStatus.ACTIVE, 10)
    assert life.turn(0, 15) == (one, 10, 15)
    assert life.turn(0, 100) == (one, 10, 20)
    assert life.turn(20, 100) == (two, 20, 100)
    assert life.turn(0, 10) is None
    life.switch(PolicyStatus.PAUSED, 30)
    assert life.turn(20, 100) is None
    life.switch(PolicyStatus.RETIRED, 40)
    assert life.turn(20, 100) == (two, 20, 40)
    assert life.turn(40, 100) is None
    life.switch(PolicyStatus.ACTIVE, 60)
    assert life.turn(40, 100) == (two, 60, 100)
    assert life.turn(20, 100) == (two, 20, 40)
    assert (life.retired_at, life.spans) == (40, [(10, 40), (60, None)])


# Imagined.


def test_a_defined_policy_simulated_over_its_own_time_equals_the_ledger(shop: Shop) -> None:
    rules = replace(
        THANKS,
        triggers=(PLACED, Occurrence(event="activity.scheduled.v1")),
        conditions=a("open_cases", TestOperator.EQ, number=Decimal(0)),
        caps=(Cap(times=2, days=20),),
        cancelled_by=(PLACED, Occurrence(event="order.cancelled.v1")),
    )
    define(shop, rules)
    define(shop, replace(AT_ONCE, action=TASK), "tasks")
    chance, customers = Random(7), [shop.customer(email=f"c{n}@shop.test") for n in range(4)]
    orders = [shop.order(customers[0], "2026-01-10 18:00")]
    for day in range(60):
        shop.now = moment("2026-01-11 12:00") + timedelta(days=day)
        if chance.random() < 0.5:
            orders.append(shop.order(chance.choice(customers), shop.now))
        if chance.random() < 0.2:
            shop.cancel(chance.choice(orders))
        if day in (20, 40):
            pause(shop)
        if day in (24, 55):
            activate(shop)
        shop.worker.run()
    retire(shop)
    shop.worker.run()
    for key in (KEY, "tasks"):
        ledger = {row.follow_up_id: row for row in shop.ledger() if row.policy == key}
        defined = PolicyDefined(key=key, version=1, rules=rules if key == KEY else replace(AT_ONCE, action=TASK))
        simulated = {row.follow_up_id: row for row in simulate(shop.log, interpret(defined, shop.log.codec)).rows}
        assert simulated == ledger
        assert len(ledger) > 20
    assert {row.status for row in shop.ledger() if row.policy == KEY} == {DELIVERED, CANCELLED, SUPPRESSED}
    assert Completeness(shop.log, shop.engine, ()).check() == []


# Loops.


def test_two_policies_that_set_each_other_off_come_to_an_end_and_say_so(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    for key, other in (("ping", "pong"), ("pong", "ping")):
        heard = Occurrence(event="activity.scheduled.v1", when=a("origin_policy", TestOperator.EQ, text=other))
        triggers = (heard, PLACED) if key == "ping" else (heard,)
        define(shop, replace(AT_ONCE, triggers=triggers, action=TASK), key)
    shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-10 18:00")
    assert len(tasks(shop)) == MAX_CAUSES
    found = sorted((row.trigger_position, row.policy, row.status, row.reason) for row in shop.ledger())
    assert [row[1] for row in found] == ["ping", "pong"] * 4 + ["ping"]
    assert [row[2:] for row in found] == [(DONE, "TASK")] * 8 + [(SUPPRESSED, "LOOP")]
    assert "look for two policies that set each other off" in caplog.text
    head = shop.log.reader.head()
    shop.hire().run()
    assert shop.log.reader.head() == head
