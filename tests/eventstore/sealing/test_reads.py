"""The log of reads is sealed as that of events is: what was noted cannot be changed without being noticed."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from eventstore.reads import MAX_SUBJECTS, Reads
from eventstore.sealing.agreement import Inconsistent
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.keys import KeyFile
from eventstore.sealing.leaves import READ_FORMAT
from eventstore.sealing.merkle import Tree, leaf_hash
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS, READS
from tests.eventstore.sealing.conftest import DAY, heads


@pytest.fixture
def reads(pool: ConnectionPool) -> Reads:
    return Reads(pool)


@pytest.fixture
def sealer(dsn: str, tmp_path: Path) -> Iterator[Sealer]:
    keys = KeyFile(tmp_path / "keys" / "sealing", lambda: DAY)
    files = CheckpointFile(tmp_path / "reads.txt")
    with Sealer(dsn, READS, tmp_path / "sealing", keys.signers, files, ensure_key=keys.ensure) as sealer:
        yield sealer


def field(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def test_an_entry_is_what_the_format_says(reads: Reads, dsn: str) -> None:
    people = sorted([uuid4(), uuid4()])
    reads.note(people, actor="user:ñu", door="graphql", document="{ x }")
    ((at,),) = query(dsn, "select recorded_at from es.read")
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    by_hand = b"".join(
        map(
            field,
            (
                READ_FORMAT,
                struct.pack(">q", 1),
                struct.pack(">q", (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds),
                "user:ñu".encode(),
                b"graphql",
                b"",
                b"",
                sha256(b"{ x }").digest(),
                struct.pack(">q", 0),
                b"".join(each.bytes for each in people),
            ),
        )
    )
    with psycopg.connect(dsn) as db:
        assert READS.entries(db, 0, 10) == [by_hand]


def test_reads_have_a_tree_of_their_own(reads: Reads, sealer: Sealer, dsn: str) -> None:
    for _ in range(300):
        reads.note([uuid4()], actor="user:luz", door="graphql")
    assert sealer.run() == 300
    with psycopg.connect(dsn) as db:
        tree = Tree([leaf_hash(entry) for entry in READS.entries(db, 0, 1_000)])
        assert EVENTS.entries(db, 0, 10) == []
    ((size, root, note),) = heads(dsn)
    assert (size, root) == (300, tree.root())
    assert note.startswith("bitacora/reads/")


def test_a_read_of_very_many_takes_several_entries_and_can_be_sealed(reads: Reads, sealer: Sealer, dsn: str) -> None:
    people = [UUID(int=n) for n in range(2 * MAX_SUBJECTS + 1)]
    assert reads.note(people, actor="user:luz", door="export") == 3
    assert [subject for read in reads.page() for subject in read.subjects] == people
    assert sealer.run() == 3


def test_a_read_that_is_changed_afterwards_is_noticed(reads: Reads, sealer: Sealer, dsn: str) -> None:
    reads.note([uuid4()], actor="user:luz", door="graphql")
    sealer.run()
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("alter table es.read disable trigger all")
        db.execute("update es.read set actor = 'user:eva'")
    reads.note([uuid4()], actor="user:luz", door="graphql")
    with pytest.raises(Inconsistent):
        sealer.run()


def query(dsn: str, text: str) -> list[tuple[datetime, ...]]:
    with psycopg.connect(dsn) as db:
        return db.execute(text).fetchall()  # type: ignore[arg-type]
