"""Survey memory: what there is to know of a customer before asking how it went, as the log tells it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from domain import survey as surveys
from domain.consent import Purpose
from domain.invitation import SurveyDeclined, SurveyExpired, SurveyInvitationSent, SurveyResponded
from domain.order import LinesReturned, OrderCancelled, OrderLinesCancelled, OrderPlaced
from domain.predicate import Predicate, Test, TestOperator
from domain.rules import Cap, Delay, DelayUnit, Occurrence, RuleAction, RuleActionKind, Rules
from domain.survey import POST_PURCHASE, SurveyPublished, SurveyRetired
from eventstore.envelope import Recorded
from processes.contact import CAPS, Contact, remembers
from processes.policy import Policy

AFTER = Delay(count=1, unit=DelayUnit.MONTHS, at="10:00")
[(_TIMES, _WITHIN)] = CAPS[Purpose.SURVEY]
CAP = Cap(times=_TIMES, days=_WITHIN.days)
"""Nobody is asked more often than this, whatever the survey."""
NOTHING_LEFT = Predicate(test=Test(field="nothing_left", operator=TestOperator.EQ, flag=True))
RULES = Rules(
    triggers=(Occurrence(event=OrderPlaced.stored_as),),
    delay=AFTER,
    action=RuleAction(kind=RuleActionKind.SEND_SURVEY, survey=POST_PURCHASE.key),
    caps=(CAP,),
    cancelled_by=(
        Occurrence(event=OrderCancelled.stored_as),
        Occurrence(event=OrderLinesCancelled.stored_as, when=NOTHING_LEFT),
        Occurrence(event=LinesReturned.stored_as, when=NOTHING_LEFT),
    ),
    note="Of several orders of a day the first is asked about. One reminder after 7 days; after 30 the question expires.",
)


@dataclass(slots=True)
class Bought:
    """An order: when it was placed, and why nobody is to be asked about it any more."""

    day: date
    position: int
    number: str | None
    called_off: str | None = None


@dataclass(slots=True)
class Invited:
    """An invitation: when it was sent, for which order, and what became of it."""

    sent_at: datetime
    order_id: UUID | None
    follow_up_id: UUID
    ended: str | None = None


@dataclass(slots=True)
class Known:
    """What there is to know of one customer before asking."""

    contact: Contact = field(default_factory=Contact)
    orders: dict[UUID, Bought] = field(default_factory=dict)
    invitations: dict[UUID, Invited] = field(default_factory=dict)
    survey: surveys.Survey = field(default_factory=surveys.Survey)


class RemembersInvitations(Protocol):
    """Whatever has what a customer was asked, and the survey that is asked."""

    invitations: dict[UUID, Invited]
    survey: surveys.Survey


def remembers_invitations(policy: Policy[Any]) -> None:
    """Lets a policy remember what its customers were asked, and whether its survey is still sent."""

    @policy.remember(SurveyInvitationSent)
    def invited(known: RemembersInvitations, sent: SurveyInvitationSent, at: Recorded) -> None:
        known.invitations[at.stream_id] = Invited(at.occurred_at, sent.order_id, sent.follow_up_id)

    @policy.remember(SurveyResponded, SurveyDeclined, SurveyExpired)
    def ended(
        known: RemembersInvitations, event: SurveyResponded | SurveyDeclined | SurveyExpired, at: Recorded
    ) -> None:
        if (invitation := known.invitations.get(at.stream_id)) is not None:
            invitation.ended = how_ended(event)

    @policy.remember(SurveyPublished, SurveyRetired)
    def asked_now(known: RemembersInvitations, event: SurveyPublished | SurveyRetired, at: Recorded) -> None:
        known.survey = surveys.evolve(known.survey, event)


policy = Policy(
    "post-purchase-survey",
    version=1,
    memory=Known,
    needs=(POST_PURCHASE,),
    also=(POST_PURCHASE.survey_id,),
    rules=RULES,
)


remembers(policy)
remembers_invitations(policy)


@policy.remember(OrderPlaced)
def bought(known: Known, placed: OrderPlaced, at: Recorded) -> None:
    known.orders[at.stream_id] = Bought(known.contact.calendar.day(at.occurred_at), at.position, placed.number)


@policy.remember(OrderCancelled, OrderLinesCancelled, LinesReturned)
def came_back(known: Known, back: OrderCancelled | OrderLinesCancelled | LinesReturned, at: Recorded) -> None:
    if at.stream_id in known.orders and (reason := called_off(back)):
        known.orders[at.stream_id].called_off = reason


def called_off(back: OrderCancelled | OrderLinesCancelled | LinesReturned) -> str | None:
    """Why nothing is left of an order, if nothing is."""
    if isinstance(back, OrderCancelled):
        return "ORDER_CANCELLED"
    if not back.nothing_left:
        return None
    return "ORDER_RETURNED" if isinstance(back, LinesReturned) else "ORDER_CANCELLED"


def how_ended(event: SurveyResponded | SurveyDeclined | SurveyExpired) -> str:
    """What became of an invitation, as a code."""
    match event:
        case SurveyResponded():
            return "ANSWERED"
        case SurveyDeclined():
            return "DECLINED"
        case SurveyExpired():
            return "EXPIRED"
