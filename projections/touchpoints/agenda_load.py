"""The load of the agenda: how much each of the company still has to do, what is overdue, and what policies put there."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.history import past
from projections.lists import Lists
from projections.touchpoints import agenda
from projections.touchpoints.agenda import ASSUMED, MAX_PEOPLE, OPEN

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AgendaLoad:
    """What somebody has to do that is not done; without `staff_id`, what nobody has.

    `overdue` should have been done, the oldest since `overdue_since`; `this_week` is due or takes place within seven days;
    `unaccepted` nobody has said they will do, and `by_policy` was put into the agenda by a policy.
    """

    staff_id: UUID | None
    open: int
    overdue: int
    overdue_since: datetime | None
    this_week: int
    unaccepted: int
    by_policy: int


def agenda_load(
    lists: Lists, now: datetime, *, staff_ids: Collection[UUID] | None = None, as_of: AsOf = NOW
) -> list[AgendaLoad]:
    """The load at a moment, who has most that is overdue first. Without `staff_ids`, of everybody who has something to do."""
    if staff_ids is not None and not 1 <= len(staff_ids) <= MAX_PEOPLE:
        raise Refused(f"Name from 1 to {MAX_PEOPLE} people.", "staffIds")
    query = sql.SQL(
        "with todo as ("
        "  select staff_id, accepted, origin_policy, coalesce(due_at, ends_at, starts_at + %s) as until from {}"
        "   where status = any(%s) and (%s::uuid[] is null or staff_id = any(%s::uuid[]))"
        ") select staff_id, count(*) as open, count(*) filter (where until <= %s) as overdue,"
        "         min(until) filter (where until <= %s) as overdue_since,"
        "         count(*) filter (where until > %s and until <= %s) as this_week,"
        "         count(*) filter (where accepted is not true) as unaccepted, count(origin_policy) as by_policy"
        "    from todo group by staff_id order by overdue desc, open desc, staff_id"
    ).format(past(agenda.view, as_of, lists.log.reader))
    whose = None if staff_ids is None else list(staff_ids)
    with lists.reading(agenda.view) as (db, _), db.cursor(row_factory=class_row(AgendaLoad)) as cursor:
        return cursor.execute(query, [ASSUMED, list(OPEN), whose, whose, now, now, now, now + WEEK]).fetchall()
