"""A command is decided once, remembered once and answered alike for ever."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.customer import RegisterCustomer
from domain.kernel import Refused, derived
from domain.order import CancelOrder, OrderLine, PlaceOrder
from eventstore.bulk import Bulk
from eventstore.database import open_pool
from eventstore.envelope import Draft, Origin, Request
from eventstore.log import MAX_EVENTS_PER_COMMAND, VERSION_GAP, Conflict, Outdated
from tests.conftest import House
from tests.eventstore.accounts import Close, Deposit, Deposited
from tests.eventstore.conftest import Accounts

WRITERS = 8
DEPOSITS_EACH = 12


def drafts(stream_id: UUID, *versions: int, customer_id: UUID | None = None) -> Sequence[Draft]:
    command_id = uuid4()
    return [
        Draft(
            stream_id,
            v,
            Deposited(amount=v, note=None),
            customer_id,
            datetime.now(UTC),
            "user:ana",
            "live",
            command_id,
            command_id,
        )
        for v in versions
    ]


def test_what_happened_gets_the_next_positions_and_versions(log: Accounts) -> None:
    account = uuid4()
    first, second = log.deposit(account, 5, 6), log.deposit(account, 7)
    assert [(e.position, e.version) for e in first.events + second.events] == [(1, 1), (2, 2), (3, 3)]
    assert [event.amount for event, _ in log.reader.stream(account)] == [5, 6, 7]  # type: ignore[attr-defined]
    assert second.position == log.reader.head() == 3


def test_the_envelope_says_who_when_and_why(log: Accounts) -> None:
    account, command_id, correlation_id, then = uuid4(), uuid4(), uuid4(), datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    log.deposit()
    log.ask(
        Deposit(account_id=account, customer_id=account),
        actor="import:shop", origin=Origin.IMPORT, occurred_at=then,
        command_id=command_id, correlation_id=correlation_id, because=1,
    )  # fmt: skip
    [(_, at)] = log.reader.stream(account)
    assert at[:6] == (2, account, 1, "account.deposited.v1", account, then)
    assert at[7:12] == ("import:shop", "import", command_id, correlation_id, 1)
    assert abs(at.recorded_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_attempts_at_the_same_moment_are_answered_alike(house: House) -> None:
    """Also where what was asked is so already by the time that the slower one looks, or may not be any more."""
    with ThreadPoolExecutor(WRITERS) as attempts:
        for n in range(20):
            order = PlaceOrder(
                order_id=derived("order", n),
                customer_id=derived("customer", n),
                lines=(OrderLine(sku="A", quantity=1, unit_price=Decimal(1)),),
            )
            for command in (
                RegisterCustomer(customer_id=derived("customer", n)),
                order,
                CancelOrder(order_id=order.order_id),
            ):
                request = Request(command_id=uuid4())
                told = list(attempts.map(lambda _, asked=command, of=request: house.log.do(asked, of), range(WRITERS)))
                assert {each.position for each in told} == {house.log.reader.head()}
                assert sum(not each.duplicate for each in told) == 1


def test_the_same_command_id_is_answered_alike_and_appends_nothing(log: Accounts) -> None:
    account, command_id = uuid4(), uuid4()
    asked = Deposit(account_id=account, customer_id=account, amounts=(1, 2))
    once, log_then = log.ask(asked, command_id=command_id), log.table()
    log.ask(Close(account_id=account))
    again = log.ask(asked, command_id=command_id)
    assert (again.events, again.position, again.duplicate) == (once.events, once.position, True)
    assert log.table() == [*log_then, 3]


def test_the_same_command_at_the_same_moment_happens_once(log: Accounts) -> None:
    account, command_id = uuid4(), uuid4()
    asked = Deposit(account_id=account, customer_id=account)
    with ThreadPoolExecutor(WRITERS) as threads:
        receipts = list(threads.map(lambda _: log.ask(asked, command_id=command_id), range(WRITERS)))
    assert {receipt.events for receipt in receipts} == {receipts[0].events}
    assert [receipt.duplicate for receipt in receipts].count(False) == 1
    assert log.table() == [1]


def test_nothing_new_to_say_appends_nothing(log: Accounts) -> None:
    account = uuid4()
    log.ask(Close(account_id=account))
    assert log.ask(Close(account_id=account)).events == ()
    assert log.table() == [1]


def test_a_refused_command_leaves_nothing(log: Accounts) -> None:
    account = uuid4()
    log.ask(Close(account_id=account))
    with pytest.raises(Refused, match="closed"):
        log.deposit(account)
    assert log.table() == [1]


def test_an_expected_version_is_compared(log: Accounts) -> None:
    account = uuid4()
    asked = Deposit(account_id=account, customer_id=account)
    log.ask(asked, expected_version=0)
    with pytest.raises(Conflict, match="version 1 now, not 0"):
        log.ask(asked, expected_version=0)
    assert log.table() == [1]


def test_too_many_events_at_once_are_refused(log: Accounts) -> None:
    with pytest.raises(Refused, match=str(MAX_EVENTS_PER_COMMAND)):
        log.deposit(None, *range(MAX_EVENTS_PER_COMMAND + 1))
    assert log.table() == []


def test_eight_writers_on_one_stream_store_exactly_what_was_acknowledged(log: Accounts) -> None:
    account = uuid4()

    def write(writer: int) -> list[tuple[int, int, int]]:
        found = []
        for n in range(DEPOSITS_EACH):
            try:
                [event] = log.deposit(account, writer * 1_000 + n).events
            except Conflict:
                continue
            found.append((event.position, event.version, writer * 1_000 + n))
        return found

    with ThreadPoolExecutor(WRITERS) as threads:
        acknowledged = sorted(chain.from_iterable(threads.map(write, range(WRITERS))))
    stored = [(at.position, at.version, event.amount) for event, at in log.reader.stream(account)]  # type: ignore[attr-defined]
    assert acknowledged == stored
    assert len(stored) > WRITERS
    assert [version for _, version, _ in stored] == list(range(1, len(stored) + 1))
    assert [position for position, _, _ in stored] == list(range(1, len(stored) + 1))


def test_a_version_that_is_taken_is_not_given_again(log: Accounts) -> None:
    account = uuid4()
    log.deposit(account)
    with pytest.raises(psycopg.errors.UniqueViolation), log.pool.connection() as db, db.transaction():
        log.append_within(db, drafts(account, 1))
    assert log.table() == [1]


def test_a_version_that_leaves_a_gap_is_turned_down(log: Accounts) -> None:
    with pytest.raises(psycopg.DatabaseError) as error, log.pool.connection() as db, db.transaction():
        log.append_within(db, drafts(uuid4(), 1, 3))
    assert error.value.sqlstate == VERSION_GAP
    assert log.table() == []


def test_deciding_on_less_than_is_known_is_turned_down(log: Accounts) -> None:
    customer = uuid4()
    known = log.deposit(customer).position
    log.deposit()  # somebody else's: it does not matter
    with log.pool.connection() as db, db.transaction():
        log.append_within(db, drafts(uuid4(), 1, customer_id=customer), known=known)
    with pytest.raises(Outdated), log.pool.connection() as db, db.transaction():
        log.append_within(db, drafts(uuid4(), 1, customer_id=customer), known=known)
    assert log.table() == [1, 2, 3]


def test_what_is_written_beside_an_append_is_kept_or_dropped_with_it(log: Accounts) -> None:
    def both(*versions: int) -> int:
        with log.pool.connection() as db:
            with db.transaction():
                db.execute("insert into es.checkpoint (name, position) values (%s, 7)", [f"beside {versions}"])
                last = log.append_within(db, drafts(uuid4(), *versions))
            log.flush(db)
            return last

    assert both(1, 2) == 2
    with pytest.raises(psycopg.DatabaseError):
        both(1, 3)
    with log.pool.connection() as db:
        assert db.execute("select name from es.checkpoint").fetchall() == [("beside (1, 2)",)]


def test_a_dropped_append_leaves_no_hole(log: Accounts) -> None:
    with log.pool.connection() as db, db.transaction(force_rollback=True):
        log.append_within(db, drafts(uuid4(), 1, 2))
    assert log.deposit().position == 1


def test_appending_in_a_snapshot_of_the_past_is_turned_down(log: Accounts) -> None:
    with log.pool.connection() as db, db.transaction(force_rollback=True):
        db.execute("set transaction isolation level repeatable read")
        with pytest.raises(psycopg.errors.InvalidTransactionState):
            log.append_within(db, drafts(uuid4(), 1))


def test_recorded_at_never_goes_back_even_if_the_clock_does(log: Accounts, dsn: str) -> None:
    log.deposit()
    later = datetime.now(UTC) + timedelta(days=2)
    with psycopg.connect(dsn) as db:
        db.execute(
            "insert into es.event (position, stream_id, version, type, occurred_at, recorded_at, actor, origin, "
            "                      command_id, correlation_id, body) "
            "select 2, gen_random_uuid(), 1, type, occurred_at, %s, actor, origin, command_id, correlation_id, body "
            "  from es.event",
            [later],
        )
    log.deposit()
    assert [at.recorded_at for _, at in log.reader.page(0)][1:] == [later, later]


def test_a_long_log_costs_no_more_than_a_short_one(dsn: str) -> None:
    """Plans that are made and kept while the log is empty must not read all of it when it is long."""

    def rows_scanned(log: Accounts) -> int:
        with log.pool.connection() as db:
            db.execute("select pg_stat_force_next_flush()")
            row = db.execute("select sum(seq_tup_read) from pg_stat_user_tables where schemaname = 'es'").fetchone()
        return int(row[0]) if row else 0

    with open_pool(dsn, size=1) as pool:
        log = Accounts(pool)
        account = uuid4()
        asked = Deposit(account_id=account, customer_id=account, note="kept")
        for _ in range(10):
            log.ask(asked, command_id=uuid4())
        Bulk(log).do([(Deposit(account_id=uuid4(), customer_id=account, note="many"), Request()) for _ in range(2_000)])
        before = rows_scanned(log)
        receipts = [log.ask(asked, command_id=command_id) for command_id in (uuid4(), uuid4()) for _ in range(2)]
        Bulk(log).do([(asked, Request(command_id=uuid4()))])
        assert [receipt.duplicate for receipt in receipts] == [False, True, False, True]
        assert rows_scanned(log) - before < 500


def test_the_id_of_another_noun_is_refused_alone_and_in_a_batch(house: House) -> None:
    customer = derived("customer", "ana")
    house.log.do(RegisterCustomer(customer_id=customer))
    place = PlaceOrder(
        order_id=customer, customer_id=customer, lines=(OrderLine(sku="A", quantity=1, unit_price=Decimal(1)),)
    )
    with pytest.raises(Refused, match="This id belongs to something else") as refusal:
        house.log.do(place)
    assert refusal.value.field == "order_id"
    outcomes = Bulk(house.log).do([(place, Request()), (RegisterCustomer(customer_id=derived("eva")), Request())])
    assert [(outcome.events, outcome.refused is None) for outcome in outcomes] == [(0, False), (1, True)]
