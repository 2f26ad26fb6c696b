"""Slices: the events of the log that are exported, what each says without personal values, and which nouns it is about."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from domain import DECIDERS
from domain.kernel import Event, Ref, sealed
from eventstore.envelope import Happened
from eventstore.journal import MAX_ENTRIES, Journal, Search
from eventstore.reader import HEAD, Reader

Progress = Callable[[int, int], None]
"""Told how many of how many positions are done."""

MAX_NESTING = 4
"""How many values within one another are looked into."""
NOUNS: Mapping[type[Event], str] = {event: decider.noun for decider in DECIDERS for event in decider.events}
"""To which noun something happened."""
ENVELOPE = {
    "position": "integer", "recorded_at": "time", "actor": "string", "origin": "string", "correlation_id": "string",
    "because": "integer",
}  # fmt: skip
"""What is told of the envelope of every event, and its type."""


class Reference(NamedTuple):
    """A noun that an event names, and as what."""

    noun: str
    id: UUID
    qualifier: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the events of a class tell, by path: plain values with their types, and references with their nouns."""

    values: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)


def slices(reader: Reader, search: Search, progress: Progress = lambda done, of: None) -> Iterator[list[Happened]]:
    """The events of a slice, page by page in the order of the log, up to where it is now, as they are read today.

    Each names whom its customer is taken to be, and what was taken back is left out.
    """
    journal, end, after = Journal(reader), reader.head(), 0
    while True:
        page = journal.page(search, first=MAX_ENTRIES, after=after, before=end + 1)
        withdrawn = reader.withdrawn(page.found)
        yield list(reader.as_known([each for each in page.found if each.at.correlation_id not in withdrawn], HEAD))
        if not page.has_next:
            progress(end, end)
            return
        after = page.found[-1].at.position
        progress(after, end)


def attributes(happened: Happened) -> Iterator[tuple[str, str, str]]:
    """The name, the type and the text of everything that an event tells without personal values; what is empty is left out."""
    event, at = happened
    for name, kind in ENVELOPE.items():
        if (value := getattr(at, name)) is not None:
            yield name, kind, text_of(value)
    for path, kind in told(type(event)).values.items():
        for value in _at(event, path.split(".")):
            if value is not None:
                yield path, kind, text_of(value)


def references(happened: Happened) -> list[Reference]:
    """What an event is about, each once: that to which it happened, its customer, and the nouns that it names."""
    event, at = happened
    found = [Reference(NOUNS[type(event)], at.stream_id, "of")]
    if at.customer_id is not None:
        found.append(Reference("customer", at.customer_id, "customer"))
    for path, noun in told(type(event)).references.items():
        found += [Reference(noun, value, path) for value in _at(event, path.split(".")) if isinstance(value, UUID)]
    return list({(each.noun, each.id): each for each in reversed(found)}.values())[::-1]


@cache
def told(event: type[Event]) -> Told:
    """What the events of a class tell."""
    found = Told()
    _look(event, (), found)
    return found


def _look(made: type, path: tuple[str, ...], found: Told) -> None:
    hints = get_type_hints(made, include_extras=True)
    for part in fields(cast(Any, made)):
        if sealed(hints[part.name]) is None:
            _note(hints[part.name], (*path, part.name), found, many=False)


def _note(hint: Any, path: tuple[str, ...], found: Told, *, many: bool) -> None:
    origin, args, name = get_origin(hint), get_args(hint), ".".join(path)
    if sealed(hint) is not None or len(path) > MAX_NESTING:
        return
    if origin is Annotated:
        noun = next((word.noun for word in args[1:] if isinstance(word, Ref)), None)
        if noun is not None:
            found.references[name] = noun
        else:
            _note(args[0], path, found, many=many)
    elif origin in (Union, UnionType):
        _note(next(arg for arg in args if arg is not type(None)), path, found, many=many)
    elif origin is tuple:
        _note(args[0], path, found, many=True)
    elif is_dataclass(hint):
        for part in fields(hint):
            inner = get_type_hints(hint, include_extras=True)[part.name]
            _note(inner, (*path, part.name), found, many=many)
    elif not many and (kind := _kind(hint)) is not None:
        found.values[name] = kind


def _kind(hint: Any) -> str | None:
    """The type of a plain value; none for what is a list, a mapping or an id without a noun."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "string"
    plain = {
        bool: "boolean",
        int: "integer",
        Decimal: "float",
        float: "float",
        str: "string",
        datetime: "time",
        date: "string",
    }
    return plain.get(hint)


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at a path; through a list, of each of its parts."""
    if isinstance(value, tuple):
        for each in value:
            yield from _at(each, path)
    elif not path or value is None:
        yield value
    else:
        yield from _at(getattr(value, path[0]), path[1:])


def text_of(value: Any) -> str:
    """A plain value as a text: moments in UTC, decimals with all their digits."""
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case datetime():
            return moment_of(value)
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def moment_of(moment: datetime) -> str:
    """A moment in UTC, to the microsecond, in ISO 8601."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
