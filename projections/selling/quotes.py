"""The quotes: what customers were offered, until when, and what they said to it."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.quote import (
    QuoteAccepted,
    QuoteDrafted,
    QuoteExpired,
    QuoteIssued,
    QuoteRejected,
    QuoteRequested,
    QuoteRevised,
    QuoteStatus,
    QuoteViewed,
)
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.takings import ZERO
from projections.view import Row, View


class QuoteStep(StrEnum):
    """What happened to a quote."""

    REQUESTED = "REQUESTED"
    DRAFTED = "DRAFTED"
    ISSUED = "ISSUED"
    VIEWED = "VIEWED"
    REVISED = "REVISED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"


class QuoteSheet(Row, key="quote_id"):
    """A quote as its last version has it; the lines are read from the event at `lines_position` when they are shown.

    `total` is what it comes to after every discount, and `discounts` what they take off, in `currency`; `discount` is the
    share that is taken off the whole. From the first word on it to the answer it took `cycle_s` seconds.
    """

    quote_id: UUID
    customer_id: UUID | None = None
    status: QuoteStatus = QuoteStatus.UNKNOWN
    number: str | None = None
    version: int = 0
    currency: str | None = None
    total: Decimal = ZERO
    discount: Decimal = ZERO
    discounts: Decimal = ZERO
    base_currency: str | None = None
    base_total: Decimal = ZERO
    base_discounts: Decimal = ZERO
    line_count: int = 0
    opportunity_id: UUID | None = None
    asked_at: datetime | None = None
    drafted_at: datetime | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    viewed_at: datetime | None = None
    answered_at: datetime | None = None
    rejected_because: str | None = None
    cycle_s: int | None = None
    moved_at: datetime | None = None
    lines_position: int = 0


class QuoteMove(Fact):
    """A step of a quote, called `owner_id`, with what it came to then, in the base currency.

    It came `dwell_s` seconds after the step before, and `age_s` seconds after the first.
    """

    step: QuoteStep = QuoteStep.REQUESTED
    version: int = 0
    base_currency: str | None = None
    base_total: Decimal = ZERO
    base_discounts: Decimal = ZERO
    reason: str | None = None
    opportunity_id: UUID | None = None
    dwell_s: int = 0
    age_s: int = 0


moves = Facts("quote_moves", QuoteMove, indexes=("(occurred_at)", "(step, occurred_at)"))

view = View(
    "quotes",
    QuoteSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(moves,),
    history=True,
    indexes=("(customer_id, issued_at desc)", "(status, expires_at)", "(opportunity_id)", "(issued_at)"),
)


@view.on(QuoteRequested)
def request(sheet: QuoteSheet, requested: QuoteRequested, at: Recorded) -> Iterator[QuoteMove]:
    sheet.customer_id = at.customer_id
    sheet.status = QuoteStatus.REQUESTED
    sheet.asked_at = at.occurred_at
    yield _move(sheet, QuoteStep.REQUESTED, at)


@view.on(QuoteDrafted)
def draft(sheet: QuoteSheet, drafted: QuoteDrafted, at: Recorded) -> Iterator[QuoteMove]:
    sheet.customer_id = at.customer_id
    sheet.asked_at = sheet.asked_at or at.occurred_at
    sheet.drafted_at = at.occurred_at
    sheet.opportunity_id = drafted.opportunity_id
    _word(sheet, drafted, at)
    yield _move(sheet, QuoteStep.DRAFTED, at)


@view.on(QuoteRevised)
def revise(sheet: QuoteSheet, revised: QuoteRevised, at: Recorded) -> Iterator[QuoteMove]:
    _word(sheet, revised, at)
    sheet.issued_at = sheet.expires_at = sheet.viewed_at = sheet.answered_at = sheet.cycle_s = None
    sheet.rejected_because = None
    yield _move(sheet, QuoteStep.REVISED, at)


@view.on(QuoteIssued)
def issue(sheet: QuoteSheet, issued: QuoteIssued, at: Recorded) -> Iterator[QuoteMove]:
    sheet.status = QuoteStatus.ISSUED
    sheet.number = issued.number or sheet.number
    sheet.total, sheet.base_total = issued.total.amount, issued.total.base
    sheet.issued_at = at.occurred_at
    sheet.expires_at = issued.valid_until
    yield _move(sheet, QuoteStep.ISSUED, at)


@view.on(QuoteViewed)
def look(sheet: QuoteSheet, viewed: QuoteViewed, at: Recorded) -> Iterator[QuoteMove]:
    sheet.viewed_at = at.occurred_at
    yield _move(sheet, QuoteStep.VIEWED, at)


@view.on(QuoteAccepted)
def accept(sheet: QuoteSheet, accepted: QuoteAccepted, at: Recorded) -> Iterator[QuoteMove]:
    yield _answer(sheet, QuoteStatus.ACCEPTED, at)


@view.on(QuoteRejected)
def reject(sheet: QuoteSheet, rejected: QuoteRejected, at: Recorded) -> Iterator[QuoteMove]:
    sheet.rejected_because = rejected.reason
    yield _answer(sheet, QuoteStatus.WITHDRAWN if rejected.by_us else QuoteStatus.REJECTED, at, rejected.reason)


@view.on(QuoteExpired)
def expire(sheet: QuoteSheet, expired: QuoteExpired, at: Recorded) -> Iterator[QuoteMove]:
    yield _answer(sheet, QuoteStatus.EXPIRED, at)


def _word(sheet: QuoteSheet, said: QuoteDrafted | QuoteRevised, at: Recorded) -> None:
    sheet.status = QuoteStatus.DRAFT
    sheet.version = said.version
    sheet.currency, sheet.base_currency = said.total.currency, said.total.base_currency
    sheet.total, sheet.base_total = said.total.amount, said.total.base
    sheet.discount = said.discount
    sheet.discounts, sheet.base_discounts = said.discounts.amount, said.discounts.base
    sheet.line_count = len(said.lines)
    sheet.lines_position = at.position


def _answer(sheet: QuoteSheet, status: QuoteStatus, at: Recorded, reason: str | None = None) -> QuoteMove:
    sheet.status = status
    sheet.answered_at = at.occurred_at
    sheet.cycle_s = seconds_between(sheet.asked_at, at.occurred_at)
    return _move(sheet, QuoteStep(status.value), at, reason)


def _move(sheet: QuoteSheet, step: QuoteStep, at: Recorded, reason: str | None = None) -> QuoteMove:
    since, sheet.moved_at = sheet.moved_at, at.occurred_at
    return QuoteMove(
        step=step,
        version=sheet.version,
        base_currency=sheet.base_currency,
        base_total=sheet.base_total,
        base_discounts=sheet.base_discounts,
        reason=reason,
        opportunity_id=sheet.opportunity_id,
        dwell_s=seconds_between(since, at.occurred_at),
        age_s=seconds_between(sheet.asked_at, at.occurred_at),
    )
