"""P25: what comes back in time is taken back at once and fetched, and what has arrived is paid back or replaced."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.loyalty_account import LeaveProgramme
from domain.order import DeliverOrder, LinesReturned, OrderLine, PlaceOrder
from domain.payment import IssueRefund, RecordPayment, RefundIssued
from domain.programme import DEFAULT
from domain.returns import (
    AuthoriseReturn,
    ReceiveReturn,
    RefuseReturn,
    RequestReturn,
    ReturnAuthorised,
    ReturnCause,
    ReturnCondition,
    ReturnLine,
)
from domain.stock import ReportStock
from eventstore.envelope import Origin
from processes import returns
from tests.conftest import House
from tests.processes.members import BOSS, REP, enrol, people, tasks
from tests.processes.shop import NEW_YORK, Shop, local, moment

CUPS = (ReturnLine(sku="cup", quantity=1),)


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[returns.policy])
    shop.do(DEFAULT)
    people(shop)
    return shop


def delivered(shop: Shop, on: str = "2026-03-02 12:00", *, paid: bool = True, **said: Any) -> tuple[UUID, UUID]:
    """A customer to whom three cups at 5 and two at 4 were delivered, and how they paid for them."""
    customer = shop.customer(**said)
    shop.do(AssignAccountManager(customer_id=customer, staff_id=REP))
    order = derived("order", customer)
    prices = ((3, 5), (2, 4))
    lines = tuple(OrderLine(sku="cup", quantity=pieces, unit_price=Decimal(price)) for pieces, price in prices)
    shop.do(PlaceOrder(order_id=order, customer_id=customer, lines=lines), "2026-02-20 12:00")
    if paid:
        pay(shop, customer, order, 23)
    shop.do(DeliverOrder(order_id=order), on)
    return customer, order


def pay(shop: Shop, customer: UUID, order: UUID, amount: int, **said: Any) -> UUID:
    id = derived("payment", customer, amount)
    payment = RecordPayment(payment_id=id, customer_id=customer, amount=Decimal(amount), order_id=order, **said)
    shop.do(payment, "2026-02-20 12:01")
    return id


def ask(
    shop: Shop, customer: UUID, order: UUID, on: str = "2026-03-10 12:00", *, origin: Origin = Origin.LIVE, **said: Any
) -> UUID:
    id = derived("return", customer, on)
    told = {"lines": CUPS, "cause": ReturnCause.CHANGED_MIND, **said}
    shop.do(RequestReturn(return_id=id, order_id=order, customer_id=customer, **told), on, origin)
    shop.until(on)
    return id


def receive(shop: Shop, id: UUID, on: str = "2026-03-16 12:00", **said: Any) -> None:
    shop.do(ReceiveReturn(return_id=id, **{"lines": CUPS, **said}), on)
    shop.until(on)


def events(shop: Shop, kind: type[Any]) -> list[Any]:
    return [event for event, _ in shop.events() if isinstance(event, kind)]


# Whether it is taken back.


def test_what_comes_back_in_time_may_come_at_once_and_is_fetched(shop: Shop) -> None:
    customer, order = delivered(shop)
    id = ask(shop, customer, order)
    assert shop.outcome(id, "authorise") == ("DONE", "AUTHORISED")
    [authorised] = events(shop, ReturnAuthorised)
    assert local(authorised.until) == "2026-03-24 23:59"
    [task] = tasks(shop, "returns")
    assert (task.staff_id, task.subject, task.related_noun, task.related_id) == (
        REP, "Have a return fetched: 1 cup.", "return", id,
    )  # fmt: skip
    assert local(task.due_at) == "2026-03-12 12:00"


@pytest.mark.parametrize(
    ("tier", "day", "taken"),
    [
        (None, "2026-03-16 23:59", True),  # fourteen days
        (None, "2026-03-17 00:00", False),
        ("SILVER", "2026-03-17 00:00", False),
        ("GOLD", "2026-04-01 23:59", True),  # thirty
        ("PLATINUM", "2026-04-01 23:59", True),
        ("GOLD", "2026-04-02 00:00", False),
    ],
)
def test_fourteen_days_after_the_delivery_or_thirty_from_gold_on(
    shop: Shop, tier: str | None, day: str, taken: bool
) -> None:
    customer, order = delivered(shop)
    enrol(shop, customer, "2026-01-05 12:00", tier=tier)
    id = ask(shop, customer, order, day)
    assert shop.outcome(id, "authorise") == ("DONE", "AUTHORISED" if taken else "ASKED_SUPERVISOR")
    assert len(events(shop, ReturnAuthorised)) == taken


def test_days_are_those_of_where_the_customer_lives(shop: Shop) -> None:
    customer, order = delivered(shop, timezone=NEW_YORK)
    id = ask(shop, customer, order, "2026-03-17 04:59")  # there it is still the 16th, in summer time
    assert shop.outcome(id, "authorise") == ("DONE", "AUTHORISED")


def test_who_left_the_programme_has_fourteen_days(shop: Shop) -> None:
    customer, order = delivered(shop)
    account = enrol(shop, customer, "2026-01-05 12:00", tier="GOLD")
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-02-01 12:00")
    assert shop.outcome(ask(shop, customer, order, "2026-03-20 12:00"), "authorise") == ("DONE", "ASKED_SUPERVISOR")


def test_a_worker_that_comes_late_counts_to_the_day_on_which_it_was_asked(shop: Shop) -> None:
    customer, order = delivered(shop)
    id = derived("return", 1)
    wish = RequestReturn(return_id=id, order_id=order, customer_id=customer, lines=CUPS)
    shop.do(wish, "2026-03-16 12:00")
    shop.until("2026-03-20 12:00")
    assert shop.outcome(id, "authorise") == ("DONE", "AUTHORISED")


def test_what_is_too_late_somebody_decides(shop: Shop) -> None:
    customer, order = delivered(shop)
    ask(shop, customer, order, "2026-03-20 12:00")
    [task] = tasks(shop, "returns")
    assert task.staff_id == BOSS
    assert task.subject == "Take this return back? It was delivered 18 days ago, which is more than 14."


@pytest.mark.parametrize("order", ["unknown", "on its way"])
def test_what_was_not_delivered_somebody_decides(shop: Shop, order: str) -> None:
    customer = shop.customer()
    id = derived("order", 9) if order == "unknown" else shop.order(customer, "2026-03-01 12:00")
    ask(shop, customer, id)
    assert [task.subject for task in tasks(shop, "returns")] == [
        "Take this return back? It is not known that the order was delivered."
    ]


@pytest.mark.parametrize(("back", "taken"), [(2, True), (3, False)])
def test_more_than_is_left_of_the_order_somebody_decides(shop: Shop, back: int, taken: bool) -> None:
    customer, order = delivered(shop)
    shop.give_back(order, 3)
    lines = (ReturnLine(sku="cup", quantity=1), ReturnLine(sku="cup", quantity=back - 1))
    id = ask(shop, customer, order, lines=lines)
    assert shop.outcome(id, "authorise") == ("DONE", "AUTHORISED" if taken else "ASKED_SUPERVISOR")


@pytest.mark.parametrize("said", [AuthoriseReturn, RefuseReturn])
def test_what_somebody_decided_is_left_alone(shop: Shop, said: Any) -> None:
    customer, order = delivered(shop)
    id = derived("return", 1)
    shop.do(RequestReturn(return_id=id, order_id=order, customer_id=customer, lines=CUPS), "2026-03-10 12:00")
    shop.do(said(return_id=id), "2026-03-10 12:00")
    shop.until("2026-03-10 12:00")
    assert shop.outcome(id, "authorise") == ("CANCELLED", "DECIDED_BY_HAND")
    assert tasks(shop, "returns") == []


# What is done with what arrived.


def test_what_arrived_as_good_as_new_is_booked_and_paid_back(shop: Shop) -> None:
    customer, order = delivered(shop)
    id = ask(shop, customer, order)
    receive(shop, id, lines=(ReturnLine(sku="cup", quantity=3),), condition=ReturnCondition.OPENED)
    assert shop.outcome(id, "settle") == ("DONE", "REFUNDED")
    [booked] = events(shop, LinesReturned)
    assert [(line.quantity, line.unit_price) for line in booked.lines] == [(2, 4), (1, 5)]
    [refund] = events(shop, RefundIssued)
    assert (refund.amount.amount, refund.refund_ref) == (13, f"return {id}")


def test_what_is_paid_back_is_rounded_to_the_cent(shop: Shop) -> None:
    customer, order = shop.customer(), derived("order", 1)
    lines = (OrderLine(sku="cup", quantity=9, unit_price=Decimal("1.115")),)
    shop.do(PlaceOrder(order_id=order, customer_id=customer, lines=lines), "2026-02-20 12:00")
    pay(shop, customer, order, 11)
    shop.do(DeliverOrder(order_id=order), "2026-03-02 12:00")
    receive(shop, ask(shop, customer, order))
    assert [str(refund.amount.amount) for refund in events(shop, RefundIssued)] == ["1.12"]


@pytest.mark.parametrize("condition", [ReturnCondition.USED, ReturnCondition.DAMAGED, ReturnCondition.INCOMPLETE])
def test_what_arrived_worn_somebody_looks_at(shop: Shop, condition: ReturnCondition) -> None:
    customer, order = delivered(shop)
    id = ask(shop, customer, order)
    receive(shop, id, condition=condition)
    assert shop.outcome(id, "settle") == ("DONE", "ASKED_OWNER")
    task = tasks(shop, "returns")[-1]
    assert (task.staff_id, task.subject) == (REP, f"Pay a return back? 1 cup: it arrived {condition.lower()}.")
    assert (len(events(shop, LinesReturned)), events(shop, RefundIssued)) == (1, [])


@pytest.mark.parametrize("cause", [ReturnCause.DAMAGED, ReturnCause.DEFECTIVE, ReturnCause.WRONG_ARTICLE])
@pytest.mark.parametrize(("there", "outcome"), [(1, "REPLACEMENT"), (0, "REFUNDED"), (None, "REFUNDED")])
def test_what_was_faulty_is_replaced_or_else_paid_back_in_whatever_condition(
    shop: Shop, cause: ReturnCause, there: int | None, outcome: str
) -> None:
    customer, order = delivered(shop)
    id = ask(shop, customer, order, cause=cause)
    if there is not None:
        shop.do(ReportStock(sku="cup", site="M", on_hand=there, as_of=moment("2026-03-15 12:00")))
    receive(shop, id, condition=ReturnCondition.DAMAGED)
    assert shop.outcome(id, "settle") == ("DONE", outcome)
    assert len(events(shop, RefundIssued)) == (outcome == "REFUNDED")
    if outcome == "REPLACEMENT":
        assert tasks(shop, "returns")[-1].subject == "Send a replacement: 1 cup."


def test_a_change_of_mind_is_not_replaced(shop: Shop) -> None:
    customer, order = delivered(shop)
    shop.do(ReportStock(sku="cup", site="M", on_hand=9, as_of=moment("2026-03-01 12:00")))
    id = ask(shop, customer, order)
    receive(shop, id)
    assert shop.outcome(id, "settle") == ("DONE", "REFUNDED")


@pytest.mark.parametrize("how", ["never", "in another currency", "given back already", "of another order"])
def test_what_cannot_be_paid_back_by_its_payment_is_a_task(shop: Shop, how: str) -> None:
    customer, order = delivered(shop, paid=False)
    if how == "in another currency":
        pay(shop, customer, order, 23, currency="USD")
    elif how == "given back already":
        payment = pay(shop, customer, order, 23)
        shop.do(IssueRefund(payment_id=payment, refund_ref="x", amount=Decimal(20)))
    elif how == "of another order":
        pay(shop, customer, derived("order", 7), 23)
    before = len(events(shop, RefundIssued))
    id = ask(shop, customer, order)
    receive(shop, id)
    assert shop.outcome(id, "settle") == ("DONE", "ASKED_OWNER")
    assert tasks(shop, "returns")[-1].subject == "Pay a return back? 1 cup: the payment is not known."
    assert len(events(shop, RefundIssued)) == before


@pytest.mark.parametrize("line", [ReturnLine(sku="pot", quantity=1), ReturnLine(sku="cup", quantity=6)])
def test_what_arrived_though_it_is_more_than_was_bought_is_not_booked(shop: Shop, line: ReturnLine) -> None:
    customer, order = delivered(shop)
    id = ask(shop, customer, order)
    receive(shop, id, lines=(line,))
    assert shop.outcome(id, "settle") == ("DONE", "ASKED_OWNER")
    assert (events(shop, LinesReturned), events(shop, RefundIssued)) == ([], [])


def test_what_arrived_before_anybody_decided_needs_no_decision(shop: Shop) -> None:
    customer, order = delivered(shop)
    id = derived("return", 1)
    shop.do(RequestReturn(return_id=id, order_id=order, customer_id=customer, lines=CUPS), "2026-03-10 12:00")
    shop.do(ReceiveReturn(return_id=id, lines=CUPS), "2026-03-10 12:00")
    shop.until("2026-03-10 12:00")
    assert shop.outcome(id, "authorise") == ("CANCELLED", "RECEIVED")
    assert shop.outcome(id, "settle") == ("DONE", "REFUNDED")


def test_settling_twice_is_the_same_as_once(shop: Shop) -> None:
    customer, order = delivered(shop)
    receive(shop, ask(shop, customer, order))
    before = len(shop.events())
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0 where name = %s", [returns.policy.actor])
    shop.worker.run()
    assert len(shop.events()) == before


def test_imported_returns_set_nothing_off(shop: Shop) -> None:
    customer, order = delivered(shop)
    ask(shop, customer, order, origin=Origin.IMPORT)
    assert shop.ledger() == []
