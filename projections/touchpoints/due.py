"""What is due: the open follow-ups with the next moment at which there is something to do for them."""

from datetime import datetime
from uuid import UUID

from domain.consent import Purpose
from domain.follow_up import (
    Action,
    ActionKind,
    FollowUpAttempted,
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDelivered,
    FollowUpDeliveryUncertain,
    FollowUpDispatched,
    FollowUpFailed,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpStatus,
    FollowUpSuppressed,
)
from domain.values import Channel
from eventstore.envelope import Recorded
from projections.view import GONE, Gone, Row, View


class Due(Row, key="follow_up_id"):
    """An open follow-up. It leaves the sheet when nothing more is to be done for it.

    `due_at` is empty where somebody has to look: it FAILED for good, or it is UNCERTAIN whether it was sent.
    `version` is that of its stream.
    """

    follow_up_id: UUID
    customer_id: UUID | None = None
    policy: str = ""
    policy_version: int = 0
    step: str = ""
    trigger: UUID | None = None
    trigger_position: int = 0
    action: ActionKind | None = None
    survey: str | None = None
    invitation_id: UUID | None = None
    template: str | None = None
    purpose: Purpose | None = None
    channel: Channel | None = None
    about: UUID | None = None
    status: FollowUpStatus = FollowUpStatus.SCHEDULED
    due_at: datetime | None = None
    wanted_at: datetime | None = None
    attempt: int = 0
    version: int = 0

    @property
    def what(self) -> Action | None:
        """What is to be done, as it was promised."""
        if self.action is None:
            return None
        return Action(
            kind=self.action,
            survey=self.survey,
            invitation_id=self.invitation_id,
            template=self.template,
            purpose=self.purpose,
            channel=self.channel,
            about=self.about,
        )


view = View(
    "due",
    Due,
    version=5,
    beside_log=True,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(status, due_at, trigger_position)", "(customer_id)"),
)


@view.on(FollowUpScheduled)
def schedule(due: Due, scheduled: FollowUpScheduled, at: Recorded) -> None:
    due.customer_id = at.customer_id
    due.policy = scheduled.policy
    due.policy_version = scheduled.policy_version
    due.step = scheduled.step
    due.trigger = scheduled.trigger
    due.trigger_position = scheduled.trigger_position
    due.action = scheduled.action.kind
    due.survey = scheduled.action.survey
    due.invitation_id = scheduled.action.invitation_id
    due.template = scheduled.action.template
    due.purpose = scheduled.action.purpose
    due.channel = scheduled.action.channel
    due.about = scheduled.action.about
    due.due_at = scheduled.due_at
    due.wanted_at = scheduled.wanted_at
    due.version = at.version


@view.on(FollowUpPostponed)
def postpone(due: Due, postponed: FollowUpPostponed, at: Recorded) -> None:
    due.due_at = postponed.due_at
    due.version = at.version


@view.on(FollowUpDispatched)
def dispatch(due: Due, dispatched: FollowUpDispatched, at: Recorded) -> None:
    due.status = FollowUpStatus.DISPATCHED
    due.due_at = at.occurred_at
    due.version = at.version


@view.on(FollowUpAttempted)
def attempt(due: Due, attempted: FollowUpAttempted, at: Recorded) -> None:
    due.status = FollowUpStatus.SENDING
    due.attempt = attempted.attempt
    due.due_at = at.occurred_at
    due.version = at.version


@view.on(FollowUpFailed)
def fail(due: Due, failed: FollowUpFailed, at: Recorded) -> None:
    due.status = FollowUpStatus.FAILED
    due.due_at = failed.retry_at
    due.version = at.version


@view.on(FollowUpDeliveryUncertain)
def doubt(due: Due, uncertain: FollowUpDeliveryUncertain, at: Recorded) -> None:
    due.status = FollowUpStatus.UNCERTAIN
    due.due_at = None
    due.version = at.version


@view.on(FollowUpSuppressed, FollowUpCancelled, FollowUpDelivered, FollowUpCompleted)
def settle(
    due: Due, settled: FollowUpSuppressed | FollowUpCancelled | FollowUpDelivered | FollowUpCompleted, at: Recorded
) -> Gone:
    return GONE
