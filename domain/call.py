"""Calls: the whole life of a phone call, from the first ring to the agent's last note."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.interaction import Direction
from domain.kernel import (
    SAME_AS,
    Claim,
    ClaimStep,
    Command,
    Contact,
    Decider,
    Event,
    Refused,
    Text,
    Told,
    as_asked,
    identified,
)
from domain.references import CallId, CampaignId, CustomerId, StaffId
from domain.values import must_last, must_say

MAX_HOLDS = 200
MAX_TRANSFERS = 200


class CallStatus(StrEnum):
    """How far a call has come. After a transfer it rings again."""

    UNKNOWN = "UNKNOWN"
    RINGING = "RINGING"
    TALKING = "TALKING"
    HELD = "HELD"
    ENDED = "ENDED"
    WRAPPED_UP = "WRAPPED_UP"


# What can be asked.


class RingCall(Command):
    """Note that a call comes in or goes out; `caller` is the other side's number. Who that is may be found out later."""

    call_id: CallId
    customer_id: CustomerId | None = None
    direction: Direction = Direction.IN
    queue: str | None = None
    campaign_id: CampaignId | None = None
    caller: str | None = None


class AnswerCall(Command):
    """Note that a member of staff and the other side began to talk."""

    call_id: CallId
    staff_id: StaffId


class HoldCall(Command):
    """Note that the other side has to wait on the line."""

    call_id: CallId


class ResumeCall(Command):
    """Note that they talk again after a hold."""

    call_id: CallId


class TransferCall(Command):
    """Hand a call to a member of staff or back to a queue, one of the two; it rings there until it is answered."""

    call_id: CallId
    to_staff_id: StaffId | None = None
    to_queue: str | None = None


class EndCall(Command):
    """Note that a call is over: how many seconds they talked, were on hold, and waited for somebody to answer.

    `cause` is a code such as HANGUP or NO_ANSWER.
    """

    call_id: CallId
    talk_s: int | None = None
    hold_s: int | None = None
    waited_s: int | None = None
    cause: str | None = None


class CompleteWrapUp(Command):
    """Finish the work after a call: `disposition` is a code for what came of it, `acw_s` the seconds that it took."""

    call_id: CallId
    disposition: str
    acw_s: int | None = None
    note: Text | None = None


class IdentifyCaller(Command):
    """Say which customer a call is with; the last word counts."""

    call_id: CallId
    customer_id: CustomerId


# What can have happened.


class CallRinging(Event, stored_as="call.ringing.v1"):
    """The phone rang; `customer_id` is empty as long as nobody knows who it is."""

    customer_id: CustomerId | None
    direction: Direction
    queue: str | None = None
    campaign_id: CampaignId | None = None
    caller: Contact[str]


class CallAnswered(Event, stored_as="call.answered.v1"):
    """They began to talk, for the first time or after a transfer."""

    staff_id: StaffId


class CallHeld(Event, stored_as="call.held.v1"):
    """The other side was asked to wait on the line."""


class CallResumed(Event, stored_as="call.resumed.v1"):
    """They talked again."""


class CallTransferred(Event, stored_as="call.transferred.v1"):
    """The call was handed to somebody else, or to a queue."""

    to_staff_id: StaffId | None = None
    to_queue: str | None = None


class CallEnded(Event, stored_as="call.ended.v1"):
    """The call was over; with no talk (`talk_s` is 0) and never answered it was abandoned, after `waited_s` seconds."""

    talk_s: int | None = None
    hold_s: int | None = None
    waited_s: int | None = None
    cause: str | None = None


class WrapUpCompleted(Event, stored_as="call.wrap-up-completed.v1"):
    """The work after the call was done."""

    disposition: str
    acw_s: int | None = None
    note: Told[str]


class CallerIdentified(Event, stored_as="call.caller-identified.v1", corrects=True):
    """It was found out who the call is with."""

    previous: CustomerId | None
    customer_id: CustomerId


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Call:
    """`rung` and `ended` are what was said; `staff_id` and `queue` are where the call is now."""

    status: CallStatus = CallStatus.UNKNOWN
    rung: CallRinging | None = None
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    queue: str | None = None
    holds: int = 0
    transfers: int = 0
    ended: CallEnded | None = None
    wrapped_up: WrapUpCompleted | None = None


Asked = RingCall | AnswerCall | HoldCall | ResumeCall | TransferCall | EndCall | CompleteWrapUp | IdentifyCaller
Happened = (
    CallRinging | CallAnswered | CallHeld | CallResumed | CallTransferred | CallEnded | WrapUpCompleted
    | CallerIdentified
)  # fmt: skip


