"""Nights: when the company looks through everything, while nobody works."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from projections.buckets import BUSINESS_ZONE

DAY = timedelta(days=1)


def next_night(now: datetime, at: time) -> datetime:
    """The next time after a moment at which it is so late in the zone of the business unit, in UTC."""
    zone = ZoneInfo(BUSINESS_ZONE)
    day = now.astimezone(zone).date()
    tonight = datetime.combine(day, at, zone).astimezone(UTC)
    return tonight if tonight > now else datetime.combine(day + DAY, at, zone).astimezone(UTC)


def last_night(now: datetime, at: time) -> date:
    """The day of the last time until a moment at which it was so late in the zone of the business unit."""
    local = now.astimezone(ZoneInfo(BUSINESS_ZONE))
    return local.date() if local.time() >= at else local.date() - DAY


def following(step: str) -> str:
    """What the next look is called: they are counted, whenever they are. `look 1` is followed by `look 2`."""
    name, _, number = step.rpartition(" ")
    return f"{name} {int(number) + 1}"
