"""How fast a cube answers: a million facts, two dimensions, one year by month."""

import statistics
import time
from collections.abc import Iterator
from datetime import date

from projections import VIEWS
from projections.buckets import Granularity
from projections.engine import Engine
from projections.figures.cube_answer import ask
from projections.figures.cube_query import CubeQuery, TimeDimension
from projections.figures.cubes_sales import SALES
from projections.lists import Lists
from tests.benchmarks import Figure
from tests.benchmarks.views import house

FACTS = 1_000_000
ASKED = 9
LIMIT_MS = 300
GENERATED = """
insert into views.sales (owner_id, position, number, customer_id, occurred_at, known_at, kind, orders, sku, quantity,
                         currency, amount, base_currency, base_amount, cost, channel)
select md5((n / 3)::text)::uuid, n / 3 + 1, n % 3, md5((n % 20000)::text)::uuid, moment, moment,
       case n % 20 when 0 then 'RETURNED' else 'PLACED' end, (n % 3 = 0)::int, 'SKU-' || n % 500, n % 7 + 1,
       'EUR', (n % 9973) / 100.0, 'EUR', (n % 9973) / 100.0, (n % 5000) / 100.0,
       (array['WEB', 'PHONE', 'STORE', 'APP'])[n % 4 + 1]
  from generate_series(0, $1 - 1) n, lateral (select '2025-01-01T00:00Z'::timestamptz + n * interval '31.5 s') at (moment)
"""
QUERY = CubeQuery(
    ["sales.revenue", "sales.pieces"],
    ["sales.channel", "sales.kind"],
    [TimeDimension("sales.occurredAt", Granularity.MONTH, (date(2025, 1, 1), date(2025, 12, 31)))],
)


def run() -> Iterator[Figure]:
    """One figure: the median of some questions to a table of a million facts, all of them in the year that is asked."""
    with house() as (_, log, pool):
        Engine(log, pool, VIEWS).prepare()
        with pool.connection() as db, db.transaction():
            db.execute("set local statement_timeout = 0")
            db.execute(GENERATED.replace("%", "%%").replace("$1", "%s"), [FACTS])
        with pool.connection() as db:
            db.autocommit = True
            db.execute("vacuum analyze views.sales")
        lists, took = Lists(log, pool), []
        for _ in range(ASKED):
            started = time.perf_counter()
            rows = ask(lists, SALES, QUERY).rows
            took.append((time.perf_counter() - started) * 1_000)
        assert len(rows) >= 12
        yield Figure(
            "cube, 1 M facts, 2 dimensions by month: limit / measured", LIMIT_MS, statistics.median(took), "ms", 1
        )
