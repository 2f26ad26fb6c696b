"""Random questions to random histories: the lists answer what somebody with a pencil would, now and then."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any, get_args

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import NOW, AsOf
from projections import VIEWS
from projections.buckets import Granularity
from projections.customers import customers, timeline
from projections.engine import Engine
from projections.fold import Fold
from projections.grouping import COUNT, Aggregate, Part, aggregates_of, grouped, summary_of_each
from projections.lists import Lists
from projections.of_each import page_of_each
from projections.selecting import AllOf, AnyOf, Clause, Condition, Not, Operator, Order
from projections.selling import opportunities, orders, sales
from projections.service import cases
from projections.touchpoints import follow_ups
from projections.view import Column, View
from tests.conftest import KEK
from tests.projections import naive
from tests.projections.histories import START, histories, live_through

QUESTIONS = 25
"""How many questions are asked of each view of a history."""
ASKED: tuple[View[Any], ...] = (
    customers.view,
    timeline.view,
    orders.view,
    sales.sales,
    opportunities.view,
    cases.view,
    follow_ups.view,
)
ZONES = ("Europe/Madrid", "America/New_York", "Pacific/Apia", "UTC")
ODD = timedelta(minutes=487)
"""What happened is spread over the hours of the day, so that days are not the same in every zone."""
WORDS = ("a", "%", "_", "\\", "A", "", "example.com", "order")


class Questioner:
    """Asks about rows: mostly about what there is in them, so that something is found."""

    def __init__(self, view: View[Any], rows: list[Any], random: Random) -> None:
        self.view = view
        self.rows = rows
        self.random = random
        self.plain = [column for column in view.columns if not column.is_json]

    def clause(self, depth: int = 0) -> Clause:
        kind = self.random.random()
        if depth < 3 and kind < 0.4:
            parts = [self.clause(depth + 1) for _ in range(self.random.randrange(4))]
            return AllOf(parts) if kind < 0.15 else AnyOf(parts) if kind < 0.3 else Not(self.clause(depth + 1))
        return self.condition(self.random.choice(self.view.columns))

    def condition(self, column: Column) -> Condition:
        if self.random.random() < 0.15:
            return Condition(column.name, Operator.IS_NULL, self.random.random() < 0.5)
        if column.is_json:
            if get_args(column.inner) != (str, ...):
                return Condition(column.name, Operator.IS_NULL, False)
            known = [text for row in self.rows for text in getattr(row, column.name)] or ["x"]
            return Condition(column.name, Operator.CONTAINS, self.random.choice(known))
        known = [value for row in self.rows if (value := getattr(row, column.name)) is not None]
        value = self.random.choice(known) if known else invented(column)
        operators = [Operator.EQ, Operator.NE, Operator.IN]
        if column.inner is str:
            operators += [Operator.CONTAINS, Operator.STARTS_WITH]
        elif not issubclass(column.inner, Enum | bool) and column.sql_type != "uuid":
            operators += [Operator.LT, Operator.LE, Operator.GT, Operator.GE]
        operator = self.random.choice(operators)
        if operator is Operator.IN:
            return Condition(column.name, operator, [value, *self.random.choices(known or [value], k=2)])
        if operator in (Operator.CONTAINS, Operator.STARTS_WITH):
            return Condition(column.name, operator, self.random.choice(WORDS))
        return Condition(column.name, operator, value)

    def order(self) -> list[Order]:
        chosen = self.random.sample(self.plain, self.random.randrange(4))
        return [Order(column.name, self.random.random() < 0.5) for column in chosen]

    def parts(self) -> list[Part]:
        found = []
        for column in self.random.sample(self.plain, self.random.randrange(4)):
            timely = column.sql_type in ("timestamptz", "date") and self.random.random() < 0.8
            granularity = self.random.choice(list(Granularity)) if timely else None
            found.append(Part(column.name, granularity, self.random.choice(ZONES)))
        return found

    def aggregates(self) -> list[Aggregate]:
        possible = [Aggregate(each, column.name) for column in self.plain for each in aggregates_of(column)]
        return [COUNT, *self.random.sample(possible, min(8, len(possible)))]


def invented(column: Column) -> Any:
    if issubclass(column.inner, Enum):
        return next(iter(column.inner))
    if column.inner is datetime:
        return START
    return {str: "x", int: 1, bool: True, Decimal: Decimal(1)}.get(column.inner) or column.inner(
        *([2026, 1, 1] if column.sql_type == "date" else ["0" * 32])
    )


def rows_of(log: Log, view: View[Any], as_of: AsOf) -> list[Any]:
    """The rows by replay: of every event that counts as of a moment, chosen here where no correction has a say in it."""
    owner = next((each for each in VIEWS if view in each.tables), view)
    names = log.codec.names(owner.events)
    everything = log.reader.page(0, 10_000, disclose=True)
    if any(event.corrects for event, _ in everything):
        fold = Lists(log, log.pool).fold(owner, NOW if view is not owner else as_of)
    else:
        fold = Fold(owner)
        fold.apply(
            [each for each in everything if each.at.type in names and (view is not owner or counts(each.at, as_of))]
        )
    if view is owner:
        return list(fold.rows.values())
    return [fact for fact in fold.facts[view.row] if counts(fact, as_of)]


def counts(at: Any, as_of: AsOf) -> bool:
    known = at.known_at if hasattr(at, "known_at") else at.occurred_at if at.origin == "import" else at.recorded_at
    return (
        (as_of.position is None or at.position <= as_of.position)
        and (as_of.time is None or known <= as_of.time)
        and (as_of.valid_at is None or at.occurred_at <= as_of.valid_at)
    )


def asked_and_compared(lists: Lists, view: View[Any], rows: list[Any], random: Random, as_of: AsOf) -> None:
    questioner = Questioner(view, rows, random)
    conditions, order = [questioner.clause() for _ in range(random.randrange(3))], questioner.order()
    wanted = [row for row in rows if all(naive.holds(each, row) for each in conditions)]
    expected = naive.in_order(wanted, order, view.row.key)
    question = (view.name, conditions, order, as_of)
    size = random.randint(max(1, len(expected) // 3), max(1, len(expected)))
    forwards: list[Any] = []
    after = None
    while True:
        page = lists.page(view, conditions, order, first=size, after=after, as_of=as_of)
        assert page.has_previous is (after is not None)
        forwards += page.rows
        if not page.has_next:
            break
        after = page.cursors[-1]
    assert (question, forwards) == (question, expected)
    backwards: list[Any] = []
    before = None
    while True:
        page = lists.page(view, conditions, order, last=size, before=before, as_of=as_of)
        assert page.has_next is (before is not None)
        backwards = page.rows + backwards
        if not page.has_previous:
            break
        before = page.cursors[0]
    assert (question, backwards) == (question, expected)
    assert lists.count(view, conditions, as_of=as_of) == len(expected)

    parts, aggregates = questioner.parts(), questioner.aggregates()
    found = grouped(lists, view, parts, aggregates, conditions, as_of=as_of)
    shown = [(group.key, dict(group.values)) for group in found.groups]
    by_hand = naive.groups(wanted, parts, aggregates)
    assert (question, parts, shown) == (question, parts, by_hand)
    each_has_its_own(lists, view, rows, conditions, order, aggregates, as_of)


def each_has_its_own(
    lists: Lists,
    view: View[Any],
    rows: list[Any],
    conditions: list[Clause],
    order: list[Order],
    aggregates: list[Aggregate],
    as_of: AsOf,
) -> None:
    """Lists within a list: of a customer, by one statement for all."""
    if "customer_id" not in {column.name for column in view.columns} or as_of != NOW:
        return
    whom = list({row.customer_id for row in rows if row.customer_id is not None})
    pages = page_of_each(lists, view, whom, conditions, order, first=2)
    last = page_of_each(lists, view, whom, conditions, order, last=2)
    sums = summary_of_each(lists, view, whom, aggregates, conditions)
    for customer in whom:
        theirs = [row for row in rows if row.customer_id == customer and all(naive.holds(c, row) for c in conditions)]
        expected = naive.in_order(theirs, order, view.row.key)
        assert pages[customer].rows == expected[:2]
        assert pages[customer].has_next is (len(expected) > 2)
        assert last[customer].rows == expected[-2:]
        assert dict(sums[customer].values) == {each: naive.made(each, theirs) for each in aggregates}


def test_any_question_is_answered_as_by_hand(new_database: Callable[[], str]) -> None:
    @given(history=histories, seed=st.integers(0, 2**32), days=st.integers(0, 420), share=st.floats(0, 1))
    @settings(
        max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
    )
    def check(history: list[Any], seed: int, days: int, share: float) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, [(asked, on + n * ODD) for n, (asked, on) in enumerate(history)])
            Engine(log, pool, VIEWS).prepare()
            Engine(log, pool, VIEWS).catch_up()
            lists, random = Lists(log, pool), Random(seed)
            moment = START + timedelta(days=days)
            pasts = [AsOf(position=int(log.reader.head() * share)), AsOf(time=moment), AsOf(valid_at=moment)]
            for view in ASKED:
                rows = rows_of(log, view, NOW)
                for _ in range(QUESTIONS):
                    asked_and_compared(lists, view, rows, random, NOW)
                for as_of in pasts:
                    then = rows_of(log, view, as_of)
                    for _ in range(2):
                        asked_and_compared(lists, view, then, random, as_of)

    check()
