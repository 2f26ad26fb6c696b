"""The runner: lets policies react to what happens, and decides about the follow-ups that are due."""

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from domain import follow_up, invitation
from domain.follow_up import FollowUpStatus
from domain.kernel import Command, Decider, Refused, derived
from domain.policy import PolicyStatus
from eventstore.database import reachable
from eventstore.envelope import Draft, Happened, Origin, Recorded, Request
from eventstore.log import Conflict, Log, Outdated
from processes import points
from processes.decisions import Decisions, correlations_of, pause
from processes.lives import Lives
from processes.memories import Memories, Shared
from processes.policy import Policy
from processes.retiring import Retiring
from projections.engine import Engine
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

TRIGGERS_PER_STEP = 500
FOLLOW_UPS_PER_BATCH = 100
MAX_CAUSES = 8
"""How long a chain of events that cause one another may grow before no policy reacts to it any more."""
MAX_TRIES = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a policy came to. At the head nothing is left to read; `taken`: another worker is at it."""

    policy: str
    position: int = 0
    triggers: int = 0
    appended: int = 0
    refused: int = 0
    at_head: bool = True
    taken: bool = False


class Runner:
    """Runs policies over a log. Any number of runners may run: rows that are locked arbitrate."""

    def __init__(self, log: Log, engine: Engine, lives: Lives) -> None:
        self.log = log
        self.engine = engine
        self.lives = lives
        self._sheet: Table[Due] = Table(due.view)
        self._shared: dict[tuple[str, int, str], Shared] = {}
        self._retiring = Retiring(log, engine, lives)

    @property
    def policies(self) -> tuple[Policy[Any], ...]:
        """Those that there are, built in or defined, each by its last version."""
        return tuple(life.policy for life in self.lives)

    def in_force(self) -> tuple[Policy[Any], ...]:
        """Those that there are by now."""
        with reachable():
            self.lives.refresh()
        return self.policies

    def activate(self) -> None:
        """Lets new policies begin at the present head: they do not react to the past. Does what they need, once."""
        with reachable():
            for policy in self.policies:
                with self.log.pool.connection() as db:
                    db.execute(
                        "insert into es.checkpoint (name, position) "
                        "select %s, coalesce(max(position), 0) from es.event on conflict (name) do nothing",
                        [policy.actor],
                    )
        for policy in self.policies:
            self._register(policy)
            for command in policy.needs:
                stream_id = self.log.deciders[type(command)].stream_of(command)
                request = Request(
                    actor=policy.actor, command_id=derived("needed", policy.name, stream_id), expected_version=0
                )
                try:
                    self.log.do(command, request)
                except Conflict:  # somebody said it before, perhaps in other words: theirs count
                    continue

        self.lives.refresh()

    def _register(self, policy: Policy[Any]) -> None:
        """Says in the log that a policy is there, if its rules are shown; what somebody else calls so keeps its name."""
        if (asked := policy.registration) is None:
            return
        try:
            command_id = derived("registered", policy.name, policy.version)
            self.log.do(asked, Request(actor=policy.actor, command_id=command_id))
        except Refused as refused:
            logger.warning("The rules of %s are not shown. %s", policy.name, refused.reason)

    # Reacting to what happens.

    def react(self, policy: Policy[Any]) -> Step:
        """Reacts to the next triggers of a policy: what follows from them and the checkpoint commit together."""
        with reachable():
            for _ in range(MAX_TRIES):
                try:
                    with self.log.pool.connection() as db:
                        return self._react(db, policy)
                except UniqueViolation:  # somebody wrote to one of the streams meanwhile: look again
                    time.sleep(pause())
        return Step(policy.name, at_head=False, taken=True)

    def _react(self, db: Connection, policy: Policy[Any]) -> Step:
        with db.transaction():
            row = db.execute(
                "select c.position, coalesce((select max(e.position) from es.event e), 0) from es.checkpoint c "
                " where c.name = %s for update of c skip locked",
                [policy.actor],
            ).fetchone()
            if row is None:
                return Step(policy.name, taken=True)
            start, head = row
            points.reached("reaction: checkpoint locked")
            self.lives.refresh(head)
            turn = self.lives[policy.name].turn(start, head)
            if turn is None:
                return Step(policy.name, start)
            policy, begin, end = turn
            triggers, endless, position = self._triggers(db, policy, begin, end)
            decisions = self._decide(policy, triggers, endless)
            points.reached("reaction: decided")
            if position > start:
                # Should this be lost, the same is read and decided again, and nothing is appended twice.
                db.execute("set local synchronous_commit = off")
                db.execute(
                    "update es.checkpoint set position = %s, changed_at = now() where name = %s",
                    [position, policy.actor],
                )
            points.reached("reaction: checkpoint moved")
            if decisions.drafts:
                decisions.append(db)
                points.reached("reaction: appended, not committed")
        if decisions.drafts:
            points.reached("reaction: committed, not flushed")
            self.log.flush(db)
        appended, refused = len(decisions.drafts), len(decisions.refused)
        return Step(policy.name, position, len(triggers), appended, refused, at_head=position >= head)

    def _triggers(
        self, db: Connection, policy: Policy[Any], start: int, head: int
    ) -> tuple[list[Happened], set[int], int]:
        """The next events that set a policy off, where those stand that do so no more, and how far it has then come."""
        types = self.log.codec.names(policy.reactions)
        origins = [str(origin) for origin in Origin] if policy.include_imported else [str(Origin.LIVE)]
        first = db.execute(  # what was imported may be long, and is passed over where it is stored
            "select min(position) from es.event "
            " where position > %s and position <= %s and type = any(%s) and origin = any(%s) and actor <> %s",
            [start, head, types, origins, policy.actor],
        ).fetchone()
        if first is None or first[0] is None:
            return [], set(), head
        page = self.log.reader.page(first[0] - 1, TRIGGERS_PER_STEP, types=types)
        page = [each for each in page if each.at.position <= head]
        position = page[-1].at.position if len(page) == TRIGGERS_PER_STEP else head
        found = [each for each in page if each.at.origin in origins and each.at.actor != policy.actor]
        return found, self._endless(db, found), position

    def _endless(self, db: Connection, found: Iterable[Happened]) -> set[int]:
        """The positions of those events that are the end of too long a chain of causes."""
        caused = [each.at.position for each in found if each.at.because is not None]
        if not caused:
            return set()
        rows = db.execute(
            "with recursive cause (of, because, depth) as ("
            "  select e.position, e.because, 1 from es.event e where e.position = any(%s) "
            "  union all "
            "  select c.of, e.because, c.depth + 1 from cause c join es.event e on e.position = c.because "
            "   where c.depth < %s) "
            "select of from cause where depth = %s and because is not null",
            [caused, MAX_CAUSES, MAX_CAUSES],
        ).fetchall()
        for (position,) in rows:
            logger.warning(
                "Event %d is the end of more than %d events that caused one another. No policy reacts to it: "
                "look for two policies that set each other off.",
                position, MAX_CAUSES,
            )  # fmt: skip
        return {row[0] for row in rows}

    def _decide(self, policy: Policy[Any], triggers: Sequence[Happened], endless: Collection[int]) -> Decisions:
        if not triggers:
            return Decisions(self.log)
        subjects = [policy.subject_of(event, at) for event, at in triggers]
        shared = self._sharing(policy, "react")
        memories = Memories(policy, self.log.reader, subjects, triggers[-1].at.position, shared)
        asked: list[tuple[Command, Request]] = []
        for subject, (event, at) in zip(subjects, triggers, strict=True):
            known = memories.of(subject, at.position)
            stopped = at.position in endless
            for step, command in enumerate(policy.stop(event, at) if stopped else policy.react(event, at, known)):
                asked.append((command, _because_of(policy, at, step)))
        decisions = Decisions(self.log, self.log.done([_id(request) for _, request in asked]))
        decisions.learn_for(command for command, request in asked if request.command_id not in decisions.done)
        for command, request in asked:
            decisions.take(command, request)
        return decisions

    # Deciding about what is due.

    def fire(self, now: datetime) -> int:
        """Decides about every follow-up that is due, until none is left; returns how many events that came to."""
        appended = self._retiring.take_back(now)
        tries = 0
        while tries < MAX_TRIES:
            with reachable():
                self.engine.catch_up([due.view])
                self.lives.refresh()
                try:
                    with self.log.pool.connection() as db:
                        batch = self._fire(db, now)
                except (Outdated, UniqueViolation):  # more is known of somebody than was: decide again
                    self._forget()
                    tries += 1
                    time.sleep(pause())
                    continue
                except Exception:
                    self._forget()
                    raise
            tries = 0
            if not batch:
                break
            appended += batch
        return appended

    def _fire(self, db: Connection, now: datetime) -> int:
        with db.transaction():
            rows = self._claim(db, now)
            if not rows:
                return 0
            alone = self._alone(db, {row.policy for row in rows})
            rows = [row for row in rows if row.policy in alone]
            points.reached("firing: claimed")
            head = self.log.reader.head()
            decisions = self._decide_due(db, rows, now, head, ())
            if already := decisions.already():
                decisions = self._decide_due(db, rows, now, head, already)
            points.reached("firing: decided")
            if not decisions.drafts:
                return 0
            decisions.append(db, known=head)
            points.reached("firing: appended, not committed")
        points.reached("firing: committed, not flushed")
        self.log.flush(db)
        return len(decisions.drafts)

    def _claim(self, db: Connection, now: datetime) -> list[Due]:
        query = sql.SQL(
            "select {} from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s) "
            "order by due_at, trigger_position limit %s for update skip locked"
        ).format(self._sheet.selected, self._sheet.identifier)
        active = self.lives.named(PolicyStatus.ACTIVE)
        return self._sheet.select(db, query, [now, active, FOLLOW_UPS_PER_BATCH])

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
        for shared in self._shared.values():
            shared.forget()

    def _decide_due(
        self, db: Connection, rows: Sequence[Due], now: datetime, head: int, already: Iterable[UUID]
    ) -> Decisions:
        """Decides one row after the other; each sees what was decided about its customer before it."""
        decisions = Decisions(self.log, set(already))
        streams: dict[UUID, Decider[Any]] = {row.follow_up_id: follow_up.decider for row in rows}
        streams |= {row.invitation_id: invitation.decider for row in rows if row.invitation_id is not None}
        decisions.learn(streams)
        memories: dict[int, Memories[Any]] = {}
        promised = [self.lives[row.policy].version(row.policy_version) for row in rows]
        for policy in {id(each): each for each in promised}.values():
            subjects = [each.subject_of_due(row) for row, each in zip(rows, promised, strict=True) if each is policy]
            memories[id(policy)] = Memories(policy, self.log.reader, subjects, head, self._sharing(policy, "fire"))
        correlations = correlations_of(db, rows)
        decisions.learn_for(self._foreseen(rows, now, head, memories))
        for row in rows:
            stands = decisions.state(row.follow_up_id)
            if stands.status is not FollowUpStatus.SCHEDULED or stands.due_at != row.due_at:
                continue  # the sheet is behind the log: the log counts
            policy = self.lives[row.policy].version(row.policy_version)
            memory = memories[id(policy)]
            subject = policy.subject_of_due(row)
            known = memory.of(subject, head)
            try:
                asked = list(policy.decide(row, now, known))
            except Exception:
                logger.exception(
                    "%s cannot decide about follow-up %s. The others go on.", policy.name, row.follow_up_id
                )
                continue
            for step, command in enumerate(asked):
                meaning = ("due", row.follow_up_id, _iso(row.due_at), type(command).__name__, step)
                request = Request(
                    actor=policy.actor,
                    occurred_at=now,
                    command_id=derived(*meaning),
                    correlation_id=correlations.get(row.follow_up_id),
                    because=row.trigger_position or None,
                )
                for n, draft in enumerate(decisions.take(command, request), 1):
                    memory.note(subject, draft.event, as_recorded(draft, head + n))
        return decisions

    def _sharing(self, policy: Policy[Any], turn: str) -> Shared | None:
        """What the memories of a policy share, kept for reacting and for firing apart."""
        if policy.shared is None:
            return None
        key = policy.name, policy.version, turn
        if key not in self._shared:
            self._shared[key] = Shared(policy, self.log.reader)
        return self._shared[key]

    def _foreseen(
        self, rows: Sequence[Due], now: datetime, head: int, memories: Mapping[int, Memories[Any]]
    ) -> Iterator[Command]:
        """What will be asked, as far as can be said before anything is decided: so that its states are read in one go."""
        for row in rows:
            policy = self.lives[row.policy].version(row.policy_version)
            memory = memories[id(policy)]
            known = memory.of(policy.subject_of_due(row), head)
            with suppress(Exception):  # it is told when it is this one's turn
                yield from list(policy.decide(row, now, known))


def as_recorded(draft: Draft, position: int) -> Recorded:
    """A draft as it will be read, but for its position."""
    return Recorded(
        position, draft.stream_id, draft.version, draft.event.stored_as, draft.customer_id, draft.occurred_at,
        draft.occurred_at, draft.actor, draft.origin, draft.command_id, draft.correlation_id, draft.because,
    )  # fmt: skip


def _because_of(policy: Policy[Any], at: Recorded, step: int) -> Request:
    return Request(
        actor=policy.actor,
        origin=Origin(at.origin) if policy.include_imported else Origin.LIVE,
        occurred_at=at.occurred_at,
        command_id=derived("policy", policy.name, at.position, step),
        correlation_id=at.correlation_id,
        because=at.position,
    )


def _id(request: Request) -> UUID:
    assert request.command_id is not None
    return request.command_id


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
