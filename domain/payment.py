"""Payments: what a customer paid, what failed, and what was given back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.references import CustomerId, InvoiceId, OrderId, PaymentId
from domain.values import EXACT, Money, empty, must_be_amount, must_be_within, must_say, part, payable

MAX_ATTEMPTS = 100
MAX_REFUNDS = 500


class PaymentMethod(StrEnum):
    """How somebody pays."""

    CARD = "CARD"
    TRANSFER = "TRANSFER"
    DIRECT_DEBIT = "DIRECT_DEBIT"
    CASH = "CASH"
    PAYPAL = "PAYPAL"
    BIZUM = "BIZUM"
    CHEQUE = "CHEQUE"
    OTHER = "OTHER"


class PaymentFailure(StrEnum):
    """Why no money came."""

    DECLINED = "DECLINED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    EXPIRED = "EXPIRED"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    SUSPECTED_FRAUD = "SUSPECTED_FRAUD"
    CANCELLED = "CANCELLED"
    PROVIDER_ERROR = "PROVIDER_ERROR"
    OTHER = "OTHER"


class RefundKind(StrEnum):
    """Whether the company gave money back of its own accord, or the payer's bank took it."""

    REFUND = "REFUND"
    CHARGEBACK = "CHARGEBACK"


# What can be asked.


class RecordPayment(Command):
    """Note that money came in; `provider_ref` is the number by which the bank or the payment provider knows it."""

    payment_id: PaymentId
    customer_id: CustomerId
    amount: Decimal
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    method: PaymentMethod = PaymentMethod.CARD
    order_id: OrderId | None = None
    invoice_id: InvoiceId | None = None
    provider_ref: str | None = None


class RecordPaymentFailed(Command):
    """Note that an attempt to pay failed, and why; `attempt` counts the attempts at this payment from 1."""

    payment_id: PaymentId
    customer_id: CustomerId
    amount: Decimal
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    method: PaymentMethod = PaymentMethod.CARD
    cause: PaymentFailure = PaymentFailure.OTHER
    attempt: int = 1
    order_id: OrderId | None = None
    invoice_id: InvoiceId | None = None
    provider_ref: str | None = None


class IssueRefund(Command):
    """Give back some of what was paid, in its currency, or note that the bank took it; without an amount, all that is left.

    `refund_ref` tells one refund or chargeback of a payment from another.
    """

    payment_id: PaymentId
    refund_ref: str
    kind: RefundKind = RefundKind.REFUND
    amount: Decimal | None = None
    reason: Text | None = None


# What can have happened.


class PaymentReceived(Event, stored_as="payment.received.v1"):
    """Money came in; `amount` is exact to the minor unit of its currency, and so is its worth in the books."""

    customer_id: CustomerId
    amount: Money
    method: PaymentMethod
    order_id: OrderId | None
    invoice_id: InvoiceId | None
    provider_ref: str | None


class PaymentFailed(Event, stored_as="payment.failed.v1"):
    """An attempt to pay failed."""

    customer_id: CustomerId
    amount: Money
    method: PaymentMethod
    cause: PaymentFailure
    attempt: int
    order_id: OrderId | None
    invoice_id: InvoiceId | None
    provider_ref: str | None


class RefundIssued(Event, stored_as="payment.refund-issued.v1"):
    """The company gave money back, or the bank took it back, at the rate at which it came in."""

    refund_ref: str
    kind: RefundKind
    amount: Money
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Payment:
    """`refunds` are known by reference; `charged_back` is what the bank took of `given_back`, which is all of them."""

    customer_id: UUID | None = None
    received: PaymentReceived | None = None
    failed: Mapping[int, PaymentFailed] = field(default_factory=empty)
    refunds: Mapping[str, RefundIssued] = field(default_factory=empty)
    charged_back: Decimal = Decimal(0)
    given_back: Decimal = Decimal(0)


Asked = RecordPayment | RecordPaymentFailed | IssueRefund
Happened = PaymentReceived | PaymentFailed | RefundIssued


