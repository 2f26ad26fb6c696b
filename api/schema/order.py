"""The orders, newest first, each with its customer."""

from api.schema.customer import customer_of
from api.schema.noun import Noun
from projections import orders
from projections.selecting import Order

noun = Noun(
    orders.view,
    "Order",
    hidden=("gone",),
    order=(Order("placed_at", True),),
    fields=lambda lists: [customer_of(lists)],
)
