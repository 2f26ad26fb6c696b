"""Carts: what a visitor of the shop puts together, and whether it becomes an order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Claim, Command, Decider, Event, Refused, as_asked, identified
from domain.references import CartId, CustomerId, OrderId, WebSessionId
from domain.values import EXACT, MAX_QUANTITY, Money, empty, money, must_be_amount, must_be_within, must_say

MAX_ITEMS = 500
MAX_CHANGES = 900


class CartStatus(StrEnum):
    """What became of a cart."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    CHECKOUT = "CHECKOUT"
    ABANDONED = "ABANDONED"
    CONVERTED = "CONVERTED"


@dataclass(frozen=True, slots=True)
class CartItem:
    """So many pieces of an article at this price."""

    quantity: int
    unit_price: Decimal


# What can be asked.


class StartCart(Command):
    """Open a cart, for a customer or for whoever visits the shop in a web session; all its prices are in `currency`."""

    cart_id: CartId
    customer_id: CustomerId | None = None
    web_session_id: WebSessionId | None = None
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None


class AddCartItem(Command):
    """Put an article in that is not in the cart yet; an abandoned cart is taken up again by that."""

    cart_id: CartId
    sku: str
    quantity: int
    unit_price: Decimal


class RemoveCartItem(Command):
    """Take an article out."""

    cart_id: CartId
    sku: str


class ChangeCartQuantity(Command):
    """Take more or fewer pieces of an article that is in the cart."""

    cart_id: CartId
    sku: str
    quantity: int


class IdentifyCart(Command):
    """Say whose cart it is, now that the visitor is known."""

    cart_id: CartId
    customer_id: CustomerId


class StartCheckout(Command):
    """Begin to pay for what is in the cart."""

    cart_id: CartId


class ConvertCart(Command):
    """Say which order the cart has become."""

    cart_id: CartId
    order_id: OrderId


class AbandonCart(Command):
    """Say that nobody is expected to come back to the cart; `policy` is the key of the rule that found it, if any."""

    cart_id: CartId
    policy: str | None = None


# What can have happened.


class CartStarted(Event, stored_as="cart.started.v1"):
    """A cart was opened; until the customer is known, `visitor_id` (the web session or the cart) stands for them."""

    customer_id: CustomerId | None
    web_session_id: WebSessionId | None
    visitor_id: UUID
    currency: str
    rate: Decimal | None
    base_currency: str | None


class CartItemAdded(Event, stored_as="cart.item-added.v1"):
    """An article was put in."""

    sku: str
    quantity: int
    unit_price: Decimal


class CartItemRemoved(Event, stored_as="cart.item-removed.v1"):
    """An article was taken out."""

    sku: str


class CartQuantityChanged(Event, stored_as="cart.quantity-changed.v1"):
    """There are now so many pieces of an article in the cart."""

    sku: str
    quantity: int


class CartIdentified(Event, stored_as="cart.identified.v1", corrects=True):
    """The visitor turned out to be this customer."""

    customer_id: CustomerId


class CheckoutStarted(Event, stored_as="cart.checkout-started.v1"):
    """The visitor began to pay."""


class CartConverted(Event, stored_as="cart.converted.v1"):
    """The cart became an order."""

    order_id: OrderId


class CartAbandoned(Event, stored_as="cart.abandoned.v1"):
    """The cart was left with what was in it; `value` is the exact sum of that."""

    policy: str | None
    value: Money


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Cart:
    """`customer_id` is whom the cart concerns: the customer, or the visitor until they are `identified`."""

    status: CartStatus = CartStatus.UNKNOWN
    customer_id: UUID | None = None
    identified: bool = False
    started: CartStarted | None = None
    items: Mapping[str, CartItem] = field(default_factory=empty)
    changes: int = 0
    order_id: UUID | None = None


Asked = (
    StartCart
    | AddCartItem
    | RemoveCartItem
    | ChangeCartQuantity
    | IdentifyCart
    | StartCheckout
    | ConvertCart
    | AbandonCart
)
Happened = (
    CartStarted
    | CartItemAdded
    | CartItemRemoved
    | CartQuantityChanged
    | CartIdentified
    | CheckoutStarted
    | CartConverted
    | CartAbandoned
)


def decide(asked: Asked, cart: Cart) -> Iterator[Event]:
    match asked:
        case StartCart():
            money(Decimal(0), asked.currency, asked.rate, asked.base_currency)
            started = as_asked(CartStarted, asked, visitor_id=asked.web_session_id or asked.cart_id)
            if cart.started is None:
                yield started
            elif cart.started != started:
                raise Refused("This cart is already started. Start another one instead.")
        case _ if cart.started is None:
            raise Refused("This cart is not started yet.", "cart_id")
        case IdentifyCart(customer_id=customer_id):
            if cart.identified and cart.customer_id != customer_id:
                raise Refused("This cart is another customer's.", "customer_id")
            if not cart.identified:
                yield CartIdentified(customer_id=customer_id)
        case ConvertCart(order_id=order_id):
            if cart.order_id not in (None, order_id):
                raise Refused("This cart has become another order.", "order_id")
            if cart.order_id is None:
                must_have_items(cart)
                yield CartConverted(order_id=order_id)
        case StartCheckout():
            if cart.status is not CartStatus.CHECKOUT:
                must_be_changeable(cart)
                must_have_items(cart)
                yield CheckoutStarted()
        case AbandonCart():
            must_say(asked.policy, "The policy", "policy")
            if cart.status is not CartStatus.ABANDONED:
                must_be_open(cart)
                must_have_items(cart)
                yield as_asked(CartAbandoned, asked, value=worth(cart, cart.started))
        case AddCartItem() | RemoveCartItem() | ChangeCartQuantity():
            for change in changed(asked, cart):
                must_be_changeable(cart)
                yield change
        case _:
            assert_never(asked)


