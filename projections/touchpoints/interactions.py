"""The interactions: each with its channel, what was written to and fro in it, and how it ended."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.interaction import (
    Direction,
    InformationRequested,
    InteractionEnded,
    InteractionLinked,
    InteractionLogged,
    InteractionReattributed,
    InteractionStarted,
    InteractionSummarised,
    MessageReceived,
    MessageSent,
    Sentiment,
)
from domain.values import Channel
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.view import Row, View

ONLINE = frozenset(
    {Channel.EMAIL, Channel.CHAT, Channel.WEB_COLLABORATION, Channel.WEB, Channel.MOBILE, Channel.SOCIAL}
)
"""The channels that go over the internet."""


class InteractionStatus(StrEnum):
    """Where an interaction stands; LOGGED is one that was noted after the fact."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    ENDED = "ENDED"
    LOGGED = "LOGGED"


class ContactMove(StrEnum):
    """What became of a contact. One that is REATTRIBUTED is taken off one customer and counted for another."""

    BEGAN = "BEGAN"
    ANSWERED = "ANSWERED"
    ENDED = "ENDED"
    REATTRIBUTED = "REATTRIBUTED"


class Contact(Fact):
    """One thing that became of a contact that began at `began_at`: `contacts` add up to how many there were.

    `answered_s` are the seconds from a customer's first message that had no answer yet to the answer, `duration_s` those
    that the contact took; each is known once. `online`: the channel goes over the internet.
    """

    move: ContactMove = ContactMove.BEGAN
    channel: Channel | None = None
    online: bool = False
    direction: Direction = Direction.IN
    topic: str | None = None
    campaign: str | None = None
    queue: str | None = None
    staff_id: UUID | None = None
    began_at: datetime | None = None
    contacts: int = 0
    answered_s: int | None = None
    duration_s: int | None = None


class InteractionSheet(Row, key="interaction_id"):
    """An interaction. `unanswered_since` is when the customer first wrote what has no answer yet; durations are in seconds."""

    interaction_id: UUID
    customer_id: UUID | None = None
    status: InteractionStatus = InteractionStatus.UNKNOWN
    channel: Channel | None = None
    online: bool = False
    direction: Direction = Direction.IN
    topic: str | None = None
    campaign: str | None = None
    queue: str | None = None
    staff_id: UUID | None = None
    script: str | None = None
    script_version: int | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    outcome: str | None = None
    sentiment: Sentiment | None = None
    received: int = 0
    sent: int = 0
    last_message_at: datetime | None = None
    last_direction: Direction | None = None
    unanswered_since: datetime | None = None
    answered_s: int | None = None
    requests: int = 0
    links: int = 0


contacts = Facts(
    "contacts", Contact, indexes=("(began_at)", "(occurred_at)", "(customer_id, began_at)", "(staff_id, began_at)")
)

view = View(
    "interactions",
    InteractionSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(contacts,),
    indexes=(
        "(customer_id, began_at desc)",
        "(channel, began_at)",
        "(status, last_message_at)",
        "(staff_id, began_at)",
    ),
)


@view.on(InteractionLogged)
def log(sheet: InteractionSheet, logged: InteractionLogged, at: Recorded) -> Iterator[Contact]:
    _begin(sheet, logged, at)
    sheet.status = InteractionStatus.LOGGED
    sheet.ended_at = at.occurred_at
    sheet.duration_s = logged.duration_s
    yield _contact(sheet, ContactMove.BEGAN, contacts=1, duration_s=logged.duration_s)


@view.on(InteractionStarted)
def start(sheet: InteractionSheet, started: InteractionStarted, at: Recorded) -> Iterator[Contact]:
    _begin(sheet, started, at)
    sheet.status = InteractionStatus.OPEN
    sheet.queue = started.queue
    sheet.script = started.script
    sheet.script_version = started.script_version
    yield _contact(sheet, ContactMove.BEGAN, contacts=1)


@view.on(MessageReceived)
def receive(sheet: InteractionSheet, received: MessageReceived, at: Recorded) -> None:
    sheet.received += 1
    sheet.last_message_at = at.occurred_at
    sheet.last_direction = Direction.IN
    sheet.unanswered_since = sheet.unanswered_since or at.occurred_at


@view.on(MessageSent)
def send(sheet: InteractionSheet, sent: MessageSent, at: Recorded) -> Iterator[Contact]:
    sheet.sent += 1
    sheet.last_message_at = at.occurred_at
    sheet.last_direction = Direction.OUT
    if sheet.unanswered_since is not None:
        answered_s = seconds_between(sheet.unanswered_since, at.occurred_at)
        sheet.answered_s = answered_s if sheet.answered_s is None else sheet.answered_s
        sheet.unanswered_since = None
        yield _contact(sheet, ContactMove.ANSWERED, answered_s=answered_s)


@view.on(InteractionEnded)
def end(sheet: InteractionSheet, ended: InteractionEnded, at: Recorded) -> Iterator[Contact]:
    sheet.status = InteractionStatus.ENDED
    sheet.ended_at = at.occurred_at
    sheet.outcome = ended.outcome
    lasted = seconds_between(sheet.began_at, at.occurred_at)
    sheet.duration_s = lasted if ended.duration_s is None else ended.duration_s
    yield _contact(sheet, ContactMove.ENDED, duration_s=sheet.duration_s)


@view.on(InteractionSummarised)
def summarise(sheet: InteractionSheet, summary: InteractionSummarised, at: Recorded) -> None:
    sheet.topic = summary.topic
    sheet.sentiment = summary.sentiment


@view.on(InteractionLinked)
def link(sheet: InteractionSheet, linked: InteractionLinked, at: Recorded) -> None:
    sheet.links += 1


@view.on(InformationRequested)
def request(sheet: InteractionSheet, requested: InformationRequested, at: Recorded) -> None:
    sheet.requests += 1


@view.on(InteractionReattributed)
def reattribute(sheet: InteractionSheet, given: InteractionReattributed, at: Recorded) -> Iterator[Contact]:
    off = _contact(sheet, ContactMove.REATTRIBUTED, contacts=-1)
    off.customer_id = sheet.customer_id
    sheet.customer_id = at.customer_id
    yield off
    yield _contact(sheet, ContactMove.REATTRIBUTED, contacts=1)


def _begin(sheet: InteractionSheet, begun: InteractionLogged | InteractionStarted, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.channel = begun.channel
    sheet.online = begun.channel in ONLINE
    sheet.direction = begun.direction
    sheet.topic = begun.topic
    sheet.campaign = begun.campaign
    sheet.staff_id = begun.staff_id
    sheet.began_at = at.occurred_at


def _contact(
    sheet: InteractionSheet,
    move: ContactMove,
    *,
    contacts: int = 0,
    answered_s: int | None = None,
    duration_s: int | None = None,
) -> Contact:
    return Contact(
        move=move,
        channel=sheet.channel,
        online=sheet.online,
        direction=sheet.direction,
        topic=sheet.topic,
        campaign=sheet.campaign,
        queue=sheet.queue,
        staff_id=sheet.staff_id,
        began_at=sheet.began_at,
        contacts=contacts,
        answered_s=answered_s,
        duration_s=duration_s,
    )
