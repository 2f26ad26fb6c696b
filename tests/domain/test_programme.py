"""Loyalty programmes."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import reference
from domain.programme import (
    DEFAULT,
    MAX_BENEFITS,
    MAX_PROGRAMME_LANGUAGES,
    MAX_PROGRAMME_VERSIONS,
    MAX_TIERS,
    DefineProgramme,
    LoyaltyTier,
    ProgrammeDefined,
    decider,
    programme_id,
)
from tests.domain.scenario import but, given

STAR = LoyaltyTier(key="STAR", label={"en": "Star"}, threshold=0)
NOVA = LoyaltyTier(key="NOVA", label={"en": "Nova"}, threshold=20_000, benefits=("LOUNGE",))
DEFINE = DefineProgramme(
    programme_id=programme_id("air"),
    key="air",
    title={"en": "Miles"},
    tiers=(STAR, NOVA),
    expiry_months=36,
    point_cost=Decimal("0.01"),
    currency="CAD",
)
DEFINED = ProgrammeDefined(
    key="air",
    version=1,
    title={"en": "Miles"},
    tiers=(STAR, NOVA),
    expiry_months=36,
    grace_months=3,
    point_cost=Decimal("0.01"),
    currency="CAD",
)


def test_a_programme_is_defined_once() -> None:
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"title": {"en": "Points"}},
        {"tiers": (STAR,)},
        {"expiry_months": None},
        {"grace_months": 0},
        {"point_cost": Decimal("0.02")},
        {"currency": "USD"},
    ],
)
def test_another_content_is_the_next_version(changes: dict[str, Any]) -> None:
    second = replace(DEFINED, version=2, **changes)
    given(decider, DEFINED).when(but(DEFINE, **changes)).then(second)
    given(decider, DEFINED, second).when(but(DEFINE, **changes)).then_nothing()
    given(decider, DEFINED, second).when(DEFINE).then(replace(DEFINED, version=3))


def test_when_two_define_a_programme_at_once_the_second_is_the_next_version() -> None:
    rival = replace(DEFINED, tiers=(STAR,))
    given(decider, rival).when(DEFINE).then(replace(DEFINED, version=2))


def test_a_programme_has_only_so_many_versions() -> None:
    last = replace(DEFINED, version=MAX_PROGRAMME_VERSIONS, grace_months=1)
    given(decider, replace(DEFINED, version=MAX_PROGRAMME_VERSIONS - 1)).when(but(DEFINE, grace_months=1)).then(last)
    given(decider, last).when(but(DEFINE, grace_months=1)).then_nothing()
    given(decider, last).when(DEFINE).refused("A programme has at most 1000 versions. Define another one.")


MANY_LANGUAGES = {f"{a}{b}": "Miles" for a in "abc" for b in "abcdefghijklmnopq"}
MANY_TIERS = tuple(replace(STAR, key=str(number), threshold=number) for number in range(MAX_TIERS + 1))
MANY_BENEFITS = tuple(map(str, range(MAX_BENEFITS + 1)))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": " "}, "The key must not be blank.", "key"),
        ({"programme_id": UUID(int=1)}, "The id of this programme is bitacora:air.", "programme_id"),
        ({"title": {}}, "Give the title in one language at least.", "title"),
        ({"title": MANY_LANGUAGES}, f"Give the title in at most {MAX_PROGRAMME_LANGUAGES} languages.", "title"),
        ({"tiers": ()}, "Give from 1 to 20 tiers.", "tiers"),
        ({"tiers": MANY_TIERS}, "Give from 1 to 20 tiers.", "tiers"),
        ({"tiers": (replace(STAR, key=""),)}, "The key of a tier must not be blank.", "tiers"),
        (
            {"tiers": (replace(STAR, label={"es": "x"}),)},
            "Give the label of the tier STAR in the languages of the title.",
            "tiers",
        ),
        ({"tiers": (replace(STAR, label={"en": " "}),)}, "The label of the tier STAR must not be blank.", "tiers"),
        (
            {"tiers": (replace(STAR, benefits=("A", "A")),)},
            "Give the tier STAR at most 100 benefits, each once.",
            "tiers",
        ),
        (
            {"tiers": (replace(STAR, benefits=MANY_BENEFITS),)},
            "Give the tier STAR at most 100 benefits, each once.",
            "tiers",
        ),
        ({"tiers": (replace(STAR, benefits=("",)),)}, "A benefit of the tier STAR must not be blank.", "tiers"),
        ({"tiers": (STAR, replace(NOVA, key="STAR"))}, "Two tiers have the same key.", "tiers"),
        ({"tiers": (NOVA,)}, "The first tier must begin at 0 points.", "tiers"),
        (
            {"tiers": (STAR, replace(NOVA, threshold=0))},
            "The threshold of NOVA must be more than that of STAR, and at most 1000000000.",
            "tiers",
        ),
        (
            {"tiers": (STAR, replace(NOVA, threshold=10**9 + 1))},
            "The threshold of NOVA must be more than that of STAR, and at most 1000000000.",
            "tiers",
        ),
        ({"expiry_months": 0}, "The expiry months must be from 1 to 1200.", "expiry_months"),
        ({"grace_months": -1}, "The grace months must be from 0 to 1200.", "grace_months"),
        ({"point_cost": Decimal(-1)}, "The point cost must be zero or more.", "point_cost"),
        ({"currency": "cad"}, "There is no currency 'cad': give an ISO 4217 code such as EUR.", "currency"),
        ({"currency": None}, "Give what a point costs together with its currency.", "point_cost"),
        ({"point_cost": None}, "Give what a point costs together with its currency.", "point_cost"),
    ],
)
def test_a_programme_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(DEFINE, **changes)).refused(sentence, field)


def test_the_programme_of_the_house_can_be_defined() -> None:
    assert reference("programme", "bitacora", "default") == DEFAULT.programme_id
    state = (
        given(decider)
        .when(DEFAULT)
        .then(
            ProgrammeDefined(
                key="default",
                version=1,
                title=DEFAULT.title,
                tiers=DEFAULT.tiers,
                expiry_months=None,
                grace_months=3,
                point_cost=None,
                currency=None,
            )
        )
    )
    assert [(tier.key, tier.threshold) for tier in state.defined.tiers] == [
        ("SILVER", 0),
        ("GOLD", 20_000),
        ("PLATINUM", 50_000),
    ]
