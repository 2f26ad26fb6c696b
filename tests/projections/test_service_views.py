"""The views of service are the same however they are folded, and keep every moment."""

from collections.abc import Callable
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.kernel import Command
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.service import case_slas, cases, shifts, survey_definitions, surveys, work_items
from projections.touchpoints import calls, interactions
from tests.conftest import KEK
from tests.projections.histories import live_through, merges
from tests.projections.histories_service import (
    asking,
    calling,
    disorder,
    helping,
    night,
    queueing,
    talking,
    working,
)
from tests.projections.test_engine import held

SERVICE = (
    cases.view, case_slas.view, work_items.view, calls.view, shifts.view, interactions.view, surveys.view,
    survey_definitions.view,
)  # fmt: skip
TABLES = [table for view in SERVICE for table in view.tables]


def test_one_by_one_in_batches_rebuilt_and_as_of_the_head_they_are_the_same(new_database: Callable[[], str]) -> None:
    lived = st.one_of(
        night("items", "calls", among=merges, most=3),
        night("cases", "shifts", among=merges, most=2),
        disorder(queueing, calling, merges),
        disorder(working, helping, merges),
        disorder(talking, asking, merges),
    )

    @given(history=lived)
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            one_by_one, batched = Engine(log, pool, SERVICE, batch=1), Engine(log, pool, SERVICE)
            one_by_one.prepare()
            one_by_one.catch_up()
            singly = {table.name: held(pool, table) for table in TABLES}
            with pool.connection() as db:
                db.execute("truncate " + ", ".join(f"views.{table.name}" for table in TABLES))  # type: ignore[arg-type]
                db.execute("update views.checkpoint set position = 0")
            batched.catch_up()
            assert {table.name: held(pool, table) for table in TABLES} == singly
            for view in SERVICE:
                assert Lists(log, pool).fold(view, AsOf(position=log.reader.head())).rows == singly[view.name]
                assert rebuild(batched, view).unchanged
            assert all(standing.parked == 0 for standing in batched.standings())

    check()
