"""The auditor's commands, as an auditor would give them."""

import json
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest

from api import running
from api.house import open_house
from eventstore.sealing.sources import EVENTS, READS
from tests.eventstore.evidence.conftest import check
from tests.test_cli import Run, run, shop

__all__ = ["run", "shop"]  # fixtures


@pytest.fixture
def sealed(shop: Run) -> Run:
    """A shop whose log is sealed."""
    with open_house() as house, running.sealer(house) as sealer:
        sealer.run()
    return shop


def changed(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("alter table es.event disable trigger all")
        db.execute(statement)  # type: ignore[arg-type]


def test_before_anything_is_sealed_the_log_is_unsealed(shop: Run) -> None:
    told = shop("audit", "verify")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (3, "UNSEALED")
    assert "Nothing was sealed yet" in shop("audit", "proof", "1").stderr


def test_a_clean_log_is_ok_and_a_changed_event_is_named(sealed: Run, dsn: str) -> None:
    told = sealed("audit", "verify")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, "OK")
    assert "1 checkpoints that were kept outside were compared." in told.stdout
    changed(dsn, "update es.event set body = body || ' ' where position = 7")
    told = sealed("audit", "verify", "--json")
    found = json.loads(told.stdout)
    assert (told.exit_code, found["verdict"], found["position"]) == (1, "TAMPERED", 7)


def test_old_reads_are_dropped_and_a_changed_one_is_named(shop: Run, dsn: str) -> None:
    with psycopg.connect(dsn) as db:
        db.execute(
            "insert into es.read (position, recorded_at, actor, door, seen, subjects) "
            "select n, now() - interval '3 years', 'user:luz', 'cli', 0, '{}' from generate_series(1, 9) n"
        )
    with open_house() as house:
        for source in (EVENTS, READS):
            with running.sealer(house, source) as sealer:
                sealer.run()
    told = shop("audit", "verify")
    assert (told.exit_code, told.stdout.splitlines()[0]) == (0, "9 reads, 9 of them in their signed tree: OK.")
    assert "Dropped 8 reads" in shop("privacy", "prune-reads").stdout
    assert json.loads(shop("privacy", "prune-reads", "--json").stdout)["dropped"] == 0
    assert shop("privacy", "prune-reads", "--years", "1").exit_code == 2
    found = json.loads(shop("audit", "verify", "--json").stdout)
    assert (found["verdict"], found["reads"]["verdict"], found["reads"]["pruned"]) == ("OK", "PRUNED", 8)
    with psycopg.connect(dsn) as db:
        db.execute("alter table es.read disable trigger all")
        db.execute("update es.read set actor = 'user:eva'")
    told = shop("audit", "verify")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (1, "TAMPERED: the log of reads, see above.")
    assert "read 9: it is not the one that was sealed" in told.stdout


def test_what_was_kept_is_compared(sealed: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_bytes((tmp_path / "home" / "checkpoints" / "events.txt").read_bytes())
    assert sealed("audit", "verify", "--checkpoint", str(kept)).exit_code == 0
    kept.write_text(kept.read_text().replace("bitacora/", "another/"))
    told = sealed("audit", "verify", "--checkpoint", str(kept))
    assert (told.exit_code, "nothing of it could be compared" in told.stdout) == (2, True)
    assert "no checkpoint in" in sealed("audit", "verify", "--checkpoint", __file__).stderr


def test_a_proof_is_printed_and_checked(sealed: Run, dsn: str, tmp_path: Path) -> None:
    proof = tmp_path / "5.tlog-proof"
    proof.write_text(sealed("audit", "proof", "5").stdout)
    assert proof.read_text().startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert sealed("audit", "proof", "--check", str(proof)).stdout.startswith("OK: event 5 is in the tree of ")
    damaged = tmp_path / "damaged"
    damaged.write_text(proof.read_text().replace("index 4", "index 5"))
    told = sealed("audit", "proof", "--check", str(damaged))
    assert (told.exit_code, told.stderr.startswith("TAMPERED(6)")) == (1, True)
    changed(dsn, "update es.event set actor = 'user:nobody' where position = 5")
    told = sealed("audit", "proof", "--check", str(proof))
    assert (told.exit_code, "is not what was proven" in told.stderr) == (1, True)
    assert sealed("audit", "proof").exit_code == 2
    assert "not sealed yet" in sealed("audit", "proof", "100000").stderr


@pytest.mark.parametrize("asked", ["", "--from 2 --to 9", "--customer {whom}", "--customer {whom} --to 9"])
def test_a_bundle_is_written_and_checked_without_us(sealed: Run, dsn: str, tmp_path: Path, asked: str) -> None:
    with psycopg.connect(dsn) as db:
        row = db.execute("select customer_id from es.event where customer_id is not null order by position").fetchone()
    assert row is not None
    bundle = tmp_path / "bundle.zip"
    told = sealed("audit", "export", str(bundle), *asked.format(whom=row[0]).split())
    assert told.exit_code == 0, told.stderr
    kept = tmp_path / "home" / "checkpoints" / "events.txt"
    assert check(bundle, "--checkpoint", kept) == (0, "OK")
    assert (bundle.stat().st_mode & 0o777) == 0o600
    policy = tmp_path / "policy"
    with ZipFile(bundle) as opened:
        policy.write_bytes(opened.read("policy"))
    assert sealed("audit", "verify", "--policy", str(policy)).exit_code == 0


def test_what_cannot_be_exported_is_said(sealed: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "b.zip")
    for words, code, said in (
        (["--from", "100000"], 2, "The log ends at"),
        (["--from", "9", "--to", "3"], 2, "there is nothing from"),
        (["--from", "1", "--to", "2", "--disclose", "100000"], 1, "nothing can be disclosed"),
        (["--previous", str(tmp_path / "no")], 1, "cannot be read"),
        (["--customer", "nobody@example.com"], 1, ""),
    ):
        told = sealed("audit", "export", file, *words)
        assert (told.exit_code, said in told.stderr) == (code, True), (words, told.stderr)
    assert "cannot be written" in sealed("audit", "export", str(tmp_path / "no" / "b.zip")).stderr
