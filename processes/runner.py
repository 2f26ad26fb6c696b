"""The runner: lets policies react to what happens."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import UniqueViolation

from domain.follow_up import FollowUpPostponed, FollowUpScheduled
from domain.kernel import Command, Refused, derived
from eventstore.blocked import blocked, goes_on
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Draft, Happened, Request
from eventstore.log import Conflict, Log, Outdated
from processes import points
from processes.clock import wall_clock
from processes.decisions import Decisions, as_recorded, is_row, pause
from processes.firing import Firing
from processes.hands import SecondHand
from processes.lives import Lives, activated, lives_of
from processes.memories import Memories
from processes.policy import ALREADY_PROMISED, LEFT_ALONE, LOOP, Policy
from processes.reactions import because_of, ids_of, turns_of
from processes.retiring import Retiring
from processes.sharing import Sharing, learn_together
from processes.triggers import Stretch, apart, corrected_between, next_of
from projections.engine import Engine
from projections.lists import Lists

TRIGGERS_PER_STEP = 500
MAX_LOOKED_THROUGH = 2_000
"""Of more events than these it is not looked beforehand whom they concern."""
MAX_TRIES = 20
PROMISED = (FollowUpScheduled, FollowUpPostponed)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a policy came to. At the head nothing is left to read; `taken`: another worker is at it.

    `soonest` is the first moment for which something was promised.
    """

    policy: str
    position: int = 0
    triggers: int = 0
    appended: int = 0
    refused: int = 0
    at_head: bool = True
    taken: bool = False
    soonest: datetime | None = None


