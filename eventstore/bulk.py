"""Bulk: many commands decided at once and appended by COPY, each with its own answer."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson
import psycopg
from psycopg import Connection

from domain.kernel import Command, Decider, Refused
from domain.values import EMPTY
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Draft, Request
from eventstore.log import Conflict, Log, decide
from eventstore.personal import SealedValue

BATCH_COMMANDS = 10_000
MAX_TRIES = 10
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 10.0

Asked = tuple[Command, Request]

FEW_EVENTS = 100
"""So many go quicker in one statement than by tables that are filled and emptied."""
STAGING = (
    "create temp table if not exists staged_event (n bigint, stream_id uuid, version int, type text, customer_id uuid, "
    "  occurred_at timestamptz, actor text, origin text, command_id uuid, correlation_id uuid, because bigint, "
    "  body bytea, personal bytea)",
    "create temp table if not exists staged_personal (n bigint, slot smallint, subject_id uuid, key_id bigint, "
    "  nonce bytea, ciphertext bytea)",
    "create temp table if not exists staged_claim (n bigint, m int, claim jsonb)",
    "grant select on staged_event, staged_personal, staged_claim to es_owner",
)


class Outcome(NamedTuple):
    """What became of one command: `events` were taken, or it was `already` there, or it was refused."""

    events: int = 0
    already: bool = False
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch that was decided and is being appended."""

    asked: Sequence[Asked]
    outcomes: list[Outcome]
    landing: "Future[None]"

    def landed(self) -> bool:
        """Waits for it. False: it was turned down or nobody knows, so it is to be done again."""
        error = self.landing.exception()
        if error is not None and not isinstance(error, psycopg.Error):
            raise error
        return error is None


