"""Interactions."""

from uuid import UUID

import pytest

from domain.interaction import (
    MAX_REMEMBERED,
    Direction,
    EndInteraction,
    InformationRequested,
    InteractionEnded,
    InteractionLinked,
    InteractionLogged,
    InteractionReattributed,
    InteractionStarted,
    InteractionSummarised,
    LinkInteraction,
    LogInteraction,
    MessageReceived,
    MessageSent,
    ReattributeInteraction,
    ReceiveMessage,
    RequestInformation,
    SendMessage,
    Sentiment,
    StartInteraction,
    SummariseInteraction,
    decider,
)
from domain.kernel import Command
from domain.values import Channel
from tests.domain.scenario import Given, given

CALL, ANA, EVA, ORDER = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
LOG = LogInteraction(
    interaction_id=CALL, customer_id=ANA, channel=Channel.PHONE, subject="Lamp", text="It hums.", duration_s=42
)
LOGGED = InteractionLogged(
    customer_id=ANA, channel=Channel.PHONE, direction=Direction.IN, subject="Lamp", text="It hums.", duration_s=42
)
START = StartInteraction(
    interaction_id=CALL, customer_id=ANA, channel=Channel.EMAIL, direction=Direction.OUT, queue="service"
)
STARTED = InteractionStarted(customer_id=ANA, channel=Channel.EMAIL, direction=Direction.OUT, queue="service")


def test_a_contact_is_logged_once() -> None:
    state = given(decider).when(LOG).then(LOGGED)
    assert state.customer_id == ANA
    given(decider, LOGGED).when(LOG).then_nothing()


def test_a_contact_is_started_once() -> None:
    given(decider).when(START).then(STARTED)
    given(decider, STARTED).when(START).then_nothing()
    moved = InteractionReattributed(previous=ANA, customer_id=EVA)
    given(decider, STARTED, moved, InteractionEnded()).when(START).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        START,
        LogInteraction(interaction_id=CALL, customer_id=EVA, channel=Channel.PHONE),
        LogInteraction(
            interaction_id=CALL,
            customer_id=ANA,
            channel=Channel.PHONE,
            subject="Lamp",
            text="It does not hum.",
            duration_s=42,
        ),
    ],
)
def test_another_contact_cannot_have_the_same_id(other: Command) -> None:
    given(decider, LOGGED).when(other).refused(
        "This interaction is already known. Give a new one an id of its own.", "interaction_id"
    )


@pytest.mark.parametrize("duration_s", [-1, 10**9])
def test_a_contact_lasts_from_nothing_to_a_year(duration_s: int) -> None:
    sentence = "The duration must be from 0 to 31622400 seconds."
    log = LogInteraction(interaction_id=CALL, customer_id=ANA, channel=Channel.PHONE, duration_s=duration_s)
    given(decider).when(log).refused(sentence, "duration_s")
    end = EndInteraction(interaction_id=CALL, duration_s=duration_s)
    given(decider, STARTED).when(end).refused(sentence, "duration_s")


@pytest.mark.parametrize(
    "command",
    [
        ReceiveMessage(interaction_id=CALL, text="Hello"),
        SendMessage(interaction_id=CALL, text="Hello"),
        EndInteraction(interaction_id=CALL),
        SummariseInteraction(interaction_id=CALL, topic="lamp"),
        LinkInteraction(interaction_id=CALL, noun="order", id=ORDER),
        RequestInformation(interaction_id=CALL, topic="lamp"),
        ReattributeInteraction(interaction_id=CALL, customer_id=EVA),
    ],
)
def test_there_must_be_a_contact(command: Command) -> None:
    given(decider).when(command).refused("There is no such interaction: start it or log it first.", "interaction_id")


def test_a_message_with_an_id_is_taken_once() -> None:
    ask = ReceiveMessage(interaction_id=CALL, subject="Hi", text="Hello", thread="t", message_id="<1@x>")
    received = MessageReceived(subject="Hi", text="Hello", thread="t", message_id="<1@x>")
    given(decider, STARTED).when(ask).then(received)
    given(decider, STARTED, received).when(ask).then_nothing()
    answer = SendMessage(interaction_id=CALL, subject="Re: Hi", text="Hello", thread="t", message_id="<2@x>")
    sent = MessageSent(subject="Re: Hi", text="Hello", thread="t", message_id="<2@x>")
    given(decider, LOGGED, received).when(answer).then(sent)
    given(decider, LOGGED, received, sent).when(answer).then_nothing()


