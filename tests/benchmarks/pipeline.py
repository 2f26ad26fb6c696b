"""How fast the pipeline answers for a day of the past: its board and its waterfall, with a hundred thousand opportunities."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

from psycopg_pool import ConnectionPool

from eventstore.reader import AsOf
from projections import VIEWS
from projections.buckets import Granularity
from projections.engine import Engine
from projections.lists import Lists
from projections.selling.backtest import backtest
from projections.selling.deals import Axis
from projections.selling.forecast import forecast
from projections.selling.funnel import funnel
from projections.selling.pipeline import board
from projections.selling.waterfall import waterfall
from projections.selling.win_loss import win_loss
from tests.benchmarks import Figure
from tests.benchmarks.views import house

OPPORTUNITIES = 100_000
VERSIONS = 6
"""An opportunity goes through four stages, is worth another amount on the way, and then two of three are won or lost."""
LIMIT_MS = 1_000
TIMES = 5
MARCH, JUNE = AsOf(time=datetime(2025, 3, 1, tzinfo=UTC)), AsOf(time=datetime(2025, 6, 1, tzinfo=UTC))

VERSION = """
    insert into views.opportunities_history (
      opportunity_id, from_position, until_position, known_from, known_until, valid_from, valid_until, pipeline,
      pipeline_version, stage, stage_since, status, amount, currency, base_amount, base_currency, close_on, staff_id,
      product, lines, skus, passed, opened_at, won_at, lost_at, reopened, opened_position)
    select md5('opportunity' || n)::uuid, n * 10 + v, lead(n * 10 + v) over w, at, lead(at) over w, at, lead(at) over w,
           'default', 1, (array['PROSPECTING', 'QUALIFICATION', 'QUALIFICATION', 'PROPOSAL', 'NEGOTIATION', 'NEGOTIATION'])[v],
           at, case when v = 6 then (array['OPEN', 'WON', 'LOST'])[n %% 3 + 1] else 'OPEN' end,
           amount, 'EUR', amount, 'EUR', (opened + interval '75 days')::date, md5('staff' || n %% 50)::uuid,
           'P' || n %% 20, '{}', '[]',
           to_jsonb((array['PROSPECTING', 'QUALIFICATION', 'PROPOSAL', 'NEGOTIATION'])[:(array[1, 2, 2, 3, 4, 4])[v]]),
           opened, case when v = 6 and n %% 3 = 1 then at end, case when v = 6 and n %% 3 = 2 then at end, 0, n * 10 + 1
      from (select n, v, opened, opened + (v - 1) * interval '12 days' as at, (n %% 997 + v / 3 * 10) * 12.35 as amount
              from generate_series(1, %s) n
             cross join lateral (select timestamptz '2024-01-01' + n %% 730 * interval '1 day' as opened) o
             cross join generate_series(1, %s) v) versions
    window w as (partition by n order by v)
"""

CHANGE = """
    insert into views.transitions (
      owner_id, position, number, occurred_at, known_at, kind, pipeline, pipeline_version, stage_before, stage_after,
      status_before, status_after, dwell_s)
    select opportunity_id, from_position, 0, valid_from, known_from,
           case when previous is null then 'OPENED' when status <> 'OPEN' then status
                when previous <> stage then 'STAGE' else 'AMOUNT' end,
           pipeline, 1, previous, stage, 'OPEN', status, case when previous is not null then 1036800 end
      from (select *, lag(stage) over (partition by opportunity_id order by from_position) as previous
              from views.opportunities_history) changes
"""


def run() -> Iterator[Figure]:
    """The board and the waterfall, and what is asked beside them."""
    with house() as (_, log, pool):
        Engine(log, pool, VIEWS).prepare()
        generate(pool)
        lists = Lists(log, pool)
        yield figure("pipeline board as of a day", lambda: board(lists, axes=[Axis.STAGE], as_of=JUNE))
        yield figure("pipeline waterfall between two days", lambda: waterfall(lists, MARCH, JUNE))
        yield figure("pipeline funnel as of a day", lambda: funnel(lists, as_of=JUNE), 2_000)
        yield figure("wins and losses as of a day", lambda: win_loss(lists, axes=[Axis.OWNER], as_of=JUNE))
        first, last = date(2025, 1, 1), date(2025, 12, 31)
        yield figure(
            "forecast of a year as of a day",
            lambda: forecast(lists, first, last, Granularity.MONTH, [Axis.OWNER], as_of=JUNE),
        )
        now = datetime(2026, 6, 1, tzinfo=UTC)
        yield figure(
            "back-test of four quarters", lambda: backtest(lists, now, first, last, Granularity.QUARTER), 5_000
        )


def generate(pool: ConnectionPool) -> None:
    """Opportunities that were opened over two years, straight into the tables."""
    with pool.connection() as db:
        db.execute(VERSION, [OPPORTUNITIES, VERSIONS])
        db.execute(CHANGE)
        columns = (
            "opportunity_id, pipeline, pipeline_version, stage, stage_since, status, amount, currency, base_amount, "
        )
        columns += (
            "base_currency, close_on, staff_id, product, lines, skus, passed, opened_at, won_at, lost_at, reopened, "
        )
        columns += "opened_position"
        db.execute(
            f"insert into views.opportunities ({columns}) "  # type: ignore[arg-type]  # names of ours
            f"select {columns} from views.opportunities_history where until_position is null"
        )
        for table in ("opportunities", "opportunities_history", "transitions"):
            db.execute(f"analyze views.{table}")  # type: ignore[arg-type]  # names of ours


def figure(name: str, question: Callable[[], object], limit_ms: float = LIMIT_MS) -> Figure:
    """The median of some times, beside the limit."""
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        question()
        times.append((time.perf_counter() - began) * 1_000)
    return Figure(f"{name}: limit / measured median", limit_ms, statistics.median(times), "ms", 1)
