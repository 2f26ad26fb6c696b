"""Deliveries: what became of a message that was sent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from re import compile as pattern
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.references import CustomerId, InteractionId
from domain.values import must_say, without_query

MAX_LINKS = 100
REASON = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BounceKind(StrEnum):
    """Whether a message can never arrive at its address (HARD), did not this time (SOFT), or was unwanted (SPAM_REPORT)."""

    HARD = "HARD"
    SOFT = "SOFT"
    SPAM_REPORT = "SPAM_REPORT"


# What can be asked.


class RecordMessageDelivered(Command):
    """Note that the customer's mail server or phone took the message; `message_id` is the one under which it was sent."""

    message_id: str
    customer_id: CustomerId
    interaction_id: InteractionId | None = None


class RecordMessageOpened(Command):
    """Note that the message was opened; the first time counts."""

    message_id: str
    customer_id: CustomerId
    interaction_id: InteractionId | None = None


class RecordLinkClicked(Command):
    """Note that a link was followed, a code or a URL; each counts once, and what follows ? or # in it is left out."""

    message_id: str
    customer_id: CustomerId
    link: str
    interaction_id: InteractionId | None = None


class RecordMessageBounced(Command):
    """Note that the message came back, perhaps late, or was reported as spam, each kind once.

    `reason` is a code such as 5.1.1 or MAILBOX_FULL.
    """

    message_id: str
    customer_id: CustomerId
    kind: BounceKind
    reason: str | None = None
    interaction_id: InteractionId | None = None


# What can have happened.


class MessageDelivered(Event, stored_as="delivery.delivered.v1"):
    """The message reached the customer's mailbox or phone."""

    message_id: str
    customer_id: CustomerId
    interaction_id: InteractionId | None = None


class MessageOpened(Event, stored_as="delivery.opened.v1"):
    """The customer opened the message for the first time."""

    message_id: str
    customer_id: CustomerId
    interaction_id: InteractionId | None = None


class LinkClicked(Event, stored_as="delivery.link-clicked.v1"):
    """The customer followed a link of the message for the first time."""

    message_id: str
    customer_id: CustomerId
    link: str
    interaction_id: InteractionId | None = None


class MessageBounced(Event, stored_as="delivery.bounced.v1"):
    """The message came back, or the customer complained to the mail provider that it was not wanted."""

    message_id: str
    customer_id: CustomerId
    kind: BounceKind
    reason: str | None = None
    interaction_id: InteractionId | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the message so far. Notices come in any order, so none of them rules another out."""

    customer_id: UUID | None = None
    interaction_id: UUID | None = None
    delivered: bool = False
    opened: bool = False
    links: frozenset[str] = frozenset()
    bounced: frozenset[BounceKind] = frozenset()


Asked = RecordMessageDelivered | RecordMessageOpened | RecordLinkClicked | RecordMessageBounced
Happened = MessageDelivered | MessageOpened | LinkClicked | MessageBounced


def decide(asked: Asked, delivery: Delivery) -> Iterator[Event]:
    must_say(asked.message_id, "The id of the message", "message_id")
    if delivery.customer_id not in (None, asked.customer_id):
        raise Refused("This message was sent to another customer.", "customer_id")
    if delivery.interaction_id is not None and asked.interaction_id not in (None, delivery.interaction_id):
        raise Refused("This message belongs to another interaction.", "interaction_id")
    match asked:
        case RecordMessageDelivered():
            if not delivery.delivered:
                yield as_asked(MessageDelivered, asked)
        case RecordMessageOpened():
            if not delivery.opened:
                yield as_asked(MessageOpened, asked)
        case RecordLinkClicked():
            link = without_query(asked.link)
            if link is None:
                raise Refused("The link must not be blank.", "link")
            if link not in delivery.links:
                if len(delivery.links) >= MAX_LINKS:
                    raise Refused(f"A message has at most {MAX_LINKS} links: leave the others out.", "link")
                yield as_asked(LinkClicked, asked, link=link)
        case RecordMessageBounced():
            if asked.reason is not None and REASON.fullmatch(asked.reason) is None:
                raise Refused("Give the reason as a code, such as 5.1.1 or MAILBOX_FULL.", "reason")
            if asked.kind not in delivery.bounced:
                yield as_asked(MessageBounced, asked)
        case _:
            assert_never(asked)


def evolve(delivery: Delivery, event: Happened) -> Delivery:
    known = replace(
        delivery, customer_id=event.customer_id, interaction_id=event.interaction_id or delivery.interaction_id
    )
    match event:
        case MessageDelivered():
            return replace(known, delivered=True)
        case MessageOpened():
            return replace(known, opened=True)
        case LinkClicked(link=link):
            return replace(known, links=known.links | {link})
        case MessageBounced(kind=kind):
            return replace(known, bounced=known.bounced | {kind})
        case _:
            assert_never(event)


def delivery_id(message_id: str) -> UUID:
    """The stream that holds what became of a message."""
    return derived("delivery", message_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per message."""
    return delivery_id(asked.message_id)


decider = Decider("delivery", Asked, Happened, Delivery(), decide, evolve, stream=stream)
