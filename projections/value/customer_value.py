"""Customer value: what a customer has been worth until now, where that is among all others, and whether it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg import sql

from domain.values import EXACT
from eventstore.reader import AsOf, Reader
from projections.lists import Lists
from projections.selling import orders
from projections.statements import kept
from projections.value import rfm
from projections.value.buyers import Look, among, buyers_among
from projections.value.churn import Silence, silence
from projections.value.rfm import RfmCell

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CustomerValue:
    """What a customer who ordered was worth, in the base currency.

    `orders` counts those that were not called off, `revenue` is less what came back, `cost` what the goods cost where it
    is known. `top_share` is the part of the customers, in percent from the best down, among which this one is by revenue.
    `compared_position` is that at which all customers were compared, which may be a little before `position`.
    """

    currency: str | None
    orders: int
    revenue: Decimal
    cost: Decimal
    average_order: Decimal
    first_order_at: datetime
    last_order_at: datetime
    cell: RfmCell
    top_share: int
    silence: Silence
    compared_position: int
    position: int


def values_of(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, CustomerValue]:
    """The value of each of these customers who ordered, in one statement."""
    question = ("values", look, frozenset(customer_ids))
    return lists.once(orders.view, question, lambda: _values_of(lists, customer_ids, look))


def _values_of(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, CustomerValue]:
    base = rfm.lately(lists, look)
    today = look.today.date()
    with lists.reading(orders.view) as (db, position):
        found = db.execute(_bought(look.as_of, lists.log.reader), among(look, base.currency, customer_ids)).fetchall()
    return {
        customer_id: CustomerValue(
            base.currency,
            ordered,
            spent,
            cost,
            EXACT.divide(spent, Decimal(ordered)).quantize(CENT, context=EXACT),
            first_at,
            last_at,
            rfm.placed(base.edges, last_at, ordered, spent),
            rfm.top_share(base.edges, spent),
            silence(today, last_day, gap),
            base.position,
            position,
        )
        for customer_id, ordered, spent, cost, first_at, last_at, last_day, gap in found
    }


@kept
def _bought(as_of: AsOf, reader: Reader) -> sql.Composed:
    return buyers_among(reader, as_of) + sql.SQL(
        "select customer_id, orders, spent, cost, first_at, last_at, last_day, median_gap"
        "  from buyers join rhythms using (customer_id)"
    )
