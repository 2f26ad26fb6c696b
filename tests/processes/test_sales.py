"""What policies that compare one customer with the others remember of the sales."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Event, derived
from domain.order import (
    GoodsReturned,
    LinesReturned,
    OrderCancelled,
    OrderLine,
    OrderLinesCancelled,
    OrderPlaced,
    SalesChannel,
)
from domain.values import money
from eventstore.envelope import Recorded
from processes.sales import Sales
from projections.value.rfm import PERCENT, RfmEdges, share_from_top, top_share

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Telling:
    """Tells sales of what happens."""

    def __init__(self) -> None:
        self.sales = Sales()
        self._positions = count(1)
        self._versions: dict[UUID, Iterator[int]] = {}
        self.told: list[tuple[Event, Recorded]] = []

    def tell(self, stream: str, event: Any, customer: str | None) -> None:
        id, position = derived("order", stream), next(self._positions)
        version = next(self._versions.setdefault(id, count(1)))
        whose = None if customer is None else derived("customer", customer)
        at = Recorded(position, id, version, event.stored_as, whose, MOMENT, MOMENT, "test", "live")
        self.told.append((event, at))
        self.sales.note(event, at)

    def order(self, stream: str, customer: str, worth: int, *skus: str, currency: str = "EUR") -> None:
        lines = tuple(OrderLine(sku=sku, quantity=1, unit_price=Decimal(worth)) for sku in skus or ("cup",))
        total = money(Decimal(worth * len(lines)), currency)
        placed = OrderPlaced(
            customer_id=derived("customer", customer), lines=lines, total=total, channel=SalesChannel.WEB
        )
        self.tell(stream, placed, customer)

    def back(self, stream: str, customer: str, worth: int, kind: type[Any], *, nothing_left: bool = False) -> None:
        lines = (OrderLine(sku="cup", quantity=1, unit_price=Decimal(worth)),)
        value = money(Decimal(worth), "EUR")
        self.tell(stream, kind(lines=lines, value=value, nothing_left=nothing_left), customer)

    def share(self, customer: str) -> int | None:
        return self.sales.top_share(derived("customer", customer))


def test_the_share_is_that_of_revenue_from_the_top() -> None:
    told = Telling()
    for n in range(1, 11):
        told.order(f"o{n}", f"c{n}", n * 10)
    assert [told.share(f"c{n}") for n in (10, 9, 8, 2, 1)] == [1, 10, 20, 80, 90]
    assert told.share("nobody") is None
    assert told.sales.top_share(None) is None


def test_what_came_back_or_was_called_off_does_not_count() -> None:
    told = Telling()
    told.order("a", "ana", 100)
    told.order("b", "bea", 90)
    told.order("c", "cleo", 80, "cup", "cup")
    assert told.share("cleo") == 1
    told.back("c", "cleo", 80, LinesReturned)
    assert (told.share("cleo"), told.share("ana")) == (67, 1)
    told.back("b", "bea", 90, OrderLinesCancelled, nothing_left=True)
    assert told.share("bea") is None
    goods = GoodsReturned(customer_id=derived("customer", "ana"), lines=(), value=money(Decimal(30), "EUR"))
    told.tell("r", goods, "ana")
    assert (told.share("ana"), told.share("cleo")) == (50, 1)
    told.tell("a", OrderCancelled(value=money(Decimal(100), "EUR")), "ana")
    assert told.share("ana") is None


def test_who_sent_everything_back_has_bought_all_the_same() -> None:
    told = Telling()
    told.order("a", "ana", 100)
    told.back("a", "ana", 100, LinesReturned, nothing_left=True)
    assert told.share("ana") == 1


def test_what_is_told_twice_counts_once() -> None:
    told = Telling()
    told.order("a", "ana", 100, "cup", "pot")
    told.order("b", "bea", 90)
    told.back("a", "ana", 60, LinesReturned)
    for event, at in told.told:
        told.sales.note(event, at)
    assert (told.share("ana"), told.share("bea")) == (1, 50)  # 140 and 90


def test_another_base_currency_is_not_compared() -> None:
    told = Telling()
    told.order("a", "ana", 100)
    told.order("b", "bea", 90)
    told.order("c", "cleo", 900, currency="USD")
    assert told.sales.currency == "EUR"
    assert (told.share("ana"), told.share("cleo")) == (1, None)


def test_customers_who_are_one_are_one_until_they_are_two_again() -> None:
    told, names = Telling(), ("ana", "bea", "cleo")
    ana, bea, cleo = (derived("customer", name) for name in names)
    told.order("a", "ana", 60, "cup")
    told.order("b", "bea", 60, "pot")
    told.order("c", "cleo", 100, "cup")
    told.sales.merge(bea, ana)
    assert [told.share(name) for name in names] == [1, 1, 50]
    assert told.sales.baskets == {ana: {"cup", "pot"}, cleo: {"cup"}}
    assert told.sales.bought_with("cup") == {"pot": 1}
    told.sales.merge(ana, cleo)
    assert told.sales.owners == {"cup": {cleo}, "pot": {cleo}}
    told.order("d", "bea", 1, "pan")
    assert told.sales.owners["pan"] == {cleo}
    told.sales.unmerge(ana, cleo)
    told.sales.unmerge(bea, ana)
    assert [told.share(name) for name in names] == [67, 34, 1]
    assert told.sales.baskets == {ana: {"cup"}, bea: {"pot", "pan"}, cleo: {"cup"}}


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300))
def test_the_share_is_that_of_the_screen(spent: list[int]) -> None:
    ranked = sorted(Decimal(each) for each in spent)
    # percentile_disc: the first value of which so great a part is at most as great
    percentiles = tuple(ranked[-(-n * len(ranked) // PERCENT) - 1] for n in range(1, PERCENT))
    edges = RfmEdges((), (), (), percentiles)
    for each in ranked:
        at_most = sum(other <= each for other in ranked)
        assert share_from_top(at_most, len(ranked)) == top_share(edges, each)


@pytest.mark.parametrize("ask_every", [1, 7, 1_000])
@pytest.mark.parametrize("seed", range(3))
def test_reckoning_step_by_step_is_the_same_as_at_once(seed: int, ask_every: int) -> None:
    random, told = Random(seed), Telling()
    customers, totals = [f"c{n}" for n in range(100)], dict.fromkeys(range(100), 0)
    for n in range(400):
        who = n if n < 100 else random.randrange(100)
        worth = random.randrange(1, 9)
        told.order(f"o{n}", customers[who], worth)
        if random.random() < 0.3:
            told.back(f"o{n}", customers[who], worth, LinesReturned)
        else:
            totals[who] += worth
        if n % ask_every == 0:
            assert told.share(customers[who]) is not None
    ranked = sorted(totals.values())
    for who, name in enumerate(customers):
        at_most = sum(other <= totals[who] for other in ranked)
        assert told.share(name) == share_from_top(at_most, len(ranked))
