"""Interactions: every time that a customer and the company met, by whatever channel."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Contact, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CustomerId, InteractionId, StaffId
from domain.values import Channel, must_be_within, must_last, must_say

MAX_REMEMBERED = 1_000
"""How many messages, links and requests an interaction may have, of each."""
MAX_RECIPIENTS = 100
MAX_ATTACHMENTS = 100
MAX_ATTACHMENT_BYTES = 2**40
MAX_SCRIPT_VERSION = 10_000


class Direction(StrEnum):
    """Who began: IN the customer, OUT the company."""

    IN = "IN"
    OUT = "OUT"


class Sentiment(StrEnum):
    """How the customer felt."""

    POSITIVE = "POSITIVE"
    NEUTRAL = "NEUTRAL"
    NEGATIVE = "NEGATIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message: its name, its type such as application/pdf, and its size. It is not kept."""

    name: str
    media_type: str | None = None
    size_bytes: int | None = None


# What can be asked.


class LogInteraction(Command):
    """Note a contact after the fact: `topic` and `campaign` are codes; `staff_id` is who met the customer, or says so."""

    interaction_id: InteractionId
    customer_id: CustomerId
    channel: Channel
    direction: Direction = Direction.IN
    subject: str | None = None
    text: Text | None = None
    topic: str | None = None
    campaign: str | None = None
    duration_s: int | None = None
    staff_id: StaffId | None = None
    place: str | None = None


class StartInteraction(Command):
    """Begin a contact that goes on: a chat, a thread of mails; `script` is the key of what the staff are to say."""

    interaction_id: InteractionId
    customer_id: CustomerId
    channel: Channel
    direction: Direction = Direction.IN
    topic: str | None = None
    campaign: str | None = None
    queue: str | None = None
    staff_id: StaffId | None = None
    script: str | None = None
    script_version: int | None = None


class ReceiveMessage(Command):
    """Note what the customer wrote; what has a Message-ID is taken once. `in_reply_to` is the one that it answers."""

    interaction_id: InteractionId
    subject: str | None = None
    text: Text
    thread: str | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class SendMessage(Command):
    """Note what the company wrote; what has a Message-ID is taken once. `in_reply_to` is the one that it answers."""

    interaction_id: InteractionId
    subject: str | None = None
    text: Text
    thread: str | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class EndInteraction(Command):
    """End a contact that was started; `outcome` is a code."""

    interaction_id: InteractionId
    outcome: str | None = None
    duration_s: int | None = None


class SummariseInteraction(Command):
    """Say what a contact was about, and how the customer felt."""

    interaction_id: InteractionId
    topic: str
    sentiment: Sentiment | None = None


class LinkInteraction(Command):
    """Say what a contact belongs to: a noun such as `order`, and its id."""

    interaction_id: InteractionId
    noun: str
    id: UUID


class RequestInformation(Command):
    """Note that the customer wants to know more about a topic."""

    interaction_id: InteractionId
    topic: str


class ReattributeInteraction(Command):
    """Give a contact to the customer that it was really with."""

    interaction_id: InteractionId
    customer_id: CustomerId


# What can have happened.


class InteractionLogged(Event, stored_as="interaction.logged.v1"):
    """The customer and the company met."""

    customer_id: CustomerId
    channel: Channel
    direction: Direction
    subject: Told[str]
    text: Told[str]
    topic: str | None = None
    campaign: str | None = None
    duration_s: int | None = None
    staff_id: StaffId | None = None
    place: Contact[str] = None


class InteractionStarted(Event, stored_as="interaction.started.v1"):
    """The customer and the company began to talk."""

    customer_id: CustomerId
    channel: Channel
    direction: Direction
    topic: str | None = None
    campaign: str | None = None
    queue: str | None = None
    staff_id: StaffId | None = None
    script: str | None = None
    script_version: int | None = None


class MessageReceived(Event, stored_as="interaction.message-received.v1"):
    """The customer wrote; no recipients or attachments are empty, as what is forgotten is."""

    subject: Told[str]
    text: Told[str]
    thread: str | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    sender: Contact[str] = None
    recipients: Contact[tuple[str, ...]] = None
    attachments: Told[tuple[Attachment, ...]] = None


class MessageSent(Event, stored_as="interaction.message-sent.v1"):
    """The company wrote; no recipients or attachments are empty, as what is forgotten is."""

    subject: Told[str]
    text: Told[str]
    thread: str | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    sender: Contact[str] = None
    recipients: Contact[tuple[str, ...]] = None
    attachments: Told[tuple[Attachment, ...]] = None


class InteractionEnded(Event, stored_as="interaction.ended.v1"):
    """They stopped talking."""

    outcome: str | None = None
    duration_s: int | None = None


class InteractionSummarised(Event, stored_as="interaction.summarised.v1"):
    """Somebody said what the contact was about; the last summary counts."""

    topic: str
    sentiment: Sentiment | None = None


class InteractionLinked(Event, stored_as="interaction.linked.v1"):
    """The contact was found to belong to something."""

    noun: str
    id: UUID


class InformationRequested(Event, stored_as="interaction.information-requested.v1"):
    """The customer wants to know more."""

    topic: str


class InteractionReattributed(Event, stored_as="interaction.reattributed.v1"):
    """The contact was with somebody else than had been thought."""

    previous: CustomerId
    customer_id: CustomerId


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Interaction:
    """`begun` is what was said first; `customer_id` is whose contact it is now; `messages` are those with an id."""

    begun: InteractionLogged | InteractionStarted | None = None
    customer_id: UUID | None = None
    ended: InteractionEnded | None = None
    summary: InteractionSummarised | None = None
    messages: frozenset[str] = frozenset()
    message_count: int = 0
    links: frozenset[tuple[str, UUID]] = frozenset()
    requested: frozenset[str] = frozenset()