def changed(asked: AddCartItem | RemoveCartItem | ChangeCartQuantity, cart: Cart) -> Iterator[Event]:
    """What changes among the items, if anything does."""
    known = cart.items.get(asked.sku)
    match asked:
        case AddCartItem(sku=sku, quantity=quantity, unit_price=unit_price):
            must_say(sku, "The sku", "sku")
            must_be_within(quantity, 1, MAX_QUANTITY, "quantity")
            must_be_amount(unit_price, "unit_price")
            if known is None:
                if len(cart.items) >= MAX_ITEMS:
                    raise Refused(f"A cart holds at most {MAX_ITEMS} articles. Start another one.", "sku")
                yield as_asked(CartItemAdded, asked)
            elif known != CartItem(quantity, unit_price):
                raise Refused("This article is already in the cart. Change its quantity instead.", "sku")
        case RemoveCartItem():
            if known is not None:
                yield as_asked(CartItemRemoved, asked)
        case ChangeCartQuantity(quantity=quantity):
            if not quantity:
                raise Refused("Remove the article instead.", "quantity")
            must_be_within(quantity, 1, MAX_QUANTITY, "quantity")
            if known is None:
                raise Refused("This article is not in the cart.", "sku")
            if known.quantity != quantity:
                yield as_asked(CartQuantityChanged, asked)
        case _:
            assert_never(asked)


def evolve(cart: Cart, event: Happened) -> Cart:
    match event:
        case CartStarted(customer_id=customer_id):
            return Cart(CartStatus.OPEN, customer_id or event.visitor_id, customer_id is not None, event)
        case CartItemAdded(sku=sku):
            return with_items(cart, {**cart.items, sku: CartItem(event.quantity, event.unit_price)})
        case CartItemRemoved(sku=sku):
            return with_items(cart, {each: item for each, item in cart.items.items() if each != sku})
        case CartQuantityChanged(sku=sku):
            if sku not in cart.items:
                return cart
            return with_items(cart, {**cart.items, sku: replace(cart.items[sku], quantity=event.quantity)})
        case CartIdentified(customer_id=customer_id):
            return replace(cart, customer_id=customer_id, identified=True)
        case CheckoutStarted():
            return replace(cart, status=CartStatus.CHECKOUT, changes=cart.changes + 1)
        case CartConverted(order_id=order_id):
            return replace(cart, status=CartStatus.CONVERTED, order_id=order_id)
        case CartAbandoned():
            return replace(cart, status=CartStatus.ABANDONED, changes=cart.changes + 1)
        case _:
            assert_never(event)


def with_items(cart: Cart, items: Mapping[str, CartItem]) -> Cart:
    """The cart with other items; whoever changes an abandoned one has come back to it."""
    status = CartStatus.OPEN if cart.status is CartStatus.ABANDONED else cart.status
    return replace(cart, status=status, items=items, changes=cart.changes + 1)


def must_be_changeable(cart: Cart) -> None:
    """Refused if the cart is an order by now, or has changed too often."""
    must_be_open(cart)
    if cart.changes >= MAX_CHANGES:
        raise Refused(f"A cart changes at most {MAX_CHANGES} times. Start another one.")


def must_be_open(cart: Cart) -> None:
    """Refused if the cart is an order by now."""
    if cart.status is CartStatus.CONVERTED:
        raise Refused("This cart has become an order. Start another one.")


def must_have_items(cart: Cart) -> None:
    """Refused if there is nothing in the cart."""
    if not cart.items:
        raise Refused("There is nothing in this cart.")


def worth(cart: Cart, started: CartStarted) -> Money:
    """The exact sum of what is in the cart, at the rate with which it was started."""
    total = Decimal(0)
    for item in cart.items.values():
        total = EXACT.fma(item.unit_price, item.quantity, total)
    return money(total, started.currency, started.rate, started.base_currency)


def claims(_: UUID, event: Happened, cart: Cart) -> Iterator[Claim]:
    """Once it is known who the visitor is, what concerned the visitor concerns that customer."""
    if isinstance(event, CartIdentified) and cart.started is not None:
        yield identified(cart.started.visitor_id, event.customer_id, "This visitor is known to be somebody else.")


decider = Decider("cart", Asked, Happened, Cart(), decide, evolve, claims=claims)
