"""The funnel: how many opportunities came to each stage, how many went on from there, and how long that took."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg import sql

from domain.kernel import Refused
from domain.values import must_be_zone
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.facts import counted
from projections.lists import Lists
from projections.selling.deals import EVERYTHING, Scope, looking, members, parameters_of, share
from projections.selling.pipelines import known_stages
from projections.selling.transitions import transitions


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """What became of the opportunities that came to a stage in a time.

    `advanced` came to a later stage afterwards, or were won; `won` is how many of all, from wherever; `lost` were lost while
    they were at it, and `waiting` are at it still. `conversion` is advanced / entered, from 0 to 1. The days are those of
    every stay that is over.
    """

    pipeline: str
    stage: str | None
    place: int | None
    entered: int
    advanced: int
    won: int
    lost: int
    waiting: int
    conversion: Decimal | None
    mean_days: Decimal | None
    median_days: Decimal | None


@dataclass(frozen=True, slots=True)
class PipelineFunnel:
    """The stages in their order; days are those of `time_zone`. `position` is how far the log has been taken in."""

    stages: tuple[FunnelStage, ...]
    time_zone: str
    position: int


def funnel(
    lists: Lists,
    scope: Scope = EVERYTHING,
    *,
    start: date | None = None,
    end: date | None = None,
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
) -> PipelineFunnel:
    """The funnel of the opportunities of a scope that came to a stage between two days, both included.

    An opportunity counts once at each stage, however often it came there; to be reopened is to come to a stage again. A stage
    is later than another if it has a later place in the pipeline. Raises `Refused` for a time that cannot be.
    """
    must_be_zone(zone, "time_zone")
    if start is not None and end is not None and end < start:
        raise Refused("The last day must not be before the first.", "to")
    reader = lists.log.reader
    query = sql.SQL(_FUNNEL).format(
        stages=known_stages(as_of, reader),
        transitions=counted(transitions, as_of, reader),
        members=members(scope, as_of, reader),
    )
    with looking(lists) as (db, position):
        asked = {**parameters_of(scope), "start": start, "end": end, "zone": zone}
        found = db.execute(query, asked).fetchall()
    stages = tuple(
        FunnelStage(
            pipeline, stage, place, entered, advanced, won, lost, waiting, share(advanced, entered), mean, median
        )
        for pipeline, stage, place, entered, advanced, won, lost, waiting, mean, median in found
    )
    return PipelineFunnel(stages, zone, position)


_FUNNEL = """
    with stage as materialized ({stages}),
    step as (
      select t.owner_id, t.position, t.kind, t.occurred_at, t.dwell_s, t.pipeline,
             coalesce(t.stage_after, s.stage) as stage, s.place
        from (select * from {transitions} where owner_id in (select opportunity_id from ({members}) m)) t
        left join stage s on s.pipeline = t.pipeline and s.version = t.pipeline_version
         and (s.stage = t.stage_after or (t.stage_after is null and s.place = 1))
       where t.kind in ('OPENED', 'REOPENED', 'WON', 'LOST')
          or (t.kind = 'STAGE' and t.stage_before is distinct from t.stage_after)
    ),
    stay as materialized (
      select pipeline, stage, place, owner_id, next_kind, left_after_s, got_to > place or was_won as advanced, was_won
        from (
          select *, lead(kind) over w as next_kind, lead(dwell_s) over w as left_after_s,
                 max(place) over (w rows between 1 following and unbounded following) as got_to,
                 bool_or(kind = 'WON') over (w rows between 1 following and unbounded following) as was_won
            from step
          window w as (partition by owner_id order by position)) stays
       where kind not in ('WON', 'LOST')
         and (%(start)s::date is null or (occurred_at at time zone %(zone)s)::date >= %(start)s)
         and (%(end)s::date is null or (occurred_at at time zone %(zone)s)::date <= %(end)s)
    ),
    each as (
      select pipeline, stage, min(place) as place, bool_or(advanced) as advanced, bool_or(was_won) as was_won,
             bool_or(next_kind = 'LOST') as was_lost, bool_or(next_kind is null) as waits
        from stay group by pipeline, stage, owner_id
    ),
    came as (
      select pipeline, stage, min(place) as place, count(*) as entered, count(*) filter (where advanced) as advanced,
             count(*) filter (where was_won) as won, count(*) filter (where was_lost) as lost,
             count(*) filter (where waits) as waiting
        from each group by pipeline, stage
    ),
    took as (
      select pipeline, stage, round(avg(left_after_s) / 86400, 6) as mean_days,
             round((percentile_cont(0.5) within group (order by left_after_s))::numeric / 86400, 6) as median_days
        from stay group by pipeline, stage
    )
    select c.pipeline, c.stage, c.place, c.entered, c.advanced, c.won, c.lost, c.waiting, t.mean_days, t.median_days
      from came c join took t on t.pipeline = c.pipeline and t.stage is not distinct from c.stage
     order by c.pipeline, c.place nulls last, c.stage
"""
