"""The absences: when somebody of the company is away, and what was taken back."""

from datetime import datetime
from uuid import UUID

from domain.absence import AbsenceCancelled, AbsenceKind, AbsencePlanned
from eventstore.envelope import Recorded
from projections.view import Row, View


class AbsenceEntry(Row, key="absence_id"):
    """An absence, from `starts_at` up to, and not including, `ends_at`; `planned` counts how often it was said."""

    absence_id: UUID
    staff_id: UUID | None = None
    kind: AbsenceKind | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cancelled: bool = False
    planned: int = 0
    changed_at: datetime | None = None


view = View(
    "absences",
    AbsenceEntry,
    version=2,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(staff_id, starts_at)",),
)


@view.on(AbsencePlanned)
def plan(entry: AbsenceEntry, planned: AbsencePlanned, at: Recorded) -> None:
    entry.staff_id = planned.staff_id
    entry.kind = planned.kind
    entry.starts_at = planned.starts_at
    entry.ends_at = planned.ends_at
    entry.cancelled = False
    entry.planned += 1
    entry.changed_at = at.recorded_at


@view.on(AbsenceCancelled)
def cancel(entry: AbsenceEntry, cancelled: AbsenceCancelled, at: Recorded) -> None:
    entry.cancelled = True
    entry.changed_at = at.recorded_at
