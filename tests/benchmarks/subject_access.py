"""How fast somebody who has been a customer for long gets the copy of all data about them, with the proof of each event."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from api.house import House
from api.settings import Settings
from api.subject_access import copy_of
from domain.kernel import derived
from domain.subject_access import SubjectAccessKind
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from tests.benchmarks import Figure
from tests.benchmarks.erasure import load
from tests.benchmarks.views import house
from tests.processes.privacy import Office

LIMIT_MS = 5_000
EVENTS = 10_000
COPIES = 3


def run() -> Iterator[Figure]:
    """From the question to the zip, in the middle of three."""
    with house() as (dsn, log, pool), tempfile.TemporaryDirectory() as home:
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        whom = derived("customer", "accessed")
        load(log, [whom], EVENTS)
        engine.catch_up()
        Office(log, dsn, Path(home)).seal()
        opened = House(Settings(home=Path(home)), dsn, log, Lists(log, pool), engine)
        times = []
        for _ in range(COPIES):
            began = time.perf_counter()
            made = copy_of(opened, whom, SubjectAccessKind.ACCESS, actor="operator:bench")
            times.append((time.perf_counter() - began) * 1_000)
            assert made.events >= EVENTS
        yield Figure(
            f"subject access copy of {EVENTS:,} events: limit / measured", LIMIT_MS, statistics.median(times), "ms", 1
        )
