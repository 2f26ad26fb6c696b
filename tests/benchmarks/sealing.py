"""Sealing: how fast and how small, how soon a proof is there, and what appending loses while the sealer is at work."""

import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from uuid import uuid4

import orjson
import psycopg

from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, connect, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.heads import Heads
from eventstore.sealing.keys import KeyFile
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS
from tests.benchmarks import Figure

EVENTS_SEALED = 200_000
PROMISED_EVENTS_PER_S = 10_000
PROMISED_BYTES = 50
PROMISED_WAIT_S = 5
WRITERS = 8
ROUND_S = 4.0
ROUNDS = 4
STEADY_S = 20.0
STEADY_PER_S = 200
BODY = "x" * 500

context = multiprocessing.get_context("fork")


def run() -> list[Figure]:
    """Five figures: rate, size, wait for a proof at a steady rate and under full load, and appending with and without."""
    with database() as (dsn, home):
        fill(dsn, EVENTS_SEALED)
        began, cpu = time.monotonic(), time.process_time()
        with sealer_in(dsn, home) as sealer:
            sealer.run()
        wall, busy = time.monotonic() - began, time.process_time() - cpu
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("vacuum es.tile_part")
            (size,) = db.execute(
                "select sum(pg_total_relation_size('es.' || name)) "
                "  from unnest(array['tree', 'tile', 'tile_part', 'tree_head', 'tree_key']) name"
            ).fetchone() or (0,)
        print(f"sealing {EVENTS_SEALED:,} events: {wall:.1f} s, of which {busy:.1f} s of CPU here", flush=True)
        figures = [
            Figure("sealing, all at once / promised", EVENTS_SEALED / wall, PROMISED_EVENTS_PER_S, "events/s", 1),
            Figure(
                "bytes promised / kept for each sealed event", PROMISED_BYTES, float(size) / EVENTS_SEALED, "bytes", 1
            ),
        ]
    with database() as (dsn, home):
        figures.append(
            Figure("wait promised / longest from append to proof", PROMISED_WAIT_S, longest_wait(dsn, home), "s", 1)
        )
    with database() as (dsn, home):
        figures.append(with_and_without(dsn, home))
    return figures


@contextmanager
def database() -> Iterator[tuple[str, Path]]:
    """A log on a server that waits for the disk, and a home for the sealer."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-bench-"))
    try:
        with EmbeddedServer(home / "server") as server:
            server.ensure_database("log")
            dsn = server.dsn(dbname="log")
            migrate(dsn, LOG_SCHEMA)
            migrate(dsn, KEYS_SCHEMA)
            yield dsn, home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def sealer_in(dsn: str, home: Path) -> Sealer:
    """The sealer as `bitacora work` has it."""
    keys, file = KeyFile(home / "key", lambda: datetime.now(UTC)), CheckpointFile(home / "checkpoints.txt")
    return Sealer.with_key_file(dsn, EVENTS, home / "sealing", keys, file)


def appended(count: int) -> str:
    """So many events of a stream of their own, as `es.append` takes them."""
    command, stream = str(uuid4()), str(uuid4())
    event = {"stream_id": stream, "type": "order.placed.v1", "occurred_at": "2026-01-01T00:00:00Z", "actor": "user:ana"}
    event |= {"origin": "live", "command_id": command, "correlation_id": command, "customer_id": stream, "body": BODY}
    return orjson.dumps([{**event, "version": version} for version in range(1, count + 1)]).decode()


def fill(dsn: str, count: int) -> None:
    with connect(dsn) as db:
        for _ in range(count // 1_000):
            db.execute("call es.append(%s::jsonb, null, true)", [appended(1_000)])


def longest_wait(dsn: str, home: Path) -> float:
    """The longest time from the acknowledgement of an append to a proof of it, at a steady rate of single events."""
    stop, waits, sent = threading.Event(), list[float](), dict[int, float]()
    sealing = threading.Thread(target=sealer_in(dsn, home).follow, args=(stop,))

    def watch() -> None:
        with open_pool(dsn, size=2) as pool:
            heads, seen = Heads(pool), 0
            while not stop.is_set() or seen < len(sent):
                head = heads.latest()
                if head is not None and head.size > seen and heads.proof(head.size) is not None:
                    now = time.monotonic()
                    waits.extend(
                        now - sent[position] for position in range(seen + 1, head.size + 1) if position in sent
                    )
                    seen = head.size
                time.sleep(0.02)

    watching = threading.Thread(target=watch)
    sealing.start()
    watching.start()
    with connect(dsn) as db:
        began = time.monotonic()
        while (late := time.monotonic() - began) < STEADY_S:
            row = db.execute("call es.append(%s::jsonb, null, true)", [appended(1)]).fetchone()
            assert row is not None
            sent[row[0]] = time.monotonic()
            time.sleep(max(0.0, len(sent) / STEADY_PER_S - late))
    time.sleep(PROMISED_WAIT_S)
    stop.set()
    sealing.join()
    watching.join()
    assert len(waits) == len(sent)
    waits.sort()
    print(f"append to proof, {len(waits):,} events: median {waits[len(waits) // 2]:.2f} s", flush=True)
    return waits[-1]


def with_and_without(dsn: str, home: Path) -> Figure:
    """Appends per second of eight processes, turn and turn about with a sealer at work and without one."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for on in (False, True):
            rates[on].append(rate(dsn, home, on))
    lag = sealer_lag(dsn)
    print(f"behind the last append when the writers stopped: {lag:,} events", flush=True)
    return Figure(
        f"append, {WRITERS} processes: with the sealer / without",
        sum(rates[True]) / ROUNDS,
        sum(rates[False]) / ROUNDS,
        "appends/s",
        0.9,
    )


def sealer_lag(dsn: str) -> int:
    with psycopg.connect(dsn) as db:
        row = db.execute(
            "select (select max(position) from es.event) - (select max(size) from es.tree_head)"
        ).fetchone()
    return int(row[0]) if row else 0


def rate(dsn: str, home: Path, sealed: bool) -> float:
    """Appends per second of the writers together. Before, what is not sealed yet is, so that each turn begins alike."""
    with sealer_in(dsn, home) as sealer:
        sealer.run()
    stop, done = context.Event(), context.SimpleQueue()
    sealing = context.Process(target=seal, args=(dsn, home, stop)) if sealed else None
    writers = [context.Process(target=write, args=(dsn, done)) for _ in range(WRITERS)]
    for process in (*writers, *([sealing] if sealing else ())):
        process.start()
    for process in writers:
        process.join()
    stop.set()
    if sealing:
        sealing.join()
    return sum(float(done.get()) for _ in writers)


def seal(dsn: str, home: Path, stop: Event) -> None:
    ended = threading.Event()
    following = threading.Thread(target=sealer_in(dsn, home).follow, args=(ended,))
    following.start()
    stop.wait()
    ended.set()
    following.join()


def write(dsn: str, done: "multiprocessing.SimpleQueue[float]") -> None:
    with connect(dsn) as db:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < ROUND_S:
            db.execute("call es.append(%s::jsonb, null, true)", [appended(1)])
            count += 1
        done.put(count / (time.monotonic() - began))
