"""Entitlements."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from domain.entitlement import EntitlementGranted, GrantEntitlement, decider
from domain.values import MAX_QUANTITY
from tests.domain.scenario import but, given

SEATS, ACME, SUITE = UUID(int=1), UUID(int=2), UUID(int=3)
NEW_YEAR, CHRISTMAS = date(2026, 1, 1), date(2026, 12, 25)

GRANT = GrantEntitlement(
    entitlement_id=SEATS,
    customer_id=ACME,
    product_id=SUITE,
    sku="SUITE",
    contract="C-7",
    quantity=40,
    starts_on=NEW_YEAR,
    ends_on=CHRISTMAS,
)
GRANTED = EntitlementGranted(
    customer_id=ACME,
    product_id=SUITE,
    sku="SUITE",
    contract="C-7",
    quantity=40,
    starts_on=NEW_YEAR,
    ends_on=CHRISTMAS,
)
EVE = date(2025, 12, 31)
END, ENDED = but(GRANT, ends_on=NEW_YEAR, reason="UNPAID"), replace(GRANTED, ends_on=NEW_YEAR, reason="UNPAID")
EARLY = "The end must not be before the start, unless a reason takes it back."


def test_an_entitlement_is_granted_once() -> None:
    assert given(decider).when(GRANT).then(GRANTED).customer_id == ACME
    given(decider, GRANTED).when(GRANT).then_nothing()
    assert decider.stream_of(GRANT) == SEATS


def test_an_entitlement_may_be_of_one_piece_and_have_no_end() -> None:
    asked = GrantEntitlement(entitlement_id=SEATS, customer_id=ACME, sku="SUITE", contract="C-7", starts_on=NEW_YEAR)
    granted = EntitlementGranted(
        customer_id=ACME,
        product_id=None,
        sku="SUITE",
        contract="C-7",
        quantity=1,
        starts_on=NEW_YEAR,
        ends_on=None,
    )
    given(decider).when(asked).then(granted)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 60},
        {"contract": "C-8"},
        {"starts_on": EVE},
        {"ends_on": date(2027, 12, 25)},
        {"ends_on": None},
        {"quantity": 60, "ends_on": None, "reason": "RENEWED"},
    ],
)
def test_an_entitlement_may_be_restated_and_the_last_word_counts(changes: dict[str, Any]) -> None:
    asked, restated = but(GRANT, **changes), replace(GRANTED, **changes)
    given(decider, GRANTED).when(asked).then(restated)
    given(decider, GRANTED, restated).when(asked).then_nothing()
    given(decider, GRANTED, restated).when(GRANT).then(GRANTED)


def test_an_entitlement_ends_once_and_may_be_granted_again() -> None:
    given(decider, GRANTED).when(END).then(ENDED)
    given(decider, GRANTED, ENDED).when(END).then_nothing()
    given(decider, GRANTED, ENDED).when(GRANT).then(GRANTED)


def test_an_entitlement_may_be_taken_back_before_it_starts() -> None:
    given(decider, GRANTED).when(but(END, ends_on=EVE)).then(replace(ENDED, ends_on=EVE))


def test_in_a_race_with_its_end_a_change_says_all_that_holds_after() -> None:
    given(decider, GRANTED, ENDED).when(but(GRANT, quantity=60)).then(replace(GRANTED, quantity=60))
    given(decider, GRANTED, replace(GRANTED, quantity=60)).when(END).then(ENDED)


@pytest.mark.parametrize("before", [(GRANTED,), (GRANTED, ENDED)])
def test_an_entitlement_stays_with_its_customer_and_its_product(before: tuple[EntitlementGranted, ...]) -> None:
    given(decider, *before).when(but(GRANT, customer_id=SEATS)).refused(
        "This entitlement is another customer's. Grant another one instead.", "customer_id"
    )
    for other in (but(GRANT, sku="X"), but(GRANT, product_id=None)):
        given(decider, *before).when(other).refused(
            "This entitlement is to another product. Grant another one instead.", "sku"
        )


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"sku": ""}, "The sku must not be blank.", "sku"),
        ({"contract": " "}, "The contract must not be blank.", "contract"),
        ({"quantity": 0}, f"The quantity must be from 1 to {MAX_QUANTITY}.", "quantity"),
        ({"ends_on": EVE}, EARLY, "ends_on"),
        ({"reason": " "}, "The reason must not be blank.", "reason"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(GRANT, **changes)).refused(sentence, field)
    given(decider, GRANTED).when(but(GRANT, **changes)).refused(sentence, field)


def test_an_entitlement_may_last_one_day() -> None:
    given(decider).when(but(GRANT, ends_on=NEW_YEAR)).then(replace(GRANTED, ends_on=NEW_YEAR))
