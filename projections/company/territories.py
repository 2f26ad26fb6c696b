"""The territories: which customers belong together, and who answers for them."""

from dataclasses import field
from datetime import datetime
from uuid import UUID

from domain.references import StaffId, TerritoryId
from domain.territory import TerritoryAssigned, TerritoryDefined, TerritoryRule
from eventstore.envelope import Recorded
from projections.view import Row, View


class TerritorySheet(Row, key="territory_id"):
    """A territory as its last version has it; `staff_id` answers for it since `assigned_at`."""

    territory_id: UUID
    code: str = ""
    name: str = ""
    version: int = 0
    rule: TerritoryRule = field(default_factory=TerritoryRule)
    parent_id: TerritoryId | None = None
    staff_id: StaffId | None = None
    assigned_at: datetime | None = None


view = View(
    "territories",
    TerritorySheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(code)", "(staff_id)", "(parent_id)"),
)


@view.on(TerritoryDefined)
def define(sheet: TerritorySheet, defined: TerritoryDefined, at: Recorded) -> None:
    sheet.code = defined.key
    sheet.name = defined.name
    sheet.version = defined.version
    sheet.rule = defined.rule
    sheet.parent_id = defined.parent_id


@view.on(TerritoryAssigned)
def assign(sheet: TerritorySheet, assigned: TerritoryAssigned, at: Recorded) -> None:
    sheet.staff_id = assigned.staff_id
    sheet.assigned_at = at.occurred_at
