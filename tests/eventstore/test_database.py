"""The schema is made once, and a server that goes away comes back without anybody noticing more than a refusal."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, SchemaError, Unavailable, connect, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.follower import Bell
from tests.eventstore.accounts import Deposit
from tests.eventstore.conftest import Accounts

APPEND_LOCK = 7305811


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{uuid4().hex[:8]}"
    server.ensure_database(name)
    yield server.dsn(dbname=name)
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute(f"drop database {name} with (force)")


def test_migrating_twice_is_the_same_as_once(empty: str) -> None:
    files = [f"schema/{file.name}" for file in sorted(LOG_SCHEMA.glob("*.sql"))]
    assert migrate(empty) == files
    assert migrate(empty) == []
    assert migrate(empty, KEYS_SCHEMA) == [f"schema_keys/{file.name}" for file in sorted(KEYS_SCHEMA.glob("*.sql"))]
    assert migrate(empty, KEYS_SCHEMA) == []


def test_migrating_at_the_same_moment_happens_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: migrate(empty), range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(list(LOG_SCHEMA.glob("*.sql")))]


def test_a_file_that_fails_leaves_nothing_behind(empty: str, tmp_path: Path) -> None:
    (tmp_path / "010_fine.sql").write_text("create table public.fine (n int)")
    (tmp_path / "020_broken.sql").write_text("create table public.broken (n nonsense)")
    with pytest.raises(psycopg.errors.UndefinedObject):
        migrate(empty, tmp_path)
    with psycopg.connect(empty) as db:
        assert db.execute("select from pg_tables where schemaname = 'public'").fetchall() == []


def test_an_applied_file_that_was_changed_is_refused(empty: str, tmp_path: Path) -> None:
    file = tmp_path / "010_fine.sql"
    file.write_text("create table public.fine (n int)")
    migrate(empty, tmp_path)
    file.write_text("create table public.fine (n bigint)")
    with pytest.raises(SchemaError, match="never changes"):
        migrate(empty, tmp_path)


def test_the_application_has_only_its_own_rights_and_limits_on_everything(dsn: str) -> None:
    with connect(dsn) as db:
        settings = db.execute(
            "select current_user, current_setting('statement_timeout'), current_setting('lock_timeout'), "
            "       current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')"
        ).fetchone()
    assert settings == ("es_app", "30s", "10s", "1min", "UTC")


def test_a_writer_that_would_wait_too_long_is_told_to_come_again(dsn: str) -> None:
    with psycopg.connect(dsn) as frozen, open_pool(dsn, size=1, statement_timeout_s=1) as pool:
        log = Accounts(pool)
        frozen.execute("select pg_advisory_xact_lock(%s)", [APPEND_LOCK])
        with pytest.raises(Unavailable, match="took too long"):
            log.deposit()
        frozen.rollback()
        assert log.deposit().position == 1


@pytest.fixture
def own_server() -> Iterator[Callable[[], EmbeddedServer]]:
    """A server that may be killed."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-restart-"))
    try:
        with EmbeddedServer(home, settings={"fsync": "off"}) as server:
            server.ensure_database("log")
            migrate(server.dsn(dbname="log"))
            migrate(server.dsn(dbname="log"), KEYS_SCHEMA)
            yield lambda: server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_a_server_that_restarts_is_unavailable_and_then_fine_again(
    own_server: Callable[[], EmbeddedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.database.POOL_TIMEOUT_S", 0.5)
    server = own_server()
    dsn = server.dsn(dbname="log")
    with open_pool(dsn, size=3) as pool:
        log = Accounts(pool)
        pool.resize(3)
        pool.wait()
        bell = Bell(dsn)
        assert bell.wait(0.01)  # it has just begun to listen
        assert not bell.wait(0.01)
        account = uuid4()
        asked, command_id = Deposit(account_id=account, customer_id=account, note="before"), uuid4()
        before = log.ask(asked, command_id=command_id)
        server.kill()
        with pytest.raises(Unavailable, match="same command id"):
            log.deposit(account)
        bell.wait(0.01)  # hears that the line is dead, and does not raise
        assert not bell.wait(0.01)
        server.start()
        assert log.ask(asked, command_id=command_id).events == before.events
        assert [log.deposit(account).position for _ in range(5)] == [2, 3, 4, 5, 6]  # every connection is a new one
        assert bell.wait(5.0)  # it listens again
        while bell.wait(0.01):
            pass
        log.deposit(account)
        assert bell.wait(5.0)
        bell.close()


def test_a_restart_while_nobody_asks_is_not_noticed(own_server: Callable[[], EmbeddedServer]) -> None:
    server = own_server()
    with open_pool(server.dsn(dbname="log"), size=3) as pool:
        log = Accounts(pool)
        pool.resize(3)
        pool.wait()
        log.deposit()
        server.kill()
        server.start()
        assert [log.deposit().position for _ in range(6)] == [2, 3, 4, 5, 6, 7]
