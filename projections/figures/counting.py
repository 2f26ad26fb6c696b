"""Counting: what a figure is added up from, and what is looked at: which periods, from which moment, narrowed down to what."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, Self, cast

from psycopg import Connection, sql

from domain.kernel import Refused
from eventstore.commands import identify
from eventstore.reader import NOW, AsOf, Reader
from projections.facts import Facts, counted
from projections.history import past
from projections.periods import CalendarPeriod, bounds_of
from projections.view import View

ZERO = Decimal(0)
FOR_EVER = sql.SQL("'infinity'::timestamptz")
END_OF_PERIOD = sql.SQL("(%(ends)s::timestamptz[])[nth_period]")
END_OF_ALL = sql.SQL("%(end)s::timestamptz")

Amount = Any
"""A sum or a count as a Decimal; of a median, it and the ninetieth percentile, or None without any rows."""


class KpiDimension(StrEnum):
    """By what a figure is narrowed down."""

    SEGMENT = "SEGMENT"
    TERRITORY = "TERRITORY"
    REP = "REP"
    CHANNEL = "CHANNEL"
    TEAM = "TEAM"
    CAMPAIGN = "CAMPAIGN"
    QUEUE = "QUEUE"
    PRODUCT = "PRODUCT"
    COMPANY = "COMPANY"


@dataclass(frozen=True, slots=True, kw_only=True)
class KpiScope:
    """One narrowing: the key of the segment or channel, or the id of the territory, rep or team; a COMPANY has none."""

    dimension: KpiDimension
    value: str | None = None


class Timing(StrEnum):
    """Whether what happened DURING a period is counted, or all that had happened when it began, or when it ended."""

    DURING = "DURING"
    AT_START = "AT_START"
    AT_END = "AT_END"


class Tally(StrEnum):
    """What is made of the amounts: their sum, how many different ones there are, or their median."""

    SUM = "SUM"
    DISTINCT = "DISTINCT"
    MEDIAN = "MEDIAN"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A condition on the rows of a source, which it names as {row}, and the value as {value}.

    That is a code, or the id of a `noun`, or, where it is `coded`, the one or the other, as a text.
    """

    condition: str
    noun: str | None = None
    coded: bool = False

    def value(self, given: str) -> object:
        """What is compared. Raises `Refused` for what is no id where there must be one."""
        if self.noun is None:
            return given
        try:
            found = identify(self.noun, given, "scope")
        except Refused:
            if self.coded:
                return given
            raise
        return str(found) if self.coded else found


@dataclass(frozen=True, eq=False)
class Source:
    """Rows to count, as SQL to select from under the name `row`: `rows` names each of its tables in braces.

    They have the columns of `projections.facts.Fact`. `currency` is the column that has their base currency. Of a view
    that keeps versions, `name_history` are these, with `known_to` and `valid_to` up to when each held as of the moment.
    """

    tables: tuple[View[Any], ...]
    rows: str
    row: str
    scopes: Mapping[KpiDimension, Narrowing] = field(default_factory=dict)
    currency: str | None = None
    made: Mapping[str, Callable[[AsOf, Reader], sql.Composable]] = field(default_factory=dict)
    """Queries that others made, by the names under which `rows` knows them."""


@dataclass(frozen=True, eq=False)
class Part:
    """A sum over the rows of a source for which `where` holds: of `amount`, by the moment `at`.

    Conditions may name {known}: up to when things were known that count, in the figure that is being worked out.
    """

    name: str
    of: Source
    amount: str = "1"
    where: str = "true"
    tally: Tally = Tally.SUM
    timing: Timing = Timing.DURING
    at: str = "occurred_at"
    money: bool = False

    def __post_init__(self) -> None:
        assert self.tally is Tally.SUM or self.timing is Timing.DURING, "Only a sum has a value at a moment."

    def median(self, name: str) -> "Part":
        """The same amounts, of which the median is taken."""
        return replace(self, name=name, tally=Tally.MEDIAN)

    @property
    def depends(self) -> bool:
        """Whether it depends on what is known up to when, if a row counts."""
        return "{known}" in self.where


@dataclass(slots=True)
class Tallied:
    """A part for each period, and at last for all of them taken as one: as is known now, and as was known at the end."""

    restated: list[Amount]
    reported: list[Amount]
    left_out: int = 0

    @classmethod
    def of(cls, amount: Amount, periods: int) -> Self:
        """The same amount for so many periods, and for all of them."""
        return cls([amount] * (periods + 1), [amount] * (periods + 1))


