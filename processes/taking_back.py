"""Taking back: whatever is still promised to people who are blocked, whichever policy promised it."""

import time
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import sql
from psycopg.errors import UniqueViolation

from domain import follow_up
from domain.follow_up import CancelFollowUp
from domain.kernel import derived
from eventstore.database import Unavailable
from eventstore.envelope import Request
from eventstore.log import Log
from processes.decisions import Decisions, correlations_of, pause
from processes.erasure import policy
from processes.policy import LEFT_ALONE
from projections.table import Table
from projections.touchpoints import due
from projections.touchpoints.due import Due

FOLLOW_UPS_PER_BATCH = 500
MAX_TRIES = 20
ACTOR = "eraser"

OPEN = "due_at is not null and status <> 'UNCERTAIN' and customer_id = any(%s) and policy <> %s"


def take_back(log: Log, customers: Collection[UUID], now: datetime) -> int:
    """Takes back the next promises that nobody has begun to send; returns how many there were. The sheet must be up to date."""
    sheet = Table(due.view)
    query = sql.SQL("select {} from {} where status <> 'SENDING' and {} limit %s").format(
        sheet.selected, sheet.identifier, sql.SQL(OPEN)
    )
    with log.pool.connection() as db:
        rows = sheet.select(db, query, [list(customers), policy.name, FOLLOW_UPS_PER_BATCH])
    return _cancel(log, rows, now) if rows else 0


def open_promises(log: Log, customers: Collection[UUID]) -> int:
    """How many promises to these people are still to be kept, or are being kept just now."""
    query = sql.SQL("select count(*) from {} where {}").format(Table(due.view).identifier, sql.SQL(OPEN))
    with log.pool.connection() as db:
        row = db.execute(query, [list(customers), policy.name]).fetchone()
    return int(row[0]) if row else 0


def _cancel(log: Log, rows: Sequence[Due], now: datetime) -> int:
    for _ in range(MAX_TRIES):
        decisions = Decisions(log)
        decisions.learn({row.follow_up_id: follow_up.decider for row in rows})
        with log.pool.connection() as db:
            correlations = correlations_of(db, rows)
            for row in rows:
                request = Request(
                    actor=ACTOR,
                    occurred_at=now,
                    command_id=derived("left alone", row.follow_up_id),
                    correlation_id=correlations.get(row.follow_up_id),
                )
                decisions.take(CancelFollowUp(follow_up_id=row.follow_up_id, reason=LEFT_ALONE), request)
            if not decisions.drafts:
                return 0
            try:
                with db.transaction():
                    decisions.append(db)
            except UniqueViolation:  # a worker is at it as well: look again
                time.sleep(pause())
                continue
            log.flush(db)
            return len(decisions.drafts)
    raise Unavailable("Others keep changing these follow-ups. They are looked at again.")
