"""The canary scan: of whoever was erased nothing is found in any file, however it is written; of all others it is."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from domain import DECIDERS
from domain.erasure_events import ErasureStatus
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.programs import program
from processes.scrubbing import scrub_all
from projections import VIEWS
from projections.engine import Engine
from tests.conftest import KEK
from tests.privacy.aviary import covered, fill, person, personal_texts
from tests.privacy.canaries import canary, digits, found_in, found_under
from tests.processes.privacy import Office
from tests.processes.shop import Shop

DATABASE = "aviary"
SMALL = {"fsync": "off", "wal_compression": "off", "max_wal_size": "64MB", "min_wal_size": "32MB"}
DATES = {("customer.profile-changed.v1", "birth_date"), ("customer.merged.v1", "birth_date")}
"""Personal values that can hold no text."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server whose files hold nothing else. What it would compress is left as it is, or nobody could search it."""
    with EmbeddedServer(tmp_path / "home", settings=SMALL) as server:
        server.ensure_database(DATABASE)
        for schema in (LOG_SCHEMA, KEYS_SCHEMA, VIEWS_SCHEMA):
            migrate(server.dsn(dbname=DATABASE), schema)
        yield server


def test_every_personal_field_has_its_canary() -> None:
    assert personal_texts() - covered() == DATES


@pytest.mark.parametrize("people", [12, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
def test_nothing_of_whoever_was_erased_is_left_in_any_file(server: EmbeddedServer, tmp_path: Path, people: int) -> None:
    dsn, home = server.dsn(dbname=DATABASE), tmp_path / "home"
    with open_pool(dsn) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        office = Office(log, dsn, home)
        shop = Shop(log, home / "mail")
        fill(log, range(people))
        for number in range(people):
            shop.order(person(number), "2026-01-10 10:00")
        shop.until("2026-02-10 10:00")
        engine.catch_up()
        with pool.connection() as db:
            db.execute("analyze views.customers")  # the planner notes what it sees
            db.execute("alter table views.customers rename to customers__spare")
            db.execute("create table views.customers__retired as select * from views.customers__spare")
            db.execute("alter table views.customers__spare rename to customers")
        everybody = {digits(number) for number in range(people)}
        before = found_under([server.data, home / "mail"])
        assert set(before) == everybody
        assert any("pg_wal" in file for files in before.values() for file in files)
        assert any(file.startswith("new/") for files in before.values() for file in files)

        gone = range(people // 2)
        ids = office.erased(*(person(number) for number in gone))
        assert {office.state(id).status for id in ids} == {ErasureStatus.COMPLETED}
        assert [each for each in scrub_all(engine, dsn, dsn, dsn) if not each.done] == []
        (home / "dump.sql").write_bytes(_dump(server))
        (home / "dump.copy").write_bytes(_dump(server, "--format=custom", "--compress=0"))
        erased = {digits(number) for number in gone}
        found = found_under([home])
        assert {mark: files for mark, files in found.items() if mark in erased} == {}
        assert set(found) == everybody - erased
        for number in range(people // 2, people):
            files = found[digits(number)]
            assert {"dump.sql", "dump.copy"} <= files
            assert any(file.startswith("mail/") for file in files)
            assert any(file.startswith("postgres/base/") for file in files)
        assert [canary(number) in str(_asked(dsn, number)) for number in range(people)] == [
            number not in gone for number in range(people)
        ]
        assert read(log) == everybody - erased
        assert office.rebuilt_is_live()


def read(log: Log) -> set[str]:
    """The canaries in all that the log still tells."""
    told = log.reader.page(0, 1_000_000, disclose=True)
    return {mark for event, _ in told for mark in found_in(repr(event).encode())}


def _dump(server: EmbeddedServer, *options: str) -> bytes:
    command = [program("pg_dump"), *options, server.dsn(dbname=DATABASE)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def _asked(dsn: str, number: int) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as db:
        return db.execute("select * from views.customers where customer_id = %s", [person(number)]).fetchall()