def decide(asked: Asked, call: Call) -> Iterator[Event]:
    match asked:
        case RingCall():
            must_say(asked.caller, "The caller", "caller")
            must_say(asked.queue, "The queue", "queue")
            rung = as_asked(CallRinging, asked)
            if call.rung is None:
                yield rung
            elif call.rung != rung:
                raise Refused("This call is already known. Give a new one an id of its own.", "call_id")
        case _ if call.rung is None:
            raise Refused("There is no such call yet: let it ring first.", "call_id")
        case AnswerCall(staff_id=staff_id):
            must_go_on(call)
            if call.status is CallStatus.RINGING:
                yield CallAnswered(staff_id=staff_id)
            elif staff_id != call.staff_id:
                raise Refused("This call is already answered. Transfer it instead.", "staff_id")
        case HoldCall():
            must_go_on(call)
            if call.status is not CallStatus.HELD:
                if call.holds >= MAX_HOLDS:
                    raise Refused(f"A call is held at most {MAX_HOLDS} times: end it and ring again.")
                yield CallHeld()
        case ResumeCall():
            must_go_on(call)
            if call.status is CallStatus.RINGING:
                raise Refused("This call is not on hold: it rings. Answer it instead.")
            if call.status is CallStatus.HELD:
                yield CallResumed()
        case TransferCall(to_staff_id=to_staff_id, to_queue=to_queue):
            must_go_on(call)
            must_say(to_queue, "The queue", "to_queue")
            if (to_staff_id is None) is (to_queue is None):
                raise Refused("Transfer a call either to a member of staff or to a queue.", "to_queue")
            if not is_there(call, asked):
                if call.transfers >= MAX_TRANSFERS:
                    raise Refused(f"A call is transferred at most {MAX_TRANSFERS} times: end it and ring again.")
                yield CallTransferred(to_staff_id=to_staff_id, to_queue=to_queue)
        case EndCall():
            must_last(asked.talk_s, "talk_s")
            must_last(asked.hold_s, "hold_s")
            must_last(asked.waited_s, "waited_s")
            must_say(asked.cause, "The cause", "cause")
            ended = as_asked(CallEnded, asked)
            if call.ended != ended:
                must_go_on(call)
                yield ended
        case CompleteWrapUp():
            must_say(asked.disposition, "The disposition", "disposition")
            must_last(asked.acw_s, "acw_s")
            wrapped_up = as_asked(WrapUpCompleted, asked)
            if call.status is CallStatus.ENDED:
                yield wrapped_up
            elif call.wrapped_up is None:
                raise Refused("This call has not ended: end it first.")
            elif call.wrapped_up != wrapped_up:
                raise Refused("This call is already wrapped up.")
        case IdentifyCaller(customer_id=customer_id):
            if customer_id != call.customer_id:
                yield CallerIdentified(previous=call.customer_id, customer_id=customer_id)
        case _:
            assert_never(asked)


def evolve(call: Call, event: Happened) -> Call:
    match event:
        case CallRinging(customer_id=customer_id, queue=queue):
            return Call(CallStatus.RINGING, event, customer_id, queue=queue)
        case CallAnswered(staff_id=staff_id):
            return replace(call, status=CallStatus.TALKING, staff_id=staff_id)
        case CallHeld():
            return replace(call, status=CallStatus.HELD, holds=call.holds + 1)
        case CallResumed():
            return replace(call, status=CallStatus.TALKING)
        case CallTransferred(to_staff_id=to_staff_id, to_queue=to_queue):
            ringing = replace(call, status=CallStatus.RINGING, transfers=call.transfers + 1)
            return replace(ringing, staff_id=to_staff_id, queue=to_queue)
        case CallEnded():
            return replace(call, status=CallStatus.ENDED, ended=event)
        case WrapUpCompleted():
            return replace(call, status=CallStatus.WRAPPED_UP, wrapped_up=event)
        case CallerIdentified(customer_id=customer_id):
            return replace(call, customer_id=customer_id)
        case _:
            assert_never(event)


def must_go_on(call: Call) -> None:
    """Refused if the call is over: nothing goes back."""
    if call.ended is not None:
        raise Refused("This call has already ended.")


def is_there(call: Call, asked: TransferCall) -> bool:
    """Whether the call is already with this member of staff, or waits already in this queue."""
    if asked.to_staff_id is not None:
        return call.staff_id == asked.to_staff_id
    return call.status is CallStatus.RINGING and call.queue == asked.to_queue


def claims(call_id: UUID, event: Happened, call: Call) -> Iterator[Claim]:
    """A call that nobody was known to make concerned itself; once it is known who it was, it concerns that customer."""
    if isinstance(event, CallerIdentified) and call.rung is not None and call.rung.customer_id is None:
        if event.previous is not None:
            yield Claim(kind=SAME_AS, key=call_id, holder=event.previous, step=ClaimStep.RELEASE)
        yield identified(call_id, event.customer_id, "This call is known to be somebody else's.")


decider = Decider("call", Asked, Happened, Call(), decide, evolve, disclose=True, claims=claims, anonymous=True)
