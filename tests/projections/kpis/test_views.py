"""What definitions, promises and proofs are folded into is the same however it is folded, on any history."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.follow_up import (
    Action,
    ActionKind,
    AttemptFollowUp,
    CancelFollowUp,
    DispatchFollowUp,
    PostponeFollowUp,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    ScheduleFollowUp,
    SuppressFollowUp,
)
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier, VerifyIdentifier
from domain.kernel import Command
from domain.kpi import DefineKpi, KpiDirection, kpi_id
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.customers import proofs
from projections.engine import Engine
from projections.figures import kpi_definitions
from projections.lists import Lists
from projections.rebuild import rebuild
from projections.table import Table
from projections.touchpoints import promises
from tests.conftest import KEK
from tests.projections.histories import (
    codes,
    customers,
    emails,
    follow_ups,
    invitations,
    live_through,
    lived,
    merges,
    moments,
    orders,
)

VIEWS = (kpi_definitions.view, promises.view, proofs.view)
who = {"follow_up_id": follow_ups, "customer_id": customers, "trigger": orders}
same = {"policy": st.just("p"), "policy_version": st.just(1), "step": st.just("s"), "trigger_position": st.just(1)}
email = {"customer_id": customers, "type": st.just(IdentifierType.EMAIL), "value": emails}

definitions = st.sampled_from(["revenue", "deals"]).flatmap(
    lambda key: st.builds(
        DefineKpi,
        kpi_id=st.just(kpi_id(key)), key=st.just(key), title=st.just({"en": key}), formula=codes, measure=codes,
        unit=codes, direction=st.sampled_from(list(KpiDirection)), effective_from=st.none() | moments.map(datetime.date),
    )
)  # fmt: skip
commands: st.SearchStrategy[Command] = st.one_of(
    definitions,
    st.builds(RegisterCustomer, customer_id=customers, email=emails),
    st.builds(AddIdentifier, **email),
    st.builds(VerifyIdentifier, **email, method=codes),
    st.builds(RemoveIdentifier, **email),
    st.builds(
        ScheduleFollowUp, **who, **same, due_at=moments, wanted_at=moments,
        action=st.builds(Action, kind=st.just(ActionKind.SEND_SURVEY), survey=codes, invitation_id=invitations),
    ),
    st.builds(SuppressFollowUp, **who, **same, reason=codes),
    st.builds(PostponeFollowUp, follow_up_id=follow_ups, due_at=moments, reason=codes),
    st.builds(CancelFollowUp, follow_up_id=follow_ups, reason=codes),
    st.builds(DispatchFollowUp, follow_up_id=follow_ups, basis=codes, relied_on=st.just(1)),
    st.builds(AttemptFollowUp, follow_up_id=follow_ups, attempt=st.integers(1, 2)),
    st.builds(RecordFollowUpDelivered, follow_up_id=follow_ups, provider_ref=codes),
    st.builds(RecordFollowUpFailed, follow_up_id=follow_ups, error=codes, retry_at=st.none() | moments),
)  # fmt: skip


def tables(pool: ConnectionPool) -> dict[str, list[Any]]:
    """Every row and every fact of the views."""
    found = {}
    with pool.connection() as db:
        for view in VIEWS:
            for each in view.tables:
                table: Table[Any] = Table(each)
                rows = table.select(db, sql.SQL("select {} from {}").format(table.selected, table.identifier))
                found[each.name] = sorted(rows, key=repr)
    return found


def test_one_by_one_in_batches_rebuilt_and_as_of_the_head_are_the_same(new_database: Callable[[], str]) -> None:
    @given(history=lived(commands | merges))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            one_by_one, batched = Engine(log, pool, VIEWS, batch=1), Engine(log, pool, VIEWS)
            one_by_one.prepare()
            one_by_one.catch_up()
            singly = tables(pool)
            with pool.connection() as db:
                for name in singly:
                    db.execute(sql.SQL("truncate {}").format(sql.Identifier("views", name)))
                db.execute("update views.checkpoint set position = 0")
            batched.catch_up()
            assert tables(pool) == singly
            for view in VIEWS:
                past = Lists(log, pool).fold(view, AsOf(position=log.reader.head()))
                assert sorted(past.rows.values(), key=repr) == singly[view.name]
                for facts in view.facts:
                    assert sorted(past.facts[facts.row], key=repr) == singly[facts.name]
                assert rebuild(batched, view).unchanged
            assert tables(pool) == singly
            assert all(standing.parked == 0 for standing in batched.standings())

    check()
