"""Delivery: what was dispatched leaves the house, at most once, and what became of it is written down."""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from domain import follow_up
from domain.follow_up import (
    SENT,
    AttemptFollowUp,
    CancelFollowUp,
    FollowUp,
    FollowUpStatus,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    RecordFollowUpUncertain,
)
from domain.invitation import SendInvitation
from domain.kernel import Command, derived
from domain.policy import PolicyStatus
from domain.values import EMPTY, Channel
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Request
from eventstore.log import Log, Outdated
from processes import points
from processes.alone import alone
from processes.clock import Now
from processes.decisions import Decisions, correlations_of, pause
from processes.letters import Stationery, Unwritable
from processes.lives import RETIRED, Lives
from processes.memories import Memories
from processes.policy import Letter, Policy
from processes.ports import Ports
from processes.retries import retry_after
from processes.sharing import Sharing
from processes.transports import Answer, Deferred, Rejected, Taken, Transport, Unclear
from projections.engine import Engine
from projections.lists import Lists
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

DELIVERIES_PER_STEP = 50
MAX_ATTEMPTS = 5
FIRST_RETRY_AFTER = timedelta(minutes=1)
RETRY_GROWTH = 4
"""Retries come after 1, 4, 16 and 64 minutes, or somewhat earlier."""
LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""When a follow-up that another worker is at, or that fails unexpectedly, is looked at again."""
RECONCILE_EVERY = timedelta(minutes=10)
"""How often the way by which something went is asked again whether it did, where nobody knows."""
MAX_TRIES = 20
ACTOR = "delivery"

Stands = tuple[FollowUp, int]
"""How a follow-up stands, and the version of its stream."""

logger = logging.getLogger(__name__)


class Delivery:
    """Sends what was dispatched. Any number may run: an advisory lock per follow-up arbitrates.

    E-mails go by the `transport`, the rest by the port of its channel. An attempt is durable before anything is sent.
    An attempt whose worker died is not repeated unless the way by which it went knows that nothing was sent.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        lives: Lives,
        transport: Transport,
        stationery: Stationery,
        ports: Ports = EMPTY,
    ) -> None:
        self.log = log
        self.engine = engine
        self.transport = transport
        self.ports = ports
        self.stationery = stationery
        self.lives = lives
        self._shared = Sharing(log, Lists(log, engine.pool))
        self._sheet: Table[Due] = Table(due.view)
        self._resting: dict[UUID, datetime] = {}
        self._chains: dict[UUID, UUID] = {}

    def deliver(self, clock: Now, *, caught_up: bool = False) -> int:
        """Sends what there is to send, up to `DELIVERIES_PER_STEP`; returns how many follow-ups went on.

        The clock is asked again for each, because a slow mail server may take until the quiet hours. `caught_up`: the
        sheet of what is due has been brought up just now.
        """
        now = clock()
        with reachable():
            if not caught_up:
                self.engine.catch_up([due.view])
            self.lives.refresh()
            self._resting = {id: until for id, until in self._resting.items() if until > now}
            count = 0
            waiting = self._waiting(now)
            with self.log.pool.connection() as db:
                self._chains = correlations_of(db, waiting)
            for row in waiting:
                try:
                    count += self._go_on(row, clock())
                except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
                    raise
                except Exception:
                    logger.exception(
                        "Follow-up %s cannot be sent. The others go on; it is tried again.", row.follow_up_id
                    )
                    self._rest(row, now + LOOK_AGAIN_AFTER)
            return count

    def _waiting(self, now: datetime) -> list[Due]:
        query = sql.SQL(
            "select {} from {} where (status in ('DISPATCHED', 'SENDING', 'FAILED') and due_at <= %s or status = 'UNCERTAIN') "
            "   and policy = any(%s) and follow_up_id <> all(%s) order by due_at, trigger_position limit %s"
        ).format(self._sheet.selected, self._sheet.identifier)
        with self.log.pool.connection() as db:
            at_work = self.lives.named(PolicyStatus.ACTIVE, PolicyStatus.RETIRED)
            return self._sheet.select(db, query, [now, at_work, list(self._resting), DELIVERIES_PER_STEP])

    def _go_on(self, row: Due, now: datetime) -> bool:
        """One follow-up goes as far as it can. False: it is somebody else's, or not to be sent at this hour."""
        with self.log.pool.connection() as db, alone(db, row.follow_up_id) as ours:
            if not ours:
                self._rest(row, now + LOOK_AGAIN_AFTER)
                return False
            points.reached("delivery: locked")
            if row.status in SENT:
                state, _ = self.log.state(follow_up.decider, row.follow_up_id)
                sent = self._was_sent(row) if state.status in SENT else None
                if sent is None and state.status is FollowUpStatus.UNCERTAIN:
                    self._rest(row, now + RECONCILE_EVERY)
                    return False
                if state.status in SENT and not self._find_out(db, row, state, sent, now):
                    return True
            begun = self._attempt(db, row, now)
            if isinstance(begun, bool):
                return begun
            points.reached("delivery: attempt recorded")
            attempt, letter, stands = begun
            answer = self._send(row, letter, now)
            points.reached("delivery: sent")
            self._record(db, row, attempt, _outcome(row, attempt, answer, letter, now), letter.then, now, stands)
            return True

    def _find_out(self, db: Connection, row: Due, state: FollowUp, sent: str | bool | None, now: datetime) -> bool:
        """What became of an attempt that was begun. True if it was surely not sent, and may be repeated now."""
        if sent is False:
            again = state.attempt < MAX_ATTEMPTS
            failed = RecordFollowUpFailed(
                follow_up_id=row.follow_up_id, error="It was not sent after all.", retry_at=now if again else None
            )
            self._record(db, row, state.attempt, failed, (), now)
            return again
        outcome: Command = RecordFollowUpUncertain(
            follow_up_id=row.follow_up_id,
            reason="The worker ended while it was sending, and the mail server cannot say what became of it.",
        )
        if sent is not None:
            outcome = RecordFollowUpDelivered(follow_up_id=row.follow_up_id, provider_ref=str(sent))
        policy, known = self._known(row, self.log.reader.head())
        self._record(db, row, state.attempt, outcome, policy.write(row, known).then, now)
        return False

    def _known(self, row: Due, position: int) -> tuple[Policy[Any], Any]:
        """The policy that promised it, and what it knows of the customer at a position."""
        policy = self.lives[row.policy].version(row.policy_version)
        subject, shared = policy.subject_of_due(row), self._shared.of(policy)
        if shared is not None and policy.views:
            self.engine.catch_up(policy.views)
            shared.counted = position
        memories = Memories(policy, self.log.reader, [subject], position, shared, writing=True)
        return policy, memories.of(subject, position)

    def _attempt(self, db: Connection, row: Due, now: datetime) -> tuple[int, Letter, Stands] | bool:
        """Decides on all that is known of the customer at this moment, and writes down that an attempt begins.

        Returns how the follow-up stands then. False if nothing is to be done now; True if something was done that sends nothing.
        """
        for _ in range(MAX_TRIES):
            position = self.log.reader.head()
            state, version = self.log.state(follow_up.decider, row.follow_up_id)
            retry = state.status is FollowUpStatus.FAILED and state.retry_at is not None and state.retry_at <= now
            if state.status is not FollowUpStatus.DISPATCHED and not retry:
                return False  # the sheet is behind the log: the log counts
            self.lives.refresh(position)
            life = self.lives[row.policy]
            if life.status is PolicyStatus.PAUSED:
                return False
            policy, known = self._known(row, position)
            attempt, stands = state.attempt + 1, (state, version)
            try:
                reason = RETIRED if row.trigger_position <= life.retired_at else policy.objects(row, now, known)
                if reason is not None:
                    cancel = CancelFollowUp(follow_up_id=row.follow_up_id, reason=reason)
                    return self._append(db, row, attempt, [cancel], now, stands, known=position) is not None
                letter = policy.write(row, known)
                if letter.channel is not (row.channel or Channel.EMAIL):  # nobody looked whether that is allowed
                    raise ValueError(f"{row.policy} promised to write by {row.channel}, not by {letter.channel}.")
                if letter.hours is not None and (allowed := letter.hours.allowed(now)) > now:
                    self._rest(row, allowed)
                    return False
                points.reached("delivery: decided")
                asked = AttemptFollowUp(follow_up_id=row.follow_up_id, attempt=attempt)
                begun = self._append(db, row, attempt, [asked], now, stands, known=position)
                return (attempt, letter, begun) if begun is not None else False
            except (Outdated, UniqueViolation):  # more is known of the customer than was: decide again
                time.sleep(pause())
        self._rest(row, now + LOOK_AGAIN_AFTER)
        return False

    def _send(self, row: Due, letter: Letter, now: datetime) -> Answer:
        try:
            if letter.channel is Channel.EMAIL:
                message = self.stationery.message(row.follow_up_id, letter, row.purpose, now)
                return self.transport.send(row.follow_up_id, message)
            if (port := self.ports.get(letter.channel)) is None:
                return Rejected(f"There is no way to send by {letter.channel}.")
            return port.send(row.follow_up_id, self.stationery.note(row.follow_up_id, letter, row.purpose, now))
        except Unwritable as error:
            return Rejected(str(error))

    def _was_sent(self, row: Due) -> str | bool | None:
        """What the way by which it goes can say about it."""
        port = self.transport if row.channel in (None, Channel.EMAIL) else self.ports.get(row.channel)
        return None if port is None else port.was_sent(row.follow_up_id)

    def _record(
        self,
        db: Connection,
        row: Due,
        attempt: int,
        outcome: Command,
        then: Sequence[Command],
        now: datetime,
        stands: Stands | None = None,
    ) -> None:
        """Writes down what became of an attempt, with what follows from it, in one append."""
        for _ in range(MAX_TRIES):
            try:
                self._append(db, row, attempt, [outcome, *_following(outcome, then)], now, stands)
            except UniqueViolation:
                stands = None
                time.sleep(pause())
                continue
            points.reached("delivery: outcome recorded")
            return
        raise Unavailable("Others keep changing this follow-up. It is looked at again.")

    def _append(
        self,
        db: Connection,
        row: Due,
        attempt: int,
        asked: Sequence[Command],
        now: datetime,
        stands: Stands | None,
        known: int | None = None,
    ) -> Stands | None:
        """Decides and appends, durably; returns how the follow-up stands then, or None if nothing came of it.

        `stands` is how it stands now. If that is not known, or was found to be wrong, the log is asked, and whether this
        was done before.
        """
        requests = [
            Request(
                actor=ACTOR,
                occurred_at=now,
                command_id=derived("delivery", row.follow_up_id, attempt, type(command).__name__),
                correlation_id=self._chains.get(row.follow_up_id),
                because=row.trigger_position or None,
            )
            for command in asked
        ]
        decisions = Decisions(self.log)
        if stands is None:
            decisions.look_for([each.command_id for each in requests if each.command_id])
        else:
            decisions.know(row.follow_up_id, *stands)
        decisions.learn_for(asked)
        for command, request in zip(asked, requests, strict=True):
            decisions.take(command, request)
        if not decisions.drafts:
            return None
        attempting = isinstance(asked[0], AttemptFollowUp)
        with db.transaction():
            decisions.append(db, known)
            points.reached(
                "delivery: attempt appended, not committed"
                if attempting
                else "delivery: outcome appended, not committed"
            )
        self.log.flush(db)
        return decisions.standing(row.follow_up_id)

    def _rest(self, row: Due, until: datetime) -> None:
        self._resting[row.follow_up_id] = until


