"""The promise of the engine: however a view is folded, it is the same view."""

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import count
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from domain.kernel import Command, derived
from domain.order import OrderLine, OrderPlaced, PlaceOrder
from eventstore.database import open_pool
from eventstore.envelope import Happened, Recorded, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections import VIEWS
from projections import table as table_module
from projections.engine import Engine
from projections.fold import Fold
from projections.lists import Lists
from projections.rebuild import RebuildFailed, rebuild, rebuild_all
from projections.table import Table
from projections.view import Row, View
from tests.conftest import KEK, House
from tests.projections.histories import histories, live_through

EMPTY_ALL = "truncate " + ", ".join(f"views.{table.name}" for view in VIEWS for table in view.tables)


def held(pool: ConnectionPool, view: View[Any]) -> dict[Any, Any]:
    """Every row of a view, by key."""
    table = Table(view)
    with pool.connection() as db:
        rows = table.select(db, sql.SQL("select {} from {}").format(table.selected, table.identifier))
    return {table.key_of(row): row for row in rows}


def started_over(pool: ConnectionPool) -> None:
    with pool.connection() as db:
        db.execute(EMPTY_ALL)
        db.execute("update views.checkpoint set position = 0")


def test_live_one_by_one_live_in_batches_rebuilt_and_as_of_the_head_are_the_same(
    new_database: Callable[[], str],
) -> None:
    @given(history=histories)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            head, happened = log.reader.head(), log.reader.counts().keys()
            views = [view for view in VIEWS if happened & set(log.codec.names(view.events))]
            one_by_one, batched = Engine(log, pool, views, batch=1), Engine(log, pool, views)
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(table_module, "MANY_ROWS", 1)  # of each row only what changed is written
                one_by_one.catch_up()
            singly = {table.name: held(pool, table) for view in views for table in view.tables}
            started_over(pool)
            batched.catch_up()
            for view in views:
                for table in view.tables:
                    assert held(pool, table) == singly[table.name]
                past = Lists(log, pool).fold(view, AsOf(position=head))
                assert past.rows == singly[view.name]
            assert all(built.unchanged for built in rebuild_all(batched, views))
            for view in views:
                for table in view.tables:
                    assert held(pool, table) == singly[table.name]
            assert all(standing.parked == 0 for standing in batched.standings())

    check()


def order(n: int, customer: int = 1) -> PlaceOrder:
    lines = (OrderLine(sku="A", quantity=n, unit_price=Decimal(1)),)
    return PlaceOrder(order_id=derived("order", n), customer_id=derived("customer", customer), lines=lines)


class Total(Row, key="customer_id"):
    """A view that cannot bear one thing."""

    customer_id: UUID
    pieces: int = 0


def fragile(bad: int | None) -> View[Total]:
    view: View[Total] = View("fragile", Total, version=1)

    @view.on(OrderPlaced)
    def add(total: Total, placed: OrderPlaced, at: Recorded) -> None:
        total.pieces += placed.lines[0].quantity
        if placed.lines[0].quantity == bad:
            raise ValueError("not this one")

    return view


