"""Lists answer what a patient person with a pencil would: every filter, every order, every page, now and then."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import RegisterCustomer
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.kernel import Refused, derived
from domain.order import OrderLine, PlaceOrder
from eventstore.database import open_pool
from eventstore.envelope import Origin, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections import VIEWS
from projections.customers import customers
from projections.customers.customers import find, search
from projections.engine import Engine
from projections.lists import Lists
from projections.selecting import Condition, Operator, Order
from projections.selling import orders
from projections.table import Table
from tests.conftest import KEK, House
from tests.projections.histories import histories, live_through

DAY = timedelta(days=1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def lists(house: House) -> Lists:
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    return Lists(house.log, house.pool)


def caught_up(house: House) -> None:
    Engine(house.log, house.pool, VIEWS).catch_up()


def customer(n: int) -> UUID:
    return derived("customer", n)


def register(house: House, n: int, **said: Any) -> None:
    house.log.do(RegisterCustomer(customer_id=customer(n), **said))


def buy(house: House, n: int, by: int, price: str, *, on: datetime = NEW_YEAR, origin: Origin = Origin.LIVE) -> None:
    lines = (OrderLine(sku="A", quantity=1, unit_price=Decimal(price)),)
    house.log.do(
        PlaceOrder(order_id=derived("order", n), customer_id=customer(by), lines=lines),
        Request(occurred_at=on, origin=origin),
    )


values = st.none() | st.integers(0, 3)
rows = st.lists(st.tuples(st.integers(0, 2), values, st.sampled_from(["a", "A%b", "_", "é\\"])), max_size=12)


def test_filters_orders_and_pages_agree_with_doing_it_by_hand(lists: Lists, house: House) -> None:
    view = customers.view
    table = Table(view)

    @given(
        rows=rows,
        order=st.lists(
            st.tuples(st.sampled_from(["revenue", "last_order_at", "name"]), st.booleans()),
            max_size=3,
            unique_by=lambda o: o[0],
        ),
        size=st.integers(1, 4),
        least=st.integers(0, 3),
        word=st.sampled_from(["a", "%", "_", "\\"]),
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def check(rows: list[Any], order: list[tuple[str, bool]], size: int, least: int, word: str) -> None:
        lines = [
            customers.CustomerLine(
                customer_id=customer(n),
                revenue=Decimal(revenue),
                name=name,
                last_order_at=None if days is None else NEW_YEAR + days * DAY,
            )
            for n, (revenue, days, name) in enumerate(rows)
        ]
        with house.pool.connection() as db:
            db.execute("truncate views.customers")
            table.upsert(db, lines)
        conditions = [Condition("revenue", Operator.GE, Decimal(least)), Condition("name", Operator.CONTAINS, word)]
        wanted = [line for line in lines if line.revenue >= least and word in (line.name or "").lower()]
        asked = [Order(column, descending) for column, descending in order]
        seen: list[customers.CustomerLine] = []
        after = None
        while True:
            page = lists.page(view, conditions, asked, first=size, after=after)
            seen += page.rows
            if not page.has_next:
                break
            after = page.cursors[-1]
        assert {line.customer_id for line in seen} == {line.customer_id for line in wanted}
        assert len(seen) == len(wanted) == lists.count(view, conditions)

        def rank(line: customers.CustomerLine) -> list[Any]:
            key: list[Any] = []
            for column, descending in order:
                value = getattr(line, column)
                if column == "last_order_at":
                    key.append(value is None)
                    value = value or NEW_YEAR
                number = value.timestamp() if isinstance(value, datetime) else value
                if isinstance(number, str):
                    key.append([(-ord(c) if descending else ord(c)) for c in number] + ([1] if descending else []))
                else:
                    key.append(-number if descending else number)
            return key

        keys = [rank(line) for line in seen]
        assert keys == sorted(keys)

    check()


def test_pages_are_disjoint_and_complete_while_rows_are_being_added(lists: Lists, house: House) -> None:
    for n in range(10):
        buy(house, n, by=n, price=str(n % 4))
    caught_up(house)
    seen: list[UUID] = []
    after = None
    number = 10
    while True:
        page = lists.page(orders.view, order=[Order("total", True)], first=3, after=after)
        seen += [row.order_id for row in page.rows]
        if not page.has_next:
            break
        after = page.cursors[-1]
        buy(house, number, by=number, price="2")
        caught_up(house)
        number += 1
    assert len(seen) == len(set(seen))
    assert {derived("order", n) for n in range(10)} <= set(seen)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"first": 0}, "Ask for 1 to 100 rows"),
        ({"first": 101}, "Ask for 1 to 100 rows"),
        ({"after": "not a cursor"}, "not one of this list"),
        ({"after": "W10"}, "not one of this list"),
        ({"order": [Order("shoe_size")]}, "There is no shoe_size in customers"),
        ({"conditions": [Condition("shoe_size", Operator.EQ, 1)]}, "There is no shoe_size in customers"),
        ({"conditions": [Condition("country", Operator.IN, ["ES"] * 1_001)]}, "1000 values are the limit"),
        ({"conditions": [Condition("country", Operator.EQ, "ES")] * 51}, "50 conditions are the limit"),
        ({"conditions": [Condition("identifiers", Operator.LT, "x")]}, "whether it contains something"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(lists: Lists, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        lists.page(customers.view, **asked)


def test_a_cursor_whose_values_are_not_of_the_order_is_refused(lists: Lists, house: House) -> None:
    register(house, 1, name="Ana")
    register(house, 2, name="Luis")
    caught_up(house)
    by_name = lists.page(customers.view, order=[Order("country")], first=1).cursors[0]
    with pytest.raises(Refused, match="not one of this list"):
        lists.page(customers.view, order=[Order("revenue")], first=1, after=by_name)
    by_one = lists.page(customers.view, order=[Order("search")], first=1).cursors[0]
    with pytest.raises(Refused, match="not one of this list"):
        lists.page(customers.view, order=[Order("revenue")], first=1, after=by_one)


def test_a_list_as_of_a_moment_is_what_the_view_held_then(lists: Lists, house: House) -> None:
    buy(house, 1, by=1, price="10", on=NEW_YEAR, origin=Origin.IMPORT)
    buy(house, 2, by=2, price="20", on=NEW_YEAR + 2 * DAY, origin=Origin.IMPORT)
    buy(house, 3, by=1, price="5", on=NEW_YEAR, origin=Origin.LIVE)
    by_revenue = [Order("revenue", True)]
    then = lists.page(customers.view, order=by_revenue, as_of=AsOf(time=NEW_YEAR + DAY))
    assert [(row.customer_id, row.revenue) for row in then.rows] == [(customer(1), 10)]
    known = lists.page(customers.view, order=by_revenue, as_of=AsOf(valid_at=NEW_YEAR + DAY))
    assert [(row.customer_id, row.revenue) for row in known.rows] == [(customer(1), 15)]
    at = lists.page(customers.view, order=by_revenue, as_of=AsOf(position=2))
    assert [(row.customer_id, row.revenue) for row in at.rows] == [(customer(2), 20), (customer(1), 10)]
    assert lists.count(customers.view, as_of=AsOf(known_at=NEW_YEAR)) == 0
    one = lists.get_as_of(customers.view, customer(1), AsOf(position=1), customer_id=customer(1))
    assert one is not None
    assert one.revenue == 10


def test_looking_back_to_any_position_is_replaying_up_to_it(new_database: Callable[[], str]) -> None:
    @given(history=histories, where=st.floats(0, 1))
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[Any], where: float) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, VIEWS, batch=max(1, int(log.reader.head() * where)))
            engine.prepare()
            engine.advance()
            for view in VIEWS:
                reached = Lists(log, pool).position(view)
                past = Lists(log, pool).fold(view, AsOf(position=reached)).rows
                assert Lists(log, pool).get(view, list(past)) == past

    check()


def test_somebody_is_found_by_whatever_they_give_and_by_words_without_accents(lists: Lists, house: House) -> None:
    register(house, 1, name="José Muñoz", email="Jose@Example.com", phone="600 123 456")
    house.log.do(AddIdentifier(customer_id=customer(1), type=IdentifierType.LOYALTY_CARD, value="ab-12 34"))
    register(house, 2, name="Ana", email="ana@example.com")
    house.log.do(RemoveIdentifier(customer_id=customer(2), type=IdentifierType.EMAIL, value="ana@example.com"))
    caught_up(house)
    for given_ in ("jose@example.COM", "+34 600123456", "600123456", "AB1234"):
        assert find(lists, given_) == [customer(1)]
    assert find(lists, "ana@example.com") == []
    assert [row.name for row in lists.page(customers.view, search("munoz JOSE")).rows] == ["José Muñoz"]
    assert [row.email for row in lists.page(customers.view, search("ana")).rows] == [None]
