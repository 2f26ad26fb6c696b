"""The scalars: ids, positions, decimals, moments and what has no fixed shape, each exact on the wire."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NewType
from uuid import UUID

import msgspec
import orjson
import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from eventstore.codec import json_form
from eventstore.commands import MAX_DECIMAL_DIGITS, MAX_ID

LAST_POSITION = 2**63 - 1
LARGEST_LONG = 2**53

Ref = NewType("Ref", str)
Position = NewType("Position", int)
Long = NewType("Long", int)
Json = NewType("Json", object)


def _wrong(value: object, what: str) -> GraphQLError:
    return GraphQLError(f"{what}, not {ascii(value)[:60]}.")


def _ref(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise _wrong(value, "An id is a UUID, or source:key as in shop:1234")
    return value


def _position(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else value
    if type(number) is not int or not 0 <= number <= LAST_POSITION:
        raise _wrong(value, "A position is a whole number from 0, best written as a text")
    return number


def _long(value: object) -> int:
    if type(value) is not int or abs(value) > LARGEST_LONG:
        raise _wrong(value, "This is a whole number of at most 53 bits")
    return value


def _decimal(value: object) -> Decimal:
    try:
        number = msgspec.convert(value, Decimal) if isinstance(value, str) and len(value) <= MAX_ID else value
    except msgspec.ValidationError:
        number = None
    if type(number) is int:
        number = Decimal(number)
    if not isinstance(number, Decimal) or not number.is_finite() or abs(number.adjusted()) > MAX_DECIMAL_DIGITS:
        raise _wrong(value, 'A decimal is written as a text, as in "12.50"')
    return number


def _datetime(value: object) -> datetime:
    try:
        moment = msgspec.convert(value, datetime) if isinstance(value, str) and len(value) <= MAX_ID else value
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        pass
    raise _wrong(value, "A moment is written with its zone, as in 2026-01-31T18:00:00+01:00")


def _date(value: object) -> date:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if type(found) is not date:
        raise _wrong(value, "A date is written as 1980-12-31")
    return found


def _uuid(value: object) -> UUID:
    try:
        return UUID(value) if isinstance(value, str) else UUID(int=-1)
    except ValueError:
        raise _wrong(value, "This id is a UUID") from None


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain(value: object) -> Any:
    """A value as JSON has it: decimals and ids as texts, moments in ISO 8601."""
    return orjson.loads(orjson.dumps(value, default=json_form, option=orjson.OPT_NON_STR_KEYS))


def _scalar(
    name: str, description: str, serialize: Callable[[Any], Any], parse: Callable[[Any], Any]
) -> ScalarDefinition:
    made = strawberry.scalar(name=name, description=description, serialize=serialize, parse_value=parse)
    assert isinstance(made, ScalarDefinition)
    return made


SCALARS: dict[object, ScalarDefinition] = {
    Ref: _scalar(
        "Ref",
        "An id: a UUID, or `source:key` by which another system knows it, as in `shop:1234`. Answers give the UUID.",
        str,
        _ref,
    ),
    UUID: _scalar("UUID", "A UUID, as in `0f7c5c1e-6e0b-5f5e-9a51-3c2f6d1b7a10`.", str, _uuid),
    Position: _scalar(
        "Position",
        "A place in the log, counted from 1. A text on the wire, because it may pass 32 bits.",
        str,
        _position,
    ),
    Long: _scalar("Long", "A whole number of at most 53 bits.", _long, _long),
    Decimal: _scalar("Decimal", 'An exact decimal number, written as a text: `"12.50"`. Never a float.', str, _decimal),
    datetime: _scalar("DateTime", "A moment with its zone, in ISO 8601; answers are in UTC.", _instant, _datetime),
    date: _scalar("Date", "A day, as `1980-12-31`.", date.isoformat, _date),
    Json: _scalar("JSON", "Any JSON value.", plain, lambda value: value),
}
"""How Python's types and those above go over the wire."""
