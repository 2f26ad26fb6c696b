"""What the model of buying is held to is counted as somebody would who has the days of everybody before them."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.kernel import derived
from domain.order import CancelOrder, OrderLine, PlaceOrder
from eventstore.envelope import Request
from projections.value import buying
from projections.value.buying_backtest import CLASSES, buying_backtest
from tests.projections.histories import START
from tests.projections.test_customer_value import ZONE, Shop, shop

__all__ = ["shop"]

FITTED, UNTIL, LAST = 60, 120, 130
LINE = OrderLine(sku="A", quantity=1, unit_price=Decimal(10))


def test_the_model_is_fitted_on_the_days_before_and_held_to_those_since(shop: Shop) -> None:
    chance, bought = Random(9), defaultdict[UUID, set[date]](set)
    for n in range(60):
        customer_id, day = derived("customer", n), chance.randint(0, FITTED + 20)
        patience, leaving = chance.choice([4, 20, 60]), chance.choice([0.02, 0.4])
        for m in range(30):
            order_id, moment = derived("order", n, m), START + timedelta(days=day, hours=23, minutes=30)
            placed = PlaceOrder(order_id=order_id, customer_id=customer_id, lines=(LINE,))
            shop.log.do(placed, Request(occurred_at=moment))
            if chance.random() < 0.1:
                shop.log.do(CancelOrder(order_id=order_id), Request(occurred_at=moment))
            else:
                bought[customer_id].add(moment.astimezone(ZoneInfo(ZONE)).date())
            day += chance.randint(0, patience)
            if day > LAST or chance.random() < leaving:
                break
    shop.engine.catch_up()
    fitted_on, until = ((START + timedelta(days=days)).date() for days in (FITTED, UNTIL))
    found = buying_backtest(shop.lists, shop.seen(now=START + timedelta(days=UNTIL)), START + timedelta(days=FITTED))

    known = [days for days in bought.values() if min(days) <= fitted_on]
    again = [sum(day <= fitted_on for day in days) - 1 for days in known]
    recency = [(max(day for day in days if day <= fitted_on) - min(days)).days / 7 for days in known]
    age = [(fitted_on - min(days)).days / 7 for days in known]
    came = [sum(fitted_on < day <= until for day in days) for days in known]
    model = buying.fit(again, recency, age)
    expected = buying.expected(model, (UNTIL - FITTED) / 7, again, recency, age)
    assert (found.customers, found.model.customers, found.came) == (len(known), len(known), sum(came))
    assert found.model.log_likelihood == pytest.approx(model.log_likelihood)
    assert found.expected == pytest.approx(sum(expected), rel=1e-4)
    assert found.error == pytest.approx((found.expected - found.came) / found.came)
    for each in found.classes:
        ours = [n for n, count in enumerate(again) if min(count, CLASSES - 1) == each.frequency]
        assert (each.customers, each.came) == (len(ours), pytest.approx(sum(came[n] for n in ours) / len(ours)))
        assert each.expected == pytest.approx(sum(expected[n] for n in ours) / len(ours), rel=1e-4)
    assert max(again) > CLASSES
