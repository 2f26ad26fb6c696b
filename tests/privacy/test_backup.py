"""A backup from before: whoever was erased since is forgotten again, by the ledger that is kept outside the database."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from domain import DECIDERS
from domain.erasure_events import ErasureStatus
from domain.kernel import sealed_fields
from eventstore.database import open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.programs import program
from processes.erasure_ledger import LedgerError, apply_again
from tests.conftest import KEK, House
from tests.processes.privacy import Office
from tests.processes.shop import Shop


def readable(log: Log) -> dict[object, int]:
    """How many personal values of each customer can be read."""
    found: dict[object, int] = {}
    for event, at in log.reader.page(0, 100_000, disclose=True):
        values = sum(getattr(event, name) is not None for name in sealed_fields(type(event)))
        if values and at.customer_id is not None:
            found[at.customer_id] = found.get(at.customer_id, 0) + values
    return found


def test_a_restored_backup_forgets_again_whoever_was_forgotten_since(
    house: House, server: EmbeddedServer, new_database: Callable[[], str], tmp_path: Path
) -> None:
    office, shop = Office(house.log, house.dsn, tmp_path / "now"), Shop(house.log, tmp_path / "mail")
    people = [shop.customer(name=f"Somebody {n}", email=f"somebody{n}@shop.test") for n in range(6)]
    before = office.asked(people[0])
    backup = subprocess.run([program("pg_dump"), "--format=custom", house.dsn], check=True, capture_output=True).stdout
    ids = office.erased(*people[1:3])
    blocked = office.verified(people[3])
    office.run()

    dsn = new_database()
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        for statement in ("drop database {} with (force)", "create database {}"):
            db.execute(sql.SQL(statement).format(sql.Identifier(str(name))))
    restored_by = [program("pg_restore"), "--exit-on-error", "--dbname", dsn]
    done = subprocess.run(restored_by, input=backup, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with open_pool(dsn) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        assert readable(log) == {people[0]: 4, **dict.fromkeys(people[1:], 3)}
        restored = Office(log, dsn, tmp_path / "restored")
        ledger = office.ledger
        restored.ledger = ledger
        restored.eraser = restored.hire()
        assert set(apply_again(log, ledger, restored.now)) == {*ids, blocked}
        restored.run()
        assert readable(log) == {people[0]: 4, people[4]: 3, people[5]: 3}
        assert [restored.state(id).status for id in (*ids, blocked, before)] == [
            ErasureStatus.COMPLETED, ErasureStatus.COMPLETED, ErasureStatus.PURGED, ErasureStatus.REQUESTED,
        ]  # fmt: skip
        assert restored.state(blocked).until == office.state(blocked).until
        assert apply_again(log, ledger, restored.now) == []


def test_a_ledger_that_was_changed_is_not_believed_and_a_line_that_was_cut_off_is_passed_over(
    house: House, tmp_path: Path
) -> None:
    office, shop = Office(house.log, house.dsn, tmp_path), Shop(house.log, tmp_path / "mail")
    [id] = office.erased(shop.customer())
    lines = office.ledger.file.read_bytes()
    assert lines.count(b"\n") == 2  # the term, and the officer's
    assert b"Ana" not in lines
    assert b"shop.test" not in lines
    office.ledger.file.write_bytes(lines + b'{"erasure_id":"')
    assert list(office.ledger.entries()) == [id]
    office.ledger.file.write_bytes(lines.replace(b'"ERASURE"', b'"NOTHING"'))
    with pytest.raises(LedgerError, match=r"Line 1 of .* cannot be read"):
        office.ledger.entries()


def test_whoever_is_not_in_the_backup_is_passed_over(
    house: House, new_database: Callable[[], str], tmp_path: Path
) -> None:
    office, shop = Office(house.log, house.dsn, tmp_path), Shop(house.log, tmp_path / "mail")
    office.erased(shop.customer())
    with open_pool(new_database()) as pool:
        assert apply_again(Log(pool, DECIDERS, KeyRing(pool, KEK)), office.ledger, office.now) == []
