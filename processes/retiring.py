"""Retiring: what a policy promised before it was retired is taken back, unless it is on its way."""

import time
from collections.abc import Sequence
from datetime import datetime

from psycopg import sql
from psycopg.errors import UniqueViolation

from domain import follow_up
from domain.follow_up import CancelFollowUp
from domain.kernel import derived
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Request
from eventstore.log import Log
from processes.decisions import Decisions, correlations_of, pause
from processes.lives import RETIRED, Life, Lives
from projections.engine import Engine
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

FOLLOW_UPS_PER_BATCH = 100
ACTOR = "retiring"
"""Who it is in the log: not the policy, which decides nothing any more."""
MAX_TRIES = 20


class Retiring:
    """Takes back what retired policies promised. Each retirement is seen to once, however long its policy is retired.

    What was dispatched already is taken back where it would be sent.
    """

    def __init__(self, log: Log, engine: Engine, lives: Lives) -> None:
        self.log = log
        self.engine = engine
        self.lives = lives
        self._sheet: Table[Due] = Table(due.view)
        self._seen_to: dict[str, int] = {}

    def take_back(self, now: datetime) -> int:
        """Takes back all promises that have not been dispatched; returns how many follow-ups that came to."""
        count = 0
        with reachable():
            self.lives.refresh()
            for life in self.lives:
                name = life.policy.name
                if life.retired_at <= self._seen_to.get(name, 0) or not self._came_to_the_end(life):
                    continue
                self.engine.catch_up([due.view])
                while batch := self._promised(life):
                    count += self._cancel(batch, life, now)
                    self.engine.catch_up([due.view])
                self._seen_to[name] = life.retired_at
        return count

    def _came_to_the_end(self, life: Life) -> bool:
        """Whether the policy has reacted to all that happened before it was retired."""
        with self.log.pool.connection() as db:
            row = db.execute("select position from es.checkpoint where name = %s", [life.policy.actor]).fetchone()
        return row is None or row[0] >= life.retired_at

    def _promised(self, life: Life) -> list[Due]:
        query = sql.SQL(
            "select {} from {} where status = 'SCHEDULED' and policy = %s and trigger_position <= %s limit %s"
        ).format(self._sheet.selected, self._sheet.identifier)
        with self.log.pool.connection() as db:
            return self._sheet.select(db, query, [life.policy.name, life.retired_at, FOLLOW_UPS_PER_BATCH])

    def _cancel(self, rows: Sequence[Due], life: Life, now: datetime) -> int:
        for _ in range(MAX_TRIES):
            decisions = Decisions(self.log)
            decisions.learn({row.follow_up_id: follow_up.decider for row in rows})
            with self.log.pool.connection() as db:
                correlations = correlations_of(db, rows)
                for row in rows:
                    request = Request(
                        actor=ACTOR,
                        occurred_at=now,
                        command_id=derived("retired", row.follow_up_id, life.retired_at),
                        correlation_id=correlations.get(row.follow_up_id),
                        because=life.retired_at,
                    )
                    decisions.take(CancelFollowUp(follow_up_id=row.follow_up_id, reason=RETIRED), request)
                if not decisions.drafts:
                    return 0
                try:
                    with db.transaction():
                        decisions.append(db)
                except UniqueViolation:  # another worker is at it as well: look again
                    time.sleep(pause())
                    continue
                self.log.flush(db)
                return len(decisions.drafts)
        raise Unavailable("Others keep changing these follow-ups. They are looked at again.")
