"""Intervals begin when the clocks show them, on the days on which the clocks change as well."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Refused
from projections.service.intervals import MAX_INTERVALS, cuts_of

MADRID = ZoneInfo("Europe/Madrid")


def shown(start: datetime, end: datetime, interval_s: int | None, zone: str = "Europe/Madrid") -> list[str]:
    """What the clocks show at each cut."""
    return [f"{cut.astimezone(ZoneInfo(zone)):%H:%M}" for cut in cuts_of(start, end, interval_s, zone)]


def test_an_hour_that_the_clocks_skip_begins_no_interval() -> None:
    start, end = datetime(2026, 3, 29, tzinfo=MADRID), datetime(2026, 3, 29, 5, tzinfo=MADRID)
    assert shown(start, end, 3600) == ["00:00", "01:00", "03:00", "04:00", "05:00"]
    assert shown(start, datetime(2026, 3, 30, tzinfo=MADRID), 4 * 3600) == [
        "00:00", "04:00", "08:00", "12:00", "16:00", "20:00", "00:00",
    ]  # fmt: skip


def test_an_hour_that_comes_twice_begins_two() -> None:
    start, end = datetime(2026, 10, 25, 1, tzinfo=MADRID), datetime(2026, 10, 25, 4, tzinfo=MADRID)
    assert shown(start, end, 3600) == ["01:00", "02:00", "02:00", "03:00", "04:00"]
    assert shown(start, end, 86_400) == ["01:00", "04:00"]


def test_the_first_and_the_last_are_cut_off_and_none_is_all_at_once() -> None:
    start, end = datetime(2026, 5, 1, 9, 7, tzinfo=MADRID), datetime(2026, 5, 1, 9, 40, tzinfo=MADRID)
    assert shown(start, end, 900) == ["09:07", "09:15", "09:30", "09:40"]
    assert shown(start, end, None) == ["09:07", "09:40"]
    assert shown(datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 5, 1, 14, tzinfo=UTC), 3600, "Asia/Kathmandu") == [
        "17:45", "18:00", "19:00", "19:45",
    ]  # fmt: skip


@given(
    start=st.integers(0, 10 * 366 * 86_400).map(lambda s: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    hours=st.integers(1, 100),
    quarters=st.integers(1, 96),
)
def test_intervals_follow_each_other_from_beginning_to_end(start: datetime, hours: int, quarters: int) -> None:
    end = start + timedelta(hours=hours)
    cuts = cuts_of(start, end, quarters * 900)
    assert (cuts[0], cuts[-1]) == (start, end)
    assert all(since < until <= since + timedelta(seconds=quarters * 900 + 3600) for since, until in pairwise(cuts))
    for cut in cuts[1:-1]:
        local = cut.astimezone(MADRID)
        assert (local.hour * 3600 + local.minute * 60 + local.second) % (quarters * 900) == 0


@pytest.mark.parametrize("interval_s", [0, 100, 899, 901, 86_400 + 900])
def test_an_interval_is_a_number_of_quarter_hours_up_to_a_day(interval_s: int) -> None:
    with pytest.raises(Refused, match="multiple of 900"):
        cuts_of(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), interval_s)


def test_too_much_is_refused_and_so_is_what_ends_before_it_begins() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(Refused, match="intervals"):
        cuts_of(start, start + timedelta(seconds=900 * (MAX_INTERVALS + 1)), 900)
    with pytest.raises(Refused, match="days"):
        cuts_of(start, start + timedelta(days=4_000), None)
    with pytest.raises(Refused, match="after the beginning"):
        cuts_of(start, start, None)
