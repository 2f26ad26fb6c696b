"""Orders: what a customer bought, and what became of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CustomerId, OpportunityId, OrderId, QuoteId
from domain.values import EXACT, MAX_QUANTITY, Money, empty, fault, money, must_be_amount

MAX_LINES = 5000


class SalesChannel(StrEnum):
    """Where an order was taken."""

    WEB = "WEB"
    REP = "REP"
    PHONE = "PHONE"
    STORE = "STORE"
    PARTNER = "PARTNER"


class OrderStatus(StrEnum):
    """How far an order has come. RETURNED is no order, but goods that came back from an unknown one."""

    UNKNOWN = "UNKNOWN"
    PLACED = "PLACED"
    CONFIRMED = "CONFIRMED"
    PICKED = "PICKED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    RETURNED = "RETURNED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So many pieces of one article at one price, in the currency of the order."""

    sku: str
    quantity: int
    unit_price: Decimal
    description: str | None = None


# What can be asked.


class PlaceOrder(Command):
    """Take an order; `rate` is what its currency is worth in `base_currency`, `cost` what its goods cost the company."""

    order_id: OrderId
    customer_id: CustomerId
    lines: tuple[OrderLine, ...]
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    channel: SalesChannel = SalesChannel.WEB
    number: str | None = None
    rep: str | None = None
    campaign: str | None = None
    quote_id: QuoteId | None = None
    opportunity_id: OpportunityId | None = None
    cost: Decimal | None = None


class ConfirmOrder(Command):
    """Promise the customer that the order will be fulfilled."""

    order_id: OrderId


class PickOrder(Command):
    """Say that the goods have been taken from the shelves."""

    order_id: OrderId


class ShipOrder(Command):
    """Say that the goods have left, with whom, and under which number they can be tracked."""

    order_id: OrderId
    carrier: str | None = None
    tracking: str | None = None


class DeliverOrder(Command):
    """Say that the customer has the goods."""

    order_id: OrderId


class CancelOrder(Command):
    """Call off whatever has not been returned yet, as long as nothing has been delivered."""

    order_id: OrderId
    reason: Text | None = None


class CancelOrderLines(Command):
    """Call goods of an order off at the prices of these lines, before delivery; each time is a fact of its own."""

    order_id: OrderId
    lines: tuple[OrderLine, ...]
    reason: Text | None = None


class ReturnLines(Command):
    """Take goods of an order back at the prices of these lines; each return is a fact of its own."""

    order_id: OrderId
    lines: tuple[OrderLine, ...]
    reason: Text | None = None


class RecordReturn(Command):
    """Take goods back whose order is not known; `order_id` is an id of the return's own."""

    order_id: OrderId
    customer_id: CustomerId
    lines: tuple[OrderLine, ...]
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    reason: Text | None = None


# What can have happened.


class OrderPlaced(Event, stored_as="order.placed.v1"):
    """The customer committed to buy; `total` is the exact sum of the lines."""

    customer_id: CustomerId
    lines: tuple[OrderLine, ...]
    total: Money
    channel: SalesChannel
    number: str | None = None
    rep: str | None = None
    campaign: str | None = None
    quote_id: QuoteId | None = None
    opportunity_id: OpportunityId | None = None
    cost: Decimal | None = None


class OrderConfirmed(Event, stored_as="order.confirmed.v1"):
    """The order was accepted."""


class OrderPicked(Event, stored_as="order.picked.v1"):
    """The goods were taken from the shelves."""


class OrderShipped(Event, stored_as="order.shipped.v1"):
    """The goods left."""

    carrier: str | None = None
    tracking: str | None = None


class OrderDelivered(Event, stored_as="order.delivered.v1"):
    """The customer received the goods."""


class OrderCancelled(Event, stored_as="order.cancelled.v1"):
    """The order was called off; `value` is what had not been returned before."""

    reason: Told[str]
    value: Money


class OrderLinesCancelled(Event, stored_as="order.lines-cancelled.v1"):
    """Goods were called off; `nothing_left` says that they were the last, so that the order is off as a whole."""

    lines: tuple[OrderLine, ...]
    value: Money
    reason: Told[str]
    nothing_left: bool


