"""Invoices: what a customer was billed, with its tax, and what was credited."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CustomerId, InvoiceId, OrderId
from domain.values import EXACT, MAX_QUANTITY, Money, empty, fault, money, must_say, part

MAX_LINES = 5000
MAX_CREDIT_NOTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """So many pieces of an article, or of what is described, at a price without tax; `tax_rate` 0.21 is 21 per cent."""

    sku: str | None = None
    description: str | None = None
    quantity: int = 1
    unit_price: Decimal
    tax_rate: Decimal = Decimal(0)


CreditNote = tuple[tuple[InvoiceLine, ...], date, str | None]
"""What a credit note says: its lines, its day, and its id elsewhere."""


# What can be asked.


class IssueInvoice(Command):
    """Bill a customer; `number` is the legal one, `external` the id of the invoice in the system that printed it."""

    invoice_id: InvoiceId
    number: str
    customer_id: CustomerId
    lines: tuple[InvoiceLine, ...]
    issued_on: date
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    order_id: OrderId | None = None
    due_on: date | None = None
    external: str | None = None


class IssueCreditNote(Command):
    """Take back what was billed; the lines say what is credited, at the rate of the invoice.

    An invoice that should not have been issued is credited as a whole: no invoice is ever undone.
    """

    invoice_id: InvoiceId
    number: str
    lines: tuple[InvoiceLine, ...]
    issued_on: date
    reason: Text | None = None
    external: str | None = None


# What can have happened.


class InvoiceIssued(Event, stored_as="invoice.issued.v1"):
    """A customer was billed; `net`, `tax` and `total` are what is charged, in the minor unit of the currency."""

    number: str
    customer_id: CustomerId
    lines: tuple[InvoiceLine, ...]
    net: Money
    tax: Money
    total: Money
    issued_on: date
    order_id: OrderId | None
    due_on: date | None
    external: str | None


class CreditNoteIssued(Event, stored_as="invoice.credit-note-issued.v1"):
    """Some or all of an invoice was taken back; the amounts are positive, and are to be subtracted."""

    number: str
    lines: tuple[InvoiceLine, ...]
    net: Money
    tax: Money
    total: Money
    issued_on: date
    reason: Told[str]
    external: str | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Invoice:
    """`credited` and `credited_tax` add up what the credit notes took back."""

    customer_id: UUID | None = None
    issued: InvoiceIssued | None = None
    credit_notes: Mapping[str, CreditNote] = field(default_factory=empty)
    credited: Decimal = Decimal(0)
    credited_tax: Decimal = Decimal(0)


Asked = IssueInvoice | IssueCreditNote
Happened = InvoiceIssued | CreditNoteIssued


def decide(asked: Asked, invoice: Invoice) -> Iterator[Event]:
    match asked:
        case IssueInvoice(currency=currency):
            must_say(asked.number, "The number", "number")
            if asked.due_on is not None and asked.due_on < asked.issued_on:
                raise Refused("An invoice is not due before it is issued.", "due_on")
            amount, tax_amount = added_up(asked.lines, currency)
            total = money(amount, currency, asked.rate, asked.base_currency).charged()
            tax = total.like(tax_amount).charged()
            issued = as_asked(InvoiceIssued, asked, net=less(total, tax), tax=tax, total=total)
            if invoice.issued is None:
                yield issued
            elif invoice.issued != issued:
                raise Refused("This invoice is already issued. Issue a credit note instead.")
        case _ if invoice.issued is None:
            raise Refused("This invoice is not issued yet.", "invoice_id")
        case IssueCreditNote(number=number, lines=lines):
            must_say(number, "The number", "number")
            amounts = added_up(lines, invoice.issued.total.currency)
            if number not in invoice.credit_notes:
                yield credit(asked, invoice, invoice.issued, *amounts)
            elif invoice.credit_notes[number] != (lines, asked.issued_on, asked.external):
                raise Refused(f"The credit note {number} is already issued. Give the other another number.", "number")
        case _:
            assert_never(asked)


def evolve(invoice: Invoice, event: Happened) -> Invoice:
    match event:
        case InvoiceIssued(customer_id=customer_id):
            return replace(invoice, customer_id=customer_id, issued=event)
        case CreditNoteIssued(number=number):
            said = (event.lines, event.issued_on, event.external)
            return replace(
                invoice,
                credit_notes={**invoice.credit_notes, number: said},
                credited=EXACT.add(invoice.credited, event.total.amount),
                credited_tax=EXACT.add(invoice.credited_tax, event.tax.amount),
            )
        case _:
            assert_never(event)


def credit(
    asked: IssueCreditNote, invoice: Invoice, issued: InvoiceIssued, amount: Decimal, tax_amount: Decimal
) -> CreditNoteIssued:
    """The credit note. Refused if more would be credited than is left of the invoice."""
    if len(invoice.credit_notes) >= MAX_CREDIT_NOTES:
        raise Refused(f"An invoice has at most {MAX_CREDIT_NOTES} credit notes.")
    billed = issued.total
    left = EXACT.subtract(billed.amount, invoice.credited)
    if not amount:
        raise Refused("A credit note is more than zero.", "lines")
    if amount > left:
        raise Refused(f"Only {left} {billed.currency} of this invoice are left to credit.", "lines")
    total, tax = part(billed, invoice.credited, amount), part(issued.tax, invoice.credited_tax, tax_amount)
    return as_asked(CreditNoteIssued, asked, net=less(total, tax), tax=tax, total=total)


def added_up(lines: tuple[InvoiceLine, ...], currency: str) -> tuple[Decimal, Decimal]:
    """The total with tax, and the tax. Refused if a line makes no sense, or if there are none or too many.

    The lines of one tax rate are added up exactly; their sum is rounded once, half to even, to the minor unit; the tax
    of the rate is that rounded sum by the rate, rounded likewise (as EN 16931, rule BR-CO-17); then all is added up.
    """
    if not 1 <= len(lines) <= MAX_LINES:
        raise Refused(f"Give from 1 to {MAX_LINES} lines.", "lines")
    net_at: dict[Decimal, Decimal] = {}
    for number, line in enumerate(lines, 1):
        must_be_line(number, line)
        net_at[line.tax_rate] = EXACT.fma(line.unit_price, line.quantity, net_at.get(line.tax_rate, Decimal(0)))
    total = tax = Decimal(0)
    for rate, exact in net_at.items():
        net = money(exact, currency).charged()
        tax_of_rate = net.like(EXACT.multiply(net.amount, rate)).charged().amount
        tax = EXACT.add(tax, tax_of_rate)
        total = EXACT.add(total, EXACT.add(net.amount, tax_of_rate))
    return total, tax


def must_be_line(number: int, line: InvoiceLine) -> None:
    """Refused if a line says nothing, or has a quantity, a price or a tax rate that cannot be."""
    must_say(line.sku, f"Line {number}: the sku", "lines")
    must_say(line.description, f"Line {number}: the description", "lines")
    if line.sku is None and line.description is None:
        raise Refused(f"Line {number}: give the sku or a description.", "lines")
    if not 0 < line.quantity <= MAX_QUANTITY:
        raise Refused(f"Line {number}: the quantity must be from 1 to {MAX_QUANTITY}.", "lines")
    if wrong := fault(line.unit_price):
        raise Refused(f"Line {number}: the unit price {wrong}.", "lines")
    if fault(line.tax_rate) or line.tax_rate > 1:
        raise Refused(f"Line {number}: the tax rate must be from 0 to 1.", "lines")


def less(total: Money, tax: Money) -> Money:
    """A total without its tax, in both currencies: so the two parts add up to the total in the books as well."""
    amount, base = EXACT.subtract(total.amount, tax.amount), EXACT.subtract(total.base, tax.base)
    return replace(total, amount=amount, base=base)


decider = Decider("invoice", Asked, Happened, Invoice(), decide, evolve)
