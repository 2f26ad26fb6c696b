"""A question to a cube: what is measured, told apart by what, of which facts, in which order, as of when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from domain.kernel import Refused
from domain.values import must_be_zone
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.figures.cube_filters import MAX_FILTERS, CubeFilter, must_be_near, size
from projections.periods import DAY, first_day, last_day

MAX_CUBE_ROWS = 1_000
MAX_MEASURES = 20
MAX_DIMENSIONS = 10
MAX_BUCKETS = 1_000
"""Among how many buckets one is looked for; beyond that it is computed."""
MAX_COMPARED = 5
"""How many ranges of dates one question may compare."""

Days = tuple[date, date]
"""The first day and the last, both included."""


@dataclass(frozen=True, slots=True)
class TimeDimension:
    """A time by whose buckets facts are told apart, if it has a granularity, and the days to which it is restricted.

    With `compare` the question is asked once for each of those ranges.
    """

    dimension: str
    granularity: Granularity | None = None
    date_range: Days | None = None
    compare: Sequence[Days] = ()


@dataclass(frozen=True, slots=True)
class CubeQuery:
    """What is asked of a cube. Days are days of `zone`."""

    measures: Sequence[str]
    dimensions: Sequence[str] = ()
    time_dimensions: Sequence[TimeDimension] = ()
    filters: Sequence[CubeFilter] = ()
    segments: Sequence[str] = ()
    order_by: Sequence[tuple[str, bool]] = ()
    """Members, and whether descending."""
    first: int = 100
    zone: str = BUSINESS_ZONE
    as_of: AsOf = NOW

    def ranges(self) -> list["CubeQuery"]:
        """The question for each range of dates that is compared: the question itself, if none are."""
        compared = [time for time in self.time_dimensions if time.compare]
        if not compared:
            return [self]
        if len(compared) > 1 or compared[0].date_range is not None or len(compared[0].compare) > MAX_COMPARED:
            raise Refused(f"Compare up to {MAX_COMPARED} ranges of one time, instead of a dateRange.", "timeDimensions")
        rest = [time for time in self.time_dimensions if time is not compared[0]]
        return [
            replace(self, time_dimensions=[replace(compared[0], date_range=days, compare=()), *rest])
            for days in compared[0].compare
        ]


def must_be_few(query: CubeQuery) -> None:
    """Raises `Refused` for a question that asks too much at once, for days that cannot be, or in no time zone."""
    must_be_zone(query.zone, "timeZone")
    if not 0 < query.first <= MAX_CUBE_ROWS:
        raise Refused(f"Ask for 1 to {MAX_CUBE_ROWS:,} rows at a time.", "first")
    if not 0 < len(query.measures) <= MAX_MEASURES:
        raise Refused(f"Ask for 1 to {MAX_MEASURES} measures.", "measures")
    if len(query.dimensions) + len(query.time_dimensions) > MAX_DIMENSIONS:
        raise Refused(f"Ask for at most {MAX_DIMENSIONS} dimensions.", "dimensions")
    if len(query.segments) > MAX_FILTERS or size(query.filters) > MAX_FILTERS:
        raise Refused(f"{MAX_FILTERS} filters are the limit.", "filters")
    for first, last in (time.date_range for time in query.time_dimensions if time.date_range is not None):
        if first > last:
            raise Refused("A range of dates ends before it begins.", "dateRange")
        must_be_near(first, "dateRange")
        must_be_near(last, "dateRange")


def first_days(from_: date, to: date, granularity: Granularity) -> list[date]:
    """The first day of each bucket from one day to another; none, if they are more than MAX_BUCKETS."""
    found: list[date] = []
    day = first_day(from_, granularity)
    while day <= to and len(found) <= MAX_BUCKETS:
        found.append(day)
        day = last_day(day, granularity) + DAY
    return found if len(found) <= MAX_BUCKETS else []
