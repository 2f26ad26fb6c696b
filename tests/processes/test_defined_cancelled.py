"""Defined policies: unless something else happens first."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.follow_up import FollowUpStatus
from domain.rules import Cap, Occurrence
from processes import runner
from tests.conftest import House
from tests.processes.defining import (
    CANCELLED,
    PLACED,
    THANKS,
    at_least,
    define,
    of,
    open_case,
)
from tests.processes.shop import Shop

CANCELLED_ROW, DELIVERED = FollowUpStatus.CANCELLED, FollowUpStatus.DELIVERED
SCHEDULED = FollowUpStatus.SCHEDULED


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that has no policies but those that are defined."""
    return Shop(house.log, tmp_path / "mail", policies=())


def test_what_happens_to_the_same_order_takes_it_back(shop: Shop) -> None:
    define(shop, replace(THANKS, cancelled_by=(CANCELLED,)))
    customer = shop.customer()
    gone, stays = shop.order(customer, "2026-01-10 18:00"), shop.order(customer, "2026-01-10 18:00")
    shop.until("2026-01-11 18:00")
    shop.cancel(gone)
    shop.worker.run()
    assert (of(shop, gone).status, of(shop, gone).reason) == (CANCELLED_ROW, "ORDER_CANCELLED")
    shop.until("2026-01-13 10:00")
    assert of(shop, stays).status is DELIVERED


def test_a_new_one_of_its_kind_takes_it_back(shop: Shop) -> None:
    define(shop, replace(THANKS, cancelled_by=(PLACED,)))
    customer, other = shop.customer(email="a@shop.test"), shop.customer(email="b@shop.test")
    first = shop.order(customer, "2026-01-10 18:00")
    theirs = shop.order(other, "2026-01-10 18:00")
    shop.until("2026-01-11 18:00")
    second = shop.order(customer, "2026-01-11 18:00")
    shop.until("2026-01-11 18:00")
    assert (of(shop, first).status, of(shop, first).reason) == (CANCELLED_ROW, "ORDER_PLACED")
    shop.until("2026-01-14 10:00")
    assert {of(shop, each).status for each in (second, theirs)} == {DELIVERED}


def test_what_comes_before_the_promise_is_in_the_log_takes_it_back_as_well(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(shop, replace(THANKS, cancelled_by=(PLACED,)))
    customer = shop.customer()
    first, second = shop.order(customer, "2026-01-10 18:00"), shop.order(customer, "2026-01-10 18:01")
    shop.worker.run()  # both are reacted to in one step
    assert (of(shop, first).status, of(shop, second).status) == (CANCELLED_ROW, SCHEDULED)
    monkeypatch.setattr(runner, "TRIGGERS_PER_STEP", 1)
    third, fourth = shop.order(customer, "2026-01-10 18:02"), shop.order(customer, "2026-01-10 18:03")
    shop.worker.run()
    assert [of(shop, each).status for each in (second, third, fourth)] == [CANCELLED_ROW, CANCELLED_ROW, SCHEDULED]


def test_only_what_the_predicate_means_takes_it_back(shop: Shop) -> None:
    large = replace(PLACED, when=at_least("total.base", 20))
    define(shop, replace(THANKS, cancelled_by=(large,)))
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 18:00")
    shop.until("2026-01-11 18:00")
    shop.order(customer, "2026-01-11 18:00", pieces=1)
    shop.until("2026-01-11 18:00")
    assert of(shop, first).status is SCHEDULED
    shop.order(customer, "2026-01-11 19:00", pieces=9)
    shop.until("2026-01-11 19:00")
    assert of(shop, first).status is CANCELLED_ROW


def test_what_names_another_order_takes_nothing_back(shop: Shop) -> None:
    define(shop, replace(THANKS, cancelled_by=(Occurrence(event="case.opened.v1"),)))
    customer = shop.customer()
    one, two = shop.order(customer, "2026-01-10 18:00"), shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    open_case(shop, customer, "about one", order_id=one)
    shop.worker.run()
    assert (of(shop, one).status, of(shop, one).reason) == (CANCELLED_ROW, "CASE_OPENED")
    assert of(shop, two).status is SCHEDULED
    open_case(shop, customer, "about nothing")
    shop.worker.run()
    assert of(shop, two).status is CANCELLED_ROW


def test_what_the_trigger_named_is_meant(shop: Shop) -> None:
    opened = replace(THANKS, triggers=(Occurrence(event="case.opened.v1"),), cancelled_by=(CANCELLED,))
    define(shop, opened)
    customer = shop.customer()
    one, two = shop.order(customer, "2026-01-10 18:00"), shop.order(customer, "2026-01-10 18:00")
    case = open_case(shop, customer, "about one", order_id=one)
    shop.worker.run()
    shop.cancel(two)
    shop.worker.run()
    assert of(shop, case).status is SCHEDULED
    shop.cancel(one)
    shop.worker.run()
    assert of(shop, case).status is CANCELLED_ROW


def test_what_takes_it_back_is_looked_for_again_when_it_is_due(shop: Shop) -> None:
    define(shop, replace(THANKS, cancelled_by=(CANCELLED,)))
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-01-11 18:00")
    define(shop, replace(THANKS, caps=(Cap(times=1, days=1),)))  # this version takes nothing back
    shop.cancel(order)
    shop.until("2026-01-12 10:00")
    assert of(shop, order).status is SCHEDULED
    shop.until("2026-01-13 10:00")
    assert (of(shop, order).status, of(shop, order).reason) == (CANCELLED_ROW, "ORDER_CANCELLED")
    assert of(shop, order).dispatched_at is None
