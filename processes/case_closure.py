"""Case closure: after a case was resolved, ask how it went, close it if nothing is heard, and take it up again if it is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from domain import survey as surveys
from domain.case import CaseStatus, CloseCase, ReopenCase
from domain.case_events import CaseClosed, CaseOpened, CaseReopened, CaseResolved, CustomerReplied
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.invitation import (
    ExpireInvitation,
    SendInvitation,
    SurveyDeclined,
    SurveyExpired,
    SurveyInvitationSent,
    SurveyResponded,
)
from domain.kernel import Command
from domain.rules import Cap, Delay, DelayUnit, RuleAction, RuleActionKind, Rules
from domain.survey import CASE_SATISFACTION
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Days
from processes.contact import TOLD_BY, Contact, keep, remembers, unreached
from processes.policy import Letter, Policy, Subject, cancel, done, occasion
from processes.post_purchase_survey import NOT_AGAIN_WITHIN, invitation_id
from processes.survey_memory import Invited, how_ended, remembers_invitations
from processes.telling import any_of, hours, one_of
from projections.touchpoints.due import Due

ASK_AFTER = timedelta(hours=24)
CLOSE_AFTER = Days(3)
REOPEN_WITHIN = Days(7)
"""A reply after that is too late to take the case up again."""
EXPIRE_AFTER = Days(30)
UNASKED = frozenset({"AUTO_CLOSED", "DUPLICATE", "NO_ANSWER", "SPAM"})
"""The codes of cases that nobody resolved, or that were none. Of those, and of what a policy resolved, nobody is asked."""

SURVEY, CLOSE, REOPEN, EXPIRY = "survey", "close", "reopen", "expiry"


@dataclass(slots=True)
class Known:
    """A case, whose it is, and what they were asked. `occasion` is the resolution that counts."""

    contact: Contact = field(default_factory=Contact)
    status: CaseStatus = CaseStatus.UNKNOWN
    number: str | None = None
    occasion: UUID | None = None
    ended_at: datetime | None = None
    unasked: bool = False
    invitations: dict[UUID, Invited] = field(default_factory=dict)
    survey: surveys.Survey = field(default_factory=surveys.Survey)

    @property
    def over(self) -> bool:
        """Whether the case is resolved, or closed."""
        return self.status in (CaseStatus.RESOLVED, CaseStatus.CLOSED)


ANSWERS = (SurveyInvitationSent, SurveyResponded, SurveyDeclined, SurveyExpired)

RULES = Rules(
    triggers=any_of(CaseResolved),
    delay=Delay(count=hours(ASK_AFTER), unit=DelayUnit.HOURS),
    action=RuleAction(kind=RuleActionKind.SEND_SURVEY, survey=CASE_SATISFACTION.key),
    caps=(Cap(times=1, days=NOT_AGAIN_WITHIN.days),),
    cancelled_by=(*any_of(CaseReopened), *any_of(CaseClosed, when=one_of("reason", UNASKED))),
    note=(
        f"Nobody is asked about a case that a policy resolved, or that ended as {', '.join(sorted(UNASKED))}; "
        f"{CLOSE_AFTER.count} days after it was resolved the case is closed, a reply within {REOPEN_WITHIN.count} days takes "
        f"it up again, and after {EXPIRE_AFTER.count} days the question expires."
    ),
)

policy = Policy(
    "case-closure", version=1, memory=Known, subject=Subject.NOUN, with_customer=(*TOLD_BY, *ANSWERS),
    needs=(CASE_SATISFACTION,), also=(CASE_SATISFACTION.survey_id,), rules=RULES,
)  # fmt: skip
remembers(policy)


@policy.remember(CaseOpened, CaseReopened)
def opened(known: Known, event: CaseOpened | CaseReopened, at: Recorded) -> None:
    known.status, known.ended_at, known.unasked = CaseStatus.OPEN, None, False
    if isinstance(event, CaseOpened):
        known.number = event.number


@policy.remember(CaseResolved)
def resolved(known: Known, event: CaseResolved, at: Recorded) -> None:
    known.status, known.occasion, known.ended_at = CaseStatus.RESOLVED, occasion(at), at.occurred_at
    known.unasked = event.code in UNASKED or at.actor.startswith("policy:")


@policy.remember(CaseClosed)
def closed(known: Known, event: CaseClosed, at: Recorded) -> None:
    known.status, known.ended_at = CaseStatus.CLOSED, known.ended_at or at.occurred_at
    known.unasked = known.unasked or event.reason in UNASKED


remembers_invitations(policy)


# What is done when something happens.


@policy.trigger(CaseResolved)
def follow(event: CaseResolved, at: Recorded, known: Known) -> Iterator[Command]:
    trigger, calendar = occasion(at), known.contact.calendar
    if known.unasked or at.customer_id is None:
        yield policy.pass_over(at, "AUTO_CLOSED" if known.unasked else "NO_CUSTOMER", SURVEY)
    else:
        wanted = at.occurred_at + ASK_AFTER
        ask = asking(ActionKind.SEND_SURVEY, at.stream_id, invitation_id(policy.follow_up_id(trigger, SURVEY)))
        yield policy.promise(at, SURVEY, ask, calendar.allowed(wanted), wanted_at=wanted, trigger=trigger)
    close_at = calendar.after(at.occurred_at, CLOSE_AFTER)
    yield policy.promise(at, CLOSE, acting(at.stream_id), close_at, trigger=trigger)


@policy.on(CaseReopened)
def begin_anew(event: CaseReopened, at: Recorded, known: Known) -> Iterator[Command]:
    yield from take_back("REOPENED", known, SURVEY, CLOSE)


@policy.on(CaseClosed)
def leave_closed(event: CaseClosed, at: Recorded, known: Known) -> Iterator[Command]:
    yield from take_back("CLOSED", known, CLOSE)
    if known.unasked:
        yield from take_back("AUTO_CLOSED", known, SURVEY)


@policy.on(CustomerReplied)
def hear(event: CustomerReplied, at: Recorded, known: Known) -> Iterator[Command]:
    if not known.over or known.ended_at is None:
        return
    if at.occurred_at > known.contact.calendar.after(known.ended_at, REOPEN_WITHIN):
        yield policy.pass_over(at, "TOO_LATE", REOPEN)
    else:
        yield policy.promise(at, REOPEN, acting(at.stream_id), at.occurred_at, trigger=occasion(at))


@policy.on(SurveyInvitationSent)
def promise_expiry(sent: SurveyInvitationSent, at: Recorded, known: Known) -> Iterator[Command]:
    if sent.survey == CASE_SATISFACTION.key:
        expire = asking(ActionKind.EXPIRE_SURVEY, at.stream_id, at.stream_id)
        yield policy.promise(at, EXPIRY, expire, known.contact.calendar.after(at.occurred_at, EXPIRE_AFTER))


@policy.on(SurveyResponded, SurveyDeclined)
def leave_alone(event: SurveyResponded | SurveyDeclined, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel(how_ended(event), policy.follow_up_id(at.stream_id, EXPIRY))


# What is done when it is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    match due.step:
        case "survey":
            if (reason := no_longer(due, known)) is None and (unwelcome := why_not(due, now, known)) is not None:
                yield policy.suppress(due, unwelcome)
            else:
                yield from keep(policy, due, now, known.contact, reason)
        case "close":
            yield from close(due, known)
        case "reopen":
            yield from reopen(due, known)
        case _:
            yield from expire(due, known)


@policy.unless
def too_late_to_ask(due: Due, now: datetime, known: Known) -> str | None:
    return no_longer(due, known) or unreached(now, known.contact, Purpose.SURVEY, Channel.EMAIL)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.invitation_id is not None
    assert due.customer_id is not None
    sent = SendInvitation(
        invitation_id=due.invitation_id,
        customer_id=due.customer_id,
        survey=CASE_SATISFACTION.key,
        version=max(known.survey.version, 1),
        channel=Channel.EMAIL,
        language=known.contact.written_in,
        follow_up_id=due.follow_up_id,
    )
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=known.contact.written_in,
        template="case_survey",
        invitation_id=due.invitation_id,
        hours=known.contact.calendar,
        values={"number": known.number or ""},
        then=(sent,),
    )


def close(due: Due, known: Known) -> Iterator[Command]:
    """A resolved case of which nothing was heard is closed."""
    if known.status is not CaseStatus.RESOLVED or known.occasion != due.trigger:
        reason = "CLOSED" if known.status is CaseStatus.CLOSED else "REOPENED"
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    else:
        yield CloseCase(case_id=case_of(due), reason="SOLVED")
        yield done(due, "CLOSED")


def reopen(due: Due, known: Known) -> Iterator[Command]:
    """A case that is over is taken up again, and a first response is due anew."""
    if not known.over:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="REOPENED")
    else:
        yield ReopenCase(case_id=case_of(due), reason="The customer replied.")
        yield from take_back("REOPENED", known, SURVEY, CLOSE)
        yield done(due, "REOPENED")


def expire(due: Due, known: Known) -> Iterator[Command]:
    """An invitation without an answer ends."""
    assert due.invitation_id is not None
    invitation = known.invitations.get(due.invitation_id)
    if invitation is not None and invitation.ended is not None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=invitation.ended)
    else:
        yield ExpireInvitation(invitation_id=due.invitation_id)
        yield done(due, "EXPIRED")


def no_longer(due: Due, known: Known) -> str | None:
    """Why there is nothing to ask about any more: the case goes on, or nobody resolved it after all."""
    if not known.over or known.occasion != due.trigger:
        return "REOPENED"
    return "AUTO_CLOSED" if known.unasked else None


def why_not(due: Due, now: datetime, known: Known) -> str | None:
    """Why the customer is not to be asked, besides what is asked of all that is sent."""
    if known.survey.retired:
        return "SURVEY_RETIRED"
    asked = [each.sent_at for id, each in known.invitations.items() if id != due.invitation_id]
    return "CAPPED" if any(now - moment < NOT_AGAIN_WITHIN for moment in asked) else None


def take_back(reason: str, known: Known, *steps: str) -> Iterator[Command]:
    """Takes back what followed from the resolution."""
    if known.occasion is not None:
        yield from cancel(reason, *(policy.follow_up_id(known.occasion, step) for step in steps))


def asking(kind: ActionKind, about: UUID, invitation: UUID) -> Action:
    """Something to do with the survey."""
    return Action(
        kind=kind, survey=CASE_SATISFACTION.key, invitation_id=invitation, purpose=Purpose.SURVEY,
        channel=Channel.EMAIL, about=about,
    )  # fmt: skip


def acting(case_id: UUID) -> Action:
    """Something that the policy does itself about a case."""
    return Action(kind=ActionKind.ACT, about=case_id)


def case_of(due: Due) -> UUID:
    """The case that a follow-up is about."""
    assert due.about is not None
    return due.about
