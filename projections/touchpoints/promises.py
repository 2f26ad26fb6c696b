"""The promises: what the company promised itself to do for customers, when it fell due, and whether it came to an end."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import get_args
from uuid import UUID

from domain.follow_up import (
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDelivered,
    FollowUpDeliveryUncertain,
    FollowUpDispatched,
    FollowUpFailed,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpSuppressed,
)
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class PromiseStep(StrEnum):
    """What became of a promise: it was PROMISED, for another day too, LET_GO, and SETTLED in one way or another."""

    PROMISED = "PROMISED"
    LET_GO = "LET_GO"
    SETTLED = "SETTLED"


class PromiseMove(Fact):
    """A step of a promise, called `owner_id`, which was due at `due_at` then; `outcome` says how it was settled."""

    step: PromiseStep = PromiseStep.PROMISED
    policy: str = ""
    due_at: datetime | None = None
    outcome: str | None = None


class Promise(Row, key="follow_up_id"):
    """A promise. `due_at` is empty of what was never promised, because something spoke against it."""

    follow_up_id: UUID
    customer_id: UUID | None = None
    policy: str = ""
    due_at: datetime | None = None
    let_go: int = 0
    settled_at: datetime | None = None
    outcome: str | None = None


promise_moves = Facts("promise_moves", PromiseMove, indexes=("(due_at)", "(occurred_at)", "(customer_id, occurred_at)"))
view = View(
    "promises",
    Promise,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(promise_moves,),
    indexes=("(customer_id, due_at)", "(due_at) where settled_at is null"),
)

Ended = (
    FollowUpSuppressed
    | FollowUpCancelled
    | FollowUpDelivered
    | FollowUpFailed
    | FollowUpDeliveryUncertain
    | FollowUpCompleted
)


@view.on(FollowUpScheduled)
def schedule(promise: Promise, scheduled: FollowUpScheduled, at: Recorded) -> Iterator[PromiseMove]:
    promise.customer_id = at.customer_id
    promise.policy = scheduled.policy
    promise.due_at = scheduled.due_at
    yield _move(promise, PromiseStep.PROMISED)


@view.on(FollowUpPostponed)
def postpone(promise: Promise, postponed: FollowUpPostponed, at: Recorded) -> Iterator[PromiseMove]:
    promise.due_at = postponed.due_at
    yield _move(promise, PromiseStep.PROMISED)


@view.on(FollowUpDispatched)
def let_go(promise: Promise, dispatched: FollowUpDispatched, at: Recorded) -> Iterator[PromiseMove]:
    promise.let_go += 1
    yield _move(promise, PromiseStep.LET_GO)


@view.on(*get_args(Ended))
def settle(promise: Promise, ended: Ended, at: Recorded) -> Iterator[PromiseMove]:
    if isinstance(ended, FollowUpFailed) and ended.retry_at is not None:
        return
    if isinstance(ended, FollowUpSuppressed):
        promise.customer_id = at.customer_id
        promise.policy = ended.policy
    promise.settled_at = at.occurred_at
    promise.outcome = type(ended).__name__.removeprefix("FollowUp").upper()
    yield _move(promise, PromiseStep.SETTLED)


def _move(promise: Promise, step: PromiseStep) -> PromiseMove:
    return PromiseMove(
        step=step,
        policy=promise.policy,
        due_at=promise.due_at,
        outcome=promise.outcome if step is PromiseStep.SETTLED else None,
    )
