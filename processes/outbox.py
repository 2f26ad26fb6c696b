"""The outbox: what other systems are to be told goes to them, until they say that they have it or it is given up."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import orjson
import psycopg
from psycopg import Connection, sql

from domain import outbound_message
from domain.kernel import Command, Refused, derived
from domain.outbound_message import (
    AcknowledgeOutboundMessage,
    DeadLetterOutboundMessage,
    OutboundMessage,
    OutboundStatus,
    QueueOutboundMessage,
)
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Request
from eventstore.log import Log
from processes import points
from processes.alone import alone
from processes.clock import Now, wall_clock
from processes.retries import retry_after
from processes.webhooks import TIMEOUT_S, Answered, Target, post
from projections.engine import Engine
from projections.table import Table
from projections.touchpoints import messages
from projections.touchpoints.messages import OutboundEntry

MESSAGES_PER_STEP = 50
MAX_ATTEMPTS = 9
FIRST_RETRY_AFTER = timedelta(seconds=10)
RETRY_GROWTH = 4
"""Retries come after 10 and 40 seconds, 3 and 11 minutes, and so on: the last one in the third day, each somewhat earlier."""
LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""When a message that somebody else is at, or that fails unexpectedly, is looked at again."""
GONE = 410
"""The answer of a receiver that wants nothing more."""
ACTOR = "outbox"

logger = logging.getLogger(__name__)


class Outbox:
    """Sends what is queued for these targets, by name. Any number may run: an advisory lock per message arbitrates.

    A message may come twice, if we die before its answer is written down: receivers tell it by its `webhook-id`, which is
    the id of the outbound message. The engine must have the view `outbound_messages`.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        targets: Mapping[str, Target],
        *,
        now: Now = wall_clock,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.log = log
        self.engine = engine
        self.targets = targets
        self._now = now
        self._timeout_s = timeout_s
        self._sheet: Table[OutboundEntry] = Table(messages.outbox)
        self._resting: dict[UUID, datetime] = {}

    def step(self) -> bool:
        """Sends what there is to send, up to `MESSAGES_PER_STEP`. True: something happened, look again."""
        now = self._now()
        with reachable():
            self.engine.catch_up([messages.outbox])
            self._resting = {id: until for id, until in self._resting.items() if until > now}
            went_on = False
            for row in self._waiting():
                try:
                    went_on |= self._go_on(row.outbound_message_id, self._now())
                except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
                    raise
                except Exception:
                    logger.exception("Message %s cannot be sent. The others go on.", row.outbound_message_id)
                    self._resting[row.outbound_message_id] = now + LOOK_AGAIN_AFTER
            return went_on

    def _waiting(self) -> list[OutboundEntry]:
        query = sql.SQL(
            "select {} from {} where status = 'QUEUED' and target = any(%s) and outbound_message_id <> all(%s) "
            "order by queued_at limit %s"
        ).format(self._sheet.selected, self._sheet.identifier)
        with self.engine.pool_of(messages.outbox).connection() as db:
            return self._sheet.select(db, query, [list(self.targets), list(self._resting), MESSAGES_PER_STEP])

    def _go_on(self, id: UUID, now: datetime) -> bool:
        """One message goes as far as it can. False: it is somebody else's, or its time has not come."""
        with self.log.pool.connection() as db, alone(db, id) as ours:
            state, _ = self.log.state(outbound_message.decider, id)
            if not ours or state.status is not OutboundStatus.QUEUED:  # the sheet is behind the log: the log counts
                self._resting[id] = now + LOOK_AGAIN_AFTER
                return False
            points.reached("outbox: locked")
            attempts, tried_at = self._tried(db, id, state.queuings)
            if tried_at is not None:
                again_at = tried_at + retry_after(id, attempts, FIRST_RETRY_AFTER, RETRY_GROWTH)
                if attempts < MAX_ATTEMPTS and again_at > now:
                    self._resting[id] = again_at
                    return False
            outcome = self._attempt(db, id, state, attempts, now)
            if outcome is None:
                self._resting[id] = now + retry_after(id, attempts + 1, FIRST_RETRY_AFTER, RETRY_GROWTH)
                return True
            self._record(db, id, state.queuings, outcome, now)
            return True

    def _attempt(
        self, db: Connection, id: UUID, state: OutboundMessage, attempts: int, now: datetime
    ) -> Command | None:
        """Tries once more, and says what is to be recorded of it; None if it is to be tried again."""
        assert state.queued is not None
        body = body_of(state.queued.noun, state.queued.about)
        if sha256(body).hexdigest() != state.queued.digest:
            reason = "Its digest is not that of the message that we would send: the noun and the id."
            return DeadLetterOutboundMessage(outbound_message_id=id, reason=reason, attempts=max(attempts, 1))
        if attempts >= MAX_ATTEMPTS:  # whoever tried last died before it was written down
            answered = Answered(None, "No answer that anybody knows of.")
        else:
            attempts += 1
            db.execute(
                "insert into es.attempt as a (stream_id, queuing, attempts, last_at) values (%s, %s, %s, %s) "
                "on conflict (stream_id, queuing) do update set attempts = excluded.attempts, last_at = excluded.last_at",
                [id, state.queuings, attempts, now],
            )
            points.reached("outbox: attempt recorded")
            answered = post(self.targets[state.queued.target], str(id), body, now, timeout_s=self._timeout_s)
            points.reached("outbox: sent")
        if answered.taken:
            return AcknowledgeOutboundMessage(outbound_message_id=id)
        if attempts >= MAX_ATTEMPTS or answered.status == GONE:
            return DeadLetterOutboundMessage(outbound_message_id=id, reason=answered.why, attempts=attempts)
        return None

    def _tried(self, db: Connection, id: UUID, queuing: int) -> tuple[int, datetime | None]:
        """How often it was tried since it was queued last, and when last."""
        row = db.execute(
            "select attempts, last_at from es.attempt where stream_id = %s and queuing = %s", [id, queuing]
        ).fetchone()
        return (0, None) if row is None else (row[0], row[1])

    def _record(self, db: Connection, id: UUID, queuing: int, outcome: Command, now: datetime) -> None:
        """Writes down what became of it. Who said something else of it meanwhile is right."""
        request = Request(
            actor=ACTOR, occurred_at=now, command_id=derived("outbox", id, queuing, type(outcome).__name__)
        )
        try:
            self.log.do(outcome, request)
        except Refused as refused:
            logger.warning("Of message %s something else was said meanwhile: %s", id, refused.reason)
        points.reached("outbox: outcome recorded")
        db.execute("delete from es.attempt where stream_id = %s and queuing <= %s", [id, queuing])


def body_of(noun: str, about: UUID | None) -> bytes:
    """The bytes of a message: which noun it is about, and its id, and nothing of anybody: the receiver asks for the rest."""
    return orjson.dumps({"data": {"id": about}, "type": noun})


def telling(target: str, noun: str, about: UUID, *occasion: object) -> QueueOutboundMessage:
    """What is asked so that a system is told of a noun; once for each `occasion`, whatever that is."""
    return QueueOutboundMessage(
        outbound_message_id=derived("outbound_message", target, noun, about, *occasion),
        target=target,
        noun=noun,
        about=about,
        digest=sha256(body_of(noun, about)).hexdigest(),
    )