Asked = (
    LogInteraction
    | StartInteraction
    | ReceiveMessage
    | SendMessage
    | EndInteraction
    | SummariseInteraction
    | LinkInteraction
    | RequestInformation
    | ReattributeInteraction
)
Happened = (
    InteractionLogged
    | InteractionStarted
    | MessageReceived
    | MessageSent
    | InteractionEnded
    | InteractionSummarised
    | InteractionLinked
    | InformationRequested
    | InteractionReattributed
)


def decide(asked: Asked, interaction: Interaction) -> Iterator[Event]:
    match asked:
        case LogInteraction() | StartInteraction():
            begun = begin(asked)
            if interaction.begun is None:
                yield begun
            elif interaction.begun != begun:
                raise Refused("This interaction is already known. Give a new one an id of its own.", "interaction_id")
        case _ if interaction.customer_id is None:
            raise Refused("There is no such interaction: start it or log it first.", "interaction_id")
        case ReceiveMessage() | SendMessage():
            must_be_postable(asked)
            if is_new(asked.message_id, interaction.messages, interaction.message_count):
                yield as_asked(
                    MessageReceived if isinstance(asked, ReceiveMessage) else MessageSent,
                    asked,
                    recipients=asked.recipients or None,
                    attachments=asked.attachments or None,
                )
        case EndInteraction(outcome=outcome, duration_s=duration_s):
            must_last(duration_s)
            ended = InteractionEnded(outcome=outcome, duration_s=duration_s)
            if isinstance(interaction.begun, InteractionLogged):
                raise Refused("This interaction was logged after the fact: it has ended already.")
            if interaction.ended is None:
                yield ended
            elif interaction.ended != ended:
                raise Refused("This interaction has already ended.")
        case SummariseInteraction(topic=topic, sentiment=sentiment):
            must_say(topic, "The topic", "topic")
            summary = InteractionSummarised(topic=topic, sentiment=sentiment)
            if interaction.summary != summary:
                yield summary
        case LinkInteraction(noun=noun, id=id):
            must_say(noun, "The noun", "noun")
            if is_new((noun, id), interaction.links, len(interaction.links)):
                yield InteractionLinked(noun=noun, id=id)
        case RequestInformation(topic=topic):
            must_say(topic, "The topic", "topic")
            if is_new(topic, interaction.requested, len(interaction.requested)):
                yield InformationRequested(topic=topic)
        case ReattributeInteraction(customer_id=customer_id):
            if customer_id != interaction.customer_id:
                yield InteractionReattributed(previous=interaction.customer_id, customer_id=customer_id)
        case _:
            assert_never(asked)


def evolve(interaction: Interaction, event: Happened) -> Interaction:
    match event:
        case InteractionLogged(customer_id=customer_id) | InteractionStarted(customer_id=customer_id):
            return Interaction(event, customer_id)
        case MessageReceived(message_id=message_id) | MessageSent(message_id=message_id):
            known = interaction.messages if message_id is None else interaction.messages | {message_id}
            return replace(interaction, messages=known, message_count=interaction.message_count + 1)
        case InteractionEnded():
            return replace(interaction, ended=event)
        case InteractionSummarised():
            return replace(interaction, summary=event)
        case InteractionLinked(noun=noun, id=id):
            return replace(interaction, links=interaction.links | {(noun, id)})
        case InformationRequested(topic=topic):
            return replace(interaction, requested=interaction.requested | {topic})
        case InteractionReattributed(customer_id=customer_id):
            return replace(interaction, customer_id=customer_id)
        case _:
            assert_never(event)


def begin(asked: LogInteraction | StartInteraction) -> InteractionLogged | InteractionStarted:
    """The first words about a contact."""
    if isinstance(asked, LogInteraction):
        must_last(asked.duration_s)
        return as_asked(InteractionLogged, asked)
    must_be_within(asked.script_version, 1, MAX_SCRIPT_VERSION, "script_version")
    if asked.script is None and asked.script_version is not None:
        raise Refused("Give the script that this is a version of.", "script")
    return as_asked(InteractionStarted, asked)


def must_be_postable(asked: ReceiveMessage | SendMessage) -> None:
    """Refused if a message goes to too many, or brings too many files or such as cannot be."""
    if len(asked.recipients) > MAX_RECIPIENTS:
        raise Refused(f"A message names at most {MAX_RECIPIENTS} recipients: leave the others out.", "recipients")
    if len(asked.attachments) > MAX_ATTACHMENTS:
        raise Refused(f"A message names at most {MAX_ATTACHMENTS} attachments: leave the others out.", "attachments")
    for file in asked.attachments:
        must_say(file.name, "The name of an attachment", "attachments")
        if file.size_bytes is not None and not 0 <= file.size_bytes <= MAX_ATTACHMENT_BYTES:
            raise Refused(f"An attachment has from 0 to {MAX_ATTACHMENT_BYTES} bytes.", "attachments")


def is_new(thing: object, known: frozenset[object], count: int) -> bool:
    """Whether this was not noted before. Refused if so many are noted that no more can be."""
    if thing in known:
        return False
    if count >= MAX_REMEMBERED:
        raise Refused(f"An interaction holds at most {MAX_REMEMBERED} of these: start another one.")
    return True


decider = Decider("interaction", Asked, Happened, Interaction(), decide, evolve, disclose=True)
