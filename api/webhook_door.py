"""The webhook door: what other systems tell, signed, becomes the same commands as anybody's, each once."""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg
from fastapi import APIRouter, Request, Response
from psycopg.errors import UniqueViolation
from starlette.concurrency import run_in_threadpool

from api.cloud_events import CloudEvent, Malformed, events_of
from api.house import House
from api.limits import MAX_WEBHOOK_BYTES
from api.schema.commands import INTERNAL
from api.schema.problems import camel_path
from api.settings import Sender
from api.survey_form import TooLong, read_body
from domain import inbound_message
from domain.inbound_message import AcceptInboundMessage, InboundMessage, RejectInboundMessage, inbound_message_id
from domain.kernel import MAX_LINE, Command, Refused, derived
from eventstore import envelope
from eventstore.commands import moment
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Origin
from processes.clock import Now, wall_clock
from processes.decisions import Decisions, pause
from processes.webhooks import ID, SIGNATURE, Unverified, verify

MAX_TRIES = 20
RETRY_AFTER_S = 5
HISTORY_AFTER = timedelta(days=30)
"""What happened longer ago when it comes is history: it sets nothing off."""
MINUTE_S = 60.0
MAX_ORIGIN = 253
"""Characters in the name of whoever asks whether it may send."""
BODY = "the body"
PROBLEM = "application/problem+json"
TITLES: Mapping[int, str] = {
    400: "This is no CloudEvent",
    401: "This is not proved to be from whom it says",
    409: "Something else came under this id",
    413: "This is too much at once",
    415: "This type is not taken",
    422: "This cannot be done",
    429: "This is too much for now",
    503: "This cannot be taken just now",
}

logger = logging.getLogger(__name__)


