"""Activities."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.activity import (
    MAX_REASSIGNMENTS,
    MAX_RESCHEDULES,
    AcceptActivity,
    ActivityAccepted,
    ActivityCancelled,
    ActivityCompleted,
    ActivityDeclined,
    ActivityKind,
    ActivityMissed,
    ActivityReassigned,
    ActivityRescheduled,
    ActivityScheduled,
    ActivityStarted,
    ActivityStatus,
    CancelActivity,
    CompleteActivity,
    DeclineActivity,
    MissActivity,
    ReassignActivity,
    RescheduleActivity,
    ScheduleActivity,
    StartActivity,
    decider,
)
from domain.kernel import Command, Event
from domain.values import MAX_DURATION_S
from tests.domain.scenario import but, given

VISIT, ANA, LUIS, EVA, DEAL = (UUID(int=number) for number in range(1, 6))
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
NOON, TOMORROW = TEN + timedelta(hours=2), TEN + timedelta(days=1)

SCHEDULE = ScheduleActivity(
    activity_id=VISIT,
    kind=ActivityKind.VISIT,
    subject="First visit",
    customer_id=ANA,
    staff_id=LUIS,
    starts_at=TEN,
    due_at=NOON,
    duration_s=3600,
    place="Calle Mayor 1",
    related_noun="opportunity",
    related_id=DEAL,
    origin_policy="first-visit",
    remind_before_s=900,
)
SCHEDULED = ActivityScheduled(
    customer_id=ANA,
    staff_id=LUIS,
    kind=ActivityKind.VISIT,
    subject="First visit",
    place="Calle Mayor 1",
    starts_at=TEN,
    due_at=NOON,
    duration_s=3600,
    related_noun="opportunity",
    related_id=DEAL,
    origin_policy="first-visit",
    remind_before_s=900,
)
MOVE = RescheduleActivity(activity_id=VISIT, starts_at=TOMORROW, reason="Ill")
MOVED = ActivityRescheduled(starts_at=TOMORROW, due_at=None, duration_s=None, reason="Ill")
GIVE = ReassignActivity(activity_id=VISIT, staff_id=EVA)
GIVEN = ActivityReassigned(staff_id=EVA, previous=LUIS)
ACCEPT, ACCEPTED = AcceptActivity(activity_id=VISIT, staff_id=LUIS), ActivityAccepted(staff_id=LUIS)
DECLINE = DeclineActivity(activity_id=VISIT, staff_id=LUIS, reason="Full")
DECLINED = ActivityDeclined(staff_id=LUIS, reason="Full")
START, STARTED = StartActivity(activity_id=VISIT), ActivityStarted()
COMPLETE = CompleteActivity(activity_id=VISIT, outcome="INTERESTED", note="Likes it", duration_s=1800)
COMPLETED = ActivityCompleted(outcome="INTERESTED", note="Likes it", duration_s=1800)
CANCEL, CANCELLED = CancelActivity(activity_id=VISIT, reason="Snow"), ActivityCancelled(reason="Snow")
MISS, MISSED = MissActivity(activity_id=VISIT), ActivityMissed()
REOPEN = RescheduleActivity(activity_id=VISIT, starts_at=TEN, due_at=NOON, duration_s=3600)
REOPENED = ActivityRescheduled(starts_at=TEN, due_at=NOON, duration_s=3600, reason=None)

DONE = "This activity was completed: reschedule it first."


def test_an_activity_is_scheduled_once_and_concerns_its_customer() -> None:
    state = given(decider).when(SCHEDULE).then(SCHEDULED)
    assert (state.customer_id, state.staff_id, state.status) == (ANA, LUIS, ActivityStatus.SCHEDULED)
    given(decider, SCHEDULED).when(SCHEDULE).then_nothing()
    given(decider, SCHEDULED, MOVED, GIVEN, COMPLETED).when(SCHEDULE).then_nothing()


@pytest.mark.parametrize("changes", [{"subject": "Second visit"}, {"staff_id": EVA}, {"place": None}])
def test_another_activity_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    given(decider, SCHEDULED).when(but(SCHEDULE, **changes)).refused(
        "This activity is already scheduled. Reschedule or reassign it instead."
    )


def test_a_task_needs_nobody_and_nothing_but_a_time() -> None:
    asked = ScheduleActivity(activity_id=VISIT, kind=ActivityKind.TASK, subject="Call back", due_at=TEN, all_day=True)
    given(decider).when(asked).then(
        ActivityScheduled(
            customer_id=None, staff_id=None, kind=ActivityKind.TASK, subject="Call back", due_at=TEN, all_day=True
        )
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"subject": " "}, "The subject must not be blank.", "subject"),
        ({"place": ""}, "The place must not be blank.", "place"),
        (
            {"starts_at": None, "due_at": None},
            "Give the start, or the moment by which it is due.",
            "starts_at",
        ),
        ({"due_at": TEN - timedelta(seconds=1)}, "An activity cannot be due before it starts.", "due_at"),
        (
            {"starts_at": TEN.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "starts_at",
        ),
        (
            {"due_at": TEN.replace(tzinfo=None)},
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "due_at",
        ),
        ({"duration_s": -1}, f"The duration must be from 0 to {MAX_DURATION_S} seconds.", "duration_s"),
        ({"remind_before_s": -1}, f"The duration must be from 0 to {MAX_DURATION_S} seconds.", "remind_before_s"),
        ({"related_noun": ""}, "The related noun must not be blank.", "related_noun"),
        ({"related_noun": None}, "Give the related noun and the related id together, or neither.", "related_id"),
        ({"related_id": None}, "Give the related noun and the related id together, or neither.", "related_id"),
    ],
)
def test_an_activity_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(SCHEDULE, **changes)).refused(sentence, field)


def test_something_may_be_due_when_it_starts() -> None:
    given(decider).when(but(SCHEDULE, due_at=TEN)).then(
        ActivityScheduled(
            customer_id=ANA,
            staff_id=LUIS,
            kind=ActivityKind.VISIT,
            subject="First visit",
            place="Calle Mayor 1",
            starts_at=TEN,
            due_at=TEN,
            duration_s=3600,
            related_noun="opportunity",
            related_id=DEAL,
            origin_policy="first-visit",
            remind_before_s=900,
        )
    )


@pytest.mark.parametrize("command", [MOVE, GIVE, ACCEPT, DECLINE, START, COMPLETE, CANCEL, MISS], ids=type)
def test_what_was_not_scheduled_cannot_happen(command: Command) -> None:
    given(decider).when(command).refused("This activity is not scheduled yet.", "activity_id")


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (MOVE, MOVED),
        (GIVE, GIVEN),
        (ACCEPT, ACCEPTED),
        (DECLINE, DECLINED),
        (START, STARTED),
        (COMPLETE, COMPLETED),
        (CANCEL, CANCELLED),
        (MISS, MISSED),
    ],
    ids=str,
)
def test_everything_is_done_once(command: Command, event: Event) -> None:
    given(decider, SCHEDULED).when(command).then(event)
    given(decider, SCHEDULED, event).when(command).then_nothing()


@pytest.mark.parametrize(
    ("end", "word"), [(COMPLETED, "completed"), (CANCELLED, "cancelled"), (MISSED, "missed")], ids=str
)
@pytest.mark.parametrize("command", [GIVE, ACCEPT, DECLINE, START], ids=type)
def test_what_has_come_to_an_end_stands_still(command: Command, end: Event, word: str) -> None:
    given(decider, SCHEDULED, end).when(command).refused(f"This activity was {word}: reschedule it first.")


def test_what_ended_in_one_way_does_not_end_in_another() -> None:
    given(decider, SCHEDULED, COMPLETED).when(CANCEL).refused(DONE)
    given(decider, SCHEDULED, COMPLETED).when(MISS).refused(DONE)
    given(decider, SCHEDULED, COMPLETED).when(but(COMPLETE, outcome="NO_SHOW")).refused(DONE)
    given(decider, SCHEDULED, CANCELLED).when(COMPLETE).refused("This activity was cancelled: reschedule it first.")
    given(decider, SCHEDULED, MISSED).when(CANCEL).refused("This activity was missed: reschedule it first.")


def test_what_was_taken_for_missed_may_turn_out_to_be_done() -> None:
    given(decider, SCHEDULED, MISSED).when(COMPLETE).then(COMPLETED)


def test_what_has_begun_cannot_be_missed_but_completed_or_cancelled() -> None:
    given(decider, SCHEDULED, STARTED).when(MISS).refused("This activity has begun: complete or cancel it instead.")
    given(decider, SCHEDULED, STARTED).when(COMPLETE).then(COMPLETED)
    given(decider, SCHEDULED, STARTED).when(CANCEL).then(CANCELLED)


def test_an_outcome_must_make_sense() -> None:
    given(decider, SCHEDULED).when(but(COMPLETE, outcome="")).refused("The outcome must not be blank.", "outcome")
    given(decider, SCHEDULED).when(but(COMPLETE, duration_s=-1)).refused(
        f"The duration must be from 0 to {MAX_DURATION_S} seconds.", "duration_s"
    )


@pytest.mark.parametrize("end", [COMPLETED, CANCELLED, MISSED], ids=str)
def test_an_end_can_be_taken_back(end: Event) -> None:
    state = given(decider, SCHEDULED, STARTED, end).when(REOPEN).then(REOPENED)
    assert state.status is ActivityStatus.SCHEDULED
    assert (state.times, state.accepted, state.completed) == ((TEN, NOON, 3600), None, None)
    given(decider, SCHEDULED, STARTED, end, REOPENED).when(REOPEN).then_nothing()
    given(decider, SCHEDULED, STARTED, end, REOPENED).when(COMPLETE).then(COMPLETED)
    assert given(decider, SCHEDULED, end).when(MOVE).then(MOVED).status is ActivityStatus.SCHEDULED


def test_what_is_open_need_not_be_reopened() -> None:
    given(decider, SCHEDULED).when(REOPEN).then_nothing()
    given(decider, SCHEDULED, STARTED).when(REOPEN).then_nothing()
    assert given(decider, SCHEDULED, STARTED).when(MOVE).then(MOVED).status is ActivityStatus.STARTED


def test_what_is_moved_keeps_one_time_at_least() -> None:
    given(decider, SCHEDULED).when(RescheduleActivity(activity_id=VISIT)).refused(
        "Give the start, or the moment by which it is due.", "starts_at"
    )
    given(decider, SCHEDULED).when(but(MOVE, due_at=TEN)).refused(
        "An activity cannot be due before it starts.", "due_at"
    )


def test_an_activity_is_not_rescheduled_without_end() -> None:
    moves = [
        ActivityRescheduled(starts_at=TEN + timedelta(days=day), due_at=None, duration_s=None, reason=None)
        for day in range(2, MAX_RESCHEDULES + 2)
    ]
    given(decider, SCHEDULED, *moves[1:]).when(MOVE).then(MOVED)
    given(decider, SCHEDULED, *moves).when(MOVE).refused(
        f"An activity is rescheduled {MAX_RESCHEDULES} times at most: schedule another one."
    )


def test_an_activity_is_not_passed_on_without_end() -> None:
    back = ActivityReassigned(staff_id=LUIS, previous=EVA)
    half = MAX_REASSIGNMENTS // 2
    given(decider, SCHEDULED, *[GIVEN, back] * (half - 1), GIVEN).when(but(GIVE, staff_id=LUIS)).then(back)
    given(decider, SCHEDULED, *[GIVEN, back] * half).when(GIVE).refused(
        f"An activity is reassigned {MAX_REASSIGNMENTS} times at most: schedule another one."
    )


def test_only_who_has_it_answers_and_may_change_their_mind() -> None:
    given(decider, SCHEDULED, DECLINED).when(ACCEPT).then(ACCEPTED)
    given(decider, SCHEDULED, ACCEPTED).when(DECLINE).then(DECLINED)
    for command in (ACCEPT, DECLINE):
        given(decider, SCHEDULED).when(but(command, staff_id=EVA)).refused(
            "Somebody else has this activity.", "staff_id"
        )


def test_in_a_race_between_accepting_and_reassigning_the_first_one_wins() -> None:
    given(decider, SCHEDULED, GIVEN).when(ACCEPT).refused("Somebody else has this activity.", "staff_id")
    state = given(decider, SCHEDULED, ACCEPTED).when(GIVE).then(GIVEN)
    assert (state.staff_id, state.accepted) == (EVA, None)


def test_nobody_answers_for_what_nobody_has() -> None:
    free = ActivityScheduled(customer_id=None, staff_id=None, kind=ActivityKind.TASK, subject="Call", due_at=TEN)
    given(decider, free).when(ACCEPT).refused("Nobody has this activity: reassign it to them first.", "staff_id")
    given(decider, free).when(GIVE).then(ActivityReassigned(staff_id=EVA, previous=None))


def test_what_was_moved_must_be_accepted_anew() -> None:
    given(decider, SCHEDULED, ACCEPTED, MOVED).when(ACCEPT).then(ACCEPTED)