def in_batches(asked: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Any number of commands in batches of a good size."""
    asked = iter(asked)
    while batch := list(islice(asked, BATCH_COMMANDS)):
        yield batch


class Bulk:
    """Does many commands against a log, in batches that are each appended whole or not at all.

    In a dry run nothing is written; the commands are decided as if what came before them had been. While the database is
    away a batch is tried again for `retry_for_s`: every command should have an id, which makes that harmless.
    """

    def __init__(
        self,
        log: Log,
        *,
        dry_run: bool = False,
        retry_for_s: float = 0,
        foresee: Callable[[Sequence[Draft]], None] = lambda drafts: None,
    ) -> None:
        """`foresee` is told of the events that a dry run would append, batch by batch."""
        self.log = log
        self._foresee = foresee
        self.dry_run = dry_run
        self.retry_for_s = retry_for_s
        self._ahead: dict[UUID, tuple[Any, int]] = {}
        self._commands_ahead: set[UUID] = set()

    def do(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Does one batch, in order; the outcomes stand in the same order. Raises `Unavailable`."""
        until, wait_s = time.monotonic() + self.retry_for_s, FIRST_WAIT_S
        while True:
            try:
                return self._do(asked)
            except Unavailable:
                if time.monotonic() + wait_s > until:
                    raise
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def do_all(self, batches: Iterable[Sequence[Asked]]) -> Iterator[list[Outcome]]:
        """Does batch after batch: while the database takes one, the next is decided. Raises as `do` does."""
        try:
            yield from self._do_all(batches)
        finally:
            self._sum_up()

    def _do_all(self, batches: Iterable[Sequence[Asked]]) -> Iterator[list[Outcome]]:
        flight: Flight | None = None
        with ThreadPoolExecutor(1, "bulk") as appender:
            for asked in batches:
                decided = self._decide_ahead(asked)
                if flight is not None and flight.landed():
                    yield flight.outcomes
                elif flight is not None:
                    decided = None
                    yield self.do(flight.asked)
                flight = None
                if decided is None:
                    yield self.do(asked)
                elif self.dry_run:
                    self._foresee(decided[1])
                    yield decided[0]
                else:
                    flight = Flight(asked, decided[0], appender.submit(self._append, decided[1]))
            if flight is not None:
                yield flight.outcomes if flight.landed() else self.do(flight.asked)

    def _do(self, asked: Sequence[Asked]) -> list[Outcome]:
        with reachable():
            asked = [(command, _named(request)) for command, request in asked]
            attempt, refused = 0, dict[UUID, Refused]()
            while attempt < MAX_TRIES:
                if not self.dry_run:
                    self._forget()
                outcomes, drafts = self._decide(asked, refused)
                if self.dry_run:
                    self._foresee(drafts)
                    return outcomes
                try:
                    self._append(drafts)
                except psycopg.DatabaseError as error:
                    if (
                        found := self.log.turned_down(drafts, error)
                    ) is not None:  # that one is refused: go on without it
                        refused[found[0].command_id] = found[1]
                    elif isinstance(error, psycopg.errors.UniqueViolation):
                        attempt += 1  # somebody wrote to one of these streams meanwhile: look again
                        time.sleep(0.01 * attempt)
                    else:
                        raise
                else:
                    self._forget()
                    return outcomes
        raise Conflict("Others keep changing what this import changes. Run it again: what was taken stays taken.")

    def _sum_up(self) -> None:
        """Has what was appended found soon by who searches the log. It is found without that as well, if more slowly."""
        if self.dry_run:
            return
        with suppress(psycopg.Error), self.log.pool.connection() as db:
            db.execute("select es.sum_up()")

    def _forget(self) -> None:
        """What was decided ahead is in the log now, or never will be."""
        self._ahead.clear()
        self._commands_ahead.clear()

    def _decide_ahead(self, asked: Sequence[Asked]) -> tuple[list[Outcome], list[Draft]] | None:
        """Decides as if what is being appended were appended; None if the database is away."""
        try:
            return self._decide(asked)
        except psycopg.Error:
            return None

    def _decide(
        self, asked: Sequence[Asked], turned_down: Mapping[UUID, Refused] = EMPTY
    ) -> tuple[list[Outcome], list[Draft]]:
        named = {request.command_id for _, request in asked if request.command_id is not None}
        done = self.log.done(named) | (named & self._commands_ahead)
        states = self._states(command for command, request in asked if request.command_id not in done)
        outcomes: list[Outcome] = []
        drafts: list[Draft] = []
        for command, request in asked:
            command_id = request.command_id or uuid4()
            if command_id in done:
                outcomes.append(Outcome(already=True))
                continue
            if turned_down and command_id in turned_down:
                outcomes.append(Outcome(refused=turned_down[command_id]))
                continue
            decider = self.log.deciders[type(command)]
            stream_id = decider.stream_of(command)
            state, version = states[stream_id]
            try:
                if request.expected_version is not None and request.expected_version != version:
                    raise Conflict(f"It is at version {version}, not {request.expected_version}.", "expectedVersion")
                decided, state = decide(decider, command, state, version, request, command_id)
            except Refused as refused:
                outcomes.append(Outcome(refused=refused))
                continue
            if decided:
                states[stream_id] = (state, decided[-1].version)
                drafts.extend(decided)
                done.add(command_id)
            outcomes.append(Outcome(events=len(decided), already=not decided))
        if not self.dry_run:
            self._forget()
        self._ahead.update(states)
        self._commands_ahead |= done
        return outcomes, drafts

    def _states(self, commands: Iterable[Command]) -> dict[UUID, tuple[Any, int]]:
        """What is remembered of every stream that the commands name, and what will be once that is appended."""
        wanted: dict[UUID, Decider[Any]] = {}
        for command in commands:
            decider = self.log.deciders[type(command)]
            wanted[decider.stream_of(command)] = decider
        ahead = {stream_id: self._ahead[stream_id] for stream_id in wanted.keys() & self._ahead.keys()}
        return ahead | self.log.states({stream: decider for stream, decider in wanted.items() if stream not in ahead})

    def _append(self, drafts: Sequence[Draft]) -> None:
        if not drafts:
            self.log.settle()
            return
        if len(drafts) <= FEW_EVENTS:
            self.log.append(drafts)
            return
        events: list[str] = []
        personal: list[str] = []
        claims: list[str] = []
        for n, (draft, body, digest, kept) in enumerate(self.log.sealed(drafts), 1):
            events.append(_event_line(n, draft, body, digest))
            personal.extend(_personal_line(n, value) for value in kept)
            if draft.claims:
                claims.extend(_claim_line(n, m, claim) for m, claim in enumerate(self.log.claims_of(draft)))
        with self.log.pool.connection() as db:
            self._stage(db, "staged_event", events)
            if personal:
                self._stage(db, "staged_personal", personal)
            if claims:
                self._stage(db, "staged_claim", claims)
            db.execute("call es.append_staged(%s, null, null)", [self.log.early])

    def _stage(self, db: Connection, table: str, lines: list[str]) -> None:
        if table == "staged_event":
            for statement in STAGING:
                db.execute(statement)
            db.execute("truncate staged_event, staged_personal, staged_claim")
        with db.cursor() as cursor, cursor.copy(f"copy {table} from stdin") as copy:
            copy.write("".join(lines))


def _named(request: Request) -> Request:
    return request if request.command_id is not None else replace(request, command_id=uuid4())


def _event_line(n: int, draft: Draft, body: bytes, digest: bytes | None) -> str:
    stream_id, version, event, customer_id, occurred_at, actor, origin, command_id, correlation_id, because, _ = draft
    command = command_id.hex
    correlation = command if correlation_id is command_id else correlation_id.hex
    return (
        f"{n}\t{stream_id.hex}\t{version}\t{event.stored_as}\t{customer_id.hex if customer_id else _NULL}\t"
        f"{occurred_at.isoformat()}\t{_escaped(actor)}\t{origin}\t{command}\t{correlation}\t"
        f"{_NULL if because is None else because}\t\\\\x{body.hex()}\t{_NULL if digest is None else _bytes(digest)}\n"
    )


def _personal_line(n: int, value: SealedValue) -> str:
    slot, subject_id, key_id, nonce, ciphertext = value
    return f"{n}\t{slot}\t{subject_id.hex}\t{key_id}\t{_bytes(nonce)}\t{_bytes(ciphertext)}\n"


def _claim_line(n: int, m: int, claim: dict[str, object]) -> str:
    return f"{n}\t{m}\t{_escaped(orjson.dumps(claim).decode())}\n"


_NULL = r"\N"


def _bytes(value: bytes) -> str:
    return rf"\\x{value.hex()}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
