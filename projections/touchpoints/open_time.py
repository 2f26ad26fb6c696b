"""Open time: for how many seconds the company was open between two moments, for many of them at once."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from domain.business_calendar import BusinessCalendarDefined
from domain.business_time import business_seconds
from projections.touchpoints.calendars import days_off

DAY = timedelta(days=1)


class OpenTime:
    """A calendar whose days are summed up once, from the first of some moments to the last."""

    def __init__(self, calendar: BusinessCalendarDefined, moments: Iterable[datetime]) -> None:
        self.calendar = calendar
        known = [moment.astimezone(UTC) for moment in moments]
        first = min(known, default=datetime(2000, 1, 1, tzinfo=UTC))
        last = max(known, default=first)
        self.start = first.replace(hour=0, minute=0, second=0, microsecond=0)
        self.closed = days_off(calendar, self.start.date(), (last + DAY).date())
        self.sums = [0]
        day = self.start
        while day <= last:
            self.sums.append(self.sums[-1] + business_seconds(calendar, day, day + DAY, self.closed))
            day += DAY

    def between(self, since: datetime, until: datetime) -> int:
        """The whole seconds of open time from a moment to another; 0 if the first comes later."""
        return max(0, self._until(until) - self._until(since))

    def _until(self, moment: datetime) -> int:
        days = (moment - self.start) // DAY
        return self.sums[days] + business_seconds(self.calendar, self.start + days * DAY, moment, self.closed)
