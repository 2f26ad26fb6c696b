"""How long it takes to load the demo, which simulates a company, and to simulate policies over the year of it."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from api.demo import CUSTOMERS, DAY, DAYS, _take_in, simulated
from processes import POLICIES, post_purchase_survey
from processes.policy import Policy
from processes.simulation import simulate
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from tests.benchmarks import Figure
from tests.benchmarks.views import house

LIMIT_S = 60
UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


def run() -> Iterator[Figure]:
    """The demo; the survey; each policy, one after the other: by wall, and by the processor of our side."""
    logging.disable(logging.WARNING)
    began, cpu = time.perf_counter(), time.process_time()
    happened = simulated(1, UNTIL - DAYS * DAY, UNTIL, CUSTOMERS)
    yield from _figures("the year of the demo is played", began, cpu)
    with house() as (_, log, pool):
        _take_in(log, happened)
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        engine.catch_up()
        lists = Lists(log, pool)
        told: tuple[tuple[str, tuple[Policy[object], ...]], ...] = (
            ("the survey is simulated over the year of the demo", (post_purchase_survey.policy,)),
            ("all policies are simulated over the year of the demo", POLICIES),
        )
        for name, policies in told:
            began, cpu = time.perf_counter(), time.process_time()
            for policy in policies:
                simulate(log, policy, lists=lists, imported=True)
            yield from _figures(name, began, cpu)


def _figures(name: str, began: float, cpu: float) -> Iterator[Figure]:
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    yield Figure(f"{name}: limit / taken", LIMIT_S, wall, "s", 1)
    yield Figure(f"{name}: limit / processor", LIMIT_S, spent, "s", 1)
