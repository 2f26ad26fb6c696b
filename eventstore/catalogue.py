"""The catalogue: every event and every command, described by the classes themselves."""

import inspect
import types
from collections.abc import Container, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.kernel import Command, Decider, Event, Limit, Ref, sealed, sealed_fields
from eventstore.commands import camel

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

MAX_CODES_IN_LINE = 5
"""An enumeration of more codes than these is named in the table, and explained at its end."""

PLAIN: Mapping[Any, dict[str, object]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "format": "decimal"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}


def sentence(cls: type) -> str:
    """What a class says of itself."""
    return " ".join((inspect.getdoc(cls) or "").split())


def event_schema(event: type[Event]) -> dict[str, object]:
    """The JSON Schema of an event's stored body. Personal values are named in `x-personal`; they are not in the body."""
    hints = get_type_hints(event, include_extras=True)
    personal = sealed_fields(event)
    shown = [f for f in fields(cast(Any, event)) if f.name not in personal]
    schema = _object(shown, hints, str) | _definitions(hints.values(), str)
    if personal:
        schema["x-personal"] = {
            name: {"slot": n, "class": word.key_class} for n, (name, word) in enumerate(personal.items())
        }
    return {"$schema": SCHEMA_DIALECT, "title": event.stored_as, "description": sentence(event), **schema}


def command_schema(command: type[Command]) -> dict[str, object]:
    """The JSON Schema of a command's `input`, as every door takes it."""
    hints = get_type_hints(command, include_extras=True)
    schema = _object(fields(cast(Any, command)), hints, camel) | _definitions(hints.values(), camel)
    return {"$schema": SCHEMA_DIALECT, "title": camel(command.__name__), "description": sentence(command), **schema}


def catalogue(deciders: Iterable[Decider[Any]]) -> dict[str, object]:
    """Every noun with the JSON Schemas of its commands and events."""
    return {
        decider.noun: {
            "commands": {camel(command.__name__): command_schema(command) for command in decider.commands},
            "events": {event.stored_as: event_schema(event) for event in decider.events},
        }
        for decider in deciders
    }


def as_markdown(deciders: Iterable[Decider[Any]]) -> str:
    """The catalogue for people."""
    deciders = list(deciders)
    messages = [message for decider in deciders for message in (*decider.commands, *decider.events)]
    events = sum(len(decider.events) for decider in deciders)
    lines = [
        "# Commands and events",
        "",
        "Made from the classes by `bitacora events --write docs/events.md`; do not edit.",
        "",
        f"{len(deciders)} nouns, {len(messages) - events} commands that ask and {events} events that remember.",
        "A *sealed* value is personal: it is enciphered under its subject's key, outside the event's body, and empty once",
        "it is forgotten. An id may be given as a UUID or as `source:key`. What is named with a ? may be left out of a",
        "command, and be empty in an event. Words that begin with a capital are explained under [Types](#types); their",
        "fields are named there as in events, and in camelCase in commands.",
        "",
        "| noun | what it is | commands | events |",
        "|---|---|--:|--:|",
    ]
    for decider in deciders:
        counts = f"{len(decider.commands)} | {len(decider.events)}"
        lines.append(f"| [{decider.noun}](#{decider.noun}) | {_opening(decider)} | {counts} |")
    for decider in deciders:
        lines += ["", f"## {decider.noun}", "", _opening(decider)]
        lines += ["", "| command | what it asks | input |", "|---|---|---|"]
        for command in decider.commands:
            lines.append(f"| `{camel(command.__name__)}` | {sentence(command)} | {_inputs(command)} |")
        lines += ["", "| event | what happened | body |", "|---|---|---|"]
        for event in decider.events:
            lines.append(f"| `{event.stored_as}` | {sentence(event)} | {_bodies(event)} |")
    lines += ["", "## Types", "", "| type | what it is | fields, or values |", "|---|---|---|"]
    hints = [hint for message in messages for hint in get_type_hints(message, include_extras=True).values()]
    for made in sorted(_classes(hints, Enum), key=lambda each: each.__name__):
        if is_dataclass(made):
            lines.append(f"| {made.__name__} | {sentence(made)} | {_parts(made, ())} |")
        elif len(codes := [member.value for member in cast(type[Enum], made)]) > MAX_CODES_IN_LINE:
            lines.append(f"| {made.__name__} | {sentence(made)} | {' / '.join(codes)} |")
    return "\n".join(lines) + "\n"


