"""How fast a person is erased, and what it costs everybody else that those who were erased are left alone."""

import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from domain.customer import RegisterCustomer
from domain.erasure_events import ErasureStatus
from domain.interaction import LogInteraction
from domain.kernel import Command, derived
from domain.values import Channel
from eventstore.bulk import Bulk, in_batches
from eventstore.envelope import Request
from eventstore.log import Log
from projections import VIEWS
from projections.engine import Engine
from tests.benchmarks import Figure
from tests.benchmarks.views import house
from tests.processes.privacy import Office
from tests.processes.shop import moment

LIMIT_MS = 5_000
EVENTS, OTHERS, TOGETHER = 1_000, 5_000, 20
"""Of each person; other customers; people who are erased in one go."""
SPRING = moment("2026-03-01 10:00")


def run() -> Iterator[Figure]:
    """From the verified identity to the certificate, without a term."""
    with house() as (dsn, log, pool), tempfile.TemporaryDirectory() as home:
        Engine(log, pool, VIEWS).prepare()
        office = Office(log, dsn, Path(home))
        people = [derived("customer", "erased", n) for n in range(1 + TOGETHER)]
        load(log, people)
        Engine(log, pool, VIEWS).catch_up()
        office.seal()
        yield figure("erasure of a customer with 1,000 events", office, people[:1])
        yield figure(f"erasure of {TOGETHER} customers with 1,000 events each, for each", office, people[1:])


def load(log: Log, people: list[UUID], events: int = EVENTS) -> None:
    """Other customers, and these with so many events each."""
    asked: list[Command] = [
        RegisterCustomer(customer_id=derived("customer", n), name=f"Somebody {n}") for n in range(OTHERS)
    ]
    for customer in people:
        mail = f"{customer.hex}@example.test"
        asked.append(RegisterCustomer(customer_id=customer, name=f"Ana {customer.hex}", email=mail))
        asked += [
            LogInteraction(
                interaction_id=derived("interaction", customer, n), customer_id=customer, channel=Channel.PHONE,
                subject=f"Call {n}", text=f"They said {customer.hex} {n}.",
            )
            for n in range(events - 2)
        ]  # fmt: skip
    requests = ((each, Request(occurred_at=SPRING + timedelta(minutes=n))) for n, each in enumerate(asked))
    for outcomes in Bulk(log).do_all(in_batches(requests)):
        assert all(outcome.refused is None for outcome in outcomes)


def figure(name: str, office: Office, people: list[UUID]) -> Figure:
    ids = [office.verified(customer) for customer in people]
    began, used = time.perf_counter(), time.process_time()
    office.run()
    for id in ids:
        office.at_once(id)
    office.run()
    took_ms = (time.perf_counter() - began) * 1000 / len(people)
    used_ms = (time.process_time() - used) * 1000 / len(people)
    assert all(office.state(id).status is ErasureStatus.COMPLETED for id in ids)
    return Figure(f"{name} ({used_ms:,.0f} ms of our processor)", LIMIT_MS, took_ms, "ms", 1)
