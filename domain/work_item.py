"""Work items: everything that waits for an agent, from every channel, in one queue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.case_events import CasePriority
from domain.kernel import Command, Contact, Decider, Event, Refused, as_asked
from domain.references import CallId, CaseId, CustomerId, InteractionId, StaffId, WorkItemId
from domain.values import (
    Channel,
    PhoneNumber,
    calling_region,
    empty,
    must_be_language,
    must_be_within,
    must_know_zone,
    must_last,
    must_say,
)

MAX_SCORE = 1_000_000
MAX_FACTORS = 20
MAX_REPRIORITISED = 500
"""How often the score may be set anew: what waiting adds is for the view to count, not an event each time."""
TIMED_OUT = "TIMED_OUT"
"""The reason for which an offer that nobody answered in time is taken to be declined."""


class WorkItemStatus(StrEnum):
    """Where a work item stands."""

    UNKNOWN = "UNKNOWN"
    QUEUED = "QUEUED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    ABANDONED = "ABANDONED"
    COMPLETED = "COMPLETED"


# What can be asked.


class QueueWorkItem(Command):
    """Put a case, a contact or a call into a queue (a code), with its score and what that is made of, by name."""

    work_item_id: WorkItemId
    customer_id: CustomerId | None = None
    channel: Channel
    queue: str
    skill: str | None = None
    language: str | None = None
    case_id: CaseId | None = None
    interaction_id: InteractionId | None = None
    call_id: CallId | None = None
    priority: CasePriority = CasePriority.NORMAL
    score: int
    factors: Mapping[str, int] = field(default_factory=empty)


class OfferWorkItem(Command):
    """Offer a work item that waits to an agent."""

    work_item_id: WorkItemId
    staff_id: StaffId


class DeclineWorkItem(Command):
    """Note that the agent to whom it is offered does not take it; `reason` is a code, TIMED_OUT if no answer came."""

    work_item_id: WorkItemId
    staff_id: StaffId
    reason: str | None = None


class AcceptWorkItem(Command):
    """Take a work item that is offered to this agent, or to nobody yet."""

    work_item_id: WorkItemId
    staff_id: StaffId


class ReprioritiseWorkItem(Command):
    """Score a work item that waits anew, because something but the time has changed."""

    work_item_id: WorkItemId
    score: int
    factors: Mapping[str, int] = field(default_factory=empty)


class AbandonWorkItem(Command):
    """Note that the customer gave up after waiting for a number of seconds."""

    work_item_id: WorkItemId
    after_s: int


class RequestCallback(Command):
    """Note that the customer wants to be called back instead of waiting, under which number and when."""

    work_item_id: WorkItemId
    phone: str
    wanted_at: datetime | None = None


class TransferWorkItem(Command):
    """Give a work item to another queue, or offer it to another agent, or both."""

    work_item_id: WorkItemId
    queue: str | None = None
    staff_id: StaffId | None = None


class CompleteWorkItem(Command):
    """Say that a work item that was accepted is done; `outcome` is a code."""

    work_item_id: WorkItemId
    outcome: str


# What can have happened.


class WorkItemQueued(Event, stored_as="work_item.queued.v1"):
    """Something began to wait for an agent; the highest score is next, and of equals the one that waits longest."""

    customer_id: CustomerId | None
    channel: Channel
    queue: str
    skill: str | None
    language: str | None
    case_id: CaseId | None
    interaction_id: InteractionId | None
    call_id: CallId | None
    priority: CasePriority
    score: int
    factors: Mapping[str, int]


class WorkItemOffered(Event, stored_as="work_item.offered.v1"):
    """It was offered to an agent."""

    staff_id: StaffId


class WorkItemDeclined(Event, stored_as="work_item.declined.v1"):
    """The agent did not take it; it waits again."""

    staff_id: StaffId
    reason: str | None = None


class WorkItemAccepted(Event, stored_as="work_item.accepted.v1"):
    """An agent took it."""

    staff_id: StaffId


class WorkItemReprioritised(Event, stored_as="work_item.reprioritised.v1"):
    """Its score changed, because of something but the time."""

    score: int
    factors: Mapping[str, int]


class WorkItemAbandoned(Event, stored_as="work_item.abandoned.v1"):
    """The customer gave up after waiting for a number of seconds."""

    after_s: int


class CallbackRequested(Event, stored_as="work_item.callback-requested.v1"):
    """The customer wants to be called back; without `wanted_at` as soon as possible; the last request counts."""

    phone: Contact[str]
    wanted_at: datetime | None


class WorkItemTransferred(Event, stored_as="work_item.transferred.v1"):
    """It went from a queue to another, or was passed to another agent, who is offered it."""

    previous: str
    queue: str
    staff_id: StaffId | None


class WorkItemCompleted(Event, stored_as="work_item.completed.v1"):
    """It was dealt with."""

    outcome: str


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class WorkItem:
    """`staff_id` is who has it, or is offered it; `passed` are those who let an offer go by."""

    status: WorkItemStatus = WorkItemStatus.UNKNOWN
    customer_id: UUID | None = None
    queued: WorkItemQueued | None = None
    queue: str = ""
    staff_id: UUID | None = None
    passed: frozenset[UUID] = frozenset()
    score: tuple[int, Mapping[str, int]] | None = None
    scored: int = 0
    callback: CallbackRequested | None = None
    ended: WorkItemAbandoned | WorkItemCompleted | None = None


Asked = (
    QueueWorkItem
    | OfferWorkItem
    | DeclineWorkItem
    | AcceptWorkItem
    | ReprioritiseWorkItem
    | AbandonWorkItem
    | RequestCallback
    | TransferWorkItem
    | CompleteWorkItem
)
Happened = (
    WorkItemQueued
    | WorkItemOffered
    | WorkItemDeclined
    | WorkItemAccepted
    | WorkItemReprioritised
    | WorkItemAbandoned
    | CallbackRequested
    | WorkItemTransferred
    | WorkItemCompleted
)
OFFERED, ACCEPTED = WorkItemStatus.OFFERED, WorkItemStatus.ACCEPTED


def decide(asked: Asked, item: WorkItem) -> Iterator[Event]:
    match asked:
        case QueueWorkItem():
            must_make_sense(asked)
            queued = as_asked(WorkItemQueued, asked)
            if item.queued is None:
                yield queued
            elif item.queued != queued:
                raise Refused("This work item is already queued. Transfer or score it instead.")
        case _ if item.queued is None:
            raise Refused("This work item is not queued yet.", "work_item_id")
        case OfferWorkItem(staff_id=staff_id):
            must_wait(item, staff_id)
            if item.staff_id is None:
                yield WorkItemOffered(staff_id=staff_id)
        case DeclineWorkItem(staff_id=staff_id):
            must_say(asked.reason, "The reason", "reason")
            if is_offered(item, staff_id):
                yield as_asked(WorkItemDeclined, asked)
        case AcceptWorkItem(staff_id=staff_id):
            if (item.status, item.staff_id) != (ACCEPTED, staff_id):
                must_wait(item, staff_id)
                yield WorkItemAccepted(staff_id=staff_id)
        case ReprioritiseWorkItem(score=score, factors=factors):
            must_be_scored(score, factors)
            if item.score != (score, factors):
                must_wait(item, item.staff_id)
                if item.scored >= MAX_REPRIORITISED:
                    raise Refused(f"A work item is scored anew at most {MAX_REPRIORITISED} times.")
                yield as_asked(WorkItemReprioritised, asked)
        case AbandonWorkItem(after_s=after_s):
            must_last(after_s, "after_s")
            if item.ended != WorkItemAbandoned(after_s=after_s):
                must_wait(item, item.staff_id)
                yield WorkItemAbandoned(after_s=after_s)
        case RequestCallback(phone=phone, wanted_at=wanted_at):
            PhoneNumber.parse(phone, calling_region(None, item.queued.language or ""))
            if wanted_at is not None:
                must_know_zone(wanted_at, "wanted_at")
            callback = CallbackRequested(phone=phone, wanted_at=wanted_at)
            if item.callback != callback:
                must_wait(item, item.staff_id)
                yield callback
        case TransferWorkItem():
            yield from transferring(asked, item)
        case CompleteWorkItem(outcome=outcome):
            must_say(outcome, "The outcome", "outcome")
            if item.ended != WorkItemCompleted(outcome=outcome):
                must_not_have_ended(item)
                if item.status is not ACCEPTED:
                    raise Refused("Nobody has accepted it yet.")
                yield WorkItemCompleted(outcome=outcome)
        case _:
            assert_never(asked)


def evolve(item: WorkItem, event: Happened) -> WorkItem:
    match event:
        case WorkItemQueued(customer_id=customer_id, queue=queue):
            return WorkItem(WorkItemStatus.QUEUED, customer_id, event, queue, score=(event.score, event.factors))
        case WorkItemOffered(staff_id=staff_id):
            return replace(item, status=OFFERED, staff_id=staff_id, passed=item.passed - {staff_id})
        case WorkItemDeclined(staff_id=staff_id):
            return replace(item, status=WorkItemStatus.QUEUED, staff_id=None, passed=item.passed | {staff_id})
        case WorkItemAccepted(staff_id=staff_id):
            return replace(item, status=ACCEPTED, staff_id=staff_id)
        case WorkItemReprioritised(score=score, factors=factors):
            return replace(item, score=(score, factors), scored=item.scored + 1)
        case WorkItemAbandoned():
            return replace(item, status=WorkItemStatus.ABANDONED, ended=event)
        case CallbackRequested():
            return replace(item, callback=event)
        case WorkItemTransferred(queue=queue, staff_id=staff_id):
            status = WorkItemStatus.QUEUED if staff_id is None else OFFERED
            return replace(item, status=status, queue=queue, staff_id=staff_id, passed=frozenset())
        case WorkItemCompleted():
            return replace(item, status=WorkItemStatus.COMPLETED, ended=event)
        case _:
            assert_never(event)


def transferring(asked: TransferWorkItem, item: WorkItem) -> Iterator[Event]:
    """Nothing if it is there already. Whoever is passed it has yet to accept it."""
    must_say(asked.queue, "The queue", "queue")
    if asked.queue is None and asked.staff_id is None:
        raise Refused("Give the queue or the agent to transfer it to.", "queue")
    must_not_have_ended(item)
    queue = asked.queue or item.queue
    if (queue, asked.staff_id) != (item.queue, item.staff_id):
        yield WorkItemTransferred(previous=item.queue, queue=queue, staff_id=asked.staff_id)


def is_offered(item: WorkItem, staff_id: UUID) -> bool:
    """Whether this agent may let it go by; not if the agent has done so. Refused if it was not offered to them."""
    if (item.status, item.staff_id) == (OFFERED, staff_id):
        return True
    if staff_id in item.passed:
        return False
    raise Refused("It is not offered to this agent.", "staff_id")


def must_wait(item: WorkItem, staff_id: UUID | None) -> None:
    """Refused if it is done, or somebody has it, or if it is offered to somebody but this agent."""
    must_not_have_ended(item)
    if item.status is ACCEPTED:
        raise Refused("Somebody else has accepted it." if item.staff_id != staff_id else "It has been accepted.")
    if item.status is OFFERED and item.staff_id != staff_id:
        raise Refused("It is offered to somebody else.", "staff_id")


def must_not_have_ended(item: WorkItem) -> None:
    """Refused if the customer gave up, or if it is done."""
    if item.status is WorkItemStatus.ABANDONED:
        raise Refused("The customer has given up waiting.")
    if item.status is WorkItemStatus.COMPLETED:
        raise Refused("This work item has already been completed.")


def must_make_sense(asked: QueueWorkItem) -> None:
    """Refused if it says neither where it waits nor how much it presses."""
    must_say(asked.queue, "The queue", "queue")
    must_say(asked.skill, "The skill", "skill")
    if asked.language is not None:
        must_be_language(asked.language)
    must_be_scored(asked.score, asked.factors)


def must_be_scored(score: int, factors: Mapping[str, int]) -> None:
    """Refused if a score, or a part of it, is out of bounds."""
    must_be_within(score, 0, MAX_SCORE, "score")
    if len(factors) > MAX_FACTORS:
        raise Refused(f"Give at most {MAX_FACTORS} factors.", "factors")
    for name, part in factors.items():
        must_say(name, "The name of a factor", "factors")
        must_be_within(part, -MAX_SCORE, MAX_SCORE, "factors")


decider = Decider("work_item", Asked, Happened, WorkItem(), decide, evolve, disclose=True)
