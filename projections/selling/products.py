"""The products: what the company sells, under which code, at what price and at what cost."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.product import ProductDiscontinued, ProductIntroduced, ProductRevised
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View

SAID = ("name", "category", "price", "currency", "tax_class", "unit_cost")


class ProductSheet(Row, key="product_id"):
    """A product as it is sold now. `price` and `unit_cost` are of one piece, in `currency`."""

    product_id: UUID
    sku: str = ""
    name: str = ""
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    tax_class: str | None = None
    unit_cost: Decimal | None = None
    introduced_at: datetime | None = None
    revised_at: datetime | None = None
    discontinued_at: datetime | None = None
    discontinued_because: str | None = None


class ProductPrice(Fact):
    """What a product, called `owner_id`, costs from `occurred_at` on, and what one piece costs the company.

    The last one that counts by a moment is what holds then; after a product is discontinued it is `sold` no longer.
    """

    sku: str = ""
    name: str = ""
    category: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    unit_cost: Decimal | None = None
    sold: bool = True


prices = Facts("product_prices", ProductPrice, indexes=("(sku, occurred_at)",))

view = View(
    "products",
    ProductSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(prices,),
    history=True,
    indexes=("(sku)", "(category, sku)", "(name)"),
)


@view.on(ProductIntroduced)
def introduce(sheet: ProductSheet, introduced: ProductIntroduced, at: Recorded) -> Iterator[ProductPrice]:
    sheet.sku = introduced.sku
    for name in SAID:
        setattr(sheet, name, getattr(introduced, name))
    sheet.introduced_at = at.occurred_at
    yield _price(sheet)


@view.on(ProductRevised)
def revise(sheet: ProductSheet, revised: ProductRevised, at: Recorded) -> Iterator[ProductPrice]:
    for name in SAID:
        if (said := getattr(revised, name)) is not None:
            setattr(sheet, name, said)
    sheet.revised_at = at.occurred_at
    yield _price(sheet)


@view.on(ProductDiscontinued)
def discontinue(sheet: ProductSheet, discontinued: ProductDiscontinued, at: Recorded) -> Iterator[ProductPrice]:
    sheet.discontinued_at = at.occurred_at
    sheet.discontinued_because = discontinued.reason
    yield _price(sheet)


def _price(sheet: ProductSheet) -> ProductPrice:
    return ProductPrice(
        sku=sheet.sku,
        name=sheet.name,
        category=sheet.category,
        price=sheet.price,
        currency=sheet.currency,
        unit_cost=sheet.unit_cost,
        sold=sheet.discontinued_at is None,
    )
