"""Business time: how long the company was open between two moments, and when so much open time has passed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.business_calendar import BusinessCalendarDefined
from domain.kernel import Refused
from domain.values import must_know_zone

MAX_SEARCH_DAYS = 3_660
"""How far ahead open time is looked for: ten years."""

NO_DAYS: frozenset[date] = frozenset()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def business_seconds(
    calendar: BusinessCalendarDefined, start: datetime, end: datetime, days_off: frozenset[date] = NO_DAYS
) -> int:
    """The whole seconds between two moments in which the company was open; 0 if the end is not after the start.

    They are seconds that passed, not what the clocks show: a night shift is an hour shorter when clocks go forward.
    `days_off` are the public holidays; those of the calendar itself are known.
    """
    must_know_zone(end, "end")
    open_time = timedelta()
    for opens, closes in open_spans(calendar, start, end.astimezone(UTC), days_off):
        open_time += closes - opens
    return open_time // SECOND


def add_business(
    calendar: BusinessCalendarDefined, start: datetime, seconds: int, days_off: frozenset[date] = NO_DAYS
) -> datetime:
    """The first moment, in UTC, by which so many open seconds have passed; the start itself if there are none to pass.

    Refused if the seconds are negative, or if the company is not open that long within ten years.
    """
    if seconds < 0:
        raise Refused("The seconds of business time must be zero or more.", "seconds")
    must_know_zone(start, "start")
    try:
        left, last = timedelta(seconds=seconds), start.astimezone(UTC) + MAX_SEARCH_DAYS * DAY
    except OverflowError:
        raise Refused("That is beyond the calendar.", "seconds") from None
    if not left:
        return start.astimezone(UTC)
    for opens, closes in open_spans(calendar, start, last, days_off):
        if opens + left <= closes:
            return opens + left
        left -= closes - opens
    raise Refused(f"This calendar is not open so long within {MAX_SEARCH_DAYS} days.", "seconds")


def open_spans(
    calendar: BusinessCalendarDefined, start: datetime, end: datetime, days_off: frozenset[date]
) -> Iterator[tuple[datetime, datetime]]:
    """When the company is open between two moments, in UTC and in order."""
    must_know_zone(start, "start")
    start, zone = start.astimezone(UTC), ZoneInfo(calendar.timezone)
    weekly: dict[int, list[tuple[str, str]]] = {}
    for each in calendar.hours:
        weekly.setdefault(each.weekday, []).append((each.opens, each.closes))
    special: dict[date, list[tuple[str, str]]] = {}
    for extra in calendar.extra_open:
        special.setdefault(extra.day, []).append((extra.opens, extra.closes))
    closed = days_off.union(each.day for each in calendar.holidays)
    # One day more at the end: where clocks go back over midnight, a moment can lie in a span of the day that had begun.
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date() + DAY
    while day <= last:
        usual = [] if day in closed else weekly.get(day.isoweekday(), [])
        for opens, closes in special.get(day, usual):
            begin, finish = max(_moment(day, opens, zone), start), min(_moment(day, closes, zone), end)
            if begin < finish:
                yield begin, finish
        day += DAY


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """When the clocks first show this time, in UTC; of a time that they skip, when they skip it."""
    hour, minute = int(clock[:2]), int(clock[3:])
    local = datetime.combine(day + hour // 24 * DAY, time(hour % 24, minute), zone)
    found, other = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if other >= found:  # a time that is there once, or twice
        return found
    low, high = other, found  # the clocks change somewhere in between
    while high - low > SECOND:
        middle = low + (high - low) // 2 // SECOND * SECOND
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high
