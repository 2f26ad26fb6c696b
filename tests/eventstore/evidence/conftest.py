"""A log of accounts that was sealed step by step, with two people forgotten, and what an auditor kept of it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from psycopg import Connection, sql

from eventstore.database import open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.evidence import verify
from eventstore.evidence.bundle import write_bundle
from eventstore.evidence.disclosing import Discloser
from eventstore.evidence.examining import Examination
from eventstore.evidence.verdict import Report
from eventstore.sealing.checkpoint_file import checkpoints
from eventstore.sealing.notes import Checkpoint
from eventstore.sealing.sealer import Sealer
from tests.conftest import TEMPLATE
from tests.eventstore.conftest import Accounts
from tests.eventstore.sealing.conftest import sealer_in

EVERY = 10
"""So many events there are between two heads."""


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


def forget(log: Accounts, sealer: Sealer, dsn: str, subjects: Sequence[UUID]) -> int:
    """Destroys the keys of these people and erases what was under them. The position of the event that says so."""
    with psycopg.connect(dsn, autocommit=True) as db:
        keys = [
            key_id
            for (key_id,) in db.execute(
                "select key_id from keys.subject_key where subject_id = any(%s)", [list(subjects)]
            )
        ]
        position = append_raw(db, "erasure.keys_destroyed.v1", {"key_ids": keys})
        sealer.run()
        db.execute("call es.erase(%s, %s)", [keys, position])
    return position


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
    """A log with so many events, sealed every ten of them."""
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
            while (head := accounts.reader.head()) < events - erased:
                whom = people[head // EVERY % len(people)]
                accounts.deposit(
                    whom,
                    *range(1, min(EVERY, events - erased - head) + 1),
                    note=f"told by {whom}" if head % 20 else None,
                )
                sealer.run()
            if erased:
                forget(accounts, sealer, dsn, people[1:3])
            log = SealedLog(dsn, home, accounts.reader.head(), accounts, sealer)
            with psycopg.connect(dsn, autocommit=True) as db:
                write_bundle(db, log.kept_bundle)
            yield log
    finally:
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def sealed(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Three hundred events, of two people nothing is readable any more."""
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
