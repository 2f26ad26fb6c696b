"""How fast views are folded: rebuilt, followed, seen after an append, and looked back at for one customer."""

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from psycopg_pool import ConnectionPool

from domain import DECIDERS
from domain.interaction import Direction, LogInteraction
from domain.kernel import Command, derived
from domain.order import OrderLine, PlaceOrder
from domain.values import Channel
from eventstore.bulk import Bulk, in_batches
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.envelope import Origin, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections import VIEWS
from projections.customers import customer_360
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from tests.benchmarks import Figure

EVENTS = 1_000_000
CUSTOMERS = 20_000
LIVE_EVENTS = 20_000
SINGLE_EVENTS = 1_000
APPENDS_PER_S = 200
WATCHED_S = 20
WATCHED_EACH = 5
START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = "position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin, body"


def run() -> Iterator[Figure]:
    """Five figures on one log of a million events."""
    with house() as (dsn, log, pool):
        load(log, EVENTS)
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        yield rebuilding(engine, pool)
        yield Figure(
            "rebuild memory: limit / measured",
            1_000,
            max(map(peak, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))),
            "MB",
            1,
        )
        with pool.connection() as db:
            db.execute("update views.checkpoint set position = %s", [EVENTS - LIVE_EVENTS])
        yield following(engine, pool)
        yield looking_back(log, pool)
        with pool.connection() as db:
            db.execute("update views.checkpoint set position = %s", [log.reader.head()])
        yield seeing(dsn, log, pool)


@contextmanager
def house() -> Iterator[tuple[str, Log, ConnectionPool]]:
    """A log on a server of its own, with the disk as it is."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-bench-"))
    try:
        with EmbeddedServer(home) as server:
            server.ensure_database("bench")
            dsn = server.dsn(dbname="bench")
            for schema in (LOG_SCHEMA, KEYS_SCHEMA, VIEWS_SCHEMA):
                migrate(dsn, schema)
            with open_pool(dsn) as pool:
                yield dsn, Log(pool, DECIDERS, KeyRing(pool, bytes(32))), pool
    finally:
        shutil.rmtree(home, ignore_errors=True)


def load(log: Log, events: int) -> None:
    """Orders of three lines and touchpoints, one event each, spread over the customers."""
    for outcomes in Bulk(log).do_all(in_batches((asked(n), request(n)) for n in range(events))):
        assert all(outcome.events == 1 for outcome in outcomes)


def asked(n: int) -> Command:
    customer_id = derived("customer", n % CUSTOMERS)
    if n % 3:
        return LogInteraction(
            interaction_id=derived("interaction", n),
            customer_id=customer_id,
            channel=list(Channel)[n % 20],
            direction=Direction.IN,
            topic="t",
        )
    lines = tuple(OrderLine(sku=f"SKU-{n % 97 + k}", quantity=k + 1, unit_price=Decimal("12.35")) for k in range(3))
    return PlaceOrder(order_id=derived("order", n), customer_id=customer_id, lines=lines, number=f"N-{n}")


def request(n: int) -> Request:
    return Request(
        actor="import:bench",
        origin=Origin.IMPORT,
        command_id=derived("bench", n),
        occurred_at=START + timedelta(minutes=n),
    )


def peak(who: int) -> float:
    """The most memory that this process, or the largest of those it started, ever had, in MB."""
    return resource.getrusage(who).ru_maxrss / 1024


def rebuilding(engine: Engine, pool: ConnectionPool) -> Figure:
    """Rebuilding customer_360, checked and swapped, beside reading the same columns out by COPY and throwing them away."""
    ours, theirs = [], []
    for _ in range(2):
        began = time.perf_counter()
        with (
            pool.connection() as db,
            db.cursor() as cursor,
            cursor.copy(f"copy (select {COLUMNS} from es.event order by position) to stdout") as copy,
        ):
            for _data in copy:
                pass
        theirs.append(EVENTS / (time.perf_counter() - began))
        began = time.perf_counter()
        rebuild(engine, customer_360.view)
        ours.append(EVENTS / (time.perf_counter() - began))
    return Figure("rebuild of customer_360 / raw COPY out", max(ours), max(theirs), "events/s", 0.20)


def following(engine: Engine, pool: ConnectionPool) -> Figure:
    """All views live in batches, beside one transaction for each event."""
    singly = Engine(engine.log, pool, VIEWS, batch=1)
    began = time.perf_counter()
    for _ in range(SINGLE_EVENTS):
        singly.advance()
    theirs = SINGLE_EVENTS / (time.perf_counter() - began)
    began = time.perf_counter()
    engine.catch_up()
    ours = (LIVE_EVENTS - SINGLE_EVENTS) / (time.perf_counter() - began)
    return Figure("live views in batches / one transaction per event", ours, theirs, "events/s", 15)


def looking_back(log: Log, pool: ConnectionPool) -> Figure:
    """One customer of 1,000 events as of a day in the middle."""
    busy = derived("customer", "busy")
    commands = (
        (
            LogInteraction(
                interaction_id=derived("busy", n), customer_id=busy, channel=Channel.PHONE, direction=Direction.IN
            ),
            request(EVENTS + n),
        )
        for n in range(1_000)
    )
    for _ in Bulk(log).do_all(in_batches(commands)):
        pass
    lists = Lists(log, pool)
    times = []
    for day in range(20):
        began = time.perf_counter()
        card = lists.get_as_of(
            customer_360.view, busy, AsOf(time=START + timedelta(minutes=EVENTS + 40 * day + 200)), customer_id=busy
        )
        times.append((time.perf_counter() - began) * 1000)
        assert card is not None
        assert card.interaction_count > 0
    return Figure(
        "one customer of 1,000 events as of a day: limit / measured median", 50, statistics.median(times), "ms", 1
    )


def seeing(dsn: str, log: Log, pool: ConnectionPool) -> Figure:
    """From the acknowledged append to the row in the view, at 200 appends a second, with the follower in its own process."""
    waits = []
    with beside(FOLLOWER, dsn), pool.connection() as db:
        for n in range(APPENDS_PER_S * WATCHED_S):
            due = time.perf_counter() + 1 / APPENDS_PER_S
            receipt = log.do(asked(2 * EVENTS + n))
            began = time.perf_counter()
            while n % WATCHED_EACH == 0:
                row = db.execute("select position from views.checkpoint where name = 'timeline'").fetchone()
                if row is not None and row[0] >= receipt.position:
                    waits.append((time.perf_counter() - began) * 1000)
                    break
                time.sleep(0.0005)
            time.sleep(max(0, due - time.perf_counter()))
    print(f"  p50 {statistics.median(waits):.1f} ms over {len(waits):,} appends", flush=True)
    return Figure(
        "append to visible at 200/s, p99: limit / measured", 20, statistics.quantiles(waits, n=100)[98], "ms", 1
    )


@contextmanager
def beside(script: str, *told: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does something to the same log, once it is ready, until the end. It is told the DSN first."""
    command = [sys.executable, "-c", script, *told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


FOLLOWER = """
import os, sys, threading
from api.following import FOLLOWED, PRIORITY
from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections.engine import Engine
dsn = sys.argv[1]
os.nice(PRIORITY)
pool = open_pool(dsn)
engine = Engine(Log(pool, DECIDERS, KeyRing(pool, bytes(32))), pool, FOLLOWED)
engine.prepare()
engine.catch_up()
print("ready", flush=True)
engine.follow(dsn, threading.Event())
"""
