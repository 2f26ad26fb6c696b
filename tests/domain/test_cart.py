"""Carts."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.cart import (
    MAX_CHANGES,
    MAX_ITEMS,
    AbandonCart,
    AddCartItem,
    CartAbandoned,
    CartConverted,
    CartIdentified,
    CartItemAdded,
    CartItemRemoved,
    CartQuantityChanged,
    CartStarted,
    CartStatus,
    ChangeCartQuantity,
    CheckoutStarted,
    ConvertCart,
    IdentifyCart,
    RemoveCartItem,
    StartCart,
    StartCheckout,
    decider,
)
from domain.kernel import Command, Event
from domain.values import money
from tests.domain.scenario import but, given

CART, ANA, EVA, SESSION, ORDER = (UUID(int=n) for n in range(1, 6))
START = StartCart(cart_id=CART, web_session_id=SESSION)
STARTED = CartStarted(
    customer_id=None, web_session_id=SESSION, visitor_id=SESSION, currency="EUR", rate=None, base_currency=None
)
ADD = AddCartItem(cart_id=CART, sku="A", quantity=2, unit_price=Decimal("1.255"))
ADDED = CartItemAdded(sku="A", quantity=2, unit_price=Decimal("1.255"))
REMOVE, REMOVED = RemoveCartItem(cart_id=CART, sku="A"), CartItemRemoved(sku="A")
CHANGE = ChangeCartQuantity(cart_id=CART, sku="A", quantity=3)
CHANGED = CartQuantityChanged(sku="A", quantity=3)
IDENTIFY, IDENTIFIED = IdentifyCart(cart_id=CART, customer_id=ANA), CartIdentified(customer_id=ANA)
CHECKOUT, PAYING = StartCheckout(cart_id=CART), CheckoutStarted()
CONVERT, CONVERTED = ConvertCart(cart_id=CART, order_id=ORDER), CartConverted(order_id=ORDER)
ABANDON = AbandonCart(cart_id=CART, policy="day")
ABANDONED = CartAbandoned(policy="day", value=money(Decimal("2.51"), "EUR"))


def test_a_cart_is_started_once() -> None:
    given(decider).when(START).then(STARTED)
    given(decider, STARTED).when(START).then_nothing()
    given(decider, STARTED, IDENTIFIED).when(START).then_nothing()
    for other in (but(START, currency="USD"), but(START, customer_id=ANA), but(START, web_session_id=None)):
        given(decider, STARTED).when(other).refused("This cart is already started. Start another one instead.")


@pytest.mark.parametrize(
    ("said", "concerned"),
    [
        ({"customer_id": ANA}, ANA),
        ({"customer_id": ANA, "web_session_id": SESSION}, ANA),
        ({"web_session_id": SESSION}, SESSION),
        ({}, CART),
    ],
)
def test_a_cart_concerns_its_customer_or_else_whoever_visits(said: dict[str, Any], concerned: UUID) -> None:
    asked = StartCart(cart_id=CART, **said)
    [event] = list(decider.decide(asked, decider.initial))
    assert isinstance(event, CartStarted)
    assert event.visitor_id == said.get("web_session_id", CART)
    state = decider.evolve(decider.initial, event)
    assert decider.customer_of(asked, state) == decider.customer_of(ADD, state) == concerned


def test_a_visitor_is_identified_once() -> None:
    state = given(decider, STARTED).when(IDENTIFY).then(IDENTIFIED)
    assert state.customer_id == ANA
    given(decider, STARTED, IDENTIFIED).when(IDENTIFY).then_nothing()
    given(decider, STARTED, IDENTIFIED).when(but(IDENTIFY, customer_id=EVA)).refused(
        "This cart is another customer's.", "customer_id"
    )
    given(decider, replace(STARTED, customer_id=ANA)).when(IDENTIFY).then_nothing()
    given(decider, STARTED, ADDED, CONVERTED).when(IDENTIFY).then(IDENTIFIED)


@pytest.mark.parametrize("command", [ADD, REMOVE, CHANGE, IDENTIFY, CHECKOUT, CONVERT, ABANDON])
def test_what_was_not_started_goes_no_way(command: Command) -> None:
    given(decider).when(command).refused("This cart is not started yet.", "cart_id")


def test_an_article_is_put_in_once() -> None:
    given(decider, STARTED).when(ADD).then(ADDED)
    given(decider, STARTED, ADDED).when(ADD).then_nothing()
    for other in (but(ADD, quantity=3), but(ADD, unit_price=Decimal(1))):
        given(decider, STARTED, ADDED).when(other).refused(
            "This article is already in the cart. Change its quantity instead.", "sku"
        )
    given(decider, STARTED, ADDED, REMOVED).when(ADD).then(ADDED)


def test_an_article_is_taken_out_once() -> None:
    given(decider, STARTED, ADDED).when(REMOVE).then(REMOVED)
    given(decider, STARTED, ADDED, REMOVED).when(REMOVE).then_nothing()


def test_a_quantity_changes_once_and_only_of_what_is_there() -> None:
    given(decider, STARTED, ADDED).when(CHANGE).then(CHANGED)
    given(decider, STARTED, ADDED, CHANGED).when(CHANGE).then_nothing()
    for happened in ([], [ADDED, REMOVED]):
        given(decider, STARTED, *happened).when(CHANGE).refused("This article is not in the cart.", "sku")


@pytest.mark.parametrize(
    ("happened", "command", "sentence", "field"),
    [
        (
            [],
            but(START, currency="EURO"),
            "There is no currency 'EURO': give an ISO 4217 code such as EUR.",
            "currency",
        ),
        ([], but(START, rate=Decimal(2)), "Give the base currency that the rate leads to.", "base_currency"),
        ([STARTED], but(ADD, sku=" "), "The sku must not be blank.", "sku"),
        ([STARTED], but(ADD, quantity=0), "The quantity must be from 1 to 1000000000.", "quantity"),
        ([STARTED, ADDED], but(ADD, unit_price=Decimal("sNaN")), "The unit price must be a number.", "unit_price"),
        ([STARTED, ADDED], but(CHANGE, quantity=0), "Remove the article instead.", "quantity"),
        ([STARTED, ADDED], but(CHANGE, quantity=-1), "The quantity must be from 1 to 1000000000.", "quantity"),
        ([STARTED, ADDED], but(ABANDON, policy=" "), "The policy must not be blank.", "policy"),
    ],
)
def test_what_is_asked_must_make_sense(happened: list[Event], command: Command, sentence: str, field: str) -> None:
    given(decider, *happened).when(command).refused(sentence, field)


@pytest.mark.parametrize("command", [CHECKOUT, CONVERT, ABANDON])
@pytest.mark.parametrize("happened", [[], [ADDED, REMOVED]])
def test_an_empty_cart_is_neither_paid_nor_abandoned(command: Command, happened: list[Event]) -> None:
    given(decider, STARTED, *happened).when(command).refused("There is nothing in this cart.")


def test_checkout_starts_once() -> None:
    given(decider, STARTED, ADDED).when(CHECKOUT).then(PAYING)
    given(decider, STARTED, ADDED, PAYING).when(CHECKOUT).then_nothing()
    assert given(decider, STARTED, ADDED, PAYING, CHANGED).state.status is CartStatus.CHECKOUT


def test_a_cart_becomes_one_order() -> None:
    given(decider, STARTED, ADDED).when(CONVERT).then(CONVERTED)
    given(decider, STARTED, ADDED, CONVERTED).when(CONVERT).then_nothing()
    given(decider, STARTED, ADDED, CONVERTED).when(but(CONVERT, order_id=EVA)).refused(
        "This cart has become another order.", "order_id"
    )


@pytest.mark.parametrize("command", [but(ADD, sku="B"), REMOVE, CHANGE, CHECKOUT, ABANDON])
def test_what_became_an_order_does_not_change(command: Command) -> None:
    given(decider, STARTED, ADDED, PAYING, CONVERTED).when(command).refused(
        "This cart has become an order. Start another one."
    )


def test_a_cart_is_abandoned_once_with_the_exact_sum_of_what_is_in_it() -> None:
    given(decider, STARTED, ADDED).when(ABANDON).then(ABANDONED)
    given(decider, STARTED, ADDED, ABANDONED).when(ABANDON).then_nothing()
    pounds = replace(STARTED, currency="GBP", rate=Decimal("1.17"), base_currency="EUR")
    more = CartItemAdded(sku="B", quantity=1, unit_price=Decimal("0.001"))
    given(decider, pounds, ADDED, CHANGED, more).when(ABANDON).then(
        CartAbandoned(policy="day", value=money(Decimal("3.766"), "GBP", Decimal("1.17"), "EUR"))
    )


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (but(ADD, sku="B"), replace(ADDED, sku="B")),
        (CHANGE, CHANGED),
        (CHECKOUT, PAYING),
        (CONVERT, CONVERTED),
    ],
)
def test_whoever_comes_back_takes_an_abandoned_cart_up_again(command: Any, event: Any) -> None:
    state = given(decider, STARTED, ADDED, ABANDONED).when(command).then(event)
    assert state.status is not CartStatus.ABANDONED


def test_whether_it_is_abandoned_or_bought_first_the_order_counts() -> None:
    given(decider, STARTED, ADDED, CONVERTED).when(ABANDON).refused("This cart has become an order. Start another one.")
    given(decider, STARTED, ADDED, ABANDONED).when(CONVERT).then(CONVERTED)


def test_a_cart_holds_so_many_articles() -> None:
    full = [replace(ADDED, sku=str(n)) for n in range(MAX_ITEMS)]
    given(decider, STARTED, *full).when(ADD).refused(
        f"A cart holds at most {MAX_ITEMS} articles. Start another one.", "sku"
    )
    given(decider, STARTED, *full[:-1]).when(ADD).then(ADDED)


def test_a_cart_changes_so_many_times_and_can_still_be_bought_or_abandoned() -> None:
    often = [ADDED, *(CHANGED, replace(CHANGED, quantity=2)) * ((MAX_CHANGES - 1) // 2)]
    often += [CHANGED] * (MAX_CHANGES - len(often))
    sentence = f"A cart changes at most {MAX_CHANGES} times. Start another one."
    for command in (but(ADD, sku="B"), REMOVE, but(CHANGE, quantity=9), CHECKOUT):
        given(decider, STARTED, *often).when(command).refused(sentence)
    given(decider, STARTED, *often).when(CHANGE).then_nothing()
    given(decider, STARTED, *often).when(CONVERT).then(CONVERTED)
    assert len(list(decider.decide(ABANDON, given(decider, STARTED, *often).state))) == 1
    given(decider, STARTED, *often[:-1]).when(but(CHANGE, quantity=9)).then(replace(CHANGED, quantity=9))
