"""What an event tells: the plain values of its fields by name, as predicates ask for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.kernel import Event, sealed
from domain.predicate import FieldKind

MAX_NESTING = 3
"""How deep a value may lie within others to be told."""

KINDS: Mapping[type, FieldKind] = {
    str: FieldKind.TEXT,
    UUID: FieldKind.TEXT,
    bool: FieldKind.FLAG,
    int: FieldKind.NUMBER,
    Decimal: FieldKind.NUMBER,
    datetime: FieldKind.MOMENT,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is found: attribute by attribute. `many`: there it is a tuple, whose values are looked at one by one."""

    path: tuple[str, ...]
    kind: FieldKind
    many: int | None = None


@cache
def _events() -> Mapping[str, type[Event]]:
    from domain import DECIDERS  # only when all nouns are there, this one among them

    return {event.stored_as: event for decider in DECIDERS for event in decider.events}


def event_called(name: str) -> type[Event] | None:
    """The event that is stored under a name today, if there is one."""
    return _events().get(name)


def what_is_told(event: type[Event]) -> Mapping[str, FieldKind]:
    """What may be asked of an event: its own fields, those within one with a dot (`total.base`), those of a list as texts.

    Personal values, days without a time, and what has no fixed form are left out.
    """
    return {name: place.kind for name, place in _places(event).items()}


def told_by(event: Event) -> dict[str, object]:
    """What an event tells, by the names of `what_is_told`; what is empty is None."""
    return {name: _value(event, place) for name, place in _places(type(event)).items()}


@cache
def _places(event: type[Event]) -> Mapping[str, Place]:
    return {".".join(place.path): place for place in _within(event, (), None)}


def _within(made: type, path: tuple[str, ...], many: int | None) -> Iterator[Place]:
    hints = get_type_hints(made, include_extras=True)
    for each in fields(cast(Any, made)):
        if sealed(hints[each.name]) is None:
            yield from _of(hints[each.name], (*path, each.name), many)


def _of(hint: Any, path: tuple[str, ...], many: int | None) -> Iterator[Place]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from _of(args[0], path, many)
    elif origin in (Union, UnionType):
        inner = [arg for arg in args if arg is not type(None)]
        if len(inner) == 1:
            yield from _of(inner[0], path, many)
    elif origin is tuple:
        if many is None and len(args) == 2 and args[1] is Ellipsis:
            yield from _of(args[0], path, len(path))
    elif isinstance(hint, type) and (kind := KINDS.get(str if issubclass(hint, StrEnum) else hint)):
        if many is None:
            yield Place(path, kind)
        elif kind is FieldKind.TEXT:
            yield Place(path, FieldKind.TEXTS, many)
    elif is_dataclass(hint) and len(path) < MAX_NESTING:
        yield from _within(cast(type, hint), path, many)


def _value(event: object, place: Place) -> object:
    if place.many is None:
        return _at(event, place.path)
    each = _at(event, place.path[: place.many])
    found = [_at(one, place.path[place.many :]) for one in cast("tuple[object, ...]", each or ())]
    return tuple(str(value) for value in found if value is not None)


def _at(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        if value is None:
            return None
        value = getattr(value, name)
    return value
