"""Erasure: who asked to be forgotten is told how it goes on, and the data protection officer in time that an answer is due.

What is done about a request itself, step by step, is in `processes.erasing`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.activity import ActivityKind, ScheduleActivity
from domain.erasure_events import (
    ErasureDeadlineExtended,
    ErasureIdentityVerified,
    ErasureKind,
    ErasureRefusal,
    ErasureRefused,
    ErasureRequested,
    ProjectionsPurged,
    SubjectBlocked,
)
from domain.follow_up import Action, ActionKind, CancelFollowUp, FollowUpStatus, PostponeFollowUp
from domain.kernel import Command, derived
from domain.rules import Rules
from domain.staff import StaffRole
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import HOME_ZONE
from processes.company import Company, learns_company
from processes.contact import Contact, keep, remembers
from processes.policy import Letter, Policy, cancel, done
from processes.staff_words import told
from processes.telling import AT_ONCE, any_of, mail
from projections.customers.erasures import deadline
from projections.touchpoints.due import Due

WARN_BEFORE = timedelta(days=7)
"""So long before the deadline the officer has a task."""
IN_CHARGE = (StaffRole.DPO, StaffRole.DIRECTOR)
"""Who answers requests: the first of these roles that somebody has; and who is told when it is too late, the last."""

WARN, OVERDUE = "warn", "overdue"
RECEIVED, BEGUN, REFUSED, EXTENDED = "received", "begun", "refused", "extended"
TEMPLATES: Mapping[str, str] = MappingProxyType(
    {step: f"erasure_{step}" for step in (RECEIVED, BEGUN, REFUSED, EXTENDED)}
)
REASONS: Mapping[str, Mapping[ErasureRefusal, str]] = MappingProxyType(
    {
        "es": {
            ErasureRefusal.FREEDOM_OF_EXPRESSION: "la libertad de expresión e información los requiere (art. 17.3.a del RGPD)",
            ErasureRefusal.LEGAL_OBLIGATION: "una ley nos obliga a tratarlos (art. 17.3.b del RGPD)",
            ErasureRefusal.PUBLIC_HEALTH: "son necesarios por razones de salud pública (art. 17.3.c del RGPD)",
            ErasureRefusal.ARCHIVING: "son necesarios para archivo, investigación o estadística (art. 17.3.d del RGPD)",
            ErasureRefusal.LEGAL_CLAIMS: "los necesitamos para reclamaciones (art. 17.3.e del RGPD)",
            ErasureRefusal.UNFOUNDED: "la solicitud es manifiestamente infundada o excesiva (art. 12.5 del RGPD)",
            ErasureRefusal.IDENTITY_NOT_PROVED: "no hemos podido comprobar que la solicitud sea suya (art. 12.6 del RGPD)",
            ErasureRefusal.ALREADY_BLOCKED: "ya los hemos bloqueado por otra solicitud",
            ErasureRefusal.TAKEN_BACK: "usted ha retirado la solicitud",
        },
        "en": {
            ErasureRefusal.FREEDOM_OF_EXPRESSION: "we need it for freedom of expression and information (GDPR art. 17.3.a)",
            ErasureRefusal.LEGAL_OBLIGATION: "a law obliges us to process it (GDPR art. 17.3.b)",
            ErasureRefusal.PUBLIC_HEALTH: "it is needed for reasons of public health (GDPR art. 17.3.c)",
            ErasureRefusal.ARCHIVING: "it is needed for archives, research or statistics (GDPR art. 17.3.d)",
            ErasureRefusal.LEGAL_CLAIMS: "we need it for legal claims (GDPR art. 17.3.e)",
            ErasureRefusal.UNFOUNDED: "the request is manifestly unfounded or excessive (GDPR art. 12.5)",
            ErasureRefusal.IDENTITY_NOT_PROVED: "we could not make sure that the request is yours (GDPR art. 12.6)",
            ErasureRefusal.ALREADY_BLOCKED: "we have blocked it already because of another request",
            ErasureRefusal.TAKEN_BACK: "you have taken the request back",
        },
    }
)


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)


@dataclass(slots=True)
class Request:
    """A request of a customer, and how far it has come."""

    kind: ErasureKind
    deadline_at: datetime
    requested_at: datetime
    refusal: ErasureRefusal | None = None
    answered: bool = False


@dataclass(slots=True)
class Known:
    """What there is to know of a customer who asked."""

    background: Background
    contact: Contact = field(default_factory=Contact)
    requests: dict[UUID, Request] = field(default_factory=dict)


RULES = Rules(
    triggers=any_of(ErasureRequested, ErasureIdentityVerified, ErasureDeadlineExtended, ErasureRefused),
    delay=AT_ONCE,
    action=mail(TEMPLATES[RECEIVED], None),
    cancelled_by=any_of(ErasureRefused, SubjectBlocked, ProjectionsPurged),
    note=(
        "Who asked is told that it was received, that it is begun, that it takes longer, or why the answer is no; the "
        f"officer has a task {WARN_BEFORE.days} days before the month is over, and the directors one when it is. Once the "
        "identity is verified, the person is blocked, forgotten by all views, and destroyed when no law keeps it any longer."
    ),
)

policy = Policy("erasure", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
learns_company(policy)


@policy.remember(ErasureRequested)
def asked(known: Known, requested: ErasureRequested, at: Recorded) -> None:
    known.requests[at.stream_id] = Request(requested.kind, deadline(at.occurred_at), at.occurred_at)


@policy.remember(ErasureDeadlineExtended)
def put_off(known: Known, extended: ErasureDeadlineExtended, at: Recorded) -> None:
    request = known.requests[at.stream_id]
    request.deadline_at = deadline(request.requested_at, extended.months)


@policy.remember(ErasureRefused)
def said_no(known: Known, refused: ErasureRefused, at: Recorded) -> None:
    known.requests[at.stream_id].refusal = refused.reason
    known.requests[at.stream_id].answered = True


@policy.remember(ProjectionsPurged)
def is_gone(known: Known, purged: ProjectionsPurged, at: Recorded) -> None:
    known.requests[at.stream_id].answered = True


# What is done when something happens.


@policy.trigger(ErasureRequested)
def acknowledge(requested: ErasureRequested, at: Recorded, known: Known) -> Iterator[Command]:
    warn_at = deadline(at.occurred_at) - WARN_BEFORE
    yield policy.promise(at, WARN, watching(at.stream_id), warn_at)
    if requested.kind is ErasureKind.ERASURE:
        yield policy.promise(at, RECEIVED, telling(RECEIVED, at.stream_id), at.occurred_at)


@policy.trigger(ErasureIdentityVerified)
def say_so(verified: ErasureIdentityVerified, at: Recorded, known: Known) -> Iterator[Command]:
    if known.requests[at.stream_id].kind is ErasureKind.BLOCK:
        yield policy.pass_over(at, "NOBODY_ASKED", BEGUN)
    else:
        yield policy.promise(at, BEGUN, telling(BEGUN, at.stream_id), at.occurred_at)


@policy.trigger(ErasureDeadlineExtended)
def take_longer(extended: ErasureDeadlineExtended, at: Recorded, known: Known) -> Iterator[Command]:
    request = known.requests[at.stream_id]
    for step, due_at in ((WARN, request.deadline_at - WARN_BEFORE), (OVERDUE, request.deadline_at)):
        id = policy.follow_up_id(at.stream_id, step)
        promise = known.contact.promises.get(id)
        if promise is not None and promise.status is FollowUpStatus.SCHEDULED:
            yield PostponeFollowUp(follow_up_id=id, due_at=due_at, reason="EXTENDED")
    if request.kind is ErasureKind.ERASURE:
        yield policy.promise(at, EXTENDED, telling(EXTENDED, at.stream_id), at.occurred_at)


@policy.trigger(ErasureRefused)
def say_no(refused: ErasureRefused, at: Recorded, known: Known) -> Iterator[Command]:
    yield from no_longer(at, "REFUSED", WARN, OVERDUE, RECEIVED, BEGUN, EXTENDED)
    if known.requests[at.stream_id].kind is ErasureKind.ERASURE:
        yield policy.promise(at, REFUSED, telling(REFUSED, at.stream_id), at.occurred_at)


@policy.on(SubjectBlocked)
def fall_silent(blocked: SubjectBlocked, at: Recorded, known: Known) -> Iterator[Command]:
    yield from no_longer(at, "BLOCKED", RECEIVED, BEGUN, EXTENDED)


@policy.on(ProjectionsPurged)
def rest(purged: ProjectionsPurged, at: Recorded, known: Known) -> Iterator[Command]:
    yield from no_longer(at, "ANSWERED", WARN, OVERDUE)


# What is done when a follow-up is due.


@policy.due
def go_on(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    request = known.requests[due.about]
    if due.step in TEMPLATES:
        over = "REFUSED" if request.refusal is not None and due.step != REFUSED else None
        yield from keep(policy, due, now, known.contact, over, quiet=False)
    elif request.answered:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="ANSWERED")
    else:
        yield to_answer(due, request, known.background.company)
        if due.step == WARN:
            yield policy.promise_next(due, OVERDUE, watching(due.about), request.deadline_at)
        yield done(due, "TASK")


@policy.unless
def not_any_more(due: Due, now: datetime, known: Known) -> str | None:
    request = known.requests.get(due.about) if due.about is not None else None
    return "REFUSED" if request is not None and request.refusal is not None and due.step != REFUSED else None


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.about is not None
    request, language = known.requests[due.about], known.contact.written_in
    day = request.deadline_at.astimezone(ZoneInfo(HOME_ZONE)).strftime("%d/%m/%Y")
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=language,
        template=TEMPLATES[due.step],
        hours=None,
        values={"day": day, "reason": REASONS[language].get(request.refusal, "") if request.refusal else ""},
    )


def telling(step: str, erasure_id: UUID) -> Action:
    """A message about their own request; nobody is asked whether they want to know."""
    return Action(kind=ActionKind.SEND_MESSAGE, template=TEMPLATES[step], channel=Channel.EMAIL, about=erasure_id)


def watching(erasure_id: UUID) -> Action:
    """Somebody is to see to it that there is an answer in time."""
    return Action(kind=ActionKind.ACT, about=erasure_id)


def to_answer(due: Due, request: Request, company: Company) -> ScheduleActivity:
    """A task that tells nothing of the customer: who is blocked meanwhile is in nobody's agenda."""
    roles = IN_CHARGE if due.step == WARN else tuple(reversed(IN_CHARGE))
    day = request.deadline_at.astimezone(ZoneInfo(HOME_ZONE)).date()
    staff_id = next(iter(company.with_role(*roles)), None)
    words = "erasure_due" if due.step == WARN else "erasure_overdue"
    return ScheduleActivity(
        activity_id=derived("activity", due.follow_up_id),
        kind=ActivityKind.TASK,
        subject=told(company, staff_id, words, day=str(day), request=str(due.about)),
        staff_id=staff_id,
        due_at=request.deadline_at,
        related_noun="erasure",
        related_id=due.about,
        origin_policy=policy.name,
    )


def no_longer(at: Recorded, reason: str, *steps: str) -> Iterator[Command]:
    """Takes back what was promised for a request, unless it is on its way."""
    yield from cancel(reason, *(policy.follow_up_id(at.stream_id, step) for step in steps))
