"""Agent shifts: when an agent of the contact centre was there, for which queues, and free or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.kernel import Command, Decider, Event, Refused, as_asked
from domain.references import AgentShiftId, StaffId
from domain.values import must_be_within, must_say

MAX_CHANGES = 900
MAX_CAPACITY = 1_000
MAX_QUEUES = 50


class AgentStatus(StrEnum):
    """What an agent who is signed in does; new work goes to those who are AVAILABLE."""

    AVAILABLE = "AVAILABLE"
    BUSY = "BUSY"
    BREAK = "BREAK"
    TRAINING = "TRAINING"
    OFFLINE = "OFFLINE"


# What can be asked.


class SignInAgent(Command):
    """Begin a shift, available for these queues; `capacity` is 100 for one call at a time, or what the team holds."""

    agent_shift_id: AgentShiftId
    staff_id: StaffId
    capacity: int | None = None
    queues: tuple[str, ...] = ()


class ChangeAgentStatus(Command):
    """Say what the agent does now; `reason` is a code such as LUNCH."""

    agent_shift_id: AgentShiftId
    status: AgentStatus
    reason: str | None = None


class SignOutAgent(Command):
    """End a shift."""

    agent_shift_id: AgentShiftId


# What can have happened.


class AgentSignedIn(Event, stored_as="agent_shift.signed-in.v1"):
    """An agent began a shift, and was available for these queues."""

    staff_id: StaffId
    capacity: int | None
    queues: tuple[str, ...]


class AgentStatusChanged(Event, stored_as="agent_shift.status-changed.v1"):
    """The agent began to do something else."""

    status: AgentStatus
    reason: str | None = None


class AgentSignedOut(Event, stored_as="agent_shift.signed-out.v1"):
    """The agent ended the shift."""


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class AgentShift:
    """Who began it, what they do now, and how often that changed."""

    begun: AgentSignedIn | None = None
    status: tuple[AgentStatus, str | None] = (AgentStatus.AVAILABLE, None)
    changes: int = 0
    ended: bool = False


Asked = SignInAgent | ChangeAgentStatus | SignOutAgent
Happened = AgentSignedIn | AgentStatusChanged | AgentSignedOut


def decide(asked: Asked, shift: AgentShift) -> Iterator[Event]:
    match asked:
        case SignInAgent():
            must_make_sense(asked)
            begun = as_asked(AgentSignedIn, asked)
            if shift.begun is None:
                yield begun
            elif shift.begun != begun:
                raise Refused("This shift has already begun. Begin another one instead.")
        case _ if shift.begun is None:
            raise Refused("This shift has not begun yet.", "agent_shift_id")
        case ChangeAgentStatus(status=status, reason=reason):
            must_say(reason, "The reason", "reason")
            if shift.ended:
                raise Refused("This shift has ended. Sign in again.")
            if shift.status != (status, reason):
                if shift.changes >= MAX_CHANGES:
                    raise Refused(f"A shift holds at most {MAX_CHANGES} changes. Sign out, and in again.")
                yield as_asked(AgentStatusChanged, asked)
        case SignOutAgent():
            if not shift.ended:
                yield AgentSignedOut()
        case _:
            assert_never(asked)


def evolve(shift: AgentShift, event: Happened) -> AgentShift:
    match event:
        case AgentSignedIn():
            return AgentShift(event)
        case AgentStatusChanged(status=status, reason=reason):
            return replace(shift, status=(status, reason), changes=shift.changes + 1)
        case AgentSignedOut():
            return replace(shift, ended=True)
        case _:
            assert_never(event)


def must_make_sense(asked: SignInAgent) -> None:
    """Refused if the capacity is none, or the queues are not told apart."""
    must_be_within(asked.capacity, 1, MAX_CAPACITY, "capacity")
    if len(asked.queues) > MAX_QUEUES:
        raise Refused(f"Give at most {MAX_QUEUES} queues.", "queues")
    for queue in asked.queues:
        must_say(queue, "The queue", "queues")
    if len(set(asked.queues)) < len(asked.queues):
        raise Refused("Give every queue once.", "queues")


decider = Decider("agent_shift", Asked, Happened, AgentShift(), decide, evolve)
