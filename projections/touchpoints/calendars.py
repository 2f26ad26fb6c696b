"""The business calendars: when the company is open, as the last version of each says."""

from datetime import date
from functools import cache
from uuid import UUID

import holidays
from psycopg import sql

from domain.business_calendar import (
    BusinessCalendarDefined,
    CalendarDay,
    ExtraOpening,
    OpeningHours,
)
from domain.kernel import Refused
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.history import past
from projections.lists import Lists
from projections.table import Table
from projections.view import Row, View

OFFICE = BusinessCalendarDefined(
    key="office",
    version=0,
    timezone=BUSINESS_ZONE,
    hours=tuple(OpeningHours(weekday=day, opens="09:00", closes="18:00") for day in range(1, 6)),
    country="ES",
)
"""The calendar that counts as long as none is defined."""


class BusinessCalendarSheet(Row, key="business_calendar_id"):
    """When the company is open every week, and on which days it is not, or at other hours."""

    business_calendar_id: UUID
    code: str = ""
    version: int = 0
    timezone: str = BUSINESS_ZONE
    country: str | None = None
    hours: tuple[OpeningHours, ...] = ()
    holidays: tuple[CalendarDay, ...] = ()
    extra_open: tuple[ExtraOpening, ...] = ()


view = View(
    "business_calendars",
    BusinessCalendarSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(code)",),
)


@view.on(BusinessCalendarDefined)
def define(sheet: BusinessCalendarSheet, defined: BusinessCalendarDefined, at: Recorded) -> None:
    sheet.code = defined.key
    sheet.version = defined.version
    sheet.timezone = defined.timezone
    sheet.country = defined.country
    sheet.hours = defined.hours
    sheet.holidays = defined.holidays
    sheet.extra_open = defined.extra_open


def calendar_of(lists: Lists, code: str | None = None, *, as_of: AsOf = NOW) -> BusinessCalendarDefined:
    """The calendar of this code; without one, the first that is defined, or OFFICE. Raises `Refused` if there is none."""
    table = Table(view)
    with lists.reading(view) as (db, _):
        query = sql.SQL(
            "select {} from {} where %s::text is null or code = %s order by code, business_calendar_id limit 1"
        ).format(table.selected, past(view, as_of, lists.log.reader))
        found = table.select(db, query, [code, code])
    if found:
        return definition(found[0])
    if code not in (None, OFFICE.key):
        raise Refused(f"There is no calendar {code!r}: define it, or leave it out.", "calendar")
    return OFFICE


def definition(sheet: BusinessCalendarSheet) -> BusinessCalendarDefined:
    """A row as the definition that the functions of `domain.business_time` take."""
    return BusinessCalendarDefined(
        key=sheet.code,
        version=sheet.version,
        timezone=sheet.timezone,
        hours=sheet.hours,
        country=sheet.country,
        holidays=sheet.holidays,
        extra_open=sheet.extra_open,
    )


def days_off(calendar: BusinessCalendarDefined, first: date, last: date) -> frozenset[date]:
    """The national holidays of the calendar's country (ISO 3166; unknown: none) in the years between two days."""
    if calendar.country is None:
        return frozenset()
    return frozenset().union(*(public_holidays(calendar.country, year) for year in range(first.year, last.year + 1)))


@cache
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The national holidays of a country in a year."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:  # a country that the library does not know
        return frozenset()