class LinesReturned(Event, stored_as="order.lines-returned.v1"):
    """Goods came back; `nothing_left` says that they were the last of the order."""

    lines: tuple[OrderLine, ...]
    value: Money
    reason: Told[str]
    nothing_left: bool


class GoodsReturned(Event, stored_as="order.goods-returned.v1"):
    """Goods came back whose order is not known."""

    customer_id: CustomerId
    lines: tuple[OrderLine, ...]
    value: Money
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Order:
    """`remaining` counts the pieces by article, and `left` the amount, that have not come back."""

    status: OrderStatus = OrderStatus.UNKNOWN
    customer_id: UUID | None = None
    lines: tuple[OrderLine, ...] = ()
    total: Money | None = None
    remaining: Mapping[str, int] = field(default_factory=empty)
    left: Decimal = Decimal(0)
    shipped: OrderShipped | None = None


Asked = (
    PlaceOrder
    | ConfirmOrder
    | PickOrder
    | ShipOrder
    | DeliverOrder
    | CancelOrder
    | CancelOrderLines
    | ReturnLines
    | RecordReturn
)
Happened = (
    OrderPlaced
    | OrderConfirmed
    | OrderPicked
    | OrderShipped
    | OrderDelivered
    | OrderCancelled
    | OrderLinesCancelled
    | LinesReturned
    | GoodsReturned
)

STEPS = {
    OrderStatus.PLACED: 0,
    OrderStatus.CONFIRMED: 1,
    OrderStatus.PICKED: 2,
    OrderStatus.SHIPPED: 3,
    OrderStatus.DELIVERED: 4,
}
"""The way of an order. Steps may be left out, but nothing goes back."""


def decide(asked: Asked, order: Order) -> Iterator[Event]:
    match asked:
        case PlaceOrder():
            total = money(worth(asked.lines), asked.currency, asked.rate, asked.base_currency)
            must_be_amount(asked.cost, "cost")
            if order.status is OrderStatus.UNKNOWN:
                yield as_asked(OrderPlaced, asked, total=total)
            elif order.status is OrderStatus.RETURNED or not is_same(order, asked, total):
                raise Refused("This order has already been placed.")
        case RecordReturn():
            value = money(worth(asked.lines), asked.currency, asked.rate, asked.base_currency)
            if order.status is OrderStatus.UNKNOWN:
                yield as_asked(GoodsReturned, asked, value=value)
            elif order.status is not OrderStatus.RETURNED or not is_same(order, asked, value):
                raise Refused("This return has already been recorded.")
        case ConfirmOrder():
            if is_ahead(order, OrderStatus.CONFIRMED):
                yield OrderConfirmed()
        case PickOrder():
            if is_ahead(order, OrderStatus.PICKED):
                yield OrderPicked()
        case ShipOrder(carrier=carrier, tracking=tracking):
            shipped = OrderShipped(carrier=carrier, tracking=tracking)
            if is_ahead(order, OrderStatus.SHIPPED):
                yield shipped
            elif shipped != order.shipped:
                raise Refused("This order has already been shipped.")
        case DeliverOrder():
            if is_ahead(order, OrderStatus.DELIVERED):
                yield OrderDelivered()
        case CancelOrder(reason=reason):
            total = undelivered(order)
            if order.status is not OrderStatus.CANCELLED:
                yield OrderCancelled(reason=reason, value=total.like(max(order.left, Decimal(0))))
        case CancelOrderLines(lines=lines) | ReturnLines(lines=lines):
            is_return = isinstance(asked, ReturnLines)
            total = ordered(order) if is_return else undelivered(order)
            if order.status is OrderStatus.CANCELLED:
                raise Refused("This order has been cancelled.")
            value = total.like(worth(lines))
            rest = without(order.remaining, lines)
            must_cover(order.remaining, rest, "return" if is_return else "cancel")
            happened = LinesReturned if is_return else OrderLinesCancelled
            yield as_asked(happened, asked, value=value, nothing_left=not rest)
        case _:
            assert_never(asked)


