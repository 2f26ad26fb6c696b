"""The objectives: what a figure should come to by a day, for whom, and what was found on the way there."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from domain.objective import (
    ObjectiveAchieved,
    ObjectiveMissed,
    ObjectiveOperator,
    ObjectiveReviewed,
    ObjectiveRevised,
    ObjectiveScope,
    ObjectiveSet,
    ObjectiveStatus,
)
from eventstore.envelope import Recorded
from projections.view import Row, View


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveReview:
    """When an objective was looked at, and what was measured at which position of the log; its words are in the event."""

    reviewed_at: datetime
    review_position: int
    measured: Decimal | None = None
    measured_position: int | None = None


class ObjectiveSheet(Row, key="objective_id"):
    """An objective: the figure `kpi` is to come from `baseline` to `target` between two days, both included.

    `revised` counts how often the target or the last day moved; `first_target` and `first_ends_on` are those of the start.
    """

    objective_id: UUID
    kpi: str = ""
    kpi_version: int = 0
    scope: tuple[ObjectiveScope, ...] = ()
    status: ObjectiveStatus = ObjectiveStatus.UNKNOWN
    operator: ObjectiveOperator | None = None
    baseline: Decimal | None = None
    target: Decimal = Decimal(0)
    first_target: Decimal = Decimal(0)
    unit: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    first_ends_on: date | None = None
    staff_id: UUID | None = None
    measured: Decimal | None = None
    measured_version: int | None = None
    measured_position: int | None = None
    decided_at: datetime | None = None
    revised: int = 0
    reviews: tuple[ObjectiveReview, ...] = ()
    set_at: datetime | None = None


view = View(
    "objectives",
    ObjectiveSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(kpi, ends_on)", "(status, ends_on)", "(staff_id)"),
)


@view.on(ObjectiveSet)
def set_(sheet: ObjectiveSheet, said: ObjectiveSet, at: Recorded) -> None:
    sheet.kpi = said.kpi
    sheet.kpi_version = said.kpi_version
    sheet.scope = said.scope
    sheet.status = ObjectiveStatus.SET
    sheet.operator = said.operator
    sheet.baseline = said.baseline
    sheet.target = sheet.first_target = said.target
    sheet.unit = said.unit
    sheet.starts_on = said.starts_on
    sheet.ends_on = sheet.first_ends_on = said.ends_on
    sheet.staff_id = said.owner
    sheet.set_at = at.occurred_at


@view.on(ObjectiveRevised)
def revise(sheet: ObjectiveSheet, revised: ObjectiveRevised, at: Recorded) -> None:
    sheet.target = sheet.target if revised.target is None else revised.target
    sheet.ends_on = revised.ends_on or sheet.ends_on
    sheet.revised += 1


@view.on(ObjectiveReviewed)
def review(sheet: ObjectiveSheet, reviewed: ObjectiveReviewed, at: Recorded) -> None:
    found = ObjectiveReview(
        reviewed_at=at.occurred_at,
        review_position=at.position,
        measured=reviewed.measured,
        measured_position=reviewed.position,
    )
    sheet.reviews = (*sheet.reviews, found)


@view.on(ObjectiveAchieved, ObjectiveMissed)
def decide(sheet: ObjectiveSheet, result: ObjectiveAchieved | ObjectiveMissed, at: Recorded) -> None:
    sheet.status = ObjectiveStatus.ACHIEVED if isinstance(result, ObjectiveAchieved) else ObjectiveStatus.MISSED
    sheet.measured = result.measured
    sheet.measured_version = result.kpi_version
    sheet.measured_position = result.position
    sheet.decided_at = at.occurred_at
