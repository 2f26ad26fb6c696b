"""What every noun promises, whatever is asked of it."""

import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import reduce
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.interaction import ReceiveMessage, SendMessage
from domain.kernel import Command, Decider, Event, Refused, sealed_fields
from domain.order import CancelOrder, LinesReturned, OrderLine, OrderPlaced, PlaceOrder, ReturnLines
from domain.order import decider as order
from domain.survey import POST_PURCHASE, PublishSurvey, Question, QuestionKind, survey_id

NOUNS = pytest.mark.parametrize("noun", DECIDERS, ids=operator.attrgetter("noun"))

POOLS: dict[type, st.SearchStrategy[Any]] = {
    UUID: st.sampled_from([UUID(int=1), UUID(int=2)]),
    str: st.sampled_from(["a", "B", " ", ""]),
    int: st.integers(-1, 3),
    Decimal: st.sampled_from([Decimal(0), Decimal("1.5"), Decimal("0.001"), Decimal(-1), Decimal("NaN")]),
    date: st.sampled_from([date(1980, 2, 29), date(1, 1, 1)]),
    datetime: st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]),
}
"""Few values, so that things meet; some of them wrong."""

NAMED: dict[str, st.SearchStrategy[Any]] = {
    "currency": st.sampled_from(["EUR", "EUR", "EUR", "GBP", "EURO"]),
    "base_currency": st.sampled_from([None, None, None, None, "USD"]),
    "rate": st.sampled_from([None, None, None, Decimal("1.17")]),
    "language": st.sampled_from(["es", "en-GB", "x"]),
    "timezone": st.sampled_from(["Europe/Madrid", "America/Bogota", "Madrid"]),
    "email": st.sampled_from([None, "ana@example.com", "eva@example.com", "ana"]),
    "phone": st.sampled_from([None, "600123456", "+34600123457", "1"]),
    "value": st.sampled_from(["ana@example.com", "600 123 456", "x-1", "X1"]),
    "sku": st.sampled_from(["A", "B"]),
    "quantity": st.integers(1, 4),
    "unit_price": st.sampled_from([Decimal("1.25"), Decimal("0.001")]),
    "policy": st.just("survey"),
    "step": st.just("ask"),
    "trigger": st.just(UUID(int=7)),
    "attempt": st.sampled_from([1, 1, 1, 2]),
    "basis": st.just("CONSENT"),
    "reason": st.sampled_from([" ", "CAPPED"]),
    "error": st.just("451 busy"),
}

PLACE = PlaceOrder(
    order_id=UUID(int=1),
    customer_id=UUID(int=1),
    lines=tuple(OrderLine(sku=sku, quantity=4, unit_price=Decimal("1.25")) for sku in "AB"),
)

QUESTIONS = [
    Question(key="csat", kind=QuestionKind.CSAT, text={"en": "How was it?"}),
    Question(key="why", kind=QuestionKind.TEXT, text={"en": "Why?"}),
]


def values_of(name: str, hint: Any) -> st.SearchStrategy[Any]:
    """Values that a field may have."""
    if name in NAMED:
        return NAMED[name]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*(st.none() if each is NoneType else values_of(name, each) for each in get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(values_of(name[:-1], get_args(hint)[0]), max_size=3).map(tuple)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint)[:3])
    if is_dataclass(hint):
        return asked_by(cast(Any, hint))
    return POOLS[hint]


def asked_by(made: type[Any]) -> st.SearchStrategy[Any]:
    """Commands, or values in them, of one class."""
    if made is PublishSurvey:
        return st.one_of(
            st.just(POST_PURCHASE),
            st.builds(
                PublishSurvey,
                survey_id=st.just(survey_id("a")),
                key=st.just("a"),
                title=st.sampled_from([{"en": "One"}, {"en": "Two"}, {}]),
                questions=st.lists(st.sampled_from(QUESTIONS), max_size=2).map(tuple),
            ),
        )
    hints = get_type_hints(made)
    return st.builds(made, **{each.name: values_of(each.name, hints[each.name]) for each in fields(made)})


ASKED = {noun.noun: st.one_of(*map(asked_by, noun.commands)) for noun in DECIDERS}


def is_a_fact_of_its_own(command: Command) -> bool:
    """Whether asking again is meant to happen again."""
    if isinstance(command, ReceiveMessage | SendMessage):
        return command.message_id is None
    return isinstance(command, ReturnLines)


def answer(noun: Decider[Any], command: Command, state: Any) -> list[Event] | str:
    """What happens, or why it does not. A refusal is a sentence about a field of the command."""
    try:
        return list(noun.decide(command, state))
    except Refused as error:
        refusal = error
    assert refusal.reason[0].isupper()
    assert refusal.reason.endswith(".")
    assert refusal.field is None or hasattr(command, refusal.field)
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
@settings(max_examples=200, deadline=None)
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

    @given(commands=st.lists(ASKED[noun.noun], min_size=5, max_size=15))
    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    def run(commands: list[Command]) -> None:
        told, clear = noun.initial, noun.initial
        for command in commands:
            decided = ask(noun, command, told)
            told = reduce(noun.evolve, decided, told)
            clear = reduce(noun.evolve, map(without_the_personal, decided), clear)
            if answer(noun, command, told) != answer(noun, command, clear):
                differed.add(type(command))

    run()
    assert bool(differed) is noun.disclose, differed


@NOUNS
def test_everything_that_can_be_asked_can_happen(noun: Decider[Any]) -> None:
    seen: Counter[type[Event]] = Counter()

    @given(commands=st.lists(ASKED[noun.noun], min_size=10, max_size=30))
    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    def run(commands: list[Command]) -> None:
        seen.update(map(type, live(noun, commands)))

    run()
    assert set(noun.events) <= seen.keys(), set(noun.events) - seen.keys()


@given(st.lists(st.one_of(asked_by(ReturnLines), asked_by(CancelOrder)), min_size=1, max_size=5))
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
        said = message.__doc__ or ""
        assert said.endswith("."), message
        assert not said.startswith(message.__name__), message


@NOUNS
def test_every_command_names_its_stream(noun: Decider[Any]) -> None:
    for command in noun.commands:
        hints: Mapping[str, Any] = get_type_hints(command)
        assert noun.stream is not None or hints[f"{noun.noun}_id"] is UUID
