"""Costs."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.cost import CostCategory, CostRecorded, RecordCost, decider
from domain.values import money
from tests.domain.scenario import but, given

ADVERT, SPRING = UUID(int=1), UUID(int=2)
AMOUNT = money(Decimal("1200.50"), "USD", Decimal("0.9"), "EUR")
RECORD = RecordCost(
    cost_id=ADVERT,
    category=CostCategory.MEDIA,
    amount=Decimal("1200.50"),
    currency="USD",
    rate=Decimal("0.9"),
    base_currency="EUR",
    period_from=date(2026, 3, 1),
    period_to=date(2026, 3, 31),
    allocation="media",
    campaign_id=SPRING,
    note="Agreed with Luis",
)
RECORDED = CostRecorded(
    category=CostCategory.MEDIA,
    amount=AMOUNT,
    period_from=date(2026, 3, 1),
    period_to=date(2026, 3, 31),
    allocation="media",
    campaign_id=SPRING,
    staff_id=None,
    territory_id=None,
    note="Agreed with Luis",
)
CORRECT = but(RECORD, amount=Decimal("1100.50"), note="Discount")
CORRECTED = replace(RECORDED, amount=AMOUNT.like(Decimal("1100.50")), note="Discount")


def test_a_cost_is_recorded_once() -> None:
    given(decider).when(RECORD).then(RECORDED)
    given(decider, RECORDED).when(RECORD).then_nothing()
    given(decider, RECORDED).when(but(RECORD, note="In other words")).then_nothing()
    given(decider, replace(RECORDED, note=None)).when(RECORD).then_nothing()  # the note has been forgotten


@pytest.mark.parametrize(
    "changes",
    [
        {"category": CostCategory.TOOL},
        {"period_to": date(2026, 4, 1)},
        {"allocation": None},
        {"campaign_id": None},
        {"staff_id": UUID(int=9)},
        {"territory_id": UUID(int=9)},
    ],
)
def test_another_cost_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    for asked in (RECORD, CORRECT):
        given(decider, RECORDED).when(but(asked, **changes)).refused(
            "This cost is already recorded. Correct it to zero and record another one instead."
        )


def test_a_cost_is_corrected_once_by_recording_it_with_another_amount() -> None:
    given(decider, RECORDED).when(CORRECT).then(CORRECTED)
    given(decider, RECORDED, CORRECTED).when(CORRECT).then_nothing()
    given(decider, RECORDED).when(but(RECORD, rate=Decimal(1))).then(
        replace(RECORDED, amount=money(Decimal("1200.50"), "USD", Decimal(1), "EUR"))
    )


def test_a_correction_on_top_of_another_stands_in_its_place() -> None:
    given(decider, RECORDED, CORRECTED).when(RECORD).then(RECORDED)
    nothing = replace(RECORDED, amount=AMOUNT.zero(), note=None)
    given(decider, RECORDED, CORRECTED).when(but(CORRECT, amount=Decimal(0), note=None)).then(nothing)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"amount": Decimal(-1)}, "The amount must be zero or more.", "amount"),
        ({"amount": Decimal("NaN")}, "The amount must be a number.", "amount"),
        ({"currency": "usd"}, "There is no currency 'usd': give an ISO 4217 code such as EUR.", "currency"),
        ({"rate": Decimal(0)}, "The rate must be more than zero.", "rate"),
        ({"base_currency": None}, "Give the base currency that the rate leads to.", "base_currency"),
        ({"period_to": date(2026, 2, 28)}, "The period must not end before it starts.", "period_to"),
        ({"allocation": " "}, "The allocation must not be blank.", "allocation"),
    ],
)
def test_a_cost_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    for history in ([], [RECORDED]):
        given(decider, *history).when(but(RECORD, **changes)).refused(sentence, field)


def test_a_cost_may_be_of_one_day() -> None:
    day = date(2026, 3, 1)
    given(decider).when(but(RECORD, period_to=day)).then(replace(RECORDED, period_to=day))
