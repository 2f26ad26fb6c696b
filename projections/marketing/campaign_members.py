"""Campaign members: each customer in each campaign, with whatever was sent, what they did and what is owed to it."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.campaign_member import (
    CampaignAttributed,
    CampaignMessageDispatched,
    CampaignResponded,
    CampaignResponseKind,
    MemberHeldOut,
    MemberOptedOut,
    MemberStatus,
    MemberSuppressed,
    MemberTargeted,
)
from domain.delivery import delivery_id
from domain.values import EXACT, Channel, empty
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View

ZERO = Decimal(0)


class CampaignStepKind(StrEnum):
    """What happened between a campaign and one of its members."""

    TARGETED = "TARGETED"
    HELD_OUT = "HELD_OUT"
    SUPPRESSED = "SUPPRESSED"
    DISPATCHED = "DISPATCHED"
    RESPONDED = "RESPONDED"
    OPTED_OUT = "OPTED_OUT"
    ATTRIBUTED = "ATTRIBUTED"


class CampaignStep(Fact):
    """A step of a member in a campaign; `first` is true once for each member and kind, so that members can be counted.

    `attempt` counts what was sent, and what came of a message is under its `delivery_id`. `weight` (-1 to 1) is by how
    much the share of an order or opportunity that a model owes to the campaign changed: the sum is its last word.
    """

    campaign_id: UUID | None = None
    kind: CampaignStepKind = CampaignStepKind.TARGETED
    first: bool = False
    segment_id: UUID | None = None
    segment_version: int | None = None
    offer_id: UUID | None = None
    reason: str | None = None
    attempt: int | None = None
    channel: Channel | None = None
    delivery_id: UUID | None = None
    response: CampaignResponseKind | None = None
    within_window: bool | None = None
    interaction_id: UUID | None = None
    order_id: UUID | None = None
    opportunity_id: UUID | None = None
    weight: Decimal = ZERO
    model: str | None = None
    model_version: int | None = None


class CampaignMemberSheet(Row, key="member_id"):
    """A customer in a campaign. `responded_at` is the first answer within the days that count, `last_response_at` any.

    `purchased_at` is the first purchase that was recorded as an answer in these days. `credits` is the share of each
    order or opportunity that is owed to the campaign, by `model:id`.
    """

    member_id: UUID
    campaign_id: UUID | None = None
    customer_id: UUID | None = None
    status: MemberStatus = MemberStatus.UNKNOWN
    segment_id: UUID | None = None
    segment_version: int | None = None
    offer_id: UUID | None = None
    reason: str | None = None
    chosen_at: datetime | None = None
    suppressed_at: datetime | None = None
    attempts: int = 0
    channel: Channel | None = None
    dispatched_at: datetime | None = None
    last_dispatched_at: datetime | None = None
    responses: int = 0
    responded_at: datetime | None = None
    last_response_at: datetime | None = None
    response: CampaignResponseKind | None = None
    purchased_at: datetime | None = None
    opted_out_at: datetime | None = None
    attributed_at: datetime | None = None
    credits: Mapping[str, Decimal] = field(default_factory=empty)
    steps: tuple[CampaignStepKind, ...] = ()


campaign_steps = Facts(
    "campaign_steps",
    CampaignStep,
    indexes=("(campaign_id, kind, customer_id)", "(customer_id, occurred_at)", "(occurred_at)", "(order_id)"),
)
view = View(
    "campaign_members",
    CampaignMemberSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(campaign_steps,),
    indexes=("(campaign_id, status)", "(customer_id, chosen_at desc)"),
)


@view.on(MemberTargeted, MemberHeldOut)
def choose(sheet: CampaignMemberSheet, chosen: MemberTargeted | MemberHeldOut, at: Recorded) -> Iterator[CampaignStep]:
    targeted = isinstance(chosen, MemberTargeted)
    _be_of(sheet, chosen.campaign_id, at)
    sheet.status = MemberStatus.TARGETED if targeted else MemberStatus.HELD_OUT
    sheet.segment_id = chosen.segment_id
    sheet.segment_version = chosen.segment_version
    sheet.offer_id = chosen.offer_id if isinstance(chosen, MemberTargeted) else None
    sheet.chosen_at = at.occurred_at
    step = _step(sheet, CampaignStepKind.TARGETED if targeted else CampaignStepKind.HELD_OUT)
    yield step


@view.on(MemberSuppressed)
def suppress(sheet: CampaignMemberSheet, suppressed: MemberSuppressed, at: Recorded) -> Iterator[CampaignStep]:
    _be_of(sheet, suppressed.campaign_id, at)
    sheet.status = MemberStatus.SUPPRESSED
    sheet.reason = suppressed.reason
    sheet.suppressed_at = at.occurred_at
    step = _step(sheet, CampaignStepKind.SUPPRESSED)
    step.reason = suppressed.reason
    yield step


@view.on(CampaignMessageDispatched)
def dispatch(sheet: CampaignMemberSheet, dispatched: CampaignMessageDispatched, at: Recorded) -> Iterator[CampaignStep]:
    _be_of(sheet, dispatched.campaign_id, at)
    sheet.attempts += 1
    sheet.channel = dispatched.channel
    sheet.dispatched_at = sheet.dispatched_at or at.occurred_at
    sheet.last_dispatched_at = at.occurred_at
    step = _step(sheet, CampaignStepKind.DISPATCHED)
    step.attempt = sheet.attempts
    step.channel = dispatched.channel
    step.delivery_id = None if dispatched.message_id is None else delivery_id(dispatched.message_id)
    yield step


@view.on(CampaignResponded)
def respond(sheet: CampaignMemberSheet, responded: CampaignResponded, at: Recorded) -> Iterator[CampaignStep]:
    _be_of(sheet, responded.campaign_id, at)
    sheet.responses += 1
    sheet.last_response_at = at.occurred_at
    if responded.within_window and sheet.responded_at is None:
        sheet.responded_at = at.occurred_at
        sheet.response = responded.kind
    if responded.within_window and responded.kind is CampaignResponseKind.PURCHASE:
        sheet.purchased_at = sheet.purchased_at or at.occurred_at
    step = _step(sheet, CampaignStepKind.RESPONDED)
    step.channel = sheet.channel
    step.attempt = sheet.attempts or None
    step.response = responded.kind
    step.within_window = responded.within_window
    step.interaction_id = responded.interaction_id
    yield step


@view.on(MemberOptedOut)
def opt_out(sheet: CampaignMemberSheet, opted_out: MemberOptedOut, at: Recorded) -> Iterator[CampaignStep]:
    _be_of(sheet, opted_out.campaign_id, at)
    sheet.opted_out_at = at.occurred_at
    yield _step(sheet, CampaignStepKind.OPTED_OUT)


@view.on(CampaignAttributed)
def attribute(sheet: CampaignMemberSheet, attributed: CampaignAttributed, at: Recorded) -> Iterator[CampaignStep]:
    _be_of(sheet, attributed.campaign_id, at)
    sheet.attributed_at = at.occurred_at
    credited = f"{attributed.model}:{attributed.order_id or attributed.opportunity_id}"
    before = sheet.credits.get(credited, ZERO)
    sheet.credits = {**sheet.credits, credited: attributed.weight}
    step = _step(sheet, CampaignStepKind.ATTRIBUTED)
    step.order_id = attributed.order_id
    step.opportunity_id = attributed.opportunity_id
    step.weight = EXACT.subtract(attributed.weight, before)
    step.model = attributed.model
    step.model_version = attributed.model_version
    yield step


def _be_of(sheet: CampaignMemberSheet, campaign_id: UUID, at: Recorded) -> None:
    sheet.campaign_id = campaign_id
    sheet.customer_id = at.customer_id


def _step(sheet: CampaignMemberSheet, kind: CampaignStepKind) -> CampaignStep:
    """A step of the member, which is the first of its kind or not."""
    first = kind not in sheet.steps
    if first:
        sheet.steps = (*sheet.steps, kind)
    return CampaignStep(
        campaign_id=sheet.campaign_id,
        kind=kind,
        first=first,
        segment_id=sheet.segment_id,
        segment_version=sheet.segment_version,
        offer_id=sheet.offer_id,
    )