def _following(outcome: Command, then: Sequence[Command]) -> Iterator[Command]:
    """What is recorded with an outcome. In doubt it is the invitation alone: if the letter did arrive, its link must work."""
    for command in then:
        if isinstance(outcome, RecordFollowUpDelivered) or (
            isinstance(outcome, RecordFollowUpUncertain) and isinstance(command, SendInvitation)
        ):
            yield command


def _outcome(row: Due, attempt: int, answer: Answer, letter: Letter, now: datetime) -> Command:
    match answer:
        case Taken(reference=reference):
            return RecordFollowUpDelivered(follow_up_id=row.follow_up_id, provider_ref=reference)
        case Deferred(error=error):
            pause = retry_after(row.follow_up_id, attempt, FIRST_RETRY_AFTER, RETRY_GROWTH)
            retry_at = _again(letter, now + pause) if attempt < MAX_ATTEMPTS else None
            return RecordFollowUpFailed(follow_up_id=row.follow_up_id, error=error, retry_at=retry_at)
        case Rejected(error=error):
            return RecordFollowUpFailed(follow_up_id=row.follow_up_id, error=error)
        case Unclear(reason=reason):
            return RecordFollowUpUncertain(follow_up_id=row.follow_up_id, reason=reason)


def _again(letter: Letter, moment: datetime) -> datetime:
    """The first moment from then on at which the letter may go."""
    return moment if letter.hours is None else letter.hours.allowed(moment)
