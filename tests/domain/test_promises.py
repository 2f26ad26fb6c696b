"""What every noun promises, whatever is asked of it."""

import operator
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import reduce
from random import Random
from typing import Any, cast, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.case_note import NoteCase
from domain.interaction import ReceiveMessage, SendMessage
from domain.kernel import Command, Decider, Event, Refused, sealed_fields
from domain.order import CancelOrder, CancelOrderLines, LinesReturned, OrderLine, OrderPlaced, ReturnLines
from domain.order import decider as order
from tests.domain.strategies import PLACE, POOLS

NOUNS = pytest.mark.parametrize("noun", DECIDERS, ids=operator.attrgetter("noun"))

LIVES = 600

LESS = ReturnLines | CancelOrder | CancelOrderLines

ASKED = {noun: st.sampled_from(commands) for noun, commands in POOLS.items()}


def is_a_fact_of_its_own(command: Command) -> bool:
    """Whether asking again is meant to happen again."""
    if isinstance(command, ReceiveMessage | SendMessage):
        return command.message_id is None
    if isinstance(command, NoteCase):
        return command.external_ref is None
    return isinstance(command, ReturnLines | CancelOrderLines)


def answer(noun: Decider[Any], command: Command, state: Any) -> list[Event] | str:
    """What happens, or why it does not. A refusal is a sentence about a field of the command."""
    try:
        return list(noun.decide(command, state))
    except Refused as error:
        refusal = error
    assert refusal.reason[0].isupper()
    assert refusal.reason.endswith(".")
    assert refusal.field is None or hasattr(command, refusal.field.partition(".")[0])
    return refusal.reason


def ask(noun: Decider[Any], command: Command, state: Any) -> list[Event]:
    """What happens; nothing if it is refused."""
    answered = answer(noun, command, state)
    return [] if isinstance(answered, str) else answered


def without_the_personal(event: Event) -> Event:
    """The event as it is read where nobody asked for personal values, or where they are forgotten."""
    said = {each.name: getattr(event, each.name) for each in fields(cast(Any, event))}
    return type(event)(**said | dict.fromkeys(sealed_fields(type(event))))


def live(noun: Decider[Any], commands: list[Command]) -> list[Event]:
    """Everything that happens when all of this is asked."""
    state, happened = noun.initial, list[Event]()
    for command in commands:
        decided = ask(noun, command, state)
        state = reduce(noun.evolve, decided, state)
        happened += decided
    return happened


def lives_of(noun: Decider[Any], length: int) -> Iterator[list[Command]]:
    """What is asked in each of many lives, the same every time."""
    chance = Random(noun.noun)
    for _ in range(LIVES):
        yield chance.choices(POOLS[noun.noun], k=length)


@NOUNS
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_twice_is_the_same_as_once(noun: Decider[Any], data: st.DataObject) -> None:
    state = noun.initial
    for command in data.draw(st.lists(ASKED[noun.noun], min_size=5, max_size=25)):
        decided = ask(noun, command, state)
        state = reduce(noun.evolve, decided, state)
        if decided and not is_a_fact_of_its_own(command):
            assert list(noun.decide(command, state)) == []  # and it is not refused


@NOUNS
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_past_is_never_refused(noun: Decider[Any], data: st.DataObject) -> None:
    happened = live(noun, data.draw(st.lists(ASKED[noun.noun], min_size=5, max_size=25)))
    reduce(noun.evolve, data.draw(st.permutations(happened)), noun.initial)
    reduce(noun.evolve, data.draw(st.lists(st.sampled_from(happened), max_size=30)) if happened else [], noun.initial)


@NOUNS
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_past_can_be_told_without_what_is_personal(noun: Decider[Any], data: st.DataObject) -> None:
    happened = live(noun, data.draw(st.lists(ASKED[noun.noun], min_size=5, max_size=25)))
    ask(noun, data.draw(ASKED[noun.noun]), reduce(noun.evolve, map(without_the_personal, happened), noun.initial))


@NOUNS
def test_a_noun_is_disclosed_if_and_only_if_deciding_needs_what_is_personal(noun: Decider[Any]) -> None:
    differed: set[type[Command]] = set()
    for commands in lives_of(noun, 15):
        told, clear = noun.initial, noun.initial
        for command in commands:
            decided = ask(noun, command, told)
            told = reduce(noun.evolve, decided, told)
            clear = reduce(noun.evolve, map(without_the_personal, decided), clear)
            if answer(noun, command, told) != answer(noun, command, clear):
                differed.add(type(command))
    assert bool(differed) is noun.disclose, differed


@NOUNS
def test_everything_that_can_be_asked_can_happen(noun: Decider[Any]) -> None:
    seen = {type(event) for commands in lives_of(noun, 30) for event in live(noun, commands)}
    assert set(noun.events) <= seen, set(noun.events) - seen


@given(st.lists(st.sampled_from([each for each in POOLS["order"] if isinstance(each, LESS)]), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_what_comes_back_is_never_more_than_what_went_out(commands: list[Command]) -> None:
    went: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for event in live(order, [PLACE, *commands]):
        lines: tuple[OrderLine, ...] = getattr(event, "lines", ())
        for line in lines:
            (went if isinstance(event, OrderPlaced) else back)[line.sku] += line.quantity
        if isinstance(event, LinesReturned):
            assert event.nothing_left is (went == back)
    assert not went or back <= went


@NOUNS
def test_every_name_is_for_ever_and_says_its_noun(noun: Decider[Any]) -> None:
    for event in noun.events:
        assert event.stored_as.startswith(f"{noun.noun}.")
        assert event.stored_as.endswith(".v1")
    names = [event.stored_as for each in DECIDERS for event in each.events]
    assert len(set(names)) == len(names)


@NOUNS
def test_everything_says_what_it_is_in_a_sentence(noun: Decider[Any]) -> None:
    for message in (*noun.commands, *noun.events):
        said = (message.__doc__ or "").rstrip()
        assert said.endswith("."), message
        assert not said.startswith(message.__name__), message


@NOUNS
def test_every_command_names_its_stream(noun: Decider[Any]) -> None:
    for command in noun.commands:
        hints: Mapping[str, Any] = get_type_hints(command)
        assert noun.stream is not None or hints[f"{noun.noun}_id"] is UUID
