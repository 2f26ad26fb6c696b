"""The runner: lets policies react to what happens, and decides about the follow-ups that are due."""

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from domain import follow_up, invitation
from domain.follow_up import FollowUpDispatched, FollowUpStatus
from domain.kernel import Command, Decider, derived
from eventstore.database import reachable
from eventstore.envelope import Draft, Happened, Origin, Recorded, Request
from eventstore.log import Conflict, Log, Outdated
from processes import points
from processes.decisions import Decisions
from processes.memories import Memories, Shared
from processes.policy import Policy
from projections.engine import Engine
from projections.lists import Lists
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

TRIGGERS_PER_STEP = 500
FOLLOW_UPS_PER_BATCH = 100
MAX_CAUSES = 8
"""How long a chain of events that cause one another may grow before no policy reacts to it any more."""
MAX_TRIES = 20
MAX_BACKOFF_S = 0.05

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

    def __init__(self, log: Log, engine: Engine, policies: Sequence[Policy[Any]]) -> None:
        self.log = log
        self.engine = engine
        self.policies = tuple(policies)
        self._by_name = {policy.name: policy for policy in policies}
        self._sheet: Table[Due] = Table(due.view)
        self._shared = {
            (policy.name, turn): Shared(policy, log.reader, Lists(log, engine.pool))
            for policy in policies if policy.shared is not None for turn in ("react", "fire")
        }  # fmt: skip

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
            for command in policy.needs:
                stream_id = self.log.deciders[type(command)].stream_of(command)
                request = Request(
                    actor=policy.actor, command_id=derived("needed", policy.name, stream_id), expected_version=0
                )
                try:
                    self.log.do(command, request)
                except Conflict:  # somebody said it before, perhaps in other words: theirs count
                    continue

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
            triggers, position = self._triggers(db, policy, start, head)
            decisions = self._decide(db, policy, triggers)
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

    def _triggers(self, db: Connection, policy: Policy[Any], start: int, head: int) -> tuple[list[Happened], int]:
        """The next events that set a policy off, and how far it has then come."""
        if start >= head:
            return [], start
        types = self.log.codec.names(policy.reactions)
        origins = [str(origin) for origin in Origin] if policy.include_imported else [str(Origin.LIVE)]
        first = db.execute(  # what was imported may be long, and is passed over where it is stored
            "select min(position) from es.event "
            " where position > %s and position <= %s and type = any(%s) and origin = any(%s) and actor <> %s",
            [start, head, types, origins, policy.actor],
        ).fetchone()
        if first is None or first[0] is None:
            return [], head
        page = self.log.reader.page(first[0] - 1, TRIGGERS_PER_STEP, types=types)
        position = page[-1].at.position if len(page) == TRIGGERS_PER_STEP else max(head, page[-1].at.position)
        found = [each for each in page if each.at.origin in origins and each.at.actor != policy.actor]
        endless = self._endless(db, found)
        return [each for each in found if each.at.position not in endless], position

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

    def _decide(self, db: Connection, policy: Policy[Any], triggers: Sequence[Happened]) -> Decisions:
        if not triggers:
            return Decisions(self.log)
        subjects = [policy.subject_of(event, at) for event, at in triggers]
        shared = self._shared.get((policy.name, "react"))
        memories = Memories(policy, self.log.reader, subjects, triggers[-1].at.position, shared)
        asked: list[tuple[Command, Request]] = []
        for subject, (event, at) in zip(subjects, triggers, strict=True):
            known = memories.of(subject, at.position)
            for step, command in enumerate(policy.react(event, at, known)):
                asked.append((command, _because_of(policy, at, step)))
        decisions = Decisions(self.log, self.log.done([_id(request) for _, request in asked]))
        decisions.learn_for(command for command, request in asked if request.command_id not in decisions.done)
        for command, request in asked:
            decisions.take(command, request)
        return decisions

    # Deciding about what is due.

    def fire(self, now: datetime) -> int:
        """Decides about every follow-up that is due, until none is left; returns how many events that came to."""
        appended = tries = 0
        while tries < MAX_TRIES:
            with reachable():
                self.engine.catch_up([due.view])
                self._count(now)
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

    def _count(self, now: datetime) -> None:
        """Brings up what policies count from of which something is due: before a row is locked, so that nobody waits."""
        counting = [policy for policy in self.policies if policy.views]
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
                self._shared[policy.name, "fire"].counted = head

    def _claim(self, db: Connection, now: datetime) -> list[Due]:
        query = sql.SQL(
            "select {} from {} where status = 'SCHEDULED' and due_at <= %s and policy = any(%s) "
            "order by due_at, trigger_position limit %s for update skip locked"
        ).format(self._sheet.selected, self._sheet.identifier)
        return self._sheet.select(db, query, [now, list(self._by_name), FOLLOW_UPS_PER_BATCH])

    def _alone(self, db: Connection, names: set[str]) -> set[str]:
        """Those policies at which nobody else is: whose memories share something, only one worker decides for at a time."""
        sharing = sorted(name for name in names if (name, "fire") in self._shared)
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
        memories = {}
        for name in sorted({row.policy for row in rows}):
            policy, shared = self._by_name[name], self._shared.get((name, "fire"))
            subjects = [policy.subject_of_due(row) for row in rows if row.policy == name]
            memories[name] = Memories(policy, self.log.reader, subjects, head, shared)
        correlations = correlations_of(db, rows)
        decisions.learn_for(self._foreseen(rows, now, head, memories))
        sending = {row.customer_id for row in rows if row.channel is not None and row.customer_id is not None}
        same_as = self.log.reader.canonical(sending, head) if sending else {}
        written_to: set[UUID] = set()
        for row in rows:
            customer_id = None if row.customer_id is None else same_as.get(row.customer_id, row.customer_id)
            if row.channel is not None and customer_id in written_to:
                continue  # what goes to them now counts for this one: it is decided when that is in the log
            stands = decisions.state(row.follow_up_id)
            if stands.status is not FollowUpStatus.SCHEDULED or stands.due_at != row.due_at:
                continue  # the sheet is behind the log: the log counts
            policy, memory = self._by_name[row.policy], memories[row.policy]
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
                    if isinstance(draft.event, FollowUpDispatched) and customer_id is not None:
                        written_to.add(customer_id)
        return decisions

    def _foreseen(
        self, rows: Sequence[Due], now: datetime, head: int, memories: Mapping[str, Memories[Any]]
    ) -> Iterator[Command]:
        """What will be asked, as far as can be said before anything is decided: so that its states are read in one go."""
        for row in rows:
            policy, memory = self._by_name[row.policy], memories[row.policy]
            known = memory.of(policy.subject_of_due(row), head)
            with suppress(Exception):  # it is told when it is this one's turn
                yield from list(policy.decide(row, now, known))


def correlations_of(db: Connection, rows: Sequence[Due]) -> dict[UUID, UUID]:
    """The chain that each follow-up belongs to, as its first event says."""
    if not rows:
        return {}
    found = db.execute(
        "select stream_id, correlation_id from es.event where stream_id = any(%s) and version = 1",
        [[row.follow_up_id for row in rows]],
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
