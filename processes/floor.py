"""The floor of the contact centre: what waits, who is there to take it, and who has what, as policies remember it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from domain.agent_shift import AgentSignedIn, AgentSignedOut, AgentStatus, AgentStatusChanged
from domain.case_events import (
    CaseAssigned,
    CaseClosed,
    CaseOpened,
    CasePriority,
    CasePriorityChanged,
    CaseReopened,
    CaseResolved,
    FirstResponseSent,
)
from domain.case_sla import SlaMilestone, SlaTargetSet
from domain.queueing import OTHER_LOAD, load
from domain.values import Channel
from domain.work_item import (
    CallbackRequested,
    WorkItemAbandoned,
    WorkItemAccepted,
    WorkItemCompleted,
    WorkItemDeclined,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemReprioritised,
    WorkItemStatus,
    WorkItemTransferred,
)
from eventstore.envelope import Origin, Recorded
from processes.policy import Policy


@dataclass(slots=True)
class Item:
    """Something that waits, or that somebody has. `offers` are the versions at which it was offered."""

    work_item_id: UUID
    queued: WorkItemQueued
    customer_id: UUID | None
    position: int
    waiting_since: datetime
    queue: str
    score: int
    factors: dict[str, int]
    status: WorkItemStatus = WorkItemStatus.QUEUED
    staff_id: UUID | None = None
    taken_at: datetime | None = None
    offers: set[int] = field(default_factory=set)
    passed: set[UUID] = field(default_factory=set)
    callback_at: datetime | None = None
    callback: bool = False

    @property
    def channel(self) -> Channel:
        """By which it came."""
        return self.queued.channel

    @property
    def waits(self) -> bool:
        """Whether nobody has it, nor is offered it."""
        return self.status is WorkItemStatus.QUEUED

    def let_go(self, staff_id: UUID) -> "Item":
        """The same, when it waits again because somebody to whom it was offered did not take it."""
        return replace(self, status=WorkItemStatus.QUEUED, staff_id=None, passed=self.passed | {staff_id})


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody who is there: for which queues, since when, and what they do."""

    staff_id: UUID
    queues: tuple[str, ...]
    capacity: int | None
    began_at: datetime
    status: AgentStatus
    since: datetime


@dataclass(slots=True)
class OpenCase:
    """A case that is not closed: how much it presses, whose it is, and what was promised, each with when it was.

    `pressing` is what was worked out of that, and of what: from when on little time is left.
    """

    priority: CasePriority | None = None
    staff_id: UUID | None = None
    answered: bool = False
    over: str | None = None
    targets: dict[SlaMilestone, tuple[SlaTargetSet, datetime]] = field(default_factory=dict)
    pressing: tuple[object, datetime] | None = None

    @property
    def next_target(self) -> tuple[SlaTargetSet, datetime] | None:
        """The target that is to be met next."""
        first = None if self.answered else self.targets.get(SlaMilestone.FIRST_RESPONSE)
        return first or self.targets.get(SlaMilestone.RESOLUTION)


