"""Invitations."""

from uuid import UUID

import pytest

from domain.invitation import (
    AnswerSurvey,
    DeclineSurvey,
    ExpireInvitation,
    InvitationStatus,
    RemindInvitation,
    SendInvitation,
    SurveyDeclined,
    SurveyExpired,
    SurveyInvitationSent,
    SurveyReminderSent,
    SurveyResponded,
    decider,
)
from domain.kernel import Command, Event
from domain.values import Channel
from tests.domain.scenario import but, given

ID, ANA, ORDER, FOLLOW_UP = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
SEND = SendInvitation(
    invitation_id=ID,
    customer_id=ANA,
    survey="post-purchase",
    version=1,
    channel=Channel.EMAIL,
    language="es",
    order_id=ORDER,
    follow_up_id=FOLLOW_UP,
)
SENT = SurveyInvitationSent(
    customer_id=ANA,
    survey="post-purchase",
    version=1,
    channel=Channel.EMAIL,
    language="es",
    order_id=ORDER,
    follow_up_id=FOLLOW_UP,
)
ANSWER = AnswerSurvey(invitation_id=ID, csat=5, nps=0, comment="Muy bien")
ANSWERED = SurveyResponded(csat=5, nps=0, comment="Muy bien")
REMIND = RemindInvitation(invitation_id=ID)
DECLINE = DeclineSurvey(invitation_id=ID)
EXPIRE = ExpireInvitation(invitation_id=ID)


def test_an_invitation_is_sent_once() -> None:
    state = given(decider).when(SEND).then(SENT)
    assert (state.customer_id, state.status) == (ANA, InvitationStatus.SENT)
    given(decider, SENT).when(SEND).then_nothing()
    given(decider, SENT, ANSWERED).when(SEND).then_nothing()


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"survey": ""}, "The survey must not be blank.", "survey"),
        ({"version": 0}, "The versions of a survey count from 1.", "version"),
        ({"language": "Spanish"}, "Write the language as es or es-MX.", "language"),
    ],
)
def test_an_invitation_must_make_sense(changes: dict[str, object], sentence: str, field: str) -> None:
    asked = but(SEND, **changes)
    given(decider).when(asked).refused(sentence, field)


def test_another_invitation_cannot_have_the_same_id() -> None:
    other = but(SEND, order_id=None)
    given(decider, SENT).when(other).refused("This invitation has already been sent.")


@pytest.mark.parametrize("command", [ANSWER, REMIND, DECLINE, EXPIRE])
def test_there_must_be_an_invitation(command: Command) -> None:
    given(decider).when(command).refused("There is no such invitation.", "invitation_id")


def test_a_survey_is_answered_once() -> None:
    given(decider, SENT).when(ANSWER).then(ANSWERED)
    given(decider, SENT, SurveyReminderSent()).when(ANSWER).then(ANSWERED)
    given(decider, SENT, ANSWERED).when(ANSWER).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        AnswerSurvey(invitation_id=ID, csat=4, nps=0, comment="Muy bien"),
        AnswerSurvey(invitation_id=ID, csat=5, nps=0, comment="Muy mal"),
    ],
)
def test_an_answer_is_not_changed(other: AnswerSurvey) -> None:
    given(decider, SENT, ANSWERED).when(other).refused("This survey has already been answered.")


@pytest.mark.parametrize("closed", [SurveyExpired(), SurveyDeclined()])
def test_an_answer_may_come_too_late(closed: Event) -> None:
    given(decider, SENT, closed).when(ANSWER).refused("This invitation has expired.")
    given(decider, SENT, closed).when(REMIND).refused("This invitation has expired.")


@pytest.mark.parametrize(
    ("answer", "sentence", "field"),
    [
        (AnswerSurvey(invitation_id=ID, csat=0), "The satisfaction is a number from 1 to 5.", "csat"),
        (AnswerSurvey(invitation_id=ID, csat=6), "The satisfaction is a number from 1 to 5.", "csat"),
        (AnswerSurvey(invitation_id=ID, nps=-1), "The recommendation is a number from 0 to 10.", "nps"),
        (AnswerSurvey(invitation_id=ID, nps=11), "The recommendation is a number from 0 to 10.", "nps"),
        (AnswerSurvey(invitation_id=ID), "Answer at least one question.", None),
        (AnswerSurvey(invitation_id=ID, comment=" \n"), "Answer at least one question.", None),
    ],
)
def test_an_answer_must_make_sense(answer: AnswerSurvey, sentence: str, field: str | None) -> None:
    given(decider, SENT).when(answer).refused(sentence, field)


@pytest.mark.parametrize(
    "answer",
    [
        AnswerSurvey(invitation_id=ID, csat=1),
        AnswerSurvey(invitation_id=ID, nps=10),
        AnswerSurvey(invitation_id=ID, comment="?"),
    ],
)
def test_one_answer_is_enough(answer: AnswerSurvey) -> None:
    given(decider, SENT).when(answer).then(SurveyResponded(csat=answer.csat, nps=answer.nps, comment=answer.comment))


def test_a_customer_is_reminded_once_and_not_after_the_answer() -> None:
    given(decider, SENT).when(REMIND).then(SurveyReminderSent())
    given(decider, SENT, SurveyReminderSent()).when(REMIND).then_nothing()
    given(decider, SENT, ANSWERED).when(REMIND).refused("This survey has already been answered.")


def test_a_survey_is_declined_once() -> None:
    given(decider, SENT).when(DECLINE).then(SurveyDeclined())
    given(decider, SENT, SurveyDeclined()).when(DECLINE).then_nothing()
    given(decider, SENT, ANSWERED).when(DECLINE).refused("This survey has already been answered.")
    given(decider, SENT, SurveyExpired()).when(DECLINE).refused("This invitation has expired.")


def test_only_what_was_not_answered_expires() -> None:
    given(decider, SENT).when(EXPIRE).then(SurveyExpired())
    for closed in (SurveyExpired(), ANSWERED, SurveyDeclined()):
        given(decider, SENT, closed).when(EXPIRE).then_nothing()
