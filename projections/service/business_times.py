"""The times of service in open hours: how soon cases are answered and resolved while the company is open."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil, floor
from statistics import fmean
from uuid import UUID

from psycopg import Connection, sql

from domain.business_calendar import BusinessCalendarDefined
from domain.kernel import Refused
from projections.service.backlog import CaseSlice, slice_of
from projections.touchpoints.open_time import OpenTime

MAX_MILESTONES = 100_000
"""How many answers and resolutions are timed at once."""

Spans = list[tuple[datetime, datetime]]
Timed = dict[tuple[int, CaseSlice], tuple[list[int], list[int], list[int], list[int]]]


def business_times(
    db: Connection,
    facts: sql.Composable,
    dimensions: sql.Composable,
    cuts: Sequence[datetime],
    calendar: BusinessCalendarDefined,
) -> Timed:
    """The seconds of open time, without waits on the customer, by the number of the period and by slice.

    Those to the first response of each cycle, to the first ever, to the resolution of each cycle, and to the last one of a
    case. Raises `Refused` if there are too many.
    """
    parameters = {"cuts": list(cuts), "from": cuts[0], "to": cuts[-1], "most": MAX_MILESTONES + 1}
    reached = db.execute(
        sql.SQL(
            "select width_bucket(occurred_at, %(cuts)s::timestamptz[]), {dimensions}, m.owner_id, milestone, cycle, occurred_at, "
            "       elapsed_s, since_opened_s, last.position is not null "
            "  from (select * from {facts}) m "
            "  left join (select owner_id, max(position) as position from {facts} "
            "              where milestone = 'RESOLVED' group by 1) last "
            "    on last.owner_id = m.owner_id and last.position = m.position "
            " where milestone in ('FIRST_RESPONSE', 'RESOLVED') and occurred_at >= %(from)s and occurred_at < %(to)s "
            " limit %(most)s"
        ).format(dimensions=dimensions, facts=facts),
        parameters,
    ).fetchall()
    if len(reached) > MAX_MILESTONES:
        raise Refused(f"That is more than {MAX_MILESTONES:,} cases in open time. Ask for less time.", "calendar")
    waits = _waits(db, facts, list({row[8] for row in reached}))
    open_time = OpenTime(
        calendar, [moment for row in reached for moment in (row[11], row[11] - timedelta(seconds=row[13]))]
    )
    found: Timed = {}
    for n, *of, owner_id, milestone, cycle, at, elapsed_s, since_opened_s, is_last in reached:
        to_response, to_first, to_resolution, to_last = found.setdefault((n, slice_of(of)), ([], [], [], []))

        def worked(seconds: int, at: datetime = at, owner_id: UUID = owner_id) -> int:
            since = at - timedelta(seconds=seconds)
            waited = (
                open_time.between(max(begin, since), min(end, at))
                for begin, end in waits.get(owner_id, ())
                if end > since
            )
            return open_time.between(since, at) - sum(waited)

        if milestone == "FIRST_RESPONSE":
            to_response.append(worked(elapsed_s))
            to_first += [worked(since_opened_s)] if cycle == 1 else []
        else:
            to_resolution.append(worked(elapsed_s))
            to_last += [worked(since_opened_s)] if is_last else []
    return found


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of some values in order lies, interpolated as percentile_cont of SQL does."""
    place = share * (len(ordered) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return low + (high - low) * (place - floor(place))


def summed_up(seconds: Sequence[int]) -> tuple[int, float | None, float | None, float | None]:
    """How many there are, their median, ninetieth percentile and mean."""
    if not seconds:
        return 0, None, None, None
    ordered = sorted(seconds)
    return len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.9), fmean(ordered)


def _waits(db: Connection, facts: sql.Composable, owner_ids: list[UUID]) -> dict[UUID, Spans]:
    """When cases waited on their customers; a wait that goes on has no end that matters."""
    found: dict[UUID, Spans] = {}
    query = sql.SQL(
        "select owner_id, occurred_at, coalesce(until, '9999-01-01 00:00+00') from ("
        "  select owner_id, milestone, occurred_at, lead(occurred_at) over (partition by owner_id order by position) as until "
        "    from {} where owner_id = any(%s) and milestone in ('WAITING', 'RESUMED', 'RESOLVED', 'CLOSED')) t "
        " where milestone = 'WAITING'"
    ).format(facts)
    for owner_id, since, until in db.execute(query, [owner_ids]):
        found.setdefault(owner_id, []).append((since, until))
    return found
