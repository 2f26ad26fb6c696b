"""The payments: what came in, what failed, and what was given back."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.payment import PaymentFailed, PaymentFailure, PaymentMethod, PaymentReceived, RefundIssued, RefundKind
from domain.values import EXACT, Money
from eventstore.envelope import Recorded
from projections.takings import ZERO
from projections.view import Row, View


class PaymentStatus(StrEnum):
    """What became of a payment. GIVEN_BACK: nothing is left of it."""

    UNKNOWN = "UNKNOWN"
    FAILED = "FAILED"
    RECEIVED = "RECEIVED"
    GIVEN_BACK = "GIVEN_BACK"


class PaymentSheet(Row, key="payment_id"):
    """A payment. `amount` came in, or would have; `refunded` and `charged_back` went out again, all in `currency`.

    What they are worth in the base currency begins with `base_`.
    """

    payment_id: UUID
    customer_id: UUID | None = None
    order_id: UUID | None = None
    invoice_id: UUID | None = None
    status: PaymentStatus = PaymentStatus.UNKNOWN
    method: PaymentMethod | None = None
    currency: str | None = None
    amount: Decimal = ZERO
    refunded: Decimal = ZERO
    charged_back: Decimal = ZERO
    base_currency: str | None = None
    base_amount: Decimal = ZERO
    base_refunded: Decimal = ZERO
    base_charged_back: Decimal = ZERO
    failures: int = 0
    failed_because: PaymentFailure | None = None
    provider_ref: str | None = None
    received_at: datetime | None = None
    failed_at: datetime | None = None
    given_back_at: datetime | None = None


view = View(
    "payments",
    PaymentSheet,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(customer_id, received_at desc)", "(order_id)", "(invoice_id)", "(status, received_at)"),
)


@view.on(PaymentReceived)
def receive(sheet: PaymentSheet, received: PaymentReceived, at: Recorded) -> None:
    _about(sheet, received, at)
    sheet.status = PaymentStatus.RECEIVED
    sheet.received_at = at.occurred_at


@view.on(PaymentFailed)
def fail(sheet: PaymentSheet, failed: PaymentFailed, at: Recorded) -> None:
    if sheet.received_at is None:  # an attempt that is reported late says nothing of what came in
        _about(sheet, failed, at)
        sheet.status = PaymentStatus.FAILED
    sheet.failures += 1
    sheet.failed_because = failed.cause
    sheet.failed_at = at.occurred_at


@view.on(RefundIssued)
def give_back(sheet: PaymentSheet, refund: RefundIssued, at: Recorded) -> None:
    _add(sheet, "charged_back" if refund.kind is RefundKind.CHARGEBACK else "refunded", refund.amount)
    sheet.given_back_at = at.occurred_at
    if EXACT.add(sheet.refunded, sheet.charged_back) >= sheet.amount:
        sheet.status = PaymentStatus.GIVEN_BACK


def _about(sheet: PaymentSheet, said: PaymentReceived | PaymentFailed, at: Recorded) -> None:
    sheet.customer_id = at.customer_id
    sheet.order_id = said.order_id
    sheet.invoice_id = said.invoice_id
    sheet.method = said.method
    sheet.provider_ref = said.provider_ref
    sheet.currency = said.amount.currency
    sheet.amount = said.amount.amount
    sheet.base_currency = said.amount.base_currency
    sheet.base_amount = said.amount.base


def _add(sheet: PaymentSheet, name: str, money: Money) -> None:
    setattr(sheet, name, EXACT.add(getattr(sheet, name), money.amount))
    setattr(sheet, f"base_{name}", EXACT.add(getattr(sheet, f"base_{name}"), money.base))
