"""Unit costs: what one piece of each product cost the company, and from when on."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.product import ProductIntroduced, ProductRevised
from eventstore.envelope import Recorded
from projections.view import Row, View


class UnitCost(Row, key="product_id"):
    """What one piece of a product costs the company, in `currency`; empty where nobody said."""

    product_id: UUID
    sku: str = ""
    unit_cost: Decimal | None = None
    currency: str | None = None
    since: datetime | None = None


view = View(
    "unit_costs",
    UnitCost,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(sku)",),
)


@view.on(ProductIntroduced, ProductRevised)
def say(cost: UnitCost, said: ProductIntroduced | ProductRevised, at: Recorded) -> None:
    if isinstance(said, ProductIntroduced):
        cost.sku = said.sku
    if (said.unit_cost is not None and said.unit_cost != cost.unit_cost) or cost.since is None:
        cost.since = at.occurred_at
    cost.unit_cost = cost.unit_cost if said.unit_cost is None else said.unit_cost
    cost.currency = said.currency or cost.currency
