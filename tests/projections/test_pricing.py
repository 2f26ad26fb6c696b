"""What an article costs whom, at which moment, by which rule; and how much there is of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.customer import RegisterCustomer
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers
from domain.predicate import Predicate, Test, TestOperator
from domain.price_list import PriceListPublished, PriceRule, PublishPriceList, price_for
from domain.product import DiscontinueProduct, IntroduceProduct, ReviseProduct, decider
from domain.segment import DefineSegment
from domain.segment_membership import EnterSegment, ExitSegment
from domain.stock import ReportStock, StockReported
from eventstore.envelope import Request
from eventstore.reader import NOW, AsOf
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import segment_memberships, segments
from projections.selling import price_lists, products, stock
from projections.selling.pricing import Price, price
from projections.selling.stock import SiteStock, Stock
from tests.conftest import House
from tests.projections.histories import START
from tests.projections.histories_catalogue import sold
from tests.projections.lives import events_of, for_each_life

VIEWS = (products.view, price_lists.view, stock.view, segments.view, segment_memberships.view)
ROOF, LIST, ANA, OLD = (derived(*each) for each in (("product", 1), ("list", 1), ("customer", 1), ("customer", 2)))
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def after(days: float) -> datetime:
    return DAY + timedelta(days=days)


def lists_after(house: House, *said: tuple[float, Command]) -> Lists:
    for days, command in said:
        house.log.do(command, Request(occurred_at=after(days)))
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def listed(*rules: PriceRule, **more: Any) -> PublishPriceList:
    return PublishPriceList(price_list_id=LIST, key="trade", currency="EUR", rules=rules, **more)


INTRODUCE = IntroduceProduct(
    product_id=ROOF,
    sku="ROOF",
    name="Roof",
    category="roofs",
    price=Decimal(100),
    currency="EUR",
    unit_cost=Decimal(60),
)


def test_a_product_costs_what_was_said_last_by_then(house: House) -> None:
    lists = lists_after(
        house, (0, INTRODUCE), (5, ReviseProduct(product_id=ROOF, price=Decimal(90))), (9, DiscontinueProduct(product_id=ROOF)),
    )  # fmt: skip
    assert price(lists, "ROOF", 1, after(-1)) is None
    assert price(lists, "ROOF", 2, after(1)) == Price("ROOF", 2, "EUR", Decimal(100), Decimal(200), Decimal(100))
    found = price(lists, "ROOF", 1, after(6))
    assert found is not None
    assert found.unit_price == 90
    assert price(lists, "ROOF", 1, after(10)) is None
    before = price(lists, "ROOF", 1, after(10), as_of=AsOf(position=1))
    assert before is not None
    assert before.unit_price == 100
    row = lists.get(products.view, [ROOF])[ROOF]
    assert (row.sku, row.price, row.unit_cost, row.discontinued_at) == ("ROOF", 90, 60, after(9))


def test_the_price_for_the_customer_comes_before_that_for_a_segment_and_for_a_quantity(house: House) -> None:
    rules = (
        PriceRule(sku="ROOF", customer_id=ANA, discount=Decimal("0.25")),
        PriceRule(sku="ROOF", segment="gold", price=Decimal(70)),
        PriceRule(category="roofs", min_quantity=10, price=Decimal(50)),
    )
    lists = lists_after(house, (0, INTRODUCE), (1, listed(*rules)))

    def cost(quantity: int, **whom: Any) -> tuple[Decimal, str | None]:
        found = price(lists, "ROOF", quantity, after(2), **whom)
        assert found is not None
        return found.unit_price, found.price_list

    assert cost(20, customer_id=ANA, segments=["gold"]) == (75, "trade")
    assert cost(20, segments=["gold"]) == (70, "trade")
    assert cost(10) == (50, "trade")
    assert cost(9) == (100, None)
    assert price(lists, "ROOF", 1, after(2), currency="GBP") is None


def test_a_rule_for_whoever_was_merged_into_the_customer_is_one_for_the_customer(house: House) -> None:
    rule = PriceRule(sku="ROOF", customer_id=OLD, price=Decimal(1))
    lists = lists_after(
        house, (0, INTRODUCE), (0, listed(rule)), (0, RegisterCustomer(customer_id=ANA, name="Ana")),
        (0, RegisterCustomer(customer_id=OLD, name="Ana")), (1, MergeCustomers(customer_id=OLD, survivor_id=ANA)),
    )  # fmt: skip
    found = price(lists, "ROOF", 1, after(2), customer_id=ANA)
    assert found is not None
    assert (found.unit_price, found.for_customer) == (1, True)


def test_the_segments_that_count_are_those_that_the_customer_is_in_then(house: House) -> None:
    gold = derived("segment", 1)
    anybody = Predicate(test=Test(field="orders", operator=TestOperator.GTE, number=Decimal(0)))
    lists = lists_after(
        house, (0, INTRODUCE), (0, listed(PriceRule(segment="gold", price=Decimal(70)))),
        (0, DefineSegment(segment_id=gold, key="gold", title={"en": "Gold"}, predicate=anybody)),
        (2, EnterSegment(segment_id=gold, customer_id=ANA, definition_version=1)),
        (4, ExitSegment(segment_id=gold, customer_id=ANA, definition_version=1)),
    )  # fmt: skip

    def cost(days: float, **more: Any) -> Decimal:
        found = price(lists, "ROOF", 1, after(days), customer_id=ANA, **more)
        assert found is not None
        return found.unit_price

    assert [cost(days) for days in (1, 3, 5)] == [100, 70, 100]
    assert cost(3, segments=[]) == 100
    assert cost(5, as_of=AsOf(position=house.log.reader.head() - 1)) == 70


def test_a_version_counts_from_when_it_is_valid_until_it_ends_or_the_next_one_comes(house: House) -> None:
    def at(days: float) -> Decimal:
        found = price(lists, "ROOF", 1, after(days))
        assert found is not None
        return found.unit_price

    one = PriceRule(price=Decimal(1))
    lists = lists_after(
        house, (0, INTRODUCE), (1, listed(one)),
        (2, listed(replace(one, price=Decimal(2)), valid_from=after(5), valid_until=after(8))),
    )  # fmt: skip
    assert [at(days) for days in (0.5, 1, 4, 5, 7.9, 8, 9)] == [100, 1, 1, 2, 2, 100, 100]


def test_a_price_of_nothing_or_of_too_much_is_refused(house: House) -> None:
    lists = lists_after(house)
    with pytest.raises(Refused, match="quantity"):
        price(lists, "ROOF", 0, after(0))
    with pytest.raises(Refused, match="segments"):
        price(lists, "ROOF", 1, after(0), segments=["s"] * 101)


def naive_price(
    lists: Lists, sku: str, quantity: int, at: datetime, whom: UUID, segments: frozenset[str], position: int | None
) -> tuple[Decimal, str | None] | None:
    """By the events alone: the last word on the product, then the rules of the last versions that have come."""
    words: dict[UUID, list[tuple[datetime, Any]]] = {}
    state: dict[UUID, Any] = {}
    for event, where in events_of(lists, products.view, position):
        state[where.stream_id] = decider.evolve(state.get(where.stream_id, decider.initial), event)
        words.setdefault(where.stream_id, []).append((where.occurred_at, state[where.stream_id]))
    sold = []
    for stream, said in words.items():
        by_then = [(moment, product) for moment, product in said if moment <= at]
        last = by_then[-1][1] if by_then else decider.initial
        if last.introduced and last.introduced.sku == sku and not last.discontinued:  # else it was taken back
            sold.append((-min(moment for moment, _ in by_then).timestamp(), str(stream), last))
    if not sold:
        return None
    product = min(sold, key=lambda each: each[:2])[2]
    versions: dict[UUID, tuple[int, PriceListPublished]] = {}
    for event, where in events_of(lists, price_lists.view, position):
        if (event.valid_from or where.occurred_at) <= at and event.version > versions.get(where.stream_id, (0,))[0]:
            versions[where.stream_id] = event.version, event
    members = lists.log.reader.kin([whom])
    rules = [
        replace(rule, customer_id=whom) if rule.customer_id in members else rule
        for _, version in versions.values()
        if version.valid_until is None or version.valid_until > at
        for rule in version.rules
    ]
    unit, rule = price_for(rules, sku, product.category, product.price, quantity, whom, segments)
    return unit, None if rule is None else "p"


def test_prices_are_those_that_follow_from_the_events_at_any_moment(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        compared = 0
        head = lists.log.reader.head()
        corrected = max((at.position for event, at in lists.log.reader.page(0) if event.corrects), default=0)
        for n in range(60):
            sku, quantity, at = "ABC"[n % 3], 1 + n % 4, START + timedelta(days=(n * 37) % 430)
            whom, segments = derived("customer", 1 + n % 3), frozenset("AB"[: n % 3])
            position = (n * head) // 40 if n < 40 else None
            if position is not None and position < corrected:
                continue  # facts are read with today's corrections
            found = price(
                lists, sku, quantity, at, customer_id=whom, segments=segments,
                as_of=NOW if position is None else AsOf(position=position),
            )  # fmt: skip
            wanted = naive_price(lists, sku, quantity, at, whom, segments, position)
            assert (n, found and (found.unit_price, found.price_list)) == (n, wanted)
            compared += found is not None and found.price_list is not None
        return compared > 0

    for_each_life(new_database, sold, VIEWS, check)


# Stock.


def reported(days: float, site: str, on_hand: int, reserved: int | None = None, sku: str = "ROOF") -> ReportStock:
    return ReportStock(sku=sku, site=site, on_hand=on_hand, as_of=after(days), reserved=reserved)


def test_there_is_what_the_last_report_on_each_place_says(house: House) -> None:
    lists = lists_after(
        house, (0, reported(0, "MAD", 5, 2)), (1, reported(40, "MAD", 9)), (2, reported(3, "MAD", 7)),
        (3, reported(1, "BCN", -1)), (4, reported(1, "BCN", 4)), (5, reported(1, "BCN", 8, sku="TILE")),
    )  # fmt: skip
    found = stock.stock(lists, ["ROOF", "NONE"])
    assert found["ROOF"] == Stock(
        "ROOF", 13, 0, 13, after(1), (SiteStock("BCN", 4, 0, 4, after(1)), SiteStock("MAD", 9, 0, 9, after(40)))
    )
    assert found["NONE"] == Stock("NONE", 0, 0, 0, None, ())
    then = stock.stock(lists, ["ROOF"], at=after(2))["ROOF"]
    assert (then.on_hand, then.reserved, then.available) == (9, 2, 7)
    assert stock.stock(lists, ["ROOF"], site="BCN", as_of=AsOf(position=4))["ROOF"].on_hand == -1
    with pytest.raises(Refused, match="500"):
        stock.stock(lists, list(map(str, range(501))))


def test_stock_is_what_follows_from_the_reports_at_any_moment(new_database: Callable[[], str]) -> None:
    def check(lists: Lists) -> bool:
        events = [(e, at) for e, at in events_of(lists, stock.view) if isinstance(e, StockReported)]
        for n in range(30):
            at = START + timedelta(days=(n * 53) % 430) if n % 2 else None
            position = (n * lists.log.reader.head()) // 25 if n < 25 else None
            last: dict[tuple[str, str], StockReported] = {}
            for event, where in events:
                held = last.get((event.sku, event.site))
                if (
                    (position is None or where.position <= position)
                    and (at is None or event.as_of <= at)
                    and (held is None or event.as_of >= held.as_of)
                ):
                    last[event.sku, event.site] = event
            found = stock.stock(lists, list("ABC"), at=at, as_of=NOW if position is None else AsOf(position=position))
            assert {
                (sku, site.site): (site.on_hand, site.reserved, site.as_of)
                for sku, each in found.items()
                for site in each.sites
            } == {key: (e.on_hand, e.reserved or 0, e.as_of) for key, e in last.items()}
        return len(events) > 3

    for_each_life(new_database, sold, VIEWS, check)
