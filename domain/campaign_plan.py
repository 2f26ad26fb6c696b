"""Plans of campaigns: what is meant to be said, to whom and until when, and who is left alone to compare."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from domain.kernel import Command, Event, Refused
from domain.references import CampaignId, SegmentId
from domain.values import EXACT, Money, money, must_be_amount, must_be_within, must_follow, must_know_zone, must_say

MAX_SEGMENTS = 100
MAX_OFFER_RULES = 200
MAX_RESPONSE_DAYS = 366
MAX_VERSION = 2**31 - 1
MAX_CONTROL_SHARE = Decimal("0.5")


class CampaignKind(StrEnum):
    """By what a campaign reaches people."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    TELESALES = "TELESALES"
    DIRECT_MAIL = "DIRECT_MAIL"
    SMS = "SMS"
    WEB_AD = "WEB_AD"
    EVENT = "EVENT"
    TV = "TV"
    RADIO = "RADIO"
    PRESS = "PRESS"
    PRODUCT_LAUNCH = "PRODUCT_LAUNCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRule:
    """Which offer, by its code, the members of a segment get, by its key; without a segment it is for the others."""

    segment: str | None = None
    offer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentVersion:
    """A segment as one of its versions describes it."""

    segment_id: SegmentId
    version: int


class PlanCampaign(Command):
    """Plan a campaign as a whole, anew as often as it takes until it is launched.

    `key` is its code in orders; `control_share` (0 to 0.5) of the members are left alone to compare."""

    campaign_id: CampaignId
    key: str
    title: str
    kind: CampaignKind
    goal: str | None = None
    budget: Decimal | None = None
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    segments: tuple[SegmentId, ...] = ()
    exclusions: tuple[SegmentId, ...] = ()
    offer_rules: tuple[OfferRule, ...] = ()
    script: str | None = None
    script_version: int | None = None
    starts_at: datetime
    ends_at: datetime | None = None
    response_days: int = 30
    control_share: Decimal = Decimal(0)


class CampaignPlanned(Event, stored_as="campaign.planned.v1"):
    """A campaign was planned, or planned anew, as a whole; the last plan before the launch is the one carried out;
    an answer counts for `response_days`, and `control_share` of the members are left alone to compare."""

    key: str
    title: str
    kind: CampaignKind
    goal: str | None
    budget: Money | None
    segments: tuple[SegmentId, ...]
    exclusions: tuple[SegmentId, ...]
    offer_rules: tuple[OfferRule, ...]
    script: str | None
    script_version: int | None
    starts_at: datetime
    ends_at: datetime | None
    response_days: int
    control_share: Decimal


def must_make_sense(asked: PlanCampaign) -> None:
    """Refused if the plan could not be carried out, or its outcome not be measured."""
    must_say(asked.key, "The key", "key")
    must_say(asked.title, "The title", "title")
    must_say(asked.goal, "The goal", "goal")
    must_say(asked.script, "The script", "script")
    if asked.script is None and asked.script_version is not None:
        raise Refused("Give the script that this is a version of.", "script")
    must_be_within(asked.script_version, 1, MAX_VERSION, "script_version")
    for name, ids in (("segments", asked.segments), ("exclusions", asked.exclusions)):
        if len(ids) > MAX_SEGMENTS:
            raise Refused(f"Give at most {MAX_SEGMENTS} {name}.", name)
        if len(set(ids)) < len(ids):
            raise Refused("Name each segment once.", name)
    if not set(asked.segments).isdisjoint(asked.exclusions):
        raise Refused("A segment cannot be both addressed and excluded.", "exclusions")
    if len(asked.offer_rules) > MAX_OFFER_RULES:
        raise Refused(f"Give at most {MAX_OFFER_RULES} rules.", "offer_rules")
    for rule in asked.offer_rules:
        must_say(rule.segment, "The segment of a rule", "offer_rules")
        must_say(rule.offer, "The offer of a rule", "offer_rules")
    if len({rule.segment for rule in asked.offer_rules}) < len(asked.offer_rules):
        raise Refused("Give one offer for each segment.", "offer_rules")
    must_know_zone(asked.starts_at, "starts_at")
    if asked.ends_at is not None:
        must_know_zone(asked.ends_at, "ends_at")
    must_follow(asked.starts_at, asked.ends_at, "ends_at")
    must_be_within(asked.response_days, 1, MAX_RESPONSE_DAYS, "response_days")
    share = asked.control_share
    if not share.is_finite() or not 0 <= share <= MAX_CONTROL_SHARE:
        raise Refused(f"The control share must be from 0 to {MAX_CONTROL_SHARE}.", "control_share")


def budget_of(asked: PlanCampaign) -> Money | None:
    """What may be spent, at most. Refused if it is no amount."""
    must_be_amount(asked.budget, "budget")
    if asked.budget is None:
        return None
    return money(asked.budget, asked.currency, asked.rate, asked.base_currency)


def is_held_out(campaign_id: UUID, customer_id: UUID, control_share: Decimal) -> bool:
    """Whether a customer is left alone to compare; who is stays so when the share grows, and each campaign has others.

    The first 64 bits of SHA-256 of both ids, as a fraction, are less than the share.
    """
    lot = int.from_bytes(sha256(campaign_id.bytes + customer_id.bytes).digest()[:8], "big")
    return lot < EXACT.multiply(control_share, Decimal(2**64))
