"""A real PostgreSQL for the whole run, and a fresh database for every test that asks for one."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from projections import VIEWS
from projections.engine import Engine

TEMPLATE = "bitacora_template"
MEMORY = Path("/dev/shm")  # where files live in memory, if it is there
ROOM = 8_000_000_000
"""What must be free there, in bytes: each test makes a thousand files and removes them."""
LONGEST = frozenset({"test_readme.py", "test_kill_company.py"})
"""The files whose few tests take minutes."""
KEK = bytes(range(32))
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: or else one process waits in the end for the other."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """The server of the run, with a house that is ready to be copied. Nothing in it must survive a power cut."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-test-", dir=roomy(MEMORY)))
    try:
        with EmbeddedServer(home, settings={"fsync": "off", "full_page_writes": "off"}) as server:
            server.ensure_database(TEMPLATE)
            for schema in (LOG_SCHEMA, KEYS_SCHEMA, VIEWS_SCHEMA):
                migrate(server.dsn(dbname=TEMPLATE), schema)
            with open_pool(server.dsn(dbname=TEMPLATE), size=1) as pool:
                Engine(Log(pool, DECIDERS, KeyRing(pool, KEK)), pool, VIEWS).prepare()
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def roomy(folder: Path) -> Path | None:
    """The folder, if it is there and has room; None means the usual one."""
    return folder if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM else None


@pytest.fixture
def new_database(server: EmbeddedServer) -> Iterator[Callable[[], str]]:
    """Makes databases with the schema in them, as superuser DSNs; they are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"t{next(_numbers)}"
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(TEMPLATE)
                )
            )
        made.append(name)
        return server.dsn(dbname=name)

    yield make
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        for name in made:
            db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def dsn(new_database: Callable[[], str]) -> str:
    """A fresh database, as its superuser."""
    return new_database()


@pytest.fixture
def pool(dsn: str) -> Iterator[ConnectionPool]:
    """Application connections to the fresh database."""
    with open_pool(dsn) as pool:
        yield pool


@dataclass(frozen=True)
class House:
    """A log on a database of its own."""

    dsn: str
    log: Log

    @property
    def pool(self) -> ConnectionPool:
        return self.log.pool


@pytest.fixture
def house(dsn: str, pool: ConnectionPool) -> House:
    """The log of all nouns, on the fresh database."""
    return House(dsn, Log(pool, DECIDERS, KeyRing(pool, KEK)))
