"""What the company sold in its story: to whom, through which channel, and what came back."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random

from domain.customer import RegisterCustomer
from domain.kernel import derived
from domain.order import (
    CancelOrder,
    CancelOrderLines,
    OrderLine,
    PlaceOrder,
    RecordReturn,
    ReturnLines,
    SalesChannel,
)
from domain.product import IntroduceProduct
from tests.projections.kpis.story import START, Told, moments

CUSTOMERS = [derived("customer", n) for n in range(24)]
SKUS = {"A1": "ROOF", "A2": "ROOF", "B1": "WALL", "B2": "WALL", "C1": "FLOOR", "D1": None}
PRICES = {sku: Decimal(n) + Decimal("0.995") for n, sku in enumerate(SKUS, 3)}


def sales_story(chance: Random) -> Iterator[Told]:
    """Who the customers are, and a hundred and fifty orders, two of five from the best six of them."""
    for n, customer_id in enumerate(CUSTOMERS):
        territory = "NORTH" if n % 3 else "SOUTH"
        yield Told(START - timedelta(days=2), RegisterCustomer(customer_id=customer_id, territory=territory))
    for sku, category in SKUS.items():
        introduced = IntroduceProduct(product_id=derived("product", sku), sku=sku, name=sku, category=category)
        yield Told(START - timedelta(days=2), introduced)
    for n, moment in enumerate(moments(chance, 150)):
        order_id = derived("order", n)
        customer_id = chance.choice(CUSTOMERS[:6] if n % 5 < 2 else CUSTOMERS)
        channel = chance.choice(list(SalesChannel))
        lines = tuple(
            OrderLine(sku=sku, quantity=chance.randint(1, 9), unit_price=PRICES[sku])
            for sku in chance.sample(sorted(SKUS), chance.randint(1, 3))
        )
        pounds = n % 9 == 4
        yield Told(
            moment,
            PlaceOrder(
                order_id=order_id, customer_id=customer_id, lines=lines, channel=channel,
                currency="GBP" if pounds else "EUR", rate=Decimal("1.17") if pounds else None,
                base_currency="EUR" if pounds else None, rep=chance.choice(["ana", "luis"]) if channel == "REP" else None,
                campaign="SPRING" if n % 7 == 0 else None, cost=Decimal(n) if n % 2 else None,
            ),
            late=n % 8 == 7,
        )  # fmt: skip
    for n, moment in enumerate(moments(chance, 6)):
        line = OrderLine(sku="A1", quantity=1 + n, unit_price=PRICES["A1"])
        back = RecordReturn(order_id=derived("return", n), customer_id=chance.choice(CUSTOMERS), lines=(line,))
        yield Told(moment, back, late=n == 2)


def second_thoughts(told: list[Told], chance: Random) -> Iterator[Told]:
    """What is called off, and what comes back; what is said of a late order is late, too."""
    for n, (moment, asked, late) in enumerate(told):
        if isinstance(asked, PlaceOrder):
            later, first = moment + timedelta(days=chance.randint(1, 40)), asked.lines[:1]
            if n % 10 == 3:
                yield Told(later, CancelOrder(order_id=asked.order_id), late)
            elif n % 10 == 5:
                yield Told(later, ReturnLines(order_id=asked.order_id, lines=first), late)
            elif n % 10 == 7:
                yield Told(later, CancelOrderLines(order_id=asked.order_id, lines=first), late)
