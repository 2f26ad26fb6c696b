"""Offers."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command, Event
from domain.offer import (
    AcceptOffer,
    DeclineOffer,
    ExpireOffer,
    MakeOffer,
    OfferAccepted,
    OfferDeclined,
    OfferExpired,
    OfferMade,
    decider,
)
from tests.domain.scenario import but, given

OFFER, ANA, ORDER, OTHER = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
SAID: dict[str, Any] = {
    "customer_id": ANA,
    "offer": "SPRING",
    "title": "Ten per cent on lamps",
    "sku": "L-1",
    "discount": Decimal("0.1"),
    "campaign_id": UUID(int=5),
    "limited_to": 20,
    "valid_until": datetime(2026, 6, 1, tzinfo=UTC),
}
MAKE, MADE = MakeOffer(offer_id=OFFER, **SAID), OfferMade(**SAID)
ACCEPT, DECLINE = AcceptOffer(offer_id=OFFER, order_id=ORDER), DeclineOffer(offer_id=OFFER, reason="Too dear")
EXPIRE, WITHDRAW = ExpireOffer(offer_id=OFFER), ExpireOffer(offer_id=OFFER, reason="SOLD_OUT")
ACCEPTED, DECLINED = OfferAccepted(order_id=ORDER), OfferDeclined(reason="Too dear")
EXPIRED, WITHDRAWN = OfferExpired(), OfferExpired(reason="SOLD_OUT")
ENDS: list[tuple[Command, Event, str]] = [
    (ACCEPT, ACCEPTED, "accepted"),
    (DECLINE, DECLINED, "declined"),
    (EXPIRE, EXPIRED, "expired"),
    (WITHDRAW, WITHDRAWN, "expired"),
]


def test_an_offer_is_made_once() -> None:
    state = given(decider).when(MAKE).then(MADE)
    assert decider.customer_of(ACCEPT, state) == ANA
    given(decider, MADE).when(MAKE).then_nothing()
    given(decider, MADE, ACCEPTED).when(MAKE).then_nothing()
    given(decider, MADE).when(but(MAKE, offer="SUMMER")).refused(
        "This offer is already made. Expire it and make another one instead."
    )


@pytest.mark.parametrize(("asked", "happened", "_"), ENDS)
def test_an_offer_ends_once(asked: Command, happened: Event, _: str) -> None:
    given(decider, MADE).when(asked).then(happened)
    given(decider, MADE, happened).when(asked).then_nothing()
    given(decider).when(asked).refused("This offer is not made yet.", "offer_id")


@pytest.mark.parametrize(("_", "first", "word"), ENDS)
def test_of_two_who_end_it_at_once_the_first_is_right(_: Command, first: Event, word: str) -> None:
    for asked, happened, _word in ENDS:
        if happened == first:
            continue
        late = given(decider, MADE, first).when(asked)
        over = asked is EXPIRE or (asked is WITHDRAW and first is EXPIRED)
        late.then_nothing() if over else late.refused(f"This offer is already {word}.")


def test_an_offer_is_taken_back_for_a_reason_that_is_a_code() -> None:
    given(decider, MADE).when(but(WITHDRAW, reason=" ")).refused("The reason must not be blank.", "reason")


def test_an_accepted_offer_belongs_to_one_order() -> None:
    given(decider, MADE, ACCEPTED).when(but(ACCEPT, order_id=None)).then_nothing()
    given(decider, MADE, ACCEPTED).when(but(ACCEPT, order_id=OTHER)).refused(
        "This offer is already accepted. Make another one for this order.", "order_id"
    )


def test_an_offer_may_have_a_price_of_its_own() -> None:
    priced = {"discount": None, "price": Decimal("9.505"), "currency": "EUR"}
    given(decider).when(but(MAKE, **priced)).then(OfferMade(**SAID | priced))


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"offer": ""}, "The offer must not be blank.", "offer"),
        ({"title": " "}, "The title must not be blank.", "title"),
        ({"sku": " "}, "The sku must not be blank.", "sku"),
        ({"discount": Decimal("1.1")}, "The discount must be from 0 to 1.", "discount"),
        ({"price": Decimal(1), "currency": "EUR"}, "Give a discount or a price, not both.", "discount"),
        ({"discount": None, "price": Decimal(1)}, "Give the price with its currency.", "currency"),
        ({"currency": "EUR"}, "Give the price with its currency.", "price"),
        (
            {"discount": None, "price": Decimal(1), "currency": "EURO"},
            "There is no currency 'EURO': give an ISO 4217 code such as EUR.",
            "currency",
        ),
        ({"discount": None, "price": Decimal(-1), "currency": "EUR"}, "The price must be zero or more.", "price"),
        ({"limited_to": 0}, "The limited to must be from 1 to 1000000000.", "limited_to"),
        (
            {"valid_until": datetime(2026, 6, 1)},  # noqa: DTZ001  # that is what is wrong
            "Give the moment with its offset, such as 2026-01-31T10:00:00Z.",
            "valid_until",
        ),
    ],
)
def test_an_offer_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(MAKE, **changes)).refused(sentence, field)
