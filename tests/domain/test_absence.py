"""Absences."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.absence import (
    MAX_ABSENCE_DAYS,
    AbsenceCancelled,
    AbsenceKind,
    AbsencePlanned,
    CancelAbsence,
    PlanAbsence,
    decider,
)
from domain.kernel import Event
from tests.domain.scenario import but, given

AUGUST, LUIS, EVA = UUID(int=1), UUID(int=2), UUID(int=3)
START, END = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 22, tzinfo=UTC)
LATER = END + timedelta(days=7)

PLAN = PlanAbsence(absence_id=AUGUST, staff_id=LUIS, kind=AbsenceKind.HOLIDAY, starts_at=START, ends_at=END)
PLANNED = AbsencePlanned(staff_id=LUIS, kind=AbsenceKind.HOLIDAY, starts_at=START, ends_at=END)
CHANGE = PlanAbsence(absence_id=AUGUST, staff_id=LUIS, kind=AbsenceKind.LEAVE, starts_at=START, ends_at=LATER)
CHANGED = AbsencePlanned(staff_id=LUIS, kind=AbsenceKind.LEAVE, starts_at=START, ends_at=LATER)
CANCEL, CANCELLED = CancelAbsence(absence_id=AUGUST, reason="Crisis"), AbsenceCancelled(reason="Crisis")


def test_an_absence_is_planned_once() -> None:
    given(decider).when(PLAN).then(PLANNED)
    given(decider, PLANNED).when(PLAN).then_nothing()
    given(decider, PLANNED, CANCELLED).when(PLAN).then_nothing()


def test_the_last_word_on_an_absence_counts() -> None:
    assert given(decider, PLANNED).when(CHANGE).then(CHANGED).planned == CHANGED
    given(decider, PLANNED, CHANGED).when(CHANGE).then_nothing()
    given(decider, PLANNED, CHANGED).when(PLAN).then(PLANNED)


@pytest.mark.parametrize("before", [(PLANNED,), (PLANNED, CANCELLED)])
def test_the_absence_of_somebody_else_cannot_have_the_same_id(before: tuple[Event, ...]) -> None:
    given(decider, *before).when(but(PLAN, staff_id=EVA)).refused(
        "This absence is somebody else's. Plan another one instead.", "staff_id"
    )


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"ends_at": START}, "The ends at must be after the start.", "ends_at"),
        ({"starts_at": LATER}, "The ends at must be after the start.", "ends_at"),
        (
            {"ends_at": START + timedelta(days=MAX_ABSENCE_DAYS, seconds=1)},
            f"An absence lasts at most {MAX_ABSENCE_DAYS} days.",
            "ends_at",
        ),
        (
            {"starts_at": START.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "starts_at",
        ),
        (
            {"ends_at": END.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "ends_at",
        ),
    ],
)
def test_an_absence_must_make_sense(said: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(PLAN, **said)).refused(sentence, field)
    given(decider, PLANNED).when(but(PLAN, **said)).refused(sentence, field)


def test_an_absence_is_cancelled_once() -> None:
    given(decider, PLANNED).when(CANCEL).then(CANCELLED)
    given(decider, PLANNED, CANCELLED).when(CANCEL).then_nothing()


def test_in_a_race_with_a_cancellation_the_change_is_refused() -> None:
    given(decider, PLANNED, CANCELLED).when(CHANGE).refused("This absence was cancelled. Plan another one instead.")
    given(decider, PLANNED, CHANGED).when(CANCEL).then(CANCELLED)


def test_what_was_not_planned_is_not_cancelled() -> None:
    given(decider).when(CANCEL).refused("This absence is not planned yet.", "absence_id")
