"""What a simulation came to: the rows that the ledger would have, and what they add up to."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.activity import ActivityScheduled
from domain.follow_up import (
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDispatched,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpSuppressed,
)
from eventstore.envelope import Happened
from processes.calendar import Calendar
from processes.policy import Policy
from projections.fold import Fold
from projections.touchpoints import follow_ups
from projections.touchpoints.follow_ups import LedgerEntry

CONSENT = ("NO_CONSENT", "RESTRICTED", "CONSENT_WITHDRAWN")
"""The reasons that say that somebody did not want it."""
CAPS = ("CAPPED", "COALESCED")
"""The reasons that say that it would have been too much."""
KINDS = {
    FollowUpScheduled: "promised",
    FollowUpDispatched: "sent",
    FollowUpCompleted: "done",
    FollowUpPostponed: "postponed",
    FollowUpSuppressed: "suppressed",
    FollowUpCancelled: "cancelled",
}


@dataclass(slots=True)
class SimulatedDay:
    """How many decisions there would have been on a day, of each kind."""

    day: date
    promised: int = 0
    sent: int = 0
    done: int = 0
    postponed: int = 0
    suppressed: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class SimulatedWork:
    """How much work somebody of the company would have been given for a day; nobody: it is still to be assigned."""

    day: date
    staff_id: UUID | None
    tasks: int


@dataclass(frozen=True, slots=True)
class SimulatedReason:
    """How often something would not have been done, for a reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a policy would have decided over a past: the clock stood at `until` in the end.

    `consent` and `caps` are how often it would have met with a consent that was missing, and with a cap. `waiting` are
    the promises that would still be open.
    """

    policy: str
    version: int
    start: int
    end: int
    until: datetime
    days: list[SimulatedDay]
    workload: list[SimulatedWork]
    reasons: list[SimulatedReason]
    recipients: int
    sent: int
    consent: int
    caps: int
    waiting: int
    refused: int
    failed: int
    rows: list[LedgerEntry]


@dataclass(slots=True)
class Outcome:
    """What a simulation comes to, while it goes on."""

    policy: Policy[Any]
    start: int
    end: int
    ledger: Fold[LedgerEntry] = field(default_factory=lambda: Fold(follow_ups.view, tracking=True))
    failed: list[UUID] = field(default_factory=list)
    days: dict[date, SimulatedDay] = field(default_factory=dict)
    work: Counter[tuple[date, UUID | None]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    home: Calendar = field(default_factory=Calendar)

    def stood(self, happened: Happened) -> None:
        """Something that happened to a promise before the simulation began."""
        self.ledger.apply([happened])
        self.ledger.touched.clear()

    def happened(self, happened: Happened) -> None:
        """Something that happened, or would have happened, to a promise of the policy."""
        self.ledger.apply([happened])

    def decided(self, happened: Happened) -> None:
        """Something that the policy would have decided."""
        event, at = happened
        if at.actor != self.policy.actor:
            return
        if (kind := KINDS.get(type(event))) is not None:
            day = self.home.day(at.occurred_at)
            counts = self.days.setdefault(day, SimulatedDay(day))
            setattr(counts, kind, getattr(counts, kind) + 1)
        if isinstance(event, FollowUpSuppressed | FollowUpCancelled):
            self.reasons[event.reason] += 1
        if isinstance(event, ActivityScheduled):
            day = self.home.day(event.starts_at or event.due_at or at.occurred_at)
            self.work[day, event.staff_id] += 1

    def told(self, until: datetime, refused: int, canonical: Callable[[UUID | None], UUID | None]) -> Simulation:
        """All of it, in the end."""
        rows = sorted(self.ledger.changed(), key=lambda row: (row.trigger_position, row.step, row.follow_up_id))
        for row in rows:
            row.customer_id = canonical(row.customer_id)
        sent = [row for row in rows if row.dispatched_at is not None]
        return Simulation(
            policy=self.policy.name,
            version=self.policy.version,
            start=self.start,
            end=self.end,
            until=until,
            days=[self.days[day] for day in sorted(self.days)],
            workload=[
                SimulatedWork(day, staff_id, count)
                for (day, staff_id), count in sorted(self.work.items(), key=lambda each: (each[0][0], str(each[0][1])))
            ],
            reasons=[SimulatedReason(reason, count) for reason, count in sorted(self.reasons.items())],
            recipients=len({row.customer_id for row in sent}),
            sent=len(sent),
            consent=_how_many(self.reasons, CONSENT),
            caps=_how_many(self.reasons, CAPS),
            waiting=sum(row.status == "SCHEDULED" for row in rows),
            refused=refused,
            failed=len(self.failed),
            rows=rows,
        )


def _how_many(reasons: Counter[str], of: Iterable[str]) -> int:
    return sum(reasons[reason] for reason in of)
