"""How fast a customer is shown, and how fast all views are built anew, with a million mixed events in the log."""

import asyncio
import resource
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from api.house import House
from api.schema import answer
from api.schema.context import Context
from api.settings import Settings
from domain.kernel import derived
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild_all
from tests.benchmarks import Figure
from tests.benchmarks.company import CUSTOMERS, load
from tests.benchmarks.views import house, peak

EVENTS = 1_000_000
ASKED = 400
WARM = 20
CLIENTS = 16
NOTED = 5_000
MAX_MEMORY_MB = 2_000
WHOLE = """query($id: Ref) { customer(id: $id) {
  name kind email phone language timezone country territory registeredAt identifiers position
  profile { stage stageSince roles staffId riskScore creditLimit creditCurrency } relationships { kind role }
  orderCount revenue gross returned currency firstOrderAt lastOrderAt lastOrderTotal salesChannels
  lastContactAt lastContactChannel consents restrictions preferences quality { missing completeness bounced }
  openRequests { kind number status detail since dueAt staffId amount }
  customerValue { averageOrder cost cell { profile segment } topShare silence { status reason } }
  openPipeline { opportunities amount weighted currency } favouriteCategories { category pieces revenue }
  satisfaction { csat nps trend } habits { bestChannel bestHour }
  loyaltyAccounts(first: 1) { nodes { tier balance } }
  recommended { action reason } benefit { eligible reasons }
  agenda(first: 5) { nodes { kind startsAt } } followUps(first: 5) { nodes { status } }
  timeline(first: 20) { nodes { occurredAt type kind channel amount actor } }
} }"""
POP = """query($card: String!) { screenPop(identifier: $card) {
  customerId name tier points rfm topShare orders revenue lastOrderAt openRequests openComplaints csat
  recommended { action reason } benefit { eligible reasons } digest
} }"""


def run() -> Iterator[Figure]:
    """The figures of issue 4 on one log, and how fast reads are noted."""
    with house() as (dsn, log, pool):
        load(log, EVENTS)
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        began = time.perf_counter()
        rebuild_all(engine, VIEWS)
        rate = log.reader.head() / (time.perf_counter() - began)
        yield Figure(f"rebuild of all {len(VIEWS)} views in one pass / promised", rate, 40_000, "events/s", 1)
        memory = peak(resource.RUSAGE_SELF) + peak(resource.RUSAGE_CHILDREN)
        yield Figure("its memory: limit / measured", MAX_MEMORY_MB, memory, "MB", 1)
        with pool.connection() as db:
            db.execute("vacuum analyze")
        home = House(Settings(home=Path(mkdtemp(prefix="bitacora-bench-"))), dsn, log, Lists(log, pool), engine)
        ids = [{"id": str(derived("customer", n * 37 % CUSTOMERS))} for n in range(ASKED)]
        cards = [{"card": f"ana{n * 37 % CUSTOMERS}@example.com"} for n in range(ASKED)]
        whole, popped = asyncio.run(_asked(home, WHOLE, ids)), asyncio.run(_asked(home, POP, cards))
        yield Figure("the whole of a customer, p50: limit / measured", 10, statistics.median(whole), "ms", 1)
        yield Figure("the whole of a customer, p99: limit / measured", 30, _p99(whole), "ms", 1)
        yield Figure("screen pop, p99: limit / measured", 20, _p99(popped), "ms", 1)
        yield Figure(f"reads noted by {CLIENTS} clients / promised", _noting(home), 1_000, "reads/s", 1)


def _noting(home: House) -> float:
    """How many reads are noted per second by clients that each wait for the one before."""

    def note(n: int) -> None:
        home.reads.note([derived("customer", n)], actor="user:bench", door="graphql", document=WHOLE)

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(note, range(WARM * CLIENTS)))
        began = time.perf_counter()
        list(clients.map(note, range(NOTED)))
        return NOTED / (time.perf_counter() - began)


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


async def _asked(home: House, query: str, variables: list[dict[str, Any]]) -> list[float]:
    """How many milliseconds each took, one after the other, in this process, after some to warm up."""
    times = []
    for given in [*variables[:WARM], *variables]:
        began = time.perf_counter()
        found = await answer(Context(home), query, given)
        times.append((time.perf_counter() - began) * 1_000)
        assert "errors" not in found, found["errors"]
        assert next(iter(found["data"].values())) is not None
    return times[WARM:]
