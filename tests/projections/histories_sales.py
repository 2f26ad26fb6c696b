"""Random histories of sales: opportunities in two pipelines, in two currencies, that move in every way that they can."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import Phase
from hypothesis import strategies as st
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain import DECIDERS
from domain.customer import ChangeCustomerProfile, RegisterCustomer
from domain.deal import (
    AddOpportunityLine,
    ForecastCategory,
    MoveCloseDate,
    OverrideProbability,
    RemoveOpportunityLine,
    SetForecastCategory,
)
from domain.kernel import Command, derived
from domain.opportunity import (
    AssignOpportunity,
    ChangeOpportunityStage,
    IdentifyOpportunityCustomer,
    LoseOpportunity,
    OpenOpportunity,
    ReopenOpportunity,
    ReviseOpportunityAmount,
    WinOpportunity,
)
from domain.pipeline import DefinePipeline, PipelineStage, StageKind, pipeline_id
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections.customers import profiles
from projections.engine import Engine
from projections.history import past
from projections.lists import Lists
from projections.selling import opportunities as sheets
from projections.selling import pipelines as defined
from projections.selling.deals import Scope
from tests.conftest import KEK
from tests.projections.histories import START, customers, live_through, merges, moments, staff

opportunities = st.integers(1, 5).map(lambda n: derived("opportunity", n))
amounts = st.integers(0, 900).map(lambda cents: Decimal(cents) / 4)
shares = st.sampled_from([Decimal(n) / 20 for n in range(21)])
stages = st.sampled_from(["PROSPECTING", "PROPOSAL", "NEGOTIATION", "ELSEWHERE"])
pipelines = st.sampled_from(["default", "default", "b2b"])
products = st.sampled_from(["ROOF", "WALL"])
territories = st.sampled_from(["NORTH", "SOUTH"])
days = moments.map(datetime.date)


def pipeline(key: str, first: Decimal) -> DefinePipeline:
    """A pipeline of three open stages, the first of which is as probable as is said."""

    def stage(
        name: str, probability: Decimal, kind: StageKind = StageKind.OPEN, days: int | None = None
    ) -> PipelineStage:
        return PipelineStage(key=name, label={"en": name}, probability=probability, kind=kind, max_days=days)

    return DefinePipeline(
        pipeline_id=pipeline_id(key),
        key=key,
        title={"en": key},
        stages=(
            stage("PROSPECTING", first, days=10),
            stage("PROPOSAL", Decimal("0.4")),
            stage("NEGOTIATION", Decimal("0.85"), days=3),
            stage("WON", Decimal(1), StageKind.WON),
            stage("LOST", Decimal(0), StageKind.LOST),
        ),
    )


opening: st.SearchStrategy[Command] = st.builds(
    OpenOpportunity,
    opportunity_id=opportunities,
    customer_id=st.none() | customers,
    pipeline=pipelines,
    pipeline_version=st.integers(1, 2),
    stage=st.none() | stages,
    probability=st.none() | shares,
    amount=st.none() | amounts,
    currency=st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
    close_on=st.none() | days,
    staff_id=st.none() | staff,
    product=st.none() | products,
    source=st.none() | st.sampled_from(["FAIR", "WEB"]),
) | st.builds(
    OpenOpportunity,
    opportunity_id=opportunities,
    customer_id=customers,
    amount=amounts,
    currency=st.just("GBP"),
    rate=st.just(Decimal("1.125")),
    base_currency=st.just("EUR"),
    close_on=days,
    staff_id=staff,
    product=products,
)
changing: st.SearchStrategy[Command] = st.one_of(
    st.builds(IdentifyOpportunityCustomer, opportunity_id=opportunities, customer_id=customers),
    st.builds(AssignOpportunity, opportunity_id=opportunities, staff_id=staff),
    st.builds(
        ChangeOpportunityStage,
        opportunity_id=opportunities,
        stage=stages,
        probability=st.none() | shares,
        pipeline_version=st.none() | st.integers(1, 2),
    ),
    st.builds(ReviseOpportunityAmount, opportunity_id=opportunities, amount=amounts),
    st.builds(MoveCloseDate, opportunity_id=opportunities, close_on=days),
    st.builds(MoveCloseDate, opportunity_id=opportunities, close_on=days),
    st.builds(OverrideProbability, opportunity_id=opportunities, probability=st.none() | shares),
    st.builds(SetForecastCategory, opportunity_id=opportunities, category=st.sampled_from(list(ForecastCategory))),
    st.builds(
        AddOpportunityLine,
        opportunity_id=opportunities,
        line_id=st.sampled_from("12"),
        sku=products,
        quantity=st.integers(1, 3),
        unit_price=amounts,
    ),
    st.builds(RemoveOpportunityLine, opportunity_id=opportunities, line_id=st.sampled_from("12")),
)
closing: st.SearchStrategy[Command] = st.one_of(
    st.builds(WinOpportunity, opportunity_id=opportunities, amount=st.none() | amounts),
    st.builds(LoseOpportunity, opportunity_id=opportunities, reason=st.just("PRICE")),
    st.builds(ReopenOpportunity, opportunity_id=opportunities, stage=st.none() | stages),
)
around: st.SearchStrategy[Command] = st.one_of(
    st.builds(pipeline, st.sampled_from(["default", "b2b"]), shares),
    st.builds(RegisterCustomer, customer_id=customers, territory=territories),
    st.builds(ChangeCustomerProfile, customer_id=customers, territory=territories),
    merges,
)

asked: st.SearchStrategy[Command] = st.one_of(opening, changing, changing, changing, changing, closing, around)

histories_of_sales = st.tuples(
    st.lists(st.tuples(opening, moments), min_size=4, max_size=8),
    st.lists(st.tuples(asked, moments), min_size=25, max_size=60),
).map(lambda parts: [*parts[0], *parts[1]])
"""Histories of those who sell: something is opened first, so that most of what is asked then can be."""

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Every example needs a database: to shrink one takes minutes."""
VIEWS = (profiles.view, defined.view, sheets.view)
History = list[tuple[Command, datetime]]

