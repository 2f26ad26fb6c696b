"""The campaigns: each with its plan, whom it is for, what it may cost and how far it has come."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.campaign import (
    CampaignCompleted,
    CampaignLaunched,
    CampaignPaused,
    CampaignResumed,
    CampaignStatus,
)
from domain.campaign_plan import CampaignKind, CampaignPlanned, OfferRule, SegmentVersion
from eventstore.envelope import Recorded
from projections.view import Row, View


class CampaignSheet(Row, key="campaign_id"):
    """A campaign. `budget` is in `currency`, and `base_budget` what that is worth in the base currency.

    `code` is what orders and contacts name it by; `control_share` (0 to 0.5) of the members are left alone to compare,
    and an answer counts for `response_days`. `called_off`: it ended before it was launched.
    """

    campaign_id: UUID
    code: str = ""
    title: str = ""
    kind: CampaignKind | None = None
    goal: str | None = None
    status: CampaignStatus = CampaignStatus.UNKNOWN
    budget: Decimal | None = None
    currency: str | None = None
    base_budget: Decimal | None = None
    base_currency: str | None = None
    segments: tuple[UUID, ...] = ()
    exclusions: tuple[UUID, ...] = ()
    offer_rules: tuple[OfferRule, ...] = ()
    segment_versions: tuple[SegmentVersion, ...] = ()
    script: str | None = None
    script_version: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    response_days: int = 0
    control_share: Decimal = Decimal(0)
    planned_at: datetime | None = None
    launched_at: datetime | None = None
    paused_at: datetime | None = None
    completed_at: datetime | None = None
    called_off: bool = False


view = View(
    "campaigns",
    CampaignSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(code)", "(status, starts_at)"),
)


@view.on(CampaignPlanned)
def plan(sheet: CampaignSheet, planned: CampaignPlanned, at: Recorded) -> None:
    budget = planned.budget
    sheet.code = planned.key
    sheet.title = planned.title
    sheet.kind = planned.kind
    sheet.goal = planned.goal
    sheet.status = CampaignStatus.PLANNED
    sheet.budget = None if budget is None else budget.amount
    sheet.currency = None if budget is None else budget.currency
    sheet.base_budget = None if budget is None else budget.base
    sheet.base_currency = None if budget is None else budget.base_currency
    sheet.segments = planned.segments
    sheet.exclusions = planned.exclusions
    sheet.offer_rules = planned.offer_rules
    sheet.script = planned.script
    sheet.script_version = planned.script_version
    sheet.starts_at = planned.starts_at
    sheet.ends_at = planned.ends_at
    sheet.response_days = planned.response_days
    sheet.control_share = planned.control_share
    sheet.planned_at = sheet.planned_at or at.occurred_at


@view.on(CampaignLaunched)
def launch(sheet: CampaignSheet, launched: CampaignLaunched, at: Recorded) -> None:
    sheet.status = CampaignStatus.RUNNING
    sheet.segment_versions = launched.segment_versions
    sheet.launched_at = at.occurred_at


@view.on(CampaignPaused)
def pause(sheet: CampaignSheet, paused: CampaignPaused, at: Recorded) -> None:
    sheet.status = CampaignStatus.PAUSED
    sheet.paused_at = at.occurred_at


@view.on(CampaignResumed)
def resume(sheet: CampaignSheet, resumed: CampaignResumed, at: Recorded) -> None:
    sheet.status = CampaignStatus.RUNNING
    sheet.paused_at = None


@view.on(CampaignCompleted)
def complete(sheet: CampaignSheet, completed: CampaignCompleted, at: Recorded) -> None:
    sheet.status = CampaignStatus.COMPLETED
    sheet.paused_at = None
    sheet.completed_at = at.occurred_at
    sheet.called_off = sheet.launched_at is None
