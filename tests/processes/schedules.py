"""Two hundred schedules at which clocks do what they do: days that are 23 or 25 hours, that are missing, months that end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from processes.calendar import Days, Months

MINUTE = timedelta(minutes=1)
REACH = timedelta(hours=40)
"""Zones are at most 14 hours away from UTC, and no clock ever skipped more than a day."""

CHANGES = (
    ("Europe/Madrid", date(2026, 3, 29)), ("Europe/Madrid", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)), ("America/New_York", date(2026, 11, 1)),
    ("Europe/Lisbon", date(1992, 9, 27)),  # to the time of Brussels
    ("Europe/Lisbon", date(1996, 3, 31)),  # and back
    ("America/Sao_Paulo", date(2018, 11, 4)),  # at midnight, for the last time
    ("America/Sao_Paulo", date(2019, 2, 17)), ("America/Sao_Paulo", date(2019, 11, 3)),
    ("Africa/Casablanca", date(2026, 2, 15)),  # Ramadan
    ("Africa/Casablanca", date(2026, 3, 22)), ("Africa/Casablanca", date(2018, 10, 28)),
    ("Asia/Pyongyang", date(2015, 8, 15)), ("Asia/Pyongyang", date(2018, 5, 5)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
    ("Australia/Lord_Howe", date(2026, 4, 5)), ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Tehran", date(2022, 9, 22)), ("Europe/Istanbul", date(2016, 10, 30)),
    ("America/Caracas", date(2016, 5, 1)), ("Europe/Samara", date(2010, 3, 28)),
    ("Europe/Madrid", date(2028, 2, 29)), ("Asia/Kathmandu", date(2026, 2, 28)), ("UTC", date(2026, 12, 31)),
)  # fmt: skip
"""Days on which something happens to the clocks of a zone, or to the calendar."""
COUNT = 200


@dataclass(frozen=True, slots=True)
class Schedule:
    """So long after a moment, at a time of day, by the clocks of a zone."""

    zone: str
    anchor: datetime
    delay: Months | Days
    at: time

    @property
    def day(self) -> date:
        """The local day."""
        months = isinstance(self.delay, Months)
        step = relativedelta(months=self.delay.count) if months else relativedelta(days=self.delay.count)
        return self.anchor.astimezone(ZoneInfo(self.zone)).date() + step


def schedules() -> Iterator[Schedule]:
    """Schedules that end on these days or beside them, at any time of day: the same ones every time."""
    chance = Random(5)  # no secret
    for n in range(COUNT):
        zone, day = CHANGES[n % len(CHANGES)]
        at = time(n // len(CHANGES) % 5, chance.choice((0, 15, 30, 59))) if n % 3 else time(chance.randrange(24), 30)
        delay = chance.choice((Months(1), Months(2), Months(12), Days(1), Days(30)))
        back = relativedelta(months=delay.count) if isinstance(delay, Months) else relativedelta(days=delay.count)
        begun = day + timedelta(days=chance.choice((0, 0, 0, 1, -1))) - back
        hour = 12 if n % 2 else 23
        yield Schedule(zone, datetime.combine(begun, time(hour, 7), ZoneInfo(zone)).astimezone(UTC), delay, at)


def by_looking(schedule: Schedule) -> datetime:
    """When it is due, found by looking at the clocks minute by minute: the first time that they show it, in UTC.

    Where they never do, as long after they skip it as they skip.
    """
    zone, wanted = ZoneInfo(schedule.zone), datetime.combine(schedule.day, schedule.at)
    moment = datetime.combine(schedule.day, schedule.at, UTC) - REACH
    before = moment.astimezone(zone).replace(tzinfo=None)
    skipped = timedelta()
    while True:
        moment += MINUTE
        shown = moment.astimezone(zone).replace(tzinfo=None)
        if before < wanted < shown:
            skipped = shown - before - MINUTE
        if shown == wanted + skipped:
            return moment
        before = shown
