"""What a cube answers: a row for each cell, the totals, what the members mean, and the facts behind a cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from domain.kernel import Refused
from projections.figures.cube import Cube
from projections.figures.cube_plan import Plan
from projections.figures.cube_query import CubeQuery
from projections.lists import MAX_PAGE, Lists, comparing

COMPARED = "compareDateRange"

CubeRow = Mapping[str, Any]
"""Values by member; a bucket of time goes by `cube.member.month`, and is the first day of it."""


@dataclass(frozen=True, slots=True)
class CubeAnswer:
    """The cells, and the totals if they were asked for: one row for all, or for each range that is compared.

    `more`: there are cells beyond the first ones. `annotation` is what Cube gives along: by member, its title, type and unit.
    """

    rows: list[CubeRow]
    totals: list[CubeRow]
    annotation: Mapping[str, Mapping[str, Mapping[str, str]]]
    more: bool
    position: int


@dataclass(frozen=True, slots=True)
class FactBehind:
    """A fact that counts in a cell: the event at `position`, to whom it happened, and which fact of that event it is."""

    position: int
    owner_id: UUID
    number: int
    customer_id: UUID | None
    occurred_at: datetime

    @property
    def cursor(self) -> str:
        """Its place among the facts of the cell."""
        return f"{self.position}:{self.owner_id}:{self.number}"


@dataclass(frozen=True, slots=True)
class FactsBehind:
    """The next facts behind a cell, in the order of the log."""

    facts: list[FactBehind]
    more: bool
    position: int


def ask(lists: Lists, cube: Cube, query: CubeQuery, *, totals: bool = False) -> CubeAnswer:
    """Asks a cube. Raises `Refused` for what it does not have, and for money in several currencies that would be added up."""
    plans = [(asked, Plan(cube, asked)) for asked in query.ranges()]
    rows: list[CubeRow] = []
    summed: list[CubeRow] = []
    currencies: dict[str, set[str]] = {}
    more = False
    with lists.reading(cube.facts) as (db, position):
        for asked, plan in plans:
            named = {COMPARED: _named(asked)} if len(plans) > 1 or asked is not query else {}
            found = [{**named, **row} for row in _rows(lists, db, plan, currencies)]
            more = more or len(found) > query.first
            rows += found[: query.first]
            if totals:
                summed.append({**named, **_total(lists, db, plan)})
    return CubeAnswer(rows, summed, _annotation(plans[0][1], currencies), more, position)


def behind(
    lists: Lists, cube: Cube, query: CubeQuery, cell: CubeRow, *, first: int = MAX_PAGE, after: str | None = None
) -> FactsBehind:
    """The facts behind a cell, which is a row of the answer to the same question. Raises `Refused` if it cannot be one."""
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} facts at a time.", "first")
    asked = query.ranges()
    same = [each for each in asked if COMPARED not in cell or _named(each) == cell[COMPARED]]
    if len(same) != 1:
        raise Refused(f"Say of which range the cell is: {COMPARED} is one of its values.", "cell")
    plan = Plan(cube, same[0])
    missing = [key.name for key in plan.keys if key.name not in cell]
    if missing:
        raise Refused(f"The cell does not say {missing[0]}.", "cell")
    values = [key.meant(cell[key.name]) for key in plan.keys]
    with lists.reading(cube.facts) as (db, position):
        statement, parameters = plan.cell(lists.log.reader, values, None if after is None else _place(after), first)
        with comparing():
            found = [FactBehind(*row) for row in db.execute(statement, parameters)]
    return FactsBehind(found[:first], len(found) > first, position)


def _rows(lists: Lists, db: Connection, plan: Plan, currencies: dict[str, set[str]]) -> Iterator[CubeRow]:
    found = _found(db, *plan.rows(lists.log.reader))
    keys, measures = len(plan.keys), len(plan.measures)
    for row in found:
        _must_be_one_currency(plan, row[keys + measures :], currencies)
        yield {
            **{key.name: key.shown(value) for key, value in zip(plan.keys, row, strict=False)},
            **dict(zip(plan.measures, row[keys:], strict=False)),
        }


def _found(db: Connection, statement: sql.Composed, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """The rows of a statement that is planned anew each time: one that is prepared does not use several processors."""
    with comparing(), db.cursor(binary=True) as cursor:
        return cursor.execute(statement, parameters, prepare=False).fetchall()


def _total(lists: Lists, db: Connection, plan: Plan) -> CubeRow:
    """All facts measured at once; money that is in several currencies has no total."""
    (row,) = _found(db, *plan.total(lists.log.reader))
    among = plan.currencies(row[len(plan.measures) :])
    several = {column for column, (least, greatest) in among.items() if least != greatest}
    return {
        member: None if measure.currency in several else value
        for (member, measure), value in zip(plan.measures.items(), row, strict=False)
    }


def _must_be_one_currency(plan: Plan, found: Sequence[Any], currencies: dict[str, set[str]]) -> None:
    for column, (least, greatest) in plan.currencies(found).items():
        if least != greatest:
            member = next(
                each.member
                for each in plan.cube.dimensions.values()
                if each.join is None and each.column.name == column
            )
            raise Refused(
                f"This is money in several currencies, {least} and {greatest} among them. Ask by {member} as well, "
                "or filter by it.",
                "measures",
            )
        if least is not None:
            currencies.setdefault(column, set()).add(least)


def _annotation(plan: Plan, currencies: Mapping[str, set[str]]) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    measures = {}
    for member, measure in plan.measures.items():
        one = currencies.get(measure.currency or "", set())
        unit = next(iter(one)) if len(one) == 1 else measure.unit
        measures[member] = {"title": measure.title, "type": "number", "unit": unit}
    keys = {
        key.name: {"title": key.dimension.title, "type": key.dimension.type}
        | ({} if key.granularity is None else {"granularity": key.granularity.value})
        for key in plan.keys
    }
    return {
        "measures": measures,
        "dimensions": {key.name: keys[key.name] for key in plan.keys if key.granularity is None},
        "timeDimensions": {key.name: keys[key.name] for key in plan.keys if key.granularity is not None},
        "segments": {member: {"title": plan.cube.segment(member).title} for member in plan.query.segments},
    }


def _named(query: CubeQuery) -> str:
    """A range that is compared, as Cube names it: `2026-01-01 - 2026-03-31`."""
    days = next((time.date_range for time in query.time_dimensions if time.date_range is not None), None)
    return "" if days is None else f"{days[0]} - {days[1]}"


def _place(cursor: str) -> tuple[int, UUID, int]:
    try:
        position, owner, number = cursor.split(":")
        found = int(position), UUID(owner), int(number)
    except ValueError:
        found = (-1, UUID(int=0), 0)
    if not 0 <= found[0] < 2**63 or not 0 <= found[2] < 2**63:
        raise Refused("That cursor is not one of this cell. Take it from pageInfo.", "after")
    return found