def _opening(decider: Decider[Any]) -> str:
    """The first line of a noun's file."""
    return (inspect.getdoc(inspect.getmodule(decider.evolve)) or "").strip().partition("\n")[0]


def _inputs(command: type[Command]) -> str:
    hints = get_type_hints(command, include_extras=True)
    return ", ".join(
        f"`{camel(f.name)}{'' if _required(f) else '?'}` {_word(hints[f.name])}" for f in fields(cast(Any, command))
    )


def _bodies(event: type[Event]) -> str:
    return _parts(event, sealed_fields(event)) or "nothing more"


def _parts(made: type, personal: Container[str]) -> str:
    hints = get_type_hints(made, include_extras=True)
    return ", ".join(
        f"`{f.name}` *sealed* {_word(hints[f.name])}"
        if f.name in personal
        else f"`{f.name}{'?' if NoneType in get_args(hints[f.name]) else ''}` {_word(hints[f.name])}"
        for f in fields(cast(Any, made))
    )


def _word(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        ref = next((word for word in args[1:] if isinstance(word, Ref)), None)
        return f"id of {ref.noun}" if ref else _word(args[0])
    if origin in (Union, types.UnionType):
        return _word(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return f"list of {_word(args[0])}"
    if origin is not None:
        return f"map to {_word(args[-1])}"
    if issubclass(hint, Enum):
        return " / ".join(each.value for each in hint) if len(hint) <= MAX_CODES_IN_LINE else cast(str, hint.__name__)
    names = {
        str: "text",
        int: "whole number",
        bool: "yes or no",
        Decimal: "decimal",
        UUID: "id",
        datetime: "moment",
        date: "date",
    }
    return names.get(hint, cast(str, hint.__name__))


def _object(shown: Iterable["Field[Any]"], hints: Mapping[str, Any], naming: Any) -> dict[str, object]:
    shown = list(shown)
    return {
        "type": "object",
        "properties": {naming(f.name): _schema(hints[f.name], naming) for f in shown},
        "required": [naming(f.name) for f in shown if _required(f)],
        "additionalProperties": False,
    }


def _schema(hint: Any, naming: Any) -> dict[str, object]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        schema = _schema(args[0], naming)
        for word in args[1:]:
            if isinstance(word, Limit):
                schema = {**schema, "maxLength": word.characters}
            elif isinstance(word, Ref) and naming is camel:
                schema = {"type": "string", "description": f"The id of a {word.noun}: a UUID, or source:key."}
        return schema
    if origin in (Union, types.UnionType):
        inner = _schema(next(arg for arg in args if arg is not type(None)), naming)
        return {"anyOf": [inner, {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _schema(args[0], naming)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _schema(args[-1], naming)}
    if is_dataclass(hint):
        if _holds_itself(cast(type, hint)):
            return {"$ref": f"#/$defs/{cast(type, hint).__name__}"}
        return _object(fields(hint), get_type_hints(hint, include_extras=True), naming)
    if issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    return dict(PLAIN[hint])


def _definitions(hints: Iterable[Any], naming: Any) -> dict[str, object]:
    """The classes among these that hold themselves, as predicates do: they are described once, and referred to."""
    found = {
        made.__name__: _object(fields(cast(Any, made)), get_type_hints(made, include_extras=True), naming)
        for made in sorted(_classes(hints), key=lambda each: each.__name__)
        if _holds_itself(made)
    }
    return {"$defs": found} if found else {}


@cache
def _holds_itself(made: type) -> bool:
    return made in _classes(get_type_hints(made, include_extras=True).values())


def _classes(hints: Iterable[Any], *besides: type) -> set[type]:
    """Every dataclass within these types, however deep, and every class of the kinds named besides."""
    found: set[type] = set()
    left = list(hints)
    while left:
        hint = left.pop()
        left += [arg for arg in get_args(hint) if isinstance(arg, type) or get_args(arg)]
        if not isinstance(hint, type) or hint in found:
            continue
        if is_dataclass(hint):
            left += get_type_hints(hint, include_extras=True).values()
        if is_dataclass(hint) or issubclass(hint, besides):
            found.add(hint)
    return found


def _required(f: "Field[Any]") -> bool:
    return f.default is MISSING and f.default_factory is MISSING and sealed(f.type) is None
