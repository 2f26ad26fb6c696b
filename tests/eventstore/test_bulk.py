"""In bulk the same things happen as one by one, only faster."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.kernel import Command
from eventstore import bulk
from eventstore.bulk import BATCH_COMMANDS, Bulk, Outcome, in_batches
from eventstore.database import LOCK_TIMEOUT_S, open_pool
from eventstore.envelope import Origin, Request
from eventstore.log import Conflict, Log
from eventstore.reader import AsOf
from tests.eventstore.accounts import Close, Deposit
from tests.eventstore.conftest import Accounts

Asked = list[tuple[Command, Request]]

STREAMS = 5
EVENTS_OF_A_RANGE = 1_500
"""More than are on the pages that the index sums up together."""
THEN = datetime(2011, 1, 1, 12, tzinfo=UTC)


def request(n: int) -> Request:
    """What is told of the n-th command; the actor has every character that COPY treats specially."""
    return Request(
        actor="import:a\tb\nc\\d\re\\N", origin=Origin.IMPORT, occurred_at=THEN + timedelta(hours=n, microseconds=n),
        command_id=uuid4(), correlation_id=uuid4(), because=n % 3 or None,
    )  # fmt: skip


def a_mixed_lot() -> Asked:
    """Deposits of several amounts, with and without a note; closings, once and again; a deposit that comes too late."""
    accounts = [uuid4() for _ in range(STREAMS)]
    asked: Asked = []
    for n in range(40):
        account = accounts[n % STREAMS]
        note = (None, "", "ñ\t\\x\n🦤")[n % 3]
        asked.append((Deposit(account_id=account, customer_id=account, amounts=(n,) * (n % 4), note=note), request(n)))
    asked += [(Close(account_id=accounts[n % 2]), request(50 + n)) for n in range(4)]
    asked.append((Deposit(account_id=accounts[0], customer_id=accounts[0]), request(60)))
    return asked


def whole(log: Accounts) -> list[tuple[object, ...]]:
    """Everything that is remembered, but for when it was recorded."""
    return [(event, *at._replace(recorded_at=THEN)) for event, at in log.reader.page(0, disclose=True)]


@pytest.fixture(params=[0, 1_000], ids=["staged", "in one statement"], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many are appended in one statement."""
    monkeypatch.setattr(bulk, "FEW_EVENTS", request.param)


@pytest.fixture
def another(new_database: Callable[[], str], log: Accounts) -> Iterator[Accounts]:
    """A second log to compare with."""
    with open_pool(new_database(), size=2) as pool:
        yield Accounts(pool, early=log.early)


def test_bulk_leads_to_the_same_events_as_one_by_one(log: Accounts, another: Accounts) -> None:
    asked = a_mixed_lot()
    outcomes = Bulk(log).do(asked)
    for (command, told), outcome in zip(asked, outcomes, strict=True):
        if outcome.refused:
            with pytest.raises(type(outcome.refused), match=str(outcome.refused)):
                another.do(command, told)
        else:
            assert len(another.do(command, told).events) == outcome.events
    assert whole(log) == whole(another)
    assert sum(outcome.events for outcome in outcomes) == len(log.table()) > len(asked)


def test_a_refusal_loses_no_other(log: Accounts) -> None:
    closed, fine = uuid4(), uuid4()
    log.ask(Close(account_id=closed))
    outcomes = Bulk(log).do(
        [(Deposit(account_id=account, customer_id=account), Request()) for account in (fine, closed, fine)]
    )
    assert [(outcome.events, str(outcome.refused)) for outcome in outcomes] == [
        (1, "None"), (0, "This account is closed."), (1, "None")
    ]  # fmt: skip
    assert len(log.reader.stream(fine)) == 2


def test_the_same_lot_again_changes_nothing(log: Accounts) -> None:
    asked = [(command, told) for command, told in a_mixed_lot() if isinstance(command, Deposit) and command.amounts]
    asked = asked[:20]
    Bulk(log).do(asked)
    before = whole(log)
    assert Bulk(log).do(asked) == [Outcome(already=True)] * len(asked)
    assert whole(log) == before


def test_the_same_command_twice_in_one_lot_happens_once(log: Accounts) -> None:
    account = uuid4()
    once = (Deposit(account_id=account, customer_id=account), Request(command_id=uuid4()))
    assert Bulk(log).do([once, once]) == [Outcome(events=1), Outcome(already=True)]
    assert log.table() == [1]


def test_an_expected_version_counts_what_came_before_in_the_lot(log: Accounts) -> None:
    account = uuid4()
    asked = Deposit(account_id=account, customer_id=account)
    first, second, late = Bulk(log).do([(asked, Request(expected_version=n)) for n in (0, 1, 1)])
    assert (first.events, second.events) == (1, 1)
    assert isinstance(late.refused, Conflict)


