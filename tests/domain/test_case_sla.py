"""Service levels of a case."""

from datetime import UTC, datetime
from uuid import UUID

from domain.case_sla import (
    BreachSla,
    SetSlaTarget,
    SlaBreached,
    SlaMilestone,
    SlaTargetSet,
    SlaWarned,
    WarnSla,
    decider,
)
from domain.kernel import derived
from tests.domain.scenario import but, given

CASE, ANA = UUID(int=1), UUID(int=2)
NOON, EVENING = datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 1, 5, 18, tzinfo=UTC)
RESOLUTION, RESPONSE = SlaMilestone.RESOLUTION, SlaMilestone.FIRST_RESPONSE
SET = SetSlaTarget(case_id=CASE, customer_id=ANA, milestone=RESOLUTION, due_at=NOON, sla="standard", sla_version=1)
TARGET = SlaTargetSet(case_id=CASE, customer_id=ANA, milestone=RESOLUTION, due_at=NOON, sla="standard", sla_version=1)
LATER = SlaTargetSet(case_id=CASE, customer_id=ANA, milestone=RESOLUTION, due_at=EVENING, sla="standard", sla_version=1)
WARN, BREACH = WarnSla(case_id=CASE, milestone=RESOLUTION), BreachSla(case_id=CASE, milestone=RESOLUTION)
WARNED = SlaWarned(case_id=CASE, milestone=RESOLUTION, due_at=NOON)
BREACHED = SlaBreached(case_id=CASE, milestone=RESOLUTION, due_at=NOON)


def test_the_service_levels_of_a_case_are_a_stream_of_their_own() -> None:
    assert {decider.stream_of(each) for each in (SET, WARN, BREACH)} == {derived("case_sla", CASE)}


def test_a_target_is_set_once_and_may_move() -> None:
    state = given(decider).when(SET).then(TARGET)
    assert decider.customer_of(WARN, state) == ANA
    given(decider, TARGET).when(SET).then_nothing()
    given(decider, TARGET).when(but(SET, customer_id=None)).then_nothing()
    given(decider, TARGET).when(but(SET, due_at=EVENING)).then(LATER)
    given(decider, TARGET, LATER).when(SET).then(TARGET)


def test_a_target_says_when_and_under_which_sla() -> None:
    given(decider).when(but(SET, due_at=NOON.replace(tzinfo=None))).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "due_at"
    )
    given(decider).when(but(SET, sla=" ")).refused("The SLA must not be blank.", "sla")
    given(decider).when(but(SET, sla_version=0)).refused("The versions of an SLA count from 1.", "sla_version")


def test_each_target_is_warned_of_and_missed_once() -> None:
    for command, event in ((WARN, WARNED), (BREACH, BREACHED)):
        given(decider, TARGET).when(command).then(event)
        given(decider, TARGET, event).when(command).then_nothing()
        given(decider, TARGET).when(but(command, milestone=RESPONSE)).refused(
            "This case has no such target yet.", "milestone"
        )
        given(decider).when(command).refused("This case has no such target yet.", "milestone")
    given(decider, TARGET, WARNED).when(BREACH).then(BREACHED)
    given(decider, TARGET, BREACHED).when(WARN).refused("This target has already been missed.", "milestone")


def test_a_target_that_moved_is_warned_of_and_missed_anew() -> None:
    given(decider, TARGET, WARNED, LATER).when(WARN).then(SlaWarned(case_id=CASE, milestone=RESOLUTION, due_at=EVENING))
    given(decider, TARGET, BREACHED, LATER).when(BREACH).then(
        SlaBreached(case_id=CASE, milestone=RESOLUTION, due_at=EVENING)
    )


def test_a_clock_that_runs_for_a_target_that_moved_comes_too_late() -> None:
    for command, event in ((WARN, WARNED), (BREACH, BREACHED)):
        given(decider, TARGET).when(but(command, due_at=NOON)).then(event)
        given(decider, TARGET, LATER).when(but(command, due_at=NOON)).refused("This target has moved since.", "due_at")
        given(decider, TARGET).when(but(command, due_at=NOON.replace(tzinfo=None))).refused(
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "due_at"
        )
