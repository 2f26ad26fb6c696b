"""The messages: what came from other systems and what they are told, with what became of each."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.inbound_message import InboundMessageAccepted, InboundMessageRejected
from domain.outbound_message import (
    OutboundMessageAcknowledged,
    OutboundMessageDeadLettered,
    OutboundMessageQueued,
    OutboundStatus,
)
from eventstore.envelope import Recorded
from projections.view import Row, View


class InboundStatus(StrEnum):
    """What became of a message that came. What was REJECTED may be sent again and be ACCEPTED."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


class InboundEntry(Row, key="inbound_message_id"):
    """A message of another system, by the key that it gave it; `command` is what it asked for.

    `rejected_position` is of the event that says why it was not taken.
    """

    inbound_message_id: UUID
    source: str = ""
    message_key: str = ""
    digest: str = ""
    status: InboundStatus = InboundStatus.REJECTED
    command: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    rejected_position: int | None = None


class OutboundEntry(Row, key="outbound_message_id"):
    """A message to another system about a `noun` such as order. It waits since `queued_at`, or is DEAD: somebody has to look.

    `queuings` counts how often it was promised, `attempts` are those after which it was given up last, and
    `dead_position` is of the event that says why.
    """

    outbound_message_id: UUID
    target: str = ""
    noun: str = ""
    about: UUID | None = None
    digest: str = ""
    status: OutboundStatus = OutboundStatus.UNKNOWN
    queuings: int = 0
    attempts: int = 0
    external_ref: str | None = None
    first_queued_at: datetime | None = None
    queued_at: datetime | None = None
    acknowledged_at: datetime | None = None
    dead_at: datetime | None = None
    dead_position: int | None = None


inbox = View(
    "inbound_messages",
    InboundEntry,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(source, status, last_at)", "(last_at desc)"),
)
outbox = View(
    "outbound_messages",
    OutboundEntry,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(target, status, queued_at)", "(status, dead_at)", "(about)"),
)


@inbox.on(InboundMessageAccepted)
def accept(entry: InboundEntry, accepted: InboundMessageAccepted, at: Recorded) -> None:
    _come(entry, accepted, at)
    entry.status = InboundStatus.ACCEPTED
    entry.command = accepted.command


@inbox.on(InboundMessageRejected)
def reject(entry: InboundEntry, rejected: InboundMessageRejected, at: Recorded) -> None:
    _come(entry, rejected, at)
    entry.status = InboundStatus.REJECTED
    entry.rejected_position = at.position


def _come(entry: InboundEntry, message: InboundMessageAccepted | InboundMessageRejected, at: Recorded) -> None:
    entry.source = message.source
    entry.message_key = message.key
    entry.digest = message.digest
    entry.first_at = entry.first_at or at.occurred_at
    entry.last_at = at.occurred_at


@outbox.on(OutboundMessageQueued)
def queue(entry: OutboundEntry, queued: OutboundMessageQueued, at: Recorded) -> None:
    entry.target = queued.target
    entry.noun = queued.noun
    entry.about = queued.about
    entry.digest = queued.digest
    entry.status = OutboundStatus.QUEUED
    entry.queuings += 1
    entry.first_queued_at = entry.first_queued_at or at.occurred_at
    entry.queued_at = at.occurred_at
    entry.dead_at = None
    entry.dead_position = None


@outbox.on(OutboundMessageAcknowledged)
def acknowledge(entry: OutboundEntry, acknowledged: OutboundMessageAcknowledged, at: Recorded) -> None:
    entry.status = OutboundStatus.ACKNOWLEDGED
    entry.external_ref = acknowledged.external_ref
    entry.acknowledged_at = at.occurred_at
    entry.dead_at = None
    entry.dead_position = None


@outbox.on(OutboundMessageDeadLettered)
def give_up(entry: OutboundEntry, dead: OutboundMessageDeadLettered, at: Recorded) -> None:
    entry.status = OutboundStatus.DEAD
    entry.attempts = dead.attempts
    entry.dead_at = at.occurred_at
    entry.dead_position = at.position
