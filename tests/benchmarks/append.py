"""How many single events are durably appended in a second, beside what the `eventsourcing` library does by default."""

import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Barrier as ThreadBarrier
from threading import Thread
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from domain.kernel import Command, Decider, Event
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.benchmarks import Figure

CLIENTS = 16
ROUND_S = 2.0
ROUNDS = 3
PATIENCE_S = 30
FLUSH_1_MS = {"commit_delay": "1000", "commit_siblings": "0"}
STATE = (
    b'{"lines": [{"sku": "22139", "quantity": 3, "price": "4.95"}], "total": {"amount": "14.85", "currency": "EUR"}}'
)

Env = Mapping[str, str]
Work = Callable[[], object]


def run() -> list[Figure]:
    """The recorder from processes and from threads, with a slow disk; and the log, with the disk as it is."""
    with databases(FLUSH_1_MS) as (ours, theirs):
        figures = [
            side_by_side("append, 16 processes, flush of 1 ms", from_processes, ours, theirs, at_least=5),
            side_by_side("append, 16 threads, flush of 1 ms", from_threads, ours, theirs, at_least=5),
        ]
    with databases({}) as (ours, theirs):
        figures.append(log_do(ours, theirs))
    return figures


@contextmanager
def databases(settings: Mapping[str, str]) -> Iterator[tuple[Env, Env]]:
    """The library's environments for our recorder and for its own, each with a database on one server."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-bench-"))
    try:
        with EmbeddedServer(home, settings=settings) as server:
            server.ensure_database("ours")
            server.ensure_database("theirs")
            dsn = server.dsn(dbname="ours")
            migrate(dsn, LOG_SCHEMA)
            migrate(dsn, KEYS_SCHEMA)
            to = conninfo_to_dict(server.dsn(dbname="theirs"))
            yield (
                {"PERSISTENCE_MODULE": "eventstore.recorder", "BITACORA_DSN": dsn, "POOL_SIZE": str(CLIENTS)},
                {
                    "PERSISTENCE_MODULE": "eventsourcing.postgres",
                    "POSTGRES_DBNAME": "theirs",
                    "POSTGRES_HOST": str(to["host"]),
                    "POSTGRES_PORT": str(to["port"]),
                    "POSTGRES_USER": str(to["user"]),
                    "POSTGRES_PASSWORD": "",
                },
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)


def side_by_side(name: str, rate: Callable[[Env], float], ours: Env, theirs: Env, *, at_least: float) -> Figure:
    """Turn and turn about, so that both meet the same moods of the machine."""
    rates = [(rate(ours), rate(theirs)) for _ in range(ROUNDS)]
    return Figure(name, sum(a for a, _ in rates) / ROUNDS, sum(b for _, b in rates) / ROUNDS, "appends/s", at_least)


def from_threads(env: Env) -> float:
    """Appends per second of as many threads as there are clients."""
    with recorder(env) as append:
        return in_threads(append)


def from_processes(env: Env) -> float:
    """Appends per second of as many processes as there are clients."""
    with recorder(env) as append:  # creates the table, which the library cannot do in several processes at once
        append()
    context = multiprocessing.get_context("fork")
    ready, done = context.Barrier(CLIENTS), context.SimpleQueue()
    clients = [context.Process(target=client, args=(env, ready, done)) for _ in range(CLIENTS)]
    for process in clients:
        process.start()
    for process in clients:
        process.join()
    rates: list[float] = [done.get() for _ in clients]
    return sum(rates)


def client(env: Env, ready: Barrier, done: "multiprocessing.SimpleQueue[float]") -> None:
    alone = {"POOL_SIZE": "1", "POSTGRES_POOL_SIZE": "1", "CREATE_TABLE": "no"}
    with recorder({**env, **alone}) as append:
        done.put(repeat(append, ready))


@contextmanager
def recorder(env: Env) -> Iterator[Work]:
    """Appending one event to a stream of its own by the recorder of this environment."""
    factory: InfrastructureFactory = InfrastructureFactory.construct(Environment("Shop", dict(env)))
    recorder = factory.application_recorder()
    try:
        yield lambda: recorder.insert_events([StoredEvent(uuid4(), 1, "shop.order-placed.v1", STATE)])
    finally:
        factory.close()


def in_threads(work: Work) -> float:
    """How often per second the threads together get it done."""
    ready, rates = ThreadBarrier(CLIENTS), list[float]()
    threads = [Thread(target=lambda: rates.append(repeat(work, ready))) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def repeat(work: Work, ready: Barrier | ThreadBarrier) -> float:
    """How often per second one client gets it done, when all go together."""
    work()
    ready.wait(PATIENCE_S)
    began, count = time.monotonic(), 0
    while time.monotonic() - began < ROUND_S:
        work()
        count += 1
    return count / (time.monotonic() - began)


# The second figure: a command through the log, beside an aggregate through the library's application.


class Open(Command):
    account_id: UUID
    limit: int


class Opened(Event, stored_as="account.opened.v1"):
    limit: int


@dataclass(frozen=True, slots=True)
class Account:
    limit: int | None = None


def decide(asked: Open, state: Account) -> Iterator[Event]:
    yield Opened(limit=asked.limit)


def evolve(state: Account, event: Opened) -> Account:
    return Account(event.limit)


class LibraryAccount(Aggregate):
    def __init__(self, limit: int) -> None:
        self.limit = limit


def log_do(ours: Env, theirs: Env) -> Figure:
    """`Log.do` of one command, beside `Application.save` of one new aggregate."""
    application: Application[UUID] = Application(env=theirs)
    with open_pool(ours["BITACORA_DSN"]) as pool:
        log = Log(pool, [Decider("account", Open, Opened, Account(), decide, evolve)], KeyRing(pool, bytes(32)))

        def rate(env: Env) -> float:
            if env is ours:
                return in_threads(lambda: log.do(Open(account_id=uuid4(), limit=100)))
            return in_threads(lambda: application.save(LibraryAccount(limit=100)))

        figure = side_by_side("Log.do, 16 threads / Application.save", rate, ours, theirs, at_least=2)
    application.close()
    return figure
