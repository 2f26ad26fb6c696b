"""What was invoiced, paid and given back, what is outstanding, and for how long."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.invoice import CreditNoteIssued, InvoiceIssued, InvoiceLine, IssueCreditNote, IssueInvoice
from domain.kernel import Command, Refused, derived
from domain.payment import (
    IssueRefund,
    PaymentFailure,
    PaymentReceived,
    RecordPayment,
    RecordPaymentFailed,
    RefundIssued,
    RefundKind,
)
from eventstore.envelope import Happened, Request
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.selling import invoices, payments
from projections.selling.payments import PaymentStatus
from projections.selling.settlements import Age, Receivable, open_invoices, receivables, settlements
from tests.conftest import House
from tests.projections.histories_catalogue import billed
from tests.projections.lives import events_of, for_each_life

VIEWS = (invoices.view, payments.view)
ANA, ORDER, OTHER = derived("customer", 1), derived("order", 1), derived("order", 2)
ZERO = Decimal(0)
DAY = date(2026, 3, 1)


def bill(n: int, amount: str, order: UUID | None = ORDER, due: int | None = 30, **more: Any) -> IssueInvoice:
    line = InvoiceLine(sku="A", unit_price=Decimal(amount))
    return IssueInvoice(
        invoice_id=derived("invoice", n), number=f"F{n}", customer_id=ANA, lines=(line,), issued_on=DAY, order_id=order,
        due_on=None if due is None else DAY + timedelta(days=due), **more,
    )  # fmt: skip


def pay(n: int, amount: str, *, invoice: int | None = None, order: UUID | None = None, **more: Any) -> RecordPayment:
    named = None if invoice is None else derived("invoice", invoice)
    return RecordPayment(
        payment_id=derived("payment", n),
        customer_id=ANA,
        amount=Decimal(amount),
        invoice_id=named,
        order_id=order,
        **more,
    )


def credit(n: int, amount: str) -> IssueCreditNote:
    line = InvoiceLine(sku="A", unit_price=Decimal(amount))
    return IssueCreditNote(invoice_id=derived("invoice", n), number="C1", lines=(line,), issued_on=DAY)


def lists_after(house: House, *commands: Command) -> Lists:
    for command in commands:
        house.log.do(command, Request(occurred_at=datetime(2026, 3, 1, tzinfo=UTC)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


POUNDS = {"currency": "GBP", "rate": Decimal("1.2"), "base_currency": "EUR"}


def test_an_order_is_settled_by_what_names_it_or_its_invoices(house: House) -> None:
    lists = lists_after(
        house, bill(1, "100"), credit(1, "10"), pay(1, "30", invoice=1), pay(2, "20", order=ORDER),
        IssueRefund(payment_id=derived("payment", 2), refund_ref="r", amount=Decimal(5)), pay(3, "7", order=OTHER),
        bill(2, "50", order=OTHER, **POUNDS),
    )  # fmt: skip
    found = settlements(lists, [ORDER, OTHER])
    (ours,) = found[ORDER]
    assert (ours.invoiced, ours.credited, ours.paid, ours.refunded, ours.outstanding) == (100, 10, 50, 5, 45)
    euros, pounds = found[OTHER]
    assert (euros.currency, euros.paid, euros.base_outstanding) == ("EUR", 7, -7)
    assert (pounds.currency, pounds.invoiced, pounds.base_currency, pounds.base_invoiced) == ("GBP", 50, "EUR", 60)
    assert settlements(lists, [derived("order", 9)]) == {derived("order", 9): []}
    (then,) = settlements(lists, [ORDER], as_of=AsOf(position=3))[ORDER]
    assert (then.credited, then.paid, then.outstanding) == (10, 30, 60)


def test_what_names_only_the_order_pays_its_invoices_in_the_order_in_which_they_are_due(house: House) -> None:
    lists = lists_after(
        house, bill(1, "100", due=40), bill(2, "100", due=10), bill(3, "100", due=None), pay(1, "130", order=ORDER),
        pay(2, "20", invoice=3),
    )  # fmt: skip
    found = open_invoices(lists, DAY + timedelta(days=45))
    assert [(each.number, each.outstanding, each.overdue_days) for each in found] == [("F1", 70, 5), ("F3", 80, 0)]
    assert open_invoices(lists, DAY + timedelta(days=45), invoice_ids=[derived("invoice", 1)]) == found[:1]


def test_receivables_are_told_by_how_long_they_have_been_due(house: House) -> None:
    lists = lists_after(
        house, *(bill(n, "10", order=None, due=due) for n, due in enumerate((91, 90, 61, 60, 31, 30, 1, 0, None), 1)),
        bill(10, "10", order=None, due=0), pay(1, "10", invoice=10),
    )  # fmt: skip
    assert receivables(lists, DAY + timedelta(days=91)) == [
        Receivable(Age.CURRENT, "EUR", Decimal(20), 2),
        Receivable(Age.DAYS_1_30, "EUR", Decimal(20), 2),
        Receivable(Age.DAYS_31_60, "EUR", Decimal(20), 2),
        Receivable(Age.DAYS_61_90, "EUR", Decimal(20), 2),
        Receivable(Age.OVER_90_DAYS, "EUR", Decimal(10), 1),
    ]
    assert receivables(lists, DAY, customer_id=derived("customer", 9)) == []
    with pytest.raises(Refused, match="1,000"):
        open_invoices(lists, DAY, first=1_001)


def test_a_payment_says_what_came_of_it(house: House) -> None:
    def row(n: int) -> Any:
        return lists.get(payments.view, [derived("payment", n)])[derived("payment", n)]

    failed = RecordPaymentFailed(
        payment_id=derived("payment", 1), customer_id=ANA, amount=Decimal(10), cause=PaymentFailure.DECLINED
    )
    lists = lists_after(house, failed)
    assert (row(1).status, row(1).failures, row(1).failed_because) == (PaymentStatus.FAILED, 1, PaymentFailure.DECLINED)
    lists = lists_after(house, pay(1, "10"))
    assert (row(1).status, row(1).amount, row(1).failures) == (PaymentStatus.RECEIVED, 10, 1)
    back = [
        IssueRefund(payment_id=derived("payment", 1), refund_ref="r", amount=Decimal(4)),
        IssueRefund(payment_id=derived("payment", 1), refund_ref="b", kind=RefundKind.CHARGEBACK, amount=Decimal(6)),
    ]
    lists = lists_after(house, *back)
    assert (row(1).status, row(1).refunded, row(1).charged_back) == (PaymentStatus.GIVEN_BACK, 4, 6)


def naive(events: Sequence[Happened]) -> tuple[dict[UUID, Any], dict[UUID, Any]]:
    """The invoices and the payments as the events alone have them, in the base currency."""
    bills: dict[UUID, Any] = {}
    paid: dict[UUID, Any] = {}
    back: dict[UUID, Decimal] = defaultdict(Decimal)  # a payment may be taken back, and recorded again after a refund
    credited: dict[UUID, Decimal] = defaultdict(Decimal)
    for event, at in events:
        if isinstance(event, InvoiceIssued):
            bills[at.stream_id] = event
        elif isinstance(event, CreditNoteIssued):
            credited[at.stream_id] += event.total.base
        elif isinstance(event, PaymentReceived):
            paid[at.stream_id] = event
        elif isinstance(event, RefundIssued):
            back[at.stream_id] += event.amount.base
    return (
        {key: (bill, credited[key]) for key, bill in bills.items()},
        {key: (received, back[key]) for key, received in paid.items()},
    )


def naive_outstanding(bills: dict[UUID, Any], paid: dict[UUID, Any]) -> dict[UUID, Decimal]:
    pools: dict[UUID, Decimal] = defaultdict(Decimal)
    left = {key: bill.total.base - credited for key, (bill, credited) in bills.items()}
    for received, back in paid.values():
        worth = received.amount.base - back
        if received.invoice_id is not None:
            if received.invoice_id in left:
                left[received.invoice_id] -= worth
        elif received.order_id is not None:
            pools[received.order_id] += worth
    for key in sorted(bills, key=lambda key: (bills[key][0].due_on or date.max, bills[key][0].issued_on, key)):
        order = bills[key][0].order_id
        if order is not None and left[key] > 0 and pools[order] > 0:
            taken = min(left[key], pools[order])
            left[key] -= taken
            pools[order] -= taken
    return {key: amount for key, amount in left.items() if amount > 0}


def test_what_is_outstanding_follows_from_the_events_at_any_moment(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        head = lists.log.reader.head()
        compared = 0
        for position in [*range(0, head, max(head // 6, 1)), None]:
            as_of = NOW if position is None else AsOf(position=position)
            events = sorted(
                [each for view in VIEWS for each in events_of(lists, view, position)], key=lambda each: each.at.position
            )
            bills, paid = naive(events)
            found = open_invoices(lists, date(2026, 6, 1), as_of=as_of)
            assert {each.invoice_id: each.outstanding for each in found} == naive_outstanding(bills, paid)
            for n in range(1, 4):
                some = [derived("invoice", n)]
                assert open_invoices(lists, date(2026, 6, 1), invoice_ids=some, as_of=as_of) == [
                    each for each in found if each.invoice_id in some
                ]
                whose = derived("customer", n)
                assert open_invoices(lists, date(2026, 6, 1), customer_id=whose, as_of=as_of) == [
                    each for each in found if each.customer_id == whose
                ]
            for each in found:
                due = bills[each.invoice_id][0].due_on
                assert each.overdue_days == (0 if due is None else max((date(2026, 6, 1) - due).days, 0))
            compared += len(found)
            orders = [derived("order", n) for n in range(1, 6)]
            order_of = {key: bill.order_id for key, (bill, _) in bills.items()}
            together = settlements(lists, orders, as_of=as_of)
            assert together == {order: settlements(lists, [order], as_of=as_of)[order] for order in orders}
            for order, settled in together.items():
                of_order = {key for key, (bill, _) in bills.items() if bill.order_id == order}
                theirs = [
                    (received, back)
                    for received, back in paid.values()
                    if order == (order_of.get(received.invoice_id) or received.order_id)
                ]
                assert sum((each.base_invoiced - each.base_credited for each in settled), ZERO) == sum(
                    (bills[key][0].total.base - bills[key][1] for key in of_order), ZERO
                )
                assert sum((each.base_paid - each.base_refunded for each in settled), ZERO) == sum(
                    (received.amount.base - back for received, back in theirs), ZERO
                )
        return compared > 0

    for_each_life(new_database, billed, VIEWS, check)
