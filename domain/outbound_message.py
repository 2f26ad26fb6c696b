"""Outbound messages: what other systems are told, and whether they got it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, Told, as_asked
from domain.values import must_be_digest, must_be_within, must_say

MAX_ATTEMPTS = 10**6
MAX_QUEUINGS = 100

OutboundMessageId = Annotated[UUID, Ref("outbound_message")]


class OutboundStatus(StrEnum):
    """How far an outbound message has come; DEAD is one that is not sent again by itself."""

    UNKNOWN = "UNKNOWN"
    QUEUED = "QUEUED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    DEAD = "DEAD"


# What can be asked.


class QueueOutboundMessage(Command):
    """Promise a system a message about a `noun` such as order, or send one again that was given up.

    `digest` is the SHA-256 of its bytes in hex."""

    outbound_message_id: OutboundMessageId
    target: str
    noun: str
    about: UUID | None = None
    digest: str


class AcknowledgeOutboundMessage(Command):
    """Say that the system has the message, even if it had been given up; `external_ref` is its own id of it."""

    outbound_message_id: OutboundMessageId
    external_ref: str | None = None


class DeadLetterOutboundMessage(Command):
    """Give a message up after so many attempts; somebody has to look at it."""

    outbound_message_id: OutboundMessageId
    reason: Text
    attempts: int


# What can have happened.


class OutboundMessageQueued(Event, stored_as="outbound_message.queued.v1"):
    """A system is to be told something, once more if it had been given up."""

    target: str
    noun: str
    about: UUID | None
    digest: str


class OutboundMessageAcknowledged(Event, stored_as="outbound_message.acknowledged.v1"):
    """The system said that it has the message."""

    external_ref: str | None


class OutboundMessageDeadLettered(Event, stored_as="outbound_message.dead-lettered.v1"):
    """The message was given up."""

    reason: Told[str]
    attempts: int


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """What was promised, and what became of it."""

    status: OutboundStatus = OutboundStatus.UNKNOWN
    queued: OutboundMessageQueued | None = None
    external_ref: str | None = None
    attempts: int = 0
    queuings: int = 0


Asked = QueueOutboundMessage | AcknowledgeOutboundMessage | DeadLetterOutboundMessage
Happened = OutboundMessageQueued | OutboundMessageAcknowledged | OutboundMessageDeadLettered


def decide(asked: Asked, message: OutboundMessage) -> Iterator[Event]:
    match asked:
        case QueueOutboundMessage():
            must_say(asked.target, "The target", "target")
            must_say(asked.noun, "The noun", "noun")
            must_be_digest(asked.digest, "digest")
            queued = as_asked(OutboundMessageQueued, asked)
            if message.queued not in (None, queued):
                raise Refused("This message is already queued. Queue another one instead.")
            if message.status in (OutboundStatus.UNKNOWN, OutboundStatus.DEAD):
                if message.queuings >= MAX_QUEUINGS:
                    raise Refused(f"This message has been queued {MAX_QUEUINGS} times. Queue another one instead.")
                yield queued
        case _ if message.queued is None:
            raise Refused("This message is not queued yet.", "outbound_message_id")
        case AcknowledgeOutboundMessage():
            must_say(asked.external_ref, "The external ref", "external_ref")
            if message.status is not OutboundStatus.ACKNOWLEDGED:
                yield as_asked(OutboundMessageAcknowledged, asked)
            elif message.external_ref != asked.external_ref:
                raise Refused("This message has already been acknowledged by another reference.", "external_ref")
        case _ if message.status is OutboundStatus.ACKNOWLEDGED:
            raise Refused("This message has already been acknowledged.")
        case DeadLetterOutboundMessage():
            must_say(asked.reason, "The reason", "reason")
            must_be_within(asked.attempts, 1, MAX_ATTEMPTS, "attempts")
            if message.status is not OutboundStatus.DEAD:
                yield as_asked(OutboundMessageDeadLettered, asked)
            elif message.attempts != asked.attempts:
                raise Refused("This message has already been given up. Queue it again first.", "attempts")
        case _:
            assert_never(asked)


def evolve(message: OutboundMessage, event: Happened) -> OutboundMessage:
    match event:
        case OutboundMessageQueued():
            return replace(message, status=OutboundStatus.QUEUED, queued=event, queuings=message.queuings + 1)
        case OutboundMessageAcknowledged():
            return replace(message, status=OutboundStatus.ACKNOWLEDGED, external_ref=event.external_ref)
        case OutboundMessageDeadLettered():
            return replace(message, status=OutboundStatus.DEAD, attempts=event.attempts)
        case _:
            assert_never(event)


decider = Decider("outbound_message", Asked, Happened, OutboundMessage(), decide, evolve)
