"""The shifts of the agents: who is there, for which queues, and since when they do what."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from domain.agent_shift import AgentSignedIn, AgentSignedOut, AgentStatus, AgentStatusChanged
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View


class AgentTime(Fact):
    """An agent began to do something else: `status`, empty at the end of the shift, after `previous` for `lasted_s` seconds.

    A status lasts until the next of the same shift.
    """

    staff_id: UUID | None = None
    status: AgentStatus | None = None
    reason: str | None = None
    previous: AgentStatus | None = None
    lasted_s: int = 0


class Shift(Row, key="agent_shift_id"):
    """A shift; `status` is what the agent does since `status_since`, and is empty once they have signed out."""

    agent_shift_id: UUID
    staff_id: UUID | None = None
    status: AgentStatus | None = None
    reason: str | None = None
    status_since: datetime | None = None
    capacity: int | None = None
    queues: tuple[str, ...] = ()
    signed_in_at: datetime | None = None
    signed_out_at: datetime | None = None


times = Facts("agent_time", AgentTime, indexes=("(occurred_at)", "(staff_id, occurred_at)"))

view = View(
    "agent_shifts",
    Shift,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    facts=(times,),
    indexes=("(staff_id, signed_in_at)", "(status)"),
)


@view.on(AgentSignedIn)
def sign_in(shift: Shift, signed: AgentSignedIn, at: Recorded) -> Iterator[AgentTime]:
    shift.staff_id = signed.staff_id
    shift.capacity = signed.capacity
    shift.queues = signed.queues
    shift.signed_in_at = at.occurred_at
    yield _begin(shift, AgentStatus.AVAILABLE, None, at)


@view.on(AgentStatusChanged)
def change(shift: Shift, changed: AgentStatusChanged, at: Recorded) -> Iterator[AgentTime]:
    yield _begin(shift, changed.status, changed.reason, at)


@view.on(AgentSignedOut)
def sign_out(shift: Shift, signed: AgentSignedOut, at: Recorded) -> Iterator[AgentTime]:
    shift.signed_out_at = at.occurred_at
    yield _begin(shift, None, None, at)


def _begin(shift: Shift, status: AgentStatus | None, reason: str | None, at: Recorded) -> AgentTime:
    begun = AgentTime(
        staff_id=shift.staff_id,
        status=status,
        reason=reason,
        previous=shift.status,
        lasted_s=seconds_between(shift.status_since, at.occurred_at),
    )
    shift.status = status
    shift.reason = reason
    shift.status_since = at.occurred_at
    return begun