class Runner:
    """Runs policies over a log. Any number of runners may run: rows that are locked arbitrate."""

    def __init__(
        self, log: Log, engine: Engine, policies: Lives | Sequence[Policy[Any]], second: SecondHand | None = None
    ) -> None:
        self.log = log
        self.engine = engine
        self.lives = lives_of(log, policies)
        self.firing = Firing(log, engine, self.lives, second)
        self.retiring = Retiring(log, engine, self.lives)
        self._shared = Sharing(log, Lists(log, engine.pool))
        self._learnt = False
        self._to_flush = False
        self._types: dict[tuple[str, int], frozenset[str]] = {}

    @property
    def policies(self) -> tuple[Policy[Any], ...]:
        """Those that there are, built in or defined, each by its last version."""
        return tuple(life.policy for life in self.lives)

    def in_force(self) -> tuple[Policy[Any], ...]:
        """Those that there are by now."""
        with reachable():
            self.lives.refresh()
        return self.policies

    def activate(self, now: datetime | None = None) -> None:
        """Lets new policies begin at the present head: they do not react to the past. Does what they need, once."""
        with reachable():
            actors = [policy.actor for policy in self.policies]
            with self.log.pool.connection() as db:
                db.execute(
                    "insert into es.checkpoint (name, position) "
                    "select name, (select coalesce(max(position), 0) from es.event) from unnest(%s::text[]) as name "
                    "    on conflict (name) do nothing",
                    [actors],
                )
                db.execute(  # from where on each trigger must have its row in the ledger
                    "insert into es.checkpoint (name, position) "
                    "select activated, position from unnest(%s::text[], %s::text[]) as policy (activated, actor) "
                    "  join es.checkpoint on checkpoint.name = actor on conflict (name) do nothing",
                    [[activated(policy) for policy in self.policies], actors],
                )
        for policy in self.policies:
            self._register(policy, now)
            begins = () if policy.begins is None else (policy.begins(now or wall_clock()),)
            for command in (*policy.needs, *begins):
                stream_id = self.log.deciders[type(command)].stream_of(command)
                request = Request(
                    actor=policy.actor,
                    occurred_at=now,
                    command_id=derived("needed", policy.name, stream_id),
                    expected_version=0,
                )
                try:
                    self.log.do(command, request)
                except Conflict:  # somebody said it before, perhaps in other words: theirs count
                    continue

        self.lives.refresh()

    def _register(self, policy: Policy[Any], now: datetime | None) -> None:
        """Says in the log that a policy is there, if its rules are shown; what somebody else calls so keeps its name."""
        if (asked := policy.registration) is None:
            return
        command_id = derived("registered", policy.name, policy.version)
        try:
            self.log.do(asked, Request(actor=policy.actor, occurred_at=now, command_id=command_id))
        except Refused as refused:
            logger.warning("The rules of %s are not shown. %s", policy.name, refused.reason)

    # Reacting to what happens.

    def react_all(self) -> tuple[list[Step], list[Exception]]:
        """One step of each policy, and what went wrong. Those to whom nothing happened are not even asked.

        One that cannot go on holds up no other one. What was decided is to be flushed. Raises `Unavailable`.
        """
        steps, failures = [], list[Exception]()
        policies = self.in_force()
        concerned, idle, stretch = self._look(policies)
        for policy in policies:
            if policy.name in idle:
                steps.append(Step(policy.name, idle[policy.name]))
            elif policy.name in concerned:
                try:
                    steps.append(self.react(policy, stretch))
                except Unavailable:
                    raise
                except Exception as failure:
                    failures.append(failure)
        self._to_flush |= any(step.appended for step in steps)
        return steps, failures

    def flush(self) -> None:
        """Makes durable what came of reacting; until then a crash may lose it, and then the same is decided again."""
        if self._to_flush:
            with reachable(), self.log.pool.connection() as db:
                self.log.flush(db)
            self._to_flush = False

    def _look(self, policies: Sequence[Policy[Any]]) -> tuple[set[str], dict[str, int], Stretch | None]:
        """Who is concerned by what is new, who is not, and stands at the head for that; and what is new, if it is little."""
        by_actor = {policy.actor: policy for policy in policies}
        with reachable(), self.log.pool.connection() as db:
            rows = db.execute(
                "select c.name, c.position, coalesce((select max(e.position) from es.event e), 0) "
                "  from es.checkpoint c where c.name = any(%s)",
                [list(by_actor)],
            ).fetchall()
            head = rows[0][2] if rows else 0
            self.lives.refresh(head)
            if not self._learnt:
                stands = [(by_actor[name], position) for name, position, _ in rows]
                both = (self._shared, self.firing.shared)
                learn_together(self.log.reader, [(each.of(policy), at) for policy, at in stands for each in both])
                self._learnt = True
            behind = {
                name: position
                for name, position, _ in rows
                if self.lives[by_actor[name].name].turn(position, head) is not None
            }
            idle = {by_actor[name].name: min(position, head) for name, position, _ in rows if name not in behind}
            if not behind or head - min(behind.values()) > MAX_LOOKED_THROUGH:
                return {by_actor[name].name for name in behind}, idle, None
            types = {name: self._types_of(by_actor[name]) for name in behind}
            stretch = Stretch(self.log.reader, frozenset().union(*types.values()), behind, head)
            passing = [
                (name, position)
                for name, position in behind.items()
                if not stretch.of(by_actor[name], types[name], position, head)
            ]
            if passing:
                db.execute(
                    "with ours as (select c.name from es.checkpoint c "
                    "                join unnest(%s::text[], %s::bigint[]) p (name, position) using (name, position) "
                    "               for update of c skip locked) "
                    "update es.checkpoint c set position = %s, changed_at = now() from ours where c.name = ours.name "
                    "returning set_config('synchronous_commit', 'off', true)",
                    [*map(list, zip(*passing, strict=True)), head],
                )
        idle |= {by_actor[name].name: head for name, _ in passing}
        stretch.concerned = [policy for policy in policies if policy.actor in behind and policy.name not in idle]
        return {policy.name for policy in stretch.concerned}, idle, stretch

    def _types_of(self, policy: Policy[Any]) -> frozenset[str]:
        """What sets off any version of a policy."""
        versions = [version for _, version in self.lives[policy.name].versions]
        key = policy.name, len(versions)
        if key not in self._types:
            self._types[key] = frozenset(self.log.codec.names(event for each in versions for event in each.reactions))
        return self._types[key]

    def react(self, policy: Policy[Any], stretch: Stretch | None = None) -> Step:
        """Reacts to the next triggers of a policy: what follows from them and the checkpoint commit together.

        `stretch` is what is new, for whoever read it already: then it is reacted to that, and to nothing after it.
        """
        careful = False
        with reachable():
            for _ in range(MAX_TRIES):
                try:
                    with self.log.pool.connection() as db, self._shared.learning(policy.name):
                        return self._react(db, policy, stretch, careful=careful)
                except (UniqueViolation, Outdated) as error:  # somebody wrote to a stream, or was blocked, meanwhile
                    stretch, careful = None, careful or isinstance(error, UniqueViolation)
                    time.sleep(pause())
        return Step(policy.name, at_head=False, taken=True)

    def _react(
        self, db: Connection, policy: Policy[Any], stretch: Stretch | None = None, *, careful: bool = False
    ) -> Step:
        """`careful`: the log is asked beforehand what was done already; otherwise it turns down what was."""
        with db.transaction():
            row = db.execute(
                "select c.position, coalesce((select max(e.position) from es.event e), 0) from es.checkpoint c "
                " where c.name = %s for update of c skip locked",
                [policy.actor],
            ).fetchone()
            if row is None:
                return Step(policy.name, taken=True)
            start, head = row
            if stretch is not None and stretch.starts.get(policy.actor) != start:
                stretch = None  # somebody else was at it
            if stretch is not None:
                head = stretch.end  # what the policy decided after that can only have come of keeping promises
            points.reached("reaction: checkpoint locked")
            self.lives.refresh(head)
            turn = self.lives[policy.name].turn(start, head)
            if turn is None:
                return Step(policy.name, start)
            policy, begin, end = turn
            triggers, endless, position = self._triggers(db, policy, begin, end, stretch)
            stopped = dict.fromkeys(endless, LOOP) | self._left_alone(db, triggers, stretch)
            decisions = self._decide(db, policy, triggers, stopped, head, stretch, careful)
            points.reached("reaction: decided")
            if position > start:
                # Should this be lost, the same is read and decided again, and nothing is appended twice.
                db.execute(
                    "update es.checkpoint set position = %s, changed_at = now() where name = %s "
                    "returning set_config('synchronous_commit', 'off', true)",
                    [position, policy.actor],
                )
            points.reached("reaction: checkpoint moved")
            if decisions.drafts:
                decisions.append(db, alone=None if stretch is None else stretch.blocked)
                points.reached("reaction: appended, not committed")
        if decisions.drafts:
            points.reached("reaction: committed, not flushed")
        appended, refused = len(decisions.drafts), len(decisions.refused)
        moments = [draft.event.due_at for draft in decisions.drafts if isinstance(draft.event, PROMISED)]
        soonest = min(moments, default=None)
        return Step(policy.name, position, len(triggers), appended, refused, position >= head, soonest=soonest)

    def _triggers(
        self, db: Connection, policy: Policy[Any], start: int, end: int, stretch: Stretch | None
    ) -> tuple[list[Happened], set[int], int]:
        """The next events that set a policy off, where those stand that do so no more, and how far it has then come."""
        types = self.log.codec.names(policy.reactions)
        if stretch is None:
            return next_of(db, self.log.reader, policy, types, start, end, TRIGGERS_PER_STEP)
        found = stretch.of(policy, types, start, end)
        triggers = found[:TRIGGERS_PER_STEP]
        position = end if len(found) == len(triggers) else triggers[-1].at.position
        return triggers, stretch.endless if triggers else set(), position

    def _left_alone(self, db: Connection, triggers: Sequence[Happened], stretch: Stretch | None) -> dict[int, str]:
        """Where the triggers stand whose customers have been blocked since: nothing is promised to them any more."""
        new = [at for _, at in triggers if not goes_on(at.type)]
        alone = blocked(db, {at.customer_id for at in new}) if stretch is None else stretch.blocked
        return {at.position: LEFT_ALONE for at in new if at.customer_id in alone}

    def _decide(
        self,
        db: Connection,
        policy: Policy[Any],
        triggers: Sequence[Happened],
        stopped: Mapping[int, str],
        head: int,
        stretch: Stretch | None = None,
        careful: bool = False,
    ) -> Decisions:
        """Lets a policy react to one trigger after the other; each time it knows what it decided because of those before."""
        decisions = Decisions(self.log)
        if not triggers:
            return decisions
        first, last = triggers[0].at.position, triggers[-1].at.position
        cuts = corrected_between(db, first, last) if stretch is None else stretch.cuts
        for group in apart(triggers, cuts):
            subjects = [policy.subject_of(event, at) for event, at in group]
            end, shared = group[-1].at.position, self._shared.of(policy)
            if stretch is not None and not any(cut > end for cut in cuts):
                end = head  # which says the same of everybody, and nothing is to be looked for after it
            before = [Happened(each.event, as_recorded(each, each.because or 0)) for each in decisions.drafts]
            memories = Memories(
                policy, self.log.reader, subjects, end, shared, reacted=(first, head), imagined=before,
                histories=None if stretch is None else stretch.histories,
            )  # fmt: skip
            turns = list(turns_of(policy, memories, group))
            if len(turns) > 1:
                if shared is not None:
                    shared.at(group[0].at.position)
                self._learn_ahead(policy, memories, group, decisions, careful)
            for turn in turns:
                self._take(policy, memories, turn, stopped, decisions, careful)
        return decisions

    def _learn_ahead(
        self,
        policy: Policy[Any],
        memories: Memories[Any],
        triggers: Sequence[Happened],
        decisions: Decisions,
        careful: bool,
    ) -> None:
        """Reads in one go what the turns will ask for, as far as it can be guessed; what it is not, they read."""
        guessed: list[Command] = []
        ids: list[UUID] = []
        for event, at in triggers:
            with suppress(Exception):  # it is told when it is this one's turn
                known = memories.foreseen(policy.subject_of(event, at), at.position)
                commands = list(policy.react(event, at, known))
                guessed += commands
                ids += ids_of(policy, at, commands)
        if careful:
            decisions.look_for(ids)
        decisions.learn_for(guessed)

    def _take(
        self,
        policy: Policy[Any],
        memories: Memories[Any],
        turn: Sequence[Happened],
        stopped: Mapping[int, str],
        decisions: Decisions,
        careful: bool,
    ) -> None:
        """Decides what follows from triggers that know nothing of one another."""
        asked = [
            list(
                policy.stop(event, at, stopped[at.position])
                if at.position in stopped
                else policy.react(event, at, memories.of(policy.subject_of(event, at), at.position))
            )
            for event, at in turn
        ]
        ids = [ids_of(policy, at, commands) for commands, (_, at) in zip(asked, turn, strict=True)]
        if careful:
            decisions.look_for([id for each in ids for id in each])
        decisions.learn_for(
            command
            for commands, (_, *steps) in zip(asked, ids, strict=True)
            for command, id in zip(commands, steps, strict=True)
            if id not in decisions.done
        )
        for commands, (row, *steps), (event, at) in zip(asked, ids, turn, strict=True):
            drafts: list[Draft] = []
            for command, id in zip(commands, steps, strict=True):
                drafts += decisions.take(command, because_of(policy, at, id))
            has_row = not policy.is_trigger(event) or any(map(is_row, drafts))
            if not has_row and not decisions.look_for((row, *steps)):
                drafts += decisions.take(policy.pass_over(at, ALREADY_PROMISED), because_of(policy, at, row))
            for draft in drafts:
                memories.note(draft.event, as_recorded(draft, at.position), at.position)

    # Deciding about what is due.

    def fire(self, now: datetime, only: Collection[str] | None = None) -> int:
        """Decides about every follow-up of these policies that is due; returns how many events that came to."""
        return self.retiring.take_back(now) + self.firing.fire(now, only)
