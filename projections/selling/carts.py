"""The carts: what visitors of the shop put together, what it is worth, and what became of it."""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.cart import (
    CartAbandoned,
    CartConverted,
    CartIdentified,
    CartItem,
    CartItemAdded,
    CartItemRemoved,
    CartQuantityChanged,
    CartStarted,
    CartStatus,
    CheckoutStarted,
)
from domain.values import EXACT, empty, money
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between
from projections.takings import ZERO
from projections.view import Row, View


class CartSheet(Row, key="cart_id"):
    """A cart. `customer_id` is the customer if it is `identified`, and else the visitor; `items` are by SKU.

    `value` is the exact sum of what is in it, in `currency`, and `base_value` what that is worth in the base currency.
    """

    cart_id: UUID
    customer_id: UUID | None = None
    identified: bool = False
    web_session_id: UUID | None = None
    status: CartStatus = CartStatus.UNKNOWN
    items: Mapping[str, CartItem] = field(default_factory=empty)
    pieces: int = 0
    currency: str | None = None
    rate: Decimal | None = None
    value: Decimal = ZERO
    base_currency: str | None = None
    base_value: Decimal = ZERO
    started_at: datetime | None = None
    changed_at: datetime | None = None
    checkout_at: datetime | None = None
    abandoned_at: datetime | None = None
    abandoned_by: str | None = None
    recovered: int = 0
    converted_at: datetime | None = None
    order_id: UUID | None = None


class CartMove(Fact):
    """A step of a cart, called `owner_id`: to which status, with how much in it, `dwell_s` seconds after its last change.

    `recovered` is 1 where an abandoned cart was taken up again, else 0.
    """

    status: CartStatus = CartStatus.UNKNOWN
    pieces: int = 0
    base_currency: str = ""
    base_value: Decimal = ZERO
    policy: str | None = None
    recovered: int = 0
    dwell_s: int = 0


moves = Facts("cart_moves", CartMove, indexes=("(occurred_at)", "(customer_id, occurred_at)"))

view = View(
    "carts",
    CartSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(moves,),
    indexes=("(customer_id, changed_at desc)", "(status, changed_at)", "(web_session_id)", "(order_id)"),
)


@view.on(CartStarted)
def start(sheet: CartSheet, started: CartStarted, at: Recorded) -> Iterator[CartMove]:
    sheet.customer_id = at.customer_id
    sheet.identified = started.customer_id is not None
    sheet.web_session_id = started.web_session_id
    sheet.currency = started.currency
    sheet.rate = started.rate
    sheet.base_currency = started.base_currency or started.currency
    sheet.started_at = at.occurred_at
    yield _step(sheet, CartStatus.OPEN, at)


@view.on(CartItemAdded)
def add(sheet: CartSheet, added: CartItemAdded, at: Recorded) -> Iterator[CartMove]:
    yield from _hold(sheet, {**sheet.items, added.sku: CartItem(added.quantity, added.unit_price)}, at)


@view.on(CartItemRemoved)
def remove(sheet: CartSheet, removed: CartItemRemoved, at: Recorded) -> Iterator[CartMove]:
    yield from _hold(sheet, {sku: item for sku, item in sheet.items.items() if sku != removed.sku}, at)


@view.on(CartQuantityChanged)
def change(sheet: CartSheet, changed: CartQuantityChanged, at: Recorded) -> Iterator[CartMove]:
    if changed.sku in sheet.items:
        item = replace(sheet.items[changed.sku], quantity=changed.quantity)
        yield from _hold(sheet, {**sheet.items, changed.sku: item}, at)


@view.on(CartIdentified)
def identify(sheet: CartSheet, identified: CartIdentified, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.identified = True


@view.on(CheckoutStarted)
def check_out(sheet: CartSheet, started: CheckoutStarted, at: Recorded) -> Iterator[CartMove]:
    sheet.checkout_at = at.occurred_at
    yield _step(sheet, CartStatus.CHECKOUT, at)


@view.on(CartConverted)
def convert(sheet: CartSheet, converted: CartConverted, at: Recorded) -> Iterator[CartMove]:
    sheet.order_id = converted.order_id
    sheet.converted_at = at.occurred_at
    yield _step(sheet, CartStatus.CONVERTED, at)


@view.on(CartAbandoned)
def abandon(sheet: CartSheet, abandoned: CartAbandoned, at: Recorded) -> Iterator[CartMove]:
    sheet.abandoned_at = at.occurred_at
    sheet.abandoned_by = abandoned.policy
    yield _step(sheet, CartStatus.ABANDONED, at, policy=abandoned.policy)


def _hold(sheet: CartSheet, items: Mapping[str, CartItem], at: Recorded) -> Iterator[CartMove]:
    """Whoever changes an abandoned cart has come back to it."""
    total = ZERO
    for item in items.values():
        total = EXACT.fma(item.unit_price, item.quantity, total)
    worth = money(total, sheet.currency or "EUR", sheet.rate, sheet.base_currency)
    sheet.items = items
    sheet.pieces = sum(item.quantity for item in items.values())
    sheet.value, sheet.base_value = worth.amount, worth.base
    if sheet.status is CartStatus.ABANDONED:
        sheet.recovered += 1
        yield _step(sheet, CartStatus.OPEN, at, recovered=1)
    sheet.changed_at = at.occurred_at


def _step(
    sheet: CartSheet, status: CartStatus, at: Recorded, *, policy: str | None = None, recovered: int = 0
) -> CartMove:
    since, sheet.status, sheet.changed_at = sheet.changed_at, status, at.occurred_at
    return CartMove(
        status=status,
        pieces=sheet.pieces,
        base_currency=sheet.base_currency or "",
        base_value=sheet.base_value,
        policy=policy,
        recovered=recovered,
        dwell_s=seconds_between(since, at.occurred_at),
    )
