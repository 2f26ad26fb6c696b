"""What is sold, offered, visited, billed and sent back is the same however it is folded."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.kernel import Command
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.company import staff, teams, territories
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild, rebuild_all
from projections.selling import carts, invoices, leads, payments, price_lists, products, quotes, returns, stock
from projections.service import article_uses, articles
from projections.touchpoints import calendars, order_syncs, visits
from projections.view import View
from tests.conftest import KEK
from tests.projections import histories_catalogue as lives
from tests.projections.histories import live_through
from tests.projections.lives import PHASES
from tests.projections.test_engine import held

CASES: list[tuple[str, st.SearchStrategy[Command], tuple[View[Any], ...]]] = [
    ("what is sold", lives.sold, (products.view, price_lists.view, stock.view)),
    ("what is known", lives.known, (articles.view, article_uses.view)),
    ("who may buy", lives.wanted, (leads.view,)),
    ("what is offered", lives.offered, (quotes.view,)),
    ("who comes to the shop", lives.visited, (visits.view, carts.view)),
    ("what is billed", lives.billed, (invoices.view, payments.view)),
    ("what is sent back", lives.sent_back, (returns.view, order_syncs.view)),
    ("who works here", lives.employed, (staff.view, teams.view, territories.view, calendars.view)),
]


@pytest.mark.parametrize(("what", "asked", "views"), CASES, ids=[what for what, _, _ in CASES])
def test_one_by_one_in_batches_rebuilt_and_as_of_the_head_are_the_same(
    new_database: Callable[[], str], what: str, asked: st.SearchStrategy[Command], views: tuple[View[Any], ...]
) -> None:
    everything: list[int] = []

    @given(history=lives.lived(asked))
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            everything.append(live_through(log, history))
            one_by_one, batched = Engine(log, pool, views, batch=1), Engine(log, pool, views)
            one_by_one.prepare()
            one_by_one.catch_up()
            tables = [table for view in views for table in view.tables]
            singly = {table.name: held(pool, table) for table in tables}
            with pool.connection() as db:
                db.execute("truncate " + ", ".join(f"views.{table.name}" for table in tables))
                db.execute("update views.checkpoint set position = 0")
            batched.catch_up()
            for view in views:
                past = Lists(log, pool).fold(view, AsOf(position=log.reader.head()))
                assert past.rows == singly[view.name]
                assert rebuild(batched, view).unchanged
            assert {table.name: held(pool, table) for table in tables} == singly
            assert all(built.unchanged for built in rebuild_all(batched, views))
            assert all(standing.parked == 0 for standing in batched.standings())

    check()
    assert max(everything) > 10
