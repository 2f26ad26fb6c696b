"""What stands on the sheet of an opportunity."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from domain.deal import (
    AddOpportunityLine,
    ForecastCategory,
    MoveCloseDate,
    NoteCompetitor,
    OverrideProbability,
    RemoveOpportunityLine,
    SetForecastCategory,
    SetNextStep,
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
from eventstore.envelope import Request
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import opportunities
from projections.selling.opportunities import OpportunitySheet, OpportunityStatus
from tests.conftest import House

ID, ANA, EVA, ORDER = (derived(noun, 1) for noun in ("opportunity", "customer", "staff", "order"))
DAY = datetime(2026, 3, 1, tzinfo=UTC)
OPEN = OpenOpportunity(
    opportunity_id=ID,
    name="The roof",
    pipeline="b2b",
    amount=Decimal(100),
    currency="GBP",
    rate=Decimal("1.2"),
    base_currency="EUR",
    close_on=date(2026, 6, 1),
    source="fair",
    product="ROOF",
)


def sheet(house: House, *commands: Command) -> OpportunitySheet:
    """The sheet after all of this was asked, a day after the other from the first of March on."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=DAY + n * timedelta(days=1)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool).get(opportunities.view, [ID])[ID]


def test_what_is_opened_stands_there_with_its_worth_and_without_its_name(house: House) -> None:
    row = sheet(house, OPEN)
    assert (row.status, row.pipeline, row.pipeline_version, row.stage) == (OpportunityStatus.OPEN, "b2b", 1, None)
    assert (row.amount, row.currency, row.base_amount, row.base_currency) == (Decimal(100), "GBP", Decimal(120), "EUR")
    assert (row.close_on, row.source, row.product, row.opened_at, row.stage_since) == (
        date(2026, 6, 1), "fair", "ROOF", DAY, DAY,
    )  # fmt: skip
    assert "roof" not in repr(row)


def test_whose_it_is_and_who_makes_it_may_be_known_later(house: House) -> None:
    row = sheet(
        house, OPEN, IdentifyOpportunityCustomer(opportunity_id=ID, customer_id=ANA),
        AssignOpportunity(opportunity_id=ID, staff_id=EVA),
    )  # fmt: skip
    assert (row.customer_id, row.staff_id) == (ANA, EVA)


def test_another_stage_ends_what_was_said_of_the_probability_of_the_one_before(house: House) -> None:
    half = OverrideProbability(opportunity_id=ID, probability=Decimal("0.5"))
    assert sheet(house, OPEN, half).overridden == Decimal("0.5")
    to_offer = ChangeOpportunityStage(opportunity_id=ID, stage="OFFER", probability=Decimal("0.7"), pipeline_version=2)
    row = sheet(house, to_offer)
    assert (row.stage, row.probability, row.overridden, row.pipeline_version) == ("OFFER", Decimal("0.7"), None, 2)
    again = sheet(house, SetForecastCategory(opportunity_id=ID, category=ForecastCategory.COMMIT))
    assert (again.forecast_category, again.stage_since) == (ForecastCategory.COMMIT, DAY)


def test_a_version_of_the_pipeline_alone_is_no_other_stage(house: House) -> None:
    offer = ChangeOpportunityStage(opportunity_id=ID, stage="OFFER")
    row = sheet(house, OPEN, offer, ChangeOpportunityStage(opportunity_id=ID, stage="OFFER", pipeline_version=3))
    assert (row.pipeline_version, row.stage_since) == (3, DAY + timedelta(days=1))


def test_what_is_expected_may_change(house: House) -> None:
    row = sheet(
        house, OPEN, ReviseOpportunityAmount(opportunity_id=ID, amount=Decimal(50)),
        MoveCloseDate(opportunity_id=ID, close_on=date(2026, 7, 1)), NoteCompetitor(opportunity_id=ID, competitor="Acme"),
        SetNextStep(opportunity_id=ID, text="Call", due_at=DAY + timedelta(days=9)),
    )  # fmt: skip
    assert (row.amount, row.base_amount, row.close_on) == (Decimal(50), Decimal(60), date(2026, 7, 1))
    assert (row.competitor, row.next_step_due_at) == ("Acme", DAY + timedelta(days=9))


def test_a_sale_that_was_made_is_won_for_what_it_came_to(house: House) -> None:
    row = sheet(house, OPEN, WinOpportunity(opportunity_id=ID, order_id=ORDER, amount=Decimal(90)))
    assert (row.status, row.amount, row.base_amount, row.order_id) == (
        OpportunityStatus.WON,
        Decimal(90),
        Decimal(108),
        ORDER,
    )
    assert (row.won_at, row.lost_at) == (DAY + timedelta(days=1), None)


def test_what_was_lost_may_be_taken_up_again(house: House) -> None:
    lost = sheet(house, OPEN, LoseOpportunity(opportunity_id=ID, reason="PRICE", competitor="Acme"))
    assert (lost.status, lost.lost_because, lost.competitor, lost.lost_at) == (
        OpportunityStatus.LOST, "PRICE", "Acme", DAY + timedelta(days=1),
    )  # fmt: skip
    row = sheet(house, ReopenOpportunity(opportunity_id=ID, stage="OFFER"))
    assert (row.status, row.lost_because, row.lost_at, row.stage, row.reopened) == (
        OpportunityStatus.OPEN, None, None, "OFFER", 1,
    )  # fmt: skip
    assert row.competitor == "Acme"


def test_what_is_taken_up_again_where_it_stood_is_there_since_then(house: House) -> None:
    row = sheet(
        house, OPEN, ChangeOpportunityStage(opportunity_id=ID, stage="OFFER"),
        LoseOpportunity(opportunity_id=ID, reason="PRICE"), ReopenOpportunity(opportunity_id=ID),
    )  # fmt: skip
    assert (row.stage, row.stage_since, row.passed) == ("OFFER", DAY + timedelta(days=3), ("", "OFFER"))


def test_its_goods_are_those_of_the_lines_that_are_left(house: House) -> None:
    lines = [
        AddOpportunityLine(opportunity_id=ID, line_id=line, sku=sku, quantity=1, unit_price=Decimal(5))
        for line, sku in (("1", "TILE"), ("2", "BEAM"), ("3", "TILE"), ("4", "NAIL"))
    ]
    row = sheet(house, OPEN, *lines, RemoveOpportunityLine(opportunity_id=ID, line_id="4"))
    assert row.skus == ("BEAM", "TILE")
