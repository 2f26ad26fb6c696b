"""Followers come back by themselves when PostgreSQL was away, and see everything."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread

import pytest

from domain import DECIDERS
from domain.kernel import derived
from domain.order import OrderLine, PlaceOrder
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, Unavailable, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections import VIEWS
from projections.customers import customer_360
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import KEK

PATIENCE_S = 60
CUSTOMER = derived("customer", "one")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that may be killed."""
    with EmbeddedServer(tmp_path) as server:
        server.ensure_database("house")
        for schema in (LOG_SCHEMA, KEYS_SCHEMA, VIEWS_SCHEMA):
            migrate(server.dsn(dbname="house"), schema)
        yield server


def place(log: Log, n: int) -> None:
    """Places an order as a patient client does: the same command id until there is an answer."""
    lines = (OrderLine(sku="A", quantity=1, unit_price=Decimal(n)),)
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            log.do(
                PlaceOrder(order_id=derived("order", n), customer_id=CUSTOMER, lines=lines),
                Request(command_id=derived("place", n)),
            )
            return
        except Unavailable as error:
            assert "same command id" in str(error) or "Send it again" in str(error)  # noqa: PT017  # the text is the point
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_a_killed_server_costs_nobody_an_event(own_server: EmbeddedServer) -> None:
    dsn = own_server.dsn(dbname="house")
    stop = Event()
    with open_pool(dsn) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        followers = [Thread(target=engine.follow, args=(dsn, stop)) for _ in range(2)]
        for follower in followers:
            follower.start()
        try:
            for n in range(1, 31):
                if n in (10, 20):
                    own_server.kill()
                    Thread(target=own_server.start).start()
                place(log, n)
            lists = Lists(log, pool)
            until = time.monotonic() + PATIENCE_S
            while lists.position(customer_360.view) < log.reader.head() and time.monotonic() < until:
                time.sleep(0.05)
            card = lists.get(customer_360.view, [CUSTOMER])[CUSTOMER]
            assert (card.order_count, card.gross) == (30, sum(range(1, 31)))
            assert log.reader.head() == 30
        finally:
            stop.set()
            for follower in followers:
                follower.join(PATIENCE_S)
                assert not follower.is_alive()
