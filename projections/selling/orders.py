"""The orders: each with its lines, its worth and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
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
from domain.values import EXACT, Money, empty
from eventstore.envelope import Recorded
from projections.selling.sales import COST_UNIT, ZERO, Sale, SaleKind, not_gone, placed, sales, taken_back
from projections.view import Row, View


class OrderSheet(Row, key="order_id"):
    """An order. `returned` is what came back or was cancelled, and `total` what was ordered, both in `currency`.

    `gone` counts the pieces that came back or were called off; `cost` is what the goods that are left cost the company, in
    `base_currency`.
    """

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
    gone: Mapping[str, int] = field(default_factory=empty)
    cost: Decimal | None = None
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
    version=3,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(sales,),
    indexes=("(customer_id, placed_at desc)", "(placed_at desc, order_id)"),
)


@view.on(OrderPlaced)
def place(sheet: OrderSheet, order: OrderPlaced, at: Recorded) -> Iterator[Sale]:
    sheet.customer_id = at.customer_id
    sheet.number = order.number
    sheet.status = OrderStatus.PLACED
    sheet.channel = order.channel
    sheet.rep = order.rep
    sheet.campaign = order.campaign
    sheet.currency = order.total.currency
    sheet.total = order.total.amount
    sheet.base_currency = order.total.base_currency
    sheet.base_total = order.total.base
    sheet.lines = order.lines
    sheet.pieces = sum(line.quantity for line in order.lines)
    sheet.placed_at = at.occurred_at
    sheet.cost = None if order.cost is None else order.total.like(order.cost).base
    yield from placed(order.lines, order.total, order.cost, order.channel, order.rep, order.campaign)


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
def cancel(sheet: OrderSheet, cancelled: OrderCancelled, at: Recorded) -> Iterator[Sale]:
    sheet.status = OrderStatus.CANCELLED
    sheet.cancelled_at = at.occurred_at
    sheet.nothing_left = True
    yield from give_up(sheet, SaleKind.CANCELLED, not_gone(sheet.lines, sheet.gone), cancelled.value)


@view.on(OrderLinesCancelled)
def cancel_lines(sheet: OrderSheet, cancelled: OrderLinesCancelled, at: Recorded) -> Iterator[Sale]:
    sheet.nothing_left = cancelled.nothing_left
    if cancelled.nothing_left:
        sheet.status = OrderStatus.CANCELLED
        sheet.cancelled_at = at.occurred_at
    yield from give_up(sheet, SaleKind.CANCELLED, cancelled.lines, cancelled.value)


@view.on(LinesReturned)
def take_back(sheet: OrderSheet, back: LinesReturned, at: Recorded) -> Iterator[Sale]:
    sheet.last_return_at = at.occurred_at
    sheet.nothing_left = back.nothing_left
    yield from give_up(sheet, SaleKind.RETURNED, back.lines, back.value)


@view.on(GoodsReturned)
def take_back_unknown(sheet: OrderSheet, back: GoodsReturned, at: Recorded) -> Iterator[Sale]:
    sheet.customer_id = at.customer_id
    sheet.status = OrderStatus.RETURNED
    sheet.currency = back.value.currency
    sheet.base_currency = back.value.base_currency
    sheet.lines = back.lines
    sheet.last_return_at = at.occurred_at
    sheet.nothing_left = True
    yield from give_up(sheet, SaleKind.RETURNED, back.lines, back.value)


def give_up(sheet: OrderSheet, kind: SaleKind, lines: Sequence[OrderLine], value: Money) -> Iterator[Sale]:
    """Takes goods off an order, with their share of what the whole cost."""
    left = EXACT.subtract(sheet.total, sheet.returned)
    sheet.returned = EXACT.add(sheet.returned, value.amount)
    cost = sheet.cost
    if cost is not None:
        if not sheet.nothing_left and left:
            cost = (cost * value.amount / left).quantize(COST_UNIT, rounding=ROUND_HALF_EVEN, context=EXACT)
        sheet.cost = EXACT.subtract(sheet.cost or ZERO, cost)
    gone = dict(sheet.gone)
    for line in lines:
        gone[line.sku] = gone.get(line.sku, 0) + line.quantity
    sheet.gone = gone
    yield from taken_back(kind, lines, value, cost, sheet.channel, sheet.rep, sheet.campaign)
