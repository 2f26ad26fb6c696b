"""Random histories of sales: opportunities in two pipelines, in two currencies, that move in every way that they can."""

from datetime import datetime
from decimal import Decimal

from hypothesis import strategies as st

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
from tests.projections.histories import customers, merges, moments, staff

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
