"""The office: when the company is open, and on which days it works, as policies that share something remember it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from domain.business_calendar import BusinessCalendarDefined
from domain.business_time import MAX_SEARCH_DAYS, add_business, business_seconds, open_spans
from domain.kernel import Refused
from domain.values import Period
from eventstore.envelope import Recorded
from processes.policy import Policy
from projections.touchpoints.calendars import OFFICE, days_off

DAY = timedelta(days=1)
YEAR = timedelta(days=366)


@dataclass(slots=True)
class Office:
    """The business calendars by their keys. Whoever has none of their own works by that of the office, or by OFFICE."""

    calendars: dict[str, BusinessCalendarDefined] = field(default_factory=dict)

    def calendar(self, key: str | None = None) -> BusinessCalendarDefined:
        """The calendar of a key (a territory's, say), or else that of the office."""
        return self.calendars.get(key or OFFICE.key) or self.calendars.get(OFFICE.key, OFFICE)

    def after(self, moment: datetime, seconds: int, key: str | None = None) -> datetime:
        """The first moment, in UTC, by which so many open seconds have passed. Raises `Refused` as `add_business`."""
        calendar, ahead = self.calendar(key), moment + YEAR
        while True:  # the holidays of so many years as it takes
            later = add_business(calendar, moment, seconds, days_off(calendar, moment.date(), ahead.date()))
            if later <= ahead:
                return later
            ahead = later + YEAR

    def between(self, start: datetime, end: datetime, key: str | None = None) -> int:
        """The whole open seconds from one moment to another; 0 if the second comes first."""
        calendar = self.calendar(key)
        return business_seconds(calendar, start, end, days_off(calendar, start.date(), (end + DAY).date()))

    def after_days(self, moment: datetime, days: int, key: str | None = None, *, at: time | None = None) -> datetime:
        """So many business days after the local day of a moment, at its time of day or at another, in UTC.

        A business day is one on which the company opens at all. 0 days is the same day, be it one or not. A time that the
        clocks skip is moved forward by what they skip.
        """
        zone = ZoneInfo(self.calendar(key).timezone)
        local = moment.astimezone(zone)
        day = self.day_after(local.date(), days, key)
        return datetime.combine(day, local.time() if at is None else at, zone).astimezone(UTC)

    def day_after(self, day: date, days: int, key: str | None = None) -> date:
        """So many business days after a day. Raises `Refused` if the company does not open so often in ten years."""
        last = day + MAX_SEARCH_DAYS * DAY
        while days:
            day += DAY
            days -= self.opens(day, key)
            if day > last:
                raise Refused(f"This calendar has not so many business days within {MAX_SEARCH_DAYS} days.", "days")
        return day

    def opens(self, day: date, key: str | None = None) -> bool:
        """Whether the company opens at all on a local day."""
        zone = ZoneInfo(self.calendar(key).timezone)
        midnight = datetime.combine(day, time(), zone)
        return any(True for _ in self.spans(midnight, datetime.combine(day + DAY, time(), zone), key))

    def spans(self, start: datetime, end: datetime, key: str | None = None) -> Iterator[Period]:
        """When the company is open between two moments, in order, in UTC."""
        calendar = self.calendar(key)
        closed = days_off(calendar, (start - DAY).date(), (end + DAY).date())
        return (Period(*span) for span in open_spans(calendar, start, end, closed))


class KnowsOffice(Protocol):
    """Whatever all memories of a policy share, if an office is part of it."""

    office: Office


def learns_office(policy: Policy[Any]) -> None:
    """Lets a policy know when the company is open: what its memories share must have an `office`."""

    @policy.learn(BusinessCalendarDefined)
    def opening(shared: KnowsOffice, defined: BusinessCalendarDefined, at: Recorded) -> None:
        shared.office.calendars[defined.key] = defined