def evolve(order: Order, event: Happened) -> Order:
    match event:
        case OrderPlaced():
            remaining: dict[str, int] = {}
            for line in event.lines:
                remaining[line.sku] = remaining.get(line.sku, 0) + line.quantity
            total = event.total
            return Order(OrderStatus.PLACED, event.customer_id, event.lines, total, remaining, total.amount)
        case LinesReturned() | OrderLinesCancelled():
            rest = without(order.remaining, event.lines)
            left = EXACT.subtract(order.left, event.value.amount) if rest else Decimal(0)
            is_off = isinstance(event, OrderLinesCancelled) and event.nothing_left
            return replace(order, status=OrderStatus.CANCELLED if is_off else order.status, remaining=rest, left=left)
        case OrderConfirmed():
            return replace(order, status=OrderStatus.CONFIRMED)
        case OrderPicked():
            return replace(order, status=OrderStatus.PICKED)
        case OrderShipped():
            return replace(order, status=OrderStatus.SHIPPED, shipped=event)
        case OrderDelivered():
            return replace(order, status=OrderStatus.DELIVERED)
        case OrderCancelled():
            return replace(order, status=OrderStatus.CANCELLED, remaining=empty(), left=Decimal(0))
        case GoodsReturned():
            return Order(OrderStatus.RETURNED, event.customer_id, event.lines, event.value)
        case _:
            assert_never(event)


def worth(lines: tuple[OrderLine, ...]) -> Decimal:
    """The exact sum of quantity by price. Refused if a line makes no sense, or if there are none or too many."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise Refused(f"Give from 1 to {MAX_LINES} lines.", "lines")
    total = Decimal(0)
    for number, line in enumerate(lines, 1):
        if not line.sku.strip():
            raise Refused(f"Line {number}: the sku must not be blank.", "lines")
        if not 0 < line.quantity <= MAX_QUANTITY:
            raise Refused(f"Line {number}: the quantity must be from 1 to {MAX_QUANTITY}.", "lines")
        if wrong := fault(line.unit_price):
            raise Refused(f"Line {number}: the unit price {wrong}.", "lines")
        total = EXACT.fma(line.unit_price, line.quantity, total)
    return total


def is_same(order: Order, asked: PlaceOrder | RecordReturn, total: Money) -> bool:
    """Whether this is what was said before: the same goods of the same customer for the same money."""
    return (order.customer_id, order.lines, order.total) == (asked.customer_id, asked.lines, total)


def is_ahead(order: Order, step: OrderStatus) -> bool:
    """Whether a step is still to be taken; False if it was the last one. Refused if the order is beyond it."""
    ordered(order)
    if order.status is OrderStatus.CANCELLED:
        raise Refused("This order has been cancelled.")
    if STEPS[order.status] > STEPS[step]:
        raise Refused(f"This order has already been {order.status.lower()}.")
    return order.status is not step


def ordered(order: Order) -> Money:
    """What the order came to. Refused if there is none."""
    if order.total is None or order.status is OrderStatus.RETURNED:
        raise Refused("This order has not been placed yet.", "order_id")
    return order.total


def undelivered(order: Order) -> Money:
    """What the order came to. Refused if there is none, or if the customer has the goods."""
    if order.status is OrderStatus.DELIVERED:
        raise Refused("It has been delivered: return the lines instead.")
    return ordered(order)


def without(remaining: Mapping[str, int], lines: tuple[OrderLine, ...]) -> Mapping[str, int]:
    """What remains after some lines have come back: below zero what is not covered, and nothing that is zero."""
    rest = Counter(remaining)
    for line in lines:
        rest[line.sku] -= line.quantity
    return {sku: quantity for sku, quantity in rest.items() if quantity}


def must_cover(remaining: Mapping[str, int], rest: Mapping[str, int], what_for: str) -> None:
    """Refused if more would come back, or be called off, than is left of the order."""
    for sku, quantity in rest.items():
        if quantity < 0:
            left = f"Only {remaining[sku]} of {sku} are" if sku in remaining else f"Nothing of {sku} is"
            raise Refused(f"{left} left to {what_for}.", "lines")


decider = Decider("order", Asked, Happened, Order(), decide, evolve)
