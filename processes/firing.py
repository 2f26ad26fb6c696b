"""Firing: what the policies promised is kept when it is due, decided on all that is known at that moment."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from domain import follow_up, invitation
from domain.follow_up import CompleteFollowUp, FollowUp, FollowUpStatus
from domain.kernel import MAX_LINE, SAME_AS, Command, Refused, derived
from domain.policy import PolicyStatus
from eventstore.arrays import id_array
from eventstore.database import reachable
from eventstore.envelope import Request
from eventstore.log import Log, Outdated
from processes import points
from processes.decisions import Decisions, as_recorded, correlations_of, pause
from processes.hands import FIRST, SECOND, SHARES, Batch, Hand, SecondHand
from processes.lives import Lives, lives_of
from processes.memories import Memories
from processes.policy import Policy
from processes.sharing import Sharing
from projections.engine import Engine
from projections.lists import Lists
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

MAX_TRIES = 20
REFUSED = "REFUSED"
"""What came of a promise of which something was refused."""

logger = logging.getLogger(__name__)


class Firing:
    """Decides about the follow-ups that are due. Any number may: rows that are locked arbitrate."""

    def __init__(
        self, log: Log, engine: Engine, policies: Lives | Sequence[Policy[Any]], second: SecondHand | None = None
    ) -> None:
        self.log = log
        self.engine = engine
        self.lives = lives_of(log, policies)
        self.second = second
        self._sheet: Table[Due] = Table(due.view)
        self.shared = Sharing(log, Lists(log, engine.pool))

    def fire(self, now: datetime, only: Collection[str] | None = None) -> int:
        """Decides about every follow-up that is due, until none is left; returns how many events that came to.

        `only` names the policies that may decide: those that have reacted to all there is. If there are many, and none
        of a policy whose memories share something, a second hand decides as well, each of the two for customers of its
        own. About each customer it is decided in the order of the due times.
        """
        appended, hand = 0, Hand()
        while (batch := self._next(now, only, hand)) is not None:
            appended += batch.appended
            if hand.is_busy and self.second is not None:
                appended += self._fire_together(self.second, now, only)
        if appended:
            with reachable(), self.log.pool.connection() as db:
                self.log.flush(db)
        return appended

    def _fire_together(self, second: SecondHand, now: datetime, only: Collection[str] | None) -> int:
        """Decides about all that is due but for the share of the second hand, while that does."""
        if self._is_due(now, self._at_work(only, sharing=True)) or not second.begin(now, only):
            return 0
        appended = 0
        try:
            appended = self._all_of(now, only, Hand(FIRST))
        finally:
            appended += second.end()
        return appended

    def fire_share(self, now: datetime, only: Collection[str] | None, is_over: Callable[[], bool]) -> int:
        """Decides, as the second hand of who fires, about its share; they flush. `is_over`: they are gone."""
        return self._all_of(now, only, Hand(SECOND, is_over=is_over))

    def _all_of(self, now: datetime, only: Collection[str] | None, hand: Hand) -> int:
        """Decides about all that falls to a hand."""
        appended = 0
        while (batch := self._next(now, only, hand)) is not None:
            appended += batch.appended
        return appended

    def _next(self, now: datetime, only: Collection[str] | None, hand: Hand) -> Batch | None:
        """Decides about the next batch; None if there is nothing left for this hand."""
        for _ in range(MAX_TRIES):
            if hand.is_over():
                return None
            with reachable():
                self.engine.catch_up([due.view])
                self.lives.refresh()
                names = self._at_work(only, sharing=None if hand.share is None else False)
                if not (hand.is_busy or self._is_due(now, names)):
                    return None
                self._count(now, names)
                try:
                    with self.log.pool.connection() as db:
                        batch = self._fire(db, now, names, hand)
                except (Outdated, UniqueViolation) as error:  # more is known of somebody than was: decide again
                    hand.failed(careful=isinstance(error, UniqueViolation))
                    time.sleep(pause())
                    continue
            return hand.went_on(batch) if batch.claimed else None
        return None

    def _at_work(self, only: Collection[str] | None, *, sharing: bool | None = None) -> list[str]:
        """Which policies keep their promises now: all, or those whose memories share something, or those that do not."""
        return [
            name
            for name in self.lives.named(PolicyStatus.ACTIVE)
            if (only is None or name in only) and sharing in (None, self.lives[name].policy.shared is not None)
        ]

    def _is_due(self, now: datetime, names: Sequence[str]) -> bool:
        """Whether anything at all is due of these policies."""
        if not names:
            return False
        query = sql.SQL(  # in the order of the index, or all that are not due are looked through
            "select policy from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s) "
            "order by due_at, trigger_position limit 1"
        ).format(self._sheet.identifier)
        with self.log.pool.connection() as db:
            return db.execute(query, [now, list(names)]).fetchone() is not None

    def _fire(self, db: Connection, now: datetime, names: Sequence[str], hand: Hand) -> Batch:
        """Decides about the next ones that are due."""
        with self.shared.learning() as learning, db.transaction():
            claimed = self._claim(db, now, names, hand)
            if not claimed:
                return Batch()
            alone = self._alone(db, {row.policy for row in claimed})
            learning |= alone
            rows = [row for row in claimed if row.policy in alone]
            batch = Batch(len(claimed), passed={row.follow_up_id for row in claimed if row.policy not in alone})
            points.reached("firing: claimed")
            head = self.log.reader.head()
            known = () if hand.careful else self._known_by_the_sheet(db, rows)
            decisions, memories = self._decide(db, rows, now, head, (), known, batch)
            if hand.careful and (already := decisions.already()):
                self.shared.take_back(alone)
                decisions, memories = self._decide(db, rows, now, head, already, known, batch)
            points.reached("firing: decided")
            if not decisions.drafts or hand.is_over():
                return batch
            streams = {stream for memory in memories for stream in memory.streams}
            decisions.append(db, known=head, streams=streams)
            points.reached("firing: appended, not committed")
        points.reached("firing: committed, not flushed")
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
        return [row for row in rows if row.version and not (survivors and row.customer_id in survivors)]

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
                if (shared := self.shared.of(policy)) is not None:
                    shared.counted = head

    def _claim(self, db: Connection, now: datetime, names: Sequence[str], hand: Hand) -> list[Due]:
        db.execute(
            "set local enable_sort = off"
        )  # in the order of the index, however little is known of how much is due
        query = sql.SQL(
            "select {} from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s) "
            "   and follow_up_id <> all(%s::uuid[]) {} order by due_at, trigger_position, follow_up_id "
            " limit %s for update skip locked"
        ).format(
            self._sheet.selected, self._sheet.identifier, sql.SQL("" if hand.share is None else SHARES[hand.share])
        )
        return self._sheet.select(db, query, [now, list(names), id_array(hand.waiting | hand.passed), hand.most])

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

    def _decide(
        self,
        db: Connection,
        rows: Sequence[Due],
        now: datetime,
        head: int,
        already: Iterable[UUID],
        known: Sequence[Due],
        batch: Batch,
    ) -> tuple[Decisions, list[Memories[Any]]]:
        """Decides one row after the other; each sees what was decided about its customer before it."""
        decisions = Decisions(self.log, set(already))
        for row in known:
            decisions.know(row.follow_up_id, as_promised(row), row.version)
        if len(known) < len(rows):
            decisions.learn({row.follow_up_id: follow_up.decider for row in rows})
        decisions.learn({row.invitation_id: invitation.decider for row in rows if row.invitation_id is not None})
        turns, memories = self._turns(rows, head)
        correlations = correlations_of(db, rows)
        for turn in turns:
            turn.foresee(now, head)
        decisions.learn_for(command for turn in turns for command in turn.commands)
        for turn in turns:
            row, policy = turn.row, turn.policy
            stands = decisions.state(row.follow_up_id)
            if stands.status is not FollowUpStatus.SCHEDULED or stands.due_at != row.due_at:
                batch.waiting.add(row.follow_up_id)
                continue  # the sheet is behind the log: the log counts
            try:
                commands = turn.asked(now, head)
            except Exception:
                logger.exception(
                    "%s cannot decide about follow-up %s. The others go on.", policy.name, row.follow_up_id
                )
                batch.passed.add(row.follow_up_id)
                continue
            if turn.is_last:
                turn.memory.leave(turn.subject)
            before, refused = len(decisions.drafts), len(decisions.refused)
            for step, command in done_last(commands):
                command = as_it_came(command, decisions.refused[refused:])
                for draft in decisions.take(command, in_time(policy, row, command, step, now, correlations)):
                    if listening := [each for each in memories if each.listens_to(draft)]:
                        at = as_recorded(draft, head + len(decisions.drafts))
                        for each in listening:
                            each.note(draft.event, at, head)
            if len(decisions.drafts) == before:
                batch.waiting.add(row.follow_up_id)
        return decisions, memories

    def _turns(self, rows: Sequence[Due], head: int) -> tuple[list["Turn"], list[Memories[Any]]]:
        """The rows in their order, each with the version that keeps the promise, which is the one that made it."""
        versions = {(row.policy, row.policy_version) for row in rows}
        keeping = {each: self.lives[each[0]].version(each[1]) for each in versions}
        subjects: dict[int, list[UUID | None]] = {id(policy): [] for policy in keeping.values()}
        found = []
        for row in rows:
            policy = keeping[row.policy, row.policy_version]
            subject = policy.subject_of_due(row)
            subjects[id(policy)].append(subject)
            found.append((row, policy, subject))
        memories = {
            id(policy): Memories(policy, self.log.reader, subjects[id(policy)], head, self.shared.of(policy))
            for policy in keeping.values()
        }
        turns = [Turn(row, policy, subject, memories[id(policy)]) for row, policy, subject in found]
        seen: set[tuple[int, UUID | None]] = set()
        for turn in reversed(turns):
            whose = id(turn.policy), turn.memory.whom(turn.subject)
            turn.is_last = whose not in seen
            seen.add(whose)
        return turns, list(memories.values())


@dataclass(slots=True)
class Turn:
    """A row whose turn it is: which policy keeps the promise, on which memory, and what it is foreseen to ask for.

    `is_last`: no other row of the batch is about the same subject.
    """

    row: Due
    policy: Policy[Any]
    subject: UUID | None
    memory: Memories[Any]
    commands: Sequence[Command] = ()
    changes: int | None = None
    is_last: bool = False

    def foresee(self, now: datetime, head: int) -> None:
        """What will be asked, unless something is decided before it: so that all states are read in one go."""
        with suppress(Exception):  # it is told when it is this one's turn
            self.commands = list(self.policy.decide(self.row, now, self.memory.of(self.subject, head)))
            self.changes = self.memory.changes(self.subject)

    def asked(self, now: datetime, head: int) -> Sequence[Command]:
        """What is asked. Raises whatever the policy raises."""
        if self.changes is None or self.changes != self.memory.changes(self.subject):
            return list(self.policy.decide(self.row, now, self.memory.of(self.subject, head)))
        return self.commands


def as_promised(due: Due) -> FollowUp:
    """The state of a follow-up that waits until it is due, as the sheet knows it."""
    return FollowUp(FollowUpStatus.SCHEDULED, due.customer_id, due.policy, due.step, due.trigger, due.what, due.due_at)


def done_last(commands: Sequence[Command]) -> list[tuple[int, Command]]:
    """Commands with their numbers, so that whatever says that something is done comes after it."""
    if len(commands) == 1:
        return [(0, commands[0])]
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
