"""Events to bytes and back: the body without personal values, and each personal value by itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, NamedTuple, cast, get_type_hints

import msgspec
import orjson

from domain.kernel import UNTOLD, Decider, Event, sealed_fields
from eventstore.upcasts import UPCASTS, Upcasts, upcast


class UnknownEvent(Exception):
    """The log holds an event that this version does not know: a newer version wrote it."""


class PersonalField(NamedTuple):
    """Where a personal value belongs: its slot is its place among the event's personal fields."""

    slot: int
    name: str
    key_class: str
    decoder: "msgspec.json.Decoder[Any]"
    is_text: bool


class Shape:
    """How one class of events is written and read."""

    def __init__(self, event: type[Event]) -> None:
        personal = sealed_fields(event)
        hints = get_type_hints(event)
        self.event = event
        self.decode = msgspec.json.Decoder(event).decode
        self.plain = tuple(f.name for f in fields(cast(Any, event)) if f.name not in personal)
        self.personal = tuple(
            PersonalField(slot, name, word.key_class, msgspec.json.Decoder(hints[name]), hints[name] == str | None)
            for slot, (name, word) in enumerate(personal.items())
        )


def json_form(value: object) -> object:
    """What JSON does not know, as something that it does; for `orjson.dumps(default=...)`. Raises TypeError."""
    if type(value) is Decimal:
        return str(value)  # digits, never a float
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class Decoders(dict[str, Callable[[bytes], Event]]):
    """By stored name: how a body is read. An older name is read through its upcasts."""

    def __init__(self, codec: "Codec") -> None:
        super().__init__()
        self._codec = codec

    def __missing__(self, stored_as: str) -> Callable[[bytes], Event]:
        def read(body: bytes) -> Event:
            newest, changed = upcast(self._codec.upcasts, stored_as, body)
            if newest not in self._codec.shapes:
                raise UnknownEvent(
                    f"{stored_as} is not known to this version of Bitácora. Update it, then go on: nothing is lost."
                )
            return msgspec.convert(changed, self._codec.shapes[newest].event, strict=False)

        return read


class Codec:
    """Every event that the given nouns can have, by the name under which it is stored."""

    def __init__(self, deciders: Iterable[Decider[Any]], upcasts: Upcasts = UPCASTS) -> None:
        self.shapes = {event.stored_as: Shape(event) for decider in deciders for event in decider.events}
        self.upcasts = upcasts
        self.decoders = Decoders(self)
        self.decoders.update({stored_as: shape.decode for stored_as, shape in self.shapes.items()})

    def encode(self, event: Event) -> tuple[bytes, list[tuple[PersonalField, bytes]]]:
        """The body, and the personal values that are kept apart from it."""
        shape = self.shapes[event.stored_as]
        if not shape.personal:
            return orjson.dumps(event, default=json_form), []
        body = orjson.dumps({name: getattr(event, name) for name in shape.plain}, default=json_form)
        kept = [(field, getattr(event, field.name)) for field in shape.personal]
        return body, [(field, orjson.dumps(value, default=json_form)) for field, value in kept if value is not None]

    def decode(self, stored_as: str, body: bytes) -> Event:
        """The event without its personal values. Raises `UnknownEvent`."""
        return self.decoders[stored_as](body)

    def names(self, events: Iterable[type[Event]]) -> list[str]:
        """Every stored name that is read as one of these classes, the older ones too."""
        wanted = {event.stored_as for event in events}
        for older in self.upcasts:
            newest = older
            while newest in self.upcasts:
                newest = self.upcasts[newest][0]
            if newest in wanted:
                wanted.add(older)
        return sorted(wanted)

    def personal_field(self, event: Event, slot: int) -> PersonalField:
        """What a slot of this event means."""
        return self.shapes[event.stored_as].personal[slot]

    def disclose(self, event: Event, slot: int, value: bytes) -> None:
        """Puts a deciphered value back into its event, which nobody else has seen yet."""
        field = self.personal_field(event, slot)
        object.__setattr__(event, field.name, field.decoder.decode(value))

    def mark(self, event: Event, slot: int) -> None:
        """Says in an event, which nobody else has seen yet, that a personal text is there: `UNTOLD`."""
        field = self.personal_field(event, slot)
        if field.is_text:
            object.__setattr__(event, field.name, UNTOLD)
