"""Completeness: every trigger since a policy was activated has its row in the ledger, and where it has none, it is said."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventstore.database import reachable
from eventstore.log import Log
from processes.lives import Lives, lives_of
from processes.policy import Policy
from processes.triggers import Stretch
from projections.engine import Engine
from projections.touchpoints import follow_ups

EVENTS_PER_CHECK = 5_000
"""How far the worker looks in one go."""
MAX_GAPS_SHOWN = 100

Tell = Callable[[int, int], None]
"""(events looked through, of how many)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """A trigger without a row in the ledger: of which policy, where the trigger stands, and since when that is known."""

    policy: str
    position: int
    found_at: datetime

    def sentence(self) -> str:
        """What happened, what it means, what to do."""
        return sentence(self.policy, self.position)


class Completeness:
    """Looks for triggers without a row. Any number may: what one has looked through, the others need not."""

    def __init__(self, log: Log, engine: Engine, policies: Lives | Sequence[Policy[Any]]) -> None:
        self.log = log
        self.engine = engine
        self.lives = lives_of(log, policies)

    @property
    def policies(self) -> Sequence[Policy[Any]]:
        """Those that there are by now."""
        self.lives.refresh()
        return [life.policy for life in self.lives]

    def go_on(self) -> int:
        """Looks through what the policies have reacted to since it was asked last; returns how many gaps it found.

        The ledger must have come as far as the policies' decisions: until then it waits.
        """
        with reachable():
            behind, head = self._behind()
            if not behind or self._ledger_position() < head:
                return 0
            self._look_again()
            until = min(start for _, start, _ in behind) + EVENTS_PER_CHECK
            reach = [(policy, start, min(end, until)) for policy, start, end in behind if start < until]
            missing = self.missing(reach)
            for name, position in missing:
                logger.error("%s", sentence(name, position))
            self._keep(missing, {policy.name: end for policy, _, end in reach})
            return len(missing)

    def check(self, *, progress: Tell = lambda done, of: None) -> list[Gap]:
        """Looks through everything since the policies were activated, and keeps what it found."""
        with reachable():
            reach = {policy.name: (policy, *self._since(policy)) for policy in self.policies}
            self.engine.catch_up([follow_ups.view])
            whole = sum(max(0, end - start) for _, start, end in reach.values())
            done = 0
            for policy, start, end in reach.values():
                while start < end:
                    until = min(end, start + EVENTS_PER_CHECK)
                    self._keep(self.missing([(policy, start, until)]), {})
                    done, start = done + until - start, until
                    progress(done, whole)
            self._look_again()
            return gaps(self.log)

    def missing(self, reach: Sequence[tuple[Policy[Any], int, int]]) -> list[tuple[str, int]]:
        """The triggers for which the ledger has no row, of each policy between two positions: its name and where they stand."""
        turns = [
            (policy.name, version, frozenset(self.log.codec.names(version.triggers)), begin, until)
            for policy, start, end in reach
            for version, begin, until in self.lives[policy.name].turns(start, end)
        ]
        types = frozenset().union(*(types for _, _, types, _, _ in turns))
        if not types:
            return []
        starts = {policy.actor: start for policy, start, _ in reach}
        stretch = Stretch(self.log.reader, types, starts, max(end for _, _, end in reach))
        return self._without_row(
            (name, each.at.position)
            for name, version, types, begin, until in turns
            for each in stretch.of(version, types, begin, until)
            if version.is_trigger(each.event)
        )

    def _without_row(self, triggers: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        wanted = list(triggers)
        if not wanted:
            return []
        names, positions = map(list, zip(*wanted, strict=True))
        with self.engine.pool_of(follow_ups.view).connection() as db:
            return db.execute(
                "select t.policy, t.position from unnest(%s::text[], %s::bigint[]) t (policy, position) "
                " where not exists (select from views.follow_ups f "
                "                    where f.policy = t.policy and f.trigger_position = t.position)",
                [names, positions],
            ).fetchall()

    def _behind(self) -> tuple[list[tuple[Policy[Any], int, int]], int]:
        """The policies that have reacted to more than was looked through, from where and up to where; and the head then."""
        by_name = {policy.name: policy for policy in self.policies if policy.triggers}
        with self.log.pool.connection() as db:
            rows = db.execute(
                "select p.name, coalesce(l.position, a.position), c.position "
                "  from unnest(%s::text[]) p (name) "
                "  join es.checkpoint c on c.name = 'policy:' || p.name "
                "  join es.checkpoint a on a.name = 'activated:' || p.name "
                "  left join es.checkpoint l on l.name = 'ledger:' || p.name "
                " where c.position > coalesce(l.position, a.position)",
                [list(by_name)],
            ).fetchall()
        return [(by_name[name], start, end) for name, start, end in rows], self.log.reader.head() if rows else 0

    def _since(self, policy: Policy[Any]) -> tuple[int, int]:
        """From where up to where a policy has reacted."""
        with self.log.pool.connection() as db:
            row = db.execute(
                "select a.position, c.position from es.checkpoint a, es.checkpoint c where a.name = %s and c.name = %s",
                [f"activated:{policy.name}", policy.actor],
            ).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def _ledger_position(self) -> int:
        """How far the ledger has come; 0 if its table is of another version, or not there."""
        with self.engine.pool_of(follow_ups.view).connection() as db:
            row = db.execute(
                "select position from views.checkpoint where name = %s and version = %s",
                [follow_ups.view.name, follow_ups.view.version],
            ).fetchone()
        return int(row[0]) if row else 0

    def _keep(self, missing: Sequence[tuple[str, int]], looked: Mapping[str, int]) -> None:
        """Writes down what was found, and how far it was looked for which policies, unless all is looked through anew."""
        with self.log.pool.connection() as db, db.transaction():
            if missing:
                db.execute(
                    "insert into es.follow_up_gap (policy, position) "
                    "select * from unnest(%s::text[], %s::bigint[]) on conflict do nothing",
                    [*map(list, zip(*missing, strict=True))],
                )
            if looked:
                db.execute(
                    "insert into es.checkpoint as c (name, position) "
                    "select 'ledger:' || name, position from unnest(%s::text[], %s::bigint[]) p (name, position) "
                    "    on conflict (name) do update set position = excluded.position, changed_at = now() "
                    " where c.position < excluded.position",
                    [list(looked), list(looked.values())],
                )

    def _look_again(self) -> None:
        """Forgets the gaps that have been filled."""
        with self.log.pool.connection() as db:
            known = db.execute("select policy, array_agg(position) from es.follow_up_gap group by policy").fetchall()
        for name, positions in known:
            with self.engine.pool_of(follow_ups.view).connection() as db:
                rows = db.execute(
                    "select distinct trigger_position from views.follow_ups where policy = %s and trigger_position = any(%s)",
                    [name, positions],
                ).fetchall()
            filled = [row[0] for row in rows]
            if filled:
                with self.log.pool.connection() as db:
                    db.execute("delete from es.follow_up_gap where policy = %s and position = any(%s)", [name, filled])


def gaps(log: Log) -> list[Gap]:
    """The gaps that are known, the first ones."""
    with reachable(), log.pool.connection() as db:
        rows = db.execute(
            "select policy, position, found_at from es.follow_up_gap order by position, policy limit %s",
            [MAX_GAPS_SHOWN],
        ).fetchall()
    return [Gap(*row) for row in rows]


def sentence(policy: str, position: int) -> str:
    """What happened, what it means, what to do."""
    return (
        f"{policy} was set off by event {position} and the ledger has no row for it: nothing was promised, and nobody "
        "said why. Rebuild the ledger (bitacora rebuild follow_ups); if it stays, report it as a defect."
    )
