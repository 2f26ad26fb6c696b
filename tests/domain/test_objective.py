"""Objectives."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command
from domain.objective import (
    MAX_REVIEWS,
    MAX_SCOPES,
    ObjectiveAchieved,
    ObjectiveDimension,
    ObjectiveMissed,
    ObjectiveOperator,
    ObjectiveReviewed,
    ObjectiveRevised,
    ObjectiveScope,
    ObjectiveSet,
    RecordObjectiveAchieved,
    RecordObjectiveMissed,
    ReviewObjective,
    ReviseObjective,
    SetObjective,
    decider,
)
from tests.domain.scenario import but, given

CHURN, OWNER = UUID(int=1), UUID(int=2)
GOLD = ObjectiveScope(dimension=ObjectiveDimension.SEGMENT, value="gold")
COMPANY = ObjectiveScope(dimension=ObjectiveDimension.COMPANY)
SET = SetObjective(
    objective_id=CHURN,
    kpi="churn_rate",
    kpi_version=1,
    scope=(GOLD,),
    baseline=Decimal("0.10"),
    target=Decimal("0.09"),
    operator=ObjectiveOperator.AT_MOST,
    unit="%",
    starts_on=date(2026, 1, 1),
    ends_on=date(2026, 12, 31),
    owner=OWNER,
)
SAID = ObjectiveSet(
    kpi="churn_rate",
    kpi_version=1,
    scope=(GOLD,),
    baseline=Decimal("0.10"),
    target=Decimal("0.09"),
    operator=ObjectiveOperator.AT_MOST,
    unit="%",
    starts_on=date(2026, 1, 1),
    ends_on=date(2026, 12, 31),
    owner=OWNER,
)
REVISE = ReviseObjective(objective_id=CHURN, target=Decimal("0.08"), ends_on=date(2026, 12, 31), reason="Going well")
REVISED = ObjectiveRevised(target=Decimal("0.08"), ends_on=None, reason="Going well")
REVIEW = ReviewObjective(
    objective_id=CHURN, finding="Half way", decision="Call them all", measured=Decimal("0.095"), position=7
)
REVIEWED = ObjectiveReviewed(finding="Half way", decision="Call them all", measured=Decimal("0.095"), position=7)
ACHIEVE = RecordObjectiveAchieved(objective_id=CHURN, measured=Decimal("0.09"), kpi_version=1, position=9)
ACHIEVED = ObjectiveAchieved(measured=Decimal("0.09"), kpi_version=1, position=9)
MISS = RecordObjectiveMissed(objective_id=CHURN, measured=Decimal("0.091"), kpi_version=1, position=9)
MISSED = ObjectiveMissed(measured=Decimal("0.091"), kpi_version=1, position=9)
GIVE_UP = ReviseObjective(objective_id=CHURN, ends_on=date(2026, 1, 1), reason="No such segment any more")
GIVEN_UP = ObjectiveRevised(target=None, ends_on=date(2026, 1, 1), reason="No such segment any more")


def test_an_objective_is_set_once() -> None:
    given(decider).when(SET).then(SAID)
    given(decider, SAID).when(SET).then_nothing()
    given(decider, SAID, REVISED, GIVEN_UP).when(SET).then_nothing()
    for changes in ({"target": Decimal("0.05")}, {"scope": ()}, {"owner": None}, {"kpi_version": 2}):
        given(decider, SAID).when(but(SET, **changes)).refused("This objective is already set. Revise it instead.")


@pytest.mark.parametrize("command", [REVISE, REVIEW, ACHIEVE, MISS, GIVE_UP])
def test_what_was_not_set_can_be_neither_moved_nor_reached(command: Command) -> None:
    given(decider).when(command).refused("This objective is not set yet.", "objective_id")


def test_a_revision_says_only_what_moved() -> None:
    state = given(decider, SAID).when(REVISE).then(REVISED)
    assert (state.target, state.ends_on) == (Decimal("0.08"), date(2026, 12, 31))
    given(decider, SAID, REVISED).when(REVISE).then_nothing()
    longer = but(REVISE, target=None, ends_on=date(2027, 3, 31))
    moved = ObjectiveRevised(target=None, ends_on=date(2027, 3, 31), reason="Going well")
    state = given(decider, SAID).when(longer).then(moved)
    assert (state.target, state.ends_on) == (Decimal("0.09"), date(2027, 3, 31))
    given(decider, SAID, moved).when(longer).then_nothing()


def test_a_target_may_be_moved_to_zero() -> None:
    state = given(decider, SAID).when(but(REVISE, target=Decimal(0))).then(replace(REVISED, target=Decimal(0)))
    assert state.target == 0


def test_each_review_is_noted_once() -> None:
    given(decider, SAID).when(REVIEW).then(REVIEWED)
    given(decider, SAID, REVIEWED).when(REVIEW).then_nothing()
    second = but(REVIEW, decision="Visit them all")
    given(decider, SAID, REVIEWED).when(second).then(replace(REVIEWED, decision="Visit them all"))
    given(decider, SAID, REVIEWED, replace(REVIEWED, position=8)).when(REVIEW).then_nothing()
    given(decider, SAID, MISSED).when(REVIEW).then(REVIEWED)


def test_an_objective_is_reviewed_only_so_often() -> None:
    many = [replace(REVIEWED, position=number + 100) for number in range(MAX_REVIEWS)]
    given(decider, SAID, *many).when(REVIEW).refused("This objective has been reviewed 500 times. Set another one.")
    given(decider, SAID, *many[1:]).when(REVIEW).then(REVIEWED)


def test_a_result_is_recorded_once() -> None:
    given(decider, SAID).when(ACHIEVE).then(ACHIEVED)
    given(decider, SAID, ACHIEVED).when(ACHIEVE).then_nothing()
    given(decider, SAID).when(MISS).then(MISSED)
    given(decider, SAID, MISSED).when(MISS).then_nothing()


def test_of_two_results_at_once_the_second_is_refused() -> None:
    given(decider, SAID, ACHIEVED).when(MISS).refused("This objective has already been achieved. Review it instead.")
    given(decider, SAID, MISSED).when(ACHIEVE).refused("This objective has already been missed. Review it instead.")
    given(decider, SAID, ACHIEVED).when(but(ACHIEVE, measured=Decimal("0.08"))).refused(
        "This objective has already been achieved. Review it instead."
    )


@pytest.mark.parametrize(
    ("operator", "measured", "reached"),
    [("AT_MOST", "0.09", True), ("AT_MOST", "0.0901", False), ("AT_LEAST", "0.09", True), ("AT_LEAST", "0.08", False)],
)
def test_what_was_measured_decides_what_can_be_said_of_it(operator: str, measured: str, reached: bool) -> None:
    said, figure = replace(SAID, operator=ObjectiveOperator(operator)), Decimal(measured)
    wrong = but(MISS, measured=figure) if reached else but(ACHIEVE, measured=figure)
    words = "is" if reached else "is not"
    given(decider, said).when(wrong).refused(f"The target of 0.09 {words} reached by {measured}.", "measured")
    right = but(ACHIEVE, measured=figure) if reached else but(MISS, measured=figure)
    given(decider, said).when(right).then(
        replace(ACHIEVED, measured=figure) if reached else replace(MISSED, measured=figure)
    )


def test_a_result_is_measured_by_the_target_of_now() -> None:
    given(decider, SAID, REVISED).when(ACHIEVE).refused("The target of 0.08 is not reached by 0.09.", "measured")


def test_an_objective_with_a_result_moves_no_more() -> None:
    given(decider, SAID, ACHIEVED).when(REVISE).refused("This objective has already been achieved. Set another one.")
    given(decider, SAID, REVISED, ACHIEVED).when(REVISE).then_nothing()
    given(decider, SAID, MISSED).when(GIVE_UP).refused("This objective has already been missed. Set another one.")


def test_an_objective_that_is_given_up_ends_early_and_is_still_judged_or_taken_up_again() -> None:
    state = given(decider, SAID).when(GIVE_UP).then(GIVEN_UP)
    assert (state.target, state.ends_on) == (Decimal("0.09"), date(2026, 1, 1))
    given(decider, SAID, GIVEN_UP).when(GIVE_UP).then_nothing()
    given(decider, SAID, GIVEN_UP).when(MISS).then(MISSED)
    longer = replace(GIVEN_UP, ends_on=date(2026, 12, 31))
    given(decider, SAID, GIVEN_UP).when(but(GIVE_UP, ends_on=date(2026, 12, 31))).then(longer)


MANY = tuple(replace(GOLD, value=str(number)) for number in range(MAX_SCOPES + 1))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"kpi": ""}, "The kpi must not be blank.", "kpi"),
        ({"kpi_version": 0}, "The kpi version must be from 1 to 1000000.", "kpi_version"),
        ({"target": Decimal("NaN")}, "The target must be a number.", "target"),
        ({"target": Decimal("sNaN")}, "The target must be a number.", "target"),
        ({"baseline": Decimal(-(10**12))}, "The baseline must be less than 1000000000000.", "baseline"),
        ({"unit": " "}, "The unit must not be blank.", "unit"),
        ({"ends_on": date(2025, 12, 31)}, "The last day must not be before the first.", "ends_on"),
        ({"scope": MANY}, "Give at most 20 scopes.", "scope"),
        ({"scope": (GOLD, GOLD)}, "Two scopes are the same.", "scope"),
        ({"scope": (replace(GOLD, value=""),)}, "The segment of the scope must not be blank.", "scope"),
        ({"scope": (replace(GOLD, value=None),)}, "Give the value of a scope, except for the whole company.", "scope"),
        (
            {"scope": (replace(COMPANY, value="x"),)},
            "Give the value of a scope, except for the whole company.",
            "scope",
        ),
    ],
)
def test_an_objective_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(SET, **changes)).refused(sentence, field)


def test_an_objective_may_be_negative_of_one_day_and_for_the_whole_company() -> None:
    changes: dict[str, Any] = {"scope": (COMPANY,), "target": Decimal(-3), "ends_on": date(2026, 1, 1)}
    given(decider).when(but(SET, **changes)).then(replace(SAID, **changes))


@pytest.mark.parametrize(
    ("command", "changes", "sentence", "field"),
    [
        (REVISE, {"target": Decimal("Infinity")}, "The target must be a number.", "target"),
        (REVISE, {"ends_on": date(2025, 1, 1)}, "The last day must not be before the first.", "ends_on"),
        (REVIEW, {"finding": " "}, "The finding must not be blank.", "finding"),
        (REVIEW, {"decision": ""}, "The decision must not be blank.", "decision"),
        (REVIEW, {"measured": Decimal("NaN")}, "The measured must be a number.", "measured"),
        (REVIEW, {"position": -1}, "The position must be from 0 to 9223372036854775807.", "position"),
        (ACHIEVE, {"measured": Decimal("NaN")}, "The measured must be a number.", "measured"),
        (MISS, {"kpi_version": 0}, "The kpi version must be from 1 to 1000000.", "kpi_version"),
        (MISS, {"position": -1}, "The position must be from 0 to 9223372036854775807.", "position"),
    ],
)
def test_what_is_said_of_an_objective_must_make_sense(
    command: Command, changes: dict[str, Any], sentence: str, field: str
) -> None:
    given(decider, SAID).when(but(command, **changes)).refused(sentence, field)
