"""Commands as they arrive: from JSON-like values to a command, or to the name of the field that is wrong."""

import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from domain.kernel import MAX_LINE, MAX_TEXT, Command, Decider, Limit, Ref, Refused, derived, reference
from domain.values import EMPTY
from eventstore.envelope import Origin, Request

MAX_ITEMS = 5_000
MAX_ID = 300
SHORTEST_UUID = 32
IDS_KNOWN = 16_384
MAX_DECIMAL_DIGITS = 30
MAX_NESTING = 32
"""How deep lists and objects may lie within a value whose type holds itself, as a predicate does."""
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=1)
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
LATEST_DATE = date(2200, 1, 1)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
SOURCE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")

Convert = Callable[[Any], Any]
"""A value -> what the command holds; raises `Wrong`, which learns its path on the way out."""


class Wrong(Exception):
    """What is wrong with a value. `reason` may begin with `{}` for its place; `path` grows from the inside."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def under(self, step: str) -> "Wrong":
        """The same, seen from one step further out: a field's name, or `[n]`."""
        self.path = step + self.path if not self.path or self.path.startswith("[") else f"{step}.{self.path}"
        return self

    def refused(self, path: str = "") -> Refused:
        """As the one who asked is told it."""
        whole = self.under(path).path if path else self.path
        placed = self.reason.startswith("{}")  # only there: further on braces are what somebody sent
        return Refused((whole or "The input") + self.reason[2:] if placed else self.reason, whole or "input")


def camel(name: str) -> str:
    """`unit_price` -> `unitPrice`, `PlaceOrder` -> `placeOrder`."""
    head, *rest = name.split("_")
    return head[:1].lower() + head[1:] + "".join(part.title() for part in rest)


class Commands:
    """Everything that can be asked, by the name under which every door takes it."""

    def __init__(self, deciders: Iterable[Decider[Any]]) -> None:
        self.classes: dict[str, type[Command]] = {
            camel(command.__name__): command for decider in deciders for command in decider.commands
        }
        self._readers = {name: _object(command) for name, command in self.classes.items()}

    def read(self, name: object, raw: Any) -> Command:
        """The command of this name from its fields in camelCase. Raises `Refused` with the path of what is wrong."""
        reader = self._readers.get(name) if isinstance(name, str) else None
        if reader is None:
            raise Refused(f"There is no command {_shown(name)}{_did_you_mean(str(name), self._readers)}.", "command")
        try:
            return cast(Command, reader(raw))
        except Wrong as wrong:
            raise wrong.refused() from None

    def request(
        self, raw: Mapping[str, Any], *, actor: str, origin: Origin, now: datetime, correlation_id: UUID | None = None
    ) -> Request:
        """Who asks and when it was so, from `commandId`, `occurredAt` and `expectedVersion`."""
        occurred_at = raw.get("occurredAt")
        expected = raw.get("expectedVersion")
        if expected is not None and (type(expected) is not int or expected < 0):
            raise Refused("expectedVersion is a whole number from 0.", "expectedVersion")
        return Request(
            actor=actor,
            origin=origin,
            occurred_at=None if occurred_at is None else moment(occurred_at, "occurredAt", now=now),
            command_id=None if raw.get("commandId") is None else command_id(raw["commandId"]),
            correlation_id=correlation_id,
            expected_version=expected,
        )


def command_id(text: Any) -> UUID:
    """A command's id: a UUID as it is, and any other text by the rule `derived("command", text)`."""
    try:
        text = _PLAIN[str](text)
    except Wrong as wrong:
        raise wrong.refused("commandId") from None
    if len(text) >= SHORTEST_UUID:
        with suppress(ValueError):
            return UUID(text)
    return derived("command", text)


def identify(noun: str, value: Any, path: str = "id") -> UUID:
    """The id of a noun from a UUID or from `source:key`, by the rule of `domain.kernel.reference`."""
    try:
        return _id(noun, value)
    except Wrong as wrong:
        raise wrong.refused(path) from None


