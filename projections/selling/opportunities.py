"""The opportunities: each with its stage, its worth and how it ended."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from domain.deal import (
    CompetitorNoted,
    ForecastCategory,
    ForecastCategorySet,
    NextStepSet,
    OpportunityCloseDateMoved,
    OpportunityLineAdded,
    OpportunityLineRemoved,
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
from domain.values import Money, empty
from eventstore.envelope import Recorded
from projections.selling.transitions import OpportunityStatus, Transition, TransitionKind, before, changed, transitions
from projections.view import Row, View

FIRST_STAGE = ""
"""How the first stage is called in `passed` where no event named it."""


class OpportunitySheet(Row, key="opportunity_id"):
    """An opportunity. `stage` empty is the first; `probability` empty is that of the stage; `overridden` comes before both.

    `amount` is in `currency`, and what it is worth in the base currency is `base_amount`. `competitor` is the last named.
    `passed` are the stages at which it has been, each once; `lines` say which goods each line is about, `skus` which goods.
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
    lines: Mapping[str, str] = field(default_factory=empty)
    skus: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    competitor: str | None = None
    lost_because: str | None = None
    next_step_due_at: datetime | None = None
    opened_at: datetime | None = None
    won_at: datetime | None = None
    lost_at: datetime | None = None
    reopened: int = 0
    opened_position: int = 0


view = View(
    "opportunities",
    OpportunitySheet,
    version=2,
    history=True,
    facts=(transitions,),
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=(
        "(customer_id, opened_at desc)",
        "(staff_id, status)",
        "(pipeline, status, stage)",
        "(status, close_on)",
        "(base_currency)",
    ),
)


@view.on(OpportunityOpened)
def open_(sheet: OpportunitySheet, opened: OpportunityOpened, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
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
    sheet.opened_position = at.position
    sheet.passed = (opened.stage or FIRST_STAGE,)
    _be_worth(sheet, opened.amount)
    yield changed(TransitionKind.OPENED, was, sheet, at)


@view.on(OpportunityCustomerIdentified)
def identify(sheet: OpportunitySheet, identified: OpportunityCustomerIdentified, at: Recorded) -> None:
    sheet.customer_id = at.customer_id


@view.on(OpportunityAssigned)
def assign(sheet: OpportunitySheet, assigned: OpportunityAssigned, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    sheet.staff_id = assigned.staff_id
    yield changed(TransitionKind.OWNER, was, sheet, at)


@view.on(OpportunityStageChanged)
def move(sheet: OpportunitySheet, moved: OpportunityStageChanged, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    sheet.pipeline_version = moved.pipeline_version
    _enter(sheet, moved.stage, moved.probability, at)
    yield changed(TransitionKind.STAGE, was, sheet, at)


@view.on(OpportunityAmountRevised)
def revise(sheet: OpportunitySheet, revised: OpportunityAmountRevised, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    _be_worth(sheet, revised.amount)
    yield changed(TransitionKind.AMOUNT, was, sheet, at)


@view.on(OpportunityCloseDateMoved)
def move_close(sheet: OpportunitySheet, moved: OpportunityCloseDateMoved, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    sheet.close_on = moved.close_on
    yield changed(TransitionKind.CLOSE_DATE, was, sheet, at)


@view.on(OpportunityProbabilityOverridden)
def override(sheet: OpportunitySheet, overridden: OpportunityProbabilityOverridden, at: Recorded) -> None:
    sheet.overridden = overridden.probability


@view.on(ForecastCategorySet)
def categorise(sheet: OpportunitySheet, categorised: ForecastCategorySet, at: Recorded) -> None:
    sheet.forecast_category = categorised.category


@view.on(OpportunityLineAdded)
def add_line(sheet: OpportunitySheet, added: OpportunityLineAdded, at: Recorded) -> None:
    _be_about(sheet, {**sheet.lines, added.line_id: added.sku})


@view.on(OpportunityLineRemoved)
def remove_line(sheet: OpportunitySheet, removed: OpportunityLineRemoved, at: Recorded) -> None:
    _be_about(sheet, {line_id: sku for line_id, sku in sheet.lines.items() if line_id != removed.line_id})


@view.on(CompetitorNoted)
def compete(sheet: OpportunitySheet, noted: CompetitorNoted, at: Recorded) -> None:
    sheet.competitor = noted.competitor


@view.on(NextStepSet)
def plan(sheet: OpportunitySheet, planned: NextStepSet, at: Recorded) -> None:
    sheet.next_step_due_at = planned.due_at


@view.on(OpportunityWon)
def win(sheet: OpportunitySheet, won: OpportunityWon, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    sheet.status = OpportunityStatus.WON
    sheet.won_at = at.occurred_at
    sheet.order_id = won.order_id
    _be_worth(sheet, won.amount)
    yield changed(TransitionKind.WON, was, sheet, at)


@view.on(OpportunityLost)
def lose(sheet: OpportunitySheet, lost: OpportunityLost, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    sheet.status = OpportunityStatus.LOST
    sheet.lost_at = at.occurred_at
    sheet.lost_because = lost.reason
    sheet.competitor = lost.competitor or sheet.competitor
    yield changed(TransitionKind.LOST, was, sheet, at)


@view.on(OpportunityReopened)
def reopen(sheet: OpportunitySheet, reopened: OpportunityReopened, at: Recorded) -> Iterator[Transition]:
    was = before(sheet)
    sheet.status = OpportunityStatus.OPEN
    sheet.won_at = None
    sheet.lost_at = None
    sheet.lost_because = None
    sheet.order_id = None
    sheet.reopened += 1
    sheet.stage_since = at.occurred_at
    if reopened.stage != sheet.stage:
        _enter(sheet, reopened.stage, None, at)
    yield changed(TransitionKind.REOPENED, was, sheet, at)


def _enter(sheet: OpportunitySheet, stage: str | None, probability: Decimal | None, at: Recorded) -> None:
    """At another stage a probability that was said of the one before does not hold."""
    if stage != sheet.stage:
        sheet.stage = stage
        sheet.stage_since = at.occurred_at
        name = stage or FIRST_STAGE
        sheet.passed = sheet.passed if name in sheet.passed else (*sheet.passed, name)
    sheet.probability = probability
    sheet.overridden = None


def _be_worth(sheet: OpportunitySheet, amount: Money | None) -> None:
    sheet.amount = None if amount is None else amount.amount
    sheet.base_amount = None if amount is None else amount.base
    if amount is not None:
        sheet.currency = amount.currency
        sheet.base_currency = amount.base_currency


def _be_about(sheet: OpportunitySheet, lines: Mapping[str, str]) -> None:
    sheet.lines = lines
    sheet.skus = tuple(sorted(set(lines.values())))
