"""The history of rows and the facts that count: any moment of the past can be asked, and is what the events say."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from domain.import_batch import StartImport
from domain.kernel import Command, derived
from domain.opportunity import (
    ChangeOpportunityStage,
    IdentifyOpportunityCustomer,
    LoseOpportunity,
    OpenOpportunity,
    OpportunityLost,
    OpportunityOpened,
    OpportunityStageChanged,
    OpportunityWon,
    ReopenOpportunity,
    WinOpportunity,
)
from domain.order import CancelOrder, CancelOrderLines, PlaceOrder, ReturnLines
from eventstore.database import open_pool
from eventstore.envelope import Happened, Recorded
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.facts import Fact, Facts, counted, known_at
from projections.history import past
from projections.rebuild import rebuild
from projections.selling.orders import view as orders
from projections.selling.sales import shared_out
from projections.view import Row, View
from tests.conftest import KEK
from tests.projections.histories import (
    BATCH,
    START,
    codes,
    customers,
    lines,
    live_through,
    lived,
    merges,
    opportunities,
    prices,
)
from tests.projections.histories import orders as orders_
from tests.projections.test_engine import held


class Deal(Row, key="opportunity_id"):
    """A sale that may come about, with where it stands."""

    opportunity_id: UUID
    stage: str | None = None
    changes: int = 0


class Move(Fact):
    """A change of stage."""

    stage: str | None = None


def deals() -> View[Deal]:
    moves = Facts("moves", Move)
    view: View[Deal] = View(
        "deals", Deal, version=1, key=lambda _, at: at.stream_id, follows="stream_id", facts=(moves,), history=True
    )

    @view.on(OpportunityOpened, OpportunityStageChanged)
    def enter(deal: Deal, moved: OpportunityOpened | OpportunityStageChanged, at: Recorded) -> Iterator[Move]:
        deal.stage = moved.stage
        deal.changes += 1
        yield Move(stage=moved.stage)
        if deal.changes > 1:
            yield Move(stage="again")

    @view.on(OpportunityWon, OpportunityLost)
    def end(deal: Deal, ended: OpportunityWon | OpportunityLost, at: Recorded) -> None:
        deal.stage = "ENDED"

    return view


def naive(events: list[Happened], counts: Callable[[Recorded, datetime, datetime], bool]) -> dict[UUID, Any]:
    """The deals by the events of each that count, up to the first one that does not."""
    found: dict[UUID, tuple[str | None, int]] = {}
    latest: dict[UUID, tuple[datetime, datetime]] = {}
    for event, at in events:
        known, valid = latest.get(at.stream_id, (known_at(at), at.occurred_at))
        known, valid = max(known, known_at(at)), max(valid, at.occurred_at)
        latest[at.stream_id] = known, valid
        if not counts(at, known, valid):
            continue
        _, changes = found.get(at.stream_id, (None, 0))
        if isinstance(event, OpportunityOpened | OpportunityStageChanged):
            found[at.stream_id] = (event.stage, changes + 1)
        else:
            found[at.stream_id] = ("ENDED", changes)
    return found


def selected(pool: ConnectionPool, source: sql.Composable, columns: str) -> list[tuple[Any, ...]]:
    with pool.connection() as db:
        return db.execute(sql.SQL("select {} from {}").format(sql.SQL(columns), source)).fetchall()  # type: ignore[arg-type]


changes = st.one_of(
    st.builds(ChangeOpportunityStage, opportunity_id=opportunities, stage=codes),
    st.builds(IdentifyOpportunityCustomer, opportunity_id=opportunities, customer_id=customers),
    st.builds(WinOpportunity, opportunity_id=opportunities),
    st.builds(LoseOpportunity, opportunity_id=opportunities, reason=codes),
    st.builds(ReopenOpportunity, opportunity_id=opportunities, stage=codes),
    merges,
)
opened = [(OpenOpportunity(opportunity_id=derived("opportunity", n)), START + timedelta(days=100)) for n in (1, 2)]
batched = (StartImport(import_batch_id=BATCH, source="test", file="test.csv", digest="0" * 64), START)
eventful = lived(changes).map(lambda history: [batched, *opened, *history])
"""Histories of two sales that were opened, so that most of what is asked happens."""


def test_any_moment_is_what_the_events_say_however_the_view_was_folded(new_database: Callable[[], str]) -> None:
    @given(history=eventful)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            view = deals()
            engine = Engine(log, pool, [view], batch=1)
            engine.prepare()
            engine.catch_up()
            assert rebuild(engine, view).unchanged
            assert view.versions is not None
            singly = [held(pool, table) for table in view.tables]
            with pool.connection() as db:
                db.execute("truncate views.deals, views.deals_history, views.moves")
                db.execute("update views.checkpoint set position = 0")
            Engine(log, pool, [view]).catch_up()
            assert [held(pool, table) for table in view.tables] == singly
            events = [happened for page in log.reader.fold(types=log.codec.names(view.events)) for happened in page]
            days = [START + timedelta(days=days) for days in (-1, 0, 50, 123, 300, 500)]
            moments = [AsOf(position=n) for n in range(log.reader.head() + 1)]
            both = [AsOf(position=n, valid_at=day) for n in range(0, log.reader.head() + 1, 4) for day in days[2:5]]
            for moment in [
                NOW,
                *moments,
                *(AsOf(time=day) for day in days),
                *(AsOf(valid_at=day) for day in days),
                *both,
            ]:

                def counts(at: Recorded, known: datetime, valid: datetime, moment: AsOf = moment) -> bool:
                    return (
                        (moment.position is None or at.position <= moment.position)
                        and (moment.time is None or known <= moment.time)
                        and (moment.valid_at is None or valid <= moment.valid_at)
                    )

                rows = selected(pool, past(view, moment, log.reader), "opportunity_id, stage, changes")
                assert {row[0]: row[1:] for row in rows} == naive(events, counts)
                assert len(rows) == len({row[0] for row in rows})
                facts = selected(pool, counted(view.facts[0], moment, log.reader), "position, number")  # type: ignore[arg-type]
                wanted = {
                    at.position
                    for event, at in events
                    if isinstance(event, OpportunityOpened | OpportunityStageChanged)
                    and counts(at, known_at(at), at.occurred_at)
                }
                assert {row[0] for row in facts} == wanted
                assert len(set(facts)) == len(facts)

    check()


back = st.one_of(
    st.builds(CancelOrder, order_id=orders_),
    st.builds(CancelOrderLines, order_id=orders_, lines=lines),
    st.builds(ReturnLines, order_id=orders_, lines=lines),
    merges,
)
placed = st.lists(
    st.builds(PlaceOrder, order_id=orders_, customer_id=customers, lines=lines, cost=st.none() | prices), min_size=3
)
bought = st.tuples(placed, lived(back)).map(lambda both: [*((asked, START) for asked in both[0]), *both[1]])
"""Histories in which something is ordered, and some of it called off or taken back."""


def test_sales_add_up_to_what_each_order_is_worth(new_database: Callable[[], str]) -> None:
    @given(history=bought)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]]) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, [orders])
            engine.prepare()
            engine.catch_up()
            sheets = {key: sheet for key, sheet in held(pool, orders).items() if sheet.placed_at is not None}
            costs = selected(pool, sql.SQL("views.sales group by owner_id"), "owner_id, sum(cost)")
            assert {key: cost or 0 for key, cost in costs if key in sheets} == {
                key: sheet.cost or 0 for key, sheet in sheets.items()
            }
            rows = selected(
                pool,
                sql.SQL("views.sales group by owner_id"),
                "owner_id, sum(amount), sum(quantity), sum(orders), "
                "sum(quantity) filter (where kind = 'PLACED'), sum(amount) filter (where kind = 'PLACED')",
            )
            found = {row[0]: row[1:] for row in rows if row[0] in sheets}
            assert found.keys() == sheets.keys()
            for key, sheet in sheets.items():
                net, pieces, orders_, ordered, total = found[key]
                assert net == sheet.total - sheet.returned
                assert pieces == sheet.pieces - sum(sheet.gone.values())
                assert (orders_, ordered, total) == (1, sheet.pieces, sheet.total)
                if sheet.nothing_left:
                    assert (pieces, sheet.cost or 0) == (0, 0)

    check()


def test_a_cost_is_shared_out_exactly() -> None:
    assert shared_out(Decimal(10), [Decimal(1), Decimal(1), Decimal(1)]) == [
        Decimal("3.3333"), Decimal("3.3333"), Decimal("3.3334"),
    ]  # fmt: skip
    assert shared_out(Decimal(10), [Decimal(0), Decimal(0)]) == [5, 5]
    assert shared_out(None, [Decimal(1)]) == [None]
