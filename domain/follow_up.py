"""Follow-ups: what the company promised itself to do for a customer, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.consent import Purpose
from domain.kernel import Command, Decider, Event, Refused, as_asked
from domain.references import CustomerId, FollowUpId, InvitationId
from domain.values import Channel, must_know_zone, must_say


class FollowUpStatus(StrEnum):
    """Where a follow-up stands. FAILED may be tried again as long as it has a time for that."""

    SCHEDULED = "SCHEDULED"
    DISPATCHED = "DISPATCHED"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    UNCERTAIN = "UNCERTAIN"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


class ActionKind(StrEnum):
    """What there is to do: send something, or ACT, which is what the policy does itself when the time has come."""

    SEND_SURVEY = "SEND_SURVEY"
    REMIND_SURVEY = "REMIND_SURVEY"
    EXPIRE_SURVEY = "EXPIRE_SURVEY"
    SEND_MESSAGE = "SEND_MESSAGE"
    ACT = "ACT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do: with which survey, on which invitation, by which template; `about` is the noun's id that it is about.

    `purpose` and `channel` say by which consent it goes; without a purpose, it is nothing that consent is asked for.
    """

    kind: ActionKind
    survey: str | None = None
    invitation_id: InvitationId | None = None
    template: str | None = None
    purpose: Purpose | None = None
    channel: Channel | None = None
    about: UUID | None = None


# What can be asked.


class ScheduleFollowUp(Command):
    """Promise to act at `due_at` because of `trigger`; `wanted_at` is when it would have been but for quiet hours."""

    follow_up_id: FollowUpId
    customer_id: CustomerId | None
    policy: str
    policy_version: int
    step: str
    trigger: UUID
    trigger_position: int
    action: Action
    due_at: datetime
    wanted_at: datetime


class SuppressFollowUp(Command):
    """Note that something is not done, and why: a code such as NO_CONSENT, CAPPED, COALESCED or NO_ADDRESS."""

    follow_up_id: FollowUpId
    customer_id: CustomerId | None
    policy: str
    policy_version: int
    step: str
    trigger: UUID
    trigger_position: int
    reason: str


class CancelFollowUp(Command):
    """Take a promise back before anything is sent."""

    follow_up_id: FollowUpId
    reason: str


class PostponeFollowUp(Command):
    """Keep a promise later."""

    follow_up_id: FollowUpId
    due_at: datetime
    reason: str


class DispatchFollowUp(Command):
    """Let it go; `relied_on` is the position of the event that allows it: the consent, or the trigger."""

    follow_up_id: FollowUpId
    basis: str
    relied_on: int


class AttemptFollowUp(Command):
    """Begin to send; attempts count from 1. Only whoever gets an event back may send."""

    follow_up_id: FollowUpId
    attempt: int


class RecordFollowUpDelivered(Command):
    """Note that the provider took it, be it found out later, and what the provider calls it."""

    follow_up_id: FollowUpId
    provider_ref: str


class RecordFollowUpFailed(Command):
    """Note that an attempt failed; without `retry_at` there will be no other. What was given up is tried again with one."""

    follow_up_id: FollowUpId
    error: str
    retry_at: datetime | None = None


class RecordFollowUpUncertain(Command):
    """Note that nobody knows whether it was sent: it is not sent again until somebody does."""

    follow_up_id: FollowUpId
    reason: str


class CompleteFollowUp(Command):
    """Note that a step which sends nothing is done; `refused` is what was not done of it because it was refused, and why."""

    follow_up_id: FollowUpId
    outcome: str
    refused: str | None = None


# What can have happened.


class FollowUpScheduled(Event, stored_as="follow_up.scheduled.v1"):
    """The company promised itself to act; `wanted_at` is when it would have been but for quiet hours."""

    customer_id: CustomerId | None
    policy: str
    policy_version: int
    step: str
    trigger: UUID
    trigger_position: int
    action: Action
    due_at: datetime
    wanted_at: datetime


class FollowUpSuppressed(Event, stored_as="follow_up.suppressed.v1"):
    """It was not done, for a reason."""

    customer_id: CustomerId | None
    policy: str
    policy_version: int
    step: str
    trigger: UUID
    trigger_position: int
    reason: str


class FollowUpCancelled(Event, stored_as="follow_up.cancelled.v1"):
    """The promise was taken back."""

    reason: str


class FollowUpPostponed(Event, stored_as="follow_up.postponed.v1"):
    """The promise is to be kept later."""

    due_at: datetime
    reason: str


