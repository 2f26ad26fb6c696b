"""How fast the log is searched among a million events, and what its indexes cost where it grows."""

import io
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from psycopg_pool import ConnectionPool

from api.exporters import ocel, xes
from domain.kernel import derived
from eventstore.journal import EVERYTHING, Journal, Search
from eventstore.log import Log
from tests.benchmarks import Figure
from tests.benchmarks.company import load
from tests.benchmarks.views import house

EVENTS = 1_000_000
LIMIT_MS = 100
ASKED = 9
GROWN = 100_000
ROUNDS = 3
COPY = (
    "insert into es.event "
    "select %(start)s + n, gen_random_uuid(), 1, e.type, e.customer_id, e.occurred_at, e.recorded_at, e.actor, e.origin,"
    "  e.command_id, gen_random_uuid(), case when n %% 5 = 0 then %(start)s + n - 1 end, e.body, e.personal "
    "  from (select row_number() over (order by position) as n, * from es.event limit %(many)s) e"
)


def run() -> Iterator[Figure]:
    """The slowest of the usual searches, the cost of the indexes, and both exports."""
    with house() as (_, log, pool):
        load(log, EVENTS)
        with pool.connection() as db:
            db.execute("set statement_timeout = 0")
            db.execute("vacuum analyze")
        yield Figure("search, 1 M events, slowest of nine: limit / measured", LIMIT_MS, searching(log), "ms", 1)
        yield Figure("growing with the two indexes / without", *growing(pool), "events/s", 0.9)
        events = log.reader.head()
        took = timed(lambda: ocel.export(log.reader, EVERYTHING, Nowhere()))
        yield Figure("export as OCEL / promised", events / took, 5_000, "events/s", 1)
        took = timed(lambda: xes.export(log.reader, EVERYTHING, "customer", Nowhere()))
        yield Figure("export as XES / promised", events / took, 5_000, "events/s", 1)


class Nowhere(io.BytesIO):
    """Where nothing is kept."""

    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def searching(log: Log) -> float:
    """The median of the slowest kind of search, in milliseconds."""
    at = log.reader.at([EVENTS // 2])[EVENTS // 2].at
    journal = Journal(log.reader)
    searches = (
        EVERYTHING, Search(actors=("user:nobody",)), Search(types=("benefit.authorised.v1",)), Search(types=("case.*",)),
        Search(customers=(derived("customer", 7),)), Search(correlation_id=at.correlation_id), Search(command_id=at.command_id),
        Search(recorded_from=at.recorded_at, recorded_until=at.recorded_at + timedelta(seconds=1)),
        Search(occurred_from=at.occurred_at, occurred_until=at.occurred_at + timedelta(hours=1)),
    )  # fmt: skip
    return max(map(partial(median_of, journal), searches)) * 1_000


def median_of(journal: Journal, search: Search) -> float:
    """How many seconds it takes to find the last page of a search."""
    return statistics.median(timed(lambda: journal.page(search, last=50)) for _ in range(ASKED))


def growing(pool: ConnectionPool) -> tuple[float, float]:
    """Rows put in per second in one statement with the indexes and without, turn and turn about; all are taken back."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    with pool.connection() as db:
        for setting in ("set statement_timeout = 0", "set role none"):
            db.execute(setting)
        row = db.execute("select max(position) from es.event").fetchone()
        assert row is not None
        for turn in range(2 * ROUNDS):
            indexed = bool(turn % 2)
            with db.transaction(force_rollback=True):
                if not indexed:
                    db.execute("drop index es.event_because, es.event_found")
                growth = partial(db.execute, COPY, {"start": row[0], "many": GROWN})
                rates[indexed].append(GROWN / timed(growth))
        db.execute("reset role")
    return statistics.median(rates[True]), statistics.median(rates[False])


def timed(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
