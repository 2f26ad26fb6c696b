"""Work items."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.case_events import CasePriority
from domain.kernel import Command
from domain.values import MAX_DURATION_S, Channel
from domain.work_item import (
    MAX_FACTORS,
    MAX_REPRIORITISED,
    MAX_SCORE,
    TIMED_OUT,
    AbandonWorkItem,
    AcceptWorkItem,
    CallbackRequested,
    CompleteWorkItem,
    DeclineWorkItem,
    OfferWorkItem,
    QueueWorkItem,
    ReprioritiseWorkItem,
    RequestCallback,
    TransferWorkItem,
    WorkItemAbandoned,
    WorkItemAccepted,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemReprioritised,
    WorkItemTransferred,
    decider,
)
from tests.domain.scenario import but, given

ITEM, ANA, LUIS, PAZ, CALL = (UUID(int=number) for number in range(1, 6))
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
QUEUE = QueueWorkItem(
    work_item_id=ITEM,
    customer_id=ANA,
    channel=Channel.PHONE,
    queue="desk",
    language="es",
    call_id=CALL,
    priority=CasePriority.HIGH,
    score=360,
    factors={"priority": 300, "tier": 60},
)
QUEUED = WorkItemQueued(
    customer_id=ANA,
    channel=Channel.PHONE,
    queue="desk",
    skill=None,
    language="es",
    case_id=None,
    interaction_id=None,
    call_id=CALL,
    priority=CasePriority.HIGH,
    score=360,
    factors={"priority": 300, "tier": 60},
)
OFFER, ACCEPT = (each(work_item_id=ITEM, staff_id=LUIS) for each in (OfferWorkItem, AcceptWorkItem))
DECLINE, TIME_OUT = (DeclineWorkItem(work_item_id=ITEM, staff_id=LUIS, reason=each) for each in (None, TIMED_OUT))
OFFERED, ACCEPTED = WorkItemOffered(staff_id=LUIS), WorkItemAccepted(staff_id=LUIS)
DECLINED, LET_GO = WorkItemDeclined(staff_id=LUIS), WorkItemDeclined(staff_id=LUIS, reason="TIMED_OUT")
RESCORE = ReprioritiseWorkItem(work_item_id=ITEM, score=460, factors={"sla": 100})
RESCORED = WorkItemReprioritised(score=460, factors={"sla": 100})
ABANDON, ABANDONED = AbandonWorkItem(work_item_id=ITEM, after_s=90), WorkItemAbandoned(after_s=90)
CALL_BACK = RequestCallback(work_item_id=ITEM, phone="600 123 456", wanted_at=NOON)
CALLBACK = CallbackRequested(phone="600 123 456", wanted_at=NOON)
COMPLETE, COMPLETED = CompleteWorkItem(work_item_id=ITEM, outcome="SOLVED"), WorkItemCompleted(outcome="SOLVED")


def transfer(**to: Any) -> TransferWorkItem:
    return TransferWorkItem(work_item_id=ITEM, **to)


def transferred(queue: str = "desk", staff_id: UUID | None = None) -> WorkItemTransferred:
    return WorkItemTransferred(previous="desk", queue=queue, staff_id=staff_id)


def test_a_work_item_is_queued_once() -> None:
    state = given(decider).when(QUEUE).then(QUEUED)
    assert decider.customer_of(OFFER, state) == ANA
    given(decider, QUEUED, RESCORED, transferred("vip"), OFFERED, ACCEPTED).when(QUEUE).then_nothing()
    given(decider, QUEUED).when(but(QUEUE, score=1)).refused(
        "This work item is already queued. Transfer or score it instead."
    )


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"queue": " "}, "The queue must not be blank.", "queue"),
        ({"skill": " "}, "The skill must not be blank.", "skill"),
        ({"language": "Spanish"}, "Write the language as es or es-MX.", "language"),
        ({"score": -1}, f"The score must be from 0 to {MAX_SCORE}.", "score"),
        ({"factors": {" ": 1}}, "The name of a factor must not be blank.", "factors"),
        ({"factors": {"a": MAX_SCORE + 1}}, f"The factors must be from -{MAX_SCORE} to {MAX_SCORE}.", "factors"),
        (
            {"factors": {str(number): 1 for number in range(MAX_FACTORS + 1)}},
            f"Give at most {MAX_FACTORS} factors.",
            "factors",
        ),
    ],
)
def test_a_work_item_must_make_sense(said: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(QUEUE, **said)).refused(sentence, field)


@pytest.mark.parametrize(
    "command",
    [OFFER, DECLINE, TIME_OUT, ACCEPT, RESCORE, ABANDON, CALL_BACK, transfer(queue="vip"), COMPLETE],
)
def test_nothing_becomes_of_what_is_not_queued(command: Command) -> None:
    given(decider).when(command).refused("This work item is not queued yet.", "work_item_id")


def test_an_item_is_offered_to_one_agent_at_a_time() -> None:
    given(decider, QUEUED).when(OFFER).then(OFFERED)
    given(decider, QUEUED, OFFERED).when(OFFER).then_nothing()
    given(decider, QUEUED, OFFERED).when(but(OFFER, staff_id=PAZ)).refused(
        "It is offered to somebody else.", "staff_id"
    )
    given(decider, QUEUED, ACCEPTED).when(OFFER).refused("It has been accepted.")
    given(decider, QUEUED, ACCEPTED).when(but(OFFER, staff_id=PAZ)).refused("Somebody else has accepted it.")


def test_an_offer_that_is_let_go_by_may_be_made_again() -> None:
    late = but(DECLINE, reason="LUNCH")
    given(decider, QUEUED, OFFERED).when(late).then(WorkItemDeclined(staff_id=LUIS, reason="LUNCH"))
    given(decider, QUEUED, OFFERED).when(but(DECLINE, reason=" ")).refused("The reason must not be blank.", "reason")
    for command, event in ((DECLINE, DECLINED), (TIME_OUT, LET_GO)):
        given(decider, QUEUED, OFFERED).when(command).then(event)
        given(decider, QUEUED, OFFERED, event).when(command).then_nothing()
        given(decider, QUEUED, OFFERED, event).when(OFFER).then(OFFERED)
        given(decider, QUEUED, OFFERED, event, OFFERED).when(command).then(event)
        given(decider, QUEUED, OFFERED, event, OFFERED, ACCEPTED).when(command).refused(
            "It is not offered to this agent.", "staff_id"
        )
        given(decider, QUEUED).when(command).refused("It is not offered to this agent.", "staff_id")


def test_whoever_is_late_to_decline_does_not_decline_what_is_offered_to_another() -> None:
    for command, event in ((DECLINE, DECLINED), (TIME_OUT, LET_GO)):
        to_paz = WorkItemOffered(staff_id=PAZ)
        given(decider, QUEUED, OFFERED, event, to_paz).when(command).then_nothing()
        given(decider, QUEUED, to_paz).when(command).refused("It is not offered to this agent.", "staff_id")
        given(decider, QUEUED, OFFERED, ACCEPTED).when(command).refused("It is not offered to this agent.", "staff_id")


def test_of_two_agents_who_accept_an_item_one_wins() -> None:
    for before in ([QUEUED], [QUEUED, OFFERED]):
        given(decider, *before).when(ACCEPT).then(ACCEPTED)
        given(decider, *before, ACCEPTED).when(ACCEPT).then_nothing()
        given(decider, *before, ACCEPTED).when(but(ACCEPT, staff_id=PAZ)).refused("Somebody else has accepted it.")
    given(decider, QUEUED, OFFERED).when(but(ACCEPT, staff_id=PAZ)).refused(
        "It is offered to somebody else.", "staff_id"
    )


def test_an_item_is_scored_anew_while_it_waits() -> None:
    given(decider, QUEUED).when(RESCORE).then(RESCORED)
    given(decider, QUEUED, OFFERED).when(RESCORE).then(RESCORED)
    given(decider, QUEUED, RESCORED).when(RESCORE).then_nothing()
    given(decider, QUEUED).when(but(RESCORE, score=QUEUED.score, factors=QUEUED.factors)).then_nothing()
    given(decider, QUEUED, ACCEPTED).when(RESCORE).refused("It has been accepted.")
    given(decider, QUEUED).when(but(RESCORE, score=-1)).refused(f"The score must be from 0 to {MAX_SCORE}.", "score")
    often = [WorkItemReprioritised(score=number, factors={}) for number in range(MAX_REPRIORITISED)]
    given(decider, QUEUED, *often).when(RESCORE).refused(
        f"A work item is scored anew at most {MAX_REPRIORITISED} times."
    )


def test_a_customer_gives_up_once_and_only_while_waiting() -> None:
    given(decider, QUEUED, OFFERED).when(ABANDON).then(ABANDONED)
    given(decider, QUEUED, ABANDONED).when(ABANDON).then_nothing()
    given(decider, QUEUED, ABANDONED).when(but(ABANDON, after_s=1)).refused("The customer has given up waiting.")
    given(decider, QUEUED, ACCEPTED).when(ABANDON).refused("It has been accepted.")
    given(decider, QUEUED).when(but(ABANDON, after_s=-1)).refused(
        f"The duration must be from 0 to {MAX_DURATION_S} seconds.", "after_s"
    )


def test_a_customer_may_be_called_back_instead() -> None:
    given(decider, QUEUED).when(CALL_BACK).then(CALLBACK)
    given(decider, QUEUED, CALLBACK).when(CALL_BACK).then_nothing()
    given(decider, QUEUED, CALLBACK).when(but(CALL_BACK, phone="600 123 457")).then(
        CallbackRequested(phone="600 123 457", wanted_at=NOON)
    )
    given(decider, QUEUED, ACCEPTED).when(CALL_BACK).refused("It has been accepted.")
    given(decider, QUEUED).when(but(CALL_BACK, phone="600")).refused(
        "There can be no such phone number: write it as +34 600 123 456.", "phone"
    )
    given(decider, QUEUED).when(but(CALL_BACK, wanted_at=NOON.replace(tzinfo=None))).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "wanted_at"
    )


def test_an_item_goes_to_another_queue_or_agent() -> None:
    to_paz = WorkItemAccepted(staff_id=PAZ)
    for before in ([QUEUED], [QUEUED, OFFERED], [QUEUED, ACCEPTED]):
        given(decider, *before).when(transfer(queue="vip")).then(transferred("vip"))
        given(decider, *before).when(transfer(staff_id=PAZ)).then(transferred(staff_id=PAZ))
    given(decider, QUEUED, transferred("vip")).when(transfer(queue="vip")).then_nothing()
    given(decider, QUEUED, ACCEPTED, transferred("vip", PAZ)).when(transfer(queue="vip", staff_id=PAZ)).then_nothing()
    given(decider, QUEUED, ACCEPTED).when(transfer(staff_id=LUIS)).then_nothing()
    given(decider, QUEUED, ACCEPTED).when(transfer(queue="desk")).then(transferred())
    given(decider, QUEUED, ACCEPTED, transferred(staff_id=PAZ)).when(but(ACCEPT, staff_id=PAZ)).then(to_paz)
    given(decider, QUEUED, ACCEPTED, transferred("vip")).when(ACCEPT).then(ACCEPTED)
    given(decider, QUEUED).when(transfer()).refused("Give the queue or the agent to transfer it to.", "queue")
    given(decider, QUEUED).when(transfer(queue=" ")).refused("The queue must not be blank.", "queue")


def test_an_item_is_completed_once_by_somebody_who_accepted_it() -> None:
    given(decider, QUEUED, ACCEPTED).when(COMPLETE).then(COMPLETED)
    given(decider, QUEUED, ACCEPTED, COMPLETED).when(COMPLETE).then_nothing()
    given(decider, QUEUED, OFFERED).when(COMPLETE).refused("Nobody has accepted it yet.")
    given(decider, QUEUED).when(but(COMPLETE, outcome=" ")).refused("The outcome must not be blank.", "outcome")
    given(decider, QUEUED, ACCEPTED, COMPLETED).when(but(COMPLETE, outcome="OTHER")).refused(
        "This work item has already been completed."
    )


@pytest.mark.parametrize("command", [OFFER, ACCEPT, RESCORE, CALL_BACK, transfer(queue="vip"), COMPLETE])
def test_what_has_ended_stands_still(command: Command) -> None:
    given(decider, QUEUED, ABANDONED).when(command).refused("The customer has given up waiting.")
    if command != COMPLETE:
        given(decider, QUEUED, ACCEPTED, COMPLETED).when(command).refused("This work item has already been completed.")
