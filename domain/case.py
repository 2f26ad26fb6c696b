"""Cases: what a customer asked or complained of, who deals with it, and how it ended."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, assert_never, cast
from uuid import UUID

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
    Happened,
    ManagementNotified,
)
from domain.kernel import Command, Decider, Event, Refused, Text, as_asked
from domain.references import ArticleId, CaseId, CustomerId, InteractionId, OrderId, StaffId, TeamId
from domain.values import Channel, must_be_within, must_say

MAX_REPLIES = 500
MAX_NOTICES = 100
MAX_LEVEL = 3


class CaseStatus(StrEnum):
    """Where a case stands."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    WAITING = "WAITING"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


# What can be asked.


class OpenCase(Command):
    """Open a case; `category`, `product` and `number` are codes, and `parent_id` is the problem behind an incident."""

    case_id: CaseId
    customer_id: CustomerId | None = None
    type: CaseType
    priority: CasePriority = CasePriority.NORMAL
    channel: Channel
    subject: str | None = None
    text: Text | None = None
    product: str | None = None
    category: str | None = None
    number: str | None = None
    interaction_id: InteractionId | None = None
    order_id: OrderId | None = None
    parent_id: CaseId | None = None


class IdentifyCaseCustomer(Command):
    """Say whose case it is, once that is known or known better."""

    case_id: CaseId
    customer_id: CustomerId


class ClassifyCase(Command):
    """Say what a case is about, in codes, and who found out; what is left out stays as it is."""

    case_id: CaseId
    type: CaseType | None = None
    category: str | None = None
    product: str | None = None
    seriousness: str | None = None
    parent_id: CaseId | None = None
    staff_id: StaffId | None = None


class ChangeCasePriority(Command):
    """Say that a case presses more, or less, than had been thought."""

    case_id: CaseId
    priority: CasePriority
    reason: Text | None = None


class AssignCase(Command):
    """Give a case to a person, a team or a queue (a code); what is left out is nobody's any more."""

    case_id: CaseId
    staff_id: StaffId | None = None
    team_id: TeamId | None = None
    queue: str | None = None


class RecordFirstResponse(Command):
    """Note that the customer got a first response since the case was opened, or reopened."""

    case_id: CaseId
    interaction_id: InteractionId


class RecordCustomerReply(Command):
    """Note that the customer replied, in which message of which interaction; a case that waited for it goes on."""

    case_id: CaseId
    interaction_id: InteractionId
    message_ref: str | None = None


class WaitOnCustomer(Command):
    """Note that nothing can be done until the customer answers, so that the clock stops, and who found so."""

    case_id: CaseId
    reason: Text | None = None
    staff_id: StaffId | None = None


class ResumeCase(Command):
    """Go on with a case that waited; `staff_id` is who does."""

    case_id: CaseId
    staff_id: StaffId | None = None


class EscalateCase(Command):
    """Raise a case to level 1 (team lead), 2 (head of service) or 3 (management), or to somebody else of that level."""

    case_id: CaseId
    level: int
    staff_id: StaffId | None = None
    team_id: TeamId | None = None
    reason: Text | None = None


class NotifyManagement(Command):
    """Note that somebody was told of a case that is not resolved, because it came to a level from 1 to 3."""

    case_id: CaseId
    staff_id: StaffId
    level: int


class ResolveCase(Command):
    """Say how a case was resolved, in words and as a code, by which article of the knowledge base and by whom."""

    case_id: CaseId
    resolution: Text | None = None
    article_id: ArticleId | None = None
    code: str | None = None
    staff_id: StaffId | None = None


class ReopenCase(Command):
    """Take a case up again that was resolved or closed, and say who does; a first response is due anew."""

    case_id: CaseId
    reason: Text | None = None
    staff_id: StaffId | None = None


