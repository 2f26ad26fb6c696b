"""How fast figures are worked out: series by month over a million facts."""

import statistics
import time
from collections.abc import Iterator
from datetime import date

from projections import VIEWS
from projections.engine import Engine
from projections.figures.kpis import kpi
from projections.lists import Lists
from tests.benchmarks import Figure
from tests.benchmarks.views import house

FACTS = 1_000_000
LIMIT_MS = 300
ROUNDS = 5
KEYS = ("revenue", "avg_order_value", "online_sales_share")
SOLD = """
insert into views.sales (owner_id, position, number, customer_id, occurred_at, known_at, kind, orders, sku, quantity,
                         currency, amount, base_currency, base_amount, channel, rep)
select md5((n / 3)::text)::uuid, n / 3, n % 3, md5((n / 3 % 20011)::text)::uuid, moment,
       case n % 50 when 0 then moment + interval '40 days' else moment end, 'PLACED', (n % 3 = 0)::int, 'S' || n % 500, 2,
       'EUR', 10.5, 'EUR', 10.5, case n % 2 when 0 then 'WEB' else 'STORE' end, 'r' || n % 40
  from (select n, timestamptz '2025-01-01' + n * interval '31 seconds' as moment from generate_series(1, {facts}) n) sold
"""


def run() -> Iterator[Figure]:
    """A year by month, with every fact in that year and every fiftieth known late."""
    with house() as (_, log, pool):
        Engine(log, pool, VIEWS).prepare()
        with pool.connection() as db:
            db.execute(SOLD.format(facts=FACTS).encode())
        with pool.connection() as db:
            db.autocommit = True
            db.execute("vacuum analyze views.sales")
        lists = Lists(log, pool)
        for key in KEYS:
            took = [_measured(lists, key) for _ in range(ROUNDS)]
            yield Figure(
                f"kpi {key} by month over a million facts: limit / measured", LIMIT_MS, statistics.median(took), "ms", 1
            )


def _measured(lists: Lists, key: str) -> float:
    start = time.perf_counter()
    kpi(lists, key, date(2025, 1, 1), date(2025, 12, 31))
    return (time.perf_counter() - start) * 1_000
