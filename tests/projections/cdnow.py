"""The purchases of the CDNOW customers, where the shared data is there: all of them, by day."""

import gzip
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import pytest

WHOLE_FILE = Path(__file__).parents[3] / "shared/data/cdnow/CDNOW_master.txt.gz"
CALIBRATION_END = date(1997, 9, 30)

needs_cdnow = pytest.mark.skipif(not WHOLE_FILE.exists(), reason="the shared data is not here")


def days_of() -> dict[str, dict[date, float]]:
    """What each customer spent on each day."""
    found: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    with gzip.open(WHOLE_FILE, "rt") as lines:
        next(lines)
        for line in lines:
            customer, day, _, dollars = line.split()
            found[customer][datetime.strptime(f"{day}+0000", "%Y%m%d%z").date()] += float(dollars)
    return found


def until(end: date, days: dict[str, dict[date, float]]) -> tuple[list[int], list[float], list[float], list[float]]:
    """Frequency, recency and age in weeks, and what repeat purchases were worth on average, for each customer."""
    frequency, recency, age, worth = [], [], [], []
    for _, bought in sorted(days.items()):
        seen = sorted(day for day in bought if day <= end)
        frequency.append(len(seen) - 1)
        recency.append((seen[-1] - seen[0]).days / 7)
        age.append((end - seen[0]).days / 7)
        worth.append(sum(bought[day] for day in seen[1:]) / max(1, len(seen) - 1))
    return frequency, recency, age, worth
