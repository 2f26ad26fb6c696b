"""New tables are filled by a thread of their own while the log is folded, and nothing is lost on the way."""

import threading

import pytest
from psycopg import Connection, errors, sql

from domain.customer import RegisterCustomer
from domain.import_batch import StartImport
from domain.kernel import derived
from domain.order import OrderPlaced
from eventstore.envelope import Recorded
from projections import VIEWS, filling
from projections.customers import timeline
from projections.engine import Engine
from projections.rebuild import rebuild, rebuild_all
from projections.table import Table
from projections.view import View
from tests.conftest import House
from tests.projections.test_engine import Total, order

CUSTOMERS, ORDERS = 7, 24
EVENTS = 2 * CUSTOMERS + ORDERS
"""Of customers: each is registered, and is found by an e-mail address."""


@pytest.fixture
def full(house: House, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A log of a few customers and their orders, read in pages of five events, whose lines go out three at a time."""
    house.log.do(StartImport(import_batch_id=derived("import", 1), source="test", file="test.csv", digest="0" * 64))
    for n in range(CUSTOMERS):
        house.log.do(RegisterCustomer(customer_id=derived("customer", n), name=f"Núñez {n}", email=f"n{n}@example.com"))
    for n in range(1, ORDERS + 1):
        house.log.do(order(n, customer=n % CUSTOMERS))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    monkeypatch.setattr("eventstore.reader.FOLD_PAGE_EVENTS", 5)
    monkeypatch.setattr(filling, "LINES_TOGETHER", 3)
    return engine


def test_lines_that_go_out_a_few_at_a_time_make_the_same_tables(full: Engine) -> None:
    built = {each.view: each for each in rebuild_all(full, VIEWS)}
    assert all(each.unchanged for each in built.values())
    assert built["timeline"].rows == EVENTS
    assert built["customers"].rows == CUSTOMERS


def test_lines_wait_for_the_server_but_no_more_than_a_few_times(full: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    waiting: list[int] = []
    copy, write = Table.copy_lines, filling.Copying.write

    def counted(table: Table[timeline.Entry], db: Connection, lines: list[bytes], *, frozen: bool = False) -> None:
        assert threading.current_thread().name.startswith("copying")
        copy(table, db, lines, frozen=frozen)
        written.append(len(lines))

    def looked_at(copying: filling.Copying, table: Table[timeline.Entry], lines: list[bytes]) -> None:
        write(copying, table, lines)
        waiting.append(len(copying._under_way))

    monkeypatch.setattr(Table, "copy_lines", counted)
    monkeypatch.setattr(filling.Copying, "write", looked_at)
    rebuild(full, timeline.view)
    assert sum(written) == EVENTS
    assert max(waiting) == filling.WAITING


@pytest.mark.parametrize("bad", [4, EVENTS + 1])
def test_what_the_server_turns_down_is_said_and_the_old_view_goes_on(
    bad: int, full: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Table.create

    def narrow(table: Table[timeline.Entry], db: Connection, **words: bool) -> None:
        make(table, db, **words)
        db.execute(sql.SQL("alter table {} add check (position <> {})").format(table.identifier, sql.Literal(bad)))

    monkeypatch.setattr(Table, "create", narrow)
    with pytest.raises(errors.CheckViolation):
        rebuild(full, timeline.view)
    with full.pool.connection() as db:
        assert Table(timeline.view).digest(db)[0] == EVENTS


def test_a_fold_that_fails_while_lines_are_under_way_says_why(full: Engine) -> None:
    view: View[Total] = View("broken", Total, version=1)

    @view.on(OrderPlaced)
    def add(_: Total, __: OrderPlaced, at: Recorded) -> None:
        if at.position == EVENTS + 1:
            raise ValueError("not this one")

    engine = Engine(full.log, full.pool, [timeline.view, view])
    engine.prepare()
    with pytest.raises(ValueError, match="not this one"):
        rebuild_all(engine, engine.views)
    with full.pool.connection() as db:
        assert Table(timeline.view).digest(db)[0] == EVENTS


def test_what_two_handlers_make_of_one_event_is_one_version(full: Engine) -> None:
    view: View[Total] = View("twice", Total, version=1, history=True)

    @view.on(OrderPlaced)
    def add(total: Total, placed: OrderPlaced, _: Recorded) -> None:
        total.pieces += placed.lines[0].quantity

    @view.on(OrderPlaced)
    def add_again(total: Total, placed: OrderPlaced, _: Recorded) -> None:
        total.pieces += placed.lines[0].quantity

    engine = Engine(full.log, full.pool, [view])
    engine.prepare()
    engine.catch_up()
    assert rebuild(engine, view).unchanged
    with full.pool.connection() as db:
        assert db.execute("select count(*) from views.twice_history").fetchone() == (ORDERS,)
