"""The surveys that were sent: to whom, because of what, and what each was answered."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.invitation import (
    InvitationStatus,
    SurveyDeclined,
    SurveyExpired,
    SurveyInvitationSent,
    SurveyReminderSent,
    SurveyResponded,
)
from domain.values import Channel
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View


class SurveyMove(StrEnum):
    """What became of an invitation."""

    SENT = "SENT"
    REMINDED = "REMINDED"
    ANSWERED = "ANSWERED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


class SurveyAnswer(Fact):
    """One thing that became of an invitation that was sent at `sent_at`, under a version of the survey, for ever.

    `csat` goes from 1 to 5 and `nps` from 0 to 10; `waited_s` are the seconds from the sending to the answer.
    """

    move: SurveyMove = SurveyMove.SENT
    survey: str = ""
    version: int = 0
    channel: Channel | None = None
    language: str | None = None
    order_id: UUID | None = None
    follow_up_id: UUID | None = None
    sent_at: datetime | None = None
    reminded: bool = False
    csat: int | None = None
    nps: int | None = None
    waited_s: int | None = None


class InvitationSheet(Row, key="invitation_id"):
    """A survey that one customer was sent. What was answered in words is read from its event when it is shown."""

    invitation_id: UUID
    customer_id: UUID | None = None
    survey: str = ""
    version: int = 0
    channel: Channel | None = None
    language: str | None = None
    order_id: UUID | None = None
    follow_up_id: UUID | None = None
    status: InvitationStatus = InvitationStatus.UNKNOWN
    sent_at: datetime | None = None
    reminded_at: datetime | None = None
    ended_at: datetime | None = None
    csat: int | None = None
    nps: int | None = None
    answer_position: int | None = None


answers = Facts(
    "survey_answers", SurveyAnswer, indexes=("(sent_at)", "(move, occurred_at)", "(customer_id, occurred_at)")
)

view = View(
    "invitations",
    InvitationSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(answers,),
    indexes=("(customer_id, sent_at desc)", "(survey, version, status)", "(follow_up_id)", "(order_id)"),
)


@view.on(SurveyInvitationSent)
def send(sheet: InvitationSheet, sent: SurveyInvitationSent, at: Recorded) -> Iterator[SurveyAnswer]:
    sheet.customer_id = at.customer_id
    sheet.status = InvitationStatus.SENT
    sheet.survey = sent.survey
    sheet.version = sent.version
    sheet.channel = sent.channel
    sheet.language = sent.language
    sheet.order_id = sent.order_id
    sheet.follow_up_id = sent.follow_up_id
    sheet.sent_at = at.occurred_at
    yield _said(sheet, SurveyMove.SENT)


@view.on(SurveyReminderSent)
def remind(sheet: InvitationSheet, reminded: SurveyReminderSent, at: Recorded) -> Iterator[SurveyAnswer]:
    sheet.reminded_at = at.occurred_at
    yield _said(sheet, SurveyMove.REMINDED)


@view.on(SurveyResponded)
def answer(sheet: InvitationSheet, responded: SurveyResponded, at: Recorded) -> Iterator[SurveyAnswer]:
    sheet.status = InvitationStatus.ANSWERED
    sheet.ended_at = at.occurred_at
    sheet.csat = responded.csat
    sheet.nps = responded.nps
    sheet.answer_position = at.position
    yield _said(sheet, SurveyMove.ANSWERED)


@view.on(SurveyDeclined)
def decline(sheet: InvitationSheet, declined: SurveyDeclined, at: Recorded) -> Iterator[SurveyAnswer]:
    sheet.status = InvitationStatus.DECLINED
    sheet.ended_at = at.occurred_at
    yield _said(sheet, SurveyMove.DECLINED)


@view.on(SurveyExpired)
def expire(sheet: InvitationSheet, expired: SurveyExpired, at: Recorded) -> Iterator[SurveyAnswer]:
    sheet.status = InvitationStatus.EXPIRED
    sheet.ended_at = at.occurred_at
    yield _said(sheet, SurveyMove.EXPIRED)


def _said(sheet: InvitationSheet, move: SurveyMove) -> SurveyAnswer:
    answered = move is SurveyMove.ANSWERED
    return SurveyAnswer(
        move=move,
        survey=sheet.survey,
        version=sheet.version,
        channel=sheet.channel,
        language=sheet.language,
        order_id=sheet.order_id,
        follow_up_id=sheet.follow_up_id,
        sent_at=sheet.sent_at,
        reminded=sheet.reminded_at is not None,
        csat=sheet.csat,
        nps=sheet.nps,
        waited_s=seconds_between(sheet.sent_at, sheet.ended_at) if answered else None,
    )