def decide(asked: Asked, payment: Payment) -> Iterator[Event]:
    match asked:
        case RecordPayment():
            must_be_of(asked, payment)
            paid = payable(asked.amount, asked.currency, asked.rate, asked.base_currency, "A payment")
            received = as_asked(PaymentReceived, asked, amount=paid)
            if payment.received is None:
                yield received
            elif payment.received != received:
                raise Refused("This payment is already recorded. Record the other one under an id of its own.")
        case RecordPaymentFailed(attempt=attempt):
            must_be_of(asked, payment)
            must_be_within(attempt, 1, MAX_ATTEMPTS, "attempt")
            due = payable(asked.amount, asked.currency, asked.rate, asked.base_currency, "A payment")
            failed = as_asked(PaymentFailed, asked, amount=due)
            if attempt not in payment.failed:
                yield failed
            elif payment.failed[attempt] != failed:
                raise Refused("This attempt is already recorded. Give the next one the next number.", "attempt")
        case _ if payment.received is None:
            raise Refused("This payment is not received yet.", "payment_id")
        case IssueRefund():
            yield from give_back(asked, payment, payment.received.amount)
        case _:
            assert_never(asked)


def evolve(payment: Payment, event: Happened) -> Payment:
    match event:
        case PaymentReceived(customer_id=customer_id):
            return replace(payment, customer_id=customer_id, received=event)
        case PaymentFailed(customer_id=customer_id, attempt=attempt):
            return replace(payment, customer_id=customer_id, failed={**payment.failed, attempt: event})
        case RefundIssued(kind=kind, amount=back):
            taken = back.amount if kind is RefundKind.CHARGEBACK else Decimal(0)
            return replace(
                payment,
                refunds={**payment.refunds, event.refund_ref: event},
                charged_back=EXACT.add(payment.charged_back, taken),
                given_back=EXACT.add(payment.given_back, back.amount),
            )
        case _:
            assert_never(event)


def must_be_of(asked: RecordPayment | RecordPaymentFailed, payment: Payment) -> None:
    """Refused if the payment is another customer's, or if the provider's number for it is blank."""
    must_say(asked.provider_ref, "The provider ref", "provider_ref")
    if payment.customer_id not in (None, asked.customer_id):
        raise Refused("This payment is another customer's.", "customer_id")


def give_back(asked: IssueRefund, payment: Payment, paid: Money) -> Iterator[RefundIssued]:
    """The refund, if it is new. Refused if more would be given back than can be.

    A bank may take back what was refunded already, but no more than was paid.
    """
    must_say(asked.refund_ref, "The refund ref", "refund_ref")
    must_be_amount(asked.amount, "amount")
    is_refund = asked.kind is RefundKind.REFUND
    known = payment.refunds.get(asked.refund_ref)
    if known is None:
        left = max(EXACT.subtract(paid.amount, payment.given_back), Decimal(0))
        if asked.amount is None and not left:
            raise Refused("All of it was given back before: give the amount.", "amount")
        amount = left if asked.amount is None else asked.amount
        payable(amount, paid.currency, what=f"A {asked.kind.lower()}")
        most = left if is_refund else EXACT.subtract(paid.amount, payment.charged_back)
        if amount > most:
            what_for = "refund" if is_refund else "charge back"
            raise Refused(f"Only {most} {paid.currency} of this payment are left to {what_for}.", "amount")
        if len(payment.refunds) >= MAX_REFUNDS:
            raise Refused(f"A payment has at most {MAX_REFUNDS} refunds.")
        yield as_asked(RefundIssued, asked, amount=part(paid, payment.given_back, amount))
    elif asked.kind is not known.kind or asked.amount not in (None, known.amount.amount):
        sentence = f"The {known.kind.lower()} {known.refund_ref} is already issued. Issue the other under another ref."
        raise Refused(sentence, "refund_ref")


decider = Decider("payment", Asked, Happened, Payment(), decide, evolve)
