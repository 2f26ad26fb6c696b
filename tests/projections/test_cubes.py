"""Cubes give what somebody with a pencil gets from the same facts, and show every fact behind a cell."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import ChangeCustomerProfile, CustomerProfileChanged, CustomerRegistered, RegisterCustomer
from domain.kernel import Refused, derived
from domain.order import OrderLine, PlaceOrder, SalesChannel
from domain.values import EXACT
from eventstore.database import open_pool
from eventstore.envelope import Recorded, Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections import VIEWS, orders
from projections.buckets import Granularity
from projections.cube import Join
from projections.cube_answer import COMPARED, ask, behind
from projections.cube_filters import Comparison, CubeFilter, CubeOperator, Joined
from projections.cube_query import MAX_BUCKETS, CubeQuery, TimeDimension, first_days
from projections.cubes_sales import SALES
from projections.engine import Engine
from projections.fold import Fold
from projections.lists import Lists
from projections.view import Row, View
from tests.conftest import KEK, House
from tests.projections import naive
from tests.projections.histories import START, histories, live_through

O = CubeOperator  # noqa: E741
HOUR = timedelta(minutes=487)


class Home(Row, key="customer_id"):
    """Where a customer lives."""

    customer_id: UUID
    country: str | None = None
    moves: int = 0


homes = View("homes", Home, version=1, history=True)


@homes.on(CustomerRegistered, CustomerProfileChanged)
def move(home: Home, said: CustomerRegistered | CustomerProfileChanged, at: Recorded) -> None:
    home.country = said.country or home.country
    home.moves += 1


NOWADAYS = Join("homes", "Home", homes, {"customer_id": "customer_id"})
THEN = Join("homesThen", "Home then", homes, {"customer_id": "customer_id"}, then=True, columns=("country",))
CUBE = replace(SALES, joins=(NOWADAYS, THEN))


def total(values: Iterator[Decimal | None]) -> Decimal:
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, value or Decimal(0))
    return found


BY_HAND: dict[str, Callable[[list[Any]], Any]] = {
    "sales.revenue": lambda facts: total(f.base_amount for f in facts),
    "sales.ordered": lambda facts: total(f.base_amount for f in facts if f.kind == "PLACED"),
    "sales.returned": lambda facts: -total(f.base_amount for f in facts if f.kind == "RETURNED"),
    "sales.pieces": lambda facts: sum(f.quantity for f in facts),
    "sales.orders": lambda facts: sum(f.orders for f in facts),
    "sales.customers": lambda facts: len({f.customer_id for f in facts} - {None}),
    "sales.count": len,
}


class Pencil:
    """The facts with what they are joined with, in plain Python."""

    def __init__(self, log: Log, as_of: AsOf) -> None:
        sold, lived, then = Fold(orders.view), Fold(homes), Fold(homes)
        for fold, moment in ((sold, NOW), (lived, as_of), (then, NOW)):
            for page in log.reader.fold(types=log.codec.names(fold.view.events), as_of=moment):
                fold.apply(page)
        self.facts = [fact for fact in sold.facts[SALES.facts.row] if counts(fact, as_of)]
        self.lived = lived.rows
        assert then.versions is not None
        self.versions = list(then.versions.all())

    def value(self, fact: Any, member: str) -> Any:
        dimension = CUBE.dimensions[member]
        if dimension.join is None:
            return getattr(fact, dimension.column.name)
        if dimension.join is NOWADAYS:
            home = self.lived.get(fact.customer_id)
            return None if home is None else getattr(home, dimension.column.name)
        held = [
            version
            for version in self.versions
            if version.customer_id == fact.customer_id
            and version.valid_from <= fact.occurred_at
            and (version.valid_until is None or version.valid_until > fact.occurred_at)
        ]
        assert len(held) <= 1
        return held[0].country if held else None

    def key(self, fact: Any, query: CubeQuery) -> dict[str, Any]:
        found = {member: self.value(fact, member) for member in query.dimensions}
        for time in query.time_dimensions:
            if time.granularity is not None:
                day = self.value(fact, time.dimension).astimezone(ZoneInfo(query.zone)).date()
                found[f"{time.dimension}.{time.granularity.value.lower()}"] = naive.first_day(day, time.granularity)
        return found

    def counts(self, fact: Any, query: CubeQuery) -> bool:
        within = all(
            time.date_range is None
            or time.date_range[0]
            <= self.value(fact, time.dimension).astimezone(ZoneInfo(query.zone)).date()
            <= time.date_range[1]
            for time in query.time_dimensions
        )
        kept = "sales.returns" not in query.segments or fact.kind == "RETURNED"
        return within and kept and all(self.holds(fact, each) for each in query.filters)

    def holds(self, fact: Any, asked: CubeFilter) -> bool:
        if isinstance(asked, Joined):
            return (all if asked.every else any)(self.holds(fact, part) for part in asked.parts)
        value, values = self.value(fact, asked.member), list(asked.values)
        match asked.operator:
            case O.SET:
                return value is not None
            case O.NOT_SET:
                return value is None
            case O.EQUALS:
                return value is not None and str(value) in values
            case O.NOT_EQUALS:
                return value is None or str(value) not in values
            case O.CONTAINS:
                return value is not None and any(each.lower() in value.lower() for each in values)
            case O.GT:
                return value is not None and value > Decimal(values[0])
            case O.LTE:
                return value is not None and value <= Decimal(values[0])
            case O.BEFORE_DATE:
                return bool(value.astimezone(ZoneInfo("Europe/Madrid")).date() < date.fromisoformat(values[0]))
            case _:
                assert asked.operator is O.AFTER_DATE
                return bool(value.astimezone(ZoneInfo("Europe/Madrid")).date() > date.fromisoformat(values[0]))

    def rows(self, query: CubeQuery) -> list[dict[str, Any]]:
        cells: dict[tuple[Any, ...], tuple[dict[str, Any], list[Any]]] = {}
        for fact in self.facts:
            if self.counts(fact, query):
                key = self.key(fact, query)
                cells.setdefault(tuple(key.values()), (key, []))[1].append(fact)
        if not cells and not query.dimensions and not any(time.granularity for time in query.time_dimensions):
            cells[()] = ({}, [])
        return [{**key, **{m: BY_HAND[m](facts) for m in query.measures}} for key, facts in cells.values()]


def counts(fact: Any, as_of: AsOf) -> bool:
    return (
        (as_of.position is None or fact.position <= as_of.position)
        and (as_of.time is None or fact.known_at <= as_of.time)
        and (as_of.valid_at is None or fact.occurred_at <= as_of.valid_at)
    )


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
