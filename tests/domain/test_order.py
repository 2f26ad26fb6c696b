"""Orders."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from domain.kernel import Event
from domain.order import (
    MAX_LINES,
    CancelOrder,
    CancelOrderLines,
    ConfirmOrder,
    DeliverOrder,
    GoodsReturned,
    LinesReturned,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderLine,
    OrderLinesCancelled,
    OrderPicked,
    OrderPlaced,
    OrderShipped,
    OrderStatus,
    PickOrder,
    PlaceOrder,
    RecordReturn,
    ReturnLines,
    SalesChannel,
    ShipOrder,
    decider,
)
from domain.values import Money, money
from tests.domain.scenario import but, events_of, given

ORDER, ANA, EVA = UUID(int=1), UUID(int=2), UUID(int=3)


def line(sku: str = "22139", quantity: int = 5, unit_price: str = "1.25") -> OrderLine:
    return OrderLine(sku=sku, quantity=quantity, unit_price=Decimal(unit_price))


def euros(amount: str) -> Money:
    return money(Decimal(amount), "EUR")


PLACE = PlaceOrder(order_id=ORDER, customer_id=ANA, lines=(line(), line("M", 1, "0.001")), number="A-1")
PLACED = OrderPlaced(customer_id=ANA, lines=PLACE.lines, total=euros("6.251"), channel=SalesChannel.WEB, number="A-1")
STEPS = [
    (ConfirmOrder(order_id=ORDER), OrderConfirmed()),
    (PickOrder(order_id=ORDER), OrderPicked()),
    (ShipOrder(order_id=ORDER, carrier="SEUR", tracking="7"), OrderShipped(carrier="SEUR", tracking="7")),
    (DeliverOrder(order_id=ORDER), OrderDelivered()),
]


def returns(*lines: OrderLine, reason: str | None = None) -> ReturnLines:
    return ReturnLines(order_id=ORDER, lines=lines, reason=reason)


def returned(*lines: OrderLine, value: str, nothing_left: bool = False) -> LinesReturned:
    return LinesReturned(lines=lines, value=euros(value), reason=None, nothing_left=nothing_left)


def cancels(*lines: OrderLine, reason: str | None = None) -> CancelOrderLines:
    return CancelOrderLines(order_id=ORDER, lines=lines, reason=reason)


def called_off(*lines: OrderLine, value: str, nothing_left: bool = False, reason: str | None = None) -> Event:
    return OrderLinesCancelled(lines=lines, value=euros(value), reason=reason, nothing_left=nothing_left)


def test_an_order_is_placed_with_the_exact_sum_of_its_lines() -> None:
    state = given(decider).when(PLACE).then(PLACED)
    assert state.remaining == {"22139": 5, "M": 1}
    assert (state.status, state.customer_id, state.left) == (OrderStatus.PLACED, ANA, Decimal("6.251"))


def test_a_rate_is_fixed_in_the_order() -> None:
    asked = PlaceOrder(
        order_id=ORDER,
        customer_id=ANA,
        lines=(line(quantity=3, unit_price="0.1"),),
        currency="GBP",
        rate=Decimal("1.17"),
        base_currency="EUR",
        channel=SalesChannel.REP,
        rep="luis",
        campaign="spring",
    )
    [placed] = decider.decide(asked, decider.initial)
    assert isinstance(placed, OrderPlaced)
    assert (placed.total.amount, placed.total.base) == (Decimal("0.3"), Decimal("0.351"))
    assert (placed.total.currency, placed.total.base_currency) == ("GBP", "EUR")
    assert (placed.channel, placed.rep, placed.campaign) == (SalesChannel.REP, "luis", "spring")


def test_an_order_placed_twice_is_one_order() -> None:
    given(decider, PLACED).when(PLACE).then_nothing()
    given(decider, PLACED, OrderConfirmed()).when(PLACE).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        PlaceOrder(order_id=ORDER, customer_id=EVA, lines=PLACE.lines),
        PlaceOrder(order_id=ORDER, customer_id=ANA, lines=(line(quantity=6),)),
        PlaceOrder(order_id=ORDER, customer_id=ANA, lines=PLACE.lines, currency="GBP"),
    ],
)
def test_another_order_cannot_have_the_same_id(other: PlaceOrder) -> None:
    given(decider, PLACED).when(other).refused("This order has already been placed.")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((), f"Give from 1 to {MAX_LINES} lines."),
        ((line(),) * (MAX_LINES + 1), f"Give from 1 to {MAX_LINES} lines."),
        ((line(), line(sku=" ")), "Line 2: the sku must not be blank."),
        ((line(quantity=0),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((line(quantity=-1),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((line(quantity=10**9 + 1),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((line(unit_price="-0.01"),), "Line 1: the unit price must be zero or more."),
        ((line(unit_price="NaN"),), "Line 1: the unit price must be a number."),
        ((line(unit_price="Infinity"),), "Line 1: the unit price must be a number."),
        ((line(unit_price="1e12"),), "Line 1: the unit price must be less than 1000000000000."),
        ((line(unit_price="0.1234567890123"),), "Line 1: the unit price must have at most 12 decimals."),
    ],
)
@pytest.mark.parametrize("command", [PlaceOrder, RecordReturn])
def test_lines_that_make_no_sense_are_refused(
    lines: tuple[OrderLine, ...], sentence: str, command: type[PlaceOrder] | type[RecordReturn]
) -> None:
    given(decider).when(command(order_id=ORDER, customer_id=ANA, lines=lines)).refused(sentence, "lines")
    given(decider, PLACED).when(returns(*lines)).refused(sentence, "lines")
    given(decider, PLACED).when(cancels(*lines)).refused(sentence, "lines")


def test_a_currency_must_exist() -> None:
    asked = PlaceOrder(order_id=ORDER, customer_id=ANA, lines=(line(),), currency="EURO")
    given(decider).when(asked).refused("There is no currency 'EURO': give an ISO 4217 code such as EUR.", "currency")


def test_the_largest_order_is_added_up_exactly() -> None:
    lines = (line(quantity=10**9, unit_price="999999999999.999999999999"),) * MAX_LINES
    asked = PlaceOrder(
        order_id=ORDER,
        customer_id=ANA,
        lines=lines,
        rate=Decimal("999999999.999999999999"),
        base_currency="USD",
    )
    [placed] = decider.decide(asked, decider.initial)
    assert isinstance(placed, OrderPlaced)
    exact = 5000 * 10**9 * (10**24 - 1)
    assert str(placed.total.amount).replace(".", "").rstrip("0") == str(exact).rstrip("0")
    assert str(placed.total.base).replace(".", "").rstrip("0") == str(exact * (10**21 - 1)).rstrip("0")


def test_an_order_goes_its_way_step_by_step() -> None:
    happened: list[Event] = [PLACED]
    for command, event in STEPS:
        given(decider, *happened).when(command).then(event)
        happened.append(event)
        given(decider, *happened).when(command).then_nothing()


def test_steps_may_be_left_out() -> None:
    given(decider, PLACED).when(STEPS[3][0]).then(OrderDelivered())


def test_an_order_does_not_go_back() -> None:
    given(decider, PLACED, OrderShipped()).when(PickOrder(order_id=ORDER)).refused(
        "This order has already been shipped."
    )
    given(decider, PLACED, OrderDelivered()).when(ShipOrder(order_id=ORDER)).refused(
        "This order has already been delivered."
    )


def test_an_order_is_not_shipped_a_second_time_with_another_carrier() -> None:
    asked = ShipOrder(order_id=ORDER, carrier="MRW")
    given(decider, PLACED, OrderShipped(carrier="SEUR")).when(asked).refused("This order has already been shipped.")


@pytest.mark.parametrize(
    "command",
    [*(command for command, _ in STEPS), CancelOrder(order_id=ORDER), cancels(line()), returns(line())],
)
def test_what_was_not_placed_goes_no_way(command: ConfirmOrder) -> None:
    given(decider).when(command).refused("This order has not been placed yet.", "order_id")


def test_an_order_is_cancelled_for_what_it_came_to() -> None:
    asked = CancelOrder(order_id=ORDER, reason="Too late")
    cancelled = OrderCancelled(reason="Too late", value=euros("6.251"))
    given(decider, PLACED).when(asked).then(cancelled)
    given(decider, PLACED, cancelled).when(asked).then_nothing()


def test_what_was_returned_before_is_not_cancelled_again() -> None:
    given(decider, PLACED, returned(line(quantity=2), value="2.50")).when(CancelOrder(order_id=ORDER)).then(
        OrderCancelled(reason=None, value=euros("3.751"))
    )


def test_nothing_is_worth_nothing_even_if_it_came_back_at_other_prices() -> None:
    cheap = returned(line(unit_price="1"), line("M", 1, "0"), value="5", nothing_left=True)
    dear = returned(line(quantity=4, unit_price="99"), value="396")
    for back in (cheap, dear):
        given(decider, PLACED, back).when(CancelOrder(order_id=ORDER)).then(
            OrderCancelled(reason=None, value=euros("0"))
        )


def test_what_was_delivered_is_not_cancelled() -> None:
    given(decider, PLACED, OrderDelivered()).when(CancelOrder(order_id=ORDER)).refused(
        "It has been delivered: return the lines instead."
    )


def test_a_cancelled_order_stands_still() -> None:
    cancelled = OrderCancelled(reason=None, value=euros("6.251"))
    for command in (*(command for command, _ in STEPS), cancels(line()), returns(line())):
        given(decider, PLACED, cancelled).when(command).refused("This order has been cancelled.")


def test_an_order_says_what_it_follows_from_and_what_it_costs() -> None:
    asked = but(PLACE, quote_id=UUID(int=7), opportunity_id=UUID(int=8), cost=Decimal("4.5"))
    given(decider).when(asked).then(
        replace(PLACED, quote_id=UUID(int=7), opportunity_id=UUID(int=8), cost=Decimal("4.5"))
    )
    given(decider).when(but(PLACE, cost=Decimal(-1))).refused("The cost must be zero or more.", "cost")


def test_some_of_an_order_is_called_off_and_the_rest_goes_its_way() -> None:
    asked = cancels(line(quantity=2), reason="Too many")
    off = called_off(line(quantity=2), value="2.50", reason="Too many")
    state = given(decider, PLACED).when(asked).then(off)
    assert (state.status, state.remaining, state.left) == (OrderStatus.PLACED, {"22139": 3, "M": 1}, Decimal("3.751"))
    given(decider, PLACED, off).when(STEPS[3][0]).then(OrderDelivered())
    given(decider, PLACED, off).when(CancelOrder(order_id=ORDER)).then(
        OrderCancelled(reason=None, value=euros("3.751"))
    )


def test_an_order_of_which_nothing_is_left_is_cancelled() -> None:
    rest = (line(quantity=3), line("M", 1, "0.001"))
    off = called_off(line(quantity=2), value="2.50")
    last = called_off(*rest, value="3.751", nothing_left=True)
    state = given(decider, PLACED, off).when(cancels(*rest)).then(last)
    assert (state.status, state.left) == (OrderStatus.CANCELLED, Decimal(0))
    given(decider, PLACED, off, last).when(CancelOrder(order_id=ORDER)).then_nothing()
    back = returned(*PLACE.lines, value="6.251", nothing_left=True)
    assert given(decider, PLACED, back).state.status is OrderStatus.PLACED


def test_no_more_is_called_off_than_is_left_and_nothing_that_was_delivered() -> None:
    off = called_off(line(quantity=2), value="2.50")
    for happened in (off, returned(line(quantity=2), value="2.50")):
        given(decider, PLACED, happened).when(cancels(line(quantity=4))).refused(
            "Only 3 of 22139 are left to cancel.", "lines"
        )
    given(decider, PLACED, off).when(returns(line(quantity=4))).refused("Only 3 of 22139 are left to return.", "lines")
    given(decider, PLACED, OrderDelivered()).when(cancels(line())).refused(
        "It has been delivered: return the lines instead."
    )


def test_lines_come_back_until_nothing_is_left() -> None:
    first = returned(line(quantity=2), value="2.50")
    given(decider, PLACED).when(returns(line(quantity=2))).then(first)
    rest = returns(line(quantity=3), line("M", 1, "0.001"))
    last = returned(*rest.lines, value="3.751", nothing_left=True)
    given(decider, PLACED, first).when(rest).then(last)


def test_each_return_is_a_fact_of_its_own() -> None:
    asked = returns(line(quantity=2))
    assert len(events_of(decider, [PLACE, asked, asked])) == 3


def test_no_more_comes_back_than_went_out() -> None:
    first = returned(line(quantity=2), value="2.50")
    given(decider, PLACED, first).when(returns(line(quantity=4))).refused(
        "Only 3 of 22139 are left to return.", "lines"
    )
    given(decider, PLACED, first).when(returns(line(quantity=2), line(quantity=2))).refused(
        "Only 3 of 22139 are left to return.", "lines"
    )
    given(decider, PLACED).when(returns(line(sku="X"))).refused("Nothing of X is left to return.", "lines")


def test_a_return_is_worth_what_it_was_at_the_rate_of_the_order() -> None:
    asked = PlaceOrder(
        order_id=ORDER, customer_id=ANA, lines=(line(),), currency="GBP", rate=Decimal("1.2"), base_currency="EUR"
    )
    *_, back = events_of(decider, [asked, returns(line())])
    assert isinstance(back, LinesReturned)
    assert back.value == money(Decimal("6.25"), "GBP", Decimal("1.2"), "EUR")


def test_goods_come_back_whose_order_is_not_known() -> None:
    asked = RecordReturn(order_id=ORDER, customer_id=ANA, lines=(line(),), currency="GBP", reason="Broken")
    back = GoodsReturned(customer_id=ANA, lines=(line(),), value=money(Decimal("6.25"), "GBP"), reason="Broken")
    state = given(decider).when(asked).then(back)
    assert state.customer_id == ANA
    given(decider, back).when(asked).then_nothing()


def test_a_return_is_no_order_and_an_order_no_return() -> None:
    record = RecordReturn(order_id=ORDER, customer_id=ANA, lines=PLACE.lines)
    back = GoodsReturned(customer_id=ANA, lines=PLACE.lines, value=euros("6.251"), reason=None)
    given(decider, back).when(PLACE).refused("This order has already been placed.")
    given(decider, back).when(ConfirmOrder(order_id=ORDER)).refused("This order has not been placed yet.", "order_id")
    given(decider, PLACED).when(record).refused("This return has already been recorded.")
    other = RecordReturn(order_id=ORDER, customer_id=EVA, lines=PLACE.lines)
    given(decider, back).when(other).refused("This return has already been recorded.")
