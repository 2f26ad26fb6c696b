"""When people could meet, what they still have to do, and what is overdue."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.absence import AbsenceKind, PlanAbsence
from domain.activity import (
    AcceptActivity,
    ActivityKind,
    ActivityStatus,
    CompleteActivity,
    ScheduleActivity,
)
from domain.business_calendar import CalendarDay, DefineBusinessCalendar, OpeningHours
from domain.kernel import Command, Refused, derived
from domain.values import Period
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.touchpoints import absences, agenda, calendars
from projections.touchpoints.agenda import AgendaEntry, free_busy_of_each, is_overdue, joined
from projections.touchpoints.agenda_load import AgendaLoad, agenda_load
from projections.touchpoints.free_slots import both, free_slots
from tests.conftest import House

VIEWS = (agenda.view, absences.view, calendars.view)
EVA, LUIS, ANA = derived("staff", 1), derived("staff", 2), derived("customer", 1)
FRIDAY = datetime(2026, 3, 6, tzinfo=UTC)
CALENDAR = DefineBusinessCalendar(
    business_calendar_id=derived("calendar", 1), key="sales", timezone="UTC",
    hours=tuple(
        OpeningHours(weekday=day, opens=opens, closes=closes)
        for day in range(1, 6)
        for opens, closes in (("09:00", "14:00"), ("16:00", "18:00"))
    ),
    holidays=(CalendarDay(day=date(2026, 3, 9), name="Fair"),),
)  # fmt: skip


def at(hour: float) -> datetime:
    return FRIDAY + timedelta(hours=hour)


def meeting(n: int, hour: float, long: float = 1, who: UUID | None = EVA, **more: Any) -> ScheduleActivity:
    said = {"starts_at": at(hour), "duration_s": round(long * 3600), **more}
    return ScheduleActivity(
        activity_id=derived("activity", n), kind=ActivityKind.MEETING, subject="x", staff_id=who, **said
    )


def lists_after(house: House, *commands: Command) -> Lists:
    for command in commands:
        house.log.do(command, Request(occurred_at=FRIDAY))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def starts(periods: list[Period]) -> list[float]:
    return [(period.start - FRIDAY) / timedelta(hours=1) for period in periods]


def test_people_meet_when_all_are_free_and_the_company_is_open(house: House) -> None:
    away = PlanAbsence(
        absence_id=derived("absence", 1), staff_id=LUIS, kind=AbsenceKind.HOLIDAY, starts_at=at(16), ends_at=at(17)
    )
    lists = lists_after(house, CALENDAR, meeting(1, 9), meeting(2, 11, 2, LUIS), meeting(3, 12, 1.5), away)

    def slots(minutes: int, *who: UUID, first: int = 3, **more: Any) -> list[float]:
        return starts(free_slots(lists, who, minutes, at(0), at(24 * 6), calendar="sales", first=first, **more))

    assert slots(60, EVA) == [10, 11, 16]
    assert slots(60, EVA, LUIS) == [10, 17, 24 * 4 + 9]
    assert slots(90, EVA, LUIS) == [24 * 4 + 9, 24 * 4 + 10.5, 24 * 4 + 12]
    assert slots(30, EVA, LUIS, first=2) == [10, 10.5]
    assert slots(301, EVA) == []
    assert slots(60, EVA, first=1, as_of=AsOf(position=1)) == [9]


def test_each_of_several_people_is_free_at_their_own_time(house: House) -> None:
    lists = lists_after(house, meeting(1, 9), meeting(2, 11, 2, LUIS))
    found = free_busy_of_each(lists, [EVA, LUIS], at(8), at(12))
    assert [starts(list(found[who].busy)) for who in (EVA, LUIS)] == [[9], [11]]
    assert [starts(list(found[who].free)) for who in (EVA, LUIS)] == [[8, 10], [8]]


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"minutes": 0}, "1,440 minutes"),
        ({"first": 101}, "100 slots"),
        ({"staff_ids": []}, "1 to 50 people"),
        ({"staff_ids": [UUID(int=n) for n in range(51)]}, "1 to 50 people"),
        ({"end": at(24 * 400)}, "366 days"),
        ({"calendar": "x"}, "no calendar 'x'"),
    ],
)
def test_a_question_for_too_much_is_refused(house: House, more: dict[str, Any], refusal: str) -> None:
    asked = {"staff_ids": [EVA], "minutes": 60, "start": at(0), "end": at(24), **more}
    with pytest.raises(Refused, match=refusal):
        free_slots(lists_after(house), **asked)


def test_the_load_says_what_is_to_be_done_what_is_overdue_and_what_policies_put_there(house: House) -> None:
    lists = lists_after(
        house, meeting(1, 9, origin_policy="first-visit"), meeting(2, 12), meeting(3, 24 * 9),
        AcceptActivity(activity_id=derived("activity", 2), staff_id=EVA), meeting(4, 8), meeting(5, 9, who=None),
        CompleteActivity(activity_id=derived("activity", 4), outcome="DONE"), meeting(6, 9, who=LUIS),
    )  # fmt: skip
    assert agenda_load(lists, at(11), staff_ids=[EVA]) == [AgendaLoad(EVA, 3, 1, at(10), 1, 2, 1)]
    everybody = agenda_load(lists, at(11))
    assert [(load.staff_id, load.open, load.overdue) for load in everybody] == [(EVA, 3, 1), (LUIS, 1, 1), (None, 1, 1)]
    assert agenda_load(lists, at(11), as_of=AsOf(position=1)) == [AgendaLoad(EVA, 1, 1, at(10), 0, 1, 1)]
    with pytest.raises(Refused, match="1 to 50"):
        agenda_load(lists, at(11), staff_ids=[])


def test_what_should_have_been_done_is_overdue() -> None:
    def entry(**said: Any) -> AgendaEntry:
        return AgendaEntry(UUID(int=1), **{"status": ActivityStatus.SCHEDULED, **said})

    assert is_overdue(entry(due_at=at(1)), at(1))
    assert not is_overdue(entry(due_at=at(1)), at(0.9))
    assert is_overdue(entry(starts_at=at(1), ends_at=at(2)), at(2))
    assert not is_overdue(entry(starts_at=at(1), ends_at=at(2)), at(1.5))
    assert is_overdue(entry(starts_at=at(1)), at(1.5))
    assert is_overdue(entry(due_at=at(1), status=ActivityStatus.STARTED), at(2))
    assert not is_overdue(entry(due_at=at(1), status=ActivityStatus.COMPLETED), at(2))
    assert not is_overdue(entry(), at(2))


spans = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=8).map(
    lambda found: [Period(at(start), at(start + long)) for start, long in sorted(found)]
)


@given(one=spans, other=spans)
def test_the_time_that_is_in_both_is_in_each(one: list[Period], other: list[Period]) -> None:
    ours, theirs = list(joined(one)), list(joined(other))
    found = list(both(ours, theirs))
    for half in range(100):
        moment = at(half / 2)
        assert any(moment in period for period in ours) is any(moment in period for period in one)
        wanted = any(moment in period for period in one) and any(moment in period for period in other)
        assert any(moment in period for period in found) is wanted
    assert all(before.end <= after.start for before, after in pairwise(found))
