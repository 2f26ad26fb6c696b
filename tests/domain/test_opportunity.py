"""Opportunities."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.deal import (
    AddStakeholder,
    ForecastCategory,
    MoveCloseDate,
    NoteCompetitor,
    OverrideProbability,
    SetForecastCategory,
)
from domain.kernel import Command, Event
from domain.lead import AssignmentCandidate
from domain.opportunity import (
    AssignOpportunity,
    ChangeOpportunityStage,
    IdentifyOpportunityCustomer,
    LoseOpportunity,
    OpenOpportunity,
    OpportunityAmountRevised,
    OpportunityAssigned,
    OpportunityCustomerIdentified,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
    ReopenOpportunity,
    ReviseOpportunityAmount,
    WinOpportunity,
    decider,
)
from domain.values import money
from tests.domain.scenario import but, events_of, given

DEAL, ANA, EVA, LUIS, MAR, ORDER = (UUID(int=n) for n in range(1, 7))
OPEN = OpenOpportunity(
    opportunity_id=DEAL,
    customer_id=ANA,
    name="Ana's new office",
    stage="PROPOSAL",
    amount=Decimal(900),
    currency="GBP",
    rate=Decimal("1.2"),
    base_currency="EUR",
    close_on=date(2026, 12, 1),
    staff_id=LUIS,
    source="fair",
    product="L-1",
)
OPENED = OpportunityOpened(
    customer_id=ANA,
    name="Ana's new office",
    pipeline="default",
    pipeline_version=1,
    stage="PROPOSAL",
    probability=None,
    amount=money(Decimal(900), "GBP", Decimal("1.2"), "EUR"),
    currency="GBP",
    rate=Decimal("1.2"),
    base_currency="EUR",
    close_on=date(2026, 12, 1),
    staff_id=LUIS,
    source="fair",
    lead_id=None,
    campaign_id=None,
    product="L-1",
)
BARE = OpenOpportunity(opportunity_id=DEAL, currency="USD")
[NOBODYS] = decider.decide(BARE, decider.initial)
ASSIGN = AssignOpportunity(opportunity_id=DEAL, staff_id=MAR)
MOVE = ChangeOpportunityStage(opportunity_id=DEAL, stage="NEGOTIATION", probability=Decimal("0.7"))
MOVED = OpportunityStageChanged(
    previous="PROPOSAL", stage="NEGOTIATION", probability=Decimal("0.7"), pipeline_version=1
)
REVISE = ReviseOpportunityAmount(opportunity_id=DEAL, amount=Decimal(1000))
WIN = WinOpportunity(opportunity_id=DEAL, order_id=ORDER, amount=Decimal(850))
WON = OpportunityWon(amount=money(Decimal(850), "GBP", Decimal("1.2"), "EUR"), order_id=ORDER)
LOSE = LoseOpportunity(opportunity_id=DEAL, reason="PRICE", competitor="Acme", note="Too dear for Ana")
LOST = OpportunityLost(reason="PRICE", competitor="Acme", note="Too dear for Ana")
REOPEN = ReopenOpportunity(opportunity_id=DEAL)
REOPENED = OpportunityReopened(stage="PROPOSAL", reason=None)
IDENTIFY = IdentifyOpportunityCustomer(opportunity_id=DEAL, customer_id=EVA)


def test_an_opportunity_is_opened_once() -> None:
    state = given(decider).when(OPEN).then(OPENED)
    assert (state.customer_id, state.stage, state.staff_id, state.said.close_on) == (
        ANA,
        "PROPOSAL",
        LUIS,
        date(2026, 12, 1),
    )
    given(decider, OPENED).when(OPEN).then_nothing()
    given(decider, OPENED, MOVED, WON).when(OPEN).then_nothing()


@pytest.mark.parametrize(
    "changes", [{"name": "Another office"}, {"amount": None}, {"rate": Decimal("1.3")}, {"staff_id": MAR}]
)
def test_another_opportunity_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    given(decider, OPENED).when(but(OPEN, **changes)).refused(
        "This opportunity is already open. Change what is different instead."
    )


def test_an_opportunity_may_be_nobody_s_without_a_date_and_an_amount() -> None:
    assert isinstance(NOBODYS, OpportunityOpened)
    assert (NOBODYS.customer_id, NOBODYS.amount, NOBODYS.close_on, NOBODYS.stage) == (None, None, None, None)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"amount": Decimal(-1)}, "The amount must be zero or more.", "amount"),
        ({"amount": Decimal("NaN")}, "The amount must be a number.", "amount"),
        ({"probability": Decimal("1.01")}, "The probability must be from 0 to 1.", "probability"),
        ({"currency": "POUND"}, "There is no currency 'POUND': give an ISO 4217 code such as EUR.", "currency"),
        ({"base_currency": None}, "Give the base currency that the rate leads to.", "base_currency"),
        ({"stage": ""}, "The stage must not be blank.", "stage"),
        ({"stage": "Won"}, "Win the opportunity instead.", "stage"),
        ({"pipeline": " "}, "The pipeline must not be blank.", "pipeline"),
        ({"pipeline_version": 0}, "The pipeline version must be from 1 to 1000000.", "pipeline_version"),
        ({"name": " "}, "The name must not be blank.", "name"),
    ],
)
def test_an_opportunity_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(OPEN, **changes)).refused(sentence, field)


@pytest.mark.parametrize(
    "command",
    [
        *(ASSIGN, MOVE, REVISE, WIN, LOSE, REOPEN, IDENTIFY),
        MoveCloseDate(opportunity_id=DEAL, close_on=date(2027, 1, 1)),
        AddStakeholder(opportunity_id=DEAL, stakeholder_id=EVA, role="USER"),
    ],
)
def test_what_was_not_opened_is_no_opportunity(command: Command) -> None:
    given(decider).when(command).refused("This opportunity is not open yet.", "opportunity_id")


def test_it_may_become_known_later_whose_an_opportunity_is() -> None:
    identified = OpportunityCustomerIdentified(customer_id=EVA)
    state = given(decider, NOBODYS).when(IDENTIFY).then(identified)
    assert state.customer_id == EVA
    given(decider, NOBODYS, identified).when(IDENTIFY).then_nothing()
    given(decider, NOBODYS, identified).when(BARE).then_nothing()
    given(decider, NOBODYS, WON).when(IDENTIFY).then(identified)


def test_of_two_who_identify_the_customer_only_one_does() -> None:
    for happened in ([OPENED], [NOBODYS, OpportunityCustomerIdentified(customer_id=ANA)]):
        given(decider, *happened).when(IDENTIFY).refused(
            "This opportunity is another customer's already.", "customer_id"
        )


def test_an_opportunity_is_assigned_by_somebody_or_by_a_rule() -> None:
    by_hand = OpportunityAssigned(staff_id=MAR, previous=LUIS, rule=None, rule_version=None, candidates=())
    given(decider, OPENED).when(ASSIGN).then(by_hand)
    given(decider, OPENED, by_hand).when(ASSIGN).then_nothing()
    given(decider, OPENED).when(but(ASSIGN, staff_id=LUIS)).then_nothing()
    best = (AssignmentCandidate(staff_id=MAR, score=Decimal("81.5")),)
    given(decider, NOBODYS).when(but(ASSIGN, rule="fit", rule_version=2, candidates=best)).then(
        OpportunityAssigned(staff_id=MAR, previous=None, rule="fit", rule_version=2, candidates=best)
    )
    given(decider, OPENED).when(but(ASSIGN, staff_id=EVA, candidates=best)).refused(
        "Choose one of the candidates.", "staff_id"
    )


def test_an_opportunity_moves_from_stage_to_stage() -> None:
    given(decider, OPENED).when(MOVE).then(MOVED)
    given(decider, OPENED, MOVED).when(MOVE).then_nothing()
    given(decider, OPENED, MOVED).when(but(MOVE, probability=None)).then_nothing()
    given(decider, OPENED, MOVED).when(but(MOVE, stage="PROPOSAL", probability=None)).then(
        OpportunityStageChanged(previous="NEGOTIATION", stage="PROPOSAL", probability=None, pipeline_version=1)
    )
    given(decider, NOBODYS).when(MOVE).then(
        OpportunityStageChanged(previous=None, stage="NEGOTIATION", probability=Decimal("0.7"), pipeline_version=1)
    )


def test_an_opportunity_moves_to_another_version_of_its_pipeline() -> None:
    asked = but(MOVE, pipeline_version=2)
    moved = OpportunityStageChanged(
        previous="NEGOTIATION", stage="NEGOTIATION", probability=Decimal("0.7"), pipeline_version=2
    )
    given(decider, OPENED, MOVED).when(asked).then(moved)
    given(decider, OPENED, MOVED, moved).when(asked).then_nothing()
    given(decider, OPENED, MOVED, moved).when(MOVE).then_nothing()


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"stage": " "}, "The stage must not be blank.", "stage"),
        ({"stage": "WON"}, "Win the opportunity instead.", "stage"),
        ({"stage": "Lost"}, "Lose the opportunity instead.", "stage"),
        ({"probability": Decimal(2)}, "The probability must be from 0 to 1.", "probability"),
        ({"pipeline_version": 0}, "The pipeline version must be from 1 to 1000000.", "pipeline_version"),
        (
            {"probability": Decimal("0.6")},
            "It is at this stage already. Override the probability instead.",
            "probability",
        ),
    ],
)
def test_a_stage_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, OPENED, MOVED).when(but(MOVE, **changes)).refused(sentence, field)


def test_an_amount_is_revised_at_the_rate_of_before() -> None:
    before = money(Decimal(900), "GBP", Decimal("1.2"), "EUR")
    revised = OpportunityAmountRevised(amount=money(Decimal(1000), "GBP", Decimal("1.2"), "EUR"), previous=before)
    given(decider, OPENED).when(REVISE).then(revised)
    given(decider, OPENED).when(but(REVISE, currency="GBP", base_currency="EUR")).then(revised)
    given(decider, OPENED, revised).when(REVISE).then_nothing()
    given(decider, NOBODYS).when(REVISE).then(
        OpportunityAmountRevised(amount=money(Decimal(1000), "USD"), previous=None)
    )


def test_an_amount_is_revised_in_another_currency_with_the_same_base() -> None:
    dollars = but(REVISE, currency="USD", rate=Decimal("0.9"), base_currency="EUR")
    revised = OpportunityAmountRevised(
        amount=money(Decimal(1000), "USD", Decimal("0.9"), "EUR"), previous=OPENED.amount
    )
    given(decider, OPENED).when(dollars).then(revised)
    given(decider, OPENED, revised).when(but(WIN, amount=Decimal(10))).then(
        OpportunityWon(amount=money(Decimal(10), "USD", Decimal("0.9"), "EUR"), order_id=ORDER)
    )
    euros = but(REVISE, currency="EUR")
    given(decider, OPENED).when(euros).then(
        OpportunityAmountRevised(amount=money(Decimal(1000), "EUR"), previous=OPENED.amount)
    )


@pytest.mark.parametrize(
    "changes",
    [{"currency": "USD"}, {"currency": "USD", "rate": Decimal(2), "base_currency": "GBP"}],
)
def test_amounts_that_could_not_be_added_up_are_refused(changes: dict[str, Any]) -> None:
    given(decider, OPENED).when(but(REVISE, **changes)).refused(
        "This opportunity is reckoned in EUR: give the rate to it.", "base_currency"
    )


def test_a_revised_amount_is_an_amount() -> None:
    given(decider, OPENED).when(but(REVISE, amount=Decimal(-1))).refused("The amount must be zero or more.", "amount")


def test_an_opportunity_is_won_for_what_it_came_to() -> None:
    given(decider, OPENED).when(WIN).then(WON)
    given(decider, OPENED, WON).when(WIN).then_nothing()
    given(decider, OPENED, WON).when(but(WIN, order_id=None)).then_nothing()
    given(decider, OPENED, WON).when(WinOpportunity(opportunity_id=DEAL)).then_nothing()
    given(decider, OPENED).when(WinOpportunity(opportunity_id=DEAL)).then(
        OpportunityWon(amount=OPENED.amount, order_id=None)
    )
    given(decider, NOBODYS).when(WinOpportunity(opportunity_id=DEAL)).then(OpportunityWon(amount=None, order_id=None))
    given(decider, NOBODYS).when(but(WIN, amount=Decimal(1054))).then(
        OpportunityWon(amount=money(Decimal(1054), "USD"), order_id=ORDER)
    )
    given(decider, OPENED).when(but(WIN, amount=Decimal(-1))).refused("The amount must be zero or more.", "amount")


def test_an_opportunity_is_lost_for_one_reason() -> None:
    given(decider, OPENED).when(LOSE).then(LOST)
    given(decider, OPENED, LOST).when(LOSE).then_nothing()
    given(decider, OPENED, LOST).when(but(LOSE, competitor=None)).then_nothing()
    given(decider, OPENED).when(but(LOSE, reason=" ")).refused("The reason must not be blank.", "reason")
    given(decider, OPENED).when(but(LOSE, competitor="")).refused("The competitor must not be blank.", "competitor")


def test_of_two_who_close_an_opportunity_only_one_does() -> None:
    for command in (LOSE, but(WIN, amount=Decimal(1)), but(WIN, order_id=DEAL)):
        given(decider, OPENED, WON).when(command).refused("This opportunity is won. Reopen it first.")
    for command in (WIN, but(LOSE, reason="TIMING"), but(LOSE, competitor="Other")):
        given(decider, OPENED, LOST).when(command).refused("This opportunity is lost. Reopen it first.")


CLOSING = pytest.mark.parametrize(("closed", "how"), [(WON, "won"), (LOST, "lost")])


@CLOSING
@pytest.mark.parametrize(
    "command",
    [
        *(ASSIGN, MOVE, REVISE),
        MoveCloseDate(opportunity_id=DEAL, close_on=date(2027, 1, 1)),
        SetForecastCategory(opportunity_id=DEAL, category=ForecastCategory.COMMIT),
    ],
)
def test_what_is_closed_does_not_change(closed: Event, how: str, command: Command) -> None:
    given(decider, OPENED, closed).when(command).refused(f"This opportunity is {how}. Reopen it first.")
    assert list(decider.decide(command, given(decider, OPENED, closed, REOPENED).state))


@CLOSING
def test_who_had_a_say_and_who_competed_may_be_told_late(closed: Event, how: str) -> None:
    for command in (
        AddStakeholder(opportunity_id=DEAL, stakeholder_id=EVA, role="USER"),
        NoteCompetitor(opportunity_id=DEAL, competitor="Acme"),
    ):
        assert list(decider.decide(command, given(decider, OPENED, closed).state)), how


@CLOSING
def test_what_is_closed_can_be_opened_again(closed: Event, how: str) -> None:
    asked = but(REOPEN, stage="NEGOTIATION", reason="Ana called")
    state = given(decider, OPENED, closed).when(REOPEN).then(REOPENED)
    assert (state.stage, state.closed) == ("PROPOSAL", None), how
    again = OpportunityReopened(stage="NEGOTIATION", reason="Ana called")
    given(decider, OPENED, closed).when(asked).then(again)
    given(decider, OPENED, closed, again).when(asked).then_nothing()
    given(decider, OPENED, closed, REOPENED).when(REOPEN).then_nothing()
    given(decider, OPENED, closed, REOPENED).when(LOSE).then(LOST)


def test_what_is_open_is_not_reopened_elsewhere() -> None:
    given(decider, OPENED).when(REOPEN).then_nothing()
    given(decider, OPENED).when(but(REOPEN, stage="NEGOTIATION")).refused(
        "This opportunity is open. Change its stage instead.", "stage"
    )
    given(decider, OPENED, LOST).when(but(REOPEN, stage="Won")).refused("Win the opportunity instead.", "stage")


def test_what_was_said_of_a_stage_does_not_hold_at_the_next() -> None:
    override = OverrideProbability(opportunity_id=DEAL, probability=Decimal("0.9"))
    moved = [OPEN, override, MOVE, override]
    assert len(events_of(decider, moved)) == 4
    elsewhere = ReopenOpportunity(opportunity_id=DEAL, stage="QUALIFICATION")
    assert len(events_of(decider, [OPEN, override, LOSE, elsewhere, override])) == 5
    assert len(events_of(decider, [OPEN, override, LOSE, REOPEN, override])) == 4
    state = given(decider, OPENED, MOVED, LOST, OpportunityReopened(stage="PROPOSAL", reason=None)).state
    assert state.probability is None
