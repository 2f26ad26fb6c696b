"""A question to a cube in SQL: the facts, what they are joined with, the cells that they fall into, and what is measured."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import Reader
from projections.buckets import Granularity, bucket
from projections.facts import counted
from projections.figures.cube import Cube, Dimension, Join, Measure
from projections.figures.cube_filters import (
    Comparison,
    CubeFilter,
    Joined,
    Made,
    of_dimension,
    of_measure,
    parsed,
    within,
)
from projections.figures.cube_joins import alias, joined
from projections.figures.cube_query import CubeQuery, Days, first_days, must_be_few
from projections.periods import midnight


@dataclass(frozen=True, slots=True)
class Key:
    """One thing by which facts are told apart: what it is called in a row, its expression, and its bucket if it has one.

    Where the days are given, a bucket is found among `days`, the first of each, and is the number of it from 1.
    """

    name: str
    dimension: Dimension
    granularity: Granularity | None
    made: Made
    days: Sequence[date] = ()

    def shown(self, value: Any) -> Any:
        """What stands in a row for a value of the expression."""
        return self.days[value - 1] if self.days else value

    def meant(self, value: Any) -> object:
        """The value of the expression for what stands in a row."""
        found = parsed(self.dimension.column, value, f"cell.{self.name}", day=self.granularity is not None)
        if not self.days or found is None:
            return found
        return self.days.index(cast(date, found)) + 1 if found in self.days else 0


class Plan:
    """A question on its way to SQL. Raises `Refused` for what the cube does not have, or for too much of it."""

    def __init__(self, cube: Cube, query: CubeQuery) -> None:
        self.cube = cube
        self.query = query
        must_be_few(query)
        self.measures = {member: cube.measure(member) for member in query.measures}
        self.keys = [
            *(self._key(cube.dimension(member)) for member in dict.fromkeys(query.dimensions)),
            *(
                self._bucket(cube.dimension(time.dimension, "timeDimensions"), time.granularity, time.date_range)
                for time in query.time_dimensions
                if time.granularity is not None
            ),
        ]
        if len({key.name for key in self.keys}) != len(self.keys):
            raise Refused("The same time is asked twice by the same granularity.", "timeDimensions")
        conditions, self.having = self._split(query.filters)
        self.where = _all([*conditions, *self._days(), *self._segments()])

    def rows(self, reader: Reader) -> tuple[sql.Composed, list[object]]:
        """The statement that gives a row for each cell: the keys, the measures, and the least and greatest currencies."""
        keys = [sql.Identifier(f"k{n}") for n in range(len(self.keys))]
        shown = [*keys, *(self._measure(measure) for measure in self.measures.values()), *self._currencies()]
        condition, values = _all(self.having)
        query = sql.SQL("select {} from {} {} having {} order by {} limit %s").format(
            sql.SQL(", ").join(shown),
            self._facts(reader),
            sql.SQL("group by {}").format(sql.SQL(", ").join(keys)) if keys else sql.SQL(""),
            condition,
            sql.SQL(", ").join(self._order()),
        )
        return query, [*self._parameters(), *values, self.query.first + 1]

    def total(self, reader: Reader) -> tuple[sql.Composed, list[object]]:
        """The statement that measures all facts at once: what is measured need not add up, as different customers do not."""
        shown = [*(self._measure(measure) for measure in self.measures.values()), *self._currencies()]
        query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(shown), self._facts(reader))
        return query, self._parameters()

    def currencies(self, found: Sequence[Any]) -> dict[str, tuple[str | None, str | None]]:
        """The least and the greatest of each currency in which something is measured, from the end of a row."""
        return {column: (found[2 * n], found[2 * n + 1]) for n, column in enumerate(self._currency_columns())}

    def cell(
        self, reader: Reader, values: Sequence[object], after: Sequence[object] | None, first: int
    ) -> tuple[sql.Composed, list[object]]:
        """The statement that gives the facts behind a cell, in the order of the log: the keys of the facts and whose they are."""
        same = [
            sql.SQL("k{} is not distinct from %s").format(sql.SQL(cast(Any, str(n)))) for n in range(len(self.keys))
        ]
        conditions = sql.SQL(" and ").join([sql.SQL("true"), *same])
        later: list[object] = []
        if after is not None:
            conditions += sql.SQL(" and (position, owner_id, number) > (%s, %s, %s)")
            later = list(after)
        query = sql.SQL(
            "select position, owner_id, number, customer_id, occurred_at from {} where {} "
            "order by position, owner_id, number limit %s"
        ).format(self._facts(reader, whole=True), conditions)
        return query, [*self._parameters(), *values, *later, first + 1]

    def _key(self, dimension: Dimension) -> Key:
        return Key(dimension.member, dimension, None, (self._column(dimension), []))

    def _bucket(self, dimension: Dimension, granularity: Granularity, days: Days | None) -> Key:
        """A time by its buckets. Among days that are known it is quicker to look for the bucket than to compute it."""
        name, expression = f"{dimension.member}.{granularity.value.lower()}", self._column(dimension)
        firsts = [] if days is None or dimension.column.inner is date else first_days(*days, granularity)
        if firsts:
            starts = [midnight(day, self.query.zone) for day in firsts]
            found = sql.SQL("width_bucket({}, %s::timestamptz[])").format(expression)
            return Key(name, dimension, granularity, (found, [starts]), firsts)
        made = bucket(expression, dimension.column.sql_type, granularity, self.query.zone)
        return Key(name, dimension, granularity, made)

    def _column(self, dimension: Dimension) -> sql.Identifier:
        source = self.cube.facts.name if dimension.join is None else alias(dimension.join)
        return sql.Identifier(source, dimension.column.name)

    def _split(self, filters: Sequence[CubeFilter]) -> tuple[list[Made], list[Made]]:
        """The conditions on facts, and those on groups."""
        conditions: list[Made] = []
        having: list[Made] = []
        for each in filters:
            measured = {member in self.cube.measured for member in _members(each)}
            if len(measured) > 1:
                raise Refused("A filter is either about measures or about dimensions: say it apart.", "filters")
            (having if True in measured else conditions).append(self._filter(each))
        return conditions, having

    def _filter(self, asked: CubeFilter) -> Made:
        if isinstance(asked, Joined):
            return _all([self._filter(part) for part in asked.parts], asked.every)
        if asked.member in self.cube.measured:
            return of_measure(self._measure(self.cube.measured[asked.member]), asked)
        dimension = self.cube.dimension(asked.member, "filters")
        return of_dimension(dimension, self._column(dimension), asked, self.query.zone)

    def _days(self) -> list[Made]:
        found = []
        for time in self.query.time_dimensions:
            dimension = self.cube.dimension(time.dimension, "timeDimensions")
            if dimension.type != "time":
                raise Refused(f"{time.dimension} is no time.", "timeDimensions")
            if time.date_range is not None:
                found.append(within(dimension.column, self._column(dimension), *time.date_range, self.query.zone))
        return found

    def _segments(self) -> list[Made]:
        return [(self._formed(self.cube.segment(member).condition), []) for member in self.query.segments]

    def _measure(self, measure: Measure) -> sql.Composed:
        """A measure of the facts as `_facts` gives them."""
        columns = {column.name: sql.Identifier(column.name) for column in self.cube.facts.columns}
        return sql.SQL(cast(Any, measure.expression)).format(**columns)

    def _formed(self, expression: str) -> sql.Composed:
        name = self.cube.facts.name
        columns = {column.name: sql.Identifier(name, column.name) for column in self.cube.facts.columns}
        return sql.SQL(cast(Any, expression)).format(**columns)

    def _currencies(self) -> list[sql.Composable]:
        return [sql.SQL("min({0}), max({0})").format(sql.Identifier(column)) for column in self._currency_columns()]

    def _currency_columns(self) -> list[str]:
        return list(dict.fromkeys(measure.currency for measure in self.measures.values() if measure.currency))

    def _facts(self, reader: Reader, *, whole: bool = False) -> sql.Composed:
        """The facts that are asked about with the keys of their cells, as a table.

        It is made apart (`offset '0'`): seen through, the planner would take a bucket to be as various as its moments, and
        would sort a million facts instead of counting them up.
        """
        name = self.cube.facts.name
        columns = [
            sql.Identifier(name, column.name) for column in self.cube.facts.columns if whole or self._uses(column.name)
        ]
        keys = [sql.SQL("{} as {}").format(key.made[0], sql.Identifier(f"k{n}")) for n, key in enumerate(self.keys)]
        return sql.SQL("(select {} from {} {} where {} offset '0') as facts").format(
            sql.SQL(", ").join([*columns, *keys]),
            counted(self.cube.facts, self.query.as_of, reader),
            sql.SQL(" ").join(joined(join, self.cube.facts, self.query.as_of, reader) for join in self._joins()),
            self.where[0],
        )

    def _parameters(self) -> list[object]:
        return [*(value for key in self.keys for value in key.made[1]), *self.where[1]]

    def _uses(self, column: str) -> bool:
        """Whether a measure needs a column of the facts."""
        measures = [*self.measures.values(), *self._filtered()]
        return column == "position" or any(
            f"{{{column}}}" in measure.expression or measure.currency == column for measure in measures
        )

    def _filtered(self) -> Collection[Measure]:
        """The measures that groups are filtered or sorted by."""
        members = [
            *(member for each in self.query.filters for member in _members(each)),
            *(m for m, _ in self.query.order_by),
        ]
        return [self.cube.measured[member] for member in members if member in self.cube.measured]

    def _joins(self) -> list[Join]:
        """What has to be joined for this question, and nothing else."""
        members = [
            *self.query.dimensions,
            *(time.dimension for time in self.query.time_dimensions),
            *(member for each in self.query.filters for member in _members(each)),
        ]
        joins = [self.cube.dimensions[member].join for member in members if member in self.cube.dimensions]
        return list({join.name: join for join in joins if join is not None}.values())

    def _order(self) -> list[sql.Composable]:
        """As asked; else by time, else by the first measure, the greatest first. What is unknown comes last."""
        times = [key.name for key in self.keys if key.granularity is not None]
        usual = [(times[0], False)] if times else [(next(iter(self.measures)), True)]
        terms = [self._term(member, descending) for member, descending in self.query.order_by or usual]
        return [*terms, *(sql.SQL("k{} nulls last").format(sql.SQL(cast(Any, str(n)))) for n in range(len(self.keys)))]

    def _term(self, member: str, descending: bool) -> sql.Composable:
        places = [n for n, key in enumerate(self.keys) if member in (key.name, key.dimension.member)]
        if places:
            by: sql.Composable = sql.Identifier(f"k{places[0]}")
        else:
            by = self._measure(self.cube.measure(member, "orderBy"))
        return sql.SQL("{} {} nulls last").format(by, sql.SQL("desc" if descending else "asc"))


def _all(made: Sequence[Made], every: bool = True) -> Made:
    if not made:
        return sql.SQL("true" if every else "false"), []
    between = sql.SQL(" and " if every else " or ")
    return (
        between.join(sql.SQL("({})").format(condition) for condition, _ in made),
        [value for _, values in made for value in values],
    )


def _members(asked: CubeFilter) -> list[str]:
    if isinstance(asked, Comparison):
        return [asked.member]
    return [member for part in asked.parts for member in _members(part)]
