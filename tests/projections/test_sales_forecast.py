"""The sales forecast goes on from whole periods of the zone, in one currency, as far back as it may."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.kernel import derived
from domain.order import OrderLine, PlaceOrder
from eventstore.envelope import Request
from projections.value.sales_forecast import MAX_PERIODS, Grain, sales_forecast
from tests.projections.histories import START
from tests.projections.test_customer_value import ANA, EVA, ZONE, Shop, shop

__all__ = ["shop"]

LATE = 23.5 / 24
"""Half an hour before a midnight of UTC another day has begun in Madrid."""


def test_a_day_is_one_of_the_zone_and_other_currencies_are_left_out(shop: Shop) -> None:
    dollars = OrderLine(sku="A", quantity=1, unit_price=Decimal(7))
    placed = PlaceOrder(order_id=derived("order", "usd"), customer_id=EVA, lines=(dollars,), currency="USD")
    shop.log.do(placed, Request(occurred_at=START + timedelta(days=3)))
    for n in range(6):
        shop.order(ANA, str(10 + n), day=n + LATE)
    found = sales_forecast(shop.lists, shop.seen(now=START + timedelta(days=7)), grain=Grain.DAY, horizon=1)
    days = [(START + timedelta(days=n + LATE)).astimezone(ZoneInfo(ZONE)).date() for n in range(7)]
    assert [(each.period, each.revenue) for each in found.series] == [(day, 10 + n) for n, day in enumerate(days[:-1])]
    assert (found.currency, [each.period for each in found.expected]) == ("EUR", days[-1:])


def test_weeks_come_round_again_and_who_wants_to_be_surer_is_told_more_roughly(shop: Shop) -> None:
    for n in range(28):
        shop.order(ANA, str(100 + 50 * (n % 7) + n * 37 % 11), day=n)
    seen = shop.seen(now=START + timedelta(days=28))
    likely, sure = (sales_forecast(shop.lists, seen, grain=Grain.DAY, confidence=each) for each in (0.8, 0.99))
    assert (likely.model.season, likely.confidence, sure.confidence) == (7, 0.8, 0.99)
    for rough, fine in zip(sure.expected, likely.expected, strict=True):
        assert rough.low < fine.low < fine.revenue == rough.revenue < fine.high < rough.high


def test_it_does_not_look_further_back_than_it_may(shop: Shop) -> None:
    shop.order(ANA, "10")
    shop.order(ANA, "20", day=200)
    now = START + timedelta(days=MAX_PERIODS + 100)
    found = sales_forecast(shop.lists, shop.seen(now=now), grain=Grain.DAY, horizon=1)
    assert (len(found.series), found.series[0].period) == (MAX_PERIODS, (START + timedelta(days=100)).date())
    assert sum(each.revenue for each in found.series) == 20
