"""The calls: each with who answered it after how long, how long they talked, and the work after it."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.call import (
    CallAnswered,
    CallEnded,
    CallerIdentified,
    CallHeld,
    CallResumed,
    CallRinging,
    CallStatus,
    CallTransferred,
    WrapUpCompleted,
)
from domain.interaction import Direction
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View


class LegMove(StrEnum):
    """What became of a leg of a call: after each transfer it rings anew.

    ABANDONED and LEFT are those that nobody answered: they ended, or went on to somebody else.
    """

    RANG = "RANG"
    ANSWERED = "ANSWERED"
    ABANDONED = "ABANDONED"
    LEFT = "LEFT"
    TRANSFERRED = "TRANSFERRED"
    ENDED = "ENDED"
    WRAPPED_UP = "WRAPPED_UP"


class CallLeg(Fact):
    """One thing that became of a leg of a call, which rang at `rang_at`; durations are in seconds.

    `waited_s` is from there to the answer, or to the end without one. `talk_s` and `hold_s` are those of the leg, known
    when it is over, `acw_s` is the work after the call, known when that is done. `queued`: the leg came to a queue, or
    is the first, and was not passed to one agent by another.
    """

    move: LegMove = LegMove.RANG
    direction: Direction = Direction.IN
    queue: str | None = None
    campaign_id: UUID | None = None
    staff_id: UUID | None = None
    leg: int = 1
    rang_at: datetime | None = None
    waited_s: int = 0
    talk_s: int = 0
    hold_s: int = 0
    acw_s: int = 0
    reason: str | None = None
    queued: bool = True


class CallSheet(Row, key="call_id"):
    """A call. `queue` and `staff_id` are where it is, or was last; seconds of talk and hold are those of all its legs.

    What the telephone system says of the whole call at its end counts, where it says something. `passed_on` says that one
    agent passed it to another.
    """

    call_id: UUID
    customer_id: UUID | None = None
    status: CallStatus = CallStatus.UNKNOWN
    direction: Direction = Direction.IN
    queue: str | None = None
    campaign_id: UUID | None = None
    staff_id: UUID | None = None
    rang_at: datetime | None = None
    leg: int = 0
    leg_at: datetime | None = None
    passed_on: bool = False
    answered_at: datetime | None = None
    leg_answered_at: datetime | None = None
    held_at: datetime | None = None
    ended_at: datetime | None = None
    wrapped_up_at: datetime | None = None
    waited_s: int | None = None
    talk_s: int = 0
    hold_s: int = 0
    leg_hold_s: int = 0
    acw_s: int | None = None
    holds: int = 0
    transfers: int = 0
    cause: str | None = None
    disposition: str | None = None


legs = Facts(
    "call_legs",
    CallLeg,
    indexes=("(occurred_at)", "(rang_at)", "(customer_id, occurred_at)", "(staff_id, occurred_at)"),
)

view = View(
    "calls",
    CallSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(legs,),
    indexes=("(customer_id, rang_at desc)", "(staff_id, status)", "(status, queue)", "(campaign_id)"),
)


@view.on(CallRinging)
def ring(sheet: CallSheet, rung: CallRinging, at: Recorded) -> Iterator[CallLeg]:
    sheet.customer_id = at.customer_id
    sheet.direction = rung.direction
    sheet.queue = rung.queue
    sheet.campaign_id = rung.campaign_id
    sheet.rang_at = at.occurred_at
    yield _ring(sheet, at)


@view.on(CallAnswered)
def answer(sheet: CallSheet, answered: CallAnswered, at: Recorded) -> Iterator[CallLeg]:
    sheet.status = CallStatus.TALKING
    sheet.staff_id = answered.staff_id
    sheet.leg_answered_at = at.occurred_at
    if sheet.answered_at is None:
        sheet.answered_at = at.occurred_at
        sheet.waited_s = seconds_between(sheet.rang_at, at.occurred_at)
    yield _leg(sheet, LegMove.ANSWERED, waited_s=seconds_between(sheet.leg_at, at.occurred_at))


@view.on(CallHeld)
def hold(sheet: CallSheet, held: CallHeld, at: Recorded) -> None:
    sheet.status = CallStatus.HELD
    sheet.held_at = at.occurred_at
    sheet.holds += 1


@view.on(CallResumed)
def resume(sheet: CallSheet, resumed: CallResumed, at: Recorded) -> None:
    sheet.status = CallStatus.TALKING
    sheet.leg_hold_s += seconds_between(sheet.held_at, at.occurred_at)
    sheet.held_at = None


@view.on(CallTransferred)
def transfer(sheet: CallSheet, transferred: CallTransferred, at: Recorded) -> Iterator[CallLeg]:
    talk_s, hold_s = _measured(sheet, at.occurred_at)
    if sheet.leg_answered_at is None:
        yield _leg(sheet, LegMove.LEFT, waited_s=seconds_between(sheet.leg_at, at.occurred_at))
    else:
        yield _leg(sheet, LegMove.TRANSFERRED, talk_s=talk_s, hold_s=hold_s)
        sheet.talk_s += talk_s
        sheet.hold_s += hold_s
    sheet.transfers += 1
    sheet.passed_on = transferred.to_staff_id is not None
    sheet.staff_id = transferred.to_staff_id
    sheet.queue = transferred.to_queue or sheet.queue
    yield _ring(sheet, at)


@view.on(CallEnded)
def end(sheet: CallSheet, ended: CallEnded, at: Recorded) -> Iterator[CallLeg]:
    talk_s, hold_s = _measured(sheet, at.occurred_at)
    if ended.talk_s is not None:
        talk_s = max(0, ended.talk_s - sheet.talk_s)
    if ended.hold_s is not None:
        hold_s = max(0, ended.hold_s - sheet.hold_s)
    sheet.talk_s += talk_s
    sheet.hold_s += hold_s
    sheet.status = CallStatus.ENDED
    sheet.ended_at = at.occurred_at
    sheet.cause = ended.cause
    sheet.held_at = None
    if ended.waited_s is not None:
        sheet.waited_s = ended.waited_s
    elif sheet.waited_s is None:
        sheet.waited_s = seconds_between(sheet.rang_at, at.occurred_at)
    if sheet.leg_answered_at is not None:
        yield _leg(sheet, LegMove.ENDED, talk_s=talk_s, hold_s=hold_s, reason=ended.cause)
    elif talk_s:  # nobody said that it was answered, but they talked
        yield _leg(sheet, LegMove.ANSWERED, waited_s=ended.waited_s or 0)
        yield _leg(sheet, LegMove.ENDED, talk_s=talk_s, hold_s=hold_s, reason=ended.cause)
    else:
        waited_s = ended.waited_s if sheet.leg == 1 else None
        waited_s = seconds_between(sheet.leg_at, at.occurred_at) if waited_s is None else waited_s
        yield _leg(sheet, LegMove.ABANDONED, waited_s=waited_s, hold_s=hold_s, reason=ended.cause)


@view.on(WrapUpCompleted)
def wrap_up(sheet: CallSheet, completed: WrapUpCompleted, at: Recorded) -> Iterator[CallLeg]:
    sheet.status = CallStatus.WRAPPED_UP
    sheet.wrapped_up_at = at.occurred_at
    sheet.disposition = completed.disposition
    sheet.acw_s = seconds_between(sheet.ended_at, at.occurred_at) if completed.acw_s is None else completed.acw_s
    yield _leg(sheet, LegMove.WRAPPED_UP, acw_s=sheet.acw_s, reason=completed.disposition)


@view.on(CallerIdentified)
def identify(sheet: CallSheet, identified: CallerIdentified, at: Recorded) -> None:
    sheet.customer_id = at.customer_id


def _ring(sheet: CallSheet, at: Recorded) -> CallLeg:
    sheet.status = CallStatus.RINGING
    sheet.leg += 1
    sheet.leg_at = at.occurred_at
    sheet.leg_answered_at = sheet.held_at = None
    sheet.leg_hold_s = 0
    return _leg(sheet, LegMove.RANG)


def _measured(sheet: CallSheet, at: datetime) -> tuple[int, int]:
    """The seconds of talk and of hold on this leg, as the events tell them."""
    hold_s = sheet.leg_hold_s + seconds_between(sheet.held_at, at)
    return max(0, seconds_between(sheet.leg_answered_at, at) - hold_s), hold_s


def _leg(
    sheet: CallSheet,
    move: LegMove,
    *,
    waited_s: int = 0,
    talk_s: int = 0,
    hold_s: int = 0,
    acw_s: int = 0,
    reason: str | None = None,
) -> CallLeg:
    return CallLeg(
        move=move,
        direction=sheet.direction,
        queue=sheet.queue,
        campaign_id=sheet.campaign_id,
        staff_id=sheet.staff_id,
        leg=sheet.leg,
        rang_at=sheet.leg_at,
        waited_s=waited_s,
        talk_s=talk_s,
        hold_s=hold_s,
        acw_s=acw_s,
        reason=reason,
        queued=not sheet.passed_on,
    )
