"""The cases: each with who deals with it, how much it presses and how it ended."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from domain.case import CaseStatus
from domain.case_events import (
    CaseAssigned,
    CaseClassified,
    CaseClosed,
    CaseCustomerIdentified,
    CaseEscalated,
    CaseOpened,
    CasePriority,
    CasePriorityChanged,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseType,
    CaseWaitingOnCustomer,
    CustomerReplied,
    FirstResponseSent,
)
from domain.values import Channel
from eventstore.envelope import Recorded
from projections.service.case_milestones import CaseMilestone, Milestone, milestones, reached
from projections.service.durations import seconds_between
from projections.view import Row, View

OPEN = (CaseStatus.OPEN, CaseStatus.WAITING)
"""The statuses of a case that something is still to be done about: the backlog."""


class CaseSheet(Row, key="case_id"):
    """A case. `first_response_at` is the first ever, `responded_at` that of now: after a reopening it is due anew.

    `escalation` is the level from 1 to 3 that it was raised to, 0 if it was not; `replies` and `reopened` are counted.
    A reopening begins a new `cycle`. `waiting_s` are the seconds that the case has waited on the customer in this cycle,
    `waiting_total_s` in all of them, without a wait that goes on. `reassignments` counts how often it went from one person
    to another, `ping_pongs` how often back to one who had had it; `had_by` are those, the last one last.
    """

    case_id: UUID
    customer_id: UUID | None = None
    number: str | None = None
    type: CaseType | None = None
    priority: CasePriority | None = None
    status: CaseStatus = CaseStatus.UNKNOWN
    channel: Channel | None = None
    category: str | None = None
    product: str | None = None
    seriousness: str | None = None
    parent_id: UUID | None = None
    order_id: UUID | None = None
    staff_id: UUID | None = None
    team_id: UUID | None = None
    queue: str | None = None
    escalation: int = 0
    escalated_at: datetime | None = None
    opened_at: datetime | None = None
    first_response_at: datetime | None = None
    responded_at: datetime | None = None
    waiting_since: datetime | None = None
    last_reply_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution_code: str | None = None
    article_id: UUID | None = None
    closed_at: datetime | None = None
    closed_because: str | None = None
    replies: int = 0
    reopened: int = 0
    cycle: int = 0
    cycle_began_at: datetime | None = None
    waiting_s: int = 0
    waiting_total_s: int = 0
    reassignments: int = 0
    ping_pongs: int = 0
    had_by: tuple[UUID, ...] = ()


view = View(
    "cases",
    CaseSheet,
    version=2,
    history=True,
    facts=(milestones,),
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=(
        "(customer_id, opened_at desc)",
        "(status, priority, opened_at)",
        "(staff_id, status)",
        "(queue, status)",
        "(number)",
    ),
)


@view.on(CaseOpened)
def open_(sheet: CaseSheet, opened: CaseOpened, at: Recorded) -> Iterator[CaseMilestone]:
    sheet.customer_id = at.customer_id
    sheet.status = CaseStatus.OPEN
    sheet.number = opened.number
    sheet.type = opened.type
    sheet.priority = opened.priority
    sheet.channel = opened.channel
    sheet.category = opened.category
    sheet.product = opened.product
    sheet.parent_id = opened.parent_id
    sheet.order_id = opened.order_id
    sheet.opened_at = at.occurred_at
    sheet.cycle = 1
    sheet.cycle_began_at = at.occurred_at
    yield reached(sheet, Milestone.OPENED, at.occurred_at, open_change=1)


@view.on(CaseCustomerIdentified)
def identify(sheet: CaseSheet, identified: CaseCustomerIdentified, at: Recorded) -> None:
    sheet.customer_id = at.customer_id


@view.on(CaseClassified)
def classify(sheet: CaseSheet, classified: CaseClassified, at: Recorded) -> None:
    sheet.type = classified.type or sheet.type
    sheet.category = classified.category or sheet.category
    sheet.product = classified.product or sheet.product
    sheet.seriousness = classified.seriousness or sheet.seriousness
    sheet.parent_id = classified.parent_id or sheet.parent_id


@view.on(CasePriorityChanged)
def press(sheet: CaseSheet, changed: CasePriorityChanged, at: Recorded) -> None:
    sheet.priority = changed.priority


@view.on(CaseAssigned)
def assign(sheet: CaseSheet, assigned: CaseAssigned, at: Recorded) -> Iterator[CaseMilestone]:
    sheet.staff_id = assigned.staff_id
    sheet.team_id = assigned.team_id
    sheet.queue = assigned.queue
    reassigned, ping_pong = _hand_over(sheet, assigned.staff_id)
    yield reached(sheet, Milestone.ASSIGNED, at.occurred_at, reassigned=reassigned, ping_pong=ping_pong)


@view.on(FirstResponseSent)
def respond(sheet: CaseSheet, sent: FirstResponseSent, at: Recorded) -> Iterator[CaseMilestone]:
    sheet.responded_at = at.occurred_at
    sheet.first_response_at = sheet.first_response_at or at.occurred_at
    yield reached(sheet, Milestone.FIRST_RESPONSE, at.occurred_at)


@view.on(CustomerReplied)
def reply(sheet: CaseSheet, replied: CustomerReplied, at: Recorded) -> None:
    sheet.replies += 1
    sheet.last_reply_at = at.occurred_at


@view.on(CaseWaitingOnCustomer)
def wait(sheet: CaseSheet, waiting: CaseWaitingOnCustomer, at: Recorded) -> Iterator[CaseMilestone]:
    sheet.status = CaseStatus.WAITING
    sheet.waiting_since = at.occurred_at
    yield reached(sheet, Milestone.WAITING, at.occurred_at)


@view.on(CaseResumed)
def resume(sheet: CaseSheet, resumed: CaseResumed, at: Recorded) -> Iterator[CaseMilestone]:
    _go_on(sheet, at.occurred_at)
    sheet.status = CaseStatus.OPEN
    yield reached(sheet, Milestone.RESUMED, at.occurred_at)


@view.on(CaseEscalated)
def escalate(sheet: CaseSheet, escalated: CaseEscalated, at: Recorded) -> Iterator[CaseMilestone]:
    sheet.escalation = escalated.level
    sheet.escalated_at = at.occurred_at
    yield reached(sheet, Milestone.ESCALATED, at.occurred_at)


@view.on(CaseResolved)
def resolve(sheet: CaseSheet, resolved: CaseResolved, at: Recorded) -> Iterator[CaseMilestone]:
    _go_on(sheet, at.occurred_at)
    change = -(sheet.status in OPEN)
    sheet.status = CaseStatus.RESOLVED
    sheet.resolved_at = at.occurred_at
    sheet.resolution_code = resolved.code
    sheet.article_id = resolved.article_id
    yield reached(sheet, Milestone.RESOLVED, at.occurred_at, open_change=change)


@view.on(CaseClosed)
def close(sheet: CaseSheet, closed: CaseClosed, at: Recorded) -> Iterator[CaseMilestone]:
    _go_on(sheet, at.occurred_at)
    change = -(sheet.status in OPEN)
    sheet.status = CaseStatus.CLOSED
    sheet.closed_at = at.occurred_at
    sheet.closed_because = closed.reason
    yield reached(sheet, Milestone.CLOSED, at.occurred_at, open_change=change)


@view.on(CaseReopened)
def reopen(sheet: CaseSheet, reopened: CaseReopened, at: Recorded) -> Iterator[CaseMilestone]:
    change = int(sheet.status not in OPEN)
    sheet.status = CaseStatus.OPEN
    sheet.responded_at = None
    sheet.escalation = 0
    sheet.escalated_at = None
    sheet.resolved_at = None
    sheet.resolution_code = None
    sheet.article_id = None
    sheet.closed_at = None
    sheet.closed_because = None
    sheet.reopened += 1
    sheet.cycle += 1
    sheet.cycle_began_at = at.occurred_at
    sheet.waiting_s = 0
    yield reached(sheet, Milestone.REOPENED, at.occurred_at, open_change=change)


def _go_on(sheet: CaseSheet, at: datetime) -> None:
    """A wait that is over is counted."""
    waited = seconds_between(sheet.waiting_since, at)
    sheet.waiting_s += waited
    sheet.waiting_total_s += waited
    sheet.waiting_since = None


def _hand_over(sheet: CaseSheet, staff_id: UUID | None) -> tuple[bool, bool]:
    """Counts that another person has it now: whether it went from one to another, and back to one who had had it."""
    if staff_id is None or (sheet.had_by and sheet.had_by[-1] == staff_id):
        return False, False
    reassigned, ping_pong = bool(sheet.had_by), staff_id in sheet.had_by
    sheet.reassignments += reassigned
    sheet.ping_pongs += ping_pong
    sheet.had_by = (*(each for each in sheet.had_by if each != staff_id), staff_id)
    return reassigned, ping_pong
