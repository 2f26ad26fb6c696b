"""A log of accounts whose keys are kept in files, and whoever looks after them."""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from eventstore.custody.custodian import Custodian
from eventstore.custody.epochs import Epochs
from eventstore.custody.officer import Officer
from eventstore.custody.providers import Files, Provider, Providers
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.programs import ENVIRONMENT, program
from tests.eventstore.accounts import Deposit, decider

_numbers = count(1)
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@dataclass
class Keeping:
    """One process: its log, and the keys that it holds."""

    dsn: str
    pool: ConnectionPool
    folder: Path
    log: Log

    @property
    def ring(self) -> KeyRing:
        return self.log.keys

    @property
    def custodian(self) -> Custodian:
        return Custodian(self.dsn, self.ring)

    @property
    def epochs(self) -> Epochs:
        return Epochs(self.dsn, self.ring, retention=timedelta(days=30))

    def note(self, text: str, account: UUID | None = None) -> UUID:
        """A personal value, of somebody new unless it is said whose."""
        account = account or uuid4()
        self.log.do(Deposit(account_id=account, customer_id=account, note=text))
        return account

    def notes(self, *accounts: UUID) -> list[str | None]:
        """What is disclosed of these accounts."""
        found = self.log.reader.streams(accounts, disclose=True)
        return [event.note for event, _ in found]  # type: ignore[attr-defined]

    def keys(self, *accounts: UUID) -> list[int]:
        """The ids of the keys of these accounts."""
        return [key.key_id for key in self.custodian.of(accounts)]

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """What the superuser sees."""
        with psycopg.connect(self.dsn) as db:
            return db.execute(query, parameters).fetchall()  # type: ignore[arg-type]


Begin = Callable[..., Keeping]


@pytest.fixture(scope="session")
def without_views(server: EmbeddedServer) -> str:
    """The name of a database with the log and the keys alone: it is copied in a fifth of the time."""
    name = "bitacora_without_views"
    server.ensure_database(name)
    for schema in (LOG_SCHEMA, KEYS_SCHEMA):
        migrate(server.dsn(dbname=name), schema)
    return name


@pytest.fixture
def new_database(server: EmbeddedServer, without_views: str) -> Iterator[Callable[[], str]]:
    """Makes databases with the log and the keys; they are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(f"k{next(_numbers)}")
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute(f"create database {made[-1]} template {without_views} strategy file_copy")  # type: ignore[arg-type]
        return server.dsn(dbname=made[-1])

    yield make
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        for name in made:
            db.execute(f"drop database {name} with (force)")  # type: ignore[arg-type]


@pytest.fixture
def begin(dsn: str, tmp_path: Path) -> Iterator[Begin]:
    """Begins processes on one database; they share the folder of keys unless told otherwise."""
    pools: list[ConnectionPool] = []

    def make(where: str | None = None, folder: Path | None = None, provider: Provider | None = None) -> Keeping:
        pools.append(open_pool(where or dsn, size=4))
        folder = folder or tmp_path / "keys"
        files = Files(folder)
        ring = KeyRing(pools[-1], Providers(provider or files, [files]))
        return Keeping(where or dsn, pools[-1], folder, Log(pools[-1], [decider], ring))

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def keeping(begin: Begin) -> Keeping:
    return begin()


@pytest.fixture
def officer(keeping: Keeping) -> Officer:
    """The data protection officer, whose key was named."""
    officer = Officer.new()
    keeping.custodian.name_officer(officer.public)
    return officer


@pytest.fixture
def backed_up(new_database: Callable[[], str], tmp_path: Path) -> Callable[..., Callable[[], str]]:
    """Dumps a database with pg_dump; what it gives restores the dump into a new one, as often as it is asked."""

    def dump(dsn: str, *schemas: str) -> Callable[[], str]:
        which = schemas or ("es", "keys")
        file = tmp_path / "dump"
        run("pg_dump", "--dbname", dsn, *(f"--schema={each}" for each in which), "--format=custom", "--file", str(file))
        whole = file.read_bytes()

        def restore() -> str:
            other = new_database()
            with psycopg.connect(other, autocommit=True) as db:
                for each in which:
                    db.execute(f"drop schema {each} cascade")  # type: ignore[arg-type]
            file.write_bytes(whole)
            run("pg_restore", "--exit-on-error", "--dbname", other, str(file))
            return other

        return restore

    return dump


def run(name: str, *words: str) -> str:
    """One of PostgreSQL's own programs."""
    done = subprocess.run(
        [program(name), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )
    assert done.returncode == 0, shlex.join([name, *words]) + "\n" + done.stderr
    return done.stdout
