"""What becomes of an order, on its sheet, in the line of its customer and on the card."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.kernel import Command, derived
from domain.order import (
    CancelOrder,
    CancelOrderLines,
    DeliverOrder,
    OrderLine,
    OrderStatus,
    PlaceOrder,
    ReturnLines,
)
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from eventstore.envelope import Request
from projections import VIEWS
from projections.customers import customer_360, customers
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import orders
from projections.view import View
from tests.conftest import House

ORDER, ANA = derived("order", 1), derived("customer", 1)
TUESDAY = datetime(2026, 3, 3, 12, tzinfo=UTC)


def cups(quantity: int) -> tuple[OrderLine, ...]:
    return (OrderLine(sku="cup", quantity=quantity, unit_price=Decimal(5)),)


PLACE = PlaceOrder(
    order_id=ORDER,
    customer_id=ANA,
    lines=cups(3),
    currency="GBP",
    rate=Decimal(2),
    base_currency="EUR",
)


def call_off(quantity: int) -> CancelOrderLines:
    return CancelOrderLines(order_id=ORDER, lines=cups(quantity))


def give_back(quantity: int) -> ReturnLines:
    return ReturnLines(order_id=ORDER, lines=cups(quantity))


def shown(house: House, *commands: Command) -> Any:
    """What the views show after all of this was asked: an order's sheet, a customer's line and a customer's card."""
    for command in commands:
        house.log.do(command, Request(occurred_at=TUESDAY))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()

    def row(view: View[Any], key: Any) -> Any:
        return Lists(house.log, house.pool).get(view, [key])[key]

    return row(orders.view, ORDER), row(customers.view, ANA), row(customer_360.view, ANA)


def test_lines_that_were_called_off_bring_nothing_and_the_rest_is_still_open(house: House) -> None:
    sheet, line, card = shown(house, PLACE, call_off(1))
    assert (sheet.status, sheet.total, sheet.returned) == (OrderStatus.PLACED, 15, 5)
    assert (sheet.nothing_left, sheet.cancelled_at, sheet.last_return_at) == (False, None, None)
    assert (line.revenue, line.currency) == (20, "EUR")
    assert (card.gross, card.returned, card.revenue) == (30, 10, 20)
    assert (card.open_orders, card.cancelled_orders, card.returns) == (1, 0, 0)


def test_an_order_is_off_when_its_last_lines_are(house: House) -> None:
    sheet, line, card = shown(house, PLACE, call_off(1), call_off(2), CancelOrder(order_id=ORDER))
    assert (sheet.status, sheet.returned, sheet.nothing_left) == (OrderStatus.CANCELLED, 15, True)
    assert sheet.cancelled_at == TUESDAY
    assert line.revenue == 0
    assert (card.returned, card.revenue, card.open_orders, card.cancelled_orders) == (30, 0, 0, 1)


@pytest.mark.parametrize("end", [CancelOrder(order_id=ORDER), call_off(2)])
def test_whether_it_is_called_off_whole_or_by_its_last_lines_is_the_same(house: House, end: Command) -> None:
    sheet, line, card = shown(house, PLACE, give_back(1), end)
    assert (sheet.status, sheet.returned, sheet.nothing_left) == (OrderStatus.CANCELLED, 15, True)
    assert (line.revenue, card.revenue) == (0, 0)
    assert (card.open_orders, card.cancelled_orders, card.returns) == (0, 1, 1)


def test_what_comes_back_after_delivery_leaves_no_order_open_and_cancels_none(house: House) -> None:
    sheet, line, card = shown(house, PLACE, call_off(1), DeliverOrder(order_id=ORDER), give_back(2))
    assert (sheet.status, sheet.returned, sheet.nothing_left) == (OrderStatus.DELIVERED, 15, True)
    assert (line.revenue, card.revenue) == (0, 0)
    assert (card.open_orders, card.cancelled_orders, card.returns) == (0, 0, 1)


def test_a_card_says_how_not_to_reach_somebody(house: House) -> None:
    email, mail = ContactRestrictionKind.DO_NOT_EMAIL, ContactRestrictionKind.DO_NOT_MAIL
    restrict = SetContactRestriction(customer_id=ANA, kind=email)
    _, _, card = shown(
        house, PLACE, restrict, SetContactRestriction(customer_id=ANA, kind=mail, until=TUESDAY), restrict
    )
    assert card.restrictions == {"DO_NOT_EMAIL": None, "DO_NOT_MAIL": TUESDAY}
    _, _, card = shown(house, LiftContactRestriction(customer_id=ANA, kind=email))
    assert card.restrictions == {"DO_NOT_MAIL": TUESDAY}