@dataclass(slots=True)
class Floor:
    """What waits or is being dealt with, who is there, and the open cases. `ended` is what ended last."""

    items: dict[UUID, Item] = field(default_factory=dict)
    of_case: dict[UUID, set[UUID]] = field(default_factory=dict)
    shifts: dict[UUID, Shift] = field(default_factory=dict)
    cases: dict[UUID, OpenCase] = field(default_factory=dict)
    offered_at: dict[UUID, datetime] = field(default_factory=dict)
    ended: Item | None = None

    def waiting(self) -> Iterator[Item]:
        """What nobody has, nor is offered."""
        return (each for each in self.items.values() if each.waits)

    def there(self) -> dict[UUID, Shift]:
        """Who is there, by whom it is; one who is signed in twice does what they began last."""
        return {each.staff_id: each for each in sorted(self.shifts.values(), key=lambda shift: shift.since)}

    def loads(self) -> dict[UUID, int]:
        """How much of their capacity is taken, of those who have or are offered something.

        A call or a chat does not outlast the shift in which it was taken.
        """
        found: dict[UUID, int] = {}
        there = self.there()
        for item in self.items.values():
            if item.staff_id is None:
                continue
            takes, shift = load(item.channel), there.get(item.staff_id)
            if takes > OTHER_LOAD and (shift is None or (item.taken_at or shift.began_at) < shift.began_at):
                continue
            found[item.staff_id] = found.get(item.staff_id, 0) + takes
        return found

    def items_of(self, case_id: UUID) -> list[Item]:
        """What there is in the queue, or in somebody's hands, about a case."""
        return [self.items[each] for each in sorted(self.of_case.get(case_id, ())) if each in self.items]

    def end(self, work_item_id: UUID) -> None:
        """Something is done, or given up."""
        item = self.items.pop(work_item_id, None)
        if item is None:
            return
        self.ended = item
        if item.queued.case_id is not None:
            self.of_case.get(item.queued.case_id, set()).discard(work_item_id)


class KnowsFloor(Protocol):
    """Whatever all memories of a policy share, if the floor is part of it."""

    floor: Floor


def learns_floor(policy: Policy[Any]) -> None:
    """Lets a policy know the floor: what its memories share must have a `floor`. What was imported is not on it."""
    learns_items(policy)
    learns_agents(policy)
    learns_cases(policy)


def learns_items(policy: Policy[Any]) -> None:
    """What waits, and what becomes of it."""

    @policy.learn(WorkItemQueued)
    def queued(shared: KnowsFloor, event: WorkItemQueued, at: Recorded) -> None:
        if at.origin != Origin.LIVE:
            return
        shared.floor.items[at.stream_id] = Item(
            at.stream_id, event, at.customer_id, at.position, at.occurred_at, event.queue, event.score,
            dict(event.factors),
        )  # fmt: skip
        if event.case_id is not None:
            shared.floor.of_case.setdefault(event.case_id, set()).add(at.stream_id)

    @policy.learn(WorkItemOffered, WorkItemTransferred)
    def offered(shared: KnowsFloor, event: WorkItemOffered | WorkItemTransferred, at: Recorded) -> None:
        if (item := shared.floor.items.get(at.stream_id)) is None:
            return
        if isinstance(event, WorkItemTransferred):
            if item.status is WorkItemStatus.ACCEPTED:
                item.waiting_since = at.occurred_at
            item.queue, item.passed = event.queue, set()
        item.status, item.staff_id, item.taken_at = WorkItemStatus.QUEUED, event.staff_id, None
        if event.staff_id is not None:
            item.status, item.taken_at = WorkItemStatus.OFFERED, at.occurred_at
            item.offers.add(at.version)
            shared.floor.offered_at[event.staff_id] = at.occurred_at

    @policy.learn(WorkItemDeclined)
    def declined(shared: KnowsFloor, event: WorkItemDeclined, at: Recorded) -> None:
        if (item := shared.floor.items.get(at.stream_id)) is not None:
            shared.floor.items[at.stream_id] = item.let_go(event.staff_id)

    @policy.learn(WorkItemAccepted)
    def accepted(shared: KnowsFloor, event: WorkItemAccepted, at: Recorded) -> None:
        if (item := shared.floor.items.get(at.stream_id)) is not None:
            item.status, item.staff_id, item.taken_at = WorkItemStatus.ACCEPTED, event.staff_id, at.occurred_at
            attends(shared.floor, event.staff_id)

    @policy.learn(WorkItemReprioritised)
    def scored(shared: KnowsFloor, event: WorkItemReprioritised, at: Recorded) -> None:
        if (item := shared.floor.items.get(at.stream_id)) is not None:
            item.score, item.factors = event.score, dict(event.factors)

    @policy.learn(CallbackRequested)
    def wanted_back(shared: KnowsFloor, event: CallbackRequested, at: Recorded) -> None:
        if (item := shared.floor.items.get(at.stream_id)) is not None:
            item.callback, item.callback_at = True, event.wanted_at

    @policy.learn(WorkItemAbandoned, WorkItemCompleted)
    def ended(shared: KnowsFloor, event: WorkItemAbandoned | WorkItemCompleted, at: Recorded) -> None:
        shared.floor.end(at.stream_id)