class Problem(Exception):
    """Why nothing of what came was taken: a status of HTTP, a sentence for whoever sends, and what to correct."""

    def __init__(self, status: int, reason: str, field: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.field = field
        self.retry_after_s = retry_after_s

    def response(self) -> Response:
        """The same as RFC 9457 has it."""
        told = {"title": TITLES[self.status], "status": self.status, "detail": self.reason, "field": self.field}
        headers = {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}
        return Response(orjson.dumps(told), self.status, headers, PROBLEM)


@dataclass(slots=True)
class Pace:
    """How many events a system may tell at this moment: what was used comes back evenly in the course of a minute."""

    per_minute: int
    left: float
    at: datetime

    def take(self, events: int, now: datetime) -> int | None:
        """Takes so many, or none and says in how many seconds there will be enough."""
        passed_s = max(0.0, (now - self.at).total_seconds())
        self.left = min(float(self.per_minute), self.left + passed_s * self.per_minute / MINUTE_S)
        self.at = now
        if events > self.left:
            return ceil((events - self.left) * MINUTE_S / self.per_minute)
        self.left -= events
        return None


class Meanwhile(Exception):
    """Another attempt to send the same took it meanwhile: look again."""


class Before(NamedTuple):
    """What is known of a message already, and the last position that says so."""

    state: InboundMessage
    position: int


class Asking(NamedTuple):
    """What an event asks for, and how that it was taken is noted."""

    event: CloudEvent
    command: Command
    request: envelope.Request
    accept: AcceptInboundMessage
    noted: envelope.Request


@dataclass(frozen=True, slots=True)
class WebhookDoor:
    """Takes what the systems in the settings tell. Raises `Refused` if one of them may give a command that is none."""

    house: House
    now: Now = wall_clock
    paces: dict[str, Pace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {name for name, command in self.house.commands.classes.items() if command not in INTERNAL}
        for system, sender in self.house.settings.webhook_senders.items():
            if unknown := sorted(set(sender.by_type.values()) - given):
                raise Refused(
                    f"BITACORA_WEBHOOK_SENDERS lets {system} give {unknown[0]!r}, and there is no such command.",
                    f"{system}.commands",
                )

    def take(self, system: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
        """What became of a request, which is taken as a whole. Raises `Problem`, and then nothing of it was taken."""
        now = self.now()
        sender, webhook_id = self._proved(system, headers, body, now)
        try:
            events = events_of(headers, body)
        except Malformed as malformed:
            raise Problem(malformed.status, malformed.reason, malformed.field) from None
        pace = self.paces.setdefault(system, Pace(sender.per_minute, sender.per_minute, now))
        if (wait_s := pace.take(len(events), now)) is not None:
            reason = f"{system} may tell {sender.per_minute} events a minute. Send it again in {wait_s} s."
            raise Problem(429, reason, BODY, retry_after_s=wait_s)
        try:
            with reachable():
                for _ in range(MAX_TRIES):
                    try:
                        return self._taken(system, sender, events, webhook_id, now)
                    except (Meanwhile, UniqueViolation):  # somebody wrote to one of these streams meanwhile: look again
                        time.sleep(pause())
        except Unavailable as error:
            raise Problem(503, str(error), BODY, retry_after_s=RETRY_AFTER_S) from error
        busy = "Others keep changing what this is about. Send it again."
        raise Problem(503, busy, BODY, retry_after_s=RETRY_AFTER_S)

    def may_send(self, system: str, origin: str) -> dict[str, str]:
        """What a system is answered that asks before it sends (CloudEvents, HTTP 1.1 Web Hooks 1.0.2, section 4)."""
        sender = self.house.settings.webhook_senders.get(system)
        told = {"allow": "POST"}
        if sender is not None and 0 < len(origin) <= MAX_ORIGIN and origin.isascii() and origin.isprintable():
            told |= {"webhook-allowed-origin": origin, "webhook-allowed-rate": str(sender.per_minute)}
        return told

    def _proved(
        self, system: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: datetime
    ) -> tuple[Sender, str]:
        """Who sends it, and the id that all attempts to send it share."""
        told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        sender = self.house.settings.webhook_senders.get(system)
        try:
            if sender is None:
                raise Unverified("No system of this name is in BITACORA_WEBHOOK_SENDERS.")
            webhook_id = verify(sender.keys, told, body, now)
        except Unverified as unproved:
            logger.warning("A webhook for %s was not believed: %s", ascii(system[:60]), unproved)
            raise Problem(401, str(unproved), SIGNATURE) from None
        if len(webhook_id) > MAX_LINE:
            raise Problem(400, f"A {ID} has at most {MAX_LINE} characters.", ID)
        return sender, webhook_id

    # What it asks for, and what is written down of it.

    def _taken(
        self, system: str, sender: Sender, events: Sequence[CloudEvent], webhook_id: str, now: datetime
    ) -> dict[str, Any]:
        """Raises `Problem`, and `Meanwhile` or `UniqueViolation` if it has to be looked at again."""
        log = self.house.log
        first_id = derived("webhook-id", system, webhook_id)
        came = log.receipt(first_id) is not None  # looked at first: what came with it is then seen below
        before = self._before(system, events)
        fresh = new_ones(events, before)
        if not fresh:
            log.settle()
        elif came:
            raise Problem(409, f"Something else came under this {ID}. Send it under an id of its own.", ID)
        asked = [self._asked(system, sender, event, first_id if event is fresh[0] else None, now) for event in fresh]
        decisions, ends = Decisions(log), []
        decisions.learn_for(command for each in asked for command in (each.command, each.accept))
        for each in asked:
            decisions.take(each.command, each.request)
            noted = decisions.take(each.accept, each.noted)
            if decisions.refused or not noted:
                if any(known.state.accepted for known in self._before(system, [each.event]).values()):
                    raise Meanwhile
                raise self._refused(system, each.event, within_data(decisions.refused[0][1]), now)
            ends.append(len(decisions.drafts))
        last = self._append(system, asked, decisions, now)
        positions = {key: known.position for key, known in before.items()}
        for each, end in zip(asked, ends, strict=True):
            positions[each.event.key] = last - len(decisions.drafts) + end
        told = [{"source": each.source, "id": each.id, "position": positions[each.key]} for each in events]
        return {"accepted": len(fresh), "duplicates": len(events) - len(fresh), "events": told}

    def _before(self, system: str, events: Sequence[CloudEvent]) -> dict[str, Before]:
        """What is known already of these messages, by their keys."""
        keys = {inbound_message_id(system, event.key): event.key for event in events}
        found: dict[str, Before] = {}
        for event, at in self.house.log.reader.streams(list(keys)) if keys else ():
            key = keys[at.stream_id]
            state = found[key].state if key in found else InboundMessage()
            found[key] = Before(inbound_message.decider.evolve(state, event), at.position)
        return found

    def _asked(self, system: str, sender: Sender, event: CloudEvent, first_id: UUID | None, now: datetime) -> Asking:
        try:
            if (name := sender.by_type.get(event.type)) is None:
                raise Refused(f"{system} may not tell {event.type!r}. It may: {', '.join(sender.by_type)}.", "type")
            if event.time is None:
                raise Refused("time is missing: say when it was so. The time at which it comes is another one.", "time")
            at = moment(event.time, "time", now=now)
            if not event.has_data:
                raise Refused("data is missing: it is the input of the command.", "data")
            try:
                command = self.house.commands.read(name, event.data)
            except Refused as refused:
                raise within_data(refused) from None
        except Refused as refused:
            raise self._refused(system, event, refused, now) from None
        id = derived("webhook", system, event.key)
        request = envelope.Request(
            actor=f"webhook:{system}",
            origin=Origin.SYNC if at < now - HISTORY_AFTER else Origin.LIVE,
            occurred_at=at,
            command_id=id,
            correlation_id=id,
        )
        noted = first_id or derived("webhook", system, event.key, "accepted")
        return Asking(
            event,
            command,
            request,
            AcceptInboundMessage(source=system, key=event.key, digest=event.digest, command=type(command).__name__),
            replace(request, origin=Origin.LIVE, occurred_at=now, command_id=noted),
        )

    def _append(self, system: str, asked: Sequence[Asking], decisions: Decisions, now: datetime) -> int:
        """All of it at once; returns the last position. Raises `Problem` and `UniqueViolation`."""
        if not decisions.drafts:
            return 0
        log = self.house.log
        with log.pool.connection() as db:
            try:
                with db.transaction():
                    last = decisions.append(db)
            except psycopg.DatabaseError as error:
                if (found := log.turned_down(decisions.drafts, error)) is None:
                    raise
                draft, refused = found
                event = next(
                    each.event for each in asked if draft.command_id in (each.request.command_id, each.noted.command_id)
                )
                raise self._refused(system, event, within_data(refused), now) from None
            log.flush(db)
        return last

    def _refused(self, system: str, event: CloudEvent, refused: Refused, now: datetime) -> Problem:
        """Notes that an event could not be taken, so that people of the company see it, and says why."""
        reject = RejectInboundMessage(source=system, key=event.key, digest=event.digest, reason=refused.reason)
        with suppress(Refused):  # it was taken at the same moment by another attempt: that one counts
            self.house.log.do(reject, envelope.Request(actor=f"webhook:{system}", occurred_at=now))
        return Problem(422, refused.reason, placed(event, camel_path(refused.field) or "data"))


def new_ones(events: Sequence[CloudEvent], before: Mapping[str, Before]) -> list[CloudEvent]:
    """Those that have not been taken, each once. Raises `Problem` if one came before and said something else."""
    fresh: dict[str, CloudEvent] = {}
    for event in events:
        known = before[event.key].state if event.key in before else InboundMessage()
        earlier = event if known.accepted else fresh.setdefault(event.key, event)
        if event.digest != earlier.digest or known.digest not in (None, event.digest):
            reason = "Another event came with this source and id. What is something else has an id of its own."
            raise Problem(409, reason, placed(event, "id"))
    return list(fresh.values())


def within_data(refused: Refused) -> Refused:
    """A refusal of a command, as it is of an event whose data is the command's input."""
    known = refused.field not in (None, "input")
    return Refused(refused.reason, f"data.{refused.field}" if known else "data")


def placed(event: CloudEvent, field: str) -> str:
    """A field as the sender finds it: in a batch after the number of the event."""
    return f"{event.place}.{field}" if event.place else field


def webhook_door(house: House, now: Now = wall_clock) -> APIRouter:
    """The routes of the door, under /webhooks/. Whoever has a secret of the system comes in; no proxy has to ask."""
    router = APIRouter(include_in_schema=False)
    door = WebhookDoor(house, now)

    @router.post("/webhooks/{system}")
    async def take(system: str, request: Request) -> Response:
        try:
            body = await read_body(request, MAX_WEBHOOK_BYTES)
            told = await run_in_threadpool(door.take, system, request.headers.raw, body)
        except TooLong:
            reason = f"A webhook has at most {MAX_WEBHOOK_BYTES:,} bytes. Send fewer events at once."
            return Problem(413, reason, BODY).response()
        except Problem as problem:
            return problem.response()
        return Response(orjson.dumps(told), 202, media_type="application/json")

    @router.options("/webhooks/{system}")
    async def may_send(system: str, request: Request) -> Response:
        return Response(headers=door.may_send(system, request.headers.get("webhook-request-origin", "")))

    return router
