"""How fast one worker keeps promises that are due, what a million that are not cost it, and how soon it reacts."""

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg_pool import ConnectionPool

from domain.consent import Purpose
from domain.customer import RegisterCustomer
from domain.follow_up import Action, ActionKind, FollowUpScheduled
from domain.kernel import Command, derived
from domain.order import OrderLine, OrderPlaced, PlaceOrder
from domain.values import Channel
from eventstore.bulk import Bulk, in_batches
from eventstore.envelope import Recorded, Request
from eventstore.log import Log
from processes import POLICIES, contact
from processes.calendar import Calendar
from processes.contact import Contact
from processes.hands import SecondHand
from processes.letters import Stationery
from processes.policy import Policy, done
from processes.transports import MaildirTransport
from processes.worker import Worker, needed_views
from projections.engine import Engine
from projections.touchpoints.due import Due
from tests.benchmarks import Figure
from tests.benchmarks.views import FOLLOWER, beside, house

FOLLOW_UPS = 20_000
FIRED_PER_S = 10_000
PENDING = 1_000_000
IDLE_LOOKS = 200
IDLE_LIMIT_MS = 10
EVENTS_PER_S = 200
WATCHED_S = 20
SETTLED_AFTER_S = 2.0
REACTION_LIMIT_MS = 50
NOW = datetime(2026, 3, 3, 11, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(slots=True)
class Known:
    """What there is to know before writing to somebody."""

    contact: Contact = field(default_factory=Contact)


def reminding() -> Policy[Known]:
    """A policy that does something itself: it looks at what it remembers, and is done."""
    policy = Policy("reminding", version=1, memory=Known)
    contact.remembers_promises(policy)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        yield policy.promise(at, "remind", Action(kind=ActionKind.ACT), at.occurred_at + DAY)

    @policy.due
    def keep(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        yield done(due, "DONE")

    return policy


def thanking() -> Policy[Known]:
    """A policy that writes to the customer: with an address, consent, restrictions, caps and quiet hours."""
    policy = Policy("thanking", version=1, memory=Known)
    contact.remembers(policy)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        action = Action(kind=ActionKind.SEND_MESSAGE, template="thanks", purpose=Purpose.SERVICE, channel=Channel.EMAIL)
        yield policy.promise(at, "thank", action, at.occurred_at + DAY)

    @policy.due
    def keep(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        yield from contact.keep(policy, due, now, known.contact, None)

    return policy


def run() -> Iterator[Figure]:
    """Firing, with the worker's second hand; waiting; reacting."""
    logging.disable(logging.WARNING)
    for policy in (reminding(), thanking()):
        with house() as (dsn, log, pool), beside(SECOND_HAND, dsn, policy.name) as second:
            worker = hired(log, pool, [policy], second=SecondHand(lambda second=second: second))
            promised(log, worker, FOLLOW_UPS)
            began = time.perf_counter()
            worker.runner.fire(NOW + DAY)
            spent = time.perf_counter() - began
            yield Figure(f"{policy.name}: follow-ups fired / asked", FOLLOW_UPS / spent, FIRED_PER_S, "1/s", 1)
    with house() as (dsn, log, pool):
        yield waiting(log, pool)
    with house() as (dsn, log, pool):
        yield from reacting(dsn, log, pool)


def hired(
    log: Log,
    pool: ConnectionPool,
    policies: list[Policy[Any]],
    now: Callable[[], datetime] = lambda: NOW,
    second: SecondHand | None = None,
) -> Worker:
    """A worker on an engine that has what it needs, who sends nothing, and knows the holidays already."""
    engine = Engine(log, pool, needed_views(policies))
    engine.prepare()
    stationery = Stationery(sender="a@b.test", company="Shop", base_url="http://localhost", secret=bytes(32))
    worker = Worker(log, engine, policies, MaildirTransport(Path("/nowhere")), stationery, now=now, second=second)
    worker.runner.activate(now())
    Calendar().allowed(now())
    return worker


def promised(log: Log, worker: Worker, count: int) -> None:
    """So many customers buy something, each of whom is promised something."""
    asked: list[tuple[Command, Request]] = []
    request = Request(actor="benchmark", occurred_at=NOW)
    for n in range(count):
        customer = derived("customer", n)
        asked.append((RegisterCustomer(customer_id=customer, name=f"Ana {n}", email=f"a{n}@shop.test"), request))
        lines = (OrderLine(sku="cup", quantity=1, unit_price=Decimal(5)),)
        asked.append((PlaceOrder(order_id=derived("order", n), customer_id=customer, lines=lines), request))
    bulk = Bulk(log)
    for batch in in_batches(asked):
        bulk.do(batch)
    for policy in worker.runner.policies:
        while worker.runner.react(policy).appended:
            pass
    worker.runner.engine.catch_up()


def waiting(log: Log, pool: ConnectionPool) -> Figure:
    """What it takes to find out that of a million promises none is due: once a second, by the median."""
    worker = hired(log, pool, list(POLICIES))
    names = [policy.name for policy in POLICIES]
    with pool.connection() as db:
        db.execute(
            "insert into views.due (follow_up_id, policy, policy_version, step, trigger_position, status, due_at, attempt, "
            "                       version) "
            "select md5('follow-up' || n)::uuid, (%(names)s::text[])[n %% %(count)s + 1], 1, 's', n, 'SCHEDULED', "
            "       %(now)s + n * interval '1 minute', 0, 1 from generate_series(1, %(most)s) n",
            {"names": names, "count": len(names), "now": NOW, "most": PENDING},
        )
        db.execute("analyze views.due")
    worker.step()
    took = []
    for _ in range(IDLE_LOOKS):
        began = time.perf_counter()
        assert worker.runner.fire(NOW) == 0
        took.append(1_000 * (time.perf_counter() - began))
    return Figure(
        "a look at a million that are not due: limit / median", IDLE_LIMIT_MS, statistics.median(took), "ms", 1
    )


def settle(log: Log, pool: ConnectionPool) -> None:
    """Waits until every policy has reacted to all there is, and nothing comes of that any more."""
    before = -1
    while before != (before := log.reader.head()):
        time.sleep(SETTLED_AFTER_S)
        query = "select min(position) from es.checkpoint where name like 'policy:%'"
        with pool.connection() as db:
            while (row := db.execute(query).fetchone()) is not None and row[0] < log.reader.head():
                time.sleep(0.1)


def reacting(dsn: str, log: Log, pool: ConnectionPool) -> Iterator[Figure]:
    """How long after an event its promise is in the log, at so many events a second, with every policy at work.

    As in a house: one process decides, one keeps all views up to date, and this one records what happens.
    """
    with beside(FOLLOWER, dsn), beside(WORKER, dsn) as worker:
        customers = [derived("customer", n) for n in range(500)]
        for customer in customers:
            log.do(RegisterCustomer(customer_id=customer, name="Ana", email=f"{customer.hex}@shop.test"))
        settle(log, pool)
        began = time.monotonic()
        for n in range(EVENTS_PER_S * WATCHED_S):
            time.sleep(max(0.0, began + n / EVENTS_PER_S - time.monotonic()))
            lines = (OrderLine(sku="cup", quantity=1, unit_price=Decimal(5)),)
            log.do(PlaceOrder(order_id=derived("order", n), customer_id=customers[n % 500], lines=lines))
        settle(log, pool)
        cpu = float(worker.communicate(b"stop")[0])
    with pool.connection() as db:
        rows = db.execute(
            "select extract(epoch from f.recorded_at - o.recorded_at) * 1000 from es.event f "
            "  join es.event o on o.position = f.because "
            " where f.type = %s and f.actor = 'policy:post-purchase-survey' and o.type = %s",
            [FollowUpScheduled.stored_as, OrderPlaced.stored_as],
        ).fetchall()
    took = sorted(float(row[0]) for row in rows)
    assert len(took) == EVENTS_PER_S * WATCHED_S, len(took)
    yield Figure("reaction at 200 events/s: limit / p99", REACTION_LIMIT_MS, took[len(took) * 99 // 100], "ms", 1)
    yield Figure("reaction at 200 events/s: limit / median", REACTION_LIMIT_MS, statistics.median(took), "ms", 1)
    yield Figure("reaction at 200 events/s: a processor / what the worker used of it", WATCHED_S, cpu, "s", 1)


SECOND_HAND = """
import logging, sys
from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.garbage import collect_seldom
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes.hands import lend
from tests.benchmarks import policies
logging.disable(logging.WARNING)
pool = open_pool(sys.argv[1])
log = Log(pool, DECIDERS, KeyRing(pool, bytes(32)))
worker = policies.hired(log, pool, [getattr(policies, sys.argv[2])()])
collect_seldom()
lend(worker.runner.firing.fire_share, sys.stdin.buffer, sys.stdout.buffer)
"""
WORKER = """
import logging, sys, time
from threading import Event, Thread
from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.garbage import collect_seldom
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import POLICIES
from processes.clock import wall_clock
from tests.benchmarks.policies import hired
logging.disable(logging.WARNING)
dsn, stop = sys.argv[1], Event()
pool = open_pool(dsn)
worker = hired(Log(pool, DECIDERS, KeyRing(pool, bytes(32))), pool, list(POLICIES), wall_clock)
collect_seldom()
thread = Thread(target=worker.follow, args=(dsn, stop))
thread.start()
print("ready", flush=True)
sys.stdin.read()
stop.set()
thread.join()
print(time.process_time())
"""
