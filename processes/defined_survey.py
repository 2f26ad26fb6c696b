"""Defined surveys: who does not answer is reminded once, and after a while the question expires, as P01 has it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from domain import survey as surveys
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp, FollowUpStatus
from domain.invitation import ExpireInvitation, SurveyDeclined, SurveyExpired, SurveyInvitationSent, SurveyResponded
from domain.kernel import Command, Event
from domain.survey import SurveyPublished, SurveyRetired
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Days
from processes.customer_facts import besides
from processes.defined_memory import Known
from processes.policy import Policy, cancel, done
from processes.survey_memory import Invited, how_ended
from projections.touchpoints.due import Due

REMIND_AFTER = Days(7)
EXPIRE_AFTER = Days(30)
REMINDER, EXPIRY = "reminder", "expiry"
ANSWERS = (SurveyInvitationSent, SurveyResponded, SurveyDeclined)
"""What happens to an invitation, and is reacted to."""


def remembers_survey(policy: Policy[Any]) -> None:
    """Lets a policy remember its survey, and what its customers were asked: its memory must have both."""
    besides(policy, (SurveyPublished, SurveyRetired), _note_survey)
    besides(policy, (SurveyInvitationSent,), _note_invited)
    besides(policy, (SurveyResponded, SurveyDeclined, SurveyExpired), _note_ended)


def _note_survey(known: Known, event: SurveyPublished | SurveyRetired, at: Recorded) -> None:
    known.survey = surveys.evolve(known.survey, event)


def _note_invited(known: Known, sent: SurveyInvitationSent, at: Recorded) -> None:
    known.invitations[at.stream_id] = Invited(at.occurred_at, sent.order_id, sent.follow_up_id)


def _note_ended(known: Known, event: SurveyResponded | SurveyDeclined | SurveyExpired, at: Recorded) -> None:
    if (invitation := known.invitations.get(at.stream_id)) is not None:
        invitation.ended = how_ended(event)


def follow_invitation(policy: Policy[Any], event: Event, at: Recorded, known: Known) -> Iterator[Command]:
    """Promises the reminder and the end of an invitation of this policy, and takes them back once it is answered."""
    match event:
        case SurveyInvitationSent():
            ours = known.contact.promises.get(event.follow_up_id)
            if ours is None or ours.policy != policy.name:
                return
            calendar = known.contact.calendar
            if ours.status is not FollowUpStatus.UNCERTAIN:  # nobody is reminded of what may never have come
                wanted = calendar.after(at.occurred_at, REMIND_AFTER)
                remind = asking(ActionKind.REMIND_SURVEY, at.stream_id, event.survey)
                yield policy.promise(at, REMINDER, remind, calendar.allowed(wanted), wanted_at=wanted)
            expire = asking(ActionKind.EXPIRE_SURVEY, at.stream_id, event.survey)
            yield policy.promise(at, EXPIRY, expire, calendar.after(at.occurred_at, EXPIRE_AFTER))
        case SurveyResponded() | SurveyDeclined():
            steps = (REMINDER, EXPIRY)
            yield from cancel(how_ended(event), *(policy.follow_up_id(at.stream_id, step) for step in steps))


def asking(kind: ActionKind, invitation_id: UUID, survey: str) -> Action:
    """What becomes of an invitation; only a reminder is sent."""
    if kind is ActionKind.EXPIRE_SURVEY:
        return Action(kind=kind, survey=survey, invitation_id=invitation_id)
    return Action(kind=kind, survey=survey, invitation_id=invitation_id, purpose=Purpose.SURVEY, channel=Channel.EMAIL)


def expire(due: Due, known: Known) -> Iterator[Command]:
    """An invitation without an answer ends."""
    assert due.invitation_id is not None
    if (ended := ended_as(due, known)) is not None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=ended)
    else:
        yield ExpireInvitation(invitation_id=due.invitation_id)
        yield done(due, "EXPIRED")


def ended_as(due: Due, known: Known) -> str | None:
    """What became of the invitation that a follow-up is about, if it has ended."""
    invitation = known.invitations.get(due.invitation_id) if due.invitation_id is not None else None
    return invitation.ended if invitation is not None else None


def first_position(due: Due, known: Known) -> int:
    """Where what set the survey off stands, of which this reminds: the trigger of the follow-up that sent it."""
    invitation = known.invitations.get(due.invitation_id) if due.invitation_id is not None else None
    ours = known.contact.promises.get(invitation.follow_up_id) if invitation is not None else None
    return ours.position if ours is not None else due.trigger_position
