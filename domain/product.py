"""Products: what the company sells, under which code, at what price and at what cost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from domain.kernel import Command, Decider, Event, Refused, as_asked
from domain.references import ProductId
from domain.values import must_be_amount, must_be_currency, must_say

# What can be asked.


class IntroduceProduct(Command):
    """Begin to sell something; a price and what one unit costs the company need a currency, which is the same."""

    product_id: ProductId
    sku: str
    name: str
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    tax_class: str | None = None
    unit_cost: Decimal | None = None


class ReviseProduct(Command):
    """Correct what is said of a product, such as its price or its unit cost; what is left out stays as it is."""

    product_id: ProductId
    name: str | None = None
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    tax_class: str | None = None
    unit_cost: Decimal | None = None


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
    tax_class: str | None = None
    unit_cost: Decimal | None = None


class ProductRevised(Event, stored_as="product.revised.v1"):
    """Some of what is said of a product changed; what did not change is empty."""

    name: str | None = None
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    tax_class: str | None = None
    unit_cost: Decimal | None = None


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
    tax_class: str | None = None
    unit_cost: Decimal | None = None
    discontinued: bool = False


Asked = IntroduceProduct | ReviseProduct | DiscontinueProduct
Happened = ProductIntroduced | ProductRevised | ProductDiscontinued


def decide(asked: Asked, product: Product) -> Iterator[Event]:
    match asked:
        case IntroduceProduct():
            must_say(asked.sku, "The sku", "sku")
            must_say(asked.name, "The name", "name")
            must_be_priced(asked, Product())
            introduced = as_asked(ProductIntroduced, asked)
            if product.introduced is None:
                yield introduced
            elif product.introduced != introduced:
                raise Refused("This product is already introduced. Revise it instead.")
        case _ if product.introduced is None:
            raise Refused("This product is not introduced yet.", "product_id")
        case ReviseProduct():
            must_say(asked.name, "The name", "name")
            must_say(asked.category, "The category", "category")
            must_be_priced(asked, product)
            revised = ProductRevised(
                name=asked.name if asked.name != product.name else None,
                category=asked.category if asked.category != product.category else None,
                price=asked.price if asked.price != product.price else None,
                currency=asked.currency if asked.currency != product.currency else None,
                tax_class=asked.tax_class if asked.tax_class != product.tax_class else None,
                unit_cost=asked.unit_cost if asked.unit_cost != product.unit_cost else None,
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
            return Product(
                event, event.name, event.category, event.price, event.currency, event.tax_class, event.unit_cost
            )
        case ProductRevised(price=price, unit_cost=unit_cost):
            return replace(
                product,
                name=event.name or product.name,
                category=event.category or product.category,
                price=product.price if price is None else price,
                currency=event.currency or product.currency,
                tax_class=event.tax_class or product.tax_class,
                unit_cost=product.unit_cost if unit_cost is None else unit_cost,
            )
        case ProductDiscontinued():
            return replace(product, discontinued=True)
        case _:
            assert_never(event)


def must_be_priced(asked: IntroduceProduct | ReviseProduct, product: Product) -> None:
    """Refused if an amount is none, or has no currency, or if the currency is another and an amount is left out."""
    must_say(asked.tax_class, "The tax class", "tax_class")
    if asked.currency is not None:
        must_be_currency(asked.currency, "currency")
    is_other = asked.currency not in (None, product.currency)
    if is_other and asked.price is None and (product.price is not None or asked.unit_cost is None):
        raise Refused(f"Give the price in {asked.currency} as well.", "price")
    if is_other and asked.unit_cost is None and product.unit_cost is not None:
        raise Refused(f"Give the unit cost in {asked.currency} as well.", "unit_cost")
    for amount, what in ((asked.price, "price"), (asked.unit_cost, "unit_cost")):
        must_be_amount(amount, what)
        if amount is not None and asked.currency is None and product.currency is None:
            raise Refused(f"Give the currency of the {what.replace('_', ' ')}.", "currency")


decider = Decider("product", Asked, Happened, Product(), decide, evolve)
