"""Every text of every mutation comes back as it was written, whatever noun it is of."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from random import Random
from typing import Any, cast
from uuid import UUID

import pytest

from api.house import House
from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.customer import decider as customer
from domain.erasure import decider as erasure
from domain.kernel import Command, Decider, Event, Refused
from eventstore.codec import Codec
from eventstore.commands import Commands, camel
from tests.api.conftest import Ask
from tests.api.test_naughty_strings import OWN, PUBLIC, SCENES, WITH_TEXTS, inside, stored
from tests.domain.strategies import ONE, POOLS, TWO

LIVES = 2_000
LONGEST = 8
COMMANDS, CODEC = Commands(DECIDERS), Codec(DECIDERS)
NOUN_OF = {command: noun for noun in DECIDERS for command in noun.commands}
BY_CHANCE = sorted(set(WITH_TEXTS) - set(SCENES))
MEANT = {
    "changeCartQuantity": "sku", "publishAllocationRule": "key", "publishArticle": "language", "removeCartItem": "sku",
    "removeOpportunityLine": "lineId", "reprioritiseWorkItem": "factors", "requestCallback": "phone",
    "publishRate": "source", "reviseOpportunityAmount": "currency", "startCart": "currency",
    "suspectDuplicate": "features", "scheduleReport": "at",
}  # fmt: skip
"""The mutations of which no text may be any word, and the text that must mean something."""

PARTS = {
    "acceptInboundMessage": {"source"}, "rejectInboundMessage": {"source"}, "publishRate": {"source"},
    "reportStock": {"site"},  # ids are made of them, with colons between
    "startWebSession": {"landing", "referrer"}, "trackWebSession": {"page"}, "recordLinkClicked": {"link"},  # addresses
    "defineTerritory": {"rule"}, "recordMessageBounced": {"reason"},  # codes
}  # fmt: skip
"""Texts that may be many a word but not every one, or that are kept in another form."""

Path = tuple[str | int, ...]


def written(value: Any) -> Any:
    """A command as somebody writes it."""
    if is_dataclass(value):
        parts = {camel(f.name): written(getattr(value, f.name)) for f in fields(value)}
        return {name: part for name, part in parts.items() if part is not None}
    if isinstance(value, Mapping):
        return {key: written(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [written(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal | str) else value


def texts_of(command: Any, raw: Any, path: Path = ()) -> Iterator[Path]:
    """Where there are plain texts in what somebody wrote."""
    if type(command) is str:
        yield path
    elif is_dataclass(command):
        for f in fields(command):
            if camel(f.name) in raw:
                yield from texts_of(getattr(command, f.name), raw[camel(f.name)], (*path, camel(f.name)))
    elif isinstance(command, Mapping):
        for key in command:
            yield from texts_of(command[key], raw[key], (*path, key))
    elif isinstance(command, tuple):
        for n, each in enumerate(command):
            yield from texts_of(each, raw[n], (*path, n))


def with_text(raw: dict[str, Any], said: Mapping[Path, str]) -> dict[str, Any]:
    """What somebody would have written with other texts."""
    copied = cast(dict[str, Any], json.loads(json.dumps(raw)))
    for path, text in said.items():
        place = reduce(lambda at, step: at[step], path[:-1], cast(Any, copied))
        place[path[-1]] = text
    return copied


def happens(noun: Decider[Any], state: Any, name: str, raw: dict[str, Any]) -> list[Event]:
    """What comes of it; nothing if it is refused."""
    try:
        return list(noun.decide(COMMANDS.read(name, raw), state))
    except Refused:
        return []


def free(noun: Decider[Any], state: Any, command: Command) -> list[Path]:
    """The texts that may be any word; the others mean something, and not every word does."""
    name, raw = camel(type(command).__name__), written(command)
    tried = {path: happens(noun, state, name, with_text(raw, {path: "Word"})) for path in texts_of(command, raw)}
    found = [path for path, happened in tried.items() if "Word" in given_back(happened)]
    return [path for path in found if PARTS.get(name, set()).isdisjoint(path)]


def life(kind: type[Command]) -> tuple[list[Command], Any, Command, list[Path]]:
    """What has to be asked before, the state that it leads to, and the command with the most texts that may be any."""
    noun: Decider[Any] = NOUN_OF[kind]
    chance = Random(kind.__name__)
    ends = [each for each in POOLS[noun.noun] if type(each) is kind]
    best: tuple[list[Command], Any, Command, list[Path]] = ([], noun.initial, ends[0], [])
    for _ in range(LIVES):
        end, before, state = chance.choice(ends), [], noun.initial
        for command in chance.choices(POOLS[noun.noun], k=chance.randrange(LONGEST)):
            about = noun.stream_of(command) == noun.stream_of(end)
            if about and (happened := happens(noun, state, camel(type(command).__name__), written(command))):
                before.append(command)
                state = reduce(noun.evolve, happened, state)
        if len(found := free(noun, state, end)) > len(best[3]):
            best = before, state, end, found
    return best


def given_back(events: list[Event]) -> set[str]:
    """Every text in what is stored of events, and read again."""
    found: set[str] = set()
    for event in events:
        body, personal = CODEC.encode(event)
        found |= inside(json.loads(body)) | {text for _, value in personal for text in inside(json.loads(value))}
    return found


@pytest.mark.parametrize("name", BY_CHANCE)
def test_every_text_of_a_mutation_gives_back_what_was_written(name: str, house: House, ask: Ask) -> None:
    kind = PUBLIC[name]
    noun = NOUN_OF[kind]
    before, state, command, paths = life(kind)
    assert bool(paths) is (name not in MEANT)
    if not paths:
        return
    raw, strings = written(command), [text for text in OWN if text.strip()]
    for start in range(len(strings)):
        said = {path: strings[(start + n) % len(strings)] for n, path in enumerate(paths)}
        happened = happens(noun, state, name, with_text(raw, said))
        assert happened, said
        assert set(said.values()) <= given_back(happened), said
    start = Random(name).randrange(len(strings))
    said = {path: strings[(start + n) % len(strings)] for n, path in enumerate(paths)}
    known = {customer.noun: [TWO], erasure.noun: [ONE, TWO]}.get(
        noun.noun, []
    )  # who others are merged into, or who may be erased
    for each in (*(RegisterCustomer(customer_id=who) for who in known), *before):
        house.log.do(each)
    query = f"mutation($input: {kind.__name__}Input!) {{ {name}(input: $input) {{ ...R }} }}"
    found = ask(query, input=with_text(raw, said))[name]
    assert "reason" not in found, (said, found)
    assert set(said.values()) <= stored(ask, found["position"])
