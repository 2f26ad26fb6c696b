"""The ledger of follow-ups: every promise, what became of it, why, and what it relied on."""

from datetime import datetime
from uuid import UUID

from domain.consent import Purpose
from domain.follow_up import (
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
from projections.view import Row, View


class LedgerEntry(Row, key="follow_up_id"):
    """One follow-up. `relied_on` is the position of the event that allowed it: the consent, or the trigger.

    `error` is why it could not be sent, or what was refused of what was to be done.
    """

    follow_up_id: UUID
    customer_id: UUID | None = None
    policy: str = ""
    policy_version: int = 0
    step: str = ""
    trigger: UUID | None = None
    trigger_position: int = 0
    action: ActionKind | None = None
    template: str | None = None
    purpose: Purpose | None = None
    channel: Channel | None = None
    about: UUID | None = None
    status: FollowUpStatus = FollowUpStatus.SCHEDULED
    reason: str | None = None
    wanted_at: datetime | None = None
    due_at: datetime | None = None
    scheduled_at: datetime | None = None
    dispatched_at: datetime | None = None
    basis: str | None = None
    relied_on: int | None = None
    attempts: int = 0
    error: str | None = None
    delivered_at: datetime | None = None
    provider_ref: str | None = None
    changed_at: datetime | None = None


view = View(
    "follow_ups",
    LedgerEntry,
    version=4,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(customer_id, due_at)", "(policy, status)", "(trigger)", "(policy, trigger_position)"),
)


@view.on(FollowUpScheduled)
def schedule(entry: LedgerEntry, scheduled: FollowUpScheduled, at: Recorded) -> None:
    entry.customer_id = at.customer_id
    entry.policy = scheduled.policy
    entry.policy_version = scheduled.policy_version
    entry.step = scheduled.step
    entry.trigger = scheduled.trigger
    entry.trigger_position = scheduled.trigger_position
    entry.action = scheduled.action.kind
    entry.template = scheduled.action.template
    entry.purpose = scheduled.action.purpose
    entry.channel = scheduled.action.channel
    entry.about = scheduled.action.about
    entry.wanted_at = scheduled.wanted_at
    entry.due_at = scheduled.due_at
    entry.scheduled_at = at.occurred_at
    entry.changed_at = at.occurred_at


@view.on(FollowUpSuppressed)
def suppress(entry: LedgerEntry, suppressed: FollowUpSuppressed, at: Recorded) -> None:
    entry.customer_id = at.customer_id
    entry.policy = suppressed.policy
    entry.policy_version = suppressed.policy_version
    entry.step = suppressed.step
    entry.trigger = suppressed.trigger
    entry.trigger_position = suppressed.trigger_position
    change(entry, FollowUpStatus.SUPPRESSED, at, suppressed.reason)


@view.on(FollowUpCancelled)
def cancel(entry: LedgerEntry, cancelled: FollowUpCancelled, at: Recorded) -> None:
    change(entry, FollowUpStatus.CANCELLED, at, cancelled.reason)


@view.on(FollowUpPostponed)
def postpone(entry: LedgerEntry, postponed: FollowUpPostponed, at: Recorded) -> None:
    entry.due_at = postponed.due_at
    change(entry, FollowUpStatus.SCHEDULED, at, postponed.reason)


@view.on(FollowUpDispatched)
def dispatch(entry: LedgerEntry, dispatched: FollowUpDispatched, at: Recorded) -> None:
    entry.dispatched_at = at.occurred_at
    entry.basis = dispatched.basis
    entry.relied_on = dispatched.relied_on
    change(entry, FollowUpStatus.DISPATCHED, at)


@view.on(FollowUpAttempted)
def attempt(entry: LedgerEntry, attempted: FollowUpAttempted, at: Recorded) -> None:
    entry.attempts = attempted.attempt
    change(entry, FollowUpStatus.SENDING, at)


@view.on(FollowUpDelivered)
def deliver(entry: LedgerEntry, delivered: FollowUpDelivered, at: Recorded) -> None:
    entry.delivered_at = at.occurred_at
    entry.provider_ref = delivered.provider_ref
    change(entry, FollowUpStatus.DELIVERED, at)


@view.on(FollowUpFailed)
def fail(entry: LedgerEntry, failed: FollowUpFailed, at: Recorded) -> None:
    entry.error = failed.error
    change(entry, FollowUpStatus.FAILED, at)


@view.on(FollowUpDeliveryUncertain)
def doubt(entry: LedgerEntry, uncertain: FollowUpDeliveryUncertain, at: Recorded) -> None:
    change(entry, FollowUpStatus.UNCERTAIN, at, uncertain.reason)


@view.on(FollowUpCompleted)
def complete(entry: LedgerEntry, completed: FollowUpCompleted, at: Recorded) -> None:
    entry.error = completed.refused
    change(entry, FollowUpStatus.DONE, at, completed.outcome)


def change(entry: LedgerEntry, status: FollowUpStatus, at: Recorded, reason: str | None = None) -> None:
    """The entry now stands so, since this event."""
    entry.status = status
    entry.reason = reason
    entry.changed_at = at.occurred_at
