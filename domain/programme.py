"""Loyalty programmes: the tiers that members climb by their points, version by version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, reference
from domain.references import ProgrammeId
from domain.values import must_be_amount, must_be_currency, must_be_within, must_be_worded, must_say

MAX_TIERS = 20
MAX_BENEFITS = 100
MAX_THRESHOLD = 10**9
MAX_EXPIRY_MONTHS = 1200
MAX_PROGRAMME_LANGUAGES = 50
MAX_PROGRAMME_VERSIONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoyaltyTier:
    """A tier, the qualifying points from which a member has it, and the codes of the benefits that it brings."""

    key: str
    label: Mapping[str, str]
    threshold: int
    benefits: tuple[str, ...] = ()


# What can be asked.


class DefineProgramme(Command):
    """Define a programme with its tiers from the lowest up; `programme_id` is `bitacora:` and the key.

    Points expire `expiry_months` after they were earned, or never; a tier is kept `grace_months` after its period;
    `point_cost` is what one point costs the company, in `currency`."""

    programme_id: ProgrammeId
    key: str
    title: Mapping[str, str]
    tiers: tuple[LoyaltyTier, ...]
    expiry_months: int | None = None
    grace_months: int = 3
    point_cost: Decimal | None = None
    currency: str | None = None


# What can have happened.


class ProgrammeDefined(Event, stored_as="programme.defined.v1"):
    """A version of a programme, whole, became the one in force; versions count from 1."""

    key: str
    version: int
    title: Mapping[str, str]
    tiers: tuple[LoyaltyTier, ...]
    expiry_months: int | None
    grace_months: int
    point_cost: Decimal | None
    currency: str | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Programme:
    """The version in force."""

    defined: ProgrammeDefined | None = None


Asked = DefineProgramme
Happened = ProgrammeDefined


def decide(asked: Asked, programme: Programme) -> Iterator[Event]:
    must_make_sense(asked)
    version = programme.defined.version if programme.defined else 0
    if programme.defined != as_asked(ProgrammeDefined, asked, version=version):
        if version >= MAX_PROGRAMME_VERSIONS:
            raise Refused(f"A programme has at most {MAX_PROGRAMME_VERSIONS} versions. Define another one.")
        yield as_asked(ProgrammeDefined, asked, version=version + 1)


def evolve(programme: Programme, event: Happened) -> Programme:
    return Programme(event)


def must_make_sense(asked: DefineProgramme) -> None:
    """Refused if members could not be told their tier, or points not be given a life and a cost."""
    must_say(asked.key, "The key", "key")
    if asked.programme_id != programme_id(asked.key):
        raise Refused(f"The id of this programme is bitacora:{asked.key}.", "programme_id")
    must_be_worded(asked.title, "title")
    if len(asked.title) > MAX_PROGRAMME_LANGUAGES:
        raise Refused(f"Give the title in at most {MAX_PROGRAMME_LANGUAGES} languages.", "title")
    must_climb(asked.tiers, asked.title)
    must_be_within(asked.expiry_months, 1, MAX_EXPIRY_MONTHS, "expiry_months")
    must_be_within(asked.grace_months, 0, MAX_EXPIRY_MONTHS, "grace_months")
    must_be_amount(asked.point_cost, "point_cost")
    if asked.currency is not None:
        must_be_currency(asked.currency, "currency")
    if (asked.point_cost is None) != (asked.currency is None):
        raise Refused("Give what a point costs together with its currency.", "point_cost")


def must_climb(tiers: tuple[LoyaltyTier, ...], title: Mapping[str, str]) -> None:
    """Refused if the tiers do not rise from zero points, cannot be told apart, or are not named like the programme."""
    if not 1 <= len(tiers) <= MAX_TIERS:
        raise Refused(f"Give from 1 to {MAX_TIERS} tiers.", "tiers")
    for tier in tiers:
        must_say(tier.key, "The key of a tier", "tiers")
        if tier.label.keys() != title.keys():
            raise Refused(f"Give the label of the tier {tier.key} in the languages of the title.", "tiers")
        for label in tier.label.values():
            must_say(label, f"The label of the tier {tier.key}", "tiers")
        if len(tier.benefits) > MAX_BENEFITS or len(set(tier.benefits)) < len(tier.benefits):
            raise Refused(f"Give the tier {tier.key} at most {MAX_BENEFITS} benefits, each once.", "tiers")
        for benefit in tier.benefits:
            must_say(benefit, f"A benefit of the tier {tier.key}", "tiers")
    if len({tier.key for tier in tiers}) < len(tiers):
        raise Refused("Two tiers have the same key.", "tiers")
    if tiers[0].threshold != 0:
        raise Refused("The first tier must begin at 0 points.", "tiers")
    for lower, higher in pairwise(tiers):
        if not lower.threshold < higher.threshold <= MAX_THRESHOLD:
            raise Refused(
                f"The threshold of {higher.key} must be more than that of {lower.key}, and at most {MAX_THRESHOLD}.",
                "tiers",
            )


def programme_id(key: str) -> UUID:
    """The id of the programme with this key: `bitacora:key`."""
    return reference("programme", "bitacora", key)


DEFAULT = DefineProgramme(
    programme_id=programme_id("default"),
    key="default",
    title={"es": "Programa de fidelización", "en": "Loyalty programme"},
    tiers=(
        LoyaltyTier(key="SILVER", label={"es": "Plata", "en": "Silver"}, threshold=0),
        LoyaltyTier(key="GOLD", label={"es": "Oro", "en": "Gold"}, threshold=20_000, benefits=("FREE_UPGRADE",)),
        LoyaltyTier(
            key="PLATINUM",
            label={"es": "Platino", "en": "Platinum"},
            threshold=50_000,
            benefits=("FREE_UPGRADE", "PRIORITY_SERVICE"),
        ),
    ),
)
"""The programme that comes with the house."""

decider = Decider("programme", Asked, Happened, Programme(), decide, evolve)
