"""The staff: who works for the company, under whom, and what they can do."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from uuid import UUID

from domain.references import StaffId, TerritoryId
from domain.staff import PROFILE, CapacitySet, SkillGranted, StaffAdded, StaffChanged, StaffLeft, StaffRole
from domain.values import empty
from eventstore.envelope import Recorded
from projections.view import Row, View


class StaffSheet(Row, key="staff_id"):
    """Somebody of the company. `skills` are levels from 1 to 5; `capacity` is the points of work that they can have."""

    staff_id: UUID
    name: str | None = None
    email: str | None = None
    user: str | None = None
    role: StaffRole | None = None
    timezone: str | None = None
    languages: tuple[str, ...] = ()
    territory_id: TerritoryId | None = None
    manager_id: StaffId | None = None
    skills: Mapping[str, int] = field(default_factory=empty)
    capacity: int | None = None
    added_at: datetime | None = None
    left_at: datetime | None = None


view = View(
    "staff",
    StaffSheet,
    version=1,
    personal=("name", "email"),
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(role, left_at)", "(territory_id)", "(manager_id)"),
)


@view.on(StaffAdded)
def add(sheet: StaffSheet, added: StaffAdded, at: Recorded) -> None:
    for name in PROFILE:
        setattr(sheet, name, getattr(added, name))
    sheet.added_at = at.occurred_at
    sheet.left_at = None


@view.on(StaffChanged)
def change(sheet: StaffSheet, changed: StaffChanged, at: Recorded) -> None:
    for name in PROFILE:
        if (said := getattr(changed, name)) is not None:
            setattr(sheet, name, said)


@view.on(SkillGranted)
def grant(sheet: StaffSheet, granted: SkillGranted, at: Recorded) -> None:
    levels = {**sheet.skills, granted.skill: granted.level}
    sheet.skills = {skill: level for skill, level in levels.items() if level}


@view.on(CapacitySet)
def set_capacity(sheet: StaffSheet, capacity: CapacitySet, at: Recorded) -> None:
    sheet.capacity = capacity.capacity


@view.on(StaffLeft)
def leave(sheet: StaffSheet, left: StaffLeft, at: Recorded) -> None:
    sheet.left_at = at.occurred_at
