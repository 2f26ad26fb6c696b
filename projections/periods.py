"""Periods: the days, weeks, months, quarters and years between two days, as a time zone has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.kernel import Refused
from domain.values import must_be_zone
from projections.buckets import BUSINESS_ZONE, Granularity

MAX_PERIODS = 1_000
"""More than two years of days, or nineteen of weeks."""
EARLIEST, LATEST = date(1900, 1, 1), date(9998, 12, 31)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """From the midnight that begins `starts_on` up to, and not including, the one that ends `ends_on`."""

    starts_on: date
    ends_on: date
    starts_at: datetime
    ends_at: datetime


def calendar_period(starts_on: date, ends_on: date, zone: str = BUSINESS_ZONE) -> CalendarPeriod:
    """The period of these days, both included."""
    return CalendarPeriod(starts_on, ends_on, midnight(starts_on, zone), midnight(ends_on + DAY, zone))


def periods_of(from_: date, to: date, granularity: Granularity, zone: str = BUSINESS_ZONE) -> Sequence[CalendarPeriod]:
    """The periods between two days, both included, without a gap; the first and the last are cut off there.

    Raises `Refused` if this is no zone, if it ends before it begins, or if it would be more than MAX_PERIODS.
    """
    must_be_days(from_, to, zone)
    found: list[CalendarPeriod] = []
    start = from_
    while start <= to:
        if len(found) == MAX_PERIODS:
            raise Refused(f"That is more than {MAX_PERIODS:,} periods. Ask for longer ones, or for less time.", "grain")
        end = min(last_day(start, granularity), to)
        found.append(calendar_period(start, end, zone))
        start = end + DAY
    return found


def bounds_of(periods: Sequence[CalendarPeriod]) -> list[datetime]:
    """The moments that begin periods, which follow one another, and the end of the last one."""
    return [*(period.starts_at for period in periods), periods[-1].ends_at]


def must_be_days(from_: date, to: date, zone: str) -> None:
    """Refused if this is no zone, if the days are too far away, or if the last one is before the first."""
    must_be_zone(zone, "timeZone")
    if to < from_:
        raise Refused("The last day must not be before the first.", "to")
    for day, field in ((from_, "from"), (to, "to")):
        if not EARLIEST <= day <= LATEST:
            raise Refused(f"Give a day from {EARLIEST} to {LATEST}.", field)


def first_day(day: date, granularity: Granularity) -> date:
    """The first day of the bucket in which a day is."""
    match granularity:
        case Granularity.DAY:
            return day
        case Granularity.WEEK:
            return day - day.weekday() * DAY
        case Granularity.MONTH:
            return day.replace(day=1)
        case Granularity.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case Granularity.YEAR:
            return day.replace(month=1, day=1)


def last_day(day: date, granularity: Granularity) -> date:
    """The last day of the bucket in which a day is."""
    match granularity:
        case Granularity.DAY:
            return day
        case Granularity.WEEK:
            return day + (6 - day.weekday()) * DAY
        case Granularity.MONTH:
            last = day.month
        case Granularity.QUARTER:
            last = day.month + -day.month % 3
        case Granularity.YEAR:
            last = 12
    return date(day.year + last // 12, last % 12 + 1, 1) - DAY


def midnight(day: date, zone: str) -> datetime:
    """When a day begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
