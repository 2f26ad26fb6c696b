"""Eligibility: whether a customer may have a benefit without anybody's consent, by which rule, and what the rule was given."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from eventstore.codec import json_form

BENEFIT_RULE, BENEFIT_RULE_VERSION = "benefit-authorisation", 1
LEAST_TIER_RANK = 1
"""The rank of the tier from which on a member may have it, the lowest being 0: Gold, of Silver, Gold and Platinum."""
TOP_SHARE_PERCENT = 20
FAILURE_DAYS = 90
MAX_BENEFITS = 2
BENEFIT_MONTHS = 12


@dataclass(frozen=True, slots=True)
class BenefitInputs:
    """What the rule is given. `tier_rank` counts from 0; `top_share` is among which percent of the customers by revenue.

    `failures` are the complaints and incidents that are open and not older than FAILURE_DAYS, `benefits` those that were
    authorised within BENEFIT_MONTHS.
    """

    tier: str | None
    tier_rank: int | None
    top_share: int | None
    failures: int
    benefits: int


@dataclass(frozen=True, slots=True)
class BenefitEligibility:
    """Whether the rule allows a benefit, and why. `inputs_digest` is what `authoriseBenefit` cites: the SHA-256 of the inputs."""

    rule: str
    rule_version: int
    eligible: bool
    reasons: tuple[str, ...]
    inputs: BenefitInputs
    inputs_digest: str


def eligibility(given: BenefitInputs) -> BenefitEligibility:
    """The rule P24, version 1: (tier of rank LEAST_TIER_RANK or higher, and among the best TOP_SHARE_PERCENT; or a service
    failure that is still open) and, with this one, no more than MAX_BENEFITS in BENEFIT_MONTHS months.
    """
    ranked = given.tier_rank is not None and given.tier_rank >= LEAST_TIER_RANK
    valuable = given.top_share is not None and given.top_share <= TOP_SHARE_PERCENT
    earned, owed, left = ranked and valuable, given.failures > 0, given.benefits < MAX_BENEFITS
    share = "nobody has a rank yet" if given.top_share is None else f"among the top {given.top_share} %"
    reasons = (
        f"Tier {given.tier or 'none'}, {share}: {_yes(earned)}.",
        f"{given.failures} service failures open: {_yes(owed)}.",
        f"{given.benefits} of {MAX_BENEFITS} benefits in {BENEFIT_MONTHS} months: {_yes(left)}.",
    )
    return BenefitEligibility(
        BENEFIT_RULE, BENEFIT_RULE_VERSION, (earned or owed) and left, reasons, given, digest_of(asdict(given))
    )


def digest_of(given: object) -> str:
    """The SHA-256, in hex, of something as JSON with sorted keys."""
    return hashlib.sha256(orjson.dumps(given, default=json_form, option=orjson.OPT_SORT_KEYS)).hexdigest()


def rank_of(tier: str | None, tiers: Sequence[str]) -> int | None:
    """The place of a tier among those of a programme from the lowest up, from 0; none if it has none."""
    return tiers.index(tier) if tier in tiers else None


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
