"""The lead board: which leads wait to be spoken with and how late that is, and what comes of the leads of each source."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg import sql

from domain.business_time import add_business, business_seconds
from domain.kernel import Refused
from domain.lead import LeadStatus
from eventstore.reader import NOW, AsOf
from projections.history import past
from projections.lists import Lists
from projections.selling import leads
from projections.touchpoints.calendars import calendar_of, days_off

MAX_WAITING = 500
HOUR_S = 3600
RUNGS = (1 * HOUR_S, 4 * HOUR_S, 8 * HOUR_S)
"""After so many seconds of business time whoever has the lead is warned, the manager told, the lead given to another."""


@dataclass(frozen=True, slots=True)
class WaitingLead:
    """A lead that nobody has spoken with since it was given to `staff_id`, and how long that has been in business time.

    `rung` says what is due by now: 0 nothing, 1 warn whoever has it, 2 tell the manager, 3 give it to another. The next
    rung comes at `next_rung_at`.
    """

    lead_id: UUID
    staff_id: UUID | None
    source: str
    score: int | None
    waiting_since: datetime
    waited_s: int
    rung: int
    next_rung_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceCount:
    """The leads of a source that were captured in a time, and what has come of them by now.

    `conversion` is converted / captured, from 0 to 1. `response_s` is the mean time from giving a lead to somebody to the
    first contact, in seconds.
    """

    source: str
    captured: int
    new: int
    qualified: int
    recycled: int
    disqualified: int
    converted: int
    conversion: Decimal
    score: Decimal | None
    contacted: int
    response_s: Decimal | None


def waiting_leads(
    lists: Lists,
    now: datetime,
    *,
    staff_ids: Collection[UUID] | None = None,
    calendar: str | None = None,
    first: int = MAX_WAITING,
    as_of: AsOf = NOW,
) -> list[WaitingLead]:
    """The leads that wait at a moment, those that have waited longest first. Business time is that of the calendar."""
    if not 0 < first <= MAX_WAITING:
        raise Refused(f"Ask for 1 to {MAX_WAITING} leads.", "first")
    hours = calendar_of(lists, calendar, as_of=as_of)
    query = sql.SQL(
        "select lead_id, staff_id, source, score, waiting_since from {}"
        " where waiting_since <= %s and (%s::uuid[] is null or staff_id = any(%s::uuid[]))"
        " order by waiting_since, lead_id limit %s"
    ).format(past(leads.view, as_of, lists.log.reader))
    whose = None if staff_ids is None else list(staff_ids)
    with lists.reading(leads.view) as (db, _):
        found = db.execute(query, [now, whose, whose, first]).fetchall()
    if not found:
        return []
    closed = days_off(hours, found[0][-1].date(), now.date().replace(year=now.year + 1, day=1))
    waiting = []
    for lead_id, staff_id, source, score, since in found:
        waited = business_seconds(hours, since, now, closed)
        rung = sum(waited >= limit for limit in RUNGS)
        following = add_business(hours, since, RUNGS[rung], closed) if rung < len(RUNGS) else None
        waiting.append(WaitingLead(lead_id, staff_id, source, score, since, waited, rung, following))
    return waiting


def lead_sources(
    lists: Lists, *, start: datetime | None = None, end: datetime | None = None, as_of: AsOf = NOW
) -> list[SourceCount]:
    """The sources of the leads that were captured from a moment up to another, the most fruitful first."""
    query = sql.SQL(
        "select source, count(*), {counts},"
        "       round(count(*) filter (where status = 'CONVERTED')::numeric / count(*), 6), round(avg(score), 6),"
        "       count(first_contacted_at), round(avg(response_s), 6)"
        "  from {leads} where captured_at is not null and (%s::timestamptz is null or captured_at >= %s)"
        "   and (%s::timestamptz is null or captured_at < %s)"
        " group by source order by count(*) filter (where status = 'CONVERTED') desc, count(*) desc, source"
    ).format(
        counts=sql.SQL(", ").join(
            sql.SQL("count(*) filter (where status = {})").format(sql.Literal(status.value))
            for status in (
                LeadStatus.NEW, LeadStatus.QUALIFIED, LeadStatus.RECYCLED, LeadStatus.DISQUALIFIED, LeadStatus.CONVERTED,
            )
        ),
        leads=past(leads.view, as_of, lists.log.reader),
    )  # fmt: skip
    with lists.reading(leads.view) as (db, _):
        return [SourceCount(*row) for row in db.execute(query, [start, start, end, end]).fetchall()]
