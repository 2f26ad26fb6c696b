"""The cases: each with who deals with it, how much it presses and how it ended."""

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
from projections.view import Row, View


class CaseSheet(Row, key="case_id"):
    """A case. `first_response_at` is the first ever, `responded_at` that of now: after a reopening it is due anew.

    `escalation` is the level from 1 to 3 that it was raised to, 0 if it was not; `replies` and `reopened` are counted.
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


view = View(
    "cases",
    CaseSheet,
    version=1,
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
def open_(sheet: CaseSheet, opened: CaseOpened, at: Recorded) -> None:
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
def assign(sheet: CaseSheet, assigned: CaseAssigned, at: Recorded) -> None:
    sheet.staff_id = assigned.staff_id
    sheet.team_id = assigned.team_id
    sheet.queue = assigned.queue


@view.on(FirstResponseSent)
def respond(sheet: CaseSheet, sent: FirstResponseSent, at: Recorded) -> None:
    sheet.responded_at = at.occurred_at
    sheet.first_response_at = sheet.first_response_at or at.occurred_at


@view.on(CustomerReplied)
def reply(sheet: CaseSheet, replied: CustomerReplied, at: Recorded) -> None:
    sheet.replies += 1
    sheet.last_reply_at = at.occurred_at


@view.on(CaseWaitingOnCustomer)
def wait(sheet: CaseSheet, waiting: CaseWaitingOnCustomer, at: Recorded) -> None:
    sheet.status = CaseStatus.WAITING
    sheet.waiting_since = at.occurred_at


@view.on(CaseResumed)
def resume(sheet: CaseSheet, resumed: CaseResumed, at: Recorded) -> None:
    sheet.status = CaseStatus.OPEN
    sheet.waiting_since = None


@view.on(CaseEscalated)
def escalate(sheet: CaseSheet, escalated: CaseEscalated, at: Recorded) -> None:
    sheet.escalation = escalated.level
    sheet.escalated_at = at.occurred_at


@view.on(CaseResolved)
def resolve(sheet: CaseSheet, resolved: CaseResolved, at: Recorded) -> None:
    sheet.status = CaseStatus.RESOLVED
    sheet.waiting_since = None
    sheet.resolved_at = at.occurred_at
    sheet.resolution_code = resolved.code
    sheet.article_id = resolved.article_id


@view.on(CaseClosed)
def close(sheet: CaseSheet, closed: CaseClosed, at: Recorded) -> None:
    sheet.status = CaseStatus.CLOSED
    sheet.waiting_since = None
    sheet.closed_at = at.occurred_at
    sheet.closed_because = closed.reason


@view.on(CaseReopened)
def reopen(sheet: CaseSheet, reopened: CaseReopened, at: Recorded) -> None:
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
