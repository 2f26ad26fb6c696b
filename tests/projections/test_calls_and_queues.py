"""What is told of a call, a work item, a shift and an interaction, from its beginning to its end."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.agent_shift import AgentStatus, ChangeAgentStatus, SignInAgent, SignOutAgent
from domain.call import AnswerCall, CompleteWrapUp, EndCall, HoldCall, ResumeCall, RingCall, TransferCall
from domain.import_batch import RevertImport, StartImport, run_id
from domain.interaction import (
    EndInteraction,
    LogInteraction,
    ReattributeInteraction,
    ReceiveMessage,
    SendMessage,
    StartInteraction,
)
from domain.kernel import Command, derived
from domain.values import Channel
from domain.work_item import (
    AbandonWorkItem,
    AcceptWorkItem,
    CompleteWorkItem,
    DeclineWorkItem,
    OfferWorkItem,
    QueueWorkItem,
    TransferWorkItem,
    WorkItemStatus,
)
from eventstore.envelope import Origin, Request
from projections.engine import Engine
from projections.facts import Facts
from projections.lists import Lists
from projections.service import shifts, work_items
from projections.service.contact_centre import contact_centre, volumes
from projections.service.traffic import CentreDimension
from projections.touchpoints import calls, interactions
from tests.conftest import House
from tests.projections.test_engine import held

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
END = START + timedelta(hours=1)
CENTRE = (work_items.view, calls.view, shifts.view, interactions.view)
CALL, ITEM, SHIFT, TALK, ANA, LUIS, EVA, IVO, BATCH = (
    derived(noun, 1) for noun in ("call", "work_item", "shift", "talk", "ana", "luis", "eva", "ivo", "batch")
)
Steps = tuple[int, Command]


def lived(house: House, *steps: Steps) -> Lists:
    """After all of this was asked, each so many seconds after nine."""
    for after_s, command in steps:
        house.log.do(command, Request(occurred_at=START + timedelta(seconds=after_s)))
    engine = Engine(house.log, house.pool, CENTRE)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def told(house: House, of: Facts[Any], *names: str) -> list[tuple[Any, ...]]:
    rows = sorted(held(house.pool, of).values(), key=lambda row: (row.position, row.number))
    return [tuple(getattr(row, name) for name in names) for row in rows]


def queued(item: Any = ITEM, channel: Channel = Channel.CHAT, **more: Any) -> QueueWorkItem:
    return QueueWorkItem(work_item_id=item, channel=channel, queue="L1", score=100, **more)


CALLED: tuple[Steps, ...] = (
    (0, RingCall(call_id=CALL, queue="L1")),
    (20, AnswerCall(call_id=CALL, staff_id=EVA)),
    (50, HoldCall(call_id=CALL)),
    (60, ResumeCall(call_id=CALL)),
    (80, TransferCall(call_id=CALL, to_staff_id=IVO)),
    (95, AnswerCall(call_id=CALL, staff_id=IVO)),
    (200, EndCall(call_id=CALL)),
    (230, CompleteWrapUp(call_id=CALL, disposition="DONE")),
)


def test_a_call_is_told_leg_by_leg(house: House) -> None:
    lived(house, *CALLED)
    names = ("move", "leg", "staff_id", "waited_s", "talk_s", "hold_s", "acw_s", "queued")
    assert told(house, calls.legs, *names) == [
        ("RANG", 1, None, 0, 0, 0, 0, True), ("ANSWERED", 1, EVA, 20, 0, 0, 0, True),
        ("TRANSFERRED", 1, EVA, 0, 50, 10, 0, True), ("RANG", 2, IVO, 0, 0, 0, 0, False),
        ("ANSWERED", 2, IVO, 15, 0, 0, 0, False), ("ENDED", 2, IVO, 0, 105, 0, 0, False),
        ("WRAPPED_UP", 2, IVO, 0, 0, 0, 30, False),
    ]  # fmt: skip
    (row,) = held(house.pool, calls.view).values()
    assert (row.waited_s, row.talk_s, row.hold_s, row.acw_s, row.transfers) == (20, 155, 10, 30, 1)


def test_what_the_telephone_system_says_of_the_whole_call_counts(house: House) -> None:
    lived(house, *CALLED[:6], (200, EndCall(call_id=CALL, talk_s=140, hold_s=30)))
    assert told(house, calls.legs, "move", "talk_s", "hold_s")[-1] == ("ENDED", 90, 20)
    (row,) = held(house.pool, calls.view).values()
    assert (row.talk_s, row.hold_s) == (140, 30)


def test_a_call_that_was_talked_on_was_answered_though_nobody_said_so(house: House) -> None:
    lived(house, (0, RingCall(call_id=CALL)), (90, EndCall(call_id=CALL, talk_s=60, waited_s=25)))
    assert told(house, calls.legs, "move", "waited_s", "talk_s") == [
        ("RANG", 0, 0), ("ANSWERED", 25, 0), ("ENDED", 0, 60),
    ]  # fmt: skip


def test_a_work_item_that_is_transferred_leaves_a_queue_and_enters_another(house: House) -> None:
    lived(
        house, (0, queued()), (10, OfferWorkItem(work_item_id=ITEM, staff_id=EVA)),
        (30, DeclineWorkItem(work_item_id=ITEM, staff_id=EVA, reason="TIMED_OUT")),
        (40, TransferWorkItem(work_item_id=ITEM, queue="L2")), (70, AcceptWorkItem(work_item_id=ITEM, staff_id=IVO)),
        (100, TransferWorkItem(work_item_id=ITEM, staff_id=EVA)), (110, AcceptWorkItem(work_item_id=ITEM, staff_id=EVA)),
        (150, CompleteWorkItem(work_item_id=ITEM, outcome="DONE")),
    )  # fmt: skip
    names = (
        "move",
        "queue",
        "entry",
        "staff_id",
        "waited_s",
        "waited_total_s",
        "handled_s",
        "waiting_change",
        "queued",
    )
    assert told(house, work_items.moves, *names) == [
        ("ENTERED", "L1", 1, None, 0, 0, 0, 1, True), ("OFFERED", "L1", 1, EVA, 10, 10, 0, 0, True),
        ("DECLINED", "L1", 1, EVA, 30, 30, 0, 0, True), ("LEFT", "L1", 1, None, 40, 40, 0, -1, True),
        ("ENTERED", "L2", 2, None, 0, 40, 0, 1, True), ("ACCEPTED", "L2", 2, IVO, 30, 70, 0, -1, True),
        ("LEFT", "L2", 2, IVO, 0, 0, 30, 0, True), ("ENTERED", "L2", 3, None, 0, 0, 0, 1, False),
        ("OFFERED", "L2", 3, EVA, 0, 0, 0, 0, False), ("ACCEPTED", "L2", 3, EVA, 10, 10, 0, -1, False),
        ("COMPLETED", "L2", 3, EVA, 0, 0, 40, 0, False),
    ]  # fmt: skip
    (row,) = held(house.pool, work_items.view).values()
    assert (row.status, row.offers, row.declined, row.transfers) == (WorkItemStatus.COMPLETED, 2, 1, 2)


def test_whoever_gives_up_has_waited_as_long_as_was_said(house: House) -> None:
    lists = lived(house, (0, queued()), (30, AbandonWorkItem(work_item_id=ITEM, after_s=4)))
    assert told(house, work_items.moves, "move", "waited_s", "waiting_change")[-1] == ("ABANDONED", 4, -1)
    (figures,) = contact_centre(lists, START, END, interval_s=None, now=END).figures
    assert (figures.abandoned, figures.abandoned_short, figures.waiting) == (1, 1, 0)
    assert (figures.service_level, figures.service_level_v2, figures.asa_s) == (None, 0.0, None)


def test_a_shift_is_a_row_of_what_the_agent_did_each_until_the_next(house: House) -> None:
    lists = lived(
        house, (0, SignInAgent(agent_shift_id=SHIFT, staff_id=EVA)),
        (600, ChangeAgentStatus(agent_shift_id=SHIFT, status=AgentStatus.BREAK, reason="LUNCH")),
        (900, ChangeAgentStatus(agent_shift_id=SHIFT, status=AgentStatus.BUSY)), (1500, SignOutAgent(agent_shift_id=SHIFT)),
    )  # fmt: skip
    assert told(house, shifts.times, "status", "previous", "lasted_s") == [
        ("AVAILABLE", None, 0), ("BREAK", "AVAILABLE", 600), ("BUSY", "BREAK", 300), (None, "BUSY", 600),
    ]  # fmt: skip
    figures = contact_centre(lists, START, START + timedelta(seconds=1800), by=[CentreDimension.STAFF], now=END).figures
    assert [(each.on_duty_s, each.away_s) for each in figures] == [(600, 300), (600, 0)]


def test_time_that_is_yet_to_come_is_not_counted(house: House) -> None:
    lists = lived(house, (0, SignInAgent(agent_shift_id=SHIFT, staff_id=EVA)))
    asked = START + timedelta(seconds=90)
    assert contact_centre(lists, START, END, interval_s=None, now=asked).figures[0].on_duty_s == 90
    forgotten = START + timedelta(days=3)
    (figures,) = contact_centre(lists, START, forgotten, interval_s=None, now=forgotten).figures
    assert figures.on_duty_s == 24 * 3600


def test_staffing_is_told_how_many_come_and_how_long_one_takes(house: House) -> None:
    others = derived("call", 2), derived("call", 3)
    rung = ((1000, RingCall(call_id=other, queue="L1")) for other in others)
    lists = lived(house, *CALLED, *rung, *((1010, EndCall(call_id=other, waited_s=10)) for other in others))
    first, second = volumes(lists, START, START + timedelta(seconds=1800), now=END)
    assert (first.contacts, first.aht_s) == (1, (155 + 10 + 30) / 2)
    assert (second.contacts, second.aht_s) == (2, first.aht_s)  # nobody handled them


def test_an_import_that_is_taken_back_leaves_nobody_waiting_less_than_nobody(house: House) -> None:
    start = StartImport(import_batch_id=BATCH, source="acd", file="acd.csv", digest="0" * 64)
    house.log.do(start)
    request = Request(origin=Origin.IMPORT, occurred_at=START, correlation_id=run_id(BATCH, 1))
    house.log.do(queued(), request)
    lists = lived(house, (60, AcceptWorkItem(work_item_id=ITEM, staff_id=EVA)))
    assert contact_centre(lists, START, END, interval_s=None, now=END).figures[0].answered == 1
    lists = lived(house, (90, RevertImport(import_batch_id=BATCH)))
    (figures,) = contact_centre(lists, START, END, interval_s=None, now=END).figures
    assert (figures.offered, figures.answered, figures.waiting) == (0, 0, 0)


def test_a_contact_is_counted_once_and_answered_as_often_as_it_was(house: House) -> None:
    lived(
        house, (0, StartInteraction(interaction_id=TALK, customer_id=ANA, channel=Channel.CHAT, topic="T")),
        (10, ReceiveMessage(interaction_id=TALK, text="?")), (20, ReceiveMessage(interaction_id=TALK, text="?!")),
        (70, SendMessage(interaction_id=TALK, text="!")), (80, SendMessage(interaction_id=TALK, text="!!")),
        (90, ReceiveMessage(interaction_id=TALK, text="?")), (95, SendMessage(interaction_id=TALK, text="!")),
        (120, EndInteraction(interaction_id=TALK)),
        (200, LogInteraction(interaction_id=EVA, customer_id=ANA, channel=Channel.PHONE, duration_s=300)),
    )  # fmt: skip
    names = ("move", "contacts", "online", "answered_s", "duration_s")
    assert told(house, interactions.contacts, *names) == [
        ("BEGAN", 1, True, None, None), ("ANSWERED", 0, True, 60, None), ("ANSWERED", 0, True, 5, None),
        ("ENDED", 0, True, None, 120), ("BEGAN", 1, False, None, 300),
    ]  # fmt: skip
    row = held(house.pool, interactions.view)[TALK]
    assert (row.received, row.sent, row.answered_s, row.unanswered_since, row.duration_s) == (3, 3, 60, None, 120)


def test_a_contact_that_was_with_somebody_else_counts_for_them_from_its_beginning(house: House) -> None:
    lived(
        house, (0, LogInteraction(interaction_id=TALK, customer_id=ANA, channel=Channel.EMAIL)),
        (3600, ReattributeInteraction(interaction_id=TALK, customer_id=LUIS)),
    )  # fmt: skip
    rows = told(house, interactions.contacts, "customer_id", "contacts", "began_at")
    assert rows == [(ANA, 1, START), (ANA, -1, START), (LUIS, 1, START)]
