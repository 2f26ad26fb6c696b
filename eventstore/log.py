"""The log: a command comes in, is decided on what is remembered, and what happened is remembered for ever."""

import base64
import random
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain.kernel import Claim, Command, Decider, Event, Refused
from eventstore import blocked
from eventstore.arrays import id_array
from eventstore.codec import Codec
from eventstore.custody.providers import CLAIMS
from eventstore.database import reachable
from eventstore.envelope import Appended, Draft, Receipt, Request
from eventstore.personal import KeyRing, SealedValue, Subject, SubjectKey, context, digest, fresh_nonces
from eventstore.reader import Reader
from eventstore.together import Placed, Together

MAX_TRIES = 20
MAX_BACKOFF_S = 0.05
MAX_EVENTS_PER_COMMAND = 1_000

APPENDING = 7305811
"""The lock under which positions are given out (schema/060_append.sql)."""
DONE_BEFORE = "one of these commands has been done before"
VERSION_GAP = "BT001"
KNOWN_LESS = "BT002"
CLAIMED = "BT003"


class Conflict(Refused):
    """Somebody else was faster: the stream is not at the version that was expected."""


class Outdated(Exception):
    """More was recorded of a customer than a decision rested on. Decide again."""


class Log:
    """One append-only log. Every write goes through `do`, `append` or `Bulk`; every read through `reader`."""

    def __init__(
        self, pool: ConnectionPool, deciders: Sequence[Decider[Any]], keys: KeyRing, *, early: bool = True
    ) -> None:
        self.pool = pool
        self.keys = keys
        self.early = early
        self.codec = Codec(deciders)
        self.reader = Reader(pool, self.codec, keys)
        self._together = Together(self._call)
        self.deciders = {command: decider for decider in deciders for command in decider.commands}

    def do(self, command: Command, request: Request = Request()) -> Receipt:
        """Decides a command on the current state and records what follows.

        The same `command_id` again gives the same receipt and appends nothing. Raises `Refused`, `Conflict` (a kind of
        it) and `Unavailable`; after the last one the same request may be sent again.
        """
        decider = self.deciders[type(command)]
        stream_id = decider.stream_of(command)
        command_id = request.command_id or uuid4()
        with reachable():
            for attempt in range(MAX_TRIES):
                if request.command_id is not None and (earlier := self.receipt(command_id, stream_id)) is not None:
                    self.settle()
                    return earlier
                state, version = self.state(decider, stream_id)
                try:
                    if request.expected_version is not None and request.expected_version != version:
                        raise Conflict(
                            f"It has changed since: it is at version {version} now, not {request.expected_version}."
                        )
                    drafts, _ = decide(decider, command, state, version, request, command_id)
                except Refused:
                    if self._meanwhile(request):
                        continue
                    raise
                if not drafts:
                    if self._meanwhile(request):
                        continue
                    self.settle()
                    return Receipt(command_id, stream_id, 0, ())
                try:
                    return self._append(drafts)
                except psycopg.DatabaseError as error:
                    if (refused := self.turned_down(drafts, error)) is not None:
                        raise refused[1] from None
                    if not isinstance(error, psycopg.errors.UniqueViolation):
                        raise
                    time.sleep(random.uniform(0, min(MAX_BACKOFF_S, 0.002 * 2**attempt)))  # noqa: S311  # only to spread out
        raise Conflict("Too many others change this at the same moment. Try again.")

    def _meanwhile(self, request: Request) -> bool:
        """Whether the same command was done by another attempt, after it was looked for: the state is what it led to."""
        return request.command_id is not None and bool(self.done([request.command_id]))

    def turned_down(self, drafts: Sequence[Draft], error: psycopg.DatabaseError) -> tuple[Draft, Refused] | None:
        """Which of these events the database turned down, and the refusal, if it did so because of what is claimed."""
        if (found := blocked.turned_down(drafts, error)) is not None:
            return found
        if error.sqlstate == CLAIMED:
            step, kind, key = (error.diag.message_detail or "").split(" ", 2)
            for draft in drafts:
                for claim in draft.claims:
                    if (claim.step, claim.kind) == (step, kind) and self._key(claim) == key:
                        return draft, Refused(claim.refusal, claim.field)
        return None

    def owner(self, kind: str, value: str) -> UUID | None:
        """Whose an identifier is for good, by its normal form. None: nobody's, or not verified yet."""
        hashed = self.keys.hashed(kind, value)  # before a connection is taken
        with self.pool.connection() as db:
            row = db.execute(
                "select holder from es.claim where kind = %s and key = %s and owner and firm and until is null",
                [kind, hashed],
            ).fetchone()
        return None if row is None else row[0]

    def holders(self, kind: str, value: str) -> list[UUID]:
        """Who holds an identifier, by its normal form, verified or not; the owner first, then who has held it longest."""
        hashed = self.keys.hashed(kind, value)
        with self.pool.connection() as db:
            rows = db.execute(
                "select holder from es.claim where kind = %s and key = %s and until is null "
                "order by owner desc, position, holder",
                [kind, hashed],
            ).fetchall()
        return [row[0] for row in rows]

    def state(self, decider: Decider[Any], stream_id: UUID) -> tuple[Any, int]:
        """What is remembered of a stream, and its version (0: nothing yet)."""
        return self.states({stream_id: decider})[stream_id]

    def states(self, streams: Mapping[UUID, Decider[Any]]) -> dict[UUID, tuple[Any, int]]:
        """What is remembered of many streams, and their versions, in one query for each way of reading."""
        found: dict[UUID, tuple[Any, int]] = {stream: (decider.initial, 0) for stream, decider in streams.items()}
        for disclose in (False, True):
            wanted = [stream for stream, decider in streams.items() if decider.disclose is disclose]
            for event, at in self.reader.streams(wanted, disclose=disclose) if wanted else ():
                state, _ = found[at.stream_id]
                if at.because is None:  # it counts
                    state = _evolved(streams[at.stream_id], state, event)
                found[at.stream_id] = (state, at.version)
        return found

    def done(self, command_ids: Collection[UUID]) -> set[UUID]:
        """Those of these commands that are in the log already."""
        if not command_ids:
            return set()
        with self.pool.connection() as db, db.cursor(binary=True) as cursor:
            rows = cursor.execute(
                "select command_id from es.command where command_id = any(%s::uuid[])", [id_array(command_ids)]
            ).fetchall()
        return {row[0] for row in rows}

    def receipt(self, command_id: UUID, stream_id: UUID | None = None) -> Receipt | None:
        """What an earlier command of this id led to."""
        with self.pool.connection() as db:
            rows = db.execute(
                "select e.position, e.stream_id, e.version, e.type from es.command c "
                "  join es.event e on e.position between c.first and c.last and e.command_id = c.command_id "
                " where c.command_id = %s order by e.position",
                [command_id],
            ).fetchall()
        if not rows:
            return None
        events = tuple(Appended(*row) for row in rows)
        return Receipt(command_id, stream_id or events[0].stream_id, events[-1].position, events, duplicate=True)

    def append(self, drafts: Sequence[Draft]) -> None:
        """Appends all of these or none, durably. Raises `UniqueViolation` as `append_within` does."""
        *_, duplicate = self._call(self.seal(drafts))
        if duplicate:
            raise psycopg.errors.UniqueViolation(DONE_BEFORE)

    def append_within(
        self, db: Connection, drafts: Sequence[Draft], *, known: int | None = None, streams: Collection[UUID] = ()
    ) -> int:
        """Appends as the last statement of a transaction that the caller began on `db`; returns the last position.

        The caller commits at once. The log's lock is held until then, so the transaction commits without waiting for
        the disk, and `flush` is what makes it durable. Raises `Outdated` if more is known of their customers, or of
        `streams`, than `known`, and `UniqueViolation` if one of the commands has been done before or a stream has moved on.
        """
        if known is not None and streams:
            db.execute("select pg_advisory_xact_lock(%s)", [APPENDING])
            more = "select exists (select from es.event where stream_id = any(%s::uuid[]) and position > %s)"
            if (row := db.execute(more, [id_array(streams), known]).fetchone()) is not None and row[0]:
                raise Outdated
        try:
            row = db.execute(
                "select last, duplicate, pg_notify('es_event', ''), "
                "       case when %s then set_config('synchronous_commit', 'off', true) end "
                "  from es.append_core(%s::jsonb, %s)",
                [self.early, self.seal(drafts), known],
            ).fetchone()
        except psycopg.DatabaseError as error:
            if error.sqlstate in (KNOWN_LESS, blocked.TURNED_DOWN):
                raise Outdated from error
            raise
        assert row is not None
        if row[1]:
            raise psycopg.errors.UniqueViolation(DONE_BEFORE)
        return int(row[0])

    def flush(self, db: Connection) -> None:
        """Returns when all that was committed before is on the disk."""
        if self.early:
            db.execute("select pg_logical_emit_message(true, 'es', '')")

    def rebuild_claims(self) -> int:
        """Makes the index of claims anew from the log, in one transaction; nothing is appended meanwhile.

        Returns how many events claim something.
        """
        deciders = {event: decider for decider in self.deciders.values() if decider.claims for event in decider.events}
        names = self.codec.names(deciders)
        disclosed = self.codec.names([event for event, decider in deciders.items() if decider.disclose])
        states: dict[UUID, Any] = {}
        events = 0
        self.keys.secret(CLAIMS)  # before the log is held
        with self.pool.connection() as db, db.transaction():
            db.execute("set local statement_timeout = 0")
            db.execute("select es.replace_claims()")
            position = 0
            while page := self.reader.page(position, types=names, disclose=disclosed):
                found: list[dict[str, object]] = []
                for event, at in page:
                    decider = deciders[type(event)]
                    assert decider.claims is not None
                    state = states[at.stream_id] = decider.evolve(states.get(at.stream_id, decider.initial), event)
                    claims = [self._claim(claim) for claim in decider.claims(at.stream_id, event, state)]
                    found += [{**claim, "position": at.position} for claim in claims]
                    events += bool(claims)
                if found:
                    db.execute("select es.add_claims(%s::jsonb)", [orjson.dumps(found).decode()])
                position = page[-1].at.position
        return events

    def settle(self) -> None:
        """Makes durable what an answer rests on that appends nothing: it may have been committed only just now."""
        if self.early:
            with self.pool.connection() as db:
                self.flush(db)

    def seal(self, drafts: Sequence[Draft]) -> str:
        """The drafts as the JSON that the append routine takes, their personal values enciphered."""
        return orjson.dumps([self._as_json(*sealed) for sealed in self.sealed(drafts)]).decode()

    def claims_of(self, draft: Draft) -> list[dict[str, object]]:
        """What an event claims, as JSON-like values."""
        return [self._claim(claim) for claim in draft.claims]

    def _claim(self, claim: Claim) -> dict[str, object]:
        return {"kind": claim.kind, "key": self._key(claim), "holder": claim.holder, "step": claim.step}

    def _key(self, claim: Claim) -> str:
        key = claim.key.bytes if isinstance(claim.key, UUID) else self.keys.hashed(claim.kind, claim.key)
        return base64.b64encode(key).decode()

    def sealed(self, drafts: Sequence[Draft]) -> list[tuple[Draft, bytes, bytes | None, list[SealedValue]]]:
        """Each draft with its body, the digest of its personal values and these values, enciphered."""
        encode = self.codec.encode
        encoded = [(draft, *encode(draft.event)) for draft in drafts]
        wanted = {_subject(draft, field.key_class) for draft, _, values in encoded for field, _ in values}
        keys = self.keys.for_writing(wanted) if wanted else {}
        nonces = fresh_nonces(sum(len(values) for _, _, values in encoded))
        result: list[tuple[Draft, bytes, bytes | None, list[SealedValue]]] = []
        for draft, body, values in encoded:
            if not values:
                result.append((draft, body, None, []))
                continue
            kept = [
                _encipher(draft, field.slot, keys[_subject(draft, field.key_class)], next(nonces), value)
                for field, value in values
            ]
            result.append((draft, body, digest(kept), kept))
        return result

    def _as_json(self, draft: Draft, body: bytes, personal: bytes | None, kept: list[SealedValue]) -> dict[str, object]:
        found: dict[str, object] = {
            "stream_id": draft.stream_id,
            "version": draft.version,
            "type": draft.event.stored_as,
            "customer_id": draft.customer_id,
            "occurred_at": draft.occurred_at,
            "actor": draft.actor,
            "origin": draft.origin,
            "command_id": draft.command_id,
            "correlation_id": draft.correlation_id,
            "because": draft.because,
            "body": body.decode(),
        }
        if draft.claims:
            found["claims"] = self.claims_of(draft)
        if kept:
            found["personal"] = base64.b64encode(personal or b"").decode()
            found["sealed"] = [value.as_json() for value in kept]
        return found

    def _call(self, events: str) -> Placed:
        with self.pool.connection() as db:
            row = db.execute("call es.append(%s::jsonb, null, %s, null, null, null)", [events, self.early]).fetchone()
        assert row is not None
        return row[0], row[1], row[2]

    def _append(self, drafts: Sequence[Draft]) -> Receipt:
        sealed = self.seal(drafts)  # before a connection is taken: nobody holds one and waits for another
        command_id, stream_id = drafts[0].command_id, drafts[0].stream_id
        first, last, duplicate = self._together.append(command_id, sealed, len(drafts))
        if duplicate:
            earlier = self.receipt(command_id, stream_id)
            assert earlier is not None
            return earlier
        events = tuple(
            Appended(first + n, draft.stream_id, draft.version, draft.event.stored_as) for n, draft in enumerate(drafts)
        )
        return Receipt(command_id, stream_id, last, events)


