"""What is said about an opportunity on the way."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.deal import (
    MAX_COMPETITORS,
    MAX_OPPORTUNITY_LINES,
    MAX_STAKEHOLDERS,
    AddOpportunityLine,
    AddStakeholder,
    CompetitorNoted,
    ForecastCategory,
    ForecastCategorySet,
    MoveCloseDate,
    NextStepSet,
    NoteCompetitor,
    OpportunityCloseDateMoved,
    OpportunityLineAdded,
    OpportunityLineRemoved,
    OpportunityProbabilityOverridden,
    OverrideProbability,
    RemoveOpportunityLine,
    SetForecastCategory,
    SetNextStep,
    StakeholderAdded,
)
from domain.opportunity import OpenOpportunity, decider
from domain.values import money
from tests.domain.scenario import but, given

DEAL, EVA, MAR = UUID(int=1), UUID(int=2), UUID(int=3)
[OPENED] = decider.decide(
    OpenOpportunity(
        opportunity_id=DEAL,
        currency="GBP",
        rate=Decimal("1.2"),
        base_currency="EUR",
        close_on=date(2026, 12, 1),
    ),
    decider.initial,
)
ADD = AddOpportunityLine(opportunity_id=DEAL, line_id="1", sku="L-1", quantity=3, unit_price=Decimal("0.1"))
ADDED = OpportunityLineAdded(
    line_id="1",
    sku="L-1",
    quantity=3,
    unit_price=Decimal("0.1"),
    value=money(Decimal("0.3"), "GBP", Decimal("1.2"), "EUR"),
)
REMOVE = RemoveOpportunityLine(opportunity_id=DEAL, line_id="1")
REMOVED = OpportunityLineRemoved(line_id="1")
INVOLVE = AddStakeholder(opportunity_id=DEAL, stakeholder_id=EVA, role="DECISION_MAKER")
INVOLVED = StakeholderAdded(stakeholder_id=EVA, role="DECISION_MAKER")


def test_a_close_date_moves() -> None:
    asked = MoveCloseDate(opportunity_id=DEAL, close_on=date(2027, 1, 15), reason="Eva is away")
    moved = OpportunityCloseDateMoved(previous=date(2026, 12, 1), close_on=date(2027, 1, 15), reason="Eva is away")
    given(decider, OPENED).when(asked).then(moved)
    given(decider, OPENED, moved).when(asked).then_nothing()
    given(decider, OPENED).when(but(asked, close_on=date(2026, 12, 1))).then_nothing()
    given(decider, OPENED).when(but(asked, reason=" ")).refused("The reason must not be blank.", "reason")


def test_a_probability_is_overridden_and_left_to_the_stage_again() -> None:
    asked = OverrideProbability(opportunity_id=DEAL, probability=Decimal("0.9"), reason="They signed")
    overridden = OpportunityProbabilityOverridden(probability=Decimal("0.9"), reason="They signed")
    given(decider, OPENED).when(asked).then(overridden)
    given(decider, OPENED, overridden).when(asked).then_nothing()
    given(decider, OPENED, overridden).when(but(asked, probability=None)).then(
        OpportunityProbabilityOverridden(probability=None, reason="They signed")
    )
    given(decider, OPENED).when(but(asked, probability=None)).then_nothing()
    given(decider, OPENED).when(but(asked, probability=Decimal("1.1"))).refused(
        "The probability must be from 0 to 1.", "probability"
    )
    given(decider, OPENED).when(but(asked, reason="")).refused("The reason must not be blank.", "reason")


def test_an_opportunity_is_counted_on_more_or_less() -> None:
    asked = SetForecastCategory(opportunity_id=DEAL, category=ForecastCategory.COMMIT)
    counted = ForecastCategorySet(category=ForecastCategory.COMMIT)
    given(decider, OPENED).when(asked).then(counted)
    given(decider, OPENED, counted).when(asked).then_nothing()
    given(decider, OPENED, counted).when(but(asked, category=ForecastCategory.OMITTED)).then(
        ForecastCategorySet(category=ForecastCategory.OMITTED)
    )


def test_a_line_is_added_with_what_it_comes_to_exactly() -> None:
    given(decider, OPENED).when(ADD).then(ADDED)
    given(decider, OPENED, ADDED).when(ADD).then_nothing()


@pytest.mark.parametrize("changes", [{"sku": "L-2"}, {"quantity": 4}, {"unit_price": Decimal("0.2")}])
def test_a_line_is_not_another_one_without_being_removed(changes: dict[str, Any]) -> None:
    other = but(ADD, **changes)
    given(decider, OPENED, ADDED).when(other).refused(
        "This line is already there with something else. Remove it first.", "line_id"
    )
    assert len(list(decider.decide(other, given(decider, OPENED, ADDED, REMOVED).state))) == 1


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"line_id": " "}, "The line must not be blank.", "line_id"),
        ({"sku": ""}, "The sku must not be blank.", "sku"),
        ({"quantity": 0}, "The quantity must be from 1 to 1000000000.", "quantity"),
        ({"unit_price": Decimal(-1)}, "The unit price must be zero or more.", "unit_price"),
    ],
)
def test_a_line_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider, OPENED).when(but(ADD, **changes)).refused(sentence, field)


def test_a_line_is_removed_once() -> None:
    given(decider, OPENED, ADDED).when(REMOVE).then(REMOVED)
    given(decider, OPENED, ADDED, REMOVED).when(REMOVE).then_nothing()
    given(decider, OPENED).when(REMOVE).refused("There was never such a line.", "line_id")


def test_lines_are_not_without_end() -> None:
    lines = [
        OpportunityLineAdded(line_id=str(n), sku="L-1", quantity=3, unit_price=ADD.unit_price, value=ADDED.value)
        for n in range(MAX_OPPORTUNITY_LINES)
    ]
    more = but(ADD, line_id="more")
    assert len(list(decider.decide(more, given(decider, OPENED, *lines[:-1]).state))) == 1
    given(decider, OPENED, *lines).when(more).refused(f"An opportunity has at most {MAX_OPPORTUNITY_LINES} lines.")
    given(decider, OPENED, *lines, REMOVED).when(ADD).then(ADDED)


def test_somebody_plays_one_part_at_a_time() -> None:
    given(decider, OPENED).when(INVOLVE).then(INVOLVED)
    given(decider, OPENED, INVOLVED).when(INVOLVE).then_nothing()
    user = but(INVOLVE, role="USER")
    given(decider, OPENED, INVOLVED).when(user).then(StakeholderAdded(stakeholder_id=EVA, role="USER"))
    given(decider, OPENED).when(but(INVOLVE, role="")).refused("The role must not be blank.", "role")


def test_without_a_role_somebody_plays_no_part_any_more() -> None:
    asked = AddStakeholder(opportunity_id=DEAL, stakeholder_id=EVA)
    gone = StakeholderAdded(stakeholder_id=EVA, role=None)
    given(decider, OPENED, INVOLVED).when(asked).then(gone)
    given(decider, OPENED, INVOLVED, gone).when(asked).then_nothing()
    given(decider, OPENED, INVOLVED, gone).when(INVOLVE).then(INVOLVED)
    given(decider, OPENED, INVOLVED).when(but(asked, stakeholder_id=MAR)).refused(
        "This was never a stakeholder. Give the role.", "role"
    )


def test_stakeholders_are_not_without_end() -> None:
    many = [StakeholderAdded(stakeholder_id=UUID(int=10 + n), role="USER") for n in range(MAX_STAKEHOLDERS)]
    given(decider, OPENED, *many[:-1]).when(INVOLVE).then(INVOLVED)
    given(decider, OPENED, *many).when(INVOLVE).refused(f"An opportunity has at most {MAX_STAKEHOLDERS} stakeholders.")
    given(decider, OPENED, INVOLVED, *many[1:]).when(INVOLVE).then_nothing()
    gone = StakeholderAdded(stakeholder_id=EVA, role=None)
    given(decider, OPENED, INVOLVED, *many[1:]).when(but(INVOLVE, role=None)).then(gone)


def test_a_competitor_is_noted_once() -> None:
    asked = NoteCompetitor(opportunity_id=DEAL, competitor="Acme")
    noted = CompetitorNoted(competitor="Acme")
    given(decider, OPENED).when(asked).then(noted)
    given(decider, OPENED, noted).when(asked).then_nothing()
    given(decider, OPENED).when(but(asked, competitor=" ")).refused("The competitor must not be blank.", "competitor")
    many = [CompetitorNoted(competitor=str(n)) for n in range(MAX_COMPETITORS)]
    given(decider, OPENED, *many[:-1]).when(asked).then(noted)
    given(decider, OPENED, *many).when(asked).refused(
        f"At most {MAX_COMPETITORS} competitors of an opportunity are kept."
    )


def test_the_next_step_is_what_was_said_last() -> None:
    asked = SetNextStep(opportunity_id=DEAL, text="Call Eva", due_at=datetime(2026, 9, 1, 9, tzinfo=UTC))
    said = NextStepSet(text="Call Eva", due_at=datetime(2026, 9, 1, 9, tzinfo=UTC))
    given(decider, OPENED).when(asked).then(said)
    given(decider, OPENED, said).when(asked).then_nothing()
    given(decider, OPENED, said).when(but(asked, text="Visit Eva")).then(
        NextStepSet(text="Visit Eva", due_at=said.due_at)
    )
    given(decider, OPENED, said).when(but(asked, due_at=None)).then(NextStepSet(text="Call Eva", due_at=None))
    given(decider, OPENED).when(but(asked, text=" ")).refused("The next step must not be blank.", "text")
    given(decider, OPENED).when(but(asked, due_at=datetime(2026, 9, 1))).refused(  # noqa: DTZ001
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "due_at"
    )
