"""The billing: invoices, payments and returns with what they belong to, and what is outstanding, by age."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import many, one, told
from api.schema.scalars import Long, Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from domain.invoice import InvoiceLine
from eventstore.commands import identify
from eventstore.reader import NOW
from eventstore.reader import AsOf as Moment
from projections.buckets import BUSINESS_ZONE
from projections.selecting import Order
from projections.selling import invoices, orders, payments, returns, settlements
from projections.selling.settlements import OpenInvoice, Receivable
from projections.touchpoints import order_syncs


def _invoice_fields(lists: Lists) -> list[StrawberryField]:
    lines = lists.shapes.output(tuple[InvoiceLine, ...] | None)
    return [
        customer_of(lists),
        *one(lists, "order", orders.view, "order_id", "The order that it bills."),
        *many(lists, "payments", payments.view, "invoice_id", "invoice_id", "What was paid of it by name."),
        told(lists, "lines", lines, "issued_position", "What was billed."),
        answered("outstanding", Decimal, OUTSTANDING, _outstanding, within=lists.types),
        answered("overdue_days", Long, OVERDUE, _overdue, within=lists.types),
    ]


OUTSTANDING = "What is outstanding of it, in the base currency, after what was paid of it or of its order."
OVERDUE = "For how many days something of it has been due; 0 if nothing is."

noun = Noun(invoices.view, "Invoice", order=(Order("issued_on", True),), fields=_invoice_fields)
payment = Noun(
    payments.view,
    "Payment",
    order=(Order("received_at", True),),
    fields=lambda lists: [
        customer_of(lists),
        *one(lists, "order", orders.view, "order_id", "The order that it pays."),
        *one(lists, "invoice", invoices.view, "invoice_id", "The invoice that it pays."),
    ],
)
return_ = Noun(
    returns.view,
    "Return",
    order=(Order("requested_at", True),),
    fields=lambda lists: [
        customer_of(lists),
        *one(lists, "order", orders.view, "order_id", "The order of the goods."),
        *one(lists, "replacement", orders.view, "replacement_order_id", "The order by which other goods left."),
    ],
)
order_sync = Noun(
    order_syncs.view,
    "OrderSync",
    order=(Order("synced_at", True),),
    fields=lambda lists: one(lists, "order", orders.view, "order_id", "The order."),
)


async def _open(root: Shown[Any], info: Info) -> OpenInvoice | None:
    house, as_of = info.context.house, root.as_of
    on = await today(info, as_of)

    def ask(keys: list[UUID]) -> dict[UUID, OpenInvoice]:
        found = settlements.open_invoices(house.lists, on, invoice_ids=keys, as_of=as_of)
        return {each.invoice_id: each for each in found}

    return await info.context.each(("open invoices", as_of), ask, root.row.invoice_id)


async def _outstanding(root: Shown[Any], info: Info) -> Decimal:
    found = await _open(root, info)
    return Decimal(0) if found is None else found.outstanding


async def _overdue(root: Shown[Any], info: Info) -> int:
    found = await _open(root, info)
    return 0 if found is None else found.overdue_days


async def today(info: Info, as_of: Moment) -> date:
    """The day, where the company is, of the moment that is looked from."""
    return (await instant_of(info.context, as_of)).astimezone(ZoneInfo(BUSINESS_ZONE)).date()


def questions(lists: Lists) -> list[StrawberryField]:
    """`receivables(customerId, on, asOf, atLeast)` and `openInvoices(customerId, on, first, asOf, atLeast)`."""
    whose = Argument("customer_id", Ref | None, "Of this customer alone.")
    on = Argument("on", date | None, "On this day, instead of today.")
    return [
        answered(
            "receivables",
            lists.shapes.output(tuple[Receivable, ...]),
            "What is outstanding, by how long it has been due.",
            _receivables,
            (whose, on, AS_OF, AT_LEAST),
            within=lists.types,
        ),
        answered(
            "open_invoices",
            lists.shapes.output(tuple[OpenInvoice, ...]),
            f"{sentence_of(OpenInvoice)} Those that have been due longest come first.",
            _open_invoices,
            (whose, on, Argument("first", int, "How many, at most 1,000.", 100), AS_OF, AT_LEAST),
            within=lists.types,
        ),
    ]


async def _receivables(
    root: None,
    info: Info,
    *,
    customer_id: str | None = None,
    on: date | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[Receivable]:
    context, moment = info.context, await _reached(info, as_of, at_least)
    whose = None if customer_id is None else identify("customer", customer_id, "customerId")
    return await context.ask(
        settlements.receivables, context.house.lists, on or await today(info, moment), customer_id=whose, as_of=moment
    )


async def _open_invoices(
    root: None,
    info: Info,
    *,
    first: int,
    customer_id: str | None = None,
    on: date | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[OpenInvoice]:
    context, moment = info.context, await _reached(info, as_of, at_least)
    whose = None if customer_id is None else identify("customer", customer_id, "customerId")
    return await context.ask(
        settlements.open_invoices,
        context.house.lists,
        on or await today(info, moment),
        customer_id=whose,
        first=first,
        as_of=moment,
    )


async def _reached(info: Info, as_of: AsOf | None, at_least: int | None) -> Moment:
    moment = moment_of(as_of)
    if moment == NOW:
        await reached(info.context, [invoices.view, payments.view], at_least)
    return moment
