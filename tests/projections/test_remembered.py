"""What is computed once is computed again when the log has gone on, but not more often than it may."""

from decimal import Decimal
from time import sleep

from domain.kernel import derived
from domain.order import OrderLine, PlaceOrder
from projections.engine import Engine
from projections.lists import Lists
from projections.remembered import MAX_KEPT, remembered
from projections.selling import orders
from tests.conftest import House


class Asked:
    """A question that counts how often it was computed."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.times = 0
        self.takes_s = takes_s

    def __call__(self) -> int:
        sleep(self.takes_s)
        self.times += 1
        return self.times


def one_more(house: House, engine: Engine, n: int) -> None:
    line = OrderLine(sku="A", quantity=1, unit_price=Decimal(1))
    house.log.do(PlaceOrder(order_id=derived("order", n), customer_id=derived("customer", 1), lines=(line,)))
    engine.catch_up()


def test_an_answer_holds_until_the_log_goes_on(house: House) -> None:
    engine, lists = Engine(house.log, house.pool, [orders.view]), Lists(house.log, house.pool)
    engine.prepare()
    exact, lately = Asked(), Asked(takes_s=0.02)
    for n in range(1, 4):
        one_more(house, engine, n)
        assert [remembered(lists, orders.view, "exact", exact) for _ in range(3)] == [n] * 3
        # Two hundredths of a second, of which a share of one per mille is a whole twenty seconds.
        assert remembered(lists, orders.view, "lately", lately, share=0.001) == 1
    assert remembered(lists, orders.view, "lately", lately) == 2
    assert remembered(lists, orders.view, "lately", lately, share=0.5) == 2
    one_more(house, engine, 4)
    sleep(0.05)
    assert remembered(lists, orders.view, "lately", lately, share=0.5) == 3


def test_each_house_and_each_question_has_its_own_and_not_too_many(house: House) -> None:
    engine = Engine(house.log, house.pool, [orders.view])
    engine.prepare()
    ours, theirs, first = Lists(house.log, house.pool), Lists(house.log, house.pool), Asked()
    assert [remembered(lists, orders.view, "first", first) for lists in (ours, theirs, ours)] == [1, 2, 1]
    for n in range(MAX_KEPT):
        remembered(ours, orders.view, n, Asked())
    assert remembered(ours, orders.view, "first", first) == 3
    assert remembered(theirs, orders.view, "first", first) == 2
