"""Retention by night: it is looked what is older than its law allows; the officer is told, or it is destroyed, as is set."""

import logging
from datetime import date, datetime, time, timedelta

from psycopg import Connection

from domain import activity
from domain.activity import ActivityKind, ScheduleActivity
from domain.kernel import derived
from domain.staff import StaffRole
from eventstore.custody.custodian import Custodian
from eventstore.database import reachable
from eventstore.envelope import Request
from eventstore.log import Log
from processes.alone import alone
from processes.clock import Now, wall_clock
from processes.company import people
from processes.nights import last_night
from processes.retention import Executor, Outdated, decide_on, outdated
from processes.staff_words import told
from projections.engine import Engine

AT = time(2)
"""When it is looked each night, in the zone of the business unit."""
TO_DECIDE = timedelta(days=30)
"""How long the officer has."""
IN_CHARGE = (StaffRole.DPO, StaffRole.DIRECTOR)
"""Who is told: the first of these roles that somebody has."""
NAME = "retention by night"
"""Of the checkpoint, whose position is the ordinal of the last day it was looked on, and of the lock."""
ACTOR = "retention"

logger = logging.getLogger(__name__)


class Nightly:
    """Looks once each night. Any number of workers, in any number of processes, do it once.

    `apply`: what is found is destroyed. Otherwise, and the very first time, somebody has a task, once a month. What was decided
    by hand and waits is brought to its end in any case.
    """

    def __init__(
        self, log: Log, engine: Engine, custodian: Custodian, dsn: str, *, apply: bool, now: Now = wall_clock
    ) -> None:
        self._log = log
        self._engine = engine
        self._custodian = custodian
        self._executor = Executor(log, engine, custodian, dsn)
        self._apply = apply
        self._now = now

    def step(self) -> bool:
        """Looks, if nobody did this night, and says whether it did. What waits for the sealer is looked at again."""
        now = self._now()
        night = last_night(now, AT)
        with reachable(), self._log.pool.connection() as db, alone(db, NAME) as ours:
            before = last_look(db)
            if not ours or (before is not None and before >= night):
                return False
            if not self._is_done(now, apply=self._apply and before is not None):
                return False
            db.execute(
                "insert into es.checkpoint (name, position) values (%s, %s) "
                "on conflict (name) do update set position = excluded.position, changed_at = now()",
                [NAME, night.toordinal()],
            )
            return True

    def _is_done(self, now: datetime, *, apply: bool) -> bool:
        self._executor.run()
        found = [each for each in outdated(self._log, self._engine, self._custodian, now.date()) if each.keys]
        if found and apply:
            logger.info("Retention: %s keys are destroyed, as the rules say.", decide_on(self._log, found, actor=ACTOR))
        elif found:
            self._tell(found, now)
        _, waiting = self._executor.run()
        return not waiting

    def _tell(self, found: list[Outdated], now: datetime) -> None:
        id = derived("activity", ACTOR, now.year, now.month)
        state, _ = self._log.state(activity.decider, id)
        if state.scheduled is not None:
            return
        company = people(self._log)
        staff_id = next(iter(company.with_role(*IN_CHARGE)), None)
        keys, whom = counted(found)
        task = ScheduleActivity(
            activity_id=id,
            kind=ActivityKind.TASK,
            subject=told(company, staff_id, "retention_due", keys=keys, people=whom),
            staff_id=staff_id,
            due_at=now + TO_DECIDE,
        )
        self._log.do(task, Request(actor=ACTOR))


def last_look(db: Connection) -> date | None:
    """The day of the night in which it was looked last; None if it never was."""
    row = db.execute("select position from es.checkpoint where name = %s", [NAME]).fetchone()
    return None if row is None else date.fromordinal(row[0])


def counted(found: list[Outdated]) -> tuple[int, int]:
    """How many keys the rules let go, and of how many people."""
    return sum(len(each.keys) for each in found), len({key.subject_id for each in found for key in each.keys})
