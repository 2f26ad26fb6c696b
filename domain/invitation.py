"""Invitations: a survey sent to one customer, and what they answered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Answered, Command, Decider, Event, Ref, Refused, Text
from domain.references import CustomerId, InvitationId, OrderId
from domain.values import Channel, must_be_language, must_say

CSAT = range(1, 6)
NPS = range(0, 11)


class InvitationStatus(StrEnum):
    """What became of an invitation."""

    UNKNOWN = "UNKNOWN"
    SENT = "SENT"
    ANSWERED = "ANSWERED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


# What can be asked.


class SendInvitation(Command):
    """Note that a customer is asked to answer a version of a survey, because of which follow-up and order."""

    invitation_id: InvitationId
    customer_id: CustomerId
    survey: str
    version: int
    channel: Channel
    language: str
    order_id: OrderId | None = None
    follow_up_id: Annotated[UUID, Ref("follow_up")]


class RemindInvitation(Command):
    """Note that a customer is asked a second time; there is no third."""

    invitation_id: InvitationId


class AnswerSurvey(Command):
    """Answer a survey: `csat` from 1 to 5, `nps` from 0 to 10, `comment` in words, at least one of them."""

    invitation_id: InvitationId
    csat: int | None = None
    nps: int | None = None
    comment: Text | None = None


class DeclineSurvey(Command):
    """Say that the customer does not want to answer."""

    invitation_id: InvitationId


class ExpireInvitation(Command):
    """Stop waiting for an answer."""

    invitation_id: InvitationId


# What can have happened.


class SurveyInvitationSent(Event, stored_as="invitation.sent.v1"):
    """A customer was asked to answer a survey; whether that arrived for sure, its follow-up says."""

    customer_id: CustomerId
    survey: str
    version: int
    channel: Channel
    language: str
    order_id: OrderId | None
    follow_up_id: Annotated[UUID, Ref("follow_up")]


class SurveyReminderSent(Event, stored_as="invitation.reminded.v1"):
    """The customer was asked a second time."""


class SurveyResponded(Event, stored_as="invitation.responded.v1"):
    """The customer answered: `csat` from 1 to 5, `nps` from 0 to 10."""

    csat: int | None
    nps: int | None
    comment: Answered[str]


class SurveyDeclined(Event, stored_as="invitation.declined.v1"):
    """The customer does not want to answer."""


class SurveyExpired(Event, stored_as="invitation.expired.v1"):
    """The customer did not answer in time."""


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Invitation:
    """What was sent, whether it was repeated, and what was answered."""

    status: InvitationStatus = InvitationStatus.UNKNOWN
    customer_id: UUID | None = None
    sent: SurveyInvitationSent | None = None
    reminded: bool = False
    answer: SurveyResponded | None = None


Asked = SendInvitation | RemindInvitation | AnswerSurvey | DeclineSurvey | ExpireInvitation
Happened = SurveyInvitationSent | SurveyReminderSent | SurveyResponded | SurveyDeclined | SurveyExpired


def decide(asked: Asked, invitation: Invitation) -> Iterator[Event]:
    match asked:
        case SendInvitation():
            sent = sent_of(asked)
            if invitation.sent is None:
                yield sent
            elif invitation.sent != sent:
                raise Refused("This invitation has already been sent.")
        case _ if invitation.sent is None:
            raise Refused("There is no such invitation.", "invitation_id")
        case AnswerSurvey():
            answer = answer_of(asked)
            if invitation.answer != answer:
                must_be_open(invitation)
                yield answer
        case RemindInvitation():
            must_be_open(invitation)
            if not invitation.reminded:
                yield SurveyReminderSent()
        case DeclineSurvey():
            if invitation.status is not InvitationStatus.DECLINED:
                must_be_open(invitation)
                yield SurveyDeclined()
        case ExpireInvitation():
            if invitation.status is InvitationStatus.SENT:
                yield SurveyExpired()
        case _:
            assert_never(asked)


def evolve(invitation: Invitation, event: Happened) -> Invitation:
    match event:
        case SurveyInvitationSent(customer_id=customer_id):
            return Invitation(InvitationStatus.SENT, customer_id, event)
        case SurveyReminderSent():
            return replace(invitation, reminded=True)
        case SurveyResponded():
            return replace(invitation, status=InvitationStatus.ANSWERED, answer=event)
        case SurveyDeclined():
            return replace(invitation, status=InvitationStatus.DECLINED)
        case SurveyExpired():
            return replace(invitation, status=InvitationStatus.EXPIRED)
        case _:
            assert_never(event)


def must_be_open(invitation: Invitation) -> None:
    """Refused if nothing can be answered any more."""
    if invitation.status is InvitationStatus.ANSWERED:
        raise Refused("This survey has already been answered.")
    if invitation.status is not InvitationStatus.SENT:
        raise Refused("This invitation has expired.")


def sent_of(asked: SendInvitation) -> SurveyInvitationSent:
    """What is sent. Refused if it does not say which survey."""
    must_say(asked.survey, "The survey", "survey")
    must_be_language(asked.language)
    if asked.version < 1:
        raise Refused("The versions of a survey count from 1.", "version")
    return SurveyInvitationSent(
        customer_id=asked.customer_id,
        survey=asked.survey,
        version=asked.version,
        channel=asked.channel,
        language=asked.language,
        order_id=asked.order_id,
        follow_up_id=asked.follow_up_id,
    )


def answer_of(asked: AnswerSurvey) -> SurveyResponded:
    """What is answered. Refused if a figure is off its scale, or if nothing is answered at all."""
    if asked.csat is not None and asked.csat not in CSAT:
        raise Refused("The satisfaction is a number from 1 to 5.", "csat")
    if asked.nps is not None and asked.nps not in NPS:
        raise Refused("The recommendation is a number from 0 to 10.", "nps")
    if asked.csat is None and asked.nps is None and not (asked.comment or "").strip():
        raise Refused("Answer at least one question.")
    return SurveyResponded(csat=asked.csat, nps=asked.nps, comment=asked.comment)


decider = Decider("invitation", Asked, Happened, Invitation(), decide, evolve, disclose=True)
