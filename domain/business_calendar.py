"""Business calendars: when the company is open, version by version."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused
from domain.values import must_be_zone, must_say

BusinessCalendarId = Annotated[UUID, Ref("business_calendar")]

MAX_OPENINGS = 100
MAX_DAYS = 1_000
"""How many holidays, and how many special openings, a calendar may list."""

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
MIDNIGHT = "24:00"
COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """Open every week on a day (1 is Monday, 7 Sunday) from one local time to another, as 09:00 to 17:30.

    The end of the day is 24:00. Whoever is open past midnight opens again at 00:00 of the day after.
    """

    weekday: int
    opens: str
    closes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """A day on which the company is closed, and why."""

    day: date
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraOpening:
    """Open on one day at special hours; they count instead of the weekly ones, even on a holiday."""

    day: date
    opens: str
    closes: str


# What can be asked.


class DefineBusinessCalendar(Command):
    """Say when the company is open, in local time; public holidays are those of `country` (ISO 3166); the `key` never changes."""

    business_calendar_id: BusinessCalendarId
    key: str
    timezone: str
    hours: tuple[OpeningHours, ...]
    country: str | None = None
    holidays: tuple[CalendarDay, ...] = ()
    extra_open: tuple[ExtraOpening, ...] = ()


# What can have happened.


class BusinessCalendarDefined(Event, stored_as="business_calendar.defined.v1"):
    """A version of a calendar came into force; versions count from 1, and its days and hours are in order."""

    key: str
    version: int
    timezone: str
    hours: tuple[OpeningHours, ...]
    country: str | None = None
    holidays: tuple[CalendarDay, ...] = ()
    extra_open: tuple[ExtraOpening, ...] = ()


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The last version."""

    defined: BusinessCalendarDefined | None = None


Asked = DefineBusinessCalendar
Happened = BusinessCalendarDefined


def decide(asked: Asked, calendar: BusinessCalendar) -> Iterator[Event]:
    last = calendar.defined
    must_say(asked.key, "The key", "key")
    if last is not None and last.key != asked.key:
        raise Refused(f"The key of this calendar is {last.key}, and never changes.", "key")
    same = defined(asked, last.version if last is not None else 0)
    if same != last:
        yield replace(same, version=same.version + 1)


def evolve(calendar: BusinessCalendar, event: Happened) -> BusinessCalendar:
    return BusinessCalendar(event)


def defined(asked: DefineBusinessCalendar, version: int) -> BusinessCalendarDefined:
    """What was said, in order, as this version. Refused if nobody could be open so."""
    must_be_zone(asked.timezone)
    if asked.country is not None and COUNTRY.fullmatch(asked.country) is None:
        raise Refused("Write the country as its ISO 3166 code of two letters, such as ES.", "country")
    if not 1 <= len(asked.hours) <= MAX_OPENINGS:
        raise Refused(f"Give from 1 to {MAX_OPENINGS} opening hours.", "hours")
    for hours in asked.hours:
        if not 1 <= hours.weekday <= 7:
            raise Refused("A weekday is from 1 (Monday) to 7 (Sunday).", "hours")
    for field, days in (("holidays", asked.holidays), ("extra_open", asked.extra_open)):
        if len(days) > MAX_DAYS:
            raise Refused(f"Give at most {MAX_DAYS} days.", field)
    for holiday in asked.holidays:
        must_say(holiday.name, f"The name of {holiday.day}", "holidays")
    if len({each.day for each in asked.holidays}) < len(asked.holidays):
        raise Refused("A holiday is listed twice.", "holidays")
    return BusinessCalendarDefined(
        key=asked.key,
        version=version,
        timezone=asked.timezone,
        hours=in_order(asked.hours),
        country=asked.country,
        holidays=tuple(sorted(asked.holidays, key=lambda each: each.day)),
        extra_open=extra_in_order(asked.extra_open),
    )


def in_order(hours: tuple[OpeningHours, ...]) -> tuple[OpeningHours, ...]:
    """Weekly hours in their order. Refused if two of a day overlap."""
    ordered = tuple(sorted(hours, key=lambda each: (each.weekday, each.opens)))
    must_be_apart([(each.weekday, each.opens, each.closes) for each in ordered], "hours")
    return ordered


def extra_in_order(hours: tuple[ExtraOpening, ...]) -> tuple[ExtraOpening, ...]:
    """Special hours in their order. Refused if two of a day overlap."""
    ordered = tuple(sorted(hours, key=lambda each: (each.day, each.opens)))
    must_be_apart([(each.day, each.opens, each.closes) for each in ordered], "extra_open")
    return ordered


def must_be_apart(spans: list[tuple[int | date, str, str]], field: str) -> None:
    """Refused if a time of day is none, or if one span ends before it starts or after the next one of its day."""
    for _, opens, closes in spans:
        if CLOCK.fullmatch(opens) is None or (closes != MIDNIGHT and CLOCK.fullmatch(closes) is None):
            raise Refused("Write times of day from 00:00 to 24:00, such as 09:30.", field)
        if closes <= opens:
            raise Refused(f"Who opens at {opens} cannot close at {closes}: split the hours at midnight.", field)
    for (day, _, closes), (next_day, opens, _) in pairwise(spans):
        if day == next_day and opens < closes:
            raise Refused(f"Two spans overlap at {opens}.", field)


decider = Decider("business_calendar", Asked, Happened, BusinessCalendar(), decide, evolve)
