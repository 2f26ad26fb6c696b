"""The times of service: how soon cases are answered and resolved, how often they come back, and change hands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from psycopg import sql

from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.facts import counted
from projections.lists import Lists
from projections.periods import bounds_of, periods_of
from projections.service import cases
from projections.service.backlog import CaseDimension, CaseSlice, dimensions_of, slice_of
from projections.service.business_times import business_times, summed_up
from projections.service.case_milestones import milestones
from projections.service.slices import MAX_FIGURES, must_be_few, share
from projections.touchpoints.calendars import calendar_of


@dataclass(frozen=True, slots=True)
class Durations:
    """How many there were, and their median, ninetieth percentile and mean in seconds; empty if there were none.

    Percentiles are interpolated between the two nearest values (R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical
    Packages", The American Statistician 50(4), 1996, definition 7).
    """

    count: int
    median_s: float | None
    p90_s: float | None
    mean_s: float | None


@dataclass(frozen=True, slots=True)
class CaseTimes:
    """What happened to cases in a period, of a slice that they belonged to when it did. Waits on the customer do not count.

    Both ways of counting a reopening stand side by side. In v1 it begins a new response cycle: `first_response` and
    `resolution` are those of each cycle, from its beginning, and `reopen_rate` is reopenings / endings. In v2 it is the same
    case still: `first_response_v2` is the first ever and `resolution_v2` the last one of a case, both from its opening, and
    `reopen_rate_v2` is cases that were reopened / cases that ended. A case ends when it is resolved, or closed unresolved.
    """

    start: datetime
    end: datetime
    of: CaseSlice
    opened: int
    reopened: int
    ended: int
    resolved: int
    escalated: int
    assigned: int
    reassigned: int
    ping_pongs: int
    first_response: Durations
    first_response_v2: Durations
    resolution: Durations
    resolution_v2: Durations
    reopen_rate: float | None
    reopen_rate_v2: float | None


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """The times of service, period by period; `time_zone` is whose days they are. `position`: of the log.

    `calendar` is the business calendar in whose open hours the durations are, and its version; empty: they are the clock's.
    """

    figures: tuple[CaseTimes, ...]
    calendar: str | None
    calendar_version: int | None
    time_zone: str
    position: int


CYCLE, WHOLE = "elapsed_s - waiting_s", "since_opened_s - waiting_total_s"
DURATIONS = (
    (CYCLE, "milestone = 'FIRST_RESPONSE'"),
    (WHOLE, "milestone = 'FIRST_RESPONSE' and cycle = 1"),
    (CYCLE, "milestone = 'RESOLVED'"),
    (WHOLE, "milestone = 'RESOLVED' and is_last"),
)


def case_times(
    lists: Lists,
    from_: date,
    to: date,
    granularity: Granularity,
    *,
    by: Collection[CaseDimension] = (),
    zone: str = BUSINESS_ZONE,
    calendar: str | None = None,
    as_of: AsOf = NOW,
) -> ServiceTimes:
    """The times of service in the periods between two days, both included, in open hours if a calendar is named.

    Raises `Refused` for days that are none, and for a calendar that is not defined.
    """
    hours = None if calendar is None else calendar_of(lists, calendar, as_of=as_of)
    periods = periods_of(from_, to, granularity, zone)
    statistics = sql.SQL(", ").join(
        sql.SQL(
            "count(*) filter (where {when}), "
            "percentile_cont(array[0.5, 0.9]) within group (order by {what}) filter (where {when}), "
            "avg({what}) filter (where {when})::float8"
        ).format(what=sql.SQL(what), when=sql.SQL(when))
        for what, when in DURATIONS
    )
    facts = counted(milestones, as_of, lists.log.reader)
    query = sql.SQL(
        "select width_bucket(occurred_at, %(cuts)s::timestamptz[]), {dimensions}, "
        "  count(*) filter (where milestone = 'OPENED'), count(*) filter (where milestone = 'REOPENED'), "
        "  count(*) filter (where open_change < 0), count(*) filter (where milestone = 'RESOLVED'), "
        "  count(*) filter (where milestone = 'ESCALATED'), count(*) filter (where milestone = 'ASSIGNED'), "
        "  count(*) filter (where reassigned), count(*) filter (where ping_pong), "
        "  count(distinct owner_id) filter (where milestone = 'REOPENED'), "
        "  count(distinct owner_id) filter (where open_change < 0), {statistics} "
        "  from (select m.*, last.position is not null as is_last from (select * from {facts}) m "
        "          left join (select owner_id, max(position) as position from {facts} "
        "                      where milestone = 'RESOLVED' group by 1) last "
        "            on last.owner_id = m.owner_id and last.position = m.position "
        "         where occurred_at >= %(from)s and occurred_at < %(to)s) t "
        " group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 2, 3, 4, 5, 6, 7, 8 limit %(most)s"
    ).format(dimensions=dimensions_of(by), statistics=statistics, facts=facts)
    cuts = bounds_of(periods)
    parameters = {"cuts": cuts, "from": cuts[0], "to": cuts[-1], "most": MAX_FIGURES + 1}
    with lists.reading(cases.view) as (db, position):
        found = db.execute(query, parameters).fetchall()
        timed = None if hours is None else business_times(db, facts, dimensions_of(by), cuts, hours)
    must_be_few(len(found))
    figures = []
    for n, *row in found:
        of = slice_of(row[:7])
        figure = _figure(cuts[n - 1], cuts[n], of, row[7:])
        figures.append(figure if timed is None else _in_open_hours(figure, timed.get((n, of), ([], [], [], []))))
    return ServiceTimes(
        figures=tuple(figures),
        calendar=None if hours is None else hours.key,
        calendar_version=None if hours is None else hours.version,
        time_zone=zone,
        position=position,
    )


def _figure(start: datetime, end: datetime, of: CaseSlice, row: list[Any]) -> CaseTimes:
    opened, reopened, ended, resolved, escalated, assigned, reassigned, ping_pongs, again, cases_ended, *rest = row
    first, first_v2, resolution, resolution_v2 = (_durations(*rest[n : n + 3]) for n in range(0, 12, 3))
    return CaseTimes(
        start=start,
        end=end,
        of=of,
        opened=opened,
        reopened=reopened,
        ended=ended,
        resolved=resolved,
        escalated=escalated,
        assigned=assigned,
        reassigned=reassigned,
        ping_pongs=ping_pongs,
        first_response=first,
        first_response_v2=first_v2,
        resolution=resolution,
        resolution_v2=resolution_v2,
        reopen_rate=share(reopened, ended),
        reopen_rate_v2=share(again, cases_ended),
    )


def _in_open_hours(figure: CaseTimes, timed: Sequence[Sequence[int]]) -> CaseTimes:
    first, first_v2, resolution, resolution_v2 = (Durations(*summed_up(seconds)) for seconds in timed)
    return replace(
        figure,
        first_response=first,
        first_response_v2=first_v2,
        resolution=resolution,
        resolution_v2=resolution_v2,
    )


def _durations(count: int, percentiles: list[float] | None, mean: float | None) -> Durations:
    median, p90 = percentiles if percentiles is not None else (None, None)
    return Durations(count, median, p90, mean)
