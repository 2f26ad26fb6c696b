"""Service levels: how far a case has come, and how much of the time that was promised for it has been used."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.case import CaseStatus
from domain.case_events import (
    CaseAssigned,
    CaseClosed,
    CaseCustomerIdentified,
    CaseEscalated,
    CaseOpened,
    CasePriority,
    CasePriorityChanged,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseWaitingOnCustomer,
    FirstResponseSent,
)
from domain.case_sla import SlaBreached, SlaMilestone, SlaTargetSet
from domain.kernel import derived
from domain.sla import DEFAULT, SlaDefined, targets_for
from eventstore.envelope import Recorded
from processes.office import Office
from processes.policy import Policy, occasion
from processes.tiers import Tiers

SLA = DEFAULT.key
"""The SLA by which cases are promised to be answered and resolved."""
OVER = frozenset({CaseStatus.RESOLVED, CaseStatus.CLOSED})


class KnowsServiceLevels(Protocol):
    """Whatever all memories of a policy share, if it is known what is promised to whom."""

    office: Office
    tiers: Tiers
    slas: dict[str, dict[int, SlaDefined]]


@dataclass(slots=True)
class CaseClock:
    """A case: whose it is, who has it, and since when its clock runs.

    It begins anew when the case is reopened: that is a new `cycle`. `occasion` is what its targets follow from: the
    opening, another priority, a customer to whom more is promised, or that it goes on after a wait; those before it are
    `past`. `ladders` are what the escalation of each milestone that was missed follows from: that it was, or that the case
    goes on.
    """

    shared: KnowsServiceLevels
    status: CaseStatus = CaseStatus.UNKNOWN
    opened: CaseOpened | None = None
    customer_id: UUID | None = None
    priority: CasePriority = CasePriority.NORMAL
    staff_id: UUID | None = None
    team_id: UUID | None = None
    cycle: UUID | None = None
    cycle_began_at: datetime | None = None
    occasion: UUID | None = None
    past: list[UUID] = field(default_factory=list)
    runs: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    answered: bool = False
    targets: dict[SlaMilestone, SlaTargetSet] = field(default_factory=dict)
    breached: set[SlaMilestone] = field(default_factory=set)
    level: int = 0
    ladders: dict[SlaMilestone, UUID] = field(default_factory=dict)

    @property
    def over(self) -> str | None:
        """RESOLVED or CLOSED, if nothing is left to do."""
        return self.status.value if self.status in OVER else None

    @property
    def stands_still(self) -> str | None:
        """Why the clock does not run, as a code."""
        return self.over or ("WAITING_ON_CUSTOMER" if self.status is CaseStatus.WAITING else None)

    def met(self, milestone: SlaMilestone) -> str | None:
        """Why a milestone is no longer to be awaited, as a code."""
        answered = milestone is SlaMilestone.FIRST_RESPONSE and self.answered
        return self.over or ("ANSWERED" if answered else None)

    def definition(self, milestone: SlaMilestone | None = None) -> SlaDefined:
        """The version of the SLA under which a milestone is promised; without one, the version to promise by now."""
        target = None if milestone is None else self.targets.get(milestone)
        if target is not None and (found := self.shared.slas.get(target.sla, {}).get(target.sla_version)):
            return found
        versions = self.shared.slas[SLA]
        return versions[max(versions)]

    def allowed_s(self, definition: SlaDefined, milestone: SlaMilestone) -> int:
        """In how many seconds of business time the milestone is promised; the tier that shortens it most counts."""
        found = [
            targets_for(definition, self.priority, tier) for tier in (None, *self.shared.tiers.of(self.customer_id))
        ]
        factored = min(found[1:], default=found[0])
        return factored[0] if milestone is SlaMilestone.FIRST_RESPONSE else factored[1]

    def when(self, seconds: int, definition: SlaDefined) -> datetime | None:
        """The moment by which the clock has run, or will have run, for so many open seconds; None while it stands still."""
        office, key = self.shared.office, definition.business_calendar
        for started, stopped in self.runs:
            if stopped is None:
                return office.after(started, seconds, key)
            if (ran := office.between(started, stopped, key)) >= seconds:
                return office.after(started, seconds, key)
            seconds -= ran
        return None

    def begin(self, at: Recorded) -> None:
        """The clock begins, or begins anew."""
        self.status = CaseStatus.OPEN
        self.cycle, self.cycle_began_at = occasion(at), at.occurred_at
        self.runs = [(at.occurred_at, None)]
        self.answered, self.level = False, 0
        self.targets, self.breached, self.ladders = {}, set(), {}
        self.set_anew(at)

    def set_anew(self, at: Recorded) -> None:
        """Its targets follow from this, and not from what was before."""
        if self.occasion is not None:
            self.past.append(self.occasion)
        self.occasion = occasion(at)

    def stop(self, at: Recorded) -> None:
        """The clock stands still."""
        if self.runs and self.runs[-1][1] is None:
            self.runs[-1] = self.runs[-1][0], at.occurred_at


def streams_of_case(case_id: UUID) -> tuple[UUID, ...]:
    """The streams that tell of a case: its own, and that of its service levels."""
    return case_id, derived("case_sla", case_id)


def remembers_clock(policy: Policy[Any]) -> None:
    """Lets a policy remember the clocks of cases: its memory must be a `CaseClock`."""

    @policy.remember(CaseOpened)
    def opened(known: CaseClock, event: CaseOpened, at: Recorded) -> None:
        known.opened, known.customer_id, known.priority = event, at.customer_id, event.priority
        known.begin(at)

    @policy.remember(CaseCustomerIdentified)
    def identified(known: CaseClock, event: CaseCustomerIdentified, at: Recorded) -> None:
        known.customer_id = at.customer_id
        if known.shared.tiers.of(at.customer_id):
            known.set_anew(at)

    @policy.remember(CasePriorityChanged)
    def pressing(known: CaseClock, event: CasePriorityChanged, at: Recorded) -> None:
        known.priority = event.priority
        known.targets = {}
        known.set_anew(at)

    @policy.remember(CaseAssigned)
    def assigned(known: CaseClock, event: CaseAssigned, at: Recorded) -> None:
        known.staff_id, known.team_id = event.staff_id, event.team_id

    @policy.remember(FirstResponseSent)
    def answered(known: CaseClock, event: FirstResponseSent, at: Recorded) -> None:
        known.answered = True

    @policy.remember(CaseWaitingOnCustomer)
    def waiting(known: CaseClock, event: CaseWaitingOnCustomer, at: Recorded) -> None:
        known.status = CaseStatus.WAITING
        known.stop(at)

    @policy.remember(CaseResumed)
    def resumed(known: CaseClock, event: CaseResumed, at: Recorded) -> None:
        known.status = CaseStatus.OPEN
        known.runs.append((at.occurred_at, None))
        known.set_anew(at)
        known.ladders = {each: derived("ladder", occasion(at), each.value) for each in known.breached}

    @policy.remember(CaseReopened)
    def reopened(known: CaseClock, event: CaseReopened, at: Recorded) -> None:
        known.begin(at)

    @policy.remember(CaseResolved, CaseClosed)
    def over(known: CaseClock, event: CaseResolved | CaseClosed, at: Recorded) -> None:
        known.status = CaseStatus.RESOLVED if isinstance(event, CaseResolved) else CaseStatus.CLOSED
        known.stop(at)

    @policy.remember(SlaTargetSet)
    def promised(known: CaseClock, event: SlaTargetSet, at: Recorded) -> None:
        known.targets[event.milestone] = event
        known.breached.discard(event.milestone)
        known.ladders.pop(event.milestone, None)

    @policy.remember(SlaBreached)
    def missed(known: CaseClock, event: SlaBreached, at: Recorded) -> None:
        known.breached.add(event.milestone)
        known.ladders[event.milestone] = occasion(at)

    @policy.remember(CaseEscalated)
    def escalated(known: CaseClock, event: CaseEscalated, at: Recorded) -> None:
        known.level = event.level


def learns_service_levels(policy: Policy[Any]) -> None:
    """Lets a policy know what is promised to whom: what its memories share must be of `KnowsServiceLevels`."""

    @policy.learn(SlaDefined)
    def promised(shared: KnowsServiceLevels, defined: SlaDefined, at: Recorded) -> None:
        shared.slas.setdefault(defined.key, {})[defined.version] = defined
