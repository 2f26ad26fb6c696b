"""Staff."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command, Event
from domain.staff import (
    MAX_SKILLS,
    MAX_SPOKEN,
    AddStaff,
    CapacitySet,
    ChangeStaff,
    GrantSkill,
    LeaveStaff,
    SetCapacity,
    SkillGranted,
    StaffAdded,
    StaffChanged,
    StaffLeft,
    StaffRole,
    decider,
)
from tests.domain.scenario import but, given

LUIS, EVA, NORTH = UUID(int=1), UUID(int=2), UUID(int=3)
ADD = AddStaff(
    staff_id=LUIS,
    name="Luis Gil",
    email="Luis@example.com",
    user="luis",
    role=StaffRole.REP,
    languages=("es", "en-GB"),
    territory_id=NORTH,
    manager_id=EVA,
)
ADDED = StaffAdded(
    name="Luis Gil",
    email="Luis@example.com",
    role=StaffRole.REP,
    timezone="Europe/Madrid",
    languages=("es", "en-GB"),
    user="luis",
    territory_id=NORTH,
    manager_id=EVA,
)
GRANT, GRANTED = GrantSkill(staff_id=LUIS, skill="ERP", level=3), SkillGranted(skill="ERP", level=3)
REVOKE, REVOKED = GrantSkill(staff_id=LUIS, skill="ERP", level=0), SkillGranted(skill="ERP", level=0)
SET, WAS_SET = SetCapacity(staff_id=LUIS, capacity=0), CapacitySet(capacity=0)
LEAVE, LEFT = LeaveStaff(staff_id=LUIS, reason="Retired"), StaffLeft(reason="Retired")
CHANGE = ChangeStaff(staff_id=LUIS, role=StaffRole.SALES_MANAGER)


def test_somebody_is_added_once() -> None:
    given(decider).when(ADD).then(ADDED)
    given(decider, ADDED).when(ADD).then_nothing()
    given(decider, ADDED, StaffChanged(user="lgil")).when(ADD).then_nothing()


def test_somebody_else_cannot_have_the_same_id() -> None:
    for other in (but(ADD, name="Eva"), but(ADD, email=None), but(ADD, languages=("es",))):
        given(decider, ADDED).when(other).refused("This person is already known. Change what is known of them instead.")


def test_a_name_is_enough() -> None:
    given(decider).when(AddStaff(staff_id=LUIS, name="Luis")).then(
        StaffAdded(name="Luis", role=StaffRole.OTHER, timezone="Europe/Madrid", languages=())
    )


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"name": " "}, "The name must not be blank.", "name"),
        ({"user": ""}, "The user must not be blank.", "user"),
        (
            {"email": "luis"},
            "This is not an e-mail address. An email address must have an @-sign.",
            "email",
        ),
        (
            {"timezone": "Madrid"},
            "Give the time zone by its IANA name, such as Europe/Madrid.",
            "timezone",
        ),
        ({"languages": ("es", "Spanish")}, "Write the language as es or es-MX.", "languages"),
        ({"languages": ("es",) * (MAX_SPOKEN + 1)}, f"Give at most {MAX_SPOKEN} languages.", "languages"),
        ({"manager_id": LUIS}, "Nobody is their own manager.", "manager_id"),
    ],
)
def test_what_is_said_of_somebody_must_make_sense(said: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(ADD, **said)).refused(sentence, field)
    given(decider, ADDED).when(ChangeStaff(staff_id=LUIS, **said)).refused(sentence, field)


def test_a_change_says_only_what_differs() -> None:
    asked = ChangeStaff(staff_id=LUIS, name="Luis Gil", role=StaffRole.DIRECTOR, languages=(), manager_id=EVA)
    changed = StaffChanged(role=StaffRole.DIRECTOR, languages=())
    state = given(decider, ADDED).when(asked).then(changed)
    assert (state.known["name"], state.known["role"], state.known["languages"]) == (
        "Luis Gil",
        StaffRole.DIRECTOR,
        (),
    )
    given(decider, ADDED, changed).when(asked).then_nothing()
    given(decider, ADDED).when(ChangeStaff(staff_id=LUIS)).then_nothing()


@pytest.mark.parametrize(
    ("said", "event"),
    [
        ({"name": "L"}, StaffChanged(name="L")),
        ({"email": "l@example.com"}, StaffChanged(email="l@example.com")),
        ({"timezone": "UTC"}, StaffChanged(timezone="UTC")),
        ({"territory_id": EVA}, StaffChanged(territory_id=EVA)),
    ],
    ids=str,
)
def test_everything_that_is_known_can_change(said: dict[str, Any], event: Event) -> None:
    asked = ChangeStaff(staff_id=LUIS, **said)
    given(decider, ADDED).when(asked).then(event)
    given(decider, ADDED, event).when(asked).then_nothing()


def test_a_skill_is_granted_once_at_each_level() -> None:
    given(decider, ADDED).when(GRANT).then(GRANTED)
    given(decider, ADDED, GRANTED).when(GRANT).then_nothing()
    given(decider, ADDED, GRANTED).when(but(GRANT, level=5)).then(SkillGranted(skill="ERP", level=5))


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"skill": ""}, "The skill must not be blank.", "skill"),
        ({"level": -1}, "The level must be from 0 to 5.", "level"),
        ({"level": 6}, "The level must be from 0 to 5.", "level"),
    ],
)
def test_a_skill_must_make_sense(said: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, ADDED).when(but(GRANT, **said)).refused(sentence, field)


def test_nobody_can_do_everything() -> None:
    many = [SkillGranted(skill=str(number), level=1) for number in range(MAX_SKILLS)]
    given(decider, ADDED, *many).when(GRANT).refused(
        f"{MAX_SKILLS} skills are the limit: grant one at level 0 first.", "skill"
    )
    given(decider, ADDED, *many).when(REVOKE).then_nothing()
    given(decider, ADDED, *many).when(but(GRANT, skill="7")).then(SkillGranted(skill="7", level=3))
    given(decider, ADDED, *many, SkillGranted(skill="7", level=0)).when(GRANT).then(GRANTED)


def test_a_skill_is_revoked_once() -> None:
    assert given(decider, ADDED, GRANTED).when(REVOKE).then(REVOKED).skills == {}
    given(decider, ADDED, GRANTED, REVOKED).when(REVOKE).then_nothing()
    given(decider, ADDED).when(REVOKE).then_nothing()
    given(decider, ADDED, GRANTED, LEFT).when(REVOKE).then(REVOKED)


def test_a_capacity_is_set_once_and_may_be_none() -> None:
    given(decider, ADDED).when(SET).then(WAS_SET)
    given(decider, ADDED, WAS_SET).when(SET).then_nothing()
    given(decider, ADDED).when(but(SET, capacity=1000)).then(CapacitySet(capacity=1000))
    for capacity in (-1, 1001):
        given(decider, ADDED).when(but(SET, capacity=capacity)).refused(
            "The capacity must be from 0 to 1000.", "capacity"
        )


def test_somebody_leaves_once_and_comes_back_once() -> None:
    given(decider, ADDED).when(LEAVE).then(LEFT)
    given(decider, ADDED, LEFT).when(LEAVE).then_nothing()
    given(decider, ADDED, LEFT).when(ADD).then(ADDED)
    given(decider, ADDED, LEFT, ADDED).when(ADD).then_nothing()
    given(decider, ADDED, LEFT, ADDED).when(LEAVE).then(LEFT)
    given(decider, ADDED, LEFT, ADDED).when(CHANGE).then(StaffChanged(role=StaffRole.SALES_MANAGER))


def test_who_comes_back_can_still_do_the_same_and_may_be_known_otherwise() -> None:
    back = but(ADD, user="lgil", role=StaffRole.DIRECTOR)
    again = replace(ADDED, user="lgil", role=StaffRole.DIRECTOR)
    state = given(decider, ADDED, GRANTED, WAS_SET, LEFT).when(back).then(again)
    assert (state.known["user"], state.skills, state.capacity) == ("lgil", {"ERP": 3}, 0)
    given(decider, ADDED, LEFT, again).when(ADD).refused(
        "This person is already known. Change what is known of them instead."
    )


@pytest.mark.parametrize("command", [CHANGE, GRANT, SET], ids=type)
def test_who_has_just_left_is_given_nothing_more(command: Command) -> None:
    given(decider, ADDED, LEFT).when(command).refused("This person has left: add them again first.")


@pytest.mark.parametrize("command", [CHANGE, GRANT, REVOKE, SET, LEAVE], ids=str)
def test_who_is_not_known_must_be_added_first(command: Command) -> None:
    given(decider).when(command).refused("This person is not known yet: add them first.", "staff_id")
