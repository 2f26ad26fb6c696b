"""Business calendars."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.business_calendar import (
    MAX_DAYS,
    MAX_OPENINGS,
    BusinessCalendarDefined,
    CalendarDay,
    DefineBusinessCalendar,
    ExtraOpening,
    OpeningHours,
    decider,
)
from tests.domain.scenario import but, given

OFFICE = UUID(int=1)
CHRISTMAS, EPIPHANY, EVE = date(2026, 12, 25), date(2027, 1, 6), date(2026, 12, 24)


def opening(weekday: int = 1, opens: str = "09:00", closes: str = "14:00") -> OpeningHours:
    return OpeningHours(weekday=weekday, opens=opens, closes=closes)


def extra(day: date = EVE, opens: str = "09:00", closes: str = "12:00") -> ExtraOpening:
    return ExtraOpening(day=day, opens=opens, closes=closes)


DEFINE = DefineBusinessCalendar(
    business_calendar_id=OFFICE,
    key="office",
    timezone="Europe/Madrid",
    hours=(opening(2), opening(1, "16:00", "24:00"), opening(1)),
    country="ES",
    holidays=(CalendarDay(day=EPIPHANY, name="Reyes"), CalendarDay(day=CHRISTMAS, name="Navidad")),
    extra_open=(extra(opens="16:00", closes="18:00"), extra()),
)
DEFINED = BusinessCalendarDefined(
    key="office",
    version=1,
    timezone="Europe/Madrid",
    hours=(opening(1), opening(1, "16:00", "24:00"), opening(2)),
    country="ES",
    holidays=(CalendarDay(day=CHRISTMAS, name="Navidad"), CalendarDay(day=EPIPHANY, name="Reyes")),
    extra_open=(extra(), extra(opens="16:00", closes="18:00")),
)


def test_the_same_calendar_in_any_order_is_one_version() -> None:
    given(decider).when(DEFINE).then(DEFINED)
    given(decider, DEFINED).when(DEFINE).then_nothing()
    turned = but(DEFINE, hours=DEFINE.hours[::-1], holidays=DEFINE.holidays[::-1], extra_open=DEFINE.extra_open[::-1])
    given(decider, DEFINED).when(turned).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"timezone": "Atlantic/Canary"},
        {"country": None},
        {"hours": (opening(7),)},
        {"holidays": ()},
        {"extra_open": (extra(CHRISTMAS),)},
    ],
)
def test_another_calendar_is_the_next_version(changes: dict[str, Any]) -> None:
    asked, second = but(DEFINE, **changes), replace(DEFINED, version=2, **changes)
    given(decider, DEFINED).when(asked).then(second)
    given(decider, DEFINED, second).when(asked).then_nothing()
    given(decider, DEFINED, second).when(DEFINE).then(replace(DEFINED, version=3))


def test_spans_may_touch_and_fill_the_day() -> None:
    hours = (opening(1, "00:00", "12:00"), opening(1, "12:00", "24:00"), opening(2, "00:00", "24:00"))
    given(decider).when(but(DEFINE, hours=hours)).then(replace(DEFINED, hours=hours))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"key": " "}, "The key must not be blank.", "key"),
        ({"key": "shop"}, "The key of this calendar is office, and never changes.", "key"),
        ({"timezone": "CET+1"}, "Give the time zone by its IANA name, such as Europe/Madrid.", "timezone"),
        (
            {"country": "Spain"},
            "Write the country as its ISO 3166 code of two letters, such as ES.",
            "country",
        ),
        ({"hours": ()}, f"Give from 1 to {MAX_OPENINGS} opening hours.", "hours"),
        ({"hours": (opening(),) * (MAX_OPENINGS + 1)}, f"Give from 1 to {MAX_OPENINGS} opening hours.", "hours"),
        ({"hours": (opening(0),)}, "A weekday is from 1 (Monday) to 7 (Sunday).", "hours"),
        ({"hours": (opening(8),)}, "A weekday is from 1 (Monday) to 7 (Sunday).", "hours"),
        (
            {"hours": (opening(opens="22:00", closes="06:00"),)},
            "Who opens at 22:00 cannot close at 06:00: split the hours at midnight.",
            "hours",
        ),
        (
            {"hours": (opening(), opening(opens="13:59", closes="15:00"))},
            "Two spans overlap at 13:59.",
            "hours",
        ),
        (
            {"hours": (opening(closes="09:00"),)},
            "Who opens at 09:00 cannot close at 09:00: split the hours at midnight.",
            "hours",
        ),
        ({"hours": (opening(), opening())}, "Two spans overlap at 09:00.", "hours"),
        ({"extra_open": (extra(), extra(opens="11:00"))}, "Two spans overlap at 11:00.", "extra_open"),
        ({"extra_open": (extra(),) * (MAX_DAYS + 1)}, f"Give at most {MAX_DAYS} days.", "extra_open"),
        (
            {
                "holidays": tuple(
                    CalendarDay(day=EVE + timedelta(days=number), name="Fiesta") for number in range(MAX_DAYS + 1)
                )
            },
            f"Give at most {MAX_DAYS} days.",
            "holidays",
        ),
        (
            {"holidays": (CalendarDay(day=CHRISTMAS, name=""),)},
            "The name of 2026-12-25 must not be blank.",
            "holidays",
        ),
        (
            {"holidays": (CalendarDay(day=CHRISTMAS, name="a"), CalendarDay(day=CHRISTMAS, name="b"))},
            "A holiday is listed twice.",
            "holidays",
        ),
    ],
)
def test_a_calendar_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, DEFINED).when(but(DEFINE, **changes)).refused(sentence, field)


@pytest.mark.parametrize("clock", ["9:00", "09.00", "24:01", "25:00", "09:60", "0٩:00", "09:00 "])
def test_a_time_of_day_is_written_with_four_digits(clock: str) -> None:
    sentence = "Write times of day from 00:00 to 24:00, such as 09:30."
    given(decider).when(but(DEFINE, hours=(opening(closes=clock),))).refused(sentence, "hours")
    given(decider).when(but(DEFINE, extra_open=(extra(opens=clock),))).refused(sentence, "extra_open")


def test_nobody_opens_at_the_end_of_the_day() -> None:
    given(decider).when(but(DEFINE, hours=(opening(opens="24:00", closes="24:00"),))).refused(
        "Write times of day from 00:00 to 24:00, such as 09:30.", "hours"
    )
