"""The office, as policies remember it: its open hours and its business days."""

from dataclasses import replace
from datetime import date, time

import pytest

from domain.business_calendar import CalendarDay, OpeningHours
from domain.kernel import Refused
from processes.office import Office
from projections.touchpoints.calendars import OFFICE
from tests.processes.shop import NEW_YORK, local, moment

NIGHTS = replace(
    OFFICE,
    key="nights",
    timezone=NEW_YORK,
    country="US",
    hours=tuple(OpeningHours(weekday=day, opens="20:00", closes="24:00") for day in range(1, 8)),
)


@pytest.mark.parametrize(
    ("start", "days", "then"),
    [
        ("2026-01-16 17:00", 2, "2026-01-20 17:00"),  # Friday, and Tuesday
        ("2026-01-17 11:00", 1, "2026-01-19 11:00"),  # from a Saturday, Monday is the first
        ("2026-01-17 11:00", 0, "2026-01-17 11:00"),
        ("2026-01-05 09:00", 1, "2026-01-07 09:00"),  # Epiphany
        ("2026-04-01 10:00", 2, "2026-04-06 10:00"),  # Good Friday; Easter Monday is no national holiday
        ("2026-01-30 10:00", 1, "2026-02-02 10:00"),  # the end of a month
        ("2025-12-31 23:30", 1, "2026-01-02 23:30"),  # the end of a year
        ("2026-03-27 02:30", 1, "2026-03-30 02:30"),  # the clocks went forward in between
        ("2026-10-23 17:00", 1, "2026-10-26 17:00"),  # and back
    ],
)
def test_business_days_pass_over_weekends_and_holidays(start: str, days: int, then: str) -> None:
    assert local(Office().after_days(moment(start), days)) == then


def test_a_business_day_may_be_kept_at_another_time() -> None:
    assert local(Office().after_days(moment("2026-01-16 17:00"), 1, at=time(9))) == "2026-01-19 09:00"


@pytest.mark.parametrize(
    ("start", "hours", "then"),
    [
        ("2026-01-16 17:00", 1, "2026-01-16 18:00"),
        ("2026-01-16 17:30", 1, "2026-01-19 09:30"),
        ("2026-01-17 12:00", 4, "2026-01-19 13:00"),
        ("2025-12-31 17:00", 9, "2026-01-02 17:00"),  # New Year's Day is that of the next year
        ("2026-01-01 17:00", 2500, "2027-02-05 16:00"),
        ("2026-01-01 17:00", 5000, "2028-03-09 14:00"),  # as far as it takes, with the holidays of all years
    ],
)
def test_business_hours_pass_while_the_office_is_open(start: str, hours: int, then: str) -> None:
    office = Office()
    assert local(office.after(moment(start), hours * 3600)) == then
    assert office.between(moment(start), moment(then)) == hours * 3600


def test_a_calendar_that_was_defined_counts_and_the_office_s_for_whoever_has_none() -> None:
    christmas = replace(OFFICE, version=1, country=None, holidays=(CalendarDay(day=date(2026, 1, 19), name="Fair"),))
    office = Office({"office": christmas, "nights": NIGHTS})
    assert local(office.after_days(moment("2026-01-16 17:00"), 1)) == "2026-01-20 17:00"
    assert office.calendar("elsewhere") is office.calendar() is christmas
    assert local(office.after(moment("2026-01-16 17:00"), 3600, "nights"), NEW_YORK) == "2026-01-16 21:00"
    assert Office().calendar("elsewhere") == OFFICE


def test_days_are_those_of_the_calendar_s_zone() -> None:
    office = Office({"nights": NIGHTS})
    assert office.opens(date(2026, 7, 5), "nights")
    assert not office.opens(date(2026, 1, 1), "nights")
    assert local(office.after_days(moment("2026-01-01 03:00"), 1, "nights"), NEW_YORK) == "2026-01-02 21:00"


def test_an_office_that_never_opens_is_not_waited_for() -> None:
    closed = replace(OFFICE, hours=())
    with pytest.raises(Refused, match="business days"):
        Office({"office": closed}).after_days(moment("2026-01-01 03:00"), 1)


def test_a_stretch_of_time_has_the_open_hours_in_it() -> None:
    spans = list(Office().spans(moment("2026-01-16 17:00"), moment("2026-01-19 10:00")))
    assert [(local(each.start), local(each.end)) for each in spans] == [
        ("2026-01-16 17:00", "2026-01-16 18:00"),
        ("2026-01-19 09:00", "2026-01-19 10:00"),
    ]
