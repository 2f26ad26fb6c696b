"""How fast keys change: 100,000 of them wrapped anew by the next epoch, blocked, and destroyed."""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from eventstore.custody.custodian import Custodian
from eventstore.custody.epochs import Epochs
from eventstore.custody.officer import Officer
from eventstore.custody.providers import Files, Providers
from eventstore.database import open_pool
from eventstore.personal import KeyRing, Subject
from tests.benchmarks import Figure
from tests.benchmarks.views import house

KEYS = 100_000
REWRAP_LIMIT_S = 5
BLOCKED = 1_000
BLOCK_LIMIT_S = 1


def run() -> Iterator[Figure]:
    """One epoch after another over the same keys; then a thousand are blocked and destroyed, as of one large erasure."""
    with tempfile.TemporaryDirectory() as folder, house() as (dsn, _, _), open_pool(dsn, size=2) as pool:
        ring = KeyRing(pool, Providers(Files(Path(folder))))
        for start in range(0, KEYS, 10_000):
            ring.for_writing(Subject(UUID(int=n), "text", 2026) for n in range(start, start + 10_000))
        epochs, custodian, officer = Epochs(dsn, ring), Custodian(dsn, ring), Officer.new()
        now = datetime(2026, 3, 15, tzinfo=UTC)
        custodian.name_officer(officer.public)
        took = min(_seconds(lambda: epochs.rotate(now)) for _ in range(3))
        yield Figure(f"{KEYS:,} keys wrapped anew: limit / measured", REWRAP_LIMIT_S, took, "s", 1)
        ids = list(range(1, BLOCKED + 1))
        took = _seconds(lambda: custodian.block(ids, until=date(2026, 3, 15), basis="LOPDGDD art. 32"))
        yield Figure(f"{BLOCKED:,} keys blocked: limit / measured", BLOCK_LIMIT_S, took, "s", 1)
        took = _seconds(lambda: custodian.destroy(ids, because=1, on=date(2026, 3, 15)))
        yield Figure(f"{BLOCKED:,} keys destroyed: limit / measured", BLOCK_LIMIT_S, took, "s", 1)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
