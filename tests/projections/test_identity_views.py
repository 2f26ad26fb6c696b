"""What is known of customers and of what comes and goes is the same however it is folded."""

from collections.abc import Callable
from datetime import datetime

from hypothesis import HealthCheck, given, settings

from domain import DECIDERS
from domain.kernel import Command
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.customers import consents, data_quality, entitlements, identities, profiles, relationships, suspicions
from projections.engine import Engine
from projections.lists import Lists
from projections.rebuild import rebuild_all
from projections.touchpoints import messages, reconciliations
from tests.conftest import KEK
from tests.projections.histories import live_through
from tests.projections.histories_identity import histories
from tests.projections.test_engine import held, started_over

VIEWS = (
    identities.view,
    suspicions.view,
    profiles.view,
    consents.view,
    relationships.view,
    entitlements.view,
    data_quality.view,
    messages.inbox,
    messages.outbox,
    reconciliations.view,
)


def test_live_one_by_one_live_in_batches_rebuilt_and_as_of_the_head_are_the_same(
    new_database: Callable[[], str],
) -> None:
    @given(history=histories)
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            happened = log.reader.counts().keys()
            views = [view for view in VIEWS if happened & set(log.codec.names(view.events))]
            tables = [table for view in views for table in view.tables]
            one_by_one, batched = Engine(log, pool, views, batch=1), Engine(log, pool, views)
            one_by_one.catch_up()
            singly = {table.name: held(pool, table) for table in tables}
            started_over(pool)
            batched.catch_up()
            for table in tables:
                assert held(pool, table) == singly[table.name], table.name
            for view in views:
                past = Lists(log, pool).fold(view, AsOf(position=log.reader.head()))
                assert past.rows == singly[view.name], view.name
            assert all(built.unchanged for built in rebuild_all(batched, views))
            for identity in held(pool, identities.view).values():
                kept = identity.identifiers, identity.blocks
                identities.put_into_blocks(identity)
                assert (identity.identifiers, identity.blocks) == kept
            assert all(standing.parked == 0 for standing in batched.standings())

    check()
