"""A log of accounts that was sealed step by step, with three people forgotten, and what an auditor kept of it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from psycopg import Connection, sql

from domain import DECIDERS
from domain.customer import ChangeAddress, ChangeCustomerProfile, RegisterCustomer, StatePreference
from domain.identifiers import IdentifierType, RemoveIdentifier
from domain.kernel import derived
from eventstore.database import open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.evidence import verify
from eventstore.evidence.bundle import write_bundle
from eventstore.evidence.correcting import RULES
from eventstore.evidence.disclosing import Discloser
from eventstore.evidence.examining import Examination
from eventstore.evidence.verdict import Report
from eventstore.log import Log
from eventstore.sealing.checkpoint_file import checkpoints
from eventstore.sealing.notes import Checkpoint
from eventstore.sealing.sealer import Sealer
from processes.rectification import CORRECTED
from tests.conftest import TEMPLATE
from tests.eventstore.conftest import Accounts
from tests.eventstore.sealing.conftest import sealer_in

EVERY = 10
"""So many events there are between two heads."""
LAST, RECTIFIED = 14, 6
"""So many events are the last ones, of what is forgotten, and so many values of them are corrected."""


@dataclass(frozen=True)
class SealedLog:
    """A sealed log, where it is, and what was kept of it outside: the file of checkpoints and a whole bundle."""

    dsn: str
    home: Path
    size: int
    accounts: Accounts
    sealer: Sealer

    @property
    def kept_file(self) -> Path:
        return self.home / "checkpoints.txt"

    @property
    def kept_bundle(self) -> Path:
        return self.home / "kept.zip"

    @property
    def kept(self) -> list[Checkpoint]:
        return [checkpoint for checkpoint, _ in checkpoints(self.kept_file.read_text())]


def forget(sealer: Sealer, dsn: str, subjects: Sequence[UUID], type: str = "erasure.keys_destroyed.v1") -> int:
    """Destroys the keys of these people and erases what was under them. The position of the event that says so."""
    with psycopg.connect(dsn, autocommit=True) as db:
        keys = [
            key_id
            for (key_id,) in db.execute(
                "select key_id from keys.subject_key where subject_id = any(%s)", [list(subjects)]
            )
        ]
        position = append_raw(db, type, {"key_ids": keys})
        sealer.run()
        db.execute("call es.erase(%s, %s)", [keys, position])
    return position


def correct(log: Accounts) -> None:
    """Two are registered with mistakes that are put right later on, and some more that nobody corrects."""
    ana, bea = derived("customer", "ana"), derived("customer", "bea")
    people = Log(log.pool, DECIDERS, log.keys)
    for command in (
        RegisterCustomer(customer_id=ana, name="Anna", email="anna@example.com"),
        StatePreference(customer_id=ana, topic="hobby", value="go"),
        StatePreference(customer_id=ana, topic="contact-time", value="mornings"),
        ChangeAddress(customer_id=ana, street="Old 1", postal_code="1", city="Oviedo", country="ES"),
        ChangeCustomerProfile(customer_id=ana, name="Ana", birth_date=date(1990, 1, 1)),
        ChangeCustomerProfile(customer_id=ana, language="ca"),
        StatePreference(customer_id=ana, topic="hobby", value="chess"),
        RemoveIdentifier(customer_id=ana, type=IdentifierType.EMAIL, value="anna@example.com"),
        ChangeCustomerProfile(customer_id=ana, name="Ana At Last"),
        RegisterCustomer(customer_id=bea, name="Beata"),
        ChangeCustomerProfile(customer_id=bea, name="Bea"),
    ):
        people.do(command)


def rectify(db: Connection) -> int:
    """Takes away what sealed events correct, as the worker would; returns how many values."""
    found = db.execute(CORRECTED, [*map(list, zip(*RULES, strict=True)), 0, 1_000_000]).fetchall()
    row = db.execute(
        "select es.rectify(%s::bigint[], %s::smallint[], %s::bigint[])",
        [[each[n] for each in found] for n in (0, 1, 9)],
    ).fetchone()
    assert row is not None
    return int(row[0])


def append_raw(db: Connection, type: str, body: dict[str, object]) -> int:
    """Appends an event that the accounts know nothing of."""
    event = {
        "stream_id": str(uuid4()), "version": 1, "type": type, "occurred_at": "2026-11-27T12:00:00+00:00",
        "actor": "policy:erasure", "origin": "live", "command_id": str(uuid4()), "correlation_id": str(uuid4()),
        "body": orjson.dumps(body).decode(),
    }  # fmt: skip
    row = db.execute("call es.append(%s::jsonb, null, false, null, null, null)", [orjson.dumps([event]).decode()])
    found = row.fetchone()
    assert found is not None
    return int(found[1])


@contextmanager
def sealed_log(server: EmbeddedServer, home: Path, events: int, erased: bool = True) -> Iterator[SealedLog]:
    """A log with so many events, sealed every ten of them. `erased`: of some people and of some values nothing is left."""
    name = f"evidence_{uuid4().hex[:8]}"
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    dsn = server.dsn(dbname=name)
    try:
        with open_pool(dsn) as pool, sealer_in(dsn, home) as sealer:
            accounts = Accounts(pool)
            people = [uuid4() for _ in range(7)]
            last = events - (LAST if erased else 0)
            while (head := accounts.reader.head()) < last:
                whom = people[head // EVERY % len(people)]
                accounts.deposit(
                    whom,
                    *range(1, min(EVERY, last - head) + 1),
                    note=f"told by {whom}" if head % 20 else None,
                )
                sealer.run()
            if erased:
                correct(accounts)
                sealer.run()
                with psycopg.connect(dsn, autocommit=True) as db:
                    assert rectify(db) == RECTIFIED
                forget(sealer, dsn, people[1:3])
                forget(sealer, dsn, people[4:5], "retention.keys_destroyed.v1")
                assert accounts.reader.head() == events
            log = SealedLog(dsn, home, accounts.reader.head(), accounts, sealer)
            with psycopg.connect(dsn, autocommit=True) as db:
                write_bundle(db, log.kept_bundle)
            yield log
    finally:
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def sealed(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Three hundred events; of three people nothing is readable any more, and of two more not what was corrected."""
    with sealed_log(server, tmp_path_factory.mktemp("sealed"), 300) as log:
        yield log


def check(bundle: Path, *options: object) -> tuple[int, str]:
    """What verify.py says of a bundle, in this process: its exit code and its last line."""
    told, before = StringIO(), (sys.argv, sys.stdout)
    sys.argv, sys.stdout = ["verify.py", str(bundle), *map(str, options)], told
    try:
        code = verify.main()
    finally:
        sys.argv, sys.stdout = before
    return code, told.getvalue().strip().splitlines()[-1]


def examined(db: Connection, log: SealedLog | None = None, **options: object) -> Report:
    """What an examination says in the transaction that is open, against the heads that were kept."""
    given = {"keys": (), "kept": log.kept if log else (), "older": {}, **options}
    return Examination(db, **given).report(lambda done, of: None)  # type: ignore[arg-type]


def discloser(log: SealedLog) -> Discloser:
    return Discloser(log.accounts.codec, log.accounts.keys)


Rewrite = Callable[[Connection], None]
