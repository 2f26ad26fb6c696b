"""Purchases: what policies remember of a customer's orders, of what was called off, and of what came back."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any, Protocol
from uuid import UUID

from domain.order import (
    GoodsReturned,
    LinesReturned,
    OrderCancelled,
    OrderDelivered,
    OrderLine,
    OrderLinesCancelled,
    OrderPlaced,
)
from domain.values import EXACT, Money
from eventstore.envelope import Origin, Recorded
from processes.calendar import Calendar
from processes.policy import Policy

Back = OrderCancelled | OrderLinesCancelled | LinesReturned
ORDER_EVENTS = (OrderPlaced, OrderDelivered, OrderCancelled, OrderLinesCancelled, LinesReturned, GoodsReturned)


@dataclass(slots=True)
class Purchase:
    """An order: what it was worth, less what was called off or came back, and how many pieces were not called off.

    `placed_at` is None of goods that came back from an unknown order; `live` is one that was not imported. `left` is the
    pieces by article that did not come back. `seen` are the versions of the stream that were counted, so that nothing
    counts twice.
    """

    customer_id: UUID | None
    total: Money
    worth: Decimal
    placed_at: datetime | None = None
    live: bool = False
    position: int = 0
    cost: Decimal | None = None
    lines: tuple[OrderLine, ...] = ()
    left: dict[str, int] = field(default_factory=dict)
    pieces: int = 0
    number: str | None = None
    delivered_at: datetime | None = None
    seen: set[int] = field(default_factory=set)

    @property
    def counts(self) -> bool:
        """Whether it is an order of which not everything was called off; one that came back was an order."""
        return self.placed_at is not None and self.pieces > 0

    @property
    def skus(self) -> set[str]:
        """The articles that were ordered."""
        return {line.sku for line in self.lines}

    @property
    def margin(self) -> Decimal | None:
        """What it brings over its cost in the base currency, in proportion to what is left; None if no cost is known."""
        if self.cost is None or not self.total.base:
            return None
        margin = EXACT.subtract(self.total.base, EXACT.multiply(self.cost, self.total.rate))
        return margin * self.worth / self.total.base


def note_order(orders: dict[UUID, Purchase], event: Any, at: Recorded) -> Purchase | None:
    """Notes what happened to an order among others; the order, if it is known."""
    match event:
        case OrderPlaced():
            left: dict[str, int] = {}
            for line in event.lines:
                left[line.sku] = left.get(line.sku, 0) + line.quantity
            return orders.setdefault(
                at.stream_id,
                Purchase(
                    customer_id=at.customer_id, total=event.total, worth=event.total.base, placed_at=at.occurred_at,
                    live=at.origin == Origin.LIVE,
                    position=at.position, cost=event.cost, lines=event.lines, left=left, pieces=sum(left.values()),
                    number=event.number,
                ),
            )  # fmt: skip
        case GoodsReturned():
            worth = -event.value.base
            return orders.setdefault(at.stream_id, Purchase(at.customer_id, event.value, worth, position=at.position))
        case _:
            order = orders.get(at.stream_id)
            if order is not None and at.version not in order.seen:
                order.seen.add(at.version)
                _go_on(order, event, at)
            return order


def _go_on(order: Purchase, event: Any, at: Recorded) -> None:
    match event:
        case OrderDelivered():
            order.delivered_at = at.occurred_at
        case OrderCancelled():
            order.worth = EXACT.subtract(order.worth, event.value.base)
            order.pieces -= sum(order.left.values())
            order.left.clear()
        case OrderLinesCancelled() | LinesReturned():
            order.worth = EXACT.subtract(order.worth, event.value.base)
            for line in event.lines:
                order.left[line.sku] = order.left.get(line.sku, 0) - line.quantity
                order.pieces -= line.quantity if isinstance(event, OrderLinesCancelled) else 0


class RemembersPurchases(Protocol):
    """Whatever has purchases."""

    purchases: dict[UUID, Purchase]


def remembers_purchases(policy: Policy[Any]) -> None:
    """Lets a policy remember what its customers bought: its memory must have `purchases`."""

    @policy.remember(*ORDER_EVENTS)
    def bought(known: RemembersPurchases, event: Any, at: Recorded) -> None:
        note_order(known.purchases, event, at)


def is_off(back: Back) -> bool:
    """Whether an order is off as a whole by this, or came back as a whole."""
    return isinstance(back, OrderCancelled) or back.nothing_left


def last_order(purchases: dict[UUID, Purchase]) -> UUID | None:
    """The order that was placed last, of those that count."""
    placed = [(each.placed_at, each.position, id) for id, each in purchases.items() if each.counts and each.placed_at]
    return max(placed)[-1] if placed else None


def spent(purchases: dict[UUID, Purchase]) -> dict[str, Decimal]:
    """What all that was bought is worth, less what came back, by base currency."""
    found: dict[str, Decimal] = {}
    for each in purchases.values():
        currency = each.total.base_currency
        found[currency] = EXACT.add(found.get(currency, Decimal(0)), each.worth)
    return found


def days_of(purchases: dict[UUID, Purchase], calendar: Calendar) -> list[date]:
    """The local days on which something was bought, each once, in order."""
    return sorted({calendar.day(each.placed_at) for each in purchases.values() if each.counts and each.placed_at})


def median_gap(days: list[date]) -> float | None:
    """The median of the days between two purchases; None before the second."""
    gaps = [(later - day).days for day, later in pairwise(days)]
    return float(median(gaps)) if gaps else None
