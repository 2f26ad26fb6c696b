"""P16: who has not ordered for longer than they are used to is turned to, and who orders again is won back."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from domain.activity import ActivityKind
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import MergeCustomers
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager, ChangeLifecycleStage, LifecycleStage, LifecycleStageChanged
from domain.order import OrderLine, PlaceOrder
from eventstore.envelope import Origin
from processes import churn_risk
from projections.value.churn import silence
from tests.conftest import House
from tests.processes.members import BOSS, REP, people, tasks
from tests.processes.shop import NEW_YORK, Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[churn_risk.policy])
    people(shop)
    return shop


def stages(shop: Shop, customer: UUID) -> list[str]:
    return [
        event.stage.value
        for event, at in shop.events()
        if isinstance(event, LifecycleStageChanged) and at.customer_id == customer and event.rule == "churn-risk"
    ]


def others(shop: Shop, *spent: int) -> None:
    """Customers with whom ours are compared, who ordered so long ago that nothing is promised to them."""
    for n, worth in enumerate(spent):
        customer = shop.customer(email=f"other{n}@shop.test")
        lines = (OrderLine(sku="cup", quantity=1, unit_price=Decimal(worth)),)
        order = PlaceOrder(order_id=derived("order", "other", n), customer_id=customer, lines=lines)
        shop.do(order, "2025-01-01 12:00", Origin.IMPORT)


def due(shop: Shop, order: UUID) -> dict[str, str | None]:
    return {
        entry.step: local(entry.due_at)
        for entry in shop.ledger()
        if entry.trigger == order and entry.step != "won-back"
    }


# When silence is too long.


@pytest.mark.parametrize(
    ("days", "risk", "churned"),
    [
        (["2026-01-10"], "2026-04-11", "2027-01-11"),  # 91 and 366 days
        (["2026-01-10", "2026-02-09"], "2026-05-11", "2027-02-10"),  # a gap of 30 changes nothing
        (["2025-10-02", "2026-01-10"], "2026-07-30", "2027-02-15"),  # a gap of 100: 201 and 401 days
        (["2025-06-04", "2025-10-02", "2025-12-11", "2026-01-10"], "2026-05-31", "2027-01-11"),  # the median of 3 is 70
        (["2025-11-16", "2025-12-26", "2026-04-01"], "2026-08-16", "2027-04-02"),  # of 40 and 96 days: 68
        (["2025-11-16", "2025-12-26", "2026-04-02"], "2026-08-18", "2027-04-03"),  # of 40 and 97: 68.5 and 137 days
    ],
)
def test_the_silence_that_is_too_long_depends_on_how_one_used_to_buy(
    shop: Shop, days: list[str], risk: str, churned: str
) -> None:
    customer = shop.customer()
    orders = [shop.order(customer, f"{day} 12:00", origin=Origin.IMPORT) for day in days[:-1]]
    orders.append(shop.order(customer, f"{days[-1]} 18:00"))
    shop.worker.run()
    assert due(shop, orders[-1]) == {"at-risk": f"{risk} 09:00", "churned": f"{churned} 09:00"}
    gaps = sorted(b - a for a, b in zip(days_of(days), days_of(days)[1:], strict=False))
    median = None if not gaps else (gaps[len(gaps) // 2] + gaps[~(len(gaps) // 2)]) / 2 / timedelta(days=1)
    first = silence(date.fromisoformat(risk), date.fromisoformat(days[-1]), median)
    before = silence(date.fromisoformat(risk) - timedelta(days=1), date.fromisoformat(days[-1]), median)
    assert (before.status.value, first.status.value) == ("ACTIVE", "AT_RISK")


def days_of(days: list[str]) -> list[date]:
    return [date.fromisoformat(day) for day in days]


def test_several_orders_of_a_day_are_one(shop: Shop) -> None:
    customer = shop.customer()
    shop.order(customer, "2025-10-02 10:00")
    shop.order(customer, "2025-10-02 23:30")
    last = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    assert due(shop, last)["at-risk"] == "2026-07-30 09:00"


def test_the_days_are_those_of_where_the_customer_lives(shop: Shop) -> None:
    customer = shop.customer(timezone=NEW_YORK)
    order = shop.order(customer, moment("2026-01-10 23:30", NEW_YORK))
    shop.worker.run()
    [entry] = [each for each in shop.ledger("at-risk") if each.trigger == order]
    assert local(entry.due_at, NEW_YORK) == "2026-04-11 09:00"  # in summer time


# What is done.


def test_one_of_the_many_is_written_to_and_is_then_lost(shop: Shop) -> None:
    others(shop, 1, 50, 60, 70, 80)
    customer = shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-04-11 08:59")
    assert stages(shop, customer) == []
    shop.until("2026-04-11 09:00")
    assert stages(shop, customer) == ["AT_RISK"]
    assert shop.outcome(order, "at-risk") == ("DONE", "MESSAGE")
    assert shop.outcome(order, "at-risk-message") == ("DELIVERED", None)
    assert [mail["Subject"] for mail in shop.mails()] == ["Le echamos de menos en La Tienda"]
    shop.until("2027-01-11 09:00")
    assert stages(shop, customer) == ["AT_RISK", "CHURNED"]
    assert shop.outcome(order, "churned-message") == ("DELIVERED", None)
    assert tasks(shop, "churn-risk") == []


@pytest.mark.parametrize("manager", [REP, None])
def test_one_of_the_best_is_a_task_for_who_answers_for_them(shop: Shop, manager: UUID | None) -> None:
    others(shop, 1, 2, 3, 4)
    customer = shop.customer()
    if manager is not None:
        shop.do(AssignAccountManager(customer_id=customer, staff_id=manager))
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-04-11 09:00")
    assert shop.outcome(order, "at-risk") == ("DONE", "TASK")
    [task] = tasks(shop, "churn-risk")
    assert (task.staff_id, task.kind, task.customer_id) == (manager or BOSS, ActivityKind.CALL, customer)
    assert task.subject == (
        "Win back a customer among the best 1 %. No order for 91 days; one order until now. More than 90 days."
    )
    assert local(task.due_at) == "2026-04-15 09:00"  # from a Saturday
    assert shop.ledger("at-risk-message") == []


@pytest.mark.parametrize(("worth", "outcome"), [(8, "TASK"), (7, "MESSAGE")])
def test_the_best_are_the_top_fifth_by_revenue(shop: Shop, worth: int, outcome: str) -> None:
    # with ours, 10 customers; who spent as much as 8 of them or more is among the best 20 %
    others(shop, *(each * 10 for each in (1, 2, 3, 4, 5, 6, 7, 9, 10)))
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00", pieces=worth * 2)
    if worth == 7:
        shop.give_back(order, 1)  # 65 is less than 70: what came back does not count
    shop.until("2026-04-11 09:00")
    assert shop.outcome(order, "at-risk") == ("DONE", outcome)


def test_customers_who_are_one_are_compared_as_one(shop: Shop) -> None:
    others(shop, 30, 30, 30, 30)
    one, other = shop.customer(), shop.customer(email="b@shop.test")
    shop.order(one, "2026-01-10 12:00", pieces=4)
    order = shop.order(other, "2026-01-10 13:00", pieces=4)
    shop.do(MergeCustomers(customer_id=one, survivor_id=other))
    shop.until("2026-04-11 09:00")
    assert shop.outcome(order, "at-risk") == ("DONE", "TASK")  # 40 together


def test_of_customers_who_are_one_the_last_order_counts(shop: Shop) -> None:
    one, other = shop.customer(), shop.customer(email="b@shop.test")
    first, last = shop.order(one, "2026-01-10 12:00"), shop.order(other, "2026-02-10 13:00")
    shop.worker.run()
    shop.do(MergeCustomers(customer_id=one, survivor_id=other))
    shop.until("2026-04-11 09:00")
    assert shop.outcome(first, "at-risk") == ("CANCELLED", "ORDERED_AGAIN")
    shop.until("2026-05-12 09:00")
    assert shop.outcome(last, "at-risk")[0] == "DONE"
    assert stages(shop, other) == ["AT_RISK"]


def test_without_consent_nobody_is_written_to(shop: Shop) -> None:
    others(shop, 50)
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-04-11 09:00")
    assert shop.outcome(order, "at-risk-message") == ("SUPPRESSED", "NO_CONSENT")


def test_who_is_not_to_be_profiled_is_left_alone(shop: Shop) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.PROFILING))
    shop.until("2026-04-11 09:00")
    assert shop.outcome(order, "at-risk") == ("SUPPRESSED", "NO_PROFILING")
    assert stages(shop, customer) == []


def test_who_objects_while_the_message_waits_is_not_written_to(shop: Shop) -> None:
    others(shop, 50)
    customer = shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    order = shop.order(customer, "2026-01-11 12:00")
    shop.until("2026-04-12 09:00")
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.PROFILING))
    shop.until("2026-04-13 09:00")
    assert shop.outcome(order, "at-risk-message") == ("CANCELLED", "NO_PROFILING")


def test_the_message_waits_for_a_working_day(shop: Shop) -> None:
    others(shop, 50)
    customer = shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    order = shop.order(customer, "2026-01-11 12:00")
    shop.until("2026-04-12 09:00")  # a Sunday
    assert shop.outcome(order, "at-risk") == ("DONE", "MESSAGE")
    assert shop.outcome(order, "at-risk-message") == ("SCHEDULED", None)
    shop.order(customer, "2026-04-12 20:00")
    shop.until("2026-04-13 09:00")
    assert shop.outcome(order, "at-risk-message") == ("CANCELLED", "ORDERED_AGAIN")
    assert shop.mails() == []


# Who orders again.


def test_a_new_order_takes_back_what_was_promised_and_promises_anew(shop: Shop) -> None:
    customer = shop.customer()
    first, second = shop.order(customer, "2026-01-10 12:00"), shop.order(customer, "2026-02-10 12:00")
    shop.worker.run()
    assert shop.outcome(first, "at-risk") == shop.outcome(first, "churned") == ("CANCELLED", "ORDERED_AGAIN")
    assert due(shop, second)["at-risk"] == "2026-05-12 09:00"
    shop.until("2026-04-11 09:00")
    assert stages(shop, customer) == []
    assert shop.ledger("won-back") == []


@pytest.mark.parametrize("until", ["2026-04-11 09:00", "2027-01-11 09:00"], ids=["at risk", "churned"])
def test_who_was_lost_and_orders_again_is_won_back(shop: Shop, until: str) -> None:
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00")
    shop.until(until)
    again = shop.order(customer, shop.now + timedelta(hours=1))
    shop.until(shop.now + timedelta(hours=1))
    assert stages(shop, customer)[-1] == "WON_BACK"
    assert shop.outcome(again, "won-back") == ("DONE", "WON_BACK")


def test_whom_somebody_found_lost_is_won_back_as_well(shop: Shop) -> None:
    customer = shop.customer()
    shop.do(ChangeLifecycleStage(customer_id=customer, stage=LifecycleStage.CHURNED))
    shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-01-10 12:00")
    assert stages(shop, customer) == ["WON_BACK"]


def test_an_order_that_nobody_has_reacted_to_yet_counts(shop: Shop) -> None:
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    shop.order(customer, "2026-04-01 12:00")
    shop.worker.runner.fire(moment("2026-04-11 09:00"))
    assert shop.outcome(first, "at-risk") == ("CANCELLED", "ORDERED_AGAIN")
    assert stages(shop, customer) == []


def test_an_order_from_before_the_last_changes_the_rhythm_alone(shop: Shop) -> None:
    customer = shop.customer()
    last = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    shop.order(customer, "2025-10-02 12:00")
    shop.worker.run()
    [passed] = shop.ledger("none")
    assert passed.reason == "NOT_THE_LAST_ORDER"
    assert due(shop, last) == {"at-risk": "2026-07-30 09:00", "churned": "2027-02-15 09:00"}
    assert shop.outcome(last, "at-risk") == ("SCHEDULED", "RHYTHM_CHANGED")


# Orders that were none.


def test_an_order_that_was_called_off_leads_back_to_the_one_before(shop: Shop) -> None:
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00")
    off = shop.order(customer, "2026-02-10 12:00")
    shop.worker.run()
    shop.now = moment("2026-02-11 12:00")
    shop.cancel(off)
    shop.worker.run()
    assert shop.outcome(off, "at-risk") == ("CANCELLED", "ORDER_CANCELLED")
    [entry] = [each for each in shop.ledger("at-risk") if each.status.value == "SCHEDULED"]
    assert local(entry.due_at) == "2026-04-11 09:00"
    shop.until("2026-04-11 09:00")
    assert stages(shop, customer) == ["AT_RISK"]


def test_who_was_won_back_by_an_order_that_was_none_is_lost_again(shop: Shop) -> None:
    customer = shop.customer()
    shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-04-11 09:00")
    off = shop.order(customer, "2026-04-20 12:00")
    shop.until("2026-04-20 12:00")
    shop.now = moment("2026-04-21 12:00")
    shop.call_off(off, 2)
    shop.until("2026-04-21 12:00")
    assert stages(shop, customer) == ["AT_RISK", "WON_BACK", "AT_RISK"]


def test_an_only_order_that_was_called_off_is_nothing_to_wait_for(shop: Shop) -> None:
    off = shop.order(shop.customer(), "2026-02-10 12:00")
    shop.worker.run()
    shop.cancel(off)
    shop.until("2027-04-11 09:00")
    assert shop.outcome(off, "at-risk") == shop.outcome(off, "churned") == ("CANCELLED", "ORDER_CANCELLED")
    assert [each.reason for each in shop.ledger("none")] == ["NO_ORDER_LEFT"]


def test_an_earlier_order_that_was_called_off_changes_the_rhythm_alone(shop: Shop) -> None:
    customer = shop.customer()
    off, last = shop.order(customer, "2025-10-02 12:00"), shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    shop.cancel(off)
    shop.worker.run()
    assert due(shop, last) == {"at-risk": "2026-04-11 09:00", "churned": "2027-01-11 09:00"}


def test_an_order_that_came_back_was_an_order(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.give_back(order, 2)
    shop.until("2026-04-11 09:00")
    assert shop.outcome(order, "at-risk")[0] == "DONE"


# The rest.


def test_a_worker_that_was_away_for_long_finds_the_customer_gone(shop: Shop) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.worker.run()
    shop.until("2027-02-01 12:00")
    assert shop.outcome(order, "at-risk") == ("SUPPRESSED", "CHURNED_MEANWHILE")
    assert stages(shop, customer) == ["CHURNED"]


def test_imported_orders_set_nothing_off(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-10 12:00", origin=Origin.IMPORT)
    shop.until("2027-02-01 12:00")
    assert shop.ledger() == []
