"""How long it takes to read a million sealed events again and hold them against the tree, and to check a bundle of them."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from eventstore.database import as_application
from eventstore.evidence import verify
from eventstore.evidence.bundle import write_bundle
from eventstore.evidence.examining import examine
from eventstore.evidence.keeping import kept_in
from eventstore.evidence.proofs import inclusion
from eventstore.evidence.verdict import Verdict
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.keys import KeyFile
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS as SOURCE
from tests.benchmarks import Figure
from tests.benchmarks.company import load
from tests.benchmarks.views import house

EVENTS = 1_000_000
LIMIT_S = 60
PROOFS = 500


def run() -> Iterator[Figure]:
    """Five figures on one log; it must be found clean."""
    with house() as (dsn, log, _), TemporaryDirectory(prefix="bitacora-bench-") as folder:
        load(log, EVENTS)
        home = Path(folder)
        keys = KeyFile(home / "keys", lambda: datetime.now(UTC))
        with Sealer.with_key_file(dsn, SOURCE, home, keys, CheckpointFile(home / "checkpoints.txt")) as sealer:
            sealer.run()
        kept = kept_in(home / "checkpoints.txt")
        with psycopg.connect(as_application(dsn, role="es_audit", statement_timeout_s=600), autocommit=True) as db:
            began, cpu = time.perf_counter(), time.process_time()
            report = examine(db, kept=kept.checkpoints)
            took, spent = time.perf_counter() - began, time.process_time() - cpu
            assert (report.verdict, report.findings, report.unsealed) == (Verdict.OK, (), 0), report
            yield Figure(f"verification of {report.events:,} events: limit / measured", LIMIT_S, took, "s", 1)
            yield Figure("of which this process computed: limit / measured", LIMIT_S, spent, "s", 1)
            began = time.perf_counter()
            for n in range(PROOFS):
                inclusion(db, n * report.sealed // PROOFS + 1)
            yield Figure(
                "proofs of single events: made / promised", PROOFS / (time.perf_counter() - began), 100, "/s", 1
            )
            began = time.perf_counter()
            bundle = home / "bundle.zip"
            write_bundle(db, bundle)
            yield Figure("a bundle of all, written: limit / measured", 3 * LIMIT_S, time.perf_counter() - began, "s", 1)
        yield Figure("its size: limit / measured", 1_000, bundle.stat().st_size / report.events, "bytes/event", 1)
        began = time.perf_counter()
        told = subprocess.run(
            [sys.executable, verify.__file__, bundle, "--checkpoint", home / "checkpoints.txt"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.stdout == "OK\n", told
        yield Figure(
            "the bundle, checked by verify.py: limit / measured", 3 * LIMIT_S, time.perf_counter() - began, "s", 1
        )
