"""The calendar of a customer: months and days as people count them, and the hours in which nobody is disturbed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from holidays.registry import COUNTRIES

from projections.touchpoints.calendars import public_holidays

QUIET_FROM = time(21)
QUIET_UNTIL = time(9)
SUNDAY = 6
MAX_CLOSED_DAYS = 60
"""More days in a row than any country closes: a guard against looking for ever."""

MAX_CACHED = 1_000
"""How many answers are kept: many promises are kept at the same moment, in few zones."""

HOME_ZONE = "Europe/Madrid"
HOME_COUNTRY = "ES"
OTHER_NAMES = {"españa": "ES", "eire": "IE", "great britain": "GB", "uk": "GB", "usa": "US"}
"""What people write for a country that its English name does not cover."""


@dataclass(frozen=True, slots=True)
class Months:
    """So many calendar months: from 31 January, one of them leads to the last of February."""

    count: int


@dataclass(frozen=True, slots=True)
class Days:
    """So many calendar days."""

    count: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and hours in an IANA zone, with the national holidays of a country (ISO 3166; unknown: none)."""

    zone: str = HOME_ZONE
    country: str = HOME_COUNTRY

    def day(self, moment: datetime) -> date:
        """The local day of a moment."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def after(self, moment: datetime, delay: Months | Days, *, at: time | None = None) -> datetime:
        """The moment, in UTC, that many months or days later on the local calendar, at a local time of day.

        Always count from the anchor: twice one month is not two months. A time that the clocks skip is moved forward
        by what they skip; of a time that comes twice, it is the first.
        """
        local = moment.astimezone(ZoneInfo(self.zone))
        step = relativedelta(months=delay.count) if isinstance(delay, Months) else relativedelta(days=delay.count)
        return self._moment(local.date() + step, at if at is not None else local.time())

    @lru_cache(maxsize=MAX_CACHED)  # noqa: B019  # of values, which are few
    def allowed(self, moment: datetime) -> datetime:
        """The first moment from this one on at which somebody may be written to: by day, on a working day, in UTC."""
        zone = ZoneInfo(self.zone)
        for _ in range(MAX_CLOSED_DAYS):
            local = moment.astimezone(zone)
            if self._closed(local.date()) or local.time() >= QUIET_FROM:
                moment = self._moment(local.date() + timedelta(days=1), QUIET_UNTIL)
            elif local.time() < QUIET_UNTIL:
                moment = self._moment(local.date(), QUIET_UNTIL)
            else:
                break
        return moment.astimezone(UTC)

    def _closed(self, day: date) -> bool:
        return day.weekday() == SUNDAY or day in public_holidays(self.country, day.year)

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at.replace(fold=0, tzinfo=None), ZoneInfo(self.zone)).astimezone(UTC)


@cache
def country_code(name: str) -> str:
    """The ISO 3166 code of a country that is written as ES, ESP, Spain or España; what is not known stays as it is."""
    written = " ".join(name.split())
    return OTHER_NAMES.get(written.casefold()) or _codes().get(written.casefold().replace(" ", "_"), written)


@cache
def _codes() -> dict[str, str]:
    found: dict[str, str] = {}
    for module, (_, code, *others) in COUNTRIES.items():
        found |= {name.casefold(): code for name in (module, code, *others)}
    return found
