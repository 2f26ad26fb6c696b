"""The price lists: which prices count for whom, in every version that was published."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.price_list import PriceListPublished
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View


class PriceListSheet(Row, key="price_list_id"):
    """A price list as its last version has it; its rules are the facts `priceRules` of that version."""

    price_list_id: UUID
    code: str = ""
    version: int = 0
    currency: str = ""
    rules: int = 0
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    published_at: datetime | None = None


class PriceListVersion(Fact):
    """A version of a price list, called `owner_id`. It comes at `starts_at`: when it was published, unless it says so."""

    code: str = ""
    version: int = 0
    currency: str = ""
    starts_at: datetime | None = None
    valid_until: datetime | None = None


class PricingRule(Fact):
    """A rule of a version of a price list, called `owner_id`. `customer_id` is whom it is for, if it is for one alone."""

    version: int = 0
    sku: str | None = None
    category: str | None = None
    segment: str | None = None
    min_quantity: int = 1
    price: Decimal | None = None
    discount: Decimal | None = None


versions = Facts("price_list_versions", PriceListVersion)
rules = Facts("price_rules", PricingRule, indexes=("(sku)", "(customer_id)"))

view = View(
    "price_lists",
    PriceListSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(versions, rules),
    indexes=("(code)",),
)


@view.on(PriceListPublished)
def publish(
    sheet: PriceListSheet, published: PriceListPublished, at: Recorded
) -> Iterator[PriceListVersion | PricingRule]:
    sheet.code = published.key
    sheet.version = published.version
    sheet.currency = published.currency
    sheet.rules = len(published.rules)
    sheet.valid_from = published.valid_from
    sheet.valid_until = published.valid_until
    sheet.published_at = at.occurred_at
    yield PriceListVersion(
        code=published.key,
        version=published.version,
        currency=published.currency,
        starts_at=published.valid_from or at.occurred_at,
        valid_until=published.valid_until,
    )
    for rule in published.rules:
        yield PricingRule(
            customer_id=rule.customer_id,
            version=published.version,
            sku=rule.sku,
            category=rule.category,
            segment=rule.segment,
            min_quantity=rule.min_quantity,
            price=rule.price,
            discount=rule.discount,
        )
