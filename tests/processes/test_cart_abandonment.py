"""P07: a cart that nobody comes back to is taken to be left, and whoever left it is reminded once."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.cart import (
    AbandonCart,
    AddCartItem,
    CartAbandoned,
    ChangeCartQuantity,
    ConvertCart,
    IdentifyCart,
    RemoveCartItem,
    StartCart,
    StartCheckout,
)
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.kernel import derived
from eventstore.envelope import Origin
from processes import cart_abandonment
from processes.transports import Answer, Deferred
from tests.conftest import House
from tests.processes.doomed import Postbox
from tests.processes.shop import NEW_YORK, Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=[cart_abandonment.policy])


def customer(shop: Shop, *, agrees: bool = True, **said: Any) -> UUID:
    found = shop.customer(**said)
    if agrees:
        shop.do(GrantConsent(customer_id=found, purpose=Purpose.MARKETING))
    return found


def fill(
    shop: Shop, whose: UUID | None, on: str, *, price: str = "20", number: int = 1, origin: Origin = Origin.LIVE
) -> UUID:
    """A cart with one thing in it."""
    cart = derived("cart", number)
    shop.do(StartCart(cart_id=cart, customer_id=whose), on, origin)
    shop.do(AddCartItem(cart_id=cart, sku="cup", quantity=1, unit_price=Decimal(price)), on, origin)
    return cart


def abandoned(shop: Shop) -> list[tuple[UUID, str | None, str | None]]:
    return [
        (at.stream_id, event.policy, local(at.occurred_at))
        for event, at in shop.events()
        if isinstance(event, CartAbandoned)
    ]


def rows(shop: Shop, step: str) -> list[tuple[str, str | None]]:
    return [(entry.status.value, entry.reason) for entry in shop.ledger(step)]


def test_a_cart_is_left_after_an_hour_and_its_owner_reminded_after_a_day(shop: Shop) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    shop.until("2026-03-03 12:59")
    assert abandoned(shop) == []
    shop.until("2026-03-03 13:00")
    assert abandoned(shop) == [(cart, "cart-abandonment", "2026-03-03 13:00")]
    [message] = shop.ledger("message")
    assert (local(message.wanted_at), local(message.due_at)) == ("2026-03-04 12:00", "2026-03-04 12:00")
    shop.until("2026-03-04 11:59")
    assert shop.mails() == []
    shop.until("2026-03-04 12:00")
    [mail] = shop.mails()
    assert mail["Subject"] == "Su carrito le espera en La Tienda"
    assert "artículos por 20,00 EUR" in mail.get_body().get_content()
    assert (rows(shop, "abandon"), rows(shop, "message")) == ([("DONE", "ABANDONED")], [("DELIVERED", None)])


@pytest.mark.parametrize(
    "change",
    [
        AddCartItem(cart_id=derived("cart", 1), sku="pot", quantity=1, unit_price=Decimal(5)),
        ChangeCartQuantity(cart_id=derived("cart", 1), sku="cup", quantity=2),
        StartCheckout(cart_id=derived("cart", 1)),
    ],
)
def test_every_change_begins_the_hour_and_the_day_anew(shop: Shop, change: Any) -> None:
    fill(shop, customer(shop), "2026-03-03 12:00")
    shop.until("2026-03-03 12:30")
    shop.do(change, "2026-03-03 12:30")
    shop.until("2026-03-03 13:29")
    assert abandoned(shop) == []
    shop.until("2026-03-03 13:30")
    assert [at for _, _, at in abandoned(shop)] == ["2026-03-03 13:30"]
    assert rows(shop, "abandon") == [("CANCELLED", "CART_CHANGED"), ("DONE", "ABANDONED")]
    shop.until("2026-03-04 12:29")
    assert shop.mails() == []
    shop.until("2026-03-04 12:30")
    assert len(shop.mails()) == 1


def test_a_change_that_nobody_has_reacted_to_yet_counts(shop: Shop) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    shop.until("2026-03-03 12:30")
    shop.do(ChangeCartQuantity(cart_id=cart, sku="cup", quantity=2), "2026-03-03 12:30")
    shop.worker.runner.fire(moment("2026-03-03 13:00"))
    assert abandoned(shop) == []
    assert rows(shop, "abandon") == [("CANCELLED", "CART_CHANGED")]


def test_who_comes_back_to_a_cart_is_reminded_after_the_last_time_alone(shop: Shop) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    shop.until("2026-03-03 15:00")
    shop.do(ChangeCartQuantity(cart_id=cart, sku="cup", quantity=3), "2026-03-03 15:00")
    shop.until("2026-03-03 15:00")
    assert rows(shop, "message") == [("CANCELLED", "CART_CHANGED")]
    shop.until("2026-03-03 16:00")
    shop.until("2026-03-04 15:00")
    assert len(abandoned(shop)) == 2
    assert rows(shop, "message") == [("CANCELLED", "CART_CHANGED"), ("DELIVERED", None)]
    assert len(shop.mails()) == 1


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_an_emptied_cart_is_not_left(shop: Shop, seen: str) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    if seen == "at once":
        shop.worker.run()
    else:
        shop.now = moment("2026-03-03 14:00")
    shop.do(RemoveCartItem(cart_id=cart, sku="cup"), "2026-03-03 12:10")
    shop.until("2026-03-03 14:00")
    assert abandoned(shop) == []
    assert rows(shop, "abandon") == [("CANCELLED", "CART_EMPTIED")]
    assert rows(shop, "none") == [("SUPPRESSED", "CART_EMPTIED")]


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_a_cart_that_became_an_order_is_not_left(shop: Shop, seen: str) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    if seen == "at once":
        shop.worker.run()
    else:
        shop.now = moment("2026-03-03 14:00")
    shop.do(ConvertCart(cart_id=cart, order_id=derived("order", 1)), "2026-03-03 12:10")
    shop.until("2026-03-03 14:00")
    assert abandoned(shop) == []
    assert rows(shop, "abandon") == [("CANCELLED", "ORDERED")]


@pytest.mark.parametrize("how", ["the cart", "another way"])
def test_who_orders_after_all_is_not_reminded(shop: Shop, how: str) -> None:
    whose = customer(shop)
    cart = fill(shop, whose, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    if how == "the cart":
        shop.do(ConvertCart(cart_id=cart, order_id=derived("order", 1)), "2026-03-03 14:00")
    else:
        shop.order(whose, "2026-03-03 14:00")
    shop.until("2026-03-03 14:00")
    assert rows(shop, "message") == [("CANCELLED", "ORDERED")]
    shop.until("2026-03-04 12:00")
    assert shop.mails() == []


def test_an_order_from_before_is_no_reason_not_to_be_reminded(shop: Shop) -> None:
    whose = customer(shop)
    shop.order(whose, "2026-03-03 11:00")
    fill(shop, whose, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    shop.until("2026-03-04 12:00")
    assert len(shop.mails()) == 1


# To whom.


def test_of_an_unknown_visitor_the_cart_is_left_without_a_message(shop: Shop) -> None:
    fill(shop, None, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    assert len(abandoned(shop)) == 1
    assert rows(shop, "message") == [("SUPPRESSED", "NOT_IDENTIFIED")]


def test_a_visitor_who_turns_out_to_be_a_customer_is_reminded(shop: Shop) -> None:
    cart = fill(shop, None, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    shop.do(IdentifyCart(cart_id=cart, customer_id=customer(shop)), "2026-03-03 14:00")
    for time in ("2026-03-03 14:00", "2026-03-03 15:00", "2026-03-04 14:00"):
        shop.until(time)
    assert rows(shop, "message") == [("SUPPRESSED", "NOT_IDENTIFIED"), ("DELIVERED", None)]
    assert len(abandoned(shop)) == 1  # it had been left already


@pytest.mark.parametrize(("price", "outcome"), [("19.99", ("SUPPRESSED", "TOO_LITTLE")), ("20", ("DELIVERED", None))])
def test_a_cart_of_less_than_twenty_is_left_without_a_message(
    shop: Shop, price: str, outcome: tuple[str, str | None]
) -> None:
    fill(shop, customer(shop), "2026-03-03 12:00", price=price)
    shop.until("2026-03-03 13:00")
    shop.until("2026-03-04 12:00")
    assert len(abandoned(shop)) == 1
    assert rows(shop, "message") == [outcome]


def test_what_a_cart_is_worth_counts_in_the_base_currency(shop: Shop) -> None:
    cart, whose = derived("cart", 1), customer(shop)
    start = StartCart(cart_id=cart, customer_id=whose, currency="USD", rate=Decimal("0.9"), base_currency="EUR")
    shop.do(start, "2026-03-03 12:00")
    shop.do(AddCartItem(cart_id=cart, sku="cup", quantity=1, unit_price=Decimal(22)), "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    assert rows(shop, "message") == [("SUPPRESSED", "TOO_LITTLE")]


@pytest.mark.parametrize("said", ["nothing", "no"])
def test_without_consent_nobody_is_reminded(shop: Shop, said: str) -> None:
    whose = customer(shop, agrees=said == "no")
    fill(shop, whose, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    if said == "no":
        shop.do(WithdrawConsent(customer_id=whose, purpose=Purpose.MARKETING))
    shop.until("2026-03-04 12:00")
    assert rows(shop, "message") == [("SUPPRESSED", "NO_CONSENT")]
    assert shop.mails() == []


@pytest.mark.parametrize(
    ("second", "outcome"),
    [("2026-03-10 11:00", ("SUPPRESSED", "MESSAGED_LATELY")), ("2026-03-10 12:00", ("DELIVERED", None))],
)
def test_nobody_is_reminded_twice_within_seven_days(shop: Shop, second: str, outcome: tuple[str, str | None]) -> None:
    whose = customer(shop)
    fill(shop, whose, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    shop.until("2026-03-04 12:00")
    fill(shop, whose, second, number=2)
    for time in ("2026-03-10 13:00", "2026-03-11 11:00", "2026-03-11 12:00"):
        shop.until(time)
    assert rows(shop, "message") == [("DELIVERED", None), outcome]


def test_nobody_is_reminded_twice_of_the_same_cart(shop: Shop) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    shop.until("2026-03-04 12:00")
    shop.do(ChangeCartQuantity(cart_id=cart, sku="cup", quantity=3), "2026-04-14 12:00")
    shop.until("2026-04-14 13:00")
    shop.until("2026-04-15 12:00")
    assert rows(shop, "message") == [("DELIVERED", None), ("SUPPRESSED", "MESSAGED_LATELY")]


class Busy(Postbox):
    """A mail server that says: later."""

    def send(self, follow_up_id: UUID, message: object) -> Answer:
        return Deferred("Later")


@pytest.mark.parametrize(("said", "reason"), [("no", "NO_CONSENT"), ("ordered", "ORDERED"), ("nothing", None)])
def test_before_every_attempt_it_is_asked_again_whether_it_may_be_sent(
    house: House, tmp_path: Path, said: str, reason: str | None
) -> None:
    shop = Shop(house.log, tmp_path / "mail", Busy(tmp_path / "box"), policies=[cart_abandonment.policy])
    whose = customer(shop)
    cart = fill(shop, whose, "2026-03-03 12:00")
    shop.until("2026-03-03 13:00")
    shop.until("2026-03-04 12:00")
    assert rows(shop, "message") == [("FAILED", None)]
    shop.now = moment("2026-03-04 12:05")
    if said == "no":
        shop.do(WithdrawConsent(customer_id=whose, purpose=Purpose.MARKETING))
    elif said == "ordered":
        shop.do(ConvertCart(cart_id=cart, order_id=derived("order", 1)))
    shop.worker.run()
    assert rows(shop, "message") == [("FAILED", None) if reason is None else ("CANCELLED", reason)]


# When.


@pytest.mark.parametrize(
    ("left", "zone", "due"),
    [
        ("2026-03-03 22:00", "Europe/Madrid", "2026-03-05 09:00"),  # at night
        ("2026-03-07 12:00", "Europe/Madrid", "2026-03-09 09:00"),  # on a Sunday
        ("2026-03-28 12:00", "Europe/Madrid", "2026-03-30 09:00"),
        ("2026-03-06 18:00", NEW_YORK, "2026-03-07 18:00"),
        ("2026-12-24 12:00", "Europe/Madrid", "2026-12-26 09:00"),  # Christmas
    ],
)
def test_the_message_waits_for_the_day(shop: Shop, left: str, zone: str, due: str) -> None:
    whose = customer(shop, timezone=zone)
    cart = derived("cart", 1)
    shop.do(StartCart(cart_id=cart, customer_id=whose), moment(left, zone))
    shop.do(AddCartItem(cart_id=cart, sku="cup", quantity=9, unit_price=Decimal(9)), moment(left, zone))
    shop.until(moment(left, zone) + timedelta(hours=1))
    [message] = shop.ledger("message")
    assert local(message.due_at, zone) == due


def test_a_cart_that_somebody_took_to_be_left_is_left_once(shop: Shop) -> None:
    cart = fill(shop, customer(shop), "2026-03-03 12:00")
    shop.do(AbandonCart(cart_id=cart), "2026-03-03 12:30")
    shop.until("2026-03-03 13:00")
    assert [policy for _, policy, _ in abandoned(shop)] == [None]
    shop.until("2026-03-04 12:00")
    assert rows(shop, "message") == [("DELIVERED", None)]


def test_imported_carts_set_nothing_off(shop: Shop) -> None:
    fill(shop, customer(shop), "2026-03-03 12:00", origin=Origin.IMPORT)
    shop.until("2026-03-04 12:00")
    assert shop.ledger() == []


def test_who_orders_before_the_cart_is_left_is_not_promised_a_message(shop: Shop) -> None:
    whose = customer(shop)
    fill(shop, whose, "2026-03-03 12:00")
    shop.order(whose, "2026-03-03 12:30")
    shop.until("2026-03-03 13:00")
    assert rows(shop, "abandon") == [("DONE", "ABANDONED")]
    assert rows(shop, "message") == [("SUPPRESSED", "ORDERED")]
