"""Reads that are older than they are kept can be dropped: what was sealed of them stays proven, and nothing younger leaves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore import reads as log_of_reads
from eventstore.evidence.reads import ReadsReport, examine_reads
from eventstore.evidence.verdict import Verdict
from eventstore.reads import Reads, prune
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.heads import Heads
from eventstore.sealing.keys import KeyFile
from eventstore.sealing.merkle import leaf_hash, verify_inclusion
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import READS
from tests.eventstore.sealing.conftest import DAY

OLD, YOUNG = 300, 20
OLD_READS: LiteralString = (
    "insert into es.read (position, recorded_at, actor, door, seen, subjects) "
    "select n, now() - interval '3 years' + n * interval '1 second', 'user:luz', 'graphql', 0, array[gen_random_uuid()] "
    "  from generate_series(1, %s) n"
)


def sealer_in(dsn: str, home: Path) -> Sealer:
    keys, files = KeyFile(home / "keys" / "sealing", lambda: DAY), CheckpointFile(home / "reads.txt")
    return Sealer(dsn, READS, home / "sealing", keys.signers, files, ensure_key=keys.ensure)


@pytest.fixture
def reads(pool: ConnectionPool, dsn: str) -> Reads:
    """Three hundred old ones and twenty young ones."""
    with psycopg.connect(dsn) as db:
        db.execute(OLD_READS, [OLD])
    log = Reads(pool)
    for _ in range(YOUNG):
        log.note([uuid4()], actor="user:luz", door="graphql")
    return log


@pytest.fixture
def sealed(reads: Reads, dsn: str, tmp_path: Path) -> list[bytes]:
    """What was sealed: the hashes of all of them."""
    with psycopg.connect(dsn) as db:
        leaves = [leaf_hash(entry) for entry in READS.entries(db, 0, 1_000)]
    with sealer_in(dsn, tmp_path) as sealer:
        assert sealer.run() == OLD + YOUNG
    return leaves


def ago(years: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=366 * years)


def examined(dsn: str) -> ReadsReport:
    with psycopg.connect(dsn, autocommit=True) as db:
        return examine_reads(db)


def tampered(dsn: str, statement: LiteralString) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        for table in ("read", "tile", "tile_part"):
            db.execute(f"alter table es.{table} disable trigger all")  # type: ignore[arg-type]
        db.execute(statement)


def test_what_is_old_is_dropped_and_stays_proven(
    reads: Reads, sealed: list[bytes], dsn: str, pool: ConnectionPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert examined(dsn).verdict is Verdict.OK
    monkeypatch.setattr(log_of_reads, "PRUNED_AT_ONCE", 7)
    told: list[int] = []
    assert prune(dsn, ago(2), told.append) == OLD - 1
    assert told == [*range(7, OLD - 1, 7), OLD - 1]
    assert prune(dsn, ago(2)) == 0
    assert [each.position for each in reads.page()] == [*range(OLD, OLD + YOUNG + 1)]
    report = examined(dsn)
    assert (report.verdict, report.pruned, report.sealed) == (Verdict.PRUNED, OLD - 1, OLD + YOUNG)
    heads = Heads(pool, READS)
    head = heads.latest()
    proof = heads.proof(1)
    assert head is not None
    assert proof is not None
    verify_inclusion(0, head.size, sealed[0], proof.hashes, head.root)
    assert heads.tile(0, 0) == b"".join(sealed[:256])
    assert heads.entries(0) is None
    assert reads.note([uuid4()], actor="user:luz", door="graphql") == OLD + YOUNG + 1
    with sealer_in(dsn, tmp_path) as sealer:
        assert sealer.run() == OLD + YOUNG + 1
    assert examined(dsn).verdict is Verdict.PRUNED


def test_a_young_read_is_not_dropped(reads: Reads, sealed: list[bytes], dsn: str, pool: ConnectionPool) -> None:
    with pytest.raises(Refused, match="2 years"):
        prune(dsn, ago(1.9))
    with pool.connection() as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("select es.prune_reads(now() - interval '3 years', 10)")
    for where in (
        "position = 5",
        f"position > {OLD}",
        f"position <= {OLD}",
        "true",
        f"position < {OLD} and position > 1",
    ):
        with psycopg.connect(dsn) as db, pytest.raises(psycopg.errors.RestrictViolation):
            db.execute(f"delete from es.read where {where}")  # type: ignore[arg-type]
    assert prune(dsn, ago(50)) == 0
    assert examined(dsn).verdict is Verdict.OK


def test_what_is_not_sealed_is_not_dropped(reads: Reads, dsn: str) -> None:
    assert prune(dsn, ago(2)) == 0
    with psycopg.connect(dsn) as db, pytest.raises(psycopg.errors.RestrictViolation):
        db.execute("delete from es.read where position = 1")
    assert examined(dsn).verdict is Verdict.UNSEALED


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("delete from es.read where position <= 305", 1),
        ("delete from es.read where position = 310", 300),
        ("delete from es.read where position = 320", 320),
        ("update es.read set actor = 'user:eva' where position = 300", 300),
        ("update es.tile set hashes = sha256('x') || substring(hashes from 33) where level = 0 and number = 0", 320),
        ("delete from es.tile_part", 257),
    ],
)
def test_what_is_missing_without_a_right_is_noticed(
    sealed: list[bytes], dsn: str, statement: LiteralString, place: int
) -> None:
    prune(dsn, ago(2))
    tampered(dsn, statement)
    report = examined(dsn)
    assert (report.verdict, report.place) == (Verdict.TAMPERED, place)
