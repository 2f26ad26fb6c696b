"""A long log is folded by several processes, and comes out as if one had done it."""

import pytest
from psycopg import Connection, sql

from domain.kernel import derived
from eventstore.reader import Part
from projections import VIEWS, parts
from projections.customers import customer_360, customers, timeline
from projections.engine import Engine
from projections.rebuild import RebuildFailed, rebuild, rebuild_all
from projections.selling import orders
from projections.table import Table
from tests.conftest import House
from tests.projections.test_engine import order

SEVERAL = 3


@pytest.fixture
def full(house: House, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A log of a few orders that is taken for a long one."""
    for n in range(1, 25):
        house.log.do(order(n, customer=n % 7))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    monkeypatch.setattr(parts, "EVENTS_WORTH_PARTS", 1)
    return engine


def test_views_folded_in_parts_are_the_same(full: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(SEVERAL), raising=False)
    for view in (customer_360.view, timeline.view, orders.view, customers.view):
        told: list[tuple[int, int]] = []
        built = rebuild(full, view, progress=lambda done, of, told=told: told.append((done, of)))  # type: ignore[misc]
        assert built.unchanged, view.name
        assert told[-1] == (24, 24)
        assert built.events == 24


def test_all_views_are_folded_in_one_pass_shared_by_several_processes(
    full: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(SEVERAL), raising=False)
    told: list[tuple[int, int]] = []
    built = rebuild_all(full, VIEWS, progress=lambda done, of: told.append((done, of)))
    assert [each.view for each in built] == [view.name for view in VIEWS]
    assert all(each.unchanged for each in built)
    assert told[-1] == (24, 24)


def test_views_are_shared_out_by_what_they_cost_and_personal_values_stay_in_this_process(full: Engine) -> None:
    counts = full.log.reader.counts()
    found = parts.shares(VIEWS, counts, full.log.codec.names, SEVERAL)
    assert sorted(view.name for share in found for view in share) == sorted(view.name for view in VIEWS)
    assert {view.name for view in VIEWS if view.personal} <= {view.name for view in found[0]}


def test_every_event_falls_to_exactly_one_part(full: Engine) -> None:
    names = full.log.codec.names(customer_360.view.events)
    for column in ("customer_id", "stream_id"):
        found = [
            at.position
            for number in range(SEVERAL)
            for page in full.log.reader.fold(types=names, part=Part(column, number, SEVERAL))
            for _, at in page
        ]
        assert sorted(found) == list(range(1, 25))


def test_a_part_that_fails_leaves_the_old_view_and_says_why(full: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(2), raising=False)
    held = Table(customer_360.view)
    keys = [derived("customer", n) for n in range(7)]
    with full.pool.connection() as db:
        before = held.load(db, keys)
    make = Table.create

    def narrow(table: Table[customer_360.CustomerCard], db: Connection, **words: bool) -> None:
        make(table, db, **words)
        db.execute(sql.SQL("alter table {} add check (order_count < 0)").format(table.identifier))

    monkeypatch.setattr(Table, "create", narrow)
    with pytest.raises(RebuildFailed, match=r"check constraint.*The old view goes on serving"):
        rebuild(full, customer_360.view)
    with full.pool.connection() as db:
        assert held.load(db, keys) == before