def test_a_dry_run_writes_nothing_and_says_what_would_be(log: Accounts) -> None:
    account, command_id = uuid4(), uuid4()
    dry = Bulk(log, dry_run=True)
    asked = Deposit(account_id=account, customer_id=account, note="not yet")
    assert dry.do([(asked, Request(command_id=command_id)), (Close(account_id=account), Request())]) == [
        Outcome(events=1), Outcome(events=1)
    ]  # fmt: skip
    again, late = dry.do([(asked, Request(command_id=command_id)), (asked, Request())])
    assert again == Outcome(already=True)
    assert str(late.refused) == "This account is closed."
    assert log.table() == []


def test_many_commands_go_in_several_batches(accounts: Accounts) -> None:
    account = uuid4()
    asked = ((Deposit(account_id=account, customer_id=account), Request()) for _ in range(BATCH_COMMANDS + 1))
    assert [len(batch) for batch in Bulk(accounts).do_all(in_batches(asked))] == [BATCH_COMMANDS, 1]
    assert [at.version for _, at in accounts.reader.stream(account)] == list(range(1, BATCH_COMMANDS + 2))


def test_bulk_and_live_writers_on_the_same_streams_lose_nothing(log: Accounts) -> None:
    streams = [uuid4() for _ in range(20)]

    def live(writer: int) -> int:
        return sum(len(log.deposit(streams[(writer + n) % len(streams)]).events) for n in range(30))

    def bulk(_: int) -> int:
        taken = 0
        for _ in range(5):
            lot: Asked = [(Deposit(account_id=s, customer_id=s, amounts=(1, 2)), Request()) for s in streams[::7]]
            taken += sum(outcome.events for outcome in Bulk(log).do(lot))
        return taken

    with ThreadPoolExecutor(4) as threads:
        acknowledged = [threads.submit(work, n) for n, work in enumerate((live, bulk, live, bulk))]
        total = sum(future.result() for future in acknowledged)
    assert log.table() == list(range(1, total + 1))
    versions: dict[UUID, list[int]] = {}
    for _, at in log.reader.page(0):
        versions.setdefault(at.stream_id, []).append(at.version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


def test_what_somebody_else_did_meanwhile_is_found_out_when_it_is_appended(
    log: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = a_mixed_lot()[:3]
    Bulk(log).do(asked)
    events, look, looks = whole(log), log.done, [set[UUID]()]
    monkeypatch.setattr(log, "done", lambda ids: looks.pop() if looks else look(ids))  # the first look was too early
    assert [outcome.already for outcome in Bulk(log).do(asked)] == [True] * 3
    assert whole(log) == events


def test_what_was_imported_is_summed_up_for_the_search_of_the_log(log: Accounts) -> None:
    account = uuid4()
    deposits = ((Deposit(account_id=account, customer_id=account), Request()) for _ in range(3 * EVENTS_OF_A_RANGE))
    for _ in Bulk(log).do_all(in_batches(deposits)):
        pass
    with log.pool.connection() as db:
        db.execute("set enable_seqscan = off")
        plan = db.execute(
            "explain (analyze, format json) select from es.event where actor = 'user:nobody'", prepare=False
        ).fetchone()
        db.execute("reset enable_seqscan")
    assert plan is not None
    assert plan[0][0]["Plan"]["Node Type"] == "Bitmap Heap Scan"
    assert plan[0][0]["Plan"].get("Rows Removed by Index Recheck", 0) < 2 * EVENTS_OF_A_RANGE


def test_what_was_just_imported_is_read_by_stream_without_a_look_at_the_rest(log: Accounts) -> None:
    accounts = [uuid4() for _ in range(20_000)]
    deposits = ((Deposit(account_id=account, customer_id=account), Request()) for account in accounts)
    for _ in Bulk(log).do_all(in_batches(deposits)):
        pass
    before = entries_read(log)
    found = log.reader.of_streams(accounts[:100], types=["account.deposited.v1"], as_of=AsOf(position=len(accounts)))
    assert len(found) == 100
    assert entries_read(log) - before < len(accounts)


def entries_read(log: Log) -> int:
    """How many rows and entries of indexes of the log were read so far."""
    with log.pool.connection() as db:
        db.execute("select pg_stat_force_next_flush()")
        row = db.execute(
            "select seq_tup_read + (select sum(idx_tup_read) from pg_stat_user_indexes i where i.relid = t.relid) "
            "  from pg_stat_user_tables t where relid = 'es.event'::regclass"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_summing_up_waits_for_nobody(log: Accounts, dsn: str) -> None:
    with psycopg.connect(dsn) as db:
        db.execute("lock table es.event in share update exclusive mode")
        began = time.monotonic()
        (outcomes,) = Bulk(log).do_all([[(Deposit(account_id=(one := uuid4()), customer_id=one), Request())]])
        assert time.monotonic() - began < LOCK_TIMEOUT_S / 2
    assert [each.events for each in outcomes] == [1]