class FollowUpDispatched(Event, stored_as="follow_up.dispatched.v1"):
    """It was let go, relying on the event at that position; the provider gets the key to tell a repetition by."""

    idempotency_key: str
    basis: str
    relied_on: int


class FollowUpAttempted(Event, stored_as="follow_up.attempted.v1"):
    """Somebody began to send it."""

    attempt: int


class FollowUpDelivered(Event, stored_as="follow_up.delivered.v1"):
    """The provider took it."""

    provider_ref: str


class FollowUpFailed(Event, stored_as="follow_up.failed.v1"):
    """An attempt failed; without `retry_at` it was the last."""

    attempt: int
    error: str
    retry_at: datetime | None = None


class FollowUpDeliveryUncertain(Event, stored_as="follow_up.delivery-uncertain.v1"):
    """Nobody knows whether it was sent."""

    reason: str


class FollowUpCompleted(Event, stored_as="follow_up.completed.v1"):
    """A step that sends nothing was done; `refused` is what was not done of it because it was refused, and why."""

    outcome: str
    refused: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`last` is what came of it last, to know a repetition by."""

    status: FollowUpStatus | None = None
    customer_id: UUID | None = None
    policy: str | None = None
    step: str | None = None
    trigger: UUID | None = None
    action: Action | None = None
    due_at: datetime | None = None
    attempt: int = 0
    retry_at: datetime | None = None
    last: Event | None = None


Asked = (
    ScheduleFollowUp
    | SuppressFollowUp
    | CancelFollowUp
    | PostponeFollowUp
    | DispatchFollowUp
    | AttemptFollowUp
    | RecordFollowUpDelivered
    | RecordFollowUpFailed
    | RecordFollowUpUncertain
    | CompleteFollowUp
)
Happened = (
    FollowUpScheduled
    | FollowUpSuppressed
    | FollowUpCancelled
    | FollowUpPostponed
    | FollowUpDispatched
    | FollowUpAttempted
    | FollowUpDelivered
    | FollowUpFailed
    | FollowUpDeliveryUncertain
    | FollowUpCompleted
)

CLOSED = {FollowUpStatus.DELIVERED, FollowUpStatus.SUPPRESSED, FollowUpStatus.CANCELLED, FollowUpStatus.DONE}
"""Nothing can happen any more. So it is after a failure without another attempt."""
SENT = (FollowUpStatus.SENDING, FollowUpStatus.UNCERTAIN)
"""Somebody began to send, and what came of it is still to be told."""


def decide(asked: Asked, known: FollowUp) -> Iterator[Event]:
    match asked:
        case ScheduleFollowUp():
            must_be_of(known, asked)
            must_know_zone(asked.due_at, "due_at")
            must_know_zone(asked.wanted_at, "wanted_at")
            if known.status is None:
                yield as_asked(FollowUpScheduled, asked)
        case SuppressFollowUp():
            must_be_of(known, asked)
            must_say(asked.reason, "The reason", "reason")
            if known.status in (None, FollowUpStatus.SCHEDULED):
                yield as_asked(FollowUpSuppressed, asked)
            elif not is_closed(known):
                raise Refused("This follow-up is already on its way.")
        case CancelFollowUp(reason=reason):
            must_say(reason, "The reason", "reason")
            if known.status in SENT:
                raise Refused("This follow-up is already on its way.")
            if known.status is not None and not is_closed(known):
                yield FollowUpCancelled(reason=reason)
        case _ if known.status is None:
            raise Refused("There is no such follow-up.", "follow_up_id")
        case PostponeFollowUp(due_at=due_at, reason=reason):
            must_know_zone(due_at, "due_at")
            must_say(reason, "The reason", "reason")
            must_be_in(known, FollowUpStatus.SCHEDULED)
            if due_at != known.due_at:
                yield FollowUpPostponed(due_at=due_at, reason=reason)
        case DispatchFollowUp(basis=basis, relied_on=relied_on):
            must_say(basis, "The basis", "basis")
            if known.status in (FollowUpStatus.SCHEDULED, FollowUpStatus.SUPPRESSED, FollowUpStatus.CANCELLED):
                must_be_in(known, FollowUpStatus.SCHEDULED)
                yield FollowUpDispatched(idempotency_key=str(asked.follow_up_id), basis=basis, relied_on=relied_on)
        case AttemptFollowUp(attempt=attempt):
            if (known.status, known.attempt) != (FollowUpStatus.SENDING, attempt):
                if known.retry_at is None:
                    must_be_in(known, FollowUpStatus.DISPATCHED)
                if attempt != known.attempt + 1:
                    raise Refused(f"The next attempt is number {known.attempt + 1}.", "attempt")
                yield FollowUpAttempted(attempt=attempt)
        case RecordFollowUpDelivered(provider_ref=provider_ref):
            yield from once(known, FollowUpDelivered(provider_ref=provider_ref), *SENT, FollowUpStatus.FAILED)
        case RecordFollowUpFailed(error=error, retry_at=retry_at):
            if retry_at is not None:
                must_know_zone(retry_at, "retry_at")
            allowed = SENT if retry_at is None else (*SENT, FollowUpStatus.FAILED)
            yield from once(known, FollowUpFailed(attempt=known.attempt, error=error, retry_at=retry_at), *allowed)
        case RecordFollowUpUncertain(reason=reason):
            yield from once(known, FollowUpDeliveryUncertain(reason=reason), FollowUpStatus.SENDING)
        case CompleteFollowUp(outcome=outcome, refused=refused):
            completed = FollowUpCompleted(outcome=outcome, refused=refused)
            yield from once(known, completed, FollowUpStatus.SCHEDULED, FollowUpStatus.DISPATCHED)
        case _:
            assert_never(asked)


def evolve(known: FollowUp, event: Happened) -> FollowUp:
    match event:
        case FollowUpScheduled(customer_id=customer_id, policy=policy, step=step, trigger=trigger):
            return FollowUp(FollowUpStatus.SCHEDULED, customer_id, policy, step, trigger, event.action, event.due_at)
        case FollowUpSuppressed(customer_id=customer_id, policy=policy, step=step, trigger=trigger):
            return FollowUp(FollowUpStatus.SUPPRESSED, customer_id, policy, step, trigger, known.action, known.due_at)
        case FollowUpCancelled():
            return standing(known, FollowUpStatus.CANCELLED, known.last)
        case FollowUpPostponed(due_at=due_at):
            return replace(known, due_at=due_at)
        case FollowUpDispatched():
            return standing(known, FollowUpStatus.DISPATCHED, known.last, known.retry_at)
        case FollowUpAttempted(attempt=attempt):
            return replace(known, status=FollowUpStatus.SENDING, attempt=attempt, retry_at=None)
        case FollowUpDelivered():
            return standing(known, FollowUpStatus.DELIVERED, event, known.retry_at)
        case FollowUpFailed(retry_at=retry_at):
            return standing(known, FollowUpStatus.FAILED, event, retry_at)
        case FollowUpDeliveryUncertain():
            return standing(known, FollowUpStatus.UNCERTAIN, event, known.retry_at)
        case FollowUpCompleted():
            return standing(known, FollowUpStatus.DONE, event, known.retry_at)
        case _:
            assert_never(event)


def standing(known: FollowUp, status: FollowUpStatus, last: Event | None, retry_at: datetime | None = None) -> FollowUp:
    """The same at another status: `dataclasses.replace` takes three times as long, and a worker does it for each row."""
    return FollowUp(
        status, known.customer_id, known.policy, known.step, known.trigger, known.action, known.due_at, known.attempt,
        retry_at, last,
    )  # fmt: skip


def is_closed(known: FollowUp) -> bool:
    """Whether nothing can happen any more."""
    return known.status in CLOSED or (known.status is FollowUpStatus.FAILED and known.retry_at is None)


def once(known: FollowUp, outcome: Event, *allowed: FollowUpStatus) -> Iterator[Event]:
    """What came of it, unless just this was said last. Refused if the follow-up does not stand where it may come."""
    if known.last != outcome:
        must_be_in(known, *allowed)
        yield outcome


def must_be_of(known: FollowUp, asked: ScheduleFollowUp | SuppressFollowUp) -> None:
    """Refused if the id is that of another promise. The policy's version does not make another of it."""
    must_say(asked.policy, "The policy", "policy")
    must_say(asked.step, "The step", "step")
    ours = (known.policy, known.step, known.trigger)
    if known.status is not None and ours != (asked.policy, asked.step, asked.trigger):
        raise Refused("This follow-up belongs to another policy, step or trigger.", "follow_up_id")


def must_be_in(known: FollowUp, *allowed: FollowUpStatus) -> None:
    """Refused if the follow-up stands elsewhere."""
    if known.status not in allowed:
        stands = "unknown" if known.status is None else known.status.lower()
        raise Refused(f"This follow-up is {stands}, and must be {' or '.join(allowed).lower()} for that.")


decider = Decider("follow_up", Asked, Happened, FollowUp(), decide, evolve)
