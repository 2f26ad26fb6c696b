"""The past stays readable: one stored line of every version of every event that was ever released.

To release a new event, add its line: `python -m tests.history.test_golden` prints those that are missing. A line that
stands is never changed.
"""

import types
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
import pytest

from domain import DECIDERS
from domain.kernel import Event, derived
from domain.predicate import Predicate, Test
from eventstore.codec import Codec, UnknownEvent

GOLDEN = Path(__file__).parent / "events.jsonl"
LINES = [orjson.loads(line) for line in GOLDEN.read_bytes().splitlines()] if GOLDEN.exists() else []
CODEC = Codec(DECIDERS)


def told(line: dict[str, Any]) -> Event:
    """The event of a stored line, its personal values put back by slot."""
    event = CODEC.decode(line["type"], orjson.dumps(line["body"]))
    for slot, (name, value) in enumerate(line["personal"]):
        assert CODEC.personal_field(event, slot).name == name, "A slot never changes its meaning."
        CODEC.disclose(event, slot, orjson.dumps(value))
    return event


def still_says(now: Any, then: Any) -> bool:
    """Whether all that was said is said in the same words; what has been added since, at any depth, may stand beside it."""
    if isinstance(now, dict) and isinstance(then, dict):
        return all(name in now and still_says(now[name], value) for name, value in then.items())
    if isinstance(now, list) and isinstance(then, list):
        return len(now) == len(then) and all(map(still_says, now, then))
    return type(now) is type(then) and bool(now == then)


@pytest.mark.parametrize("line", LINES, ids=[line["type"] for line in LINES])
def test_every_version_that_was_ever_stored_is_still_read(line: dict[str, Any]) -> None:
    event = told(line)
    body, personal = CODEC.encode(event)
    if event.stored_as == line["type"]:
        assert still_says(orjson.loads(body), line["body"])
        assert [[field.name, orjson.loads(value)] for field, value in personal] == line["personal"]


def test_every_event_of_today_has_a_line_with_all_that_it_says() -> None:
    assert not missing()


def test_an_event_of_a_newer_version_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownEvent, match="Update it"):
        CODEC.decode("order.teleported.v9", b"{}")


def test_an_older_shape_is_read_as_the_newer_one() -> None:
    def renamed(body: dict[str, Any]) -> dict[str, Any]:
        return {"carrier": body["company"]}

    steps = {
        "order.sent.v1": ("order.sent.v2", renamed),
        "order.sent.v2": ("order.shipped.v1", lambda body: {**body, "tracking": "T"}),
    }
    codec = Codec(DECIDERS, steps)
    event = codec.decode("order.sent.v1", b'{"company": "SEUR"}')
    assert (type(event).__name__, event.carrier, event.tracking) == ("OrderShipped", "SEUR", "T")  # type: ignore[attr-defined]
    assert codec.names([type(event)]) == ["order.sent.v1", "order.sent.v2", "order.shipped.v1"]


def missing() -> list[type[Event]]:
    """The events of which no line has every field of today."""
    written = {(line["type"], frozenset([*line["body"], *(name for name, _ in line["personal"])])) for line in LINES}
    return [
        event
        for decider in DECIDERS
        for event in decider.events
        if (event.stored_as, frozenset(f.name for f in fields(cast(Any, event)))) not in written
    ]


def sample(hint: Any, name: str) -> Any:
    """A value of a type, the same every time."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return sample(args[0], name)
    if origin in (Union, types.UnionType):
        return sample(next(arg for arg in args if arg is not type(None)), name)
    if origin is tuple:
        return (sample(args[0], name),)
    if origin is not None:
        return {"es": sample(args[-1], name)}
    if is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        if hint is Predicate:  # it holds itself, and is one of four
            return Predicate(no=(Predicate(test=sample(Test, name)),))
        return cast(Any, hint)(**{f.name: sample(hints[f.name], f.name) for f in fields(hint)})
    if issubclass(hint, Enum):
        return next(iter(hint))
    plain = {
        str: f"{name}, señora «Ñ»", int: 3, bool: True, Decimal: Decimal("12.340"), UUID: derived("sample", name),
        datetime: datetime(2026, 2, 28, 9, 0, 0, 123456, tzinfo=UTC), date: date(1980, 12, 31),
    }  # fmt: skip
    return plain[hint]


if __name__ == "__main__":
    for made in missing():
        hints = get_type_hints(made, include_extras=True)
        body, personal = CODEC.encode(made(**{f.name: sample(hints[f.name], f.name) for f in fields(made)}))
        said = [[field.name, orjson.loads(value)] for field, value in personal]
        print(orjson.dumps({"type": made.stored_as, "body": orjson.loads(body), "personal": said}).decode())