class CloseCase(Command):
    """Close a case, resolved or not, and say who does; `reason` is a code such as SOLVED, DUPLICATE or NO_ANSWER."""

    case_id: CaseId
    reason: str
    staff_id: StaffId | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Case:
    """`opened` is what was said first, without its words; the rest is of now, from `response` on of this cycle."""

    status: CaseStatus = CaseStatus.UNKNOWN
    customer_id: UUID | None = None
    opened: CaseOpened | None = None
    about: CaseClassified = field(default_factory=CaseClassified)
    priority: CasePriority = CasePriority.NORMAL
    assigned: tuple[UUID | None, UUID | None, str | None] = (None, None, None)
    response: UUID | None = None
    replies: frozenset[tuple[UUID, str | None]] = frozenset()
    escalated: tuple[int, UUID | None, UUID | None] = (0, None, None)
    notices: frozenset[tuple[UUID, int]] = frozenset()
    resolved: tuple[UUID | None, str | None] | None = None
    closed: str | None = None


Asked = (
    OpenCase
    | IdentifyCaseCustomer
    | ClassifyCase
    | ChangeCasePriority
    | AssignCase
    | RecordFirstResponse
    | RecordCustomerReply
    | WaitOnCustomer
    | ResumeCase
    | EscalateCase
    | NotifyManagement
    | ResolveCase
    | ReopenCase
    | CloseCase
)


def decide(asked: Asked, case: Case) -> Iterator[Event]:
    match asked:
        case OpenCase():
            yield from opening(asked, case)
        case _ if case.opened is None:
            raise Refused("This case is not open yet: open it first.", "case_id")
        case IdentifyCaseCustomer(customer_id=customer_id):
            if case.customer_id != customer_id:
                yield CaseCustomerIdentified(previous=case.customer_id, customer_id=customer_id)
        case ClassifyCase():
            yield from classifying(asked, case)
        case ChangeCasePriority(priority=priority):
            if case.priority is not priority:
                must_be_open(case)
                yield as_asked(CasePriorityChanged, asked, previous=case.priority)
        case AssignCase(staff_id=staff_id, team_id=team_id, queue=queue):
            must_say(queue, "The queue", "queue")
            if case.assigned != (staff_id, team_id, queue):
                must_not_be_closed(case)
                yield as_asked(CaseAssigned, asked, previous=case.assigned[0])
        case RecordFirstResponse(interaction_id=interaction_id):
            if case.response is None:
                yield as_asked(FirstResponseSent, asked)
            elif case.response != interaction_id:
                raise Refused("The first response has already been sent.")
        case RecordCustomerReply(interaction_id=interaction_id, message_ref=message_ref):
            must_say(message_ref, "The message", "message_ref")
            if (interaction_id, message_ref) not in case.replies:
                must_be_fewer(len(case.replies), MAX_REPLIES, "replies")
                yield as_asked(CustomerReplied, asked)
                if case.status is CaseStatus.WAITING:
                    yield CaseResumed()
        case WaitOnCustomer():
            if case.status is not CaseStatus.WAITING:
                must_be_open(case)
                yield as_asked(CaseWaitingOnCustomer, asked)
        case ResumeCase():
            must_be_open(case)
            if case.status is CaseStatus.WAITING:
                yield as_asked(CaseResumed, asked)
        case EscalateCase(level=level, staff_id=staff_id, team_id=team_id):
            must_be_within(level, 1, MAX_LEVEL, "level")
            if case.escalated != (level, staff_id, team_id):
                must_be_open(case)
                if level < case.escalated[0]:
                    raise Refused(f"This case has already been escalated to level {case.escalated[0]}.", "level")
                yield as_asked(CaseEscalated, asked)
        case NotifyManagement(staff_id=staff_id, level=level):
            must_be_within(level, 1, MAX_LEVEL, "level")
            if (staff_id, level) not in case.notices:
                must_be_open(case)
                must_be_fewer(len(case.notices), MAX_NOTICES, "notices")
                yield as_asked(ManagementNotified, asked)
        case ResolveCase(article_id=article_id, code=code):
            must_say(code, "The code", "code")
            if case.resolved != (article_id, code):
                must_be_open(case)
                yield as_asked(CaseResolved, asked)
        case ReopenCase():
            if case.status in (CaseStatus.RESOLVED, CaseStatus.CLOSED):
                yield as_asked(CaseReopened, asked)
        case CloseCase(reason=reason):
            must_say(reason, "The reason", "reason")
            if case.closed != reason:
                must_not_be_closed(case)
                yield as_asked(CaseClosed, asked)
        case _:
            assert_never(asked)


