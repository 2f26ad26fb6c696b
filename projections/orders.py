"""The orders: each with its lines, its worth and what became of it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.order import (
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
    SalesChannel,
)
from domain.values import EXACT
from eventstore.envelope import Recorded
from projections.view import Row, View


class OrderSheet(Row, key="order_id"):
    """An order. `returned` is what came back or was cancelled, and `total` what was ordered, both in `currency`."""

    order_id: UUID
    customer_id: UUID | None = None
    number: str | None = None
    status: OrderStatus = OrderStatus.UNKNOWN
    channel: SalesChannel | None = None
    rep: str | None = None
    campaign: str | None = None
    currency: str | None = None
    total: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)
    base_currency: str | None = None
    base_total: Decimal = Decimal(0)
    lines: tuple[OrderLine, ...] = ()
    pieces: int = 0
    carrier: str | None = None
    tracking: str | None = None
    placed_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    last_return_at: datetime | None = None
    nothing_left: bool = False


view = View(
    "orders",
    OrderSheet,
    version=2,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    indexes=("(customer_id, placed_at desc)", "(placed_at desc, order_id)"),
)


@view.on(OrderPlaced)
def place(sheet: OrderSheet, placed: OrderPlaced, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.number = placed.number
    sheet.status = OrderStatus.PLACED
    sheet.channel = placed.channel
    sheet.rep = placed.rep
    sheet.campaign = placed.campaign
    sheet.currency = placed.total.currency
    sheet.total = placed.total.amount
    sheet.base_currency = placed.total.base_currency
    sheet.base_total = placed.total.base
    sheet.lines = placed.lines
    sheet.pieces = sum(line.quantity for line in placed.lines)
    sheet.placed_at = at.occurred_at


@view.on(OrderConfirmed)
def confirm(sheet: OrderSheet, confirmed: OrderConfirmed, at: Recorded) -> None:
    sheet.status = OrderStatus.CONFIRMED


@view.on(OrderPicked)
def pick(sheet: OrderSheet, picked: OrderPicked, at: Recorded) -> None:
    sheet.status = OrderStatus.PICKED


@view.on(OrderShipped)
def ship(sheet: OrderSheet, shipped: OrderShipped, at: Recorded) -> None:
    sheet.status = OrderStatus.SHIPPED
    sheet.carrier = shipped.carrier
    sheet.tracking = shipped.tracking
    sheet.shipped_at = at.occurred_at


@view.on(OrderDelivered)
def deliver(sheet: OrderSheet, delivered: OrderDelivered, at: Recorded) -> None:
    sheet.status = OrderStatus.DELIVERED
    sheet.delivered_at = at.occurred_at


@view.on(OrderCancelled)
def cancel(sheet: OrderSheet, cancelled: OrderCancelled, at: Recorded) -> None:
    sheet.status = OrderStatus.CANCELLED
    sheet.returned = EXACT.add(sheet.returned, cancelled.value.amount)
    sheet.cancelled_at = at.occurred_at
    sheet.nothing_left = True


@view.on(OrderLinesCancelled)
def cancel_lines(sheet: OrderSheet, cancelled: OrderLinesCancelled, at: Recorded) -> None:
    sheet.returned = EXACT.add(sheet.returned, cancelled.value.amount)
    sheet.nothing_left = cancelled.nothing_left
    if cancelled.nothing_left:
        sheet.status = OrderStatus.CANCELLED
        sheet.cancelled_at = at.occurred_at


@view.on(LinesReturned)
def take_back(sheet: OrderSheet, back: LinesReturned, at: Recorded) -> None:
    sheet.returned = EXACT.add(sheet.returned, back.value.amount)
    sheet.last_return_at = at.occurred_at
    sheet.nothing_left = back.nothing_left


@view.on(GoodsReturned)
def take_back_unknown(sheet: OrderSheet, back: GoodsReturned, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.status = OrderStatus.RETURNED
    sheet.currency = back.value.currency
    sheet.returned = back.value.amount
    sheet.base_currency = back.value.base_currency
    sheet.lines = back.lines
    sheet.last_return_at = at.occurred_at
    sheet.nothing_left = True
