"""The orders, newest first, each with its customer, what was invoiced, paid and sent back, and what the business system says."""

from decimal import Decimal
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.noun import Noun
from api.schema.relation import many
from api.schema.shapes import answered
from api.schema.views import Lists
from domain.values import EXACT
from projections.selecting import Order
from projections.selling import invoices, orders, payments, returns, settlements
from projections.selling.settlements import Settlement
from projections.touchpoints import order_syncs

SUMS = {
    "invoiced": "What was billed",
    "credited": "What was taken back of what was billed",
    "paid": "What came in",
    "refunded": "What was given back, or taken back by a bank",
    "outstanding": "What is still to be paid of what was billed, below zero if too much was",
}


def _fields(lists: Lists) -> list[StrawberryField]:
    return [
        customer_of(lists),
        *many(lists, "invoices", invoices.view, "order_id", "order_id", "What was billed.", (Order("issued_on"),)),
        *many(lists, "payments", payments.view, "order_id", "order_id", "What was paid.", (Order("received_at"),)),
        *many(lists, "returns", returns.view, "order_id", "order_id", "What is sent back.", (Order("requested_at"),)),
        *many(lists, "erp", order_syncs.view, "order_id", "order_id", "What the business system says."),
        *_settlement(lists),
    ]


def _settlement(lists: Lists) -> list[StrawberryField]:
    """What became of the money: in each currency, and summed up in the base currency of the order."""
    if not lists.show((invoices.view, payments.view)):
        return []

    async def settled(root: Shown[Any], info: Info) -> list[Settlement]:
        house, as_of = info.context.house, root.as_of
        return await info.context.each(
            ("settlements", as_of),
            lambda ids: settlements.settlements(house.lists, ids, as_of=as_of),
            root.row.order_id,
        )

    def summed(name: str, words: str) -> StrawberryField:
        async def read(root: Shown[Any], info: Info) -> Decimal:
            total = Decimal(0)
            for each in await settled(root, info):
                if each.base_currency == root.row.base_currency:
                    total = EXACT.add(total, getattr(each, f"base_{name}"))
            return total

        return answered(name, Decimal, f"{words}, in the base currency.", read, within=lists.types)

    shape = lists.shapes.output(tuple[Settlement, ...])
    return [
        answered("settlements", shape, "What became of its money, by currency.", settled, within=lists.types),
        *(summed(name, words) for name, words in SUMS.items()),
    ]


noun = Noun(orders.view, "Order", hidden=("gone",), order=(Order("placed_at", True),), fields=_fields)
