"""Intervals: a stretch of time cut at the quarter hours that the clocks of a zone show."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.kernel import Refused
from domain.values import Period, must_be_zone
from projections.buckets import BUSINESS_ZONE

QUARTER_S = 900
DAY_S = 86_400
MAX_INTERVALS = 3_000
"""A month of quarter hours."""
MAX_DAYS = 1_100
"""Three years."""


def cuts_of(start: datetime, end: datetime, interval_s: int | None, zone: str = BUSINESS_ZONE) -> list[datetime]:
    """The moments that begin intervals, in UTC and in order, and the end of the last one.

    Intervals begin when the clocks show midnight or a multiple of `interval_s` seconds after it, and the first and the last
    are cut off at `start` and `end`. A time that the clocks skip begins none, and one that they show twice begins two.
    None is one interval. Raises `Refused` if they are not quarter hours up to a day, or too many, or if this is no zone.
    """
    if not Period(start, end).start < end:
        raise Refused("The end must come after the beginning.", "to")
    must_be_zone(zone, "timeZone")
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end - start > timedelta(days=MAX_DAYS):
        raise Refused(f"Ask for at most {MAX_DAYS:,} days.", "to")
    if interval_s is None:
        return [start, end]
    if not QUARTER_S <= interval_s <= DAY_S or interval_s % QUARTER_S:
        raise Refused(f"An interval is a multiple of {QUARTER_S} seconds, up to {DAY_S}.", "intervalS")
    clock, step = ZoneInfo(zone), timedelta(seconds=QUARTER_S)
    cuts = [start]
    moment = start + (-(start - datetime(2000, 1, 1, tzinfo=UTC)) % step)
    while moment < end:
        local = moment.astimezone(clock)
        if (local.hour * 3600 + local.minute * 60 + local.second) % interval_s == 0 and moment > start:
            cuts.append(moment)
        moment += step
    cuts.append(end)
    if len(cuts) - 1 > MAX_INTERVALS:
        raise Refused(
            f"That is more than {MAX_INTERVALS:,} intervals. Ask for longer ones, or for less time.", "intervalS"
        )
    return cuts
