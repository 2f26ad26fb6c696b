"""What stands around an event: who, when, on whose behalf and because of what."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.kernel import Claim, Event


class Origin(StrEnum):
    """How an event came here. Only what is `live` sets policies off, unless a policy says otherwise."""

    LIVE = "live"
    IMPORT = "import"
    SYNC = "sync"


class Recorded(NamedTuple):
    """The envelope of a stored event, and the exact bytes of its body.

    `command_id`, `correlation_id` and `because` are None where a reader did not ask for the whole of it.
    """

    position: int
    stream_id: UUID
    version: int
    type: str
    customer_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    origin: str
    command_id: UUID | None = None
    correlation_id: UUID | None = None
    because: int | None = None
    body: bytes = b""


class Happened(NamedTuple):
    """An event as it was read: what happened, and its envelope."""

    event: Event
    at: Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks, when it was so, and why. What is not given is filled in when the command is done."""

    actor: str = "user:anonymous"
    origin: Origin = Origin.LIVE
    occurred_at: datetime | None = None
    command_id: UUID | None = None
    correlation_id: UUID | None = None
    because: int | None = None
    expected_version: int | None = None


class Draft(NamedTuple):
    """An event that was decided and is not yet in the log."""

    stream_id: UUID
    version: int
    event: Event
    customer_id: UUID | None
    occurred_at: datetime
    actor: str
    origin: str
    command_id: UUID
    correlation_id: UUID
    because: int | None = None
    claims: tuple[Claim, ...] = ()


class Appended(NamedTuple):
    """Where an event came to stand."""

    position: int
    stream_id: UUID
    version: int
    type: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a command led to. `position` is the last one, to read one's own writes; 0 if there was nothing new to say."""

    command_id: UUID
    stream_id: UUID
    position: int
    events: tuple[Appended, ...]
    duplicate: bool = False
