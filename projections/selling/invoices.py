"""The invoices: what customers were billed, with its tax, what was credited, and when it is due."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from domain.invoice import CreditNoteIssued, InvoiceIssued
from domain.values import EXACT
from eventstore.envelope import Recorded
from projections.takings import ZERO
from projections.view import Row, View


class InvoiceSheet(Row, key="invoice_id"):
    """An invoice; its lines are read from the event at `issued_position` when they are shown.

    `net`, `tax` and `total` were billed, and `credited` was taken back of the total, all in `currency`; what begins with
    `base_` is what they are worth in the base currency.
    """

    invoice_id: UUID
    customer_id: UUID | None = None
    order_id: UUID | None = None
    number: str = ""
    external: str | None = None
    issued_on: date | None = None
    due_on: date | None = None
    currency: str | None = None
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    credited: Decimal = ZERO
    base_currency: str | None = None
    base_net: Decimal = ZERO
    base_tax: Decimal = ZERO
    base_total: Decimal = ZERO
    base_credited: Decimal = ZERO
    credit_notes: tuple[str, ...] = ()
    issued_position: int = 0
    issued_at: datetime | None = None


view = View(
    "invoices",
    InvoiceSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(customer_id, issued_on desc)", "(order_id)", "(issued_on)", "(due_on)"),
)


@view.on(InvoiceIssued)
def issue(sheet: InvoiceSheet, issued: InvoiceIssued, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.order_id = issued.order_id
    sheet.number = issued.number
    sheet.external = issued.external
    sheet.issued_on = issued.issued_on
    sheet.due_on = issued.due_on
    sheet.issued_position = at.position
    sheet.issued_at = at.occurred_at
    sheet.currency = issued.total.currency
    sheet.base_currency = issued.total.base_currency
    for name in ("net", "tax", "total"):
        money = getattr(issued, name)
        setattr(sheet, name, money.amount)
        setattr(sheet, f"base_{name}", money.base)


@view.on(CreditNoteIssued)
def credit(sheet: InvoiceSheet, note: CreditNoteIssued, at: Recorded) -> None:
    sheet.credited = EXACT.add(sheet.credited, note.total.amount)
    sheet.base_credited = EXACT.add(sheet.base_credited, note.total.base)
    sheet.credit_notes = (*sheet.credit_notes, note.number)
