"""What was corrected is gone as well: the verifiers take that for right only because of a later event of the same stream."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from eventstore.embedded import EmbeddedServer
from eventstore.evidence.bundle import write_bundle
from eventstore.evidence.verdict import Verdict
from tests.eventstore.evidence.conftest import SealedLog, check, examined, sealed_log


@pytest.fixture
def log(server: EmbeddedServer, tmp_path: Path) -> Iterator[SealedLog]:
    with sealed_log(server, tmp_path, 60, erased=False) as log:
        yield log


def rectified(log: SealedLog) -> tuple[int, int]:
    """A value is corrected by a later event of its stream: where both stand."""
    with psycopg.connect(log.dsn, autocommit=True) as db:
        position, slot, because = db.execute(
            "select p.position, p.slot, c.position from es.personal p join es.event e using (position) "
            "  join es.event c on c.stream_id = e.stream_id and c.position > e.position order by 1, 3 limit 1"
        ).fetchone() or (0, 0, 0)
        db.execute("select es.rectify(%s::bigint[], %s::smallint[], %s::bigint[])", [[position], [slot], [because]])
    return position, because


def bundle(log: SealedLog) -> Path:
    file = log.home / "rectified.zip"
    with psycopg.connect(log.dsn, autocommit=True) as db:
        write_bundle(db, file)
    return file


def test_what_was_corrected_is_erased_as_an_event_says(log: SealedLog) -> None:
    rectified(log)
    with psycopg.connect(log.dsn) as db:
        assert examined(db, log).verdict is Verdict.ERASED_OK
    assert check(bundle(log), "--checkpoint", log.kept_file) == (0, "ERASED-OK")


def test_an_event_of_another_stream_corrects_nothing(log: SealedLog) -> None:
    position, because = rectified(log)
    with psycopg.connect(log.dsn, autocommit=True) as db:
        db.execute("alter table es.erased disable trigger all")
        db.execute(
            "update es.erased set because = (select max(e.position) from es.event e "
            "  where e.stream_id <> (select stream_id from es.event where position = %s)) where position = %s",
            [because, position],
        )
        report = examined(db, log)
    assert (report.verdict, report.findings[0].first) == (Verdict.TAMPERED, position)
    assert check(bundle(log)) == (1, f"TAMPERED({position}): no sealed event says that its key was destroyed")


def test_an_earlier_event_corrects_nothing(log: SealedLog) -> None:
    position, _ = rectified(log)
    with psycopg.connect(log.dsn, autocommit=True) as db:
        db.execute("alter table es.erased disable trigger all")
        db.execute("update es.erased set because = position where position = %s", [position])
        report = examined(db, log)
    assert (report.verdict, report.findings[0].first) == (Verdict.TAMPERED, position)
    assert check(bundle(log))[1].startswith(f"TAMPERED({position})")
