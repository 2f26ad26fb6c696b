"""Territories."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.territory import (
    MAX_PARTS,
    AssignTerritory,
    DefineTerritory,
    TerritoryAssigned,
    TerritoryDefined,
    TerritoryRule,
    covers,
    decider,
)
from tests.domain.scenario import but, given

NORTH, LUIS, EVA, SPAIN = (UUID(int=number) for number in range(1, 5))
RULE = TerritoryRule(countries=("ES", "PT"), postal_prefixes=("28", "48"))
DEFINE = DefineTerritory(territory_id=NORTH, key="north", name="North", rule=RULE, parent_id=SPAIN)
DEFINED = TerritoryDefined(key="north", version=1, name="North", rule=RULE, parent_id=SPAIN)
ASSIGN, ASSIGNED = AssignTerritory(territory_id=NORTH, staff_id=LUIS), TerritoryAssigned(staff_id=LUIS)


def test_the_same_definition_is_one_version() -> None:
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()


@pytest.mark.parametrize(
    "rule",
    [
        TerritoryRule(countries=("pt", "ES", "es"), postal_prefixes=("48", " 2-8")),
        TerritoryRule(countries=(" ES", "PT"), postal_prefixes=("28", "48", "28")),
    ],
)
def test_the_order_and_the_spelling_of_a_rule_do_not_matter(rule: TerritoryRule) -> None:
    given(decider, DEFINED).when(but(DEFINE, rule=rule)).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "The north"},
        {"parent_id": None},
        {"rule": TerritoryRule()},
        {"rule": replace(RULE, sectors=("retail",))},
        {"rule": replace(RULE, regions=("Bizkaia",))},
    ],
)
def test_another_definition_is_the_next_version(changes: dict[str, Any]) -> None:
    asked, second = but(DEFINE, **changes), replace(DEFINED, version=2, **changes)
    given(decider, DEFINED).when(asked).then(second)
    given(decider, DEFINED, second).when(asked).then_nothing()
    given(decider, DEFINED, second).when(DEFINE).then(replace(DEFINED, version=3))


def test_a_territory_without_a_rule_is_assigned_by_hand() -> None:
    empty = TerritoryDefined(key="hq", version=1, name="Key accounts", rule=TerritoryRule())
    given(decider).when(DefineTerritory(territory_id=NORTH, key="hq", name="Key accounts")).then(empty)


def test_who_answers_for_a_territory_is_no_new_version_of_it() -> None:
    asked = but(DEFINE, staff_id=LUIS)
    given(decider).when(asked).then(DEFINED, ASSIGNED)
    given(decider, DEFINED, ASSIGNED).when(asked).then_nothing()
    given(decider, DEFINED, ASSIGNED).when(DEFINE).then_nothing()
    given(decider, DEFINED, ASSIGNED).when(but(DEFINE, staff_id=EVA)).then(
        TerritoryAssigned(staff_id=EVA, previous=LUIS)
    )


def test_a_territory_is_assigned_once_and_stays_so_in_its_next_version() -> None:
    given(decider, DEFINED).when(ASSIGN).then(ASSIGNED)
    given(decider, DEFINED, ASSIGNED).when(ASSIGN).then_nothing()
    given(decider, DEFINED, ASSIGNED, replace(DEFINED, version=2, name="N")).when(ASSIGN).then_nothing()
    given(decider, DEFINED, ASSIGNED).when(but(ASSIGN, staff_id=EVA)).then(
        TerritoryAssigned(staff_id=EVA, previous=LUIS)
    )


def test_what_was_not_defined_is_not_assigned() -> None:
    given(decider).when(ASSIGN).refused("This territory is not defined yet.", "territory_id")


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": " "}, "The key must not be blank.", "key"),
        ({"key": "south"}, "The key of this territory is north, and never changes.", "key"),
        ({"name": ""}, "The name must not be blank.", "name"),
        ({"parent_id": NORTH}, "A territory cannot be within itself.", "parent_id"),
        (
            {"rule": TerritoryRule(countries=("Spain",))},
            "There is no country 'Spain': give an ISO 3166 code such as ES.",
            "rule",
        ),
        ({"rule": TerritoryRule(regions=("",))}, "One of the regions is blank.", "rule"),
        ({"rule": TerritoryRule(postal_prefixes=(" - ",))}, "One of the postal prefixes is blank.", "rule"),
        (
            {"rule": TerritoryRule(sectors=("a",) * (MAX_PARTS + 1))},
            f"A rule names at most {MAX_PARTS} sectors.",
            "rule",
        ),
    ],
)
def test_a_territory_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, DEFINED).when(but(DEFINE, **changes)).refused(sentence, field)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (TerritoryRule(), False),
        (TerritoryRule(countries=("ES",)), True),
        (TerritoryRule(countries=("FR", "PT")), False),
        (TerritoryRule(countries=("ES",), postal_prefixes=("48", "280")), True),
        (TerritoryRule(countries=("ES",), postal_prefixes=("48",)), False),
        (TerritoryRule(countries=("FR",), postal_prefixes=("28",)), False),
        (TerritoryRule(postal_prefixes=("28 0-1",)), True),
        (TerritoryRule(postal_prefixes=("280130",)), False),
        (TerritoryRule(regions=("comunidad  DE madrid",)), False),
        (TerritoryRule(regions=("comunidad DE madrid",), sectors=("RETAIL", "Food")), True),
        (TerritoryRule(regions=("Comunidad de Madrid",), sectors=("Food",)), False),
    ],
)
def test_a_customer_is_covered_by_one_of_each_that_the_rule_names(rule: TerritoryRule, expected: bool) -> None:
    assert covers(rule, " es", "Comunidad de  Madrid", "28013", "retail") is expected


@pytest.mark.parametrize(
    "rule",
    [
        TerritoryRule(countries=("ES",)),
        TerritoryRule(regions=("Madrid",)),
        TerritoryRule(postal_prefixes=("28",)),
        TerritoryRule(sectors=("retail",)),
        TerritoryRule(),
    ],
)
def test_of_whom_nothing_is_known_nothing_covers(rule: TerritoryRule) -> None:
    assert covers(rule, None, None, None, None) is False
