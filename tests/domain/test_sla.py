"""Service level agreements."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.case_events import CasePriority
from domain.sla import (
    DEFAULT,
    MAX_TARGET_S,
    MAX_TIERS,
    DefineSla,
    SlaDefined,
    SlaTarget,
    decider,
    sla_id,
    targets_for,
)
from tests.domain.scenario import but, given

TOO_FAR = (
    "URGENT: the first response comes after 1 second at the soonest and not after the resolution, which comes"
    f" within {MAX_TARGET_S} seconds."
)


def defined(asked: DefineSla = DEFAULT, version: int = 1) -> SlaDefined:
    return SlaDefined(
        key=asked.key,
        version=version,
        business_calendar=asked.business_calendar,
        targets=asked.targets,
        tier_factors=asked.tier_factors,
        warn_at=asked.warn_at,
    )


def urgent(first_response_s: int, resolution_s: int) -> dict[str, Any]:
    target = SlaTarget(priority=CasePriority.URGENT, first_response_s=first_response_s, resolution_s=resolution_s)
    return {"targets": (target, *DEFAULT.targets[1:])}


def test_the_same_agreement_is_the_same_version_and_another_one_the_next() -> None:
    given(decider).when(DEFAULT).then(defined())
    given(decider, defined()).when(DEFAULT).then_nothing()
    other = but(DEFAULT, warn_at=Decimal("0.5"))
    given(decider, defined()).when(other).then(defined(other, 2))
    given(decider, defined(), defined(other, 2)).when(DEFAULT).then(defined(version=3))


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"key": " "}, "The key must not be blank.", "key"),
        ({"key": "gold"}, "The id of this SLA is bitacora:gold.", "sla_id"),
        ({"business_calendar": ""}, "The business calendar must not be blank.", "business_calendar"),
        ({"targets": DEFAULT.targets[1:]}, "Give one target for each priority.", "targets"),
        ({"targets": DEFAULT.targets + DEFAULT.targets[:1]}, "Give one target for each priority.", "targets"),
        (urgent(0, 5), TOO_FAR, "targets"),
        (urgent(6, 5), TOO_FAR, "targets"),
        (urgent(6, MAX_TARGET_S + 1), TOO_FAR, "targets"),
        ({"tier_factors": {" ": Decimal(1)}}, "The tier must not be blank.", "tier_factors"),
        ({"tier_factors": {"A": Decimal(0)}}, "The factor of A must be more than zero.", "tier_factors"),
        ({"tier_factors": {"A": Decimal(10)}}, "The factor of A must be less than 10.", "tier_factors"),
        ({"tier_factors": {"A": Decimal("NaN")}}, "The factor of A must be a number.", "tier_factors"),
        (
            {"tier_factors": {str(tier): Decimal(1) for tier in range(MAX_TIERS + 1)}},
            f"Give factors for at most {MAX_TIERS} tiers.",
            "tier_factors",
        ),
        ({"warn_at": Decimal("1.1")}, "The warn at must be from 0 to 1.", "warn_at"),
        ({"warn_at": Decimal(0)}, "The warn at must be more than zero.", "warn_at"),
    ],
)
def test_an_agreement_must_make_sense(said: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(replace(DEFAULT, **said)).refused(sentence, field)


@pytest.mark.parametrize(
    ("priority", "tier", "first_response_s", "resolution_s"),
    [
        (CasePriority.URGENT, None, 900, 4 * 3600),
        (CasePriority.HIGH, None, 3600, 8 * 3600),
        (CasePriority.NORMAL, None, 4 * 3600, 24 * 3600),
        (CasePriority.LOW, None, 8 * 3600, 40 * 3600),
        (CasePriority.URGENT, "PLATINUM", 450, 2 * 3600),
        (CasePriority.URGENT, "GOLD", 675, 3 * 3600),
        (CasePriority.URGENT, "SILVER", 900, 4 * 3600),
    ],
)
def test_the_targets_of_the_house(
    priority: CasePriority, tier: str | None, first_response_s: int, resolution_s: int
) -> None:
    for definition in (DEFAULT, defined()):
        assert targets_for(definition, priority, tier) == (first_response_s, resolution_s)


def test_a_target_is_a_whole_number_of_seconds_and_one_at_least() -> None:
    short = replace(DEFAULT, tier_factors={"A": Decimal("0.5"), "B": Decimal("0.01")}, **urgent(1, 3))
    assert targets_for(short, CasePriority.URGENT, "A") == (1, 2)
    assert targets_for(short, CasePriority.URGENT, "B") == (1, 1)
    assert targets_for(replace(short, **urgent(5, 7)), CasePriority.URGENT, "A") == (2, 4)
    assert sla_id("standard") == DEFAULT.sla_id
