"""Sources: another log is sealed by the same code, beside that of the events, under a name and a key of its own."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from eventstore.database import LogCorrupted
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.heads import Heads
from eventstore.sealing.merkle import Tree, leaf_hash
from eventstore.sealing.notes import checkpoint_of
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS, Source
from tests.eventstore.conftest import Accounts
from tests.eventstore.sealing.conftest import fill, sealer_in

READS = Source("reads", "es.seen", "position, convert_to(who, 'UTF8')", lambda row: row[0].to_bytes(8) + row[1])


@pytest.fixture
def reads(dsn: str) -> Callable[[int, int], None]:
    """A log of who saw what; it records from one position to another."""
    with psycopg.connect(dsn) as db:
        db.execute("create table es.seen (position bigint primary key, who text not null)")
        db.execute("grant select on es.seen to es_sealer, es_app")

    def record(first: int, last: int) -> None:
        with psycopg.connect(dsn) as db:
            db.execute("insert into es.seen select n, 'user:' || n from generate_series(%s::int, %s) n", [first, last])

    return record


def sealer_of_reads(events: Sealer, home: Path) -> Sealer:
    """Another sealer in the same home, with the same file of keys."""
    files = CheckpointFile(home / "reads.txt")
    return Sealer(events._dsn, READS, events.folder, events._signers, files, ensure_key=events._ensure_key)


def test_two_logs_are_sealed_side_by_side(accounts: Accounts, dsn: str, tmp_path: Path, reads):
    fill(accounts, 300)
    reads(1, 400)
    with sealer_in(dsn, tmp_path) as events, sealer_of_reads(events, tmp_path) as others:
        assert (others.run(), events.run()) == (400, 300)
        reads(401, 600)
        fill(accounts, 10)
        assert (others.run(), events.run()) == (600, 310)
    ours, theirs = Heads(accounts.pool), Heads(accounts.pool, READS)
    head = theirs.latest()
    assert head is not None
    assert (head.origin.startswith("bitacora/reads/"), head.size) == (True, 600)
    assert head.root == Tree(leaf_hash(n.to_bytes(8) + f"user:{n}".encode()) for n in range(1, 601)).root()
    proof = theirs.proof(7)
    assert proof is not None
    assert proof.proven(leaf_hash((7).to_bytes(8) + b"user:7"), head.origin, theirs.keys()).size == 600
    (our_key,), (their_key,) = ours.keys(), theirs.keys()
    assert (their_key.name, our_key.public != their_key.public) == (head.origin, True)
    assert checkpoint_of(ours.note() or "", ours.latest().origin, ours.keys()).size == 310
    assert theirs.entries(0, 2) == b"\0\x0e" + bytes(7) + b"\1user:1" + b"\0\x0e" + bytes(7) + b"\2user:2"


def test_a_source_has_no_gaps(dsn: str, reads):
    reads(1, 5)
    reads(7, 9)
    with psycopg.connect(dsn) as db:
        assert len(READS.entries(db, 0, 5)) == 5
        with pytest.raises(LogCorrupted, match=r"es\.seen has a gap after position 0"):
            READS.entries(db, 0, 100)
        assert EVENTS.entries(db, 0, 100) == []