def evolve(case: Case, event: Happened) -> Case:
    match event:
        case CaseOpened():
            about = CaseClassified(
                type=event.type, category=event.category, product=event.product, parent_id=event.parent_id
            )
            opened = replace(event, subject=None, text=None)
            return Case(CaseStatus.OPEN, event.customer_id, opened, about, event.priority)
        case CaseCustomerIdentified(customer_id=customer_id):
            return replace(case, customer_id=customer_id)
        case CaseClassified():
            return replace(case, about=replace(case.about, **said(event)))
        case CasePriorityChanged(priority=priority):
            return replace(case, priority=priority)
        case CaseAssigned():
            return replace(case, assigned=(event.staff_id, event.team_id, event.queue))
        case FirstResponseSent(interaction_id=interaction_id):
            return replace(case, response=interaction_id)
        case CustomerReplied():
            return replace(case, replies=case.replies | {(event.interaction_id, event.message_ref)})
        case CaseWaitingOnCustomer():
            return replace(case, status=CaseStatus.WAITING)
        case CaseResumed():
            return replace(case, status=CaseStatus.OPEN)
        case CaseEscalated():
            return replace(case, escalated=(event.level, event.staff_id, event.team_id))
        case ManagementNotified(staff_id=staff_id, level=level):
            return replace(case, notices=case.notices | {(staff_id, level)})
        case CaseResolved():
            return replace(case, status=CaseStatus.RESOLVED, resolved=(event.article_id, event.code))
        case CaseReopened():
            taken_up = replace(case, status=CaseStatus.OPEN, resolved=None, closed=None)
            return replace(taken_up, response=None, escalated=(0, None, None), notices=frozenset())
        case CaseClosed(reason=reason):
            return replace(case, status=CaseStatus.CLOSED, closed=reason)
        case _:
            assert_never(event)


def opening(asked: OpenCase, case: Case) -> Iterator[Event]:
    """The case, unless it is open already; two that differ in nothing but their words are one."""
    must_be_coded(asked, "subject", "product", "category", "number")
    must_have_another_parent(asked)
    opened = as_asked(CaseOpened, asked)
    if case.opened is None:
        yield opened
    elif case.opened != replace(opened, subject=None, text=None):
        raise Refused("This case is already open. Change it instead.")


def classifying(asked: ClassifyCase, case: Case) -> Iterator[Event]:
    """What is new of what was said."""
    must_be_coded(asked, "category", "product", "seriousness")
    must_have_another_parent(asked)
    known = said(case.about).items()
    if news := said(as_asked(CaseClassified, asked)).items() - known:
        yield CaseClassified(**dict(news), staff_id=asked.staff_id)


def said(classified: CaseClassified) -> dict[str, Any]:
    """What a classification says, by field, and not who said so."""
    values = ((each.name, getattr(classified, each.name)) for each in fields(cast(Any, classified)))
    return {name: value for name, value in values if value is not None and name != "staff_id"}


def must_be_coded(asked: Command, *names: str) -> None:
    """Refused if one of these fields was given, but is blank."""
    for name in names:
        must_say(getattr(asked, name), f"The {name}", name)


def must_have_another_parent(asked: OpenCase | ClassifyCase) -> None:
    """Refused if a case is said to lie behind itself."""
    if asked.parent_id == asked.case_id:
        raise Refused("A case cannot be the problem behind itself.", "parent_id")


def must_be_open(case: Case) -> None:
    """Refused if the case is resolved or closed."""
    if case.status is CaseStatus.RESOLVED:
        raise Refused("This case has already been resolved. Reopen it first.")
    must_not_be_closed(case)


def must_not_be_closed(case: Case) -> None:
    """Refused if nothing more is done about the case."""
    if case.status is CaseStatus.CLOSED:
        raise Refused("This case has already been closed. Reopen it first.")


def must_be_fewer(known: int, limit: int, what: str) -> None:
    """Refused if a case holds no more of these."""
    if known >= limit:
        raise Refused(f"A case holds at most {limit} {what}: open another one.")


decider = Decider("case", Asked, Happened, Case(), decide, evolve)
