"""Interactions."""

from dataclasses import fields, replace
from typing import Any, cast
from uuid import UUID

import pytest

from domain.interaction import (
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    MAX_RECIPIENTS,
    MAX_REMEMBERED,
    Attachment,
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
from domain.kernel import Command, Event
from domain.values import Channel
from eventstore.codec import Codec
from tests.domain.scenario import Given, but, given

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


SHEET = Attachment(name="Ana García.pdf", media_type="application/pdf", size_bytes=1024)
MAIL = ReceiveMessage(
    interaction_id=CALL, subject="Re: Hi", text="Hello", message_id="<3@x>", in_reply_to="<2@x>",
    sender="ana@example.com", recipients=("shop@example.com", "eva@example.com"), attachments=(SHEET,),
)  # fmt: skip
MAILED = MessageReceived(
    subject="Re: Hi", text="Hello", message_id="<3@x>", in_reply_to="<2@x>",
    sender="ana@example.com", recipients=("shop@example.com", "eva@example.com"), attachments=(SHEET,),
)  # fmt: skip


def test_a_mail_says_what_it_answers_who_wrote_it_and_which_files_came_with_it() -> None:
    given(decider, STARTED).when(MAIL).then(MAILED)
    given(decider, STARTED, MAILED).when(MAIL).then_nothing()
    sent = MessageSent(
        subject=None, text="Hello", message_id="<4@x>", in_reply_to="<3@x>", sender="shop@example.com",
        recipients=("ana@example.com",), attachments=(SHEET,),
    )  # fmt: skip
    answer = SendMessage(
        interaction_id=CALL, text="Hello", message_id="<4@x>", in_reply_to="<3@x>", sender="shop@example.com",
        recipients=("ana@example.com",), attachments=(SHEET,),
    )  # fmt: skip
    given(decider, STARTED, MAILED).when(answer).then(sent)
    given(decider, STARTED, MAILED, sent).when(answer).then_nothing()


def test_no_attachments_take_no_room() -> None:
    given(decider, STARTED).when(but(MAIL, attachments=(), recipients=())).then(
        replace(MAILED, attachments=None, recipients=None)
    )


def kept(event: Event) -> Event:
    """The event after it was written and read, its personal values with it."""
    codec = Codec([decider])
    body, personal = codec.encode(event)
    assert not any(word in body for word in (b"Ana", b"example.com", b"Calle"))
    read = codec.decode(event.stored_as, body)
    for field, value in personal:
        codec.disclose(read, field.slot, value)
    return read


@pytest.mark.parametrize(
    "event",
    [
        MAILED,
        replace(MAILED, attachments=None),
        MessageSent(subject=None, text="x", recipients=("a@example.com",), attachments=(SHEET,) * 2),
    ],
)
def test_attachments_and_addresses_are_sealed_and_come_back_as_they_were(event: Event) -> None:
    assert kept(event) == event


def test_personal_values_keep_the_places_that_they_always_had() -> None:
    shapes = Codec([decider]).shapes
    for name in ("interaction.message-received.v1", "interaction.message-sent.v1"):
        assert [field.name for field in shapes[name].personal] == [
            "subject", "text", "sender", "recipients", "attachments",
        ]  # fmt: skip
    assert [field.name for field in shapes["interaction.logged.v1"].personal] == ["subject", "text", "place"]


def test_what_was_stored_before_is_still_the_same_contact() -> None:
    older = Codec([decider]).decode(
        "interaction.started.v1",
        b'{"customer_id":"%s","channel":"EMAIL","direction":"OUT","queue":"service"}' % str(ANA).encode(),
    )
    given(decider, older).when(START).then_nothing()
    assert {each.name for each in fields(cast(Any, older))} > {"queue", "staff_id", "script", "script_version"}


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        (
            {"attachments": (SHEET,) * (MAX_ATTACHMENTS + 1)},
            "A message names at most 100 attachments: leave the others out.",
            "attachments",
        ),
        (
            {"recipients": ("a@example.com",) * (MAX_RECIPIENTS + 1)},
            "A message names at most 100 recipients: leave the others out.",
            "recipients",
        ),
        ({"attachments": (Attachment(name=" "),)}, "The name of an attachment must not be blank.", "attachments"),
        (
            {"attachments": (Attachment(name="a", size_bytes=-1),)},
            f"An attachment has from 0 to {MAX_ATTACHMENT_BYTES} bytes.",
            "attachments",
        ),
        (
            {"attachments": (Attachment(name="a", size_bytes=MAX_ATTACHMENT_BYTES + 1),)},
            f"An attachment has from 0 to {MAX_ATTACHMENT_BYTES} bytes.",
            "attachments",
        ),
    ],
)
def test_a_message_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, STARTED).when(but(MAIL, **changes)).refused(sentence, field)


def test_a_message_may_bring_as_many_files_as_are_named() -> None:
    many: dict[str, Any] = {
        "attachments": (SHEET,) * MAX_ATTACHMENTS,
        "recipients": ("a@example.com",) * MAX_RECIPIENTS,
    }
    given(decider, STARTED).when(but(MAIL, **many)).then(replace(MAILED, **many))


def test_it_is_noted_who_of_the_company_met_the_customer_and_where() -> None:
    given(decider).when(but(LOG, staff_id=EVA, place="Calle Mayor 1")).then(
        replace(LOGGED, staff_id=EVA, place="Calle Mayor 1")
    )
    assert kept(replace(LOGGED, staff_id=EVA, place="Calle Mayor 1")) == replace(
        LOGGED, staff_id=EVA, place="Calle Mayor 1"
    )
    scripted: dict[str, Any] = {"staff_id": EVA, "script": "spring", "script_version": 2}
    given(decider).when(but(START, **scripted)).then(replace(STARTED, **scripted))


def test_the_version_of_a_script_is_one_of_a_script() -> None:
    given(decider).when(but(START, script_version=1)).refused("Give the script that this is a version of.", "script")
    given(decider).when(but(START, script="spring", script_version=0)).refused(
        "The script version must be from 1 to 10000.", "script_version"
    )


def test_a_thread_has_a_limited_number_of_messages() -> None:
    state = decider.initial
    for event in (STARTED, *(MessageReceived(message_id=str(n), subject=None, text="") for n in range(MAX_REMEMBERED))):
        state = decider.evolve(state, event)
    assert len(state.messages) == MAX_REMEMBERED
    full = Given(decider, state)
    full.when(ReceiveMessage(interaction_id=CALL, text="Hello", message_id="0")).then_nothing()
    for message_id in ("one more", None):
        full.when(ReceiveMessage(interaction_id=CALL, text="Hello", message_id=message_id)).refused(
            "An interaction holds at most 1000 of these: start another one."
        )


def test_messages_without_an_id_fill_a_thread_as_well() -> None:
    message = MessageSent(subject=None, text="")
    given(decider, STARTED, *[message] * (MAX_REMEMBERED - 1)).when(SendMessage(interaction_id=CALL, text="")).then(
        message
    )
    given(decider, STARTED, *[message] * MAX_REMEMBERED).when(SendMessage(interaction_id=CALL, text="")).refused(
        "An interaction holds at most 1000 of these: start another one."
    )


def test_a_longer_thread_of_the_past_is_still_read() -> None:
    past = [MessageReceived(message_id=str(n), subject=None, text="") for n in range(MAX_REMEMBERED + 5)]
    past_is_full = given(decider, STARTED, *past)
    past_is_full.when(EndInteraction(interaction_id=CALL)).then(InteractionEnded())
    past_is_full.when(ReceiveMessage(interaction_id=CALL, text="", message_id="1004")).then_nothing()


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
