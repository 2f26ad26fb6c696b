"""P08: customers hear of their orders, and somebody looks at those that stand still or differ."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.activity import ActivityScheduled
from domain.consent import Purpose, WithdrawConsent
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.order import CancelOrder, ConfirmOrder, DeliverOrder, ShipOrder
from domain.order_sync import OrderAspect, RecordOrderDiscrepancy
from domain.staff import AddStaff, StaffRole
from eventstore.envelope import Origin
from processes import order_progress
from tests.conftest import House
from tests.processes.shop import Shop, local, moment

FRIDAY = "2026-01-09 12:00"
WEDNESDAY = "2026-01-14 12:00"


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=[order_progress.policy])


def tasks(shop: Shop) -> list[ActivityScheduled]:
    found = shop.log.reader.page(0, 100_000, disclose=True)
    return [event for event, _ in found if isinstance(event, ActivityScheduled)]


def rows(shop: Shop) -> dict[str, tuple[str, str | None]]:
    return {row.step: (row.status.value, row.reason) for row in shop.ledger()}


@pytest.mark.parametrize(
    ("language", "subjects"),
    [
        ("es", ["va de camino", "se ha entregado"]),
        ("en", ["is on its way", "was delivered"]),
        ("fr", ["is on its way", "was delivered"]),
    ],
)
def test_the_customer_hears_when_it_leaves_and_when_it_arrives(shop: Shop, language: str, subjects: list[str]) -> None:
    order = shop.order(shop.customer(language=language), FRIDAY)
    shop.do(WithdrawConsent(customer_id=customer_of(shop, order), purpose=Purpose.MARKETING))
    shop.do(ShipOrder(order_id=order, carrier="SEUR", tracking="T1"), FRIDAY)
    shop.until("2026-01-09 23:30")  # at night as well
    [mail] = shop.mails()
    assert subjects[0] in str(mail["Subject"])
    assert "SEUR" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "T1" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    shop.do(DeliverOrder(order_id=order), "2026-01-10 10:00")
    shop.until("2026-01-10 10:00")
    assert (
        sorted(subjects[n] in str(mail["Subject"]) for mail in shop.mails() for n in (0, 1)) == [False] * 2 + [True] * 2
    )
    assert rows(shop) == {"shipped": ("DELIVERED", None), "delivered": ("DELIVERED", None)}


def customer_of(shop: Shop, order: UUID) -> UUID:
    [customer] = {at.customer_id for _, at in shop.log.reader.stream(order)}
    assert customer is not None
    return customer


def test_without_an_address_the_ledger_says_so(shop: Shop) -> None:
    order = shop.order(shop.customer(email=None), FRIDAY)
    shop.do(ShipOrder(order_id=order), FRIDAY)
    shop.until(FRIDAY)
    assert rows(shop) == {"shipped": ("SUPPRESSED", "NO_ADDRESS")}


def test_what_was_shipped_long_ago_is_not_told_any_more(shop: Shop) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    shop.do(ShipOrder(order_id=order), FRIDAY)
    shop.until("2026-01-17 12:00")
    assert rows(shop) == {"shipped": ("SUPPRESSED", "TOO_LATE")}


def test_what_is_not_shipped_three_business_days_after_it_was_confirmed_is_a_task(shop: Shop) -> None:
    customer, staff = shop.customer(), derived("staff", "eva")
    shop.do(AddStaff(staff_id=staff, name="Eva", role=StaffRole.REP, timezone="Europe/Madrid"))
    shop.do(AssignAccountManager(customer_id=customer, staff_id=staff))
    order = shop.order(customer, FRIDAY)
    shop.do(ConfirmOrder(order_id=order), FRIDAY)
    shop.until("2026-01-14 11:59")  # a weekend lies between
    assert rows(shop) == {"overdue": ("SCHEDULED", None)}
    assert tasks(shop) == []
    shop.until(WEDNESDAY)
    [task] = tasks(shop)
    assert (task.staff_id, task.customer_id, task.related_noun, task.related_id) == (staff, customer, "order", order)
    assert local(task.due_at) == "2026-01-15 12:00"
    assert task.subject is not None
    assert task.subject.endswith("has not been shipped yet: find out why.")
    assert rows(shop) == {"overdue": ("DONE", "TASK")}
    shop.until("2026-03-01 12:00")
    assert len(tasks(shop)) == 1


@pytest.mark.parametrize(
    ("what", "reason"), [(ShipOrder, "SHIPPED"), (DeliverOrder, "DELIVERED"), (CancelOrder, "ORDER_CANCELLED")]
)
def test_what_left_or_was_called_off_is_no_task(shop: Shop, what: type, reason: str) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    shop.do(ConfirmOrder(order_id=order), FRIDAY)
    shop.until("2026-01-12 12:00")
    shop.do(what(order_id=order), "2026-01-12 12:00")
    shop.worker.run()
    assert rows(shop)["overdue"] == ("CANCELLED", reason)  # at once
    shop.until(WEDNESDAY)
    assert tasks(shop) == []


@pytest.mark.parametrize(("what", "reason"), [(ShipOrder, "SHIPPED"), (CancelOrder, "ORDER_CANCELLED")])
def test_it_is_looked_at_again_when_it_is_due(shop: Shop, what: type, reason: str) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    shop.do(ConfirmOrder(order_id=order), FRIDAY)
    shop.worker.run()
    shop.do(what(order_id=order), FRIDAY)
    shop.worker.runner.fire(moment(WEDNESDAY))  # before anybody has reacted
    assert rows(shop)["overdue"] == ("CANCELLED", reason)
    assert tasks(shop) == []


def test_what_was_called_off_before_it_is_told_is_not_told(shop: Shop) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    shop.do(ShipOrder(order_id=order), FRIDAY)
    shop.worker.runner.react(order_progress.policy)
    shop.do(CancelOrder(order_id=order), FRIDAY)
    shop.worker.runner.fire(moment(FRIDAY))
    assert rows(shop) == {"shipped": ("CANCELLED", "ORDER_CANCELLED")}


def test_what_is_called_off_on_its_way_out_stays_in(shop: Shop) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    shop.do(ShipOrder(order_id=order), FRIDAY)
    shop.worker.runner.react(order_progress.policy)
    shop.worker.runner.fire(moment(FRIDAY))
    assert rows(shop) == {"shipped": ("DISPATCHED", None)}
    shop.do(CancelOrder(order_id=order), FRIDAY)
    shop.worker.delivery.deliver(lambda: moment(FRIDAY))
    assert rows(shop) == {"shipped": ("CANCELLED", "ORDER_CANCELLED")}
    assert shop.mails() == []


def test_an_order_that_is_called_off_is_told_of_no_more(shop: Shop) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    shop.do(ConfirmOrder(order_id=order), FRIDAY)
    shop.do(ShipOrder(order_id=order), FRIDAY)
    shop.do(CancelOrder(order_id=order), FRIDAY)
    shop.until(FRIDAY)
    assert rows(shop)["shipped"] == ("CANCELLED", "ORDER_CANCELLED")
    assert shop.mails() == []


def test_each_difference_is_a_task_and_a_new_one_another(shop: Shop) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    for theirs in ("9.00", "8.00"):
        shop.do(RecordOrderDiscrepancy(order_id=order, field=OrderAspect.TOTAL, ours="10.00", theirs=theirs), FRIDAY)
        shop.until(FRIDAY)
    subjects = [task.subject or "" for task in tasks(shop)]
    assert len(subjects) == 2
    assert all("es distinto en el ERP (" in subject for subject in subjects)
    assert {row.status for row in shop.ledger()} == {"DONE"}


def test_what_was_imported_sets_nothing_off(shop: Shop) -> None:
    order = shop.order(shop.customer(), FRIDAY)
    for command in (ConfirmOrder(order_id=order), ShipOrder(order_id=order), DeliverOrder(order_id=order)):
        shop.do(command, FRIDAY, origin=Origin.IMPORT)
    shop.until("2026-02-01 12:00")
    assert shop.ledger() == []
