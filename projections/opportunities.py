"""The opportunities: each with its stage, its worth and how it ended."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.deal import (
    CompetitorNoted,
    ForecastCategory,
    ForecastCategorySet,
    NextStepSet,
    OpportunityCloseDateMoved,
    OpportunityProbabilityOverridden,
)
from domain.opportunity import (
    OpportunityAmountRevised,
    OpportunityAssigned,
    OpportunityCustomerIdentified,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
)
from domain.values import Money
from eventstore.envelope import Recorded
from projections.view import Row, View


class OpportunityStatus(StrEnum):
    """What became of an opportunity."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


class OpportunitySheet(Row, key="opportunity_id"):
    """An opportunity. `stage` empty is the first; `probability` empty is that of the stage; `overridden` comes before both.

    `amount` is in `currency`, and what it is worth in the base currency is `base_amount`. `competitor` is the last named.
    """

    opportunity_id: UUID
    customer_id: UUID | None = None
    pipeline: str = ""
    pipeline_version: int = 0
    stage: str | None = None
    stage_since: datetime | None = None
    status: OpportunityStatus = OpportunityStatus.UNKNOWN
    amount: Decimal | None = None
    currency: str | None = None
    base_amount: Decimal | None = None
    base_currency: str | None = None
    probability: Decimal | None = None
    overridden: Decimal | None = None
    forecast_category: ForecastCategory | None = None
    close_on: date | None = None
    staff_id: UUID | None = None
    source: str | None = None
    campaign_id: UUID | None = None
    lead_id: UUID | None = None
    order_id: UUID | None = None
    product: str | None = None
    competitor: str | None = None
    lost_because: str | None = None
    next_step_due_at: datetime | None = None
    opened_at: datetime | None = None
    won_at: datetime | None = None
    lost_at: datetime | None = None
    reopened: int = 0


view = View(
    "opportunities",
    OpportunitySheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(customer_id, opened_at desc)", "(staff_id, status)", "(pipeline, status, stage)", "(status, close_on)"),
)


@view.on(OpportunityOpened)
def open_(sheet: OpportunitySheet, opened: OpportunityOpened, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.status = OpportunityStatus.OPEN
    sheet.pipeline = opened.pipeline
    sheet.pipeline_version = opened.pipeline_version
    sheet.stage = opened.stage
    sheet.stage_since = at.occurred_at
    sheet.probability = opened.probability
    sheet.close_on = opened.close_on
    sheet.staff_id = opened.staff_id
    sheet.source = opened.source
    sheet.campaign_id = opened.campaign_id
    sheet.lead_id = opened.lead_id
    sheet.product = opened.product
    sheet.currency = opened.currency
    sheet.base_currency = opened.base_currency or opened.currency
    sheet.opened_at = at.occurred_at
    _be_worth(sheet, opened.amount)


@view.on(OpportunityCustomerIdentified)
def identify(sheet: OpportunitySheet, identified: OpportunityCustomerIdentified, at: Recorded) -> None:
    sheet.customer_id = at.customer_id


@view.on(OpportunityAssigned)
def assign(sheet: OpportunitySheet, assigned: OpportunityAssigned, at: Recorded) -> None:
    sheet.staff_id = assigned.staff_id


@view.on(OpportunityStageChanged)
def move(sheet: OpportunitySheet, moved: OpportunityStageChanged, at: Recorded) -> None:
    sheet.pipeline_version = moved.pipeline_version
    _enter(sheet, moved.stage, moved.probability, at)


@view.on(OpportunityAmountRevised)
def revise(sheet: OpportunitySheet, revised: OpportunityAmountRevised, at: Recorded) -> None:
    _be_worth(sheet, revised.amount)


@view.on(OpportunityCloseDateMoved)
def move_close(sheet: OpportunitySheet, moved: OpportunityCloseDateMoved, at: Recorded) -> None:
    sheet.close_on = moved.close_on


@view.on(OpportunityProbabilityOverridden)
def override(sheet: OpportunitySheet, overridden: OpportunityProbabilityOverridden, at: Recorded) -> None:
    sheet.overridden = overridden.probability


@view.on(ForecastCategorySet)
def categorise(sheet: OpportunitySheet, categorised: ForecastCategorySet, at: Recorded) -> None:
    sheet.forecast_category = categorised.category


@view.on(CompetitorNoted)
def compete(sheet: OpportunitySheet, noted: CompetitorNoted, at: Recorded) -> None:
    sheet.competitor = noted.competitor


@view.on(NextStepSet)
def plan(sheet: OpportunitySheet, planned: NextStepSet, at: Recorded) -> None:
    sheet.next_step_due_at = planned.due_at


@view.on(OpportunityWon)
def win(sheet: OpportunitySheet, won: OpportunityWon, at: Recorded) -> None:
    sheet.status = OpportunityStatus.WON
    sheet.won_at = at.occurred_at
    sheet.order_id = won.order_id
    _be_worth(sheet, won.amount)


@view.on(OpportunityLost)
def lose(sheet: OpportunitySheet, lost: OpportunityLost, at: Recorded) -> None:
    sheet.status = OpportunityStatus.LOST
    sheet.lost_at = at.occurred_at
    sheet.lost_because = lost.reason
    sheet.competitor = lost.competitor or sheet.competitor


@view.on(OpportunityReopened)
def reopen(sheet: OpportunitySheet, reopened: OpportunityReopened, at: Recorded) -> None:
    sheet.status = OpportunityStatus.OPEN
    sheet.won_at = None
    sheet.lost_at = None
    sheet.lost_because = None
    sheet.order_id = None
    sheet.reopened += 1
    if reopened.stage != sheet.stage:
        _enter(sheet, reopened.stage, None, at)


def _enter(sheet: OpportunitySheet, stage: str | None, probability: Decimal | None, at: Recorded) -> None:
    """At another stage a probability that was said of the one before does not hold."""
    if stage != sheet.stage:
        sheet.stage = stage
        sheet.stage_since = at.occurred_at
    sheet.probability = probability
    sheet.overridden = None


def _be_worth(sheet: OpportunitySheet, amount: Money | None) -> None:
    sheet.amount = None if amount is None else amount.amount
    sheet.base_amount = None if amount is None else amount.base
    if amount is not None:
        sheet.currency = amount.currency
        sheet.base_currency = amount.base_currency
