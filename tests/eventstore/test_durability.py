"""What was acknowledged is stored, even if everything is killed the next moment; and a retry never doubles it."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import sleep
from uuid import UUID, uuid4

import psycopg
import pytest

from eventstore.bulk import Bulk
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, Unavailable, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.envelope import Request
from eventstore.follower import Follower
from eventstore.log import decide
from tests.eventstore.accounts import Account, Close, Deposit, decider
from tests.eventstore.conftest import Accounts
from tests.eventstore.proxy import Proxy

WRITERS = 6
LOAD_S = 0.7
SLOW_WALWRITER = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
"""Without these the background writer flushes soon enough to hide an acknowledgement that did not wait."""


@contextmanager
def durable_server(settings: Mapping[str, str] = SLOW_WALWRITER) -> Iterator[tuple[EmbeddedServer, str]]:
    """A server of its own that waits for the disk, and the DSN of a log on it."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-crash-"))
    try:
        with EmbeddedServer(home, settings=settings) as server:
            server.ensure_database("log")
            dsn = server.dsn(dbname="log")
            migrate(dsn, LOG_SCHEMA)
            migrate(dsn, KEYS_SCHEMA)
            yield server, dsn
    finally:
        shutil.rmtree(home, ignore_errors=True)


class Load:
    """Writers at work when the server is killed, and a follower that notes how far it has come."""

    def __init__(self, dsn: str, *, early: bool) -> None:
        self.acknowledged: dict[UUID, int] = {}
        self.unknown: list[UUID] = []
        self._stop = Signal()
        self._dsn, self._early = dsn, early
        self._threads = [Thread(target=self._write) for _ in range(WRITERS)] + [Thread(target=self._follow)]

    def through_a_crash(self, server: EmbeddedServer) -> None:
        for thread in self._threads:
            thread.start()
        sleep(LOAD_S)
        while len(self.acknowledged) <= WRITERS:  # the machine has other things to do
            sleep(LOAD_S / 10)
        server.kill()
        self._stop.set()
        server.start()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        with open_pool(self._dsn, size=1) as pool:
            log = Accounts(pool, early=self._early)
            while not self._stop.is_set():
                command_id = uuid4()
                try:
                    self.acknowledged[command_id] = asked_once(log, command_id)
                except Unavailable:
                    self.unknown.append(command_id)
                    return

    def _follow(self) -> None:
        with open_pool(self._dsn, size=1) as pool:
            log = Accounts(pool)
            try:
                for page in Follower(log.reader, self._dsn).pages(self._stop, poll_s=0.05):
                    with pool.connection() as db:
                        db.execute(
                            "insert into es.checkpoint (name, position) values ('view', %s) "
                            "on conflict (name) do update set position = excluded.position",
                            [page[-1].at.position],
                        )
            except psycopg.OperationalError:
                return


def asked_once(log: Accounts, command_id: UUID) -> int:
    """One deposit into an account that is named like the command."""
    asked = Deposit(account_id=command_id, customer_id=command_id, amounts=(1, 2))
    return log.ask(asked, command_id=command_id).position


def crash(server: EmbeddedServer, dsn: str, *, early: bool = True) -> tuple[Load, set[UUID], set[UUID]]:
    """The load, the commands that were stored after the crash, and those that were acknowledged and are lost."""
    load = Load(dsn, early=early)
    load.through_a_crash(server)
    with psycopg.connect(dsn) as db:
        stored = {row[0] for row in db.execute("select command_id from es.command").fetchall()}
    return load, stored, load.acknowledged.keys() - stored


def crash_cycles(cycles: int, *, early: bool) -> None:
    with durable_server() as (server, dsn):
        for _ in range(cycles):
            load, _, lost = crash(server, dsn, early=early)
            assert len(load.acknowledged) > WRITERS
            assert not lost
            with open_pool(dsn) as pool:
                log = Accounts(pool)
                for command_id in load.unknown:  # some of them were stored, some were not
                    asked_once(log, command_id)
            with psycopg.connect(dsn) as db:
                [head, distinct, doubled, ahead] = db.execute(
                    "select (select max(position) from es.event), (select count(*) from es.event), "
                    "       (select count(*) from (select from es.event group by stream_id having count(*) <> 2) x), "
                    "       (select count(*) from es.checkpoint where position > (select max(position) from es.event))"
                ).fetchone()  # type: ignore[misc]
                placed = db.execute("select command_id, last from es.command").fetchall()
            assert head == distinct  # no holes
            assert doubled == 0  # every command happened whole and once
            assert ahead == 0  # no view knows more than the log
            assert load.acknowledged.items() <= dict(placed).items()  # where it was said to be


@pytest.mark.parametrize("early", [True, False], ids=["early", "locked"])
def test_what_was_acknowledged_survives_kill_9(early: bool) -> None:
    crash_cycles(2, early=early)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("early", [True, False], ids=["early", "locked"])
def test_what_was_acknowledged_survives_kill_9_many_times(early: bool) -> None:
    crash_cycles(200, early=early)


def test_an_acknowledgement_that_does_not_wait_for_the_disk_would_be_caught() -> None:
    with durable_server() as (server, dsn):
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("alter database log set synchronous_commit = off")
        _, _, lost = crash(server, dsn)
    assert lost


def test_an_answer_that_appends_nothing_makes_durable_what_it_rests_on() -> None:
    with durable_server() as (server, dsn):
        for n, answer in enumerate(("the same again", "already so", "already so, in bulk"), 1):
            account, command_id = uuid4(), uuid4()
            deposit, close = Deposit(account_id=account, customer_id=account), Close(account_id=account)
            with open_pool(dsn, size=1) as pool:
                log = Accounts(pool)
                with pool.connection() as db, db.transaction():  # somebody else's, committed and not yet on the disk
                    log.append_within(db, decide(decider, deposit, Account(), 0, Request(), command_id)[0])
                    log.append_within(db, decide(decider, close, Account(), 1, Request(), uuid4())[0])
                match answer:
                    case "the same again":
                        log.ask(deposit, command_id=command_id)
                    case "already so":
                        log.ask(close)
                    case _:
                        Bulk(log).do([(close, Request())])
            server.kill()
            server.start()
            with psycopg.connect(dsn) as db:
                assert len(db.execute("select from es.event").fetchall()) == 2 * n, answer


def test_a_reply_that_was_lost_does_not_double_the_command(log: Accounts, dsn: str, tmp_path: Path) -> None:
    command_id = uuid4()
    with Proxy(dsn, tmp_path) as proxy, open_pool(proxy.dsn, size=2) as pool:
        behind = Accounts(pool, early=log.early)
        behind.deposit()
        proxy.swallow_the_reply_to(str(command_id))
        with pytest.raises(Unavailable):
            asked_once(behind, command_id)
        assert log.table() == [1, 2, 3]  # it had happened
        asked = Deposit(account_id=command_id, customer_id=command_id, amounts=(1, 2))
        receipt = behind.ask(asked, command_id=command_id)
        assert (receipt.duplicate, receipt.position) == (True, 3)
        assert log.table() == [1, 2, 3]
        behind.ask(asked)  # the mutant, a retry without its id, doubles: so the check can fail
        assert log.table() == [1, 2, 3, 4, 5]