@dataclass(frozen=True, slots=True)
class Foreign:
    """The state of a stream that belongs to another noun than the one that was asked."""


def _evolved(decider: Decider[Any], state: Any, event: Event) -> Any:
    return decider.evolve(state, event) if isinstance(event, decider.events) else Foreign()


def decide(
    decider: Decider[Any], command: Command, state: Any, version: int, request: Request, command_id: UUID
) -> tuple[list[Draft], Any]:
    """What follows from a command in this state, ready to be appended, and the state after it. Raises `Refused`."""
    occurred_at = request.occurred_at or datetime.now(UTC)
    correlation_id = request.correlation_id or command_id
    stream_id = decider.stream_of(command)
    if isinstance(state, Foreign):
        raise Refused(f"This id belongs to something else: give that of a {decider.noun}.", f"{decider.noun}_id")
    drafts: list[Draft] = []
    for event in decider.decide(command, state):
        state = decider.evolve(state, event)
        version += 1
        claims = tuple(decider.claims(stream_id, event, state)) if decider.claims is not None else ()
        drafts.append(
            Draft(
                stream_id, version, event, decider.customer_of(command, state), occurred_at,
                request.actor, request.origin, command_id, correlation_id, request.because, claims,
            )
        )  # fmt: skip
    if len(drafts) > MAX_EVENTS_PER_COMMAND:
        raise Refused(f"This asks for {len(drafts)} events at once; {MAX_EVENTS_PER_COMMAND} is the limit. Send less.")
    return drafts, state


def _subject(draft: Draft, key_class: str) -> Subject:
    """Whose a value is; a key of their own for each year, so that it can end by itself."""
    return Subject(draft.customer_id or draft.stream_id, key_class, draft.occurred_at.astimezone(UTC).year)


def _encipher(draft: Draft, slot: int, key: SubjectKey, nonce: bytes, value: bytes) -> SealedValue:
    subject = draft.customer_id or draft.stream_id
    place = context(draft.stream_id, draft.version, draft.event.stored_as, slot, subject, key.key_id)
    return SealedValue(slot, subject, key.key_id, nonce, key.cipher.encrypt(nonce, value, place))
