"""What somebody with a pencil makes of the facts of a cube."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.customer import CustomerProfileChanged, CustomerRegistered
from domain.values import EXACT
from eventstore.envelope import Recorded
from eventstore.log import Log
from eventstore.reader import NOW, AsOf
from projections.figures.cube import Join
from projections.figures.cube_filters import CubeFilter, CubeOperator, Joined
from projections.figures.cube_query import CubeQuery
from projections.figures.cubes_sales import SALES
from projections.fold import Fold
from projections.selling import orders
from projections.view import Row, View
from tests.projections import naive

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
