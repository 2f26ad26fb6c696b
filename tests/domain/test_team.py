"""Teams."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command
from domain.team import (
    MAX_MEMBERS,
    DefineTeam,
    JoinTeam,
    LeaveTeam,
    TeamDefined,
    TeamJoined,
    TeamLeft,
    decider,
)
from tests.domain.scenario import but, given

SALES, LUIS, EVA, ALL = (UUID(int=number) for number in range(1, 5))
DEFINE = DefineTeam(team_id=SALES, name="Sales", manager_id=EVA, parent_id=ALL)
DEFINED = TeamDefined(name="Sales", manager_id=EVA, parent_id=ALL)
JOIN, JOINED = JoinTeam(team_id=SALES, staff_id=LUIS, role="CLOSER"), TeamJoined(staff_id=LUIS, role="CLOSER")
LEAVE, LEFT = LeaveTeam(team_id=SALES, staff_id=LUIS), TeamLeft(staff_id=LUIS)


def test_a_team_is_defined_once() -> None:
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()
    given(decider, DEFINED, JOINED).when(DEFINE).then_nothing()


@pytest.mark.parametrize("changes", [{"name": "Service"}, {"manager_id": None}, {"parent_id": None}])
def test_of_two_who_define_a_team_the_last_word_counts_and_its_members_stay(changes: dict[str, Any]) -> None:
    other = replace(DEFINED, **changes)
    state = given(decider, DEFINED, JOINED).when(but(DEFINE, **changes)).then(other)
    assert (state.defined, state.members) == (other, {LUIS: "CLOSER"})
    given(decider, DEFINED, other).when(but(DEFINE, **changes)).then_nothing()
    given(decider, DEFINED, other).when(DEFINE).then(DEFINED)


def test_a_team_must_make_sense() -> None:
    given(decider).when(but(DEFINE, name=" ")).refused("The name must not be blank.", "name")
    given(decider).when(but(DEFINE, parent_id=SALES)).refused("A team cannot be within itself.", "parent_id")


def test_somebody_joins_once_in_each_role() -> None:
    given(decider, DEFINED).when(JOIN).then(JOINED)
    given(decider, DEFINED, JOINED).when(JOIN).then_nothing()
    given(decider, DEFINED, JOINED).when(but(JOIN, role=None)).then(TeamJoined(staff_id=LUIS))
    given(decider, DEFINED).when(but(JOIN, role=None)).then(TeamJoined(staff_id=LUIS))
    given(decider, DEFINED).when(but(JOIN, role=" ")).refused("The role must not be blank.", "role")


def test_a_member_leaves_once() -> None:
    given(decider, DEFINED, JOINED).when(LEAVE).then(LEFT)
    given(decider, DEFINED, JOINED, LEFT).when(LEAVE).then_nothing()
    given(decider, DEFINED).when(LEAVE).then_nothing()


def test_in_a_race_for_the_last_place_the_second_one_is_refused() -> None:
    others = [TeamJoined(staff_id=UUID(int=number)) for number in range(100, 99 + MAX_MEMBERS)]
    given(decider, DEFINED, *others).when(JOIN).then(JOINED)
    full = given(decider, DEFINED, *others, TeamJoined(staff_id=EVA))
    full.when(JOIN).refused(f"A team has at most {MAX_MEMBERS} members: define another one within it.")
    full.when(JoinTeam(team_id=SALES, staff_id=EVA, role="LEAD")).then(TeamJoined(staff_id=EVA, role="LEAD"))


@pytest.mark.parametrize("command", [JOIN, LEAVE], ids=type)
def test_nobody_joins_or_leaves_what_was_not_defined(command: Command) -> None:
    given(decider).when(command).refused("This team is not defined yet.", "team_id")
