"""Nights: on the clocks of the business, also when these are changed."""

from datetime import time

import pytest

from processes.nights import following, next_night
from tests.processes.shop import local, moment


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-03-28 02:59", "2026-03-28 03:00"),
        ("2026-03-28 03:00", "2026-03-29 03:00"),  # the clocks go forward from two to three
        ("2026-03-29 01:59", "2026-03-29 03:00"),
        ("2026-03-29 12:00", "2026-03-30 03:00"),
        ("2026-10-25 01:00", "2026-10-25 03:00"),  # the clocks go back from three to two
        ("2026-12-31 03:00", "2027-01-01 03:00"),
    ],
)
def test_the_next_night_follows_the_clocks_of_the_business(now: str, night: str) -> None:
    assert local(next_night(moment(now), time(3))) == night


def test_looks_are_counted() -> None:
    assert [following("sweep 1"), following("version 2: look 99")] == ["sweep 2", "version 2: look 100"]
