"""Agendas: when the people of the company are busy, and when they are free first, as policies remember it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from domain.activity import (
    ActivityAccepted,
    ActivityCancelled,
    ActivityCompleted,
    ActivityDeclined,
    ActivityMissed,
    ActivityReassigned,
    ActivityRescheduled,
    ActivityScheduled,
    ActivityStarted,
)
from domain.kernel import Event
from domain.values import Period
from eventstore.envelope import Recorded
from processes.company import Company
from processes.policy import Policy
from projections.touchpoints import agenda
from projections.touchpoints.absences import AbsenceEntry
from projections.touchpoints.agenda import OPEN, AgendaEntry, busy, free
from projections.touchpoints.free_slots import both

KEPT_FOR = timedelta(days=90)
"""How long what is over is remembered at least, after it ended."""
MIN_KEPT = 10_000
"""As long as there are not so many entries, all of them are."""


@dataclass(slots=True)
class Agendas:
    """The entries of everybody's agenda, as the view of that name has them; and whose they are, or were once."""

    entries: dict[UUID, AgendaEntry] = field(default_factory=dict)
    whose: dict[UUID, set[UUID]] = field(default_factory=dict)
    clear_at: int = MIN_KEPT

    def of(self, staff_id: UUID) -> Iterator[AgendaEntry]:
        """What somebody has to do."""
        for each in self.whose.get(staff_id, ()):
            if (entry := self.entries.get(each)) is not None and entry.staff_id == staff_id:
                yield entry

    def first_free(
        self, staff_id: UUID, length: timedelta, within: Period, hours: Iterator[Period], company: Company
    ) -> Period | None:
        """The first so long time within a period and these hours in which somebody has nothing to do and is not away."""
        away = [AbsenceEntry(staff_id, staff_id, None, *each) for each in _ends(company.absences_of(staff_id))]
        taken = busy(self.of(staff_id), away, within.start, within.end)
        for stretch in both(free(taken, within.start, within.end), hours):
            if stretch.start + length <= stretch.end:
                return Period(stretch.start, stretch.start + length)
        return None

    def note(self, event: Event, at: Recorded) -> None:
        """What happened to an activity."""
        if isinstance(event, ActivityScheduled):
            if len(self.entries) >= self.clear_at:
                self.clear(at.occurred_at - KEPT_FOR)
            self.entries.setdefault(at.stream_id, AgendaEntry(at.stream_id))
        if (entry := self.entries.get(at.stream_id)) is not None:
            for _, handler in agenda.view.handlers[type(event)]:
                handler(entry, event, at)
            if entry.staff_id is not None:
                self.whose.setdefault(entry.staff_id, set()).add(at.stream_id)

    def clear(self, before: datetime) -> None:
        """Forgets what is over, and has been since before a moment."""
        self.entries = {
            id: each for id, each in self.entries.items()
            if each.status in OPEN or (ended := each.ends_at or each.starts_at or each.due_at) is None or ended >= before
        }  # fmt: skip
        self.whose = {who: kept for who, ids in self.whose.items() if (kept := ids & self.entries.keys())}
        self.clear_at = max(MIN_KEPT, 2 * len(self.entries))


class KnowsAgendas(Protocol):
    """Whatever all memories of a policy share, if agendas are part of it."""

    agendas: Agendas


def learns_agendas(policy: Policy[Any]) -> None:
    """Lets a policy know when people are busy: what its memories share must have `agendas`."""

    @policy.learn(
        ActivityScheduled, ActivityReassigned, ActivityRescheduled, ActivityAccepted, ActivityDeclined, ActivityStarted,
        ActivityCompleted, ActivityCancelled, ActivityMissed,
    )  # fmt: skip
    def entered(shared: KnowsAgendas, event: Event, at: Recorded) -> None:
        shared.agendas.note(event, at)


def _ends(periods: Iterator[Period]) -> Iterator[tuple[datetime, datetime]]:
    return ((each.start, each.end) for each in periods)
