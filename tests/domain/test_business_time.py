"""Business time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.business_calendar import BusinessCalendarDefined, CalendarDay, ExtraOpening, OpeningHours
from domain.business_time import MAX_SEARCH_DAYS, add_business, business_seconds
from domain.kernel import Refused

HOUR = 3600
FORWARD, BACK = date(2026, 3, 29), date(2026, 10, 25)
"""The Sundays on which the clocks of Madrid skip 02:00 to 03:00, and show it twice."""


def calendar(
    *spans: tuple[str, str],
    zone: str = "Europe/Madrid",
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5),
    holidays: tuple[date, ...] = (),
    extra: tuple[tuple[date, str, str], ...] = (),
) -> BusinessCalendarDefined:
    return BusinessCalendarDefined(
        key="office",
        version=1,
        timezone=zone,
        hours=tuple(
            OpeningHours(weekday=weekday, opens=opens, closes=closes) for weekday in weekdays for opens, closes in spans
        ),
        holidays=tuple(CalendarDay(day=day, name="Fiesta") for day in holidays),
        extra_open=tuple(ExtraOpening(day=day, opens=opens, closes=closes) for day, opens, closes in extra),
    )


def local(text: str, zone: str = "Europe/Madrid") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
OFFICE = calendar(("09:00", "14:00"), ("16:00", "19:00"))
ALWAYS = calendar(("00:00", "24:00"), weekdays=EVERY_DAY)
NIGHT = calendar(("01:00", "04:00"), weekdays=EVERY_DAY)
FRIDAY, MONDAY = "2026-03-06", "2026-03-09"


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        (f"{FRIDAY}T09:00", f"{FRIDAY}T19:00", 8 * HOUR),
        (f"{FRIDAY}T00:00", f"{FRIDAY}T08:59", 0),
        (f"{FRIDAY}T13:59:30", f"{FRIDAY}T16:00:10", 40),
        (f"{FRIDAY}T18:00", f"{MONDAY}T10:30", 2 * HOUR + 1800),
        (f"{FRIDAY}T19:00", f"{MONDAY}T09:00", 0),
        (f"{MONDAY}T10:00", f"{FRIDAY}T10:00", 0),
        (f"{FRIDAY}T10:00:00.600000", f"{FRIDAY}T10:00:02.500000", 1),
        (f"{FRIDAY}T13:59:59.500000", f"{FRIDAY}T16:00:00.500000", 1),
    ],
)
def test_only_open_time_counts(start: str, end: str, seconds: int) -> None:
    assert business_seconds(OFFICE, local(start), local(end)) == seconds


@pytest.mark.parametrize(
    ("start", "seconds", "end"),
    [
        (f"{FRIDAY}T09:00", 5 * HOUR, f"{FRIDAY}T14:00"),
        (f"{FRIDAY}T09:00", 5 * HOUR + 1, f"{FRIDAY}T16:00:01"),
        (f"{FRIDAY}T18:30", HOUR, f"{MONDAY}T09:30"),
        (f"{FRIDAY}T20:00", 1, f"{MONDAY}T09:00:01"),
        (f"{FRIDAY}T20:00", 0, f"{FRIDAY}T20:00"),
        (f"{FRIDAY}T09:00:00.250000", 40 * HOUR, "2026-03-13T09:00:00.250000"),
    ],
)
def test_an_end_is_the_first_moment_by_which_so_much_open_time_has_passed(start: str, seconds: int, end: str) -> None:
    found = add_business(OFFICE, local(start), seconds)
    assert (found, found.tzinfo) == (local(end), UTC)


def test_the_moments_may_be_of_any_zone() -> None:
    bogota, madrid = ZoneInfo("America/Bogota"), local(f"{FRIDAY}T18:00")
    assert business_seconds(OFFICE, madrid.astimezone(bogota), local(f"{MONDAY}T10:00").astimezone(UTC)) == 2 * HOUR
    assert add_business(OFFICE, madrid.astimezone(bogota), 2 * HOUR) == local(f"{MONDAY}T10:00")


def test_public_holidays_and_those_of_the_calendar_are_closed() -> None:
    public, own = date(2026, 3, 9), date(2026, 3, 10)
    closed = calendar(("09:00", "17:00"), holidays=(own,))
    start, end = local(f"{FRIDAY}T16:00"), local("2026-03-11T10:00")
    assert business_seconds(closed, start, end, frozenset({public})) == 2 * HOUR
    assert business_seconds(closed, start, end) == 10 * HOUR
    assert add_business(closed, start, 2 * HOUR, frozenset({public})) == end


def test_special_hours_count_instead_of_the_weekly_ones_even_on_a_holiday() -> None:
    friday, sunday = date(2026, 3, 6), date(2026, 3, 8)
    special = calendar(
        ("09:00", "17:00"),
        holidays=(sunday,),
        extra=((friday, "09:00", "12:00"), (sunday, "10:00", "11:00"), (sunday, "12:00", "13:00")),
    )
    start, end = local(f"{FRIDAY}T00:00"), local(f"{MONDAY}T00:00")
    assert business_seconds(special, start, end) == 5 * HOUR
    assert business_seconds(special, start, end, frozenset({friday, sunday})) == 5 * HOUR
    assert add_business(special, start, 4 * HOUR + 1) == local("2026-03-08T12:00:01")


@pytest.mark.parametrize(("day", "hours"), [(FORWARD, 23), (BACK, 25), (date(2026, 3, 6), 24)])
def test_a_day_is_as_long_as_it_really_is(day: date, hours: int) -> None:
    start, end = local(f"{day}T00:00"), local(f"{day + timedelta(days=1)}T00:00")
    assert business_seconds(ALWAYS, start, end) == hours * HOUR
    assert add_business(ALWAYS, start, hours * HOUR) == end


@pytest.mark.parametrize(("day", "hours"), [(FORWARD, 2), (BACK, 4), (date(2026, 3, 6), 3)])
def test_a_night_shift_is_as_long_as_it_really_is(day: date, hours: int) -> None:
    start, end = local(f"{day}T00:00"), local(f"{day}T12:00")
    assert business_seconds(NIGHT, start, end) == hours * HOUR
    assert add_business(NIGHT, start, hours * HOUR) == local(f"{day}T04:00")


def test_usual_hours_are_those_of_the_clock_before_and_after_a_change() -> None:
    shop = calendar(("09:00", "10:00"), weekdays=EVERY_DAY)
    for day in (FORWARD, BACK):
        start = local(f"{day - timedelta(days=1)}T09:00")
        assert add_business(shop, start, 2 * HOUR) == local(f"{day}T10:00")


def test_a_time_that_the_clocks_skip_is_the_moment_at_which_they_do() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    start, end = local(f"{FORWARD}T00:00"), local(f"{FORWARD}T12:00")
    skipped = calendar(("02:10", "02:50"), weekdays=EVERY_DAY)
    assert business_seconds(skipped, start, end) == 0
    late = calendar(("02:30", "04:00"), weekdays=EVERY_DAY)
    assert business_seconds(late, start, end) == HOUR
    assert add_business(late, start, 1) == change + timedelta(seconds=1)
    early = calendar(("01:00", "02:30"), weekdays=EVERY_DAY)
    assert business_seconds(early, start, end) == HOUR
    assert add_business(early, start, HOUR) == change


def test_spans_that_touch_in_a_skipped_hour_do_not_overlap() -> None:
    cut = calendar(("01:00", "02:20"), ("02:20", "02:40"), ("02:40", "03:00"), ("03:00", "04:00"), weekdays=EVERY_DAY)
    for day, hours in ((FORWARD, 2), (BACK, 4)):
        assert business_seconds(cut, local(f"{day}T00:00"), local(f"{day}T12:00")) == hours * HOUR


def test_of_a_time_that_comes_twice_it_is_the_first() -> None:
    start, end = local(f"{BACK}T00:00"), local(f"{BACK}T12:00")
    assert business_seconds(calendar(("02:00", "02:30"), weekdays=EVERY_DAY), start, end) == 1800
    assert business_seconds(calendar(("02:30", "03:00"), weekdays=EVERY_DAY), start, end) == 1800 + HOUR


def test_a_day_that_a_country_skipped_had_no_open_time() -> None:
    always = calendar(("00:00", "24:00"), zone="Pacific/Apia", weekdays=EVERY_DAY)
    start, end = (local(f"2011-12-{day}T12:00", "Pacific/Apia") for day in (29, 31))
    assert business_seconds(always, start, end) == 24 * HOUR
    friday = calendar(("09:00", "17:00"), zone="Pacific/Apia", weekdays=(5,))
    assert business_seconds(friday, start, end) == 0


def test_midnight_itself_may_be_skipped_or_come_twice() -> None:
    for zone, changes in (
        ("America/Santiago", ("2025-09-07", 23)),  # from 00:00 to 01:00
        ("America/Havana", ("2025-11-02", 25)),  # from 01:00 back to 00:00
        ("America/Santiago", ("2025-04-05", 25)),  # from 24:00 back to 23:00
        ("America/Goose_Bay", ("2009-11-01", 25)),  # from 00:01 back to 23:01 of the day before
    ):
        always = calendar(("00:00", "24:00"), zone=zone, weekdays=EVERY_DAY)
        day, hours = changes
        start = local(f"{day}T00:00", zone)
        end = local(f"{date.fromisoformat(day) + timedelta(days=1)}T00:00", zone)
        assert business_seconds(always, start, end) == (end.astimezone(UTC) - start.astimezone(UTC)) // timedelta(
            seconds=1
        )
        assert business_seconds(always, start, end) == hours * HOUR


def test_a_new_day_that_the_clocks_take_back_counts_from_its_first_midnight() -> None:
    sunday = calendar(("00:00", "24:00"), zone="America/Goose_Bay", weekdays=(7,))
    midnight = datetime(2009, 11, 1, 3, tzinfo=UTC)  # at 00:01 the clocks go back to 23:01 of Saturday
    assert business_seconds(sunday, midnight, midnight + timedelta(minutes=31)) == 31 * 60
    assert add_business(sunday, midnight - timedelta(hours=1), 31 * 60) == midnight + timedelta(minutes=31)
    assert business_seconds(sunday, midnight + timedelta(minutes=31), midnight + timedelta(minutes=61)) == 30 * 60


def test_a_moment_without_a_zone_is_refused() -> None:
    naive, aware = datetime(2026, 3, 6, 10), local(f"{FRIDAY}T10:00")  # noqa: DTZ001  # that is what is refused
    for start, end in ((naive, aware), (aware, naive)):
        with pytest.raises(Refused, match="Give the moment with its offset"):
            business_seconds(OFFICE, start, end)
    with pytest.raises(Refused, match="Give the moment with its offset"):
        add_business(OFFICE, naive, 0)


@pytest.mark.parametrize(
    ("start", "seconds", "sentence"),
    [
        (local(f"{FRIDAY}T10:00"), -1, "The seconds of business time must be zero or more."),
        (local(f"{FRIDAY}T10:00"), 10**9, f"This calendar is not open so long within {MAX_SEARCH_DAYS} days."),
        (local(f"{FRIDAY}T10:00"), 10**18, "That is beyond the calendar."),
        (datetime.max.replace(tzinfo=UTC), 1, "That is beyond the calendar."),
    ],
)
def test_what_no_calendar_can_do_is_refused(start: datetime, seconds: int, sentence: str) -> None:
    with pytest.raises(Refused) as refusal:
        add_business(OFFICE, start, seconds)
    assert refusal.value.reason == sentence


ZONES = ["Europe/Madrid", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"]


@st.composite
def calendars(draw: st.DrawFn) -> BusinessCalendarDefined:
    """Calendars with hours at any time of the day, in zones whose clocks change at odd times."""
    minutes = sorted(draw(st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True)))
    clock = [f"{minute // 4:02}:{minute % 4 * 15:02}" for minute in minutes]
    return calendar(
        *zip(clock[::2], clock[1::2], strict=False),
        zone=draw(st.sampled_from(ZONES)),
        weekdays=tuple(sorted(draw(st.sets(st.integers(1, 7), min_size=1)))),
        holidays=(FORWARD, date(2026, 9, 6)),
        extra=((BACK, "00:15", "02:15"),),
    )


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(calendars(), MOMENTS, st.integers(0, 400_000), st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31))))
@settings(max_examples=150, deadline=None)
def test_what_was_added_is_what_has_passed(
    hours: BusinessCalendarDefined, start: datetime, seconds: int, days_off: frozenset[date]
) -> None:
    end = add_business(hours, start, seconds, days_off)
    assert business_seconds(hours, start, end, days_off) == seconds
    if seconds:
        assert business_seconds(hours, start, end - timedelta(microseconds=1), days_off) == seconds - 1


@given(calendars(), MOMENTS, st.integers(0, 30 * 24 * HOUR), st.integers(0, 30 * 24 * HOUR))
@settings(max_examples=100, deadline=None)
def test_open_time_adds_up(hours: BusinessCalendarDefined, start: datetime, first: int, second: int) -> None:
    middle = start + timedelta(seconds=first)
    end = middle + timedelta(seconds=second)
    halves = business_seconds(hours, start, middle) + business_seconds(hours, middle, end)
    assert business_seconds(hours, start, end) - halves in (0, 1)  # a part of a second on either side
    assert 0 <= halves <= first + second
