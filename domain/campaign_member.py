"""Campaign members: who was addressed by a campaign or left alone to compare, what they did, and what came of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.references import CampaignId, CustomerId, InteractionId, OfferId, OpportunityId, OrderId, SegmentId
from domain.values import Channel, empty, must_be_share, must_be_within, must_say

MAX_MESSAGES = 200
MAX_RESPONSES = 100
MAX_ATTRIBUTIONS = 500
MAX_VERSION = 2**31 - 1


class CampaignResponseKind(StrEnum):
    """What a member did because of a campaign."""

    CLICK = "CLICK"
    REPLY = "REPLY"
    CALL = "CALL"
    VISIT = "VISIT"
    REGISTERED = "REGISTERED"
    PURCHASE = "PURCHASE"


class MemberStatus(StrEnum):
    """What a customer is in a campaign; SUPPRESSED is one whom nothing may be sent to."""

    UNKNOWN = "UNKNOWN"
    TARGETED = "TARGETED"
    HELD_OUT = "HELD_OUT"
    SUPPRESSED = "SUPPRESSED"


# What can be asked.


class TargetMember(Command):
    """Choose a customer for a campaign, because of which segment and with which offer."""

    campaign_id: CampaignId
    customer_id: CustomerId
    segment_id: SegmentId | None = None
    segment_version: int | None = None
    offer_id: OfferId | None = None


class HoldOutMember(Command):
    """Leave a customer alone, to compare those who are addressed with them."""

    campaign_id: CampaignId
    customer_id: CustomerId
    segment_id: SegmentId | None = None
    segment_version: int | None = None


class SuppressMember(Command):
    """Send a customer nothing of this campaign, chosen before or not; `reason` is a code such as NO_CONSENT or CAPPED."""

    campaign_id: CampaignId
    customer_id: CustomerId
    reason: str


class DispatchCampaignMessage(Command):
    """Note that a message of the campaign is sent to a member; `message_id` tells one from another by the same channel."""

    campaign_id: CampaignId
    customer_id: CustomerId
    channel: Channel
    message_id: str | None = None


class RecordCampaignResponse(Command):
    """Note what a member did, addressed or held out; `response_ref` is what it is known by, and makes it count once."""

    campaign_id: CampaignId
    customer_id: CustomerId
    kind: CampaignResponseKind
    response_ref: str
    within_window: bool = True
    interaction_id: InteractionId | None = None


class OptOutMember(Command):
    """Note that a member wants to hear no more of this campaign; the consent for all others is said by itself."""

    campaign_id: CampaignId
    customer_id: CustomerId


class AttributeToCampaign(Command):
    """Say which share (`weight`, 0 to 1) of an order or an opportunity is owed to the campaign, by which model."""

    campaign_id: CampaignId
    customer_id: CustomerId
    order_id: OrderId | None = None
    opportunity_id: OpportunityId | None = None
    weight: Decimal
    model: str
    model_version: int


# What can have happened.


class MemberTargeted(Event, stored_as="campaign_member.targeted.v1"):
    """The customer was chosen for the campaign."""

    campaign_id: CampaignId
    customer_id: CustomerId
    segment_id: SegmentId | None = None
    segment_version: int | None = None
    offer_id: OfferId | None = None


class MemberHeldOut(Event, stored_as="campaign_member.held-out.v1"):
    """The customer was left alone, to compare."""

    campaign_id: CampaignId
    customer_id: CustomerId
    segment_id: SegmentId | None = None
    segment_version: int | None = None


class MemberSuppressed(Event, stored_as="campaign_member.suppressed.v1"):
    """Nothing of the campaign may be sent to the customer; `reason` is a code."""

    campaign_id: CampaignId
    customer_id: CustomerId
    reason: str


class CampaignMessageDispatched(Event, stored_as="campaign_member.message-dispatched.v1"):
    """A message of the campaign was sent to the member."""

    campaign_id: CampaignId
    channel: Channel
    message_id: str | None = None


class CampaignResponded(Event, stored_as="campaign_member.responded.v1"):
    """The member did something because of the campaign; `within_window` says whether in the days that count."""

    campaign_id: CampaignId
    kind: CampaignResponseKind
    response_ref: str
    within_window: bool
    interaction_id: InteractionId | None = None


class MemberOptedOut(Event, stored_as="campaign_member.opted-out.v1"):
    """The member wants to hear no more of this campaign."""

    campaign_id: CampaignId


class CampaignAttributed(Event, stored_as="campaign_member.attributed.v1"):
    """A share of an order or an opportunity is owed to the campaign; by the same model the last word counts."""

    campaign_id: CampaignId
    order_id: OrderId | None = None
    opportunity_id: OpportunityId | None = None
    weight: Decimal
    model: str
    model_version: int


# What must be remembered in order to decide.

Credited = tuple[UUID | None, UUID | None, str]


@dataclass(frozen=True, slots=True)
class CampaignMember:
    """`chosen` is how the customer came to be a member; `credits` is the last word on an order or opportunity by model."""

    status: MemberStatus = MemberStatus.UNKNOWN
    customer_id: UUID | None = None
    chosen: MemberTargeted | MemberHeldOut | None = None
    opted_out: bool = False
    messages: frozenset[tuple[Channel, str | None]] = frozenset()
    responses: Mapping[str, CampaignResponded] = field(default_factory=empty)
    credits: Mapping[Credited, CampaignAttributed] = field(default_factory=empty)
    attributions: int = 0


Asked = (
    TargetMember
    | HoldOutMember
    | SuppressMember
    | DispatchCampaignMessage
    | RecordCampaignResponse
    | OptOutMember
    | AttributeToCampaign
)
Happened = (
    MemberTargeted
    | MemberHeldOut
    | MemberSuppressed
    | CampaignMessageDispatched
    | CampaignResponded
    | MemberOptedOut
    | CampaignAttributed
)


def decide(asked: Asked, member: CampaignMember) -> Iterator[Event]:
    match asked:
        case TargetMember() | HoldOutMember():
            yield from choose(asked, member)
        case SuppressMember(reason=reason):
            must_say(reason, "The reason", "reason")
            if member.status is not MemberStatus.SUPPRESSED:
                yield as_asked(MemberSuppressed, asked)
        case _ if member.status is MemberStatus.UNKNOWN:
            raise Refused("This customer is not a member of this campaign yet.", "customer_id")
        case DispatchCampaignMessage(channel=channel, message_id=message_id):
            must_say(message_id, "The id of the message", "message_id")
            if (channel, message_id) not in member.messages:
                must_be_addressed(member)
                yield as_asked(CampaignMessageDispatched, asked)
        case RecordCampaignResponse(response_ref=response_ref):
            must_say(response_ref, "The reference of the response", "response_ref")
            responded = as_asked(CampaignResponded, asked)
            known = member.responses.get(response_ref)
            if known is None:
                if len(member.responses) >= MAX_RESPONSES:
                    raise Refused(f"A member has at most {MAX_RESPONSES} responses to one campaign.")
                yield responded
            elif known != responded:
                raise Refused("This response is already recorded. Record another one instead.", "response_ref")
        case OptOutMember():
            if not member.opted_out:
                yield as_asked(MemberOptedOut, asked)
        case AttributeToCampaign():
            must_be_credit(asked)
            attributed = as_asked(CampaignAttributed, asked)
            if member.credits.get(credited(attributed)) != attributed:
                if member.attributions >= MAX_ATTRIBUTIONS:
                    raise Refused(f"A member has at most {MAX_ATTRIBUTIONS} attributions to one campaign.")
                yield attributed
        case _:
            assert_never(asked)


def choose(asked: TargetMember | HoldOutMember, member: CampaignMember) -> Iterator[Event]:
    """Whoever is chosen stays so: moving between those addressed and those left alone would spoil the comparison."""
    must_be_within(asked.segment_version, 1, MAX_VERSION, "segment_version")
    if (asked.segment_id is None) != (asked.segment_version is None):
        raise Refused("Give the segment with its version.", "segment_id")
    chosen = as_asked(MemberTargeted if isinstance(asked, TargetMember) else MemberHeldOut, asked)
    if member.chosen == chosen:
        return
    if member.chosen is not None:
        how = "targeted" if isinstance(member.chosen, MemberTargeted) else "held out"
        raise Refused(f"This customer is already {how} in this campaign.", "customer_id")
    if member.status is MemberStatus.SUPPRESSED:
        raise Refused("This customer is suppressed in this campaign.", "customer_id")
    yield chosen


def evolve(member: CampaignMember, event: Happened) -> CampaignMember:
    match event:
        case MemberTargeted():
            return replace(member, status=MemberStatus.TARGETED, customer_id=event.customer_id, chosen=event)
        case MemberHeldOut():
            return replace(member, status=MemberStatus.HELD_OUT, customer_id=event.customer_id, chosen=event)
        case MemberSuppressed():
            return replace(member, status=MemberStatus.SUPPRESSED, customer_id=event.customer_id)
        case CampaignMessageDispatched(channel=channel, message_id=message_id):
            return replace(member, messages=member.messages | {(channel, message_id)})
        case CampaignResponded(response_ref=response_ref):
            return replace(member, responses={**member.responses, response_ref: event})
        case MemberOptedOut():
            return replace(member, opted_out=True)
        case CampaignAttributed():
            credits = {**member.credits, credited(event): event}
            return replace(member, credits=credits, attributions=member.attributions + 1)
        case _:
            assert_never(event)


def must_be_addressed(member: CampaignMember) -> None:
    """Refused if nothing may be sent to this member, or if enough was."""
    if member.status is MemberStatus.HELD_OUT:
        raise Refused("This customer is held out of this campaign.", "customer_id")
    if member.status is MemberStatus.SUPPRESSED:
        raise Refused("This customer is suppressed in this campaign.", "customer_id")
    if member.opted_out:
        raise Refused("This customer has opted out of this campaign.", "customer_id")
    if len(member.messages) >= MAX_MESSAGES:
        raise Refused(f"A member gets at most {MAX_MESSAGES} messages of one campaign.")


def must_be_credit(asked: AttributeToCampaign) -> None:
    """Refused unless this is a share of one thing by a version of a model."""
    if (asked.order_id is None) == (asked.opportunity_id is None):
        raise Refused("Give an order or an opportunity, one of them.", "order_id")
    must_be_share(asked.weight, "weight")
    must_say(asked.model, "The model", "model")
    must_be_within(asked.model_version, 1, MAX_VERSION, "model_version")


def credited(event: CampaignAttributed) -> Credited:
    """On what an attribution is a word: one thing, by one model."""
    return event.order_id, event.opportunity_id, event.model


def campaign_member_id(campaign_id: UUID, customer_id: UUID) -> UUID:
    """The stream that holds what a customer was and did in a campaign."""
    return derived("campaign_member", campaign_id, customer_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per campaign and customer."""
    return campaign_member_id(asked.campaign_id, asked.customer_id)


decider = Decider("campaign_member", Asked, Happened, CampaignMember(), decide, evolve, stream=stream)
