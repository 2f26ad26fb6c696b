"""Readings: what the text of a cell is as a number, a time, a whole number or a yes."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from api.importers.mapping import NumberForm, refuse
from domain.kernel import Refused

BLANKS = re.compile(r"\s+")
DIRECTIVES = re.compile(r"%(.?)", re.DOTALL)
KNOWN_DIRECTIVES = frozenset("YymdHMSfIpzBbAaj%")
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def number_reader(form: NumberForm, path: str) -> Callable[[str], Decimal]:
    """Reads numbers that are written like this, digit by digit."""
    if form.thousands == form.decimal or form.thousands.isalnum():
        refuse("thousands are separated by something else than digits, letters and the decimal sign.", f"{path}.number")
    between, point = re.escape(form.thousands), re.escape(form.decimal)
    grouped = rf"\d{{1,3}}(?:{between}\d{{3}})+|" if form.thousands else ""
    number = re.compile(rf"[+-]?(?:{grouped}\d+)(?:{point}\d+)?|[+-]?{point}\d+", re.ASCII)
    drop = str.maketrans("", "", form.signs)

    def read(text: str) -> Decimal:
        plain = BLANKS.sub(" ", text.translate(drop)).strip().replace("- ", "-")
        if number.fullmatch(plain) is None:
            raise Refused(f"{text[:60]!r} is not a number as 1{form.thousands}234{form.decimal}50.")
        if form.thousands:
            plain = plain.replace(form.thousands, "")
        return Decimal(plain.replace(form.decimal, "."))

    return read


def must_be_readable(format: str | None, path: str) -> None:
    """Refused if a format is none, or says no day."""
    if format is None:
        return
    listed = [each for each in DIRECTIVES.findall(format) if each != "%"]
    said = set(listed)
    if twice := sorted(each for each in said if listed.count(each) > 1):
        refuse(f"%{twice[0]} stands twice.", path)
    if unknown := sorted(said - KNOWN_DIRECTIVES):
        refuse(
            f"there is no %{unknown[0]}. There are {' '.join(f'%{each}' for each in sorted(KNOWN_DIRECTIVES))}.", path
        )
    has_day = "j" in said or ("d" in said and said & {"m", "b", "B"})
    if not said & {"Y", "y"} or not has_day:
        refuse("a format names the year, the month and the day, as %d/%m/%Y.", path)


def time_reader(format: str | None, zone: ZoneInfo) -> Callable[[str], tuple[datetime, datetime]]:
    """Reads times: as they are written, and in UTC. In the hour that comes twice in autumn, the first is meant."""

    def read(text: str) -> tuple[datetime, datetime]:
        try:
            if format is None:
                found = datetime.fromisoformat(text)
            else:
                found = datetime.strptime(text, format)  # noqa: DTZ007  # its zone comes below
            return found, (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
        except ValueError:
            example = "2026-01-31 or 2026-01-31T18:00:00" if format is None else format
            raise Refused(f"{text[:60]!r} is not a date or a time as {example}.") from None
        except OverflowError:
            raise Refused(f"{text[:60]!r} is beyond the calendar.") from None

    return read


def constant_moment(text: str, zone: ZoneInfo, path: str) -> datetime:
    """A moment that a mapping file says itself."""
    try:
        return time_reader(None, zone)(text)[1]
    except Refused as refused:
        refuse(refused.reason, path)


# What a field of a type is given.


def _text(found: Any, _: ZoneInfo) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    return (
        found.isoformat()
        if isinstance(found, date)
        else format(found, "f")
        if isinstance(found, Decimal)
        else str(found)
    )


def _whole(found: Any, _: ZoneInfo) -> Any:
    text = _text(found, _)
    whole = re.fullmatch(r"([+-]?\d{1,18})(?:\.0*)?", text, re.ASCII)
    if whole is None:
        raise Refused(f"{text[:60]!r} is not a whole number.")
    return int(whole[1])


def _truth(found: Any, _: ZoneInfo) -> Any:
    truth = found if isinstance(found, bool) else TRUTH.get(str(found).lower())
    if truth is None:
        raise Refused(f"{str(found)[:60]!r} is not true or false. Say by map what is meant.")
    return truth


def _moment(found: Any, zone: ZoneInfo) -> Any:
    if isinstance(found, datetime):
        return found
    if isinstance(found, date):
        return datetime.combine(found, time(), zone).astimezone(UTC)
    return time_reader(None, zone)(str(found))[1]


def _date(found: Any, zone: ZoneInfo) -> Any:
    if isinstance(found, datetime):
        return found.astimezone(zone).date()
    return found if isinstance(found, date) else str(found)


FINISH: dict[Any, Callable[[Any, ZoneInfo], Any]] = {
    str: _text, int: _whole, bool: _truth, datetime: _moment, date: _date,
}  # fmt: skip
