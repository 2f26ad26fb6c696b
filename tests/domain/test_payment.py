"""Payments."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from domain.kernel import Command
from domain.payment import (
    MAX_ATTEMPTS,
    MAX_REFUNDS,
    IssueRefund,
    PaymentFailed,
    PaymentFailure,
    PaymentMethod,
    PaymentReceived,
    RecordPayment,
    RecordPaymentFailed,
    RefundIssued,
    RefundKind,
    decider,
)
from domain.values import Money, money
from tests.domain.scenario import but, events_of, given

PAYMENT, ANA, EVA, ORDER, BILL = (UUID(int=n) for n in range(1, 6))


def euros(amount: str) -> Money:
    return money(Decimal(amount), "EUR")


PAY = RecordPayment(
    payment_id=PAYMENT,
    customer_id=ANA,
    amount=Decimal("9.90"),
    method=PaymentMethod.BIZUM,
    order_id=ORDER,
    invoice_id=BILL,
    provider_ref="p-1",
)
PAID = PaymentReceived(
    customer_id=ANA,
    amount=euros("9.90"),
    method=PaymentMethod.BIZUM,
    order_id=ORDER,
    invoice_id=BILL,
    provider_ref="p-1",
)
FAIL = RecordPaymentFailed(
    payment_id=PAYMENT, customer_id=ANA, amount=Decimal("9.90"), cause=PaymentFailure.DECLINED, provider_ref="p-0"
)
FAILED = PaymentFailed(
    customer_id=ANA,
    amount=euros("9.90"),
    method=PaymentMethod.CARD,
    cause=PaymentFailure.DECLINED,
    attempt=1,
    order_id=None,
    invoice_id=None,
    provider_ref="p-0",
)


def refund(amount: str | None, ref: str = "r-1", reason: str | None = None) -> IssueRefund:
    given_back = None if amount is None else Decimal(amount)
    return IssueRefund(payment_id=PAYMENT, refund_ref=ref, amount=given_back, reason=reason)


def refunded(amount: str, ref: str = "r-1", reason: str | None = None) -> RefundIssued:
    return RefundIssued(refund_ref=ref, kind=RefundKind.REFUND, amount=euros(amount), reason=reason)


def chargeback(amount: str | None = None, ref: str = "c-1") -> IssueRefund:
    return but(refund(amount, ref), kind=RefundKind.CHARGEBACK)


def charged_back(amount: str, ref: str = "c-1") -> RefundIssued:
    return RefundIssued(refund_ref=ref, kind=RefundKind.CHARGEBACK, amount=euros(amount), reason=None)


def test_money_comes_in_once() -> None:
    state = given(decider).when(PAY).then(PAID)
    assert state.customer_id == ANA
    given(decider, PAID).when(PAY).then_nothing()
    given(decider, PAID, refunded("9.90")).when(PAY).then_nothing()


@pytest.mark.parametrize(
    "changes", [{"amount": Decimal("9.91")}, {"currency": "GBP"}, {"order_id": None}, {"provider_ref": "p-2"}]
)
def test_another_payment_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    given(decider, PAID).when(but(PAY, **changes)).refused(
        "This payment is already recorded. Record the other one under an id of its own."
    )


@pytest.mark.parametrize("command", [PAY, FAIL])
@pytest.mark.parametrize("before", [PAID, FAILED])
def test_a_payment_is_one_customers(
    command: RecordPayment | RecordPaymentFailed, before: PaymentReceived | PaymentFailed
) -> None:
    given(decider, before).when(but(command, customer_id=EVA)).refused(
        "This payment is another customer's.", "customer_id"
    )


@pytest.mark.parametrize(
    ("currency", "good", "bad", "sentence"),
    [
        ("JPY", "1500", "1500.5", "A payment in JPY has no decimals."),
        ("EUR", "0.01", "0.001", "A payment in EUR has at most 2 decimals."),
        ("KWD", "0.001", "0.0001", "A payment in KWD has at most 3 decimals."),
        ("CLF", "0.0001", "0.00001", "A payment in CLF has at most 4 decimals."),
    ],
)
def test_what_is_paid_can_be_paid_in_that_currency(currency: str, good: str, bad: str, sentence: str) -> None:
    [paid] = events_of(decider, [but(PAY, amount=Decimal(good), currency=currency)])
    assert isinstance(paid, PaymentReceived)
    assert (paid.amount.amount, paid.amount.currency) == (Decimal(good), currency)
    for command in (PAY, FAIL):
        given(decider).when(but(command, amount=Decimal(bad), currency=currency)).refused(sentence, "amount")


@pytest.mark.parametrize("command", [PAY, FAIL])
@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"amount": Decimal(0)}, "A payment is more than zero.", "amount"),
        ({"amount": Decimal(-1)}, "The amount must be zero or more.", "amount"),
        ({"amount": Decimal("NaN")}, "The amount must be a number.", "amount"),
        ({"currency": "EURO"}, "There is no currency 'EURO': give an ISO 4217 code such as EUR.", "currency"),
        ({"provider_ref": " "}, "The provider ref must not be blank.", "provider_ref"),
    ],
)
def test_a_payment_must_make_sense(command: Command, changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(command, **changes)).refused(sentence, field)


def test_what_is_paid_is_worth_whole_cents_in_the_books_as_well() -> None:
    asked = but(PAY, amount=Decimal("1.01"), currency="GBP", rate=Decimal("1.17"), base_currency="EUR")
    [paid] = events_of(decider, [asked])
    assert isinstance(paid, PaymentReceived)
    assert str(paid.amount.base) == "1.18"


def test_each_attempt_fails_once() -> None:
    state = given(decider).when(FAIL).then(FAILED)
    assert state.customer_id == ANA
    given(decider, FAILED).when(FAIL).then_nothing()
    given(decider, FAILED).when(but(FAIL, cause=PaymentFailure.EXPIRED)).refused(
        "This attempt is already recorded. Give the next one the next number.", "attempt"
    )
    [second] = given(decider, FAILED).decider.decide(but(FAIL, attempt=2), given(decider, FAILED).state)
    assert isinstance(second, PaymentFailed)
    assert second.attempt == 2
    for attempt in (0, MAX_ATTEMPTS + 1):
        given(decider).when(but(FAIL, attempt=attempt)).refused(
            f"The attempt must be from 1 to {MAX_ATTEMPTS}.", "attempt"
        )


def test_money_can_come_after_an_attempt_that_failed_and_the_failure_be_heard_of_later() -> None:
    given(decider, FAILED).when(PAY).then(PAID)
    given(decider, PAID).when(FAIL).then(FAILED)


@pytest.mark.parametrize("command", [refund("1"), chargeback()])
@pytest.mark.parametrize("before", [[], [FAILED]])
def test_what_did_not_come_in_is_not_given_back(command: Command, before: list[Any]) -> None:
    given(decider, *before).when(command).refused("This payment is not received yet.", "payment_id")


def test_each_refund_is_issued_once_and_the_reason_is_its_own() -> None:
    given(decider, PAID).when(refund("4", reason="Scratched")).then(refunded("4", reason="Scratched"))
    given(decider, PAID, refunded("4", reason="Scratched")).when(refund("4")).then_nothing()
    given(decider, PAID, refunded("4")).when(refund("5")).refused(
        "The refund r-1 is already issued. Issue the other under another ref.", "refund_ref"
    )
    given(decider, PAID, refunded("4")).when(refund("4", "r-2")).then(refunded("4", "r-2"))


def test_no_more_is_refunded_than_was_paid() -> None:
    given(decider, PAID).when(refund("9.91")).refused("Only 9.90 EUR of this payment are left to refund.", "amount")
    given(decider, PAID, refunded("4")).when(refund("5.91", "r-2")).refused(
        "Only 5.90 EUR of this payment are left to refund.", "amount"
    )
    given(decider, PAID, charged_back("9.90")).when(refund("1")).refused(
        "Only 0.00 EUR of this payment are left to refund.", "amount"
    )
    given(decider, PAID, refunded("4"), charged_back("9.90")).when(refund("1", "r-2")).refused(
        "Only 0 EUR of this payment are left to refund.", "amount"
    )
    given(decider, PAID, refunded("9.90")).when(refund(None, "r-2")).refused(
        "All of it was given back before: give the amount.", "amount"
    )
    given(decider, PAID, refunded("4")).when(refund(None, "r-2")).then(refunded("5.90", "r-2"))
    given(decider, PAID, refunded("4"), refunded("5.90", "r-2")).when(refund(None, "r-2")).then_nothing()
    given(decider, PAID, refunded("4")).when(refund("5.90", "r-2")).then(refunded("5.90", "r-2"))


def test_of_two_refunds_that_race_the_second_meets_what_the_first_left() -> None:
    one, other = refund("6", "r-1"), refund("6", "r-2")
    given(decider, PAID).when(other).then(refunded("6", "r-2"))
    given(decider, PAID, refunded("6")).when(other).refused(
        "Only 3.90 EUR of this payment are left to refund.", "amount"
    )
    assert len(events_of(decider, [PAY, one, one])) == 2


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (refund("0.001"), "A refund in EUR has at most 2 decimals.", "amount"),
        (refund("0"), "A refund is more than zero.", "amount"),
        (refund("1", " "), "The refund ref must not be blank.", "refund_ref"),
        (chargeback("0.001"), "A chargeback in EUR has at most 2 decimals.", "amount"),
        (chargeback("sNaN"), "The amount must be a number.", "amount"),
        (chargeback("9.91"), "Only 9.90 EUR of this payment are left to charge back.", "amount"),
    ],
)
def test_what_is_given_back_must_make_sense(command: Command, sentence: str, field: str) -> None:
    given(decider, PAID).when(command).refused(sentence, field)


def test_an_amount_that_is_no_number_is_refused_even_after_a_chargeback() -> None:
    given(decider, PAID, charged_back("5")).when(chargeback("sNaN")).refused("The amount must be a number.", "amount")


def test_refunds_of_one_payment_are_limited() -> None:
    many = [refunded("0.01", f"r-{n}") for n in range(MAX_REFUNDS)]
    given(decider, PAID, *many).when(refund("0.01", "r-x")).refused(f"A payment has at most {MAX_REFUNDS} refunds.")
    given(decider, PAID, *many).when(refund("0.01", "r-0")).then_nothing()


def test_the_bank_takes_back_once_what_is_left_or_what_it_says() -> None:
    given(decider, PAID, refunded("4")).when(chargeback()).then(charged_back("5.90"))
    given(decider, PAID, refunded("4")).when(chargeback("9.90")).then(charged_back("9.90"))
    given(decider, PAID, charged_back("5")).when(chargeback()).then_nothing()
    given(decider, PAID, charged_back("5")).when(chargeback("5")).then_nothing()
    given(decider, PAID, charged_back("5")).when(chargeback("6")).refused(
        "The chargeback c-1 is already issued. Issue the other under another ref.", "refund_ref"
    )
    given(decider, PAID, refunded("9.90")).when(chargeback()).refused(
        "All of it was given back before: give the amount.", "amount"
    )
    given(decider, PAID, charged_back("5")).when(chargeback("4.91", "c-2")).refused(
        "Only 4.90 EUR of this payment are left to charge back.", "amount"
    )
    given(decider, PAID, charged_back("5")).when(chargeback("4.90", "c-2")).then(charged_back("4.90", "c-2"))


def test_a_refund_and_a_chargeback_do_not_share_a_ref() -> None:
    given(decider, PAID, refunded("4")).when(chargeback("4", "r-1")).refused(
        "The refund r-1 is already issued. Issue the other under another ref.", "refund_ref"
    )


@whatever(
    currency=st.sampled_from(["JPY", "EUR", "KWD", "CLF"]),
    rate=st.decimals("0.000001", "1000", places=6),
    parts=st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None)
def test_the_parts_that_were_given_back_are_worth_what_was_paid(currency: str, rate: Decimal, parts: list[int]) -> None:
    minor = Decimal(1).scaleb(-{"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}[currency])
    pay = but(PAY, amount=sum(parts) * minor, currency=currency, rate=rate, base_currency="USD")
    back = [IssueRefund(payment_id=PAYMENT, refund_ref=str(n), amount=each * minor) for n, each in enumerate(parts[1:])]
    received, *returned = events_of(decider, [pay, *back, chargeback()])
    assert isinstance(received, PaymentReceived)
    given_back = [event.amount for event in returned if isinstance(event, RefundIssued)]
    assert len(given_back) == len(parts)
    assert sum(each.amount for each in given_back) == received.amount.amount
    assert sum(each.base for each in given_back) == received.amount.base
    assert min(each.base for each in given_back) >= 0