@dataclass(frozen=True)
class Look:
    """What is looked at: which periods, from which moment, narrowed down to what, and in which currency."""

    db: Connection
    reader: Reader
    as_of: AsOf
    periods: Sequence[CalendarPeriod]
    zone: str
    scope: tuple[KpiScope, ...] = ()
    currency: str | None = None

    @cached_property
    def parameters(self) -> dict[str, object]:
        """What the statements name: the periods, and the values of the scope."""
        return {
            "bounds": bounds_of(self.periods),
            "ends": [period.ends_at for period in self.periods],
            "start": self.periods[0].starts_at,
            "end": self.periods[-1].ends_at,
            "zone": self.zone,
            "currency": self.currency,
        }

    @cached_property
    def whole(self) -> CalendarPeriod:
        """All periods taken as one."""
        first, last = self.periods[0], self.periods[-1]
        return CalendarPeriod(first.starts_on, last.ends_on, first.starts_at, last.ends_at)

    def known_by(self, period: CalendarPeriod) -> AsOf:
        """The moment that is looked from, with no more than what was known when a period ended."""
        moments = (period.ends_at, self.as_of.time)
        return replace(self.as_of, time=min(moment for moment in moments if moment is not None))

    def fill(self, source: Source, template: str, known: sql.Composable = FOR_EVER) -> sql.Composed:
        """A template of the source's with its tables, as of the moment that is looked from."""
        names = {table.name: self._table(table) for table in source.tables if f"{{{table.name}}}" in template}
        names |= {
            versions.name: self._versions(versions)
            for table in source.tables
            if (versions := table.versions) is not None and f"{{{versions.name}}}" in template
        }
        names |= {
            name: make(self.as_of, self.reader) for name, make in source.made.items() if f"{{{name}}}" in template
        }
        return sql.SQL(cast(Any, template)).format(known=known, **names)

    def rows(self, source: Source) -> sql.Composed:
        """The rows of a source, to select from."""
        return self.fill(source, source.rows)

    def narrowed(self, source: Source) -> sql.Composed:
        """The condition that keeps to the scope. Refused if the source knows nothing of a dimension."""
        conditions: list[sql.Composable] = [sql.SQL("true")]
        for n, scope in enumerate(self.scope):
            if scope.dimension is KpiDimension.COMPANY:
                continue
            narrowing = source.scopes.get(scope.dimension)
            if narrowing is None:
                raise Refused(f"This figure cannot be narrowed down by {scope.dimension.lower()}.", "scope")
            if scope.value is None:
                raise Refused("Give the value of a scope, except for the whole company.", "scope")
            name = f"scope_{n}_{narrowing.noun or 'code'}"
            self.parameters[name] = narrowing.value(scope.value)
            conditions.append(
                sql.SQL(cast(Any, f"({narrowing.condition})")).format(
                    value=sql.Placeholder(name), row=sql.Identifier(source.row)
                )
            )
        return sql.SQL(" and ").join(conditions)

    def ask(self, query: sql.Composed, **more: object) -> list[tuple[Any, ...]]:
        """The rows that a query finds."""
        return self.db.execute(query, {**self.parameters, **more}).fetchall()

    def worked(self, query: sql.Composed, **more: object) -> Tallied:
        """What a query of its own finds: rows of the period's number, what is known now, and what was known at its end.

        The period 0 is all of them taken as one.
        """
        found = Tallied.of(ZERO, len(self.periods))
        for nth, restated, reported in self.ask(query, **more):
            found.restated[nth - 1] = ZERO if restated is None else Decimal(restated)
            found.reported[nth - 1] = ZERO if reported is None else Decimal(reported)
        return found

    def _table(self, view: View[Any]) -> sql.Composable:
        if isinstance(view, Facts):
            return counted(view, self.as_of, self.reader)
        if view.history:
            return past(view, self.as_of, self.reader)
        if self.as_of != NOW:
            raise Refused(f"{view.name} is known as it is now only: leave asOf out.", "asOf")
        return sql.SQL("{} as {}").format(sql.Identifier("views", view.name), sql.Identifier(view.name))

    def _versions(self, versions: View[Any]) -> sql.Composable:
        """What had come about by the moment, where a version that was replaced later holds still."""
        by_position = self.as_of.position
        if self.as_of.known_at is not None:
            recorded_by = self.reader.position_at(self.as_of.known_at)
            by_position = recorded_by if by_position is None else min(by_position, recorded_by)
        spans = [
            (sql.Identifier(start), sql.Identifier(end), sql.Literal(moment))
            for start, end, moment in (
                ("from_position", "until_position", by_position),
                ("known_from", "known_until", self.as_of.time),
                ("valid_from", "valid_until", self.as_of.valid_at),
            )
            if moment is not None
        ]
        true = sql.SQL("true")
        holds_no_longer = sql.SQL(" and ").join([true, *(sql.SQL("{} <= {}").format(end, at) for _, end, at in spans)])
        return sql.SQL(
            "(select *, case when {ended} then known_until end as known_to, case when {ended} then valid_until end as valid_to"
            "   from {table} where {begun}) as {name}"
        ).format(
            ended=holds_no_longer,
            table=sql.Identifier("views", versions.name),
            begun=sql.SQL(" and ").join([true, *(sql.SQL("{} <= {}").format(start, at) for start, _, at in spans)]),
            name=sql.Identifier(versions.name),
        )


def in_currency(part: Part, operator: str) -> sql.Composable:
    """The condition that what is added up is in the currency that is looked at, or in another."""
    if not part.money or part.of.currency is None:
        return sql.SQL("true")
    return sql.SQL(cast(Any, "{} " + operator + " %(currency)s")).format(sql.Identifier(part.of.currency))


def first_currency(look: Look, sources: Sequence[Source]) -> str | None:
    """The base currency of the earliest row that has one."""
    for source in sources:
        if source.currency is not None:
            query = sql.SQL("select {} from {} order by occurred_at, position limit 1").format(
                sql.Identifier(source.currency), look.rows(source)
            )
            if found := look.ask(query):
                return cast(str, found[0][0])
    return None


def last_positions(db: Connection, sources: Sequence[Source]) -> Sequence[int]:
    """How far the log is folded into each of the views that the sources look at."""
    names = [table.checkpoint for source in sources for table in source.tables]
    rows = db.execute("select position from views.checkpoint where name = any(%s)", [names]).fetchall()
    return [position for (position,) in rows]
