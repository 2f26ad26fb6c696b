"""Transitions: every change of an opportunity that a funnel or a waterfall is made of, with how long it took."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between


class OpportunityStatus(StrEnum):
    """What became of an opportunity."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


class TransitionKind(StrEnum):
    """What changed."""

    OPENED = "OPENED"
    STAGE = "STAGE"
    AMOUNT = "AMOUNT"
    CLOSE_DATE = "CLOSE_DATE"
    OWNER = "OWNER"
    WON = "WON"
    LOST = "LOST"
    REOPENED = "REOPENED"


class Transition(Fact):
    """A change of an opportunity, whose id is `owner_id`: how it was before, and how after.

    `amount_before` and `amount_after` are in the base currency, the original ones in `currency`. `dwell_s` is how many
    seconds it had been at the stage that it left by moving, being won or being lost; nothing if it left none.
    """

    kind: TransitionKind = TransitionKind.OPENED
    pipeline: str = ""
    pipeline_version: int = 0
    product: str | None = None
    stage_before: str | None = None
    stage_after: str | None = None
    status_before: OpportunityStatus = OpportunityStatus.UNKNOWN
    status_after: OpportunityStatus = OpportunityStatus.UNKNOWN
    amount_before: Decimal | None = None
    amount_after: Decimal | None = None
    base_currency: str | None = None
    original_before: Decimal | None = None
    original_after: Decimal | None = None
    currency: str | None = None
    close_before: date | None = None
    close_after: date | None = None
    staff_before: UUID | None = None
    staff_after: UUID | None = None
    dwell_s: int | None = None


transitions = Facts(
    "transitions",
    Transition,
    indexes=("(owner_id, position)", "(known_at)", "(occurred_at)", "(customer_id, occurred_at)"),
)

CLOSES = (TransitionKind.WON, TransitionKind.LOST)


class Changing(Protocol):
    """What of an opportunity's sheet changes step by step."""

    pipeline: str
    pipeline_version: int
    product: str | None
    stage: str | None
    stage_since: datetime | None
    status: OpportunityStatus
    base_amount: Decimal | None
    base_currency: str | None
    amount: Decimal | None
    currency: str | None
    close_on: date | None
    staff_id: UUID | None


class Before(NamedTuple):
    """How an opportunity was before an event."""

    stage: str | None
    stage_since: datetime | None
    status: OpportunityStatus
    base_amount: Decimal | None
    amount: Decimal | None
    close_on: date | None
    staff_id: UUID | None


def before(sheet: Changing) -> Before:
    """How it is now, to be held against how it will be."""
    return Before(
        sheet.stage, sheet.stage_since, sheet.status, sheet.base_amount, sheet.amount, sheet.close_on, sheet.staff_id
    )


def changed(kind: TransitionKind, was: Before, sheet: Changing, at: Recorded) -> Transition:
    """What changed. An event that is said to have happened before the one that it follows took no time."""
    dwell_s = None
    left = kind in CLOSES or (kind is TransitionKind.STAGE and was.stage != sheet.stage)
    if left and was.stage_since is not None:
        dwell_s = seconds_between(was.stage_since, at.occurred_at)
    return Transition(
        kind=kind,
        pipeline=sheet.pipeline,
        pipeline_version=sheet.pipeline_version,
        product=sheet.product,
        stage_before=was.stage,
        stage_after=sheet.stage,
        status_before=was.status,
        status_after=sheet.status,
        amount_before=was.base_amount,
        amount_after=sheet.base_amount,
        base_currency=sheet.base_currency,
        original_before=was.amount,
        original_after=sheet.amount,
        currency=sheet.currency,
        close_before=was.close_on,
        close_after=sheet.close_on,
        staff_before=was.staff_id,
        staff_after=sheet.staff_id,
        dwell_s=dwell_s,
    )
