"""Service level agreements: how soon a case of each priority is answered and resolved, version by version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated
from uuid import UUID

from domain.case_events import CasePriority
from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked, reference
from domain.values import EXACT, fault, must_be_share, must_say

MAX_TARGET_S = 366 * 24 * 3600
MAX_TIERS = 20
MAX_FACTOR = Decimal(10)
HOUR_S = 3600
BUSINESS_DAY_S = 8 * HOUR_S
"""What a business day counts for here, whatever the hours of the calendar."""

SlaId = Annotated[UUID, Ref("sla")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaTarget:
    """How soon a case of a priority is to be answered, and resolved, in seconds of business time."""

    priority: CasePriority
    first_response_s: int
    resolution_s: int


# What can be asked.


class DefineSla(Command):
    """Promise one target for each priority, in the time of a business calendar (its key).

    `sla_id` is `bitacora:` and the key. `tier_factors` shortens the targets by tier (0.5 is half the time); `warn_at`
    is the share of the time after which to warn."""

    sla_id: SlaId
    key: str
    business_calendar: str
    targets: tuple[SlaTarget, ...]
    tier_factors: Mapping[str, Decimal]
    warn_at: Decimal = Decimal("0.75")


# What can have happened.


class SlaDefined(Event, stored_as="sla.defined.v1"):
    """A version of an SLA became the one to promise; versions count from 1, and older targets stay as they were set."""

    key: str
    version: int
    business_calendar: str
    targets: tuple[SlaTarget, ...]
    tier_factors: Mapping[str, Decimal]
    warn_at: Decimal


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Sla:
    """The last version, which is the one to promise."""

    defined: SlaDefined | None = None


Asked = DefineSla
Happened = SlaDefined


def decide(asked: Asked, sla: Sla) -> Iterator[Event]:
    must_make_sense(asked)
    version = sla.defined.version if sla.defined else 0
    if sla.defined != as_asked(SlaDefined, asked, version=version):
        yield as_asked(SlaDefined, asked, version=version + 1)


def evolve(sla: Sla, event: Happened) -> Sla:
    return Sla(event)


def must_make_sense(asked: DefineSla) -> None:
    """Refused if it leaves a priority without a target, or if a figure is out of bounds."""
    must_say(asked.key, "The key", "key")
    must_say(asked.business_calendar, "The business calendar", "business_calendar")
    if asked.sla_id != sla_id(asked.key):
        raise Refused(f"The id of this SLA is bitacora:{asked.key}.", "sla_id")
    if sorted(target.priority for target in asked.targets) != sorted(CasePriority):
        raise Refused("Give one target for each priority.", "targets")
    for target in asked.targets:
        if not 1 <= target.first_response_s <= target.resolution_s <= MAX_TARGET_S:
            raise Refused(
                f"{target.priority}: the first response comes after 1 second at the soonest and not after the"
                f" resolution, which comes within {MAX_TARGET_S} seconds.",
                "targets",
            )
    if len(asked.tier_factors) > MAX_TIERS:
        raise Refused(f"Give factors for at most {MAX_TIERS} tiers.", "tier_factors")
    for tier, factor in asked.tier_factors.items():
        must_say(tier, "The tier", "tier_factors")
        if (wrong := fault(factor, MAX_FACTOR)) or not factor:
            raise Refused(f"The factor of {tier} {wrong or 'must be more than zero'}.", "tier_factors")
    must_be_share(asked.warn_at, "warn_at")
    if not asked.warn_at:
        raise Refused("The warn at must be more than zero.", "warn_at")


def targets_for(definition: DefineSla | SlaDefined, priority: CasePriority, tier: str | None) -> tuple[int, int]:
    """How soon a case is to be answered and resolved, in whole seconds of business time, and one at least.

    The target of the priority times the factor of the customer's tier, halves to the even second; a tier without
    a factor, and a customer without a tier, have the target as it is.
    """
    [target] = (each for each in definition.targets if each.priority is priority)
    factor = definition.tier_factors.get(tier, Decimal(1)) if tier is not None else Decimal(1)
    return seconds(target.first_response_s, factor), seconds(target.resolution_s, factor)


def seconds(whole: int, factor: Decimal) -> int:
    """A share of a number of seconds, to the second."""
    return max(1, int(EXACT.multiply(Decimal(whole), factor).to_integral_value(ROUND_HALF_EVEN)))


def sla_id(key: str) -> UUID:
    """The id of the SLA with this key: `bitacora:key`."""
    return reference("sla", "bitacora", key)


DEFAULT = DefineSla(
    sla_id=sla_id("standard"),
    key="standard",
    business_calendar="default",
    targets=(
        SlaTarget(priority=CasePriority.URGENT, first_response_s=15 * 60, resolution_s=4 * HOUR_S),
        SlaTarget(priority=CasePriority.HIGH, first_response_s=HOUR_S, resolution_s=8 * HOUR_S),
        SlaTarget(priority=CasePriority.NORMAL, first_response_s=4 * HOUR_S, resolution_s=3 * BUSINESS_DAY_S),
        SlaTarget(priority=CasePriority.LOW, first_response_s=BUSINESS_DAY_S, resolution_s=5 * BUSINESS_DAY_S),
    ),
    tier_factors={"PLATINUM": Decimal("0.5"), "GOLD": Decimal("0.75")},
)
"""The SLA that comes with the house; a business day in it is eight hours."""

decider = Decider("sla", Asked, Happened, Sla(), decide, evolve)
