"""Bundles: whoever gets one can check it with nothing of ours."""

import psycopg

from eventstore.evidence.examining import examine
from eventstore.evidence.verdict import Verdict
from tests.eventstore.evidence.conftest import SealedLog, check


def test_a_clean_log_is_found_clean(sealed: SealedLog) -> None:
    with psycopg.connect(sealed.dsn, autocommit=True) as db:
        report = examine(db, kept=sealed.kept)
    assert report.findings == ()
    assert (report.verdict, report.events, report.sealed, report.unsealed) == (
        Verdict.ERASED_OK,
        sealed.size,
        sealed.size,
        0,
    )


def test_the_whole_log(sealed: SealedLog) -> None:
    assert check(sealed.kept_bundle, "--checkpoint", sealed.kept_file) == (0, "ERASED-OK")
