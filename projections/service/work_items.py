"""The work items: everything that waited for an agent, from every channel, and who took it after how long."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.case_events import CasePriority
from domain.values import Channel, empty
from domain.work_item import (
    CallbackRequested,
    WorkItemAbandoned,
    WorkItemAccepted,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemReprioritised,
    WorkItemStatus,
    WorkItemTransferred,
)
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View


class QueueMove(StrEnum):
    """What became of something in a queue: it ENTERED, and it LEFT for another queue or for another agent."""

    ENTERED = "ENTERED"
    OFFERED = "OFFERED"
    DECLINED = "DECLINED"
    ACCEPTED = "ACCEPTED"
    ABANDONED = "ABANDONED"
    CALLBACK = "CALLBACK"
    LEFT = "LEFT"
    COMPLETED = "COMPLETED"


class QueueEvent(Fact):
    """One thing that became of something in a queue which it had entered at `entered_at`, for the n-th time in its `entry`.

    `waited_s` are the seconds from then until it was taken, abandoned or left, and `waited_total_s` those since it began to
    wait, in whichever queue. `handled_s` is how long the agent had it. `waiting_change` is what it changes about the
    number of those that wait in the queue. `queued`: it came to the queue, and was not passed to one agent by another.
    """

    move: QueueMove = QueueMove.ENTERED
    queue: str = ""
    channel: Channel | None = None
    skill: str | None = None
    priority: CasePriority | None = None
    staff_id: UUID | None = None
    case_id: UUID | None = None
    interaction_id: UUID | None = None
    call_id: UUID | None = None
    entry: int = 0
    entered_at: datetime | None = None
    waited_s: int = 0
    waited_total_s: int = 0
    handled_s: int = 0
    reason: str | None = None
    waiting_change: int = 0
    queued: bool = True


class WorkItemSheet(Row, key="work_item_id"):
    """A work item. `score` is what was said of it, made of `factors`; what waiting adds is counted when the queue is shown.

    It entered its `queue` at `entered_at` and waits since `waiting_since`, unless somebody has it since `accepted_at`.
    `staff_id` is who has it, or is offered it; `passed_on` says that one agent passed it to another within the queue.
    """

    work_item_id: UUID
    customer_id: UUID | None = None
    status: WorkItemStatus = WorkItemStatus.UNKNOWN
    channel: Channel | None = None
    queue: str = ""
    skill: str | None = None
    language: str | None = None
    priority: CasePriority | None = None
    case_id: UUID | None = None
    interaction_id: UUID | None = None
    call_id: UUID | None = None
    score: int = 0
    factors: Mapping[str, int] = field(default_factory=empty)
    staff_id: UUID | None = None
    queued_at: datetime | None = None
    waiting_since: datetime | None = None
    entered_at: datetime | None = None
    entries: int = 0
    passed_on: bool = False
    offered_at: datetime | None = None
    accepted_at: datetime | None = None
    completed_at: datetime | None = None
    abandoned_at: datetime | None = None
    waited_s: int | None = None
    handled_s: int | None = None
    offers: int = 0
    declined: int = 0
    transfers: int = 0
    callback: bool = False
    callback_at: datetime | None = None
    outcome: str | None = None


moves = Facts(
    "queue_events",
    QueueEvent,
    indexes=("(entered_at)", "(occurred_at)", "(customer_id, occurred_at)", "(call_id)", "(queue, occurred_at)"),
)

view = View(
    "work_items",
    WorkItemSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    facts=(moves,),
    indexes=("(customer_id, queued_at desc)", "(status, queue)", "(case_id)", "(staff_id, status)"),
)


@view.on(WorkItemQueued)
def queue(sheet: WorkItemSheet, queued: WorkItemQueued, at: Recorded) -> Iterator[QueueEvent]:
    sheet.customer_id = at.customer_id
    sheet.status = WorkItemStatus.QUEUED
    sheet.channel = queued.channel
    sheet.queue = queued.queue
    sheet.skill = queued.skill
    sheet.language = queued.language
    sheet.priority = queued.priority
    sheet.case_id = queued.case_id
    sheet.interaction_id = queued.interaction_id
    sheet.call_id = queued.call_id
    sheet.score = queued.score
    sheet.factors = queued.factors
    sheet.queued_at = sheet.waiting_since = at.occurred_at
    yield _enter(sheet, at)


@view.on(WorkItemOffered)
def offer(sheet: WorkItemSheet, offered: WorkItemOffered, at: Recorded) -> Iterator[QueueEvent]:
    yield _offer(sheet, offered.staff_id, at)


@view.on(WorkItemDeclined)
def decline(sheet: WorkItemSheet, declined: WorkItemDeclined, at: Recorded) -> Iterator[QueueEvent]:
    yield _event(sheet, QueueMove.DECLINED, at, staff_id=declined.staff_id, reason=declined.reason)
    sheet.status = WorkItemStatus.QUEUED
    sheet.staff_id = None
    sheet.offered_at = None
    sheet.declined += 1


@view.on(WorkItemAccepted)
def accept(sheet: WorkItemSheet, accepted: WorkItemAccepted, at: Recorded) -> Iterator[QueueEvent]:
    sheet.status = WorkItemStatus.ACCEPTED
    sheet.staff_id = accepted.staff_id
    sheet.accepted_at = at.occurred_at
    sheet.waited_s = seconds_between(sheet.waiting_since, at.occurred_at)
    yield _event(sheet, QueueMove.ACCEPTED, at, staff_id=accepted.staff_id, leaves=True)
    sheet.waiting_since = None


@view.on(WorkItemReprioritised)
def score(sheet: WorkItemSheet, scored: WorkItemReprioritised, at: Recorded) -> None:
    sheet.score = scored.score
    sheet.factors = scored.factors


@view.on(WorkItemAbandoned)
def abandon(sheet: WorkItemSheet, abandoned: WorkItemAbandoned, at: Recorded) -> Iterator[QueueEvent]:
    yield _event(sheet, QueueMove.ABANDONED, at, leaves=True, waited_s=abandoned.after_s)
    sheet.status = WorkItemStatus.ABANDONED
    sheet.abandoned_at = at.occurred_at
    sheet.waited_s = abandoned.after_s
    sheet.staff_id = sheet.waiting_since = None


@view.on(CallbackRequested)
def call_back(sheet: WorkItemSheet, requested: CallbackRequested, at: Recorded) -> Iterator[QueueEvent]:
    sheet.callback = True
    sheet.callback_at = requested.wanted_at
    yield _event(sheet, QueueMove.CALLBACK, at)


@view.on(WorkItemTransferred)
def transfer(sheet: WorkItemSheet, transferred: WorkItemTransferred, at: Recorded) -> Iterator[QueueEvent]:
    yield _event(sheet, QueueMove.LEFT, at, staff_id=sheet.staff_id, leaves=True)
    sheet.passed_on = transferred.staff_id is not None and transferred.queue == sheet.queue
    sheet.queue = transferred.queue
    sheet.status = WorkItemStatus.QUEUED
    sheet.staff_id = sheet.offered_at = sheet.accepted_at = None
    sheet.waiting_since = sheet.waiting_since or at.occurred_at
    sheet.transfers += 1
    yield _enter(sheet, at)
    if transferred.staff_id is not None:
        yield _offer(sheet, transferred.staff_id, at)


@view.on(WorkItemCompleted)
def complete(sheet: WorkItemSheet, completed: WorkItemCompleted, at: Recorded) -> Iterator[QueueEvent]:
    yield _event(sheet, QueueMove.COMPLETED, at, staff_id=sheet.staff_id, reason=completed.outcome)
    sheet.status = WorkItemStatus.COMPLETED
    sheet.completed_at = at.occurred_at
    sheet.handled_s = seconds_between(sheet.accepted_at, at.occurred_at)
    sheet.outcome = completed.outcome


def _enter(sheet: WorkItemSheet, at: Recorded) -> QueueEvent:
    sheet.entered_at = at.occurred_at
    sheet.entries += 1
    return _event(sheet, QueueMove.ENTERED, at)


def _offer(sheet: WorkItemSheet, staff_id: UUID, at: Recorded) -> QueueEvent:
    sheet.status = WorkItemStatus.OFFERED
    sheet.staff_id = staff_id
    sheet.offered_at = at.occurred_at
    sheet.offers += 1
    return _event(sheet, QueueMove.OFFERED, at, staff_id=staff_id)


def _event(
    sheet: WorkItemSheet,
    move: QueueMove,
    at: Recorded,
    *,
    staff_id: UUID | None = None,
    reason: str | None = None,
    leaves: bool = False,
    waited_s: int | None = None,
) -> QueueEvent:
    """What became of it. What waits no longer `leaves`; a contact that nobody has any more has been handled up to now."""
    handled = move in (QueueMove.COMPLETED, QueueMove.LEFT)
    in_queue, in_all = (seconds_between(since, at.occurred_at) for since in (sheet.entered_at, sheet.waiting_since))
    waits = sheet.waiting_since is not None
    return QueueEvent(
        move=move,
        queue=sheet.queue,
        channel=sheet.channel,
        skill=sheet.skill,
        priority=sheet.priority,
        staff_id=staff_id,
        case_id=sheet.case_id,
        interaction_id=sheet.interaction_id,
        call_id=sheet.call_id,
        entry=sheet.entries,
        entered_at=sheet.entered_at,
        waited_s=waited_s if waited_s is not None else in_queue if waits else 0,
        waited_total_s=max(in_all, waited_s or 0),
        handled_s=seconds_between(sheet.accepted_at, at.occurred_at) if handled else 0,
        reason=reason,
        waiting_change=1 if move is QueueMove.ENTERED else -1 if leaves and waits else 0,
        queued=not sheet.passed_on,
    )