def moment(value: Any, path: str, *, now: datetime) -> datetime:
    """A moment in UTC, with its zone, not before 1900 and not later than a day from now."""
    try:
        found = _datetime(value)
    except Wrong as wrong:
        raise wrong.refused(path) from None
    if not EARLIEST <= found <= now + LATEST_AHEAD:
        raise Refused(f"{found.date()} cannot be: dates from 1900 to tomorrow are taken.", path)
    return found


# How each type of field is read. Built once for every command class.


def _object(made: type, around: Mapping[type, Convert] = EMPTY) -> Convert:
    """Reads a class. `around` are the readers of the classes that it lies within, which it may hold again."""

    def again(value: Any) -> Any:
        if _is_deeper(value, MAX_NESTING):
            raise Wrong(f"{{}} is nested too deep: {MAX_NESTING} levels of lists and objects are the limit.")
        return read(value)

    hints = get_type_hints(made, include_extras=True)
    within = {**around, made: again}
    known = {camel(f.name): (f.name, _converter(hints[f.name], within)) for f in fields(cast(Any, made))}
    required = frozenset(
        camel(f.name) for f in fields(cast(Any, made)) if f.default is MISSING and f.default_factory is MISSING
    )

    def read(value: Any) -> Any:
        if type(value) is not dict and not isinstance(value, Mapping):  # the first is the rule, and quick to see
            raise Wrong(f"{{}} is an object with fields, not {_shown(value)}.")
        found: dict[str, Any] = {}
        for key, given in value.items():
            entry = known.get(key)
            if entry is None:
                raise Wrong(f"There is no field {_shown(key)}{_did_you_mean(str(key), known)}.", str(key)[:MAX_LINE])
            try:
                found[entry[0]] = entry[1](given)
            except Wrong as wrong:
                raise wrong.under(key) from None
        if len(found) < len(known) and (missing := required - value.keys()):
            raise Wrong(f"{min(missing)} is missing.", min(missing))
        return made(**found)

    return read


