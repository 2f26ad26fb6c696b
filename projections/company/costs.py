"""The costs: what was spent, on what and for which days, and by which rule it is shared out."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from domain.cost import CostCategory, CostRecorded
from domain.values import EXACT
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View

ZERO = Decimal(0)


class CostEntry(Fact):
    """By how much a cost changed: all of it when it is first recorded, the difference when it is corrected.

    `amount` is in the base currency, for the days from `period_from` to `period_to`, both included.
    """

    amount: Decimal = ZERO
    base_currency: str = ""
    category: CostCategory = CostCategory.OTHER
    period_from: date = date.min
    period_to: date = date.min
    allocation: str | None = None
    campaign_id: UUID | None = None
    staff_id: UUID | None = None
    territory_id: UUID | None = None


class CostSheet(Row, key="cost_id"):
    """A cost as it was recorded last; `corrections` counts how often it was recorded again."""

    cost_id: UUID
    category: CostCategory | None = None
    amount: Decimal = ZERO
    currency: str | None = None
    base_amount: Decimal = ZERO
    base_currency: str | None = None
    period_from: date | None = None
    period_to: date | None = None
    allocation: str | None = None
    campaign_id: UUID | None = None
    staff_id: UUID | None = None
    territory_id: UUID | None = None
    recorded_at: datetime | None = None
    corrections: int = -1


costs = Facts("costs", CostEntry, indexes=("(period_from, period_to)", "(campaign_id)", "(occurred_at)"))
view = View(
    "cost_sheets",
    CostSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(costs,),
    indexes=("(period_from, period_to)", "(campaign_id)", "(category, period_from)"),
)


@view.on(CostRecorded)
def record(sheet: CostSheet, recorded: CostRecorded, at: Recorded) -> Iterator[CostEntry]:
    spent = recorded.amount
    if sheet.base_currency not in (None, spent.base_currency):
        yield _entry(sheet, recorded, -sheet.base_amount, sheet.base_currency)
        sheet.base_amount = ZERO
    yield _entry(sheet, recorded, EXACT.subtract(spent.base, sheet.base_amount), spent.base_currency)
    sheet.category = recorded.category
    sheet.amount = spent.amount
    sheet.currency = spent.currency
    sheet.base_amount = spent.base
    sheet.base_currency = spent.base_currency
    sheet.period_from = recorded.period_from
    sheet.period_to = recorded.period_to
    sheet.allocation = recorded.allocation
    sheet.campaign_id = recorded.campaign_id
    sheet.staff_id = recorded.staff_id
    sheet.territory_id = recorded.territory_id
    sheet.recorded_at = sheet.recorded_at or at.occurred_at
    sheet.corrections += 1


def _entry(sheet: CostSheet, recorded: CostRecorded, amount: Decimal, base_currency: str | None) -> CostEntry:
    return CostEntry(
        amount=amount,
        base_currency=base_currency or "",
        category=recorded.category,
        period_from=recorded.period_from,
        period_to=recorded.period_to,
        allocation=recorded.allocation,
        campaign_id=recorded.campaign_id,
        staff_id=recorded.staff_id,
        territory_id=recorded.territory_id,
    )
