"""Durations are whole seconds, over days and within one, and never less than none."""

from datetime import UTC, datetime, timedelta

import pytest

from projections.service.durations import seconds_between

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lapse", "seconds"),
    [
        (timedelta(0), 0),
        (timedelta(microseconds=999_999), 0),
        (timedelta(seconds=1, microseconds=999_999), 1),
        (timedelta(days=2, hours=1, microseconds=1), 176_400),
        (timedelta(microseconds=-1), 0),
        (timedelta(days=-1), 0),
    ],
)
def test_the_seconds_that_are_whole_are_counted(lapse: timedelta, seconds: int) -> None:
    assert seconds_between(NOON, NOON + lapse) == seconds


def test_what_has_not_begun_or_not_ended_took_no_time() -> None:
    assert seconds_between(None, NOON) == seconds_between(NOON, None) == 0
