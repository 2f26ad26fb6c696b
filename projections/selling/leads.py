"""The leads: how far each has come, who sees to it, and for how long it has been waiting to be spoken with."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.lead import (
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
    LeadScored,
    LeadStatus,
)
from domain.references import CustomerId
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View


class LeadStep(StrEnum):
    """What happened to a lead."""

    CAPTURED = "CAPTURED"
    ASSIGNED = "ASSIGNED"
    CONTACTED = "CONTACTED"
    QUALIFIED = "QUALIFIED"
    DISQUALIFIED = "DISQUALIFIED"
    RECYCLED = "RECYCLED"
    CONVERTED = "CONVERTED"


class LeadSheet(Row, key="lead_id"):
    """A lead. Who it is is read from the event at `captured_position` when it is shown.

    It has been `waiting_since` it was given to whoever has it now; that is empty once somebody spoke with it, or nothing
    more is to be done. The first contact came `response_s` seconds after the lead was given to whoever made it.
    """

    lead_id: UUID
    customer_id: UUID | None = None
    status: LeadStatus = LeadStatus.NEW
    score: int | None = None
    score_model: str | None = None
    source: str = ""
    campaign_id: UUID | None = None
    interest: str | None = None
    country: str | None = None
    language: str = ""
    staff_id: UUID | None = None
    assigned_by: str | None = None
    assignments: int = 0
    captured_at: datetime | None = None
    assigned_at: datetime | None = None
    waiting_since: datetime | None = None
    first_contacted_at: datetime | None = None
    contacted_at: datetime | None = None
    contacts: int = 0
    response_s: int | None = None
    qualified_at: datetime | None = None
    disqualified_at: datetime | None = None
    disqualified_because: str | None = None
    recycled_until: datetime | None = None
    converted_at: datetime | None = None
    contact_id: CustomerId | None = None
    opportunity_id: UUID | None = None
    moved_at: datetime | None = None
    captured_position: int = 0


class LeadMove(Fact):
    """A step of a lead, called `owner_id`, with where it stood then.

    It came `dwell_s` seconds after the step before, and `age_s` seconds after the lead was captured.
    """

    step: LeadStep = LeadStep.CAPTURED
    source: str = ""
    campaign_id: UUID | None = None
    country: str | None = None
    score: int | None = None
    staff_id: UUID | None = None
    reason: str | None = None
    opportunity_id: UUID | None = None
    dwell_s: int = 0
    age_s: int = 0


moves = Facts("lead_moves", LeadMove, indexes=("(occurred_at)", "(source, occurred_at)", "(staff_id, occurred_at)"))

view = View(
    "leads",
    LeadSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(moves,),
    history=True,
    indexes=(
        "(status, captured_at desc)", "(staff_id, status)", "(source, status)", "(customer_id)",
        "(waiting_since) where waiting_since is not null",
    ),
)  # fmt: skip


@view.on(LeadCaptured)
def capture(sheet: LeadSheet, captured: LeadCaptured, at: Recorded) -> Iterator[LeadMove]:
    sheet.customer_id = at.customer_id
    sheet.source = captured.source
    sheet.campaign_id = captured.campaign_id
    sheet.interest = captured.interest
    sheet.country = captured.country
    sheet.language = captured.language
    sheet.captured_at = at.occurred_at
    sheet.captured_position = at.position
    yield _move(sheet, LeadStep.CAPTURED, at)


@view.on(LeadScored)
def score(sheet: LeadSheet, scored: LeadScored, at: Recorded) -> None:
    sheet.score = scored.score
    sheet.score_model = scored.model


@view.on(LeadAssigned)
def assign(sheet: LeadSheet, assigned: LeadAssigned, at: Recorded) -> Iterator[LeadMove]:
    sheet.staff_id = assigned.staff_id
    sheet.assigned_by = assigned.rule
    sheet.assignments += 1
    sheet.assigned_at = at.occurred_at
    if sheet.contacted_at is None:
        sheet.waiting_since = at.occurred_at
    yield _move(sheet, LeadStep.ASSIGNED, at)


@view.on(LeadContacted)
def contact(sheet: LeadSheet, contacted: LeadContacted, at: Recorded) -> Iterator[LeadMove]:
    if sheet.first_contacted_at is None:
        sheet.first_contacted_at = at.occurred_at
        if sheet.assigned_at is not None:
            sheet.response_s = seconds_between(sheet.assigned_at, at.occurred_at)
    sheet.contacted_at = at.occurred_at
    sheet.waiting_since = None
    sheet.contacts += 1
    yield _move(sheet, LeadStep.CONTACTED, at)


@view.on(LeadQualified)
def qualify(sheet: LeadSheet, qualified: LeadQualified, at: Recorded) -> Iterator[LeadMove]:
    sheet.status = LeadStatus.QUALIFIED
    sheet.qualified_at = at.occurred_at
    yield _move(sheet, LeadStep.QUALIFIED, at)


@view.on(LeadDisqualified)
def disqualify(sheet: LeadSheet, disqualified: LeadDisqualified, at: Recorded) -> Iterator[LeadMove]:
    sheet.status = LeadStatus.DISQUALIFIED
    sheet.disqualified_at = at.occurred_at
    sheet.disqualified_because = disqualified.reason
    sheet.waiting_since = None
    yield _move(sheet, LeadStep.DISQUALIFIED, at, disqualified.reason)


@view.on(LeadRecycled)
def recycle(sheet: LeadSheet, recycled: LeadRecycled, at: Recorded) -> Iterator[LeadMove]:
    sheet.status = LeadStatus.RECYCLED
    sheet.recycled_until = recycled.until
    sheet.contacted_at = None
    sheet.waiting_since = None
    yield _move(sheet, LeadStep.RECYCLED, at)


@view.on(LeadConverted)
def convert(sheet: LeadSheet, converted: LeadConverted, at: Recorded) -> Iterator[LeadMove]:
    sheet.customer_id = at.customer_id
    sheet.status = LeadStatus.CONVERTED
    sheet.converted_at = at.occurred_at
    sheet.contact_id = converted.contact_id
    sheet.opportunity_id = converted.opportunity_id
    sheet.waiting_since = None
    yield _move(sheet, LeadStep.CONVERTED, at)


def _move(sheet: LeadSheet, step: LeadStep, at: Recorded, reason: str | None = None) -> LeadMove:
    since, sheet.moved_at = sheet.moved_at, at.occurred_at
    return LeadMove(
        step=step,
        source=sheet.source,
        campaign_id=sheet.campaign_id,
        country=sheet.country,
        score=sheet.score,
        staff_id=sheet.staff_id,
        reason=reason,
        opportunity_id=sheet.opportunity_id,
        dwell_s=seconds_between(since, at.occurred_at),
        age_s=seconds_between(sheet.captured_at, at.occurred_at),
    )
