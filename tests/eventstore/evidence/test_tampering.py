"""Hundreds of ways to change the past, as a superuser, each found from what was kept outside, and where it is is named."""

from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest
from psycopg import Connection

from eventstore.evidence.bundle import Writer
from eventstore.evidence.examining import Examination
from eventstore.evidence.verdict import Verdict
from tests.eventstore.evidence.conftest import SealedLog, check
from tests.eventstore.evidence.drills import TABLES, Drill, disarm, drills

FEW, ALL = 200, 500


def fingerprint(db: Connection) -> object:
    """What all tables hold, whatever the order of the rows."""
    sums = (f"(select sum(hashtextextended(t::text, 1)) from es.{table} t)" for table in TABLES)
    return db.execute(f"select {', '.join(sums)}").fetchone()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [pytest.param(FEW, id="some"), pytest.param(ALL, id="all", marks=pytest.mark.long)])
def test_every_drill_is_found_and_named(sealed: SealedLog, tmp_path: Path, count: int) -> None:
    assert drilled(sealed, count, tmp_path / "bundle.zip") == []


def drilled(log: SealedLog, count: int, bundle: Path) -> list[str]:
    """What is not as it should be in so many drills, each of which changes something and is taken back."""
    missed: list[str] = []
    with psycopg.connect(log.dsn) as db:
        planned = drills(db, log.home, log.size, seed=count)
        disarm(db)
        clean, done = fingerprint(db), 0
        while done < count:
            with db.transaction(force_rollback=True):
                drill = next(planned)
                drill.do(db)
                if fingerprint(db) != clean:
                    missed += judged(db, log, drill, bundle)
                    done += 1
        assert fingerprint(db) == clean
        db.rollback()
    return missed


def judged(db: Connection, log: SealedLog, drill: Drill, bundle: Path) -> list[str]:
    """What is not as it should be: the drill is not found, not named, or a stranger with a bundle comes to something else."""
    report = Examination(db, (), log.kept, {}).report(lambda done, of: None)
    if report.verdict != Verdict.TAMPERED:
        return [f"{drill.name}: {report.verdict}"]
    found = report.findings[0]
    wrong = [] if drill.is_named(found.first, found.last) else [f"{drill.name}: {found}"]
    with db.cursor() as cursor:
        anything = cursor.execute("select exists (select from es.tree_head)").fetchone() == (True,)
    if anything:  # without a head nobody gets a bundle
        exported(db, bundle)
        code, line = check(bundle, "--checkpoint", log.kept_file)
        if code != 1 or not line.startswith(f"TAMPERED({found.place}): "):
            wrong.append(f"{drill.name}: {found}, and verify.py says {line}")
        if "rewritten" in drill.name:
            code, line = check(bundle, "--checkpoint", log.kept_bundle)
            exact = f"TAMPERED({drill.first}): " if "all removed" not in drill.name else "TAMPERED("
            if code != 1 or not line.startswith(exact):
                wrong.append(f"{drill.name}: with a bundle that was kept verify.py says {line}")
    return wrong


def exported(db: Connection, file: Path) -> None:
    """The whole log, as it stands in the transaction that is open."""
    with ZipFile(file, "w") as archive:
        Writer(db, archive, {}, lambda done, of: None).write(file, None, "the whole log", None, "")