def test_a_message_without_an_id_is_a_fact_of_its_own() -> None:
    given(decider, STARTED, MessageReceived(subject=None, text="Hello")).when(
        ReceiveMessage(interaction_id=CALL, text="Hello")
    ).then(MessageReceived(subject=None, text="Hello"))
    given(decider, STARTED, MessageSent(subject=None, text="Hello")).when(
        SendMessage(interaction_id=CALL, text="Hello")
    ).then(MessageSent(subject=None, text="Hello"))


def test_a_thread_has_a_limited_number_of_messages() -> None:
    state = decider.initial
    for event in (STARTED, *(MessageReceived(message_id=str(n), subject=None, text="") for n in range(MAX_REMEMBERED))):
        state = decider.evolve(state, event)
    assert len(state.messages) == MAX_REMEMBERED
    one_more = ReceiveMessage(interaction_id=CALL, text="Hello", message_id="one more")
    Given(decider, state).when(one_more).refused("An interaction holds at most 10000 of these: start another one.")


def test_a_contact_ends_once() -> None:
    end = EndInteraction(interaction_id=CALL, outcome="SOLVED", duration_s=60)
    ended = InteractionEnded(outcome="SOLVED", duration_s=60)
    given(decider, STARTED).when(end).then(ended)
    given(decider, STARTED, ended).when(end).then_nothing()
    given(decider, STARTED, ended).when(EndInteraction(interaction_id=CALL, outcome="LOST")).refused(
        "This interaction has already ended."
    )
    given(decider, LOGGED).when(end).refused("This interaction was logged after the fact: it has ended already.")


def test_the_last_summary_counts() -> None:
    ask = SummariseInteraction(interaction_id=CALL, topic="lamp", sentiment=Sentiment.NEGATIVE)
    first = InteractionSummarised(topic="lamp", sentiment=Sentiment.NEGATIVE)
    given(decider, LOGGED).when(ask).then(first)
    given(decider, LOGGED, first).when(ask).then_nothing()
    second = InteractionSummarised(topic="lamp", sentiment=Sentiment.POSITIVE)
    given(decider, LOGGED, first, second).when(ask).then(first)
    given(decider, LOGGED).when(SummariseInteraction(interaction_id=CALL, topic="")).refused(
        "The topic must not be blank.", "topic"
    )


def test_a_contact_is_linked_once() -> None:
    ask = LinkInteraction(interaction_id=CALL, noun="order", id=ORDER)
    linked = InteractionLinked(noun="order", id=ORDER)
    given(decider, LOGGED).when(ask).then(linked)
    given(decider, LOGGED, linked).when(ask).then_nothing()
    given(decider, LOGGED).when(LinkInteraction(interaction_id=CALL, noun=" ", id=ORDER)).refused(
        "The noun must not be blank.", "noun"
    )


def test_information_on_a_topic_is_requested_once() -> None:
    ask = RequestInformation(interaction_id=CALL, topic="lamp")
    given(decider, LOGGED).when(ask).then(InformationRequested(topic="lamp"))
    given(decider, LOGGED, InformationRequested(topic="lamp")).when(ask).then_nothing()
    given(decider, LOGGED).when(RequestInformation(interaction_id=CALL, topic=" ")).refused(
        "The topic must not be blank.", "topic"
    )


def test_a_contact_is_given_to_whom_it_was_with() -> None:
    ask = ReattributeInteraction(interaction_id=CALL, customer_id=EVA)
    moved = InteractionReattributed(previous=ANA, customer_id=EVA)
    state = given(decider, LOGGED).when(ask).then(moved)
    assert state.customer_id == EVA
    given(decider, LOGGED, moved).when(ask).then_nothing()
    given(decider, LOGGED, moved).when(ReattributeInteraction(interaction_id=CALL, customer_id=ANA)).then(
        InteractionReattributed(previous=EVA, customer_id=ANA)
    )