def test_a_rebuild_may_fold_for_longer_than_a_transaction_may_be_idle(
    dsn: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.log.do(order(1, customer=1))
    monkeypatch.setattr("eventstore.database.IDLE_IN_TRANSACTION_TIMEOUT_S", 1)
    view: View[Total] = View("slow", Total, version=1)

    @view.on(OrderPlaced)
    def add(total: Total, placed: OrderPlaced, at: Recorded) -> None:
        time.sleep(1.2)
        total.pieces += 1

    with open_pool(dsn) as pool:
        engine = Engine(house.log, pool, [view])
        engine.prepare()
        assert rebuild(engine, view).rows == 1


def test_an_event_that_cannot_be_folded_parks_its_row_and_the_others_go_on(house: House) -> None:
    for n in (1, 2, 3):
        house.log.do(order(n, customer=n % 2))
    engine = Engine(house.log, house.pool, [fragile(bad=2)])
    engine.prepare()
    engine.catch_up()
    house.log.do(order(4, customer=0))
    house.log.do(order(5, customer=1))
    engine.catch_up()
    assert {row.pieces for row in held(house.pool, fragile(None)).values()} == {9}
    (standing,) = engine.standings()
    assert (standing.parked, standing.lag_events) == (1, 0)
    assert "bitacora rebuild fragile" in standing.sentence()
    with pytest.raises(ValueError, match="not this one"):
        rebuild(engine, fragile(bad=2))
    mended = fragile(bad=None)
    rebuild(Engine(house.log, house.pool, [mended]), mended)
    assert sorted(row.pieces for row in held(house.pool, mended).values()) == [6, 9]
    assert engine.standings()[0].parked == 0


@pytest.mark.parametrize("follows", ["customer_id", "stream_id"])
def test_a_build_that_is_not_what_its_events_say_is_not_put_in_place(house: House, follows: str) -> None:
    times = count()
    view: View[Total] = View("whimsical", Total, version=1, follows=follows)

    @view.on(OrderPlaced)
    def add(total: Total, placed: OrderPlaced, at: Recorded) -> None:
        total.pieces = next(times)  # a handler that is not pure

    house.log.do(order(1))
    house.log.do(order(2, customer=2))
    engine = Engine(house.log, house.pool, [view])
    engine.prepare()
    engine.catch_up()
    before = held(house.pool, view)
    with pytest.raises(RebuildFailed, match=r"is not what its events say\. The old view"):
        rebuild(engine, view)
    assert held(house.pool, view) == before


class Narrow(Row, key="customer_id"):
    """A view whose table refuses what the fold accepts."""

    customer_id: UUID
    pieces: int = 0


def test_a_row_that_the_database_refuses_is_found_by_halving_and_parked(house: House) -> None:
    view: View[Narrow] = View("narrow", Narrow, version=1)

    @view.on(OrderPlaced)
    def add(row: Narrow, placed: OrderPlaced, at: Recorded) -> None:
        row.pieces += 2**63 if placed.lines[0].quantity == 3 else placed.lines[0].quantity

    for n in range(1, 7):
        house.log.do(order(n, customer=n))
    engine = Engine(house.log, house.pool, [view])
    engine.prepare()
    engine.catch_up()
    assert sorted(row.pieces for row in held(house.pool, view).values()) == [1, 2, 4, 5, 6]
    assert engine.standings()[0].parked == 1


def test_two_engines_share_the_work_and_fold_every_event_once(house: House) -> None:
    for n in range(1, 41):
        house.log.do(order(n, customer=n % 3))
    engines = [Engine(house.log, house.pool, VIEWS, batch=3) for _ in range(2)]
    engines[0].prepare()
    threads = [Thread(target=engine.catch_up) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engines[0].catch_up()
    assert sum(row.pieces for row in held(house.pool, VIEWS[1]).values()) == sum(range(1, 41))


def test_a_rebuild_takes_in_what_is_recorded_while_it_runs(house: House) -> None:
    for n in range(1, 6):
        house.log.do(order(n))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    card = VIEWS[1]

    def meanwhile(done: int, of: int) -> None:
        if done == of:
            house.log.do(order(99), Request(command_id=derived("meanwhile")))
            engine.catch_up()

    rebuild(engine, card, progress=meanwhile)
    engine.catch_up()
    assert {row.pieces for row in held(house.pool, card).values()} == {1 + 2 + 3 + 4 + 5 + 99}


def test_a_switch_never_takes_readers_back_to_before_what_they_saw(house: House) -> None:
    house.log.do(order(1))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    card = VIEWS[1]
    look = house.log.reader.page
    looks = iter([True])

    def look_and_lose_the_race(after: int, *args: Any, **words: Any) -> list[Happened]:
        page = look(after, *args, **words)
        if not page and next(looks, False):
            house.log.do(order(50))
            Engine(house.log, house.pool, [card]).catch_up()
        return page

    house.log.reader.page = look_and_lose_the_race  # type: ignore[method-assign]
    rebuild(engine, card)
    assert {row.pieces for row in held(house.pool, card).values()} == {51}


def test_another_version_of_a_view_waits_for_its_rebuild_and_then_follows(house: House) -> None:
    house.log.do(order(1))
    old = Engine(house.log, house.pool, [fragile(None)])
    old.prepare()
    old.catch_up()
    newer: View[Total] = View("fragile", Total, version=2)
    newer.handlers.update(fragile(None).handlers)
    engine = Engine(house.log, house.pool, [newer])
    house.log.do(order(2))
    assert engine.prepare() == [newer]
    assert engine.advance() == 0
    assert not rebuild(engine, newer).unchanged
    house.log.do(order(3))
    engine.catch_up()
    assert {row.pieces for row in held(house.pool, newer).values()} == {6}


def test_a_fold_of_nothing_is_nothing() -> None:
    fold = Fold(fragile(None))
    fold.apply([])
    assert list(fold.changed()) == []
