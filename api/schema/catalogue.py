"""The catalogue: products with their stock, price lists, what an article costs a customer, and how much there is of it."""

from datetime import datetime
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from eventstore.commands import identify
from eventstore.reader import NOW
from projections.selecting import Order
from projections.selling import price_lists, pricing, products, stock
from projections.selling.pricing import Price
from projections.selling.stock import Stock


def _product_fields(lists: Lists) -> list[StrawberryField]:
    if stock.view.name not in lists.nouns:
        return []

    async def theirs(root: Shown[Any], info: Info) -> Stock | None:
        house = info.context.house
        return await info.context.each(
            ("stock", root.as_of), lambda skus: stock.stock(house.lists, skus, as_of=root.as_of), root.row.sku
        )

    return [
        answered("stock", lists.shapes.output(Stock | None), "How much there is of it.", theirs, within=lists.types)
    ]


noun = Noun(products.view, "Product", order=(Order("sku"),), fields=_product_fields)
price_list = Noun(price_lists.view, "PriceList", order=(Order("code"),))

AT = Argument("at", datetime | None, "At this moment, instead of now.")


def questions(lists: Lists) -> list[StrawberryField]:
    """`stock(skus, site, at, asOf, atLeast)` and `price(sku, quantity, customerId, segments, currency, at, asOf, atLeast)`."""
    return [
        answered(
            "stock",
            lists.shapes.output(tuple[Stock, ...]),
            "How many pieces there are of articles, in all and at each place, in the order in which they are named.",
            _stock,
            (
                Argument("skus", list[str], f"Of which articles, {stock.MAX_SKUS} at most."),
                Argument("site", str | None, "At this place alone."),
                AT,
                AS_OF,
                AT_LEAST,
            ),
            within=lists.types,
        ),
        answered(
            "price",
            lists.shapes.output(Price | None),
            sentence_of(Price),
            _price,
            (
                Argument("sku", str, "Of which article."),
                Argument("quantity", int, "How many pieces are bought.", 1),
                Argument("customer_id", Ref | None, "For whom."),
                Argument(
                    "segments", list[str] | None, "The segments that count, instead of those that the customer is in."
                ),
                Argument("currency", str | None, "In this currency, instead of that of the product."),
                AT,
                AS_OF,
                AT_LEAST,
            ),
            within=lists.types,
        ),
    ]


async def _stock(
    root: None,
    info: Info,
    *,
    skus: list[str],
    site: str | None = None,
    at: datetime | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[Stock]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [stock.view], at_least)
    named = list(dict.fromkeys(skus))
    found = await context.ask(stock.stock, context.house.lists, named, site=site, at=at, as_of=moment)
    return [found[sku] for sku in named]


async def _price(
    root: None,
    info: Info,
    *,
    sku: str,
    quantity: int,
    customer_id: str | None = None,
    segments: list[str] | None = None,
    currency: str | None = None,
    at: datetime | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Price | None:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [products.view, price_lists.view], at_least)
    return await context.ask(
        pricing.price,
        context.house.lists,
        sku,
        quantity,
        at or await instant_of(context, moment),
        customer_id=None if customer_id is None else identify("customer", customer_id, "customerId"),
        segments=segments,
        currency=currency,
        as_of=moment,
    )
