"""Many commands, decided against the states of their streams and appended together in a transaction of the caller's."""

import logging
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from domain.follow_up import FollowUpScheduled, FollowUpSuppressed
from domain.kernel import Command, Decider, Refused
from eventstore.arrays import id_array
from eventstore.blocked import NOTHING_MORE, blocked, goes_on
from eventstore.envelope import Draft, Recorded, Request
from eventstore.log import Log, decide
from projections.touchpoints.due import Due

MAX_BACKOFF_S = 0.05

logger = logging.getLogger(__name__)


class Decisions:
    """What follows from commands that are taken one after the other, each seeing what came of those before it.

    Commands whose ids are in `done` are passed over: what they led to is in the log.
    """

    def __init__(self, log: Log, done: Collection[UUID] = ()) -> None:
        self.log = log
        self.done = set(done)
        self.drafts: list[Draft] = []
        self.refused: list[tuple[Command, Refused]] = []
        self._states: dict[UUID, tuple[Any, int]] = {}
        self._asked: set[UUID] = set()
        self._there: set[UUID] = set()

    def learn(self, streams: Mapping[UUID, Decider[Any]]) -> None:
        """Reads the states of these streams, all of them at once."""
        if unknown := {id: noun for id, noun in streams.items() if id not in self._states}:
            self._states |= self.log.states(unknown)

    def learn_for(self, commands: Iterable[Command]) -> None:
        """Reads the states that these commands are decided on."""
        self.learn({(noun := self.log.deciders[type(command)]).stream_of(command): noun for command in commands})

    def look_for(self, command_ids: Collection[UUID]) -> set[UUID]:
        """Those of these commands that were in the log before anything was decided. It is asked once about each."""
        if unasked := [id for id in command_ids if id not in self._asked]:
            self._there |= self.log.done(unasked)
            self._asked.update(unasked)
            self.done |= self._there
        return self._there.intersection(command_ids)

    def know(self, stream_id: UUID, state: Any, version: int) -> None:
        """The state of a stream that is known already. If it is behind the log, what is decided cannot be appended."""
        self._states[stream_id] = (state, version)

    def state(self, stream_id: UUID) -> Any:
        """What is remembered of a stream that was learnt."""
        return self._states[stream_id][0]

    def standing(self, stream_id: UUID) -> tuple[Any, int]:
        """The same with the version of the stream."""
        return self._states[stream_id]

    def take(self, command: Command, request: Request) -> list[Draft]:
        """Decides a command; its id must be given. A refusal is noted, told to the operator, and leads to nothing."""
        assert request.command_id is not None
        if request.command_id in self.done:
            return []
        noun = self.log.deciders[type(command)]
        stream_id = noun.stream_of(command)
        if stream_id not in self._states:
            self.learn({stream_id: noun})
        state, version = self._states[stream_id]
        try:
            drafts, state = decide(noun, command, state, version, request, request.command_id)
        except Refused as refused:
            self.refuse(command, request, refused)
            return []
        if drafts:
            self._states[stream_id] = (state, drafts[-1].version)
            self.drafts += drafts
            self.done.add(request.command_id)
        return drafts

    def refuse(self, command: Command, request: Request, refused: Refused) -> None:
        """Notes a refusal, and tells the operator."""
        logger.warning("%s asked for %s and was refused: %s", request.actor, type(command).__name__, refused.reason)
        self.refused.append((command, refused))

    def already(self) -> set[UUID]:
        """Those of the commands that led to something whose ids are in the log before it was appended."""
        return self.log.done({draft.command_id for draft in self.drafts})

    def append(
        self,
        db: Connection,
        known: int | None = None,
        streams: Collection[UUID] = (),
        alone: Collection[UUID] | None = None,
    ) -> int:
        """Appends what was decided, last in a transaction on `db`. Raises `Outdated` and `UniqueViolation`.

        What concerns who is blocked is left out, as refused: nothing new is recorded of them. `alone` are they as far as it
        matters, for whoever knows it; more of them turn the append down as `Outdated`.
        """
        self._leave_alone(db, alone)
        if not self.drafts:
            return 0
        return self.log.append_within(db, self.drafts, known=known, streams=streams)

    def _leave_alone(self, db: Connection, alone: Collection[UUID] | None) -> None:
        new = [draft for draft in self.drafts if not goes_on(draft.event.stored_as)]
        if alone is None:
            alone = blocked(db, {draft.customer_id for draft in new})
        if left := {draft.stream_id for draft in new if draft.customer_id in alone}:
            logger.warning("Something was decided about who is blocked and is left out. %s", NOTHING_MORE)
            self.drafts = [draft for draft in self.drafts if draft.stream_id not in left]


def correlations_of(db: Connection, rows: Sequence[Due]) -> dict[UUID, UUID]:
    """The chain that each follow-up belongs to, as its first event says."""
    if not rows:
        return {}
    with db.cursor(binary=True) as cursor:
        found = cursor.execute(
            "select stream_id, correlation_id from es.event where stream_id = any(%s::uuid[]) and version = 1",
            [id_array(row.follow_up_id for row in rows)],
        ).fetchall()
    return dict(found)


def as_recorded(draft: Draft, position: int) -> Recorded:
    """A draft as it will be read, but for its position."""
    return Recorded(
        position, draft.stream_id, draft.version, draft.event.stored_as, draft.customer_id, draft.occurred_at,
        draft.occurred_at, draft.actor, draft.origin, draft.command_id, draft.correlation_id, draft.because,
    )  # fmt: skip


def pause() -> float:
    """How long to wait before trying again, in seconds; not the same for everyone who tries."""
    return random.uniform(0, MAX_BACKOFF_S)  # noqa: S311  # no secret


def is_row(draft: Draft) -> bool:
    """Whether this is a row in the ledger for what set the policy off."""
    return isinstance(draft.event, FollowUpScheduled | FollowUpSuppressed)
