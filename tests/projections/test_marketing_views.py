"""However the views of marketing and control are folded, they are the same views."""

from collections.abc import Callable
from datetime import datetime

from hypothesis import HealthCheck, given, settings

from domain import DECIDERS
from domain.kernel import Command
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.company import allocations, costs, objectives
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import campaign_contacts, campaign_members, campaigns, offers, segment_memberships, segments
from projections.rebuild import rebuild
from projections.touchpoints import deliveries
from tests.conftest import KEK
from tests.projections.histories import live_through
from tests.projections.histories_marketing import histories
from tests.projections.test_engine import held

VIEWS = (
    campaigns.view,
    campaign_members.view,
    campaign_contacts.view,
    deliveries.view,
    segments.view,
    segment_memberships.view,
    offers.view,
    costs.view,
    allocations.view,
    objectives.view,
)
TABLES = [table for view in VIEWS for table in view.tables]


def test_one_by_one_in_batches_rebuilt_and_as_of_the_head_are_the_same(new_database: Callable[[], str]) -> None:
    @given(history=histories)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            one_by_one, batched = Engine(log, pool, VIEWS, batch=1), Engine(log, pool, VIEWS)
            one_by_one.prepare()
            one_by_one.catch_up()
            singly = {table.name: held(pool, table) for table in TABLES}
            with pool.connection() as db:
                db.execute("truncate " + ", ".join(f"views.{table.name}" for table in TABLES))
                db.execute("update views.checkpoint set position = 0")
            batched.catch_up()
            for view in VIEWS:
                assert rebuild(batched, view).unchanged
                past = Lists(log, pool).fold(view, AsOf(position=log.reader.head()))
                assert past.rows == singly[view.name]
                for table in view.tables:
                    assert held(pool, table) == singly[table.name]
            assert all(standing.parked == 0 for standing in batched.standings())

    check()
