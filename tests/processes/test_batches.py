"""What is promised and taken back is the same whether a worker reacts to events one by one or to many at once."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from domain.cart import AddCartItem, ChangeCartQuantity, ConvertCart, RemoveCartItem, StartCart
from domain.kernel import derived
from domain.loyalty_account import LeaveProgramme
from domain.order import DeliverOrder
from processes import cart_abandonment, churn_risk, cross_sell, tier_at_risk, tier_evaluation, tier_nudge
from tests.conftest import House
from tests.processes.members import accrue, enrol
from tests.processes.shop import Shop, moment

Pause = Callable[[], None]


def orders(shop: Shop, customer: UUID, pause: Pause) -> None:
    """Orders, one from before the last, one that came back and several that were called off."""
    first = shop.order(customer, "2026-01-10 12:00")
    pause()
    shop.do(DeliverOrder(order_id=first), "2026-01-11 12:00")
    pause()
    second = shop.order(customer, "2026-02-10 12:00")
    pause()
    shop.cancel(second)
    pause()
    third = shop.order(customer, "2026-03-10 12:00")
    pause()
    shop.order(customer, "2025-09-10 12:00")
    pause()
    shop.give_back(first, 2)
    pause()
    shop.call_off(third, 2)


def carts(shop: Shop, customer: UUID, pause: Pause) -> None:
    """A cart that changes and becomes an order, and one that is emptied."""
    one, other = derived("cart", customer, 1), derived("cart", customer, 2)
    for cart in (one, other):
        shop.do(StartCart(cart_id=cart, customer_id=customer), "2026-01-10 12:00")
        shop.do(AddCartItem(cart_id=cart, sku="cup", quantity=1, unit_price=Decimal(30)), "2026-01-10 12:00")
        pause()
        shop.do(ChangeCartQuantity(cart_id=cart, sku="cup", quantity=2), "2026-01-10 12:10")
        pause()
    shop.do(ConvertCart(cart_id=one, order_id=derived("order", customer)), "2026-01-10 12:20")
    pause()
    shop.do(RemoveCartItem(cart_id=other, sku="cup"), "2026-01-10 12:30")


def points(shop: Shop, customer: UUID, pause: Pause) -> None:
    """A member who earns points, leaves and comes back."""
    account = enrol(shop, customer, "2026-01-10 12:00", tier="GOLD")
    pause()
    accrue(shop, account, 41_000, "2026-02-10 12:00")
    pause()
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-03-10 12:00")
    pause()
    accrue(shop, account, 1_000, "2026-03-11 12:00")
    pause()
    enrol(shop, customer, "2026-04-10 12:00", tier="GOLD")
    pause()
    accrue(shop, account, 2_000, "2026-05-10 12:00")


@pytest.mark.parametrize("story", [orders, carts, points])
def test_one_by_one_is_the_same_as_all_at_once(
    house: House, tmp_path: Path, story: Callable[[Shop, UUID, Pause], None]
) -> None:
    policies = [
        cart_abandonment.policy, churn_risk.policy, cross_sell.policy, tier_at_risk.policy, tier_evaluation.policy,
        tier_nudge.policy,
    ]  # fmt: skip
    shop = Shop(house.log, tmp_path / "mail", policies=policies, now=moment("2025-01-01 12:00"))
    one, other = shop.customer(), shop.customer(email="b@shop.test")
    story(shop, one, shop.worker.run)
    shop.worker.run()
    story(shop, other, lambda: None)
    shop.worker.run()
    told = [
        sorted(
            (row.policy, row.step, row.status.value, row.reason or "", str(row.due_at))
            for row in shop.ledger()
            if row.customer_id == customer
        )
        for customer in (one, other)
    ]
    assert len(told[0]) > 4
    assert told[0] == told[1]
