"""Invoices."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from domain.invoice import (
    MAX_CREDIT_NOTES,
    MAX_LINES,
    CreditNoteIssued,
    InvoiceIssued,
    InvoiceLine,
    IssueCreditNote,
    IssueInvoice,
    added_up,
    decider,
)
from domain.values import Money, money
from tests.domain.scenario import but, events_of, given

INVOICE, ANA, EVA, ORDER = (UUID(int=n) for n in range(1, 5))
TODAY, DUE = date(2026, 1, 31), date(2026, 2, 28)


def line(unit_price: str = "10", quantity: int = 1, tax_rate: str = "0.21", sku: str | None = "A") -> InvoiceLine:
    return InvoiceLine(sku=sku, quantity=quantity, unit_price=Decimal(unit_price), tax_rate=Decimal(tax_rate))


def euros(amount: str) -> Money:
    return money(Decimal(amount), "EUR")


ISSUE = IssueInvoice(
    invoice_id=INVOICE,
    number="F-1",
    customer_id=ANA,
    lines=(line(quantity=2), line("5", tax_rate="0.10")),
    issued_on=TODAY,
    order_id=ORDER,
    due_on=DUE,
    external="erp-1",
)
ISSUED = InvoiceIssued(
    number="F-1",
    customer_id=ANA,
    lines=ISSUE.lines,
    net=euros("25"),
    tax=euros("4.70"),
    total=euros("29.70"),
    issued_on=TODAY,
    order_id=ORDER,
    due_on=DUE,
    external="erp-1",
)


def credit(*lines: InvoiceLine, number: str = "C-1", reason: str | None = None) -> IssueCreditNote:
    return IssueCreditNote(invoice_id=INVOICE, number=number, lines=lines, issued_on=TODAY, reason=reason)


def credited(
    *lines: InvoiceLine, net: str, tax: str, total: str, number: str = "C-1", reason: str | None = None
) -> CreditNoteIssued:
    return CreditNoteIssued(
        number=number,
        lines=lines,
        net=euros(net),
        tax=euros(tax),
        total=euros(total),
        issued_on=TODAY,
        reason=reason,
        external=None,
    )


ONE = credited(line(), net="10", tax="2.10", total="12.10")


def test_an_invoice_is_issued_once_with_its_tax() -> None:
    state = given(decider).when(ISSUE).then(ISSUED)
    assert state.customer_id == ANA
    given(decider, ISSUED).when(ISSUE).then_nothing()
    given(decider, ISSUED, ONE).when(ISSUE).then_nothing()


@pytest.mark.parametrize("changes", [{"number": "F-2"}, {"customer_id": EVA}, {"lines": (line(),)}, {"due_on": None}])
def test_another_invoice_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    given(decider, ISSUED).when(but(ISSUE, **changes)).refused(
        "This invoice is already issued. Issue a credit note instead."
    )


@pytest.mark.parametrize(
    ("currency", "lines", "total", "tax"),
    [
        ("EUR", [line("0.333", 3)], "1.21", "0.21"),  # 0.999 is added up before it is rounded
        ("EUR", [line("0.005"), line("0.005")], "0.01", "0.00"),  # not 0.00 twice
        ("EUR", [line("0.005"), line("0.005", tax_rate="0.1")], "0.00", "0.00"),  # each rate is rounded by itself
        ("EUR", [line("0.005"), line("0.005", tax_rate="0.210")], "0.01", "0.00"),  # 0.210 is the rate 0.21
        ("EUR", [line("2.50", tax_rate="0.05")], "2.62", "0.12"),  # half to even
        ("EUR", [line("7", tax_rate="0")], "7.00", "0.00"),
        ("JPY", [line("333.3", 3, "0.08")], "1080", "80"),
        ("KWD", [line("0.0105", tax_rate="0.05")], "0.010", "0.000"),
        ("CLF", [line("1.00005", 3, "0.19")], "3.5702", "0.5700"),
    ],
)
def test_tax_is_rounded_once_for_each_rate(currency: str, lines: list[InvoiceLine], total: str, tax: str) -> None:
    assert tuple(map(str, added_up(tuple(lines), currency))) == (total, tax)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ((), f"Give from 1 to {MAX_LINES} lines."),
        ((line(),) * (MAX_LINES + 1), f"Give from 1 to {MAX_LINES} lines."),
        ((line(), line(sku=None)), "Line 2: give the sku or a description."),
        ((line(sku=" "),), "Line 1: the sku must not be blank."),
        (
            (InvoiceLine(description="", unit_price=Decimal(1)),),
            "Line 1: the description must not be blank.",
        ),
        ((line(quantity=0),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((line(unit_price="-1"),), "Line 1: the unit price must be zero or more."),
        ((line(unit_price="sNaN"),), "Line 1: the unit price must be a number."),
        ((line(tax_rate="21"),), "Line 1: the tax rate must be from 0 to 1."),
        ((line(tax_rate="-0.1"),), "Line 1: the tax rate must be from 0 to 1."),
    ],
)
def test_lines_must_make_sense(bad: tuple[InvoiceLine, ...], sentence: str) -> None:
    given(decider).when(but(ISSUE, lines=bad)).refused(sentence, "lines")
    given(decider, ISSUED, ONE).when(credit(*bad)).refused(sentence, "lines")


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"number": " "}, "The number must not be blank.", "number"),
        ({"due_on": date(2026, 1, 30)}, "An invoice is not due before it is issued.", "due_on"),
        ({"currency": "EURO"}, "There is no currency 'EURO': give an ISO 4217 code such as EUR.", "currency"),
        ({"rate": Decimal(2)}, "Give the base currency that the rate leads to.", "base_currency"),
    ],
)
def test_an_invoice_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(ISSUE, **changes)).refused(sentence, field)


def test_an_invoice_may_be_due_at_once() -> None:
    given(decider).when(but(ISSUE, due_on=TODAY)).then(replace(ISSUED, due_on=TODAY))


def test_what_was_not_issued_is_not_credited() -> None:
    given(decider).when(credit(line())).refused("This invoice is not issued yet.", "invoice_id")


def test_a_credit_note_is_issued_once() -> None:
    asked = credit(line(), reason="Broken")
    note = credited(line(), net="10", tax="2.10", total="12.10", reason="Broken")
    given(decider, ISSUED).when(asked).then(note)
    given(decider, ISSUED, note).when(but(asked, reason=None)).then_nothing()
    given(decider, ISSUED, note).when(but(asked, lines=(line("9"),))).refused(
        "The credit note C-1 is already issued. Give the other another number.", "number"
    )
    given(decider, ISSUED).when(but(asked, number="")).refused("The number must not be blank.", "number")


def test_no_more_is_credited_than_was_billed() -> None:
    given(decider, ISSUED, ONE).when(credit(line("20"), number="C-2")).refused(
        "Only 17.60 EUR of this invoice are left to credit.", "lines"
    )
    given(decider, ISSUED, ONE).when(credit(line(), line("5", tax_rate="0.10"), number="C-2")).then(
        credited(line(), line("5", tax_rate="0.10"), net="15", tax="2.60", total="17.60", number="C-2")
    )
    given(decider, ISSUED).when(credit(line("0"))).refused("A credit note is more than zero.", "lines")


def test_credit_notes_of_one_invoice_are_limited() -> None:
    many = [credited(line("0.01"), net="0.01", tax="0", total="0.01", number=f"{n}") for n in range(MAX_CREDIT_NOTES)]
    given(decider, ISSUED, *many).when(credit(line("0.01"), number="x")).refused(
        f"An invoice has at most {MAX_CREDIT_NOTES} credit notes."
    )
    given(decider, ISSUED, *many).when(credit(line("0.01"), number="7")).then_nothing()


def test_an_invoice_that_should_not_have_been_issued_is_credited_as_a_whole_once() -> None:
    asked = credit(*ISSUE.lines, reason="Wrong company")
    whole = credited(*ISSUE.lines, net="25", tax="4.70", total="29.70", reason="Wrong company")
    given(decider, ISSUED).when(asked).then(whole)
    given(decider, ISSUED, whole).when(asked).then_nothing()
    given(decider, ISSUED, whole).when(credit(line("0.01"), number="C-2")).refused(
        "Only 0.00 EUR of this invoice are left to credit.", "lines"
    )


def test_credit_notes_are_worth_in_the_books_what_the_invoice_was_worth() -> None:
    whole = but(ISSUE, lines=(line("0.50", 9, "0.10"),), rate=Decimal("0.37"), base_currency="USD")
    part = line("0.50", 3, "0.10")
    issued, *notes = events_of(decider, [whole, *(credit(part, number=f"C-{n}") for n in range(3))])
    assert isinstance(issued, InvoiceIssued)
    booked = [(note.net.base, note.tax.base, note.total.base) for note in notes if isinstance(note, CreditNoteIssued)]
    assert [sum(each) for each in zip(*booked, strict=True)] == [issued.net.base, issued.tax.base, issued.total.base]
    assert len({tax for _, tax, _ in booked}) == 2  # a third of the tax is no whole number of cents


LINES = st.builds(
    InvoiceLine,
    sku=st.just("A"),
    quantity=st.integers(1, 50),
    unit_price=st.decimals("0.001", "99", places=4),
    tax_rate=st.sampled_from([Decimal("0.21"), Decimal("0.10"), Decimal(0)]),
)


@whatever(
    lines=st.lists(LINES, min_size=1, max_size=6).map(tuple),
    currency=st.sampled_from(["JPY", "EUR", "KWD", "CLF"]),
    rate=st.decimals("0.0001", "100", places=4).filter(bool),
)
@settings(max_examples=150, deadline=None)
def test_net_and_tax_come_to_the_total_and_a_whole_credit_note_to_nothing(
    lines: tuple[InvoiceLine, ...], currency: str, rate: Decimal
) -> None:
    asked = but(ISSUE, lines=lines, currency=currency, rate=rate, base_currency="USD")
    happened = events_of(decider, [asked])
    [issued] = happened
    assert isinstance(issued, InvoiceIssued)
    assert issued.net + issued.tax == money(issued.total.amount, currency, rate, "USD")
    assert issued.net.base + issued.tax.base == issued.total.base
    assert issued.total.charged() == issued.total
    if issued.total.amount:
        [note] = list(decider.decide(credit(*lines), given(decider, issued).state))
        assert isinstance(note, CreditNoteIssued)
        assert (note.net, note.tax, note.total) == (issued.net, issued.tax, issued.total)