looked_at = st.integers(-5, 420).map(lambda n: START + timedelta(days=n))
SCOPES = (
    Scope(),
    Scope(currency="USD"),
    Scope(pipeline="default", sources=("FAIR",)),
    Scope(staff_ids=(derived("staff", 1),)),
    Scope(territories=("NORTH",)),
    Scope(products=("ROOF",)),
    Scope(close_from=date(2026, 4, 1), close_to=date(2026, 9, 30)),
    Scope(close_to=date(2026, 6, 30), staff_ids=(derived("staff", 1),), currency="EUR"),
)


@contextmanager
def lived_through(dsn: str, history: History) -> Iterator[tuple[Log, Lists, ConnectionPool]]:
    """A house in which all of this happened, with its views up to date."""
    with open_pool(dsn) as pool:
        log = Log(pool, DECIDERS, KeyRing(pool, KEK))
        live_through(log, history)
        engine = Engine(log, pool, VIEWS)
        engine.prepare()
        engine.catch_up()
        yield log, Lists(log, pool), pool


def territories(log: Log, pool: ConnectionPool, moment: AsOf) -> dict[UUID, str | None]:
    """Where each customer belonged then."""
    query = sql.SQL("select customer_id, territory from {}").format(past(profiles.view, moment, log.reader))
    with pool.connection() as db:
        return dict(db.execute(query).fetchall())


def two_moments(draw: Any, log: Log) -> tuple[AsOf, AsOf]:
    """Two moments of one kind, in order."""
    if draw(st.booleans()):
        first, last = sorted((draw(st.integers(0, log.reader.head())), draw(st.integers(0, log.reader.head()))))
        return AsOf(position=first), draw(st.sampled_from([AsOf(position=last), NOW]))
    since, until = sorted((draw(looked_at), draw(looked_at)))
    way = draw(st.sampled_from(["time", "valid_at"]))
    return AsOf(**{way: since}), draw(st.sampled_from([AsOf(**{way: until}), NOW]))
