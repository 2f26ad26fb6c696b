"""What service level agreements were kept: how many cases were answered and resolved by when that was promised."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import sql

from domain.case_sla import SlaMilestone
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.facts import counted
from projections.lists import Lists
from projections.moment_of import moment_of
from projections.periods import bounds_of, periods_of
from projections.service import case_slas, cases
from projections.service.backlog import CaseDimension, CaseSlice, dimensions_of, slice_of
from projections.service.case_milestones import milestones
from projections.service.slices import MAX_FIGURES, must_be_few, share


@dataclass(frozen=True, slots=True)
class SlaFigure:
    """How often a milestone was `decided` in a period, and `met`, under a version of an SLA; `attainment` is met / decided.

    One promise is counted for each case, milestone and response cycle: the last target that was set before it was reached.
    It is decided when it is reached in time, and else when its time is up. Ending a case reaches its first response too.
    `breached` counts those of which a breach was noted. The targets stay as they were set, whatever becomes of the SLA.
    """

    start: datetime
    end: datetime
    milestone: SlaMilestone
    sla: str | None
    sla_version: int | None
    of: CaseSlice
    decided: int
    met: int
    breached: int
    attainment: float | None


@dataclass(frozen=True, slots=True)
class SlaAttainment:
    """What was kept, period by period; `time_zone` is whose days they are. `position`: of the log."""

    figures: tuple[SlaFigure, ...]
    time_zone: str
    position: int


def sla_attainment(
    lists: Lists,
    from_: date,
    to: date,
    granularity: Granularity,
    *,
    by: Collection[CaseDimension] = (),
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
    now: datetime | None = None,
) -> SlaAttainment:
    """What was kept in the periods between two days, both included; cases are sliced by what was said of them last.

    Raises `Refused` for days that are none.
    """
    periods, reader = periods_of(from_, to, granularity, zone), lists.log.reader
    query = sql.SQL(
        "with reached as materialized (select * from {milestones}), "
        "cycles as ("
        "  select owner_id, cycle, occurred_at as began, lead(occurred_at) over w as until from reached "
        "   where milestone in ('OPENED', 'REOPENED') window w as (partition by owner_id order by position)), "
        "ends as ("
        "  select owner_id, cycle, min(occurred_at) as answered_at, "
        "         min(occurred_at) filter (where milestone <> 'FIRST_RESPONSE') as ended_at from reached "
        "   where milestone in ('FIRST_RESPONSE', 'RESOLVED', 'CLOSED') group by 1, 2), "
        "targets as ("
        "  select distinct on (s.case_id, s.milestone, s.cycle) s.* from ("
        "    select e.case_id, e.milestone, e.sla, e.sla_version, e.due_at, e.occurred_at as set_at, e.position, c.cycle, "
        "           case e.milestone when 'FIRST_RESPONSE' then answered_at else ended_at end as reached_at "
        "      from (select * from {events} where word = 'SET') e "
        "      join cycles c on c.owner_id = e.case_id and e.occurred_at >= c.began "
        "       and (c.until is null or e.occurred_at < c.until) "
        "      left join ends on ends.owner_id = c.owner_id and ends.cycle = c.cycle) s "
        "   where reached_at is null or set_at <= reached_at "
        "   order by s.case_id, s.milestone, s.cycle, s.position desc), "
        "decided as ("
        "  select t.*, coalesce(reached_at <= due_at, false) as met, least(reached_at, due_at) as decided_at "
        "    from targets t where reached_at is not null or due_at < %(now)s), "
        "stands as (select distinct on (owner_id) * from reached order by owner_id, position desc, number desc) "
        "select width_bucket(decided_at, %(cuts)s::timestamptz[]), d.milestone, d.sla, d.sla_version, {dimensions}, "
        "       count(*), count(*) filter (where met), "
        "       count(*) filter (where exists (select from {events} where sla_events.case_id = d.case_id "
        "         and sla_events.milestone = d.milestone and sla_events.due_at = d.due_at and word = 'BREACHED')) "
        "  from decided d join (select owner_id as case_id, {columns} from stands) c using (case_id) "
        " where decided_at >= %(from)s and decided_at < %(to)s "
        " group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 limit %(most)s"
    ).format(
        milestones=counted(milestones, as_of, reader),
        events=counted(case_slas.events, as_of, reader),
        dimensions=dimensions_of(by),
        columns=dimensions_of(tuple(CaseDimension)),
    )
    cuts = bounds_of(periods)
    now = moment_of(lists, as_of, now)
    parameters = {"cuts": cuts, "from": cuts[0], "to": cuts[-1], "now": now, "most": MAX_FIGURES + 1}
    with lists.reading(cases.view) as (db, position):
        found = db.execute(query, parameters).fetchall()
    must_be_few(len(found))
    return SlaAttainment(
        tuple(
            SlaFigure(
                cuts[n - 1], cuts[n], SlaMilestone(milestone), sla, version, slice_of(rest[:7]), decided, met, breached,
                share(met, decided),
            )
            for n, milestone, sla, version, *rest, decided, met, breached in found
        ),
        zone,
        position,
    )  # fmt: skip