def learns_agents(policy: Policy[Any]) -> None:
    """Who is there."""

    @policy.learn(AgentSignedIn)
    def came(shared: KnowsFloor, event: AgentSignedIn, at: Recorded) -> None:
        now, available = at.occurred_at, AgentStatus.AVAILABLE
        shift = Shift(event.staff_id, event.queues, event.capacity, now, available, now)
        begins(shared.floor, at, shift)

    @policy.learn(AgentStatusChanged)
    def does(shared: KnowsFloor, event: AgentStatusChanged, at: Recorded) -> None:
        if (shift := shared.floor.shifts.get(at.stream_id)) is not None:
            begins(shared.floor, at, replace(shift, status=event.status, since=at.occurred_at))

    @policy.learn(AgentSignedOut)
    def left(shared: KnowsFloor, event: AgentSignedOut, at: Recorded) -> None:
        shared.floor.shifts.pop(at.stream_id, None)


def begins(floor: Floor, at: Recorded, shift: Shift) -> None:
    """Somebody begins to do something."""
    if at.origin != Origin.LIVE:
        return
    floor.shifts[at.stream_id] = shift
    attends(floor, shift.staff_id)


def attends(floor: Floor, staff_id: UUID) -> None:
    """Somebody is there after all, and may be offered again what they let go by."""
    for item in floor.items.values():
        item.passed.discard(staff_id)


def learns_cases(policy: Policy[Any]) -> None:
    """The open cases, and what was promised of them."""

    @policy.learn(CaseOpened, CasePriorityChanged)
    def presses(shared: KnowsFloor, event: CaseOpened | CasePriorityChanged, at: Recorded) -> None:
        shared.floor.cases.setdefault(at.stream_id, OpenCase()).priority = event.priority

    @policy.learn(CaseAssigned)
    def given(shared: KnowsFloor, event: CaseAssigned, at: Recorded) -> None:
        shared.floor.cases.setdefault(at.stream_id, OpenCase()).staff_id = event.staff_id

    @policy.learn(FirstResponseSent)
    def answered(shared: KnowsFloor, event: FirstResponseSent, at: Recorded) -> None:
        shared.floor.cases.setdefault(at.stream_id, OpenCase()).answered = True

    @policy.learn(SlaTargetSet)
    def promised(shared: KnowsFloor, event: SlaTargetSet, at: Recorded) -> None:
        targets = shared.floor.cases.setdefault(event.case_id, OpenCase()).targets
        targets[event.milestone] = event, at.occurred_at

    @policy.learn(CaseReopened)
    def reopened(shared: KnowsFloor, event: CaseReopened, at: Recorded) -> None:
        case = shared.floor.cases.setdefault(at.stream_id, OpenCase())
        case.answered, case.over, case.targets = False, None, {}

    @policy.learn(CaseResolved)
    def resolved(shared: KnowsFloor, event: CaseResolved, at: Recorded) -> None:
        case = shared.floor.cases.setdefault(at.stream_id, OpenCase())
        case.staff_id, case.over, case.targets = event.staff_id or case.staff_id, "RESOLVED", {}

    @policy.learn(CaseClosed)
    def closed(shared: KnowsFloor, event: CaseClosed, at: Recorded) -> None:
        if not shared.floor.items_of(at.stream_id):
            shared.floor.cases.pop(at.stream_id, None)
            return
        case = shared.floor.cases.setdefault(at.stream_id, OpenCase())
        case.staff_id, case.over, case.targets = event.staff_id or case.staff_id, "CLOSED", {}


def waited_s(item: Item, now: datetime) -> int:
    """For how many whole seconds it waits."""
    return max(0, (now - item.waiting_since) // timedelta(seconds=1))
