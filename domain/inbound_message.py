"""Inbound messages: what other systems sent, taken once each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.values import must_be_digest, must_say

# What can be asked.


class AcceptInboundMessage(Command):
    """Note that a message was taken, also one that was rejected before; `key` is the sender's own id of it.

    `digest` is the SHA-256 of its bytes in hex, and `command` the name of what it asked for."""

    source: str
    key: str
    digest: str
    command: str | None = None


class RejectInboundMessage(Command):
    """Note that a message could not be taken, and why."""

    source: str
    key: str
    digest: str
    reason: Text


# What can have happened.


class InboundMessageAccepted(Event, stored_as="inbound_message.accepted.v1"):
    """A message of another system was taken."""

    source: str
    key: str
    digest: str
    command: str | None


class InboundMessageRejected(Event, stored_as="inbound_message.rejected.v1"):
    """A message of another system could not be taken; the sender may send it again."""

    source: str
    key: str
    digest: str
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What came under this key, and what became of it."""

    digest: str | None = None
    command: str | None = None
    accepted: bool = False


Asked = AcceptInboundMessage | RejectInboundMessage
Happened = InboundMessageAccepted | InboundMessageRejected


def decide(asked: Asked, message: InboundMessage) -> Iterator[Event]:
    must_be_known_by(asked)
    if message.digest not in (None, asked.digest):
        raise Refused("Another message came under this key. Send a new message under a key of its own.", "digest")
    match asked:
        case AcceptInboundMessage():
            must_say(asked.command, "The command", "command")
            if not message.accepted:
                yield as_asked(InboundMessageAccepted, asked)
            elif message.command != asked.command:
                raise Refused("This message has already been accepted as another command.", "command")
        case RejectInboundMessage():
            must_say(asked.reason, "The reason", "reason")
            if message.accepted:
                raise Refused("This message has already been accepted.")
            if message.digest is None:
                yield as_asked(InboundMessageRejected, asked)
        case _:
            assert_never(asked)


def evolve(message: InboundMessage, event: Happened) -> InboundMessage:
    match event:
        case InboundMessageAccepted():
            return InboundMessage(event.digest, event.command, accepted=True)
        case InboundMessageRejected():
            return replace(message, digest=event.digest)
        case _:
            assert_never(event)


def must_be_known_by(asked: Asked) -> None:
    """Refused if the sender, its key or the digest could not tell this message from another one."""
    must_say(asked.source, "The source", "source")
    if ":" in asked.source:
        raise Refused("The source must not hold a colon.", "source")
    must_say(asked.key, "The key", "key")
    must_be_digest(asked.digest, "digest")


def inbound_message_id(source: str, key: str) -> UUID:
    """The stream of the message that a system sent under a key of its own."""
    return derived("inbound_message", source, key)


def stream(asked: Asked) -> UUID:
    """There is one stream per message."""
    return inbound_message_id(asked.source, asked.key)


decider = Decider("inbound_message", Asked, Happened, InboundMessage(), decide, evolve, stream=stream)
