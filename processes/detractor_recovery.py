"""Detractor recovery: who was let down, and says so in a survey, has a complaint that is dealt with, and is called."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.activity import ActivityKind
from domain.case import OpenCase
from domain.case_events import CasePriority, CaseType
from domain.follow_up import Action, ActionKind
from domain.invitation import SurveyInvitationSent, SurveyResponded
from domain.kernel import Command, derived
from domain.lifecycle import AccountManagerAssigned
from domain.predicate import Predicate
from domain.rules import Delay, DelayUnit, RuleAction, RuleActionKind, Rules, TaskFor
from domain.staff import StaffRole
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.company import Company, learns_company
from processes.contact import HOME_LANGUAGE
from processes.office import Office, learns_office
from processes.owners import task
from processes.policy import Policy, done
from processes.staff_words import language_of, told
from processes.staff_words import said as in_words
from processes.telling import AT_ONCE, any_of, at_most
from projections.touchpoints.due import Due

DISSATISFIED = 2
"""Of five: so much satisfaction, or less, is none."""
DETRACTOR = 6
"""Of ten: who would recommend the company so little, or less, talks others out of it."""
CALL_WITHIN_DAYS = 1
"""Business days."""
CATEGORY = "DETRACTOR"
RECOVER = "recover"


@dataclass(slots=True)
class Service:
    """What all customers share: who could call them, and when."""

    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)


@dataclass(slots=True)
class Known:
    """What customers were asked, what they answered, and who answers for them."""

    shared: Service
    manager: UUID | None = None
    invitations: dict[UUID, SurveyInvitationSent] = field(default_factory=dict)
    answers: dict[UUID, SurveyResponded] = field(default_factory=dict)


SUBJECT = "Call because of a survey"
RULES = Rules(
    triggers=any_of(SurveyResponded, when=Predicate(some=(at_most("csat", DISSATISFIED), at_most("nps", DETRACTOR)))),
    delay=AT_ONCE,
    action=RuleAction(
        kind=RuleActionKind.CALL,
        subject=SUBJECT,
        task_for=TaskFor.MANAGER,
        due_in=Delay(count=CALL_WITHIN_DAYS, unit=DelayUnit.BUSINESS_DAYS),
    ),
    note=(
        f"A {CasePriority.HIGH} {CaseType.COMPLAINT} is opened for it, in the category {CATEGORY}; if nobody leads whoever "
        "answers for the customer, or all who do are absent, a service manager or a director is to call."
    ),
)

policy = Policy("detractor-recovery", version=1, memory=Known, shared=Service, rules=RULES)
learns_company(policy)
learns_office(policy)


@policy.remember(SurveyInvitationSent)
def asked(known: Known, sent: SurveyInvitationSent, at: Recorded) -> None:
    known.invitations[at.stream_id] = sent


@policy.remember(SurveyResponded)
def answered(known: Known, answer: SurveyResponded, at: Recorded) -> None:
    known.answers[at.stream_id] = answer


@policy.remember(AccountManagerAssigned)
def looked_after(known: Known, assigned: AccountManagerAssigned, at: Recorded) -> None:
    known.manager = assigned.staff_id


def is_let_down(answer: SurveyResponded) -> bool:
    """Whether an answer is one of somebody who was let down; what was not answered says nothing."""
    dissatisfied = answer.csat is not None and answer.csat <= DISSATISFIED
    return dissatisfied or (answer.nps is not None and answer.nps <= DETRACTOR)


@policy.trigger(SurveyResponded, when=is_let_down)
def promise_recovery(answer: SurveyResponded, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, RECOVER, Action(kind=ActionKind.ACT, about=at.stream_id), at.occurred_at)


@policy.due
def recover(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.trigger is not None
    invitation, answer = known.invitations.get(due.trigger), known.answers.get(due.trigger)
    case_id = derived("case", due.follow_up_id)
    words = said(answer)
    yield OpenCase(
        case_id=case_id,
        customer_id=due.customer_id,
        type=CaseType.COMPLAINT,
        priority=CasePriority.HIGH,
        channel=invitation.channel if invitation is not None else Channel.EMAIL,
        subject=words,
        category=CATEGORY,
        order_id=invitation.order_id if invitation is not None else None,
    )
    caller = next(callers(now, known), None)
    within = known.shared.office.after_days(now, CALL_WITHIN_DAYS)
    scores = said(answer, language_of(known.shared.company, caller))
    subject = told(known.shared.company, caller, "survey_call", scores=scores)
    yield task(policy, due, subject, caller, within, ("case", case_id), ActivityKind.CALL)
    yield done(due, "COMPLAINT_OPENED" if caller is not None else "NOBODY_TO_CALL")


def callers(now: datetime, known: Known) -> Iterator[UUID]:
    """The managers who could call, the best first: whoever leads the account manager, or else the service, or the company."""
    company = known.shared.company
    found = list(company.managers_of(known.manager)) if known.manager is not None else []
    found += company.with_role(StaffRole.SERVICE_MANAGER, StaffRole.DIRECTOR)
    yield from (each for each in found if not company.is_absent(each, now))
    yield from found


def said(answer: SurveyResponded | None, language: str = HOME_LANGUAGE) -> str:
    """The figures of an answer, without its words, which are the customer's own."""
    figures = {} if answer is None else {"csat": answer.csat, "nps": answer.nps}
    return ", ".join(
        in_words(language, f"survey_{name}", **{name: figure}) for name, figure in figures.items() if figure is not None
    )
