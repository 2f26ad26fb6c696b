"""The calendar: months as people count them, and the hours in which nobody is disturbed."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes.calendar import Calendar, Days, Months, country_code
from tests.processes.shop import MADRID, NEW_YORK, local, moment


@pytest.mark.parametrize(
    ("anchor", "months", "then"),
    [
        ("2026-01-31 18:00", 1, "2026-02-28 10:00"),
        ("2026-01-31 18:00", 2, "2026-03-31 10:00"),  # from the anchor: not twice one month
        ("2028-01-31 18:00", 1, "2028-02-29 10:00"),
        ("2028-02-29 18:00", 12, "2029-02-28 10:00"),
        ("2026-12-31 18:00", 2, "2027-02-28 10:00"),
        ("2026-05-31 18:00", 1, "2026-06-30 10:00"),
    ],
)
def test_months_end_where_the_shorter_month_ends(anchor: str, months: int, then: str) -> None:
    assert local(Calendar(MADRID).after(moment(anchor), Months(months), at=time(10))) == then


@pytest.mark.parametrize(
    ("zone", "anchor", "delay", "at", "then"),
    [
        # the clocks skip this time: as much later as they skip
        (NEW_YORK, "2026-02-08 12:00", Months(1), time(2, 30), "2026-03-08T03:30:00-04:00"),
        (MADRID, "2026-02-28 12:00", Days(29), time(2, 30), "2026-03-29T03:30:00+02:00"),
        # this time comes twice: the first of them
        (MADRID, "2026-09-25 12:00", Months(1), time(2, 30), "2026-10-25T02:30:00+02:00"),
        (NEW_YORK, "2026-10-01 12:00", Months(1), time(1, 30), "2026-11-01T01:30:00-04:00"),
    ],
)
def test_times_that_the_clocks_skip_or_repeat(
    zone: str, anchor: str, delay: Months | Days, at: time, then: str
) -> None:
    found = Calendar(zone).after(moment(anchor, zone), delay, at=at)
    assert found.astimezone(ZoneInfo(zone)).isoformat() == then


def test_without_a_time_of_day_it_is_that_of_the_anchor() -> None:
    assert local(Calendar(MADRID).after(moment("2026-03-10 17:45"), Days(30))) == "2026-04-09 17:45"


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-03-10 12:00", "2026-03-10 12:00"),
        ("2026-03-10 09:00", "2026-03-10 09:00"),
        ("2026-03-10 08:59", "2026-03-10 09:00"),
        ("2026-03-10 20:59", "2026-03-10 20:59"),
        ("2026-03-10 21:00", "2026-03-11 09:00"),
        ("2026-03-10 00:00", "2026-03-10 09:00"),
        ("2026-03-14 21:30", "2026-03-16 09:00"),  # Saturday night: Monday
        ("2026-03-15 12:00", "2026-03-16 09:00"),  # Sunday
        ("2026-12-24 22:00", "2026-12-26 09:00"),  # Christmas Eve, late
        ("2026-10-12 12:00", "2026-10-13 09:00"),  # Fiesta Nacional
        ("2027-01-01 12:00", "2027-01-02 09:00"),
    ],
)
def test_nobody_is_written_to_by_night_on_sundays_or_on_holidays(at: str, allowed: str) -> None:
    assert local(Calendar(MADRID, "ES").allowed(moment(at))) == allowed


@given(
    st.integers(946_684_800, 2_840_140_800).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.sampled_from([MADRID, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]),
    st.sampled_from(["ES", "US", "JP", "Narnia"]),
)
def test_what_is_allowed_is_never_earlier_and_stays_as_it_is(at: datetime, zone: str, country: str) -> None:
    calendar = Calendar(zone, country)
    allowed = calendar.allowed(at)
    assert allowed >= at
    assert calendar.allowed(allowed) == allowed
    assert 9 <= allowed.astimezone(ZoneInfo(zone)).hour < 21


@pytest.mark.parametrize(
    ("written", "code"),
    [("ES", "ES"), ("es", "ES"), ("ESP", "ES"), ("Spain", "ES"), ("España", "ES"), ("EIRE", "IE"),
     ("United Kingdom", "GB"), ("United  States", "US"), ("Narnia", "Narnia"), ("", "")],
)  # fmt: skip
def test_countries_are_known_by_what_people_write(written: str, code: str) -> None:
    assert country_code(written) == code
