"""What stands in the agenda, and when its people are free."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.absence import AbsenceKind, CancelAbsence, PlanAbsence
from domain.activity import (
    AcceptActivity,
    ActivityKind,
    ActivityStatus,
    CancelActivity,
    CompleteActivity,
    DeclineActivity,
    MissActivity,
    ReassignActivity,
    RescheduleActivity,
    ScheduleActivity,
    StartActivity,
)
from domain.kernel import Command, Refused, derived
from domain.values import Period
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from projections.touchpoints import agenda
from projections.touchpoints.absences import AbsenceEntry
from projections.touchpoints.agenda import ASSUMED, AgendaEntry, busy, free, free_busy
from tests.conftest import House

EVA, LUIS = derived("staff", 1), derived("staff", 2)
ANA = derived("customer", 1)
DAY = datetime(2026, 3, 3, tzinfo=UTC)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def meeting(n: int = 1, hour: float = 10, **more: Any) -> ScheduleActivity:
    said = {"duration_s": 3600, "staff_id": EVA, "customer_id": ANA, "subject": "Ana's renewal", **more}
    return ScheduleActivity(activity_id=derived("activity", n), kind=ActivityKind.MEETING, starts_at=at(hour), **said)


def holiday(start: float, end: float) -> PlanAbsence:
    return PlanAbsence(
        absence_id=derived("absence", 1), staff_id=EVA, kind=AbsenceKind.HOLIDAY, starts_at=at(start), ends_at=at(end)
    )


def done(house: House, *commands: Command) -> Lists:
    for command in commands:
        house.log.do(command, Request(occurred_at=DAY))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def entry(house: House, *commands: Command) -> AgendaEntry:
    (row,) = done(house, *commands).get(agenda.view, [derived("activity", 1)]).values()
    return row


def hours(periods: tuple[Period, ...]) -> list[tuple[float, float]]:
    return [tuple((edge - DAY) / timedelta(hours=1) for edge in (p.start, p.end)) for p in periods]  # type: ignore[misc]


ID = derived("activity", 1)
ENDS = [
    (StartActivity(activity_id=ID), ActivityStatus.STARTED),
    (CompleteActivity(activity_id=ID, outcome="SOLD", duration_s=7200), ActivityStatus.COMPLETED),
    (CancelActivity(activity_id=ID), ActivityStatus.CANCELLED),
    (MissActivity(activity_id=ID), ActivityStatus.MISSED),
]


def test_what_is_scheduled_stands_in_the_agenda_without_its_words(house: House) -> None:
    row = entry(house, meeting(related_noun="case", related_id=ANA, origin_policy="first-visit", remind_before_s=600))
    assert (row.staff_id, row.customer_id, row.kind) == (EVA, ANA, ActivityKind.MEETING)
    assert (row.starts_at, row.ends_at, row.due_at, row.all_day) == (at(10), at(11), None, False)
    assert (row.related_noun, row.related_id, row.origin_policy, row.remind_before_s) == (
        "case",
        ANA,
        "first-visit",
        600,
    )
    assert (row.status, row.accepted, row.scheduled_position) == (ActivityStatus.SCHEDULED, None, 1)
    assert "renewal" not in repr(row)


@pytest.mark.parametrize(("command", "status"), ENDS)
def test_the_agenda_says_what_became_of_it(house: House, command: Command, status: ActivityStatus) -> None:
    row = entry(house, meeting(), command)
    completed = status is ActivityStatus.COMPLETED
    assert (row.status, row.outcome, row.ends_at) == (
        status, "SOLD" if completed else None, at(12) if completed else at(11),
    )  # fmt: skip


def test_who_has_it_says_whether_they_will_do_it_and_is_asked_anew_if_it_moves_or_changes_hands(house: House) -> None:
    assert entry(house, meeting(), AcceptActivity(activity_id=ID, staff_id=EVA)).accepted is True
    assert entry(house, DeclineActivity(activity_id=ID, staff_id=EVA)).accepted is False
    assert entry(house, RescheduleActivity(activity_id=ID, starts_at=at(12))).accepted is None
    assert entry(house, AcceptActivity(activity_id=ID, staff_id=EVA)).accepted is True
    moved = entry(house, ReassignActivity(activity_id=ID, staff_id=LUIS))
    assert (moved.accepted, moved.staff_id, moved.rescheduled) == (None, LUIS, 1)
    assert (moved.starts_at, moved.ends_at) == (at(12), None)


def test_what_is_rescheduled_after_its_end_is_open_again_and_what_has_begun_goes_on(house: House) -> None:
    finished = CompleteActivity(activity_id=ID, outcome="SOLD")
    row = entry(house, meeting(), finished, RescheduleActivity(activity_id=ID, due_at=at(30)))
    assert (row.status, row.outcome, row.starts_at, row.due_at) == (ActivityStatus.SCHEDULED, None, None, at(30))
    row = entry(house, StartActivity(activity_id=ID), RescheduleActivity(activity_id=ID, due_at=at(31)))
    assert row.status is ActivityStatus.STARTED


def test_a_whole_day_lasts_a_day(house: House) -> None:
    assert entry(house, meeting(hour=0, all_day=True, duration_s=None)).ends_at == at(24)


def test_somebody_is_free_when_neither_busy_nor_away(house: House) -> None:
    lists = done(
        house, meeting(1, 10), meeting(2, 10.5), meeting(3, 12), meeting(4, 15, duration_s=None),
        meeting(5, 9, staff_id=LUIS), meeting(6, 7, duration_s=7200), holiday(17, 40),
    )  # fmt: skip
    found = free_busy(lists, EVA, at(8), at(20))
    assert hours(found.busy) == [(8, 9), (10, 11.5), (12, 13), (15, 15.5), (17, 20)]
    assert hours(found.free) == [(9, 10), (11.5, 12), (13, 15), (15.5, 17)]
    assert hours(free_busy(lists, LUIS, at(8), at(20)).busy) == [(9, 10)]


def test_what_came_to_nothing_or_will_not_be_done_leaves_somebody_free(house: House) -> None:
    cancelled = CancelAbsence(absence_id=derived("absence", 1))
    lists = done(
        house, meeting(1), CancelActivity(activity_id=ID), meeting(2),
        DeclineActivity(activity_id=derived("activity", 2), staff_id=EVA),
        meeting(3), MissActivity(activity_id=derived("activity", 3)), holiday(9, 12), cancelled,
    )  # fmt: skip
    assert free_busy(lists, EVA, at(8), at(20)).busy == ()
    head = house.log.reader.head()
    assert hours(free_busy(lists, EVA, at(8), at(20), as_of=AsOf(position=head - 1)).busy) == [(9, 12)]


def test_a_question_about_no_time_or_too_much_is_refused(house: House) -> None:
    lists = done(house)
    with pytest.raises(Refused, match="cannot end before"):
        free_busy(lists, EVA, at(8), at(7))
    with pytest.raises(Refused, match="366 days"):
        free_busy(lists, EVA, at(0), at(24 * 367))


starts = st.integers(-5, 30)
spans = st.lists(st.tuples(starts, st.none() | st.integers(0, 9), st.booleans()), max_size=8)


@given(meetings=spans, absences=st.lists(st.tuples(starts, st.integers(1, 9), st.booleans()), max_size=3))
def test_every_moment_is_either_free_or_busy_and_busy_if_and_only_if_something_takes_it(
    meetings: list[tuple[int, int | None, bool]], absences: list[tuple[int, int, bool]]
) -> None:
    def row(n: int, start: int, long: int | None, off: bool) -> AgendaEntry:
        status = ActivityStatus.CANCELLED if off else ActivityStatus.SCHEDULED
        ends = None if long is None else at(start + long)
        return AgendaEntry(UUID(int=n), status=status, starts_at=at(start), ends_at=ends)

    entries = [row(n, *each) for n, each in enumerate(meetings)]
    away = [
        AbsenceEntry(UUID(int=n), starts_at=at(start), ends_at=at(start + long), cancelled=off)
        for n, (start, long, off) in enumerate(absences)
    ]
    taken = busy(entries, away, at(0), at(24))
    left = free(taken, at(0), at(24))
    both = sorted([*taken, *left], key=lambda period: period.start)
    assert [period.start for period in both] == [at(0), *(period.end for period in both[:-1])]
    assert both[-1].end == at(24)
    for quarter in range(96):
        moment = at(quarter / 4)
        wanted = any(
            e.status is not ActivityStatus.CANCELLED and e.starts_at <= moment < (e.ends_at or e.starts_at + ASSUMED)
            for e in entries
            if e.starts_at
        ) or any(not a.cancelled and a.starts_at <= moment < a.ends_at for a in away if a.starts_at and a.ends_at)
        assert any(moment in period for period in taken) is wanted
        assert any(moment in period for period in left) is not wanted
