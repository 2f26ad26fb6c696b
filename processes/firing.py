"""Firing: what the policies promised is kept when it is due, decided on all that is known at that moment."""

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from domain import follow_up, invitation
from domain.follow_up import FollowUpStatus
from domain.kernel import Command, Decider, derived
from domain.policy import PolicyStatus
from eventstore.corrections import id_array
from eventstore.database import reachable
from eventstore.envelope import Request
from eventstore.log import Log, Outdated
from processes import points
from processes.decisions import Decisions, as_recorded, correlations_of, pause
from processes.lives import Lives, lives_of
from processes.memories import Memories
from processes.policy import Policy
from processes.sharing import Sharing
from projections.engine import Engine
from projections.lists import Lists
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

FOLLOW_UPS_PER_BATCH = 100
MAX_TRIES = 20

logger = logging.getLogger(__name__)


class Firing:
    """Decides about the follow-ups that are due. Any number may: rows that are locked arbitrate."""

    def __init__(self, log: Log, engine: Engine, policies: Lives | Sequence[Policy[Any]]) -> None:
        self.log = log
        self.engine = engine
        self.lives = lives_of(log, policies)
        self._sheet: Table[Due] = Table(due.view)
        self._shared = Sharing(log, Lists(log, engine.pool))

    def fire(self, now: datetime, only: Collection[str] | None = None) -> int:
        """Decides about every follow-up that is due, until none is left; returns how many events that came to.

        `only` names the policies that may decide: those that have reacted to all there is.
        """
        names = self._at_work(only)
        appended = tries = 0
        waiting: set[UUID] = set()  # for another one to be decided
        passed: set[UUID] = set()  # what cannot be decided, or is another worker's, holds up nobody else
        while names and tries < MAX_TRIES:
            with reachable():
                self.engine.catch_up([due.view])
                self.lives.refresh()
                names = self._at_work(only)
                self._count(now, names)
                try:
                    with self.log.pool.connection() as db:
                        batch = self._fire(db, now, names, waiting | passed)
                except (Outdated, UniqueViolation):  # more is known of somebody than was: decide again
                    self._forget()
                    tries += 1
                    time.sleep(pause())
                    continue
                except BaseException:
                    self._forget()
                    raise
            tries = 0
            if not batch.claimed:
                break
            appended += batch.appended
            passed |= batch.passed
            waiting = set() if batch.appended else waiting | batch.waiting
        return appended

    def _at_work(self, only: Collection[str] | None) -> list[str]:
        """Which policies keep their promises now."""
        return [name for name in self.lives.named(PolicyStatus.ACTIVE) if only is None or name in only]

    def _fire(self, db: Connection, now: datetime, names: Sequence[str], apart_from: Collection[UUID]) -> "Batch":
        with db.transaction():
            claimed = self._claim(db, now, names, apart_from)
            if not claimed:
                return Batch()
            alone = self._alone(db, {row.policy for row in claimed})
            rows = [row for row in claimed if row.policy in alone]
            batch = Batch(len(claimed), passed={row.follow_up_id for row in claimed if row.policy not in alone})
            points.reached("firing: claimed")
            head = self.log.reader.head()
            decisions, memories = self._decide(db, rows, now, head, (), batch)
            if already := decisions.already():
                self._forget()
                decisions, memories = self._decide(db, rows, now, head, already, batch)
            points.reached("firing: decided")
            if not decisions.drafts:
                return batch
            streams = {stream for memory in memories.values() for stream in memory.streams}
            decisions.append(db, known=head, streams=streams)
            points.reached("firing: appended, not committed")
        points.reached("firing: committed, not flushed")
        self.log.flush(db)
        batch.appended = len(decisions.drafts)
        return batch

    def _count(self, now: datetime, names: Collection[str]) -> None:
        """Brings up what policies count from of which something is due: before a row is locked, so that nobody waits."""
        counting = [policy for name in names if (policy := self.lives[name].policy).views]
        if not counting:
            return
        query = sql.SQL(
            "select distinct policy from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s)"
        ).format(self._sheet.identifier)
        with self.log.pool.connection() as db:
            found = {row[0] for row in db.execute(query, [now, [policy.name for policy in counting]])}
        for policy in counting:
            if policy.name in found:
                head = self.log.reader.head()
                self.engine.catch_up(policy.views)
                if (shared := self._shared.of(policy)) is not None:
                    shared.counted = head

    def _claim(self, db: Connection, now: datetime, names: Sequence[str], apart_from: Collection[UUID]) -> list[Due]:
        query = sql.SQL(
            "select {} from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s) "
            "   and follow_up_id <> all(%s::uuid[]) order by due_at, trigger_position limit %s for update skip locked"
        ).format(self._sheet.selected, self._sheet.identifier)
        return self._sheet.select(db, query, [now, list(names), id_array(apart_from), FOLLOW_UPS_PER_BATCH])

    def _alone(self, db: Connection, names: set[str]) -> set[str]:
        """Those policies at which nobody else is: whose memories share something, only one worker decides for at a time."""
        sharing = sorted(name for name in names if self.lives[name].policy.shared is not None)
        if not sharing:
            return names
        rows = db.execute(
            "select name from unnest(%s::text[]) as name where pg_try_advisory_xact_lock(hashtextextended(name, 1))",
            [sharing],
        ).fetchall()
        return names - set(sharing) | {row[0] for row in rows}

    def _forget(self) -> None:
        """What was decided did not come to be, so what was learnt of it is forgotten."""
        self._shared.forget()

    def _decide(
        self, db: Connection, rows: Sequence[Due], now: datetime, head: int, already: Iterable[UUID], batch: "Batch"
    ) -> tuple[Decisions, dict[int, Memories[Any]]]:
        """Decides one row after the other; each sees what was decided about its customer before it."""
        decisions = Decisions(self.log, set(already))
        streams: dict[UUID, Decider[Any]] = {row.follow_up_id: follow_up.decider for row in rows}
        streams |= {row.invitation_id: invitation.decider for row in rows if row.invitation_id is not None}
        decisions.learn(streams)
        memories: dict[int, Memories[Any]] = {}
        keeping = [self._keeping(row) for row in rows]
        for policy in {id(each): each for each in keeping}.values():
            subjects = [each.subject_of_due(row) for each, row in zip(keeping, rows, strict=True) if each is policy]
            memories[id(policy)] = Memories(policy, self.log.reader, subjects, head, self._shared.of(policy))
        correlations = correlations_of(db, rows)
        decisions.learn_for(self._foreseen(rows, now, head, memories))
        for row in rows:
            stands = decisions.state(row.follow_up_id)
            if stands.status is not FollowUpStatus.SCHEDULED or stands.due_at != row.due_at:
                batch.waiting.add(row.follow_up_id)
                continue  # the sheet is behind the log: the log counts
            policy = self._keeping(row)
            memory = memories[id(policy)]
            try:
                asked = list(policy.decide(row, now, memory.of(policy.subject_of_due(row), head)))
            except Exception:
                logger.exception(
                    "%s cannot decide about follow-up %s. The others go on.", policy.name, row.follow_up_id
                )
                batch.passed.add(row.follow_up_id)
                continue
            before = len(decisions.drafts)
            for step, command in enumerate(asked):
                for draft in decisions.take(command, in_time(policy, row, command, step, now, correlations)):
                    at = as_recorded(draft, head + len(decisions.drafts))
                    for each in memories.values():
                        each.note(draft.event, at, head)
            if len(decisions.drafts) == before:
                batch.waiting.add(row.follow_up_id)
        return decisions, memories

    def _keeping(self, row: Due) -> Policy[Any]:
        """The version that keeps a promise: the one that made it."""
        return self.lives[row.policy].version(row.policy_version)

    def _foreseen(
        self, rows: Sequence[Due], now: datetime, head: int, memories: Mapping[int, Memories[Any]]
    ) -> Iterator[Command]:
        """What will be asked, as far as can be said before anything is decided: so that its states are read in one go."""
        for row in rows:
            policy = self._keeping(row)
            memory = memories[id(policy)]
            known = memory.of(policy.subject_of_due(row), head)
            with suppress(Exception):  # it is told when it is this one's turn
                yield from list(policy.decide(row, now, known))


@dataclass(slots=True)
class Batch:
    """What became of some follow-ups that are due: those that wait for another one, and those that cannot be decided."""

    claimed: int = 0
    appended: int = 0
    waiting: set[UUID] = field(default_factory=set)
    passed: set[UUID] = field(default_factory=set)


def in_time(
    policy: Policy[Any], due: Due, command: Command, step: int, now: datetime, correlations: Mapping[UUID, UUID]
) -> Request:
    """How a policy asks for something because a follow-up is due."""
    return Request(
        actor=policy.actor,
        occurred_at=now,
        command_id=derived("due", due.follow_up_id, _iso(due.due_at), type(command).__name__, step),
        correlation_id=correlations.get(due.follow_up_id),
        because=due.trigger_position or None,
    )


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
