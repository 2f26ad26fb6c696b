"""Blank filling: what is known is put into the blanks of a message, as its language writes it, in one line and as text."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from domain.blanks import BLANK, Blank, blank, blanks_in
from domain.kernel import MAX_LINE
from processes.calendar import Calendar
from processes.wording import day_in, number_in

Known = Callable[[Blank], object]
"""What is known for a blank; None, or nothing within, if nobody knows."""
YES_NO: Mapping[str, tuple[str, str]] = {"es": ("sí", "no"), "en": ("yes", "no")}
CENTS = 2


def unknown_in(text: str, known: Known) -> Iterator[Blank]:
    """The blanks for which nothing is known, and of which nobody said what to say then."""
    for each in blanks_in(text):
        if each.otherwise is None and known(each) in (None, (), ""):
            yield each


def filled(text: str, language: str, calendar: Calendar, known: Known) -> str:
    """The text with its blanks filled. What is put in is never looked through for blanks again."""

    def put(found: re.Match[str]) -> str:
        asked = blank(found[1])

        if asked is None:
            return found[0]
        value = known(asked)
        return (asked.otherwise or "") if value in (None, (), "") else written(value, language, calendar)

    return BLANK.sub(put, text)


def written(value: object, language: str, calendar: Calendar) -> str:
    """A value as a language writes it: days as the customer counts them, whole numbers without decimals."""
    match value:
        case bool():
            return YES_NO[language][not value]
        case datetime():
            return day_in(language, calendar.day(value))
        case int():
            return number_in(language, Decimal(value))
        case Decimal():
            return number_in(language, value, 0 if value == value.to_integral_value() else CENTS)
        case tuple():
            return ", ".join(written(each, language, calendar) for each in value)[:MAX_LINE]
    return " ".join(str(value).split())[:MAX_LINE]
