"""Completeness: a trigger without a row in the ledger is found, said and kept until it has one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from domain.follow_up import Action, ActionKind
from domain.interaction import InteractionLogged, LogInteraction
from domain.kernel import Command, derived
from domain.order import OrderCancelled, OrderPlaced
from domain.values import Channel
from eventstore.envelope import Origin, Recorded
from processes import completeness, post_purchase_survey, triggers
from processes.completeness import Completeness, gaps
from processes.policy import Policy, occasion
from tests.conftest import House
from tests.processes.shop import Shop

SURVEY = post_purchase_survey.policy


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=[SURVEY])


def looks(shop: Shop) -> Completeness:
    shop.engine.catch_up()
    return Completeness(shop.log, shop.engine, [SURVEY])


def known(shop: Shop) -> list[tuple[str, int]]:
    return [(gap.policy, gap.position) for gap in gaps(shop.log)]


def lose(shop: Shop, position: int) -> None:
    """A row is taken out of the ledger, by hand."""
    with shop.log.pool.connection() as db:
        db.execute("delete from views.follow_ups where trigger_position = %s", [position])


def placed(shop: Shop) -> list[int]:
    return [at.position for event, at in shop.events() if isinstance(event, OrderPlaced)]


def test_what_the_worker_did_is_complete(shop: Shop) -> None:
    customer = shop.customer()
    for day in (10, 11, 12):
        shop.order(customer, f"2026-01-{day} 12:00")
    shop.worker.run()
    assert looks(shop).check() == []
    assert looks(shop).go_on() == 0
    assert known(shop) == []


def test_a_row_that_is_missing_is_found_by_the_worker_and_said(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    customer = shop.customer()
    for day in (10, 11, 12):
        shop.order(customer, f"2026-01-{day} 12:00")
    shop.worker.run()
    shop.engine.catch_up()
    lost = placed(shop)[1]
    lose(shop, lost)
    shop.worker.run()
    assert known(shop) == [("post-purchase-survey", lost)]
    assert f"set off by event {lost} and the ledger has no row for it" in caplog.text


def test_a_trigger_that_a_worker_passed_over_is_found(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-10 12:00")
    with shop.log.pool.connection() as db:  # as a worker would that says that it has read before it has done anything
        db.execute(
            "update es.checkpoint set position = (select max(position) from es.event) where name like 'policy:%'"
        )
    assert looks(shop).go_on() == 1
    assert known(shop) == [("post-purchase-survey", placed(shop)[0])]
    assert [gap.position for gap in looks(shop).check()] == placed(shop)


def test_a_gap_that_is_filled_is_forgotten_and_one_that_stays_is_kept(shop: Shop) -> None:
    customer = shop.customer()
    for day in (10, 11):
        shop.order(customer, f"2026-01-{day} 12:00")
    shop.worker.runner.react(SURVEY)
    first, second = placed(shop)
    looks(shop)
    with shop.log.pool.connection() as db:
        db.execute("create table views.kept as table views.follow_ups")
    lose(shop, first)
    lose(shop, second)
    assert looks(shop).go_on() == 2
    with shop.log.pool.connection() as db:
        db.execute("insert into views.follow_ups select * from views.kept where trigger_position = %s", [first])
    shop.order(customer, "2026-01-12 12:00")
    shop.worker.run()
    looks(shop).go_on()
    assert known(shop) == [("post-purchase-survey", second)]


def test_what_is_no_trigger_needs_no_row(shop: Shop) -> None:
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00", origin=Origin.IMPORT)
    shop.cancel(shop.order(customer, "2026-01-11 12:00"))
    shop.worker.run()
    lose(shop, next(at.position for event, at in shop.events() if isinstance(event, OrderCancelled)))
    assert looks(shop).check() == []


def test_nothing_is_missing_from_before_the_policy_was_activated(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[])
    shop.order(shop.customer(), "2026-01-10 12:00")
    shop = Shop(house.log, tmp_path / "mail", policies=[SURVEY])
    shop.worker.run()
    assert looks(shop).check() == []
    with house.pool.connection() as db:
        begun = dict(db.execute("select name, position from es.checkpoint").fetchall())
    shop.order(shop.customer(), "2026-01-11 12:00")
    shop.worker.run()
    with house.pool.connection() as db:
        now = dict(db.execute("select name, position from es.checkpoint").fetchall())
    assert now["activated:post-purchase-survey"] == begun["activated:post-purchase-survey"] < now[SURVEY.actor]


def test_the_worker_waits_for_the_ledger_and_goes_on_where_it_was(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.runner.react(SURVEY)
    behind = Completeness(shop.log, shop.engine, [SURVEY])
    asked: list[tuple[int, int]] = []
    looked = Completeness.missing

    def missing(ours: Completeness, reach: Sequence[tuple[Policy[object], int, int]]) -> list[tuple[str, int]]:
        asked.extend((start, end) for _, start, end in reach)
        return looked(ours, reach)

    monkeypatch.setattr(Completeness, "missing", missing)
    assert behind.go_on() == 0
    assert asked == []  # the ledger has no row for it yet, and that is no gap
    shop.engine.catch_up()
    monkeypatch.setattr(completeness, "EVENTS_PER_CHECK", 1)
    while behind.go_on() or len(asked) < len(placed(shop)):
        pass
    before = asked[-1][1]
    shop.order(shop.customer(), "2026-01-11 12:00")
    shop.worker.runner.react(SURVEY)
    looks(shop).go_on()
    assert asked[-1] == (before, before + 1)


def test_when_says_which_events_are_triggers_and_each_of_them_has_a_row(house: House, tmp_path: Path) -> None:
    policy = Policy("large-orders", version=1, memory=dict)

    @policy.trigger(OrderPlaced, when=lambda placed: placed.lines[0].quantity > 5)
    def promise(placed: OrderPlaced, at: Recorded, known: dict[object, object]) -> Iterator[Command]:
        if placed.lines[0].quantity > 8:
            yield policy.promise(at, "thanks", Action(kind=ActionKind.ACT), at.occurred_at, trigger=at.customer_id)

    shop = Shop(house.log, tmp_path / "mail", policies=[policy])
    ana, bea = shop.customer(), shop.customer()
    orders = [
        shop.order(who, "2026-01-10 12:00", pieces=n) for who, n in ((ana, 2), (ana, 7), (ana, 9), (ana, 9), (bea, 9))
    ]
    shop.worker.run()
    ledger = {entry.trigger_position: entry for entry in shop.ledger()}
    rows = [ledger.get(position) for position in placed(shop)]
    assert [row and (row.status, row.reason) for row in rows] == [
        None,
        ("SUPPRESSED", "NOT_CONCERNED"),
        ("SCHEDULED", None),
        ("SUPPRESSED", "ALREADY_PROMISED"),  # a second one for the same customer
        ("SCHEDULED", None),
    ]
    assert Completeness(shop.log, shop.engine, [policy]).check() == []
    lose(shop, placed(shop)[1])
    assert [gap.position for gap in Completeness(shop.log, shop.engine, [policy]).check()] == [placed(shop)[1]]
    [second] = [at for _, at in shop.events() if at.stream_id == orders[1]]
    assert rows[1] is not None
    assert rows[1].follow_up_id == policy.follow_up_id(occasion(second), "none")


def test_a_trigger_that_was_read_again_has_one_row(house: House, tmp_path: Path) -> None:
    policy = Policy("once-each", version=1, memory=dict)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: dict[object, object]) -> Iterator[Command]:
        yield policy.promise(at, "thanks", Action(kind=ActionKind.ACT), at.occurred_at, trigger=at.customer_id)

    shop = Shop(house.log, tmp_path / "mail", policies=[policy])
    customer = shop.customer()
    for _ in range(2):
        shop.order(customer, "2026-01-10 12:00")
    assert shop.worker.runner.react(policy).appended == 2
    with house.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0 where name = %s", [policy.actor])
    assert shop.worker.runner.react(policy).appended == 0
    assert sorted(str(entry.reason) for entry in shop.ledger()) == ["ALREADY_PROMISED", "None"]


def test_the_end_of_too_long_a_chain_has_a_row_that_says_so(house: House, tmp_path: Path) -> None:
    def answering(hears: str, says: str) -> Policy[dict[object, object]]:
        policy: Policy[dict[object, object]] = Policy(f"says-{says}", version=1, memory=dict)

        @policy.trigger(InteractionLogged, when=lambda heard: heard.topic == hears)
        def answer(heard: InteractionLogged, at: Recorded, known: object) -> Iterator[Command]:
            yield said(heard.customer_id, says, at.position)

        return policy

    policies = [answering("ping", "pong"), answering("pong", "ping")]
    shop = Shop(house.log, tmp_path / "mail", policies=policies)
    shop.do(said(shop.customer(), "ping"))
    shop.worker.run()
    words = [at.position for event, at in shop.events() if isinstance(event, InteractionLogged)]
    assert len(words) == triggers.MAX_CAUSES + 1
    assert [entry.trigger_position for entry in shop.ledger()] == words
    assert [entry.reason for entry in shop.ledger()] == ["NOT_CONCERNED"] * triggers.MAX_CAUSES + ["LOOP"]
    assert Completeness(shop.log, shop.engine, policies).check() == []


def said(of: UUID, topic: str, *meaning: object) -> LogInteraction:
    id = derived("interaction", topic, *meaning)
    return LogInteraction(interaction_id=id, customer_id=of, channel=Channel.EMAIL, topic=topic)
