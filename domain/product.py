"""Products: what the company sells, under which code and at what price."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused
from domain.values import fault, must_be_currency, must_say

ProductId = Annotated[UUID, Ref("product")]

# What can be asked.


class IntroduceProduct(Command):
    """Begin to sell something; a price needs a currency."""

    product_id: ProductId
    sku: str
    name: str
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None


class ReviseProduct(Command):
    """Correct the name, the category or the price of a product; what is left out stays as it is."""

    product_id: ProductId
    name: str | None = None
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None


class DiscontinueProduct(Command):
    """Stop selling a product."""

    product_id: ProductId
    reason: str | None = None


# What can have happened.


class ProductIntroduced(Event, stored_as="product.introduced.v1"):
    """The company began to sell something."""

    sku: str
    name: str
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None


class ProductRevised(Event, stored_as="product.revised.v1"):
    """Some of what is said of a product changed; what did not change is empty."""

    name: str | None = None
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None


class ProductDiscontinued(Event, stored_as="product.discontinued.v1"):
    """The company stopped selling it."""

    reason: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Product:
    """`introduced` is what was said first; the rest is what is true now."""

    introduced: ProductIntroduced | None = None
    name: str | None = None
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    discontinued: bool = False


Asked = IntroduceProduct | ReviseProduct | DiscontinueProduct
Happened = ProductIntroduced | ProductRevised | ProductDiscontinued


def decide(asked: Asked, product: Product) -> Iterator[Event]:
    match asked:
        case IntroduceProduct():
            must_say(asked.sku, "The sku", "sku")
            must_say(asked.name, "The name", "name")
            must_be_priced(asked.price, asked.currency, known=None)
            introduced = ProductIntroduced(
                sku=asked.sku, name=asked.name, category=asked.category, price=asked.price, currency=asked.currency
            )
            if product.introduced is None:
                yield introduced
            elif product.introduced != introduced:
                raise Refused("This product is already introduced. Revise it instead.")
        case _ if product.introduced is None:
            raise Refused("This product is not introduced yet.", "product_id")
        case ReviseProduct():
            must_say(asked.name, "The name", "name")
            must_say(asked.category, "The category", "category")
            must_be_priced(asked.price, asked.currency, known=product.currency)
            revised = ProductRevised(
                name=asked.name if asked.name != product.name else None,
                category=asked.category if asked.category != product.category else None,
                price=asked.price if asked.price != product.price else None,
                currency=asked.currency if asked.currency != product.currency else None,
            )
            if revised != ProductRevised():
                if product.discontinued:
                    raise Refused("This product is discontinued.")
                yield revised
        case DiscontinueProduct(reason=reason):
            if not product.discontinued:
                yield ProductDiscontinued(reason=reason)
        case _:
            assert_never(asked)


def evolve(product: Product, event: Happened) -> Product:
    match event:
        case ProductIntroduced():
            return Product(event, event.name, event.category, event.price, event.currency)
        case ProductRevised(price=price):
            return replace(
                product,
                name=event.name or product.name,
                category=event.category or product.category,
                price=product.price if price is None else price,
                currency=event.currency or product.currency,
            )
        case ProductDiscontinued():
            return replace(product, discontinued=True)
        case _:
            assert_never(event)


def must_be_priced(price: Decimal | None, currency: str | None, known: str | None) -> None:
    """Refused if a price is no amount, or has no currency, or if the currency is another and the price is left out."""
    if currency is not None:
        must_be_currency(currency, "currency")
    if price is None:
        if currency not in (None, known):
            raise Refused(f"Give the price in {currency} as well.", "price")
        return
    if wrong := fault(price):
        raise Refused(f"The price {wrong}.", "price")
    if currency is None and known is None:
        raise Refused("Give the currency of the price.", "currency")


decider = Decider("product", Asked, Happened, Product(), decide, evolve)