def _converter(hint: Any, around: Mapping[type, Convert] = EMPTY) -> Convert:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner, words = args[0], args[1:]
        for word in words:
            if isinstance(word, Ref):
                return partial(_id, word.noun)
            if isinstance(word, Limit):
                return _text(word.characters)
        return _converter(inner, around)
    if origin in (Union, types.UnionType):
        inner = _converter(next(arg for arg in args if arg is not type(None)), around)
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _list(_converter(args[0], around))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_converter(args[1], around))
    if is_dataclass(hint):
        made = cast(type, hint)
        return around[made] if made in around else _object(made, around)
    if issubclass(hint, Enum):
        return _enum(hint)
    return _PLAIN[hint]


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects lie more than so many levels within one another."""
    if not isinstance(value, (list, tuple, Mapping)):
        return False
    inside = value.values() if isinstance(value, Mapping) else value
    return not levels or any(_is_deeper(each, levels - 1) for each in inside)


def _id(noun: str, value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise Wrong(f"{_shown(value)} is not an id. Give a UUID, or source:key as in shop:1234.")
    return _named(noun, value)


@lru_cache(IDS_KNOWN)
def _named(noun: str, value: str) -> UUID:
    """The id behind a text; lines that follow one another often name the same customer."""
    source, colon, key = value.partition(":")
    if colon and key and SOURCE.fullmatch(source):
        return reference(noun, source, _KEY(key))
    try:
        return UUID(value)
    except ValueError:
        raise Wrong(f"{_shown(value)} is not an id. Give a UUID, or source:key as in shop:1234.") from None


def _text(limit: int) -> Convert:
    def read(value: Any) -> str:
        if type(value) is not str:
            raise Wrong(f"{{}} is a text, not {_shown(value)}.")
        if len(value) > limit:
            raise Wrong(f"{{}} has {len(value)} characters; {limit} is the limit.")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Wrong("{} holds half of a character (an unpaired surrogate).") from None
        if "\0" in value:
            raise Wrong("{} holds a NUL character, which no text may.")
        return value

    return read


_KEY = _text(MAX_ID)


def _list(item: Convert) -> Convert:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise Wrong(f"{{}} is a list, not {_shown(value)}.")
        if len(value) > MAX_ITEMS:
            raise Wrong(f"{{}} has {len(value)} entries; {MAX_ITEMS} is the limit.")
        found: list[Any] = []
        try:
            for each in value:
                found.append(item(each))
        except Wrong as wrong:
            raise wrong.under(f"[{len(found)}]") from None
        return tuple(found)

    return read


def _mapping(item: Convert) -> Convert:
    key_of = _text(MAX_LINE)

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or len(value) > MAX_ITEMS:
            raise Wrong(f"{{}} is an object of at most {MAX_ITEMS} entries, not {_shown(value)}.")
        found: dict[str, Any] = {}
        for key, each in value.items():
            try:
                found[key_of(key)] = item(each)
            except Wrong as wrong:
                raise wrong.under(str(key)[:MAX_LINE]) from None
        return found

    return read


def _enum(kind: type[Enum]) -> Convert:
    members = {member.value: member for member in kind}

    def read(value: Any) -> Enum:
        if isinstance(value, kind):
            return value
        member = members.get(value) if isinstance(value, str) else None
        if member is None:
            raise Wrong(f"{{}} is one of {', '.join(members)}, not {_shown(value)}.")
        return member

    return read


def _decimal(value: Any) -> Decimal:
    plain = False
    if type(value) is str and len(value) <= MAX_ID:
        number = NUMBER.fullmatch(value)
        if number is None:
            raise Wrong(f"{{}} is a number, not {_shown(value)}.")
        plain = len(value) <= MAX_DECIMAL_DIGITS and not number[1]  # without an exponent its size is plain to see
        value = Decimal(value)
    elif type(value) is int and abs(value) < 10**MAX_DECIMAL_DIGITS:
        value = Decimal(value)
    if type(value) is not Decimal:
        raise Wrong(f"{{}} is a decimal number, best written as a text, not {_shown(value)}.")
    if not value.is_finite() or not (plain or _is_small(value)):
        raise Wrong(f"{{}} is a number of at most {MAX_DECIMAL_DIGITS} digits, not {_shown(value)}.")
    return value


def _is_small(value: Decimal) -> bool:
    return value.adjusted() <= MAX_DECIMAL_DIGITS and cast(int, value.as_tuple().exponent) >= -MAX_DECIMAL_DIGITS


def _int(value: Any) -> int:
    if type(value) is not int or not MIN_INT <= value <= MAX_INT:
        raise Wrong(f"{{}} is a whole number, not {_shown(value)}.")
    return value


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise Wrong(f"{{}} is true or false, not {_shown(value)}.")
    return value


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise Wrong(f"{{}} is a UUID, not {_shown(value)}.") from None


def _datetime(value: Any) -> datetime:
    if type(value) is str and len(value) <= MAX_LINE:
        try:
            value = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            raise Wrong(f"{{}} is a moment as 2026-01-31T18:00:00+01:00, not {_shown(value)}.") from None
    if type(value) is not datetime or value.tzinfo is None:
        raise Wrong(f"{{}} is a moment with its zone, as 2026-01-31T18:00:00+01:00, not {_shown(value)}.")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Wrong(f"{_shown(value)} is beyond the calendar.") from None


def _date(value: Any) -> date:
    if type(value) is str and len(value) <= MAX_LINE:
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if type(value) is not date or not EARLIEST.date() <= value <= LATEST_DATE:
        raise Wrong("{} is a date as 1980-12-31, from 1900 on.")
    return value


_PLAIN: dict[Any, Convert] = {
    str: _text(MAX_LINE), int: _int, bool: _bool, Decimal: _decimal, UUID: _uuid, datetime: _datetime, date: _date,
}  # fmt: skip


def _shown(value: Any) -> str:
    text = ascii(value) if isinstance(value, (bytes, dict, list)) or value is None else repr(str(value)[:60])
    return text[:60]


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word[:MAX_LINE], list(known), n=1)
    return f". Did you mean {near[0]}?" if near else ""


__all__ = ["MAX_TEXT", "Commands", "camel", "command_id", "identify", "moment"]
