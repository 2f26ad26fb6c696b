"""Cubes give what somebody with a pencil gets from the same facts, and show every fact behind a cell."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import ChangeCustomerProfile, RegisterCustomer
from domain.kernel import Refused, derived
from domain.order import OrderLine, PlaceOrder, SalesChannel
from domain.product import IntroduceProduct
from eventstore.database import open_pool
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections import VIEWS
from projections.buckets import Granularity
from projections.engine import Engine
from projections.figures.cube_answer import COMPARED, ask, behind
from projections.figures.cube_filters import Comparison, CubeOperator, Joined
from projections.figures.cube_query import MAX_BUCKETS, CubeQuery, TimeDimension, first_days
from projections.figures.cubes_sales import SALES
from projections.lists import Lists
from tests.conftest import KEK, House
from tests.projections import naive
from tests.projections.histories import START, histories, live_through
from tests.projections.naive_cube import BY_HAND, CUBE, Pencil, homes

O = CubeOperator  # noqa: E741
HOUR = timedelta(minutes=487)


def question(random: Random, as_of: AsOf) -> CubeQuery:
    day = START.date() + timedelta(days=random.randrange(400))
    measures = random.sample(list(BY_HAND), random.randint(1, 4))
    dimensions = random.sample(["sales.baseCurrency", "homes.country", "homesThen.country", "sales.channel", "sales.sku",
        "sales.kind", "sales.customerId"], random.randrange(4))  # fmt: skip
    if {"sales.revenue", "sales.ordered", "sales.returned"} & set(measures):
        dimensions = list({"sales.baseCurrency": 1, **dict.fromkeys(dimensions)})
    times = [
        TimeDimension(
            random.choice(["sales.occurredAt", "sales.knownAt"]),
            random.choice([*Granularity, None]),
            random.choice([None, (day, day + timedelta(days=random.randrange(200)))]),
        )
    ] * random.randrange(2)
    filters = random.sample(
        [
            Comparison("sales.sku", O.EQUALS, ["A", "C"]),
            Comparison("sales.sku", O.CONTAINS, ["b", "%"]),
            Comparison("homes.country", O.NOT_EQUALS, ["ES"]),
            Comparison("homesThen.country", O.SET),
            Comparison("sales.quantity", O.GT, ["1"]),
            Joined([Comparison("sales.kind", O.EQUALS, ["RETURNED"]), Comparison("homes.moves", O.LTE, ["2"])]),
            Joined([], every=False),
            Comparison("sales.occurredAt", O.BEFORE_DATE, [day.isoformat()]),
            Comparison("sales.occurredAt", O.AFTER_DATE, [day.isoformat()]),
            Joined([Comparison("sales.customerId", O.NOT_SET), Comparison("sales.quantity", O.EQUALS, ["2"])]),
        ],
        random.randrange(3),
    )
    segments = ["sales.returns"] if random.random() < 0.1 else []
    return CubeQuery(measures, dimensions, times, filters, segments, first=1_000, as_of=as_of)


def test_any_question_to_a_cube_is_answered_as_by_hand(new_database: Callable[[], str]) -> None:
    views = (*VIEWS, homes)

    @given(history=histories, seed=st.integers(0, 2**32), days=st.integers(0, 420), share=st.floats(0, 1))
    @settings(
        max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
    )
    def check(history: list[Any], seed: int, days: int, share: float) -> None:
        with open_pool(new_database()) as pool:
            log, random = Log(pool, DECIDERS, KeyRing(pool, KEK)), Random(seed)
            live_through(log, [(asked, on + n * HOUR) for n, (asked, on) in enumerate(history)])
            bought(log, random)
            engine = Engine(log, pool, views)
            engine.prepare()
            engine.catch_up()
            lists, moment = Lists(log, pool), START + timedelta(days=days)
            for as_of in (NOW, AsOf(position=int(log.reader.head() * share)), AsOf(time=moment), AsOf(valid_at=moment)):
                pencil = Pencil(log, as_of)
                for _ in range(15):
                    query = question(random, as_of)
                    answer, expected = ask(lists, CUBE, query, totals=True), pencil.rows(query)
                    shown = sorted(map(plain, answer.rows))
                    assert (query, shown) == (query, sorted(map(plain, expected)))
                    if answer.rows:
                        every_fact_is_shown(lists, query, random.choice(answer.rows), pencil)

    check()


def bought(log: Log, random: Random) -> None:
    """Some more orders, so that there is something in every cell."""
    for n in range(20):
        lines = tuple(OrderLine(sku=sku, quantity=2, unit_price=Decimal(n)) for sku in random.sample("ABC", 2))
        placed = PlaceOrder(
            order_id=derived("bought", n),
            customer_id=derived("customer", n % 3 + 1),
            lines=lines,
            channel=random.choice(list(SalesChannel)),
        )
        log.do(placed, Request(occurred_at=START + timedelta(hours=random.randrange(9_600))))


def plain(row: Any) -> list[tuple[str, str]]:
    return sorted(
        (name, f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)) for name, value in row.items()
    )


def every_fact_is_shown(lists: Lists, query: CubeQuery, cell: Any, pencil: Pencil) -> None:
    shown = []
    after = None
    while True:
        found = behind(lists, CUBE, query, cell, first=3, after=after)
        shown += [(fact.position, fact.owner_id, fact.number) for fact in found.facts]
        if not found.more:
            break
        after = found.facts[-1].cursor
    keys = {name: value for name, value in cell.items() if name not in query.measures}
    facts = [fact for fact in pencil.facts if pencil.counts(fact, query) and pencil.key(fact, query) == keys]
    assert shown == sorted((fact.position, fact.owner_id, fact.number) for fact in facts)


@pytest.fixture
def shop(house: House) -> Lists:
    """Two customers, one of whom moves from Spain to France in June, and an order of one euro on each first of a month."""
    for n, country in ((1, "ES"), (2, "FR")):
        house.log.do(RegisterCustomer(customer_id=derived("customer", n), country=country), Request(occurred_at=START))
    moved = ChangeCustomerProfile(customer_id=derived("customer", 1), country="FR")
    house.log.do(moved, Request(occurred_at=datetime(2026, 6, 15, tzinfo=UTC)))
    for month in range(1, 11):
        for n, channel in ((1, SalesChannel.WEB), (2, SalesChannel.PHONE)):
            line = OrderLine(sku="A", quantity=n, unit_price=Decimal(1))
            placed = PlaceOrder(
                order_id=derived("order", n, month), customer_id=derived("customer", n), lines=(line,), channel=channel
            )
            house.log.do(placed, Request(occurred_at=datetime(2026, month, 1, 10, tzinfo=UTC)))
    engine = Engine(house.log, house.pool, (*VIEWS, homes))
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


YEAR = TimeDimension("sales.occurredAt", Granularity.QUARTER, (date(2026, 1, 1), date(2026, 12, 31)))


def test_a_customer_counts_where_they_lived_then_or_where_they_live_now(shop: Lists) -> None:
    def revenue(member: str) -> dict[str, int]:
        return {
            row[member]: row["sales.revenue"] for row in ask(shop, CUBE, CubeQuery(["sales.revenue"], [member])).rows
        }

    assert revenue("homes.country") == {"FR": 30}
    assert revenue("homesThen.country") == {"FR": 24, "ES": 6}


def test_ranges_are_compared_side_by_side_and_have_totals(shop: Lists) -> None:
    time = TimeDimension(
        "sales.occurredAt", compare=[(date(2026, 1, 1), date(2026, 3, 31)), (date(2026, 7, 1), date(2026, 8, 31))]
    )
    query = CubeQuery(["sales.pieces", "sales.customers"], ["sales.channel"], [time])
    answer = ask(shop, SALES, query, totals=True)
    assert [(row[COMPARED], row["sales.channel"], row["sales.pieces"]) for row in answer.rows] == [
        ("2026-01-01 - 2026-03-31", "PHONE", 6),
        ("2026-01-01 - 2026-03-31", "WEB", 3),
        ("2026-07-01 - 2026-08-31", "PHONE", 4),
        ("2026-07-01 - 2026-08-31", "WEB", 2),
    ]
    assert [(row["sales.pieces"], row["sales.customers"]) for row in answer.totals] == [(9, 2), (6, 2)]
    assert len(behind(shop, SALES, query, answer.rows[2]).facts) == 2
    with pytest.raises(Refused, match="which range"):
        behind(shop, SALES, query, {"sales.channel": "WEB"})


def test_cells_are_filtered_and_sorted_by_what_is_measured(shop: Lists) -> None:
    query = CubeQuery(
        ["sales.revenue"],
        ["sales.channel"],
        [YEAR],
        [Comparison("sales.revenue", O.GTE, ["3"])],
        order_by=[("sales.revenue", True), ("sales.occurredAt.quarter", True)],
        first=3,
    )
    answer = ask(shop, SALES, query)
    assert [(str(row["sales.occurredAt.quarter"]), row["sales.revenue"]) for row in answer.rows] == [
        ("2026-07-01", 6),
        ("2026-04-01", 6),
        ("2026-01-01", 6),
    ]
    assert answer.more
    assert answer.annotation["measures"]["sales.revenue"] == {"title": "Revenue", "type": "number", "unit": "EUR"}


FOUND = [
    (Comparison("sales.channel", O.CONTAINS, ["eb", "%"]), 10),
    (Comparison("sales.channel", O.NOT_CONTAINS, ["HON"]), 10),
    (Comparison("sales.channel", O.STARTS_WITH, ["p", "B"]), 10),
    (Comparison("sales.channel", O.ENDS_WITH, ["ne", "W"]), 10),
    (Comparison("sales.rep", O.NOT_EQUALS, ["eva"]), 20),
    (Comparison("sales.rep", O.NOT_CONTAINS, ["e"]), 20),
    (Comparison("sales.rep", O.NOT_SET), 20),
    (Comparison("sales.quantity", O.GTE, ["2"]), 10),
    (Comparison("sales.quantity", O.LT, ["2"]), 10),
    (Comparison("sales.occurredAt", O.EQUALS, ["2026-03-01", "2026-05-01", "2026-06-02"]), 4),
    (Comparison("sales.occurredAt", O.EQUALS, ["2026-03-01T11:00:00+01:00", "2026-03-01T11:00:01+01:00"]), 2),
    (Comparison("sales.occurredAt", O.IN_DATE_RANGE, ["2026-02-01", "2026-04-01"]), 6),
    (Comparison("sales.occurredAt", O.NOT_IN_DATE_RANGE, ["2026-02-01", "2026-04-01"]), 14),
    (Comparison("sales.occurredAt", O.BEFORE_DATE, ["2026-02-01"]), 2),
    (Comparison("sales.occurredAt", O.BEFORE_OR_ON_DATE, ["2026-02-01"]), 4),
    (Comparison("sales.occurredAt", O.AFTER_DATE, ["2026-09-01"]), 2),
    (Comparison("sales.occurredAt", O.AFTER_OR_ON_DATE, ["2026-09-01"]), 4),
]
KEPT = [
    (Comparison("sales.revenue", O.EQUALS, ["10", "11"]), {"WEB"}),
    (Comparison("sales.revenue", O.NOT_EQUALS, ["10", "11"]), {"PHONE"}),
    (Comparison("sales.revenue", O.LT, ["20"]), {"WEB"}),
    (Comparison("sales.margin", O.NOT_EQUALS, ["10"]), {"WEB", "PHONE"}),
    (Comparison("sales.margin", O.NOT_SET), {"WEB", "PHONE"}),
    (Comparison("sales.margin", O.SET), set()),
]


def test_facts_and_cells_are_compared_in_the_words_of_cube(shop: Lists) -> None:
    for asked, count in FOUND:
        assert (asked, ask(shop, SALES, CubeQuery(["sales.count"], filters=[asked])).rows) == (
            asked, [{"sales.count": count}],
        )  # fmt: skip
    for asked, channels in KEPT:
        rows = ask(shop, SALES, CubeQuery(["sales.count"], ["sales.channel"], filters=[asked])).rows
        assert (asked, {row["sales.channel"] for row in rows}) == (asked, channels)


def test_an_article_that_was_introduced_twice_is_what_it_was_the_last_time(shop: Lists, house: House) -> None:
    for n, category in ((1, "Old"), (2, "New"), (0, "Oldest")):
        introduced = IntroduceProduct(product_id=derived("product", n), sku="A", name="A", category=category)
        house.log.do(introduced, Request(occurred_at=START + timedelta(days=n)))
    Engine(house.log, house.pool, VIEWS).catch_up()
    answer = ask(shop, SALES, CubeQuery(["sales.count"], ["products.category"], [YEAR]))
    assert {row["products.category"] for row in answer.rows} == {"New"}
    quarters = [row["sales.occurredAt.quarter"] for row in answer.rows]
    assert quarters == [date(2026, month, 1) for month in (1, 4, 7, 10)]


def test_money_of_several_currencies_is_not_added_up(shop: Lists, house: House) -> None:
    line = OrderLine(sku="A", quantity=1, unit_price=Decimal(5))
    placed = PlaceOrder(
        order_id=derived("order", "£"), customer_id=derived("customer", 1), lines=(line,), currency="GBP"
    )
    house.log.do(placed)
    Engine(house.log, house.pool, VIEWS).catch_up()
    with pytest.raises(Refused, match=r"EUR and GBP among them. Ask by sales\.baseCurrency"):
        ask(shop, SALES, CubeQuery(["sales.revenue"]))
    by = ask(shop, SALES, CubeQuery(["sales.revenue"], ["sales.baseCurrency"]), totals=True)
    assert [(row["sales.baseCurrency"], row["sales.revenue"]) for row in by.rows] == [("EUR", 30), ("GBP", 5)]
    assert by.totals == [{"sales.revenue": None}]
    assert ask(shop, SALES, CubeQuery(["sales.count"])).rows == [{"sales.count": 21}]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (CubeQuery(["sales.revenu"]), "Did you mean sales.revenue"),
        (CubeQuery(["sales.count"], ["sales.chanel"]), "Did you mean sales.channel"),
        (CubeQuery([]), "1 to 20 measures"),
        (CubeQuery(["sales.count"], first=1_001), "1 to 1,000 rows"),
        (CubeQuery(["sales.count"], zone="Mars"), "IANA"),
        (CubeQuery(["sales.count"], ["sales.sku"] * 11), "at most 10"),
        (CubeQuery(["sales.count"], segments=["sales.gifts"]), "There is no"),
        (CubeQuery(["sales.count"], order_by=[("x", True)]), "There is no 'x'"),
        (CubeQuery(["sales.count"], time_dimensions=[TimeDimension("sales.sku", None, YEAR.date_range)]), "no time"),
        (CubeQuery(["sales.count"], time_dimensions=[TimeDimension("sales.sku", Granularity.DAY)]), "granularity"),
        (CubeQuery(["sales.count"], time_dimensions=[YEAR, YEAR]), "twice"),
        (
            CubeQuery(
                ["sales.count"],
                time_dimensions=[
                    TimeDimension("sales.occurredAt", Granularity.YEAR, (date(9998, 1, 1), date(9999, 12, 31)))
                ],
            ),
            "from 1900-01-01 to 9998-12-31",
        ),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.sku", O.GT, ["1"])]), "cannot be asked by gt"),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.quantity", O.CONTAINS, ["1"])]), "not a text"),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.quantity", O.GT, ["x"])]), "no number"),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.quantity", O.GT, [])]), "needs a value"),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.occurredAt", O.AFTER_DATE, ["May"])]), "written as"),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.sku", O.EQUALS, ["a\0"])]), "character"),
        (CubeQuery(["sales.count"], filters=[Comparison("sales.sku", O.SET)] * 51), "50 filters"),
        (
            CubeQuery(
                ["sales.count"],
                filters=[Joined([Comparison("sales.sku", O.SET), Comparison("sales.count", O.GT, ["1"])])],
            ),
            "either about measures",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_nearest_name(lists: Lists, asked: CubeQuery, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        ask(lists, SALES, asked)


@pytest.fixture
def lists(house: House) -> Lists:
    Engine(house.log, house.pool, VIEWS).prepare()
    return Lists(house.log, house.pool)


@pytest.mark.parametrize("granularity", list(Granularity))
def test_the_buckets_between_two_days_are_those_that_days_fall_into(granularity: Granularity) -> None:
    from_, to = date(2023, 12, 27), date(2025, 3, 2)
    days = [from_ + timedelta(days=n) for n in range((to - from_).days + 1)]
    assert first_days(from_, to, granularity) == list(dict.fromkeys(naive.first_day(day, granularity) for day in days))
    assert first_days(date(1900, 1, 1), date(1900, 1, 1) + timedelta(days=MAX_BUCKETS), Granularity.DAY) == []
