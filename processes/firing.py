"""Firing: what the policies promised is kept when it is due, decided on all that is known at that moment."""

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from domain import follow_up, invitation
from domain.follow_up import CompleteFollowUp, FollowUp, FollowUpStatus
from domain.kernel import MAX_LINE, SAME_AS, Command, Decider, Refused, derived
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

FOLLOW_UPS_PER_BATCH = 1_000
FEWEST_PER_BATCH = 10
"""So many are tried together while others keep recording things of the same customers."""
MAX_TRIES = 20
REFUSED = "REFUSED"
"""What came of a promise of which something was refused."""

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
        most, careful = FOLLOW_UPS_PER_BATCH, False
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
                        batch = self._fire(db, now, names, waiting | passed, most, careful)
                except (Outdated, UniqueViolation) as error:  # more is known of somebody than was: decide again
                    self._forget()
                    careful = isinstance(error, UniqueViolation)
                    most = max(FEWEST_PER_BATCH, most // 4)
                    tries += 1
                    time.sleep(pause())
                    continue
                except BaseException:
                    self._forget()
                    raise
            tries, careful, most = 0, False, min(FOLLOW_UPS_PER_BATCH, 2 * most)
            if not batch.claimed:
                break
            appended += batch.appended
            passed |= batch.passed
            waiting = set() if batch.appended else waiting | batch.waiting
        return appended

    def _at_work(self, only: Collection[str] | None) -> list[str]:
        """Which policies keep their promises now."""
        return [name for name in self.lives.named(PolicyStatus.ACTIVE) if only is None or name in only]

    def _fire(
        self,
        db: Connection,
        now: datetime,
        names: Sequence[str],
        apart_from: Collection[UUID],
        most: int,
        careful: bool,
    ) -> "Batch":
        """Decides about the next ones that are due. `careful`: the sheet is not trusted, the log is asked."""
        with db.transaction():
            claimed = self._claim(db, now, names, apart_from, most)
            if not claimed:
                return Batch()
            alone = self._alone(db, {row.policy for row in claimed})
            rows = [row for row in claimed if row.policy in alone]
            batch = Batch(len(claimed), passed={row.follow_up_id for row in claimed if row.policy not in alone})
            points.reached("firing: claimed")
            head = self.log.reader.head()
            known = () if careful else self._known_by_the_sheet(db, rows)
            decisions, memories = self._decide(db, rows, now, head, (), known, batch)
            if careful and (already := decisions.already()):
                self._forget()
                decisions, memories = self._decide(db, rows, now, head, already, known, batch)
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

    def _known_by_the_sheet(self, db: Connection, rows: Sequence[Due]) -> list[Due]:
        """The rows that say all there is to know of a follow-up: but for those of whoever others were merged into.

        Of these the sheet does not say to whom they were promised.
        """
        customers = {row.customer_id for row in rows if row.customer_id is not None}
        found = db.execute(
            "select holder from es.claim where holder = any(%s::uuid[]) and kind = %s", [id_array(customers), SAME_AS]
        ).fetchall()
        survivors = {row[0] for row in found}
        return [row for row in rows if row.version and row.customer_id not in survivors]

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

    def _claim(
        self, db: Connection, now: datetime, names: Sequence[str], apart_from: Collection[UUID], most: int
    ) -> list[Due]:
        query = sql.SQL(
            "select {} from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s) "
            "   and follow_up_id <> all(%s::uuid[]) order by due_at, trigger_position, follow_up_id "
            " limit %s for update skip locked"
        ).format(self._sheet.selected, self._sheet.identifier)
        return self._sheet.select(db, query, [now, list(names), id_array(apart_from), most])

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
        self,
        db: Connection,
        rows: Sequence[Due],
        now: datetime,
        head: int,
        already: Iterable[UUID],
        known: Sequence[Due],
        batch: "Batch",
    ) -> tuple[Decisions, dict[int, Memories[Any]]]:
        """Decides one row after the other; each sees what was decided about its customer before it."""
        decisions = Decisions(self.log, set(already))
        for row in known:
            decisions.know(row.follow_up_id, as_promised(row), row.version)
        streams: dict[UUID, Decider[Any]] = {row.follow_up_id: follow_up.decider for row in rows}
        streams |= {row.invitation_id: invitation.decider for row in rows if row.invitation_id is not None}
        decisions.learn(streams)
        memories: dict[int, Memories[Any]] = {}
        keeping = [self._keeping(row) for row in rows]
        for policy in {id(each): each for each in keeping}.values():
            subjects = [each.subject_of_due(row) for each, row in zip(keeping, rows, strict=True) if each is policy]
            memories[id(policy)] = Memories(policy, self.log.reader, subjects, head, self._shared.of(policy))
        correlations = correlations_of(db, rows)
        foreseen = [self._foresee(row, now, head, memories[id(self._keeping(row))]) for row in rows]
        decisions.learn_for(command for commands, _ in foreseen for command in commands)
        for row, (commands, changes) in zip(rows, foreseen, strict=True):
            stands = decisions.state(row.follow_up_id)
            if stands.status is not FollowUpStatus.SCHEDULED or stands.due_at != row.due_at:
                batch.waiting.add(row.follow_up_id)
                continue  # the sheet is behind the log: the log counts
            policy = self._keeping(row)
            memory = memories[id(policy)]
            try:
                subject = policy.subject_of_due(row)
                if changes is None or changes != memory.changes(subject):
                    commands = list(policy.decide(row, now, memory.of(subject, head)))
            except Exception:
                logger.exception(
                    "%s cannot decide about follow-up %s. The others go on.", policy.name, row.follow_up_id
                )
                batch.passed.add(row.follow_up_id)
                continue
            before, refused = len(decisions.drafts), len(decisions.refused)
            for step, command in done_last(commands):
                command = as_it_came(command, decisions.refused[refused:])
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

    def _foresee(
        self, row: Due, now: datetime, head: int, memory: Memories[Any]
    ) -> tuple[Sequence[Command], int | None]:
        """What will be asked, unless something is decided before it: so that all states are read in one go."""
        policy = self._keeping(row)
        subject = policy.subject_of_due(row)
        with suppress(Exception):  # it is told when it is this one's turn
            return list(policy.decide(row, now, memory.of(subject, head))), memory.changes(subject)
        return (), None


@dataclass(slots=True)
class Batch:
    """What became of some follow-ups that are due: those that wait for another one, and those that cannot be decided."""

    claimed: int = 0
    appended: int = 0
    waiting: set[UUID] = field(default_factory=set)
    passed: set[UUID] = field(default_factory=set)


def as_promised(due: Due) -> FollowUp:
    """The state of a follow-up that waits until it is due, as the sheet knows it."""
    return FollowUp(FollowUpStatus.SCHEDULED, due.customer_id, due.policy, due.step, due.trigger, due.what, due.due_at)


def done_last(commands: Iterable[Command]) -> list[tuple[int, Command]]:
    """Commands with their numbers, so that whatever says that something is done comes after it."""
    return sorted(enumerate(commands), key=lambda each: isinstance(each[1], CompleteFollowUp))


def as_it_came(command: Command, refused: Sequence[tuple[Command, Refused]]) -> Command:
    """The command; what was to say that something is done says REFUSED, and what was, if anything was."""
    if not isinstance(command, CompleteFollowUp) or not refused:
        return command
    said = " ".join(f"{type(asked).__name__}: {why.reason}" for asked, why in refused)
    return replace(command, outcome=REFUSED, refused=said[:MAX_LINE])


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
