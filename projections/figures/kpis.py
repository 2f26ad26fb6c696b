"""KPIs: what a figure came to in each period, as it was reported when the period ended and as it is known now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import cast

from psycopg import Connection

from domain.kernel import Refused
from domain.kpi import KpiDirection
from domain.values import must_be_currency
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.figures import kpi_definitions
from projections.figures.counting import Amount, KpiScope, Look, Part, Tallied, first_currency, last_positions
from projections.figures.kpi_catalogue import BUILT_IN, BY_NAME
from projections.figures.kpi_definitions import KpiDefinition, defined_versions, last_in_force, version_of
from projections.figures.measures import MONEY, Answered, AnyPart, Measure, Worked
from projections.lists import Lists
from projections.periods import CalendarPeriod, periods_of
from projections.tallying import tally

MAX_SCOPES = 20


@dataclass(frozen=True, slots=True)
class KpiFigure:
    """What a figure came to under a definition, empty where it would be divided by nothing.

    Of durations there are the `median` and the 90th percentile, `ninetieth`, too; numerator by denominator is their mean.
    """

    value: Decimal | None
    numerator: Decimal
    denominator: Decimal | None
    median: Decimal | None
    ninetieth: Decimal | None
    definition: KpiDefinition


@dataclass(frozen=True, slots=True)
class KpiPoint:
    """A period, both days included: `reported` is by the definition in force when it ended, with what was known then,

    and `restated` by the definition that was asked for, or the last one, with everything that is known."""

    starts_on: date
    ends_on: date
    starts_at: datetime
    ends_at: datetime
    reported: KpiFigure
    restated: KpiFigure


@dataclass(frozen=True, slots=True)
class KpiSeries:
    """A figure over time. Its days are those of `time_zone`; `total` takes all of its periods as one.

    `position` is how far the log has been taken in, and `left_out` counts what is in another base currency than `unit`.
    """

    key: str
    definition: KpiDefinition
    unit: str
    direction: KpiDirection | None
    granularity: Granularity
    time_zone: str
    scope: tuple[KpiScope, ...]
    points: tuple[KpiPoint, ...]
    total: KpiPoint
    left_out: int
    position: int


def kpi(
    lists: Lists,
    key: str,
    from_: date,
    to: date,
    granularity: Granularity = Granularity.MONTH,
    *,
    version: int | None = None,
    measure: str | None = None,
    scope: Sequence[KpiScope] = (),
    zone: str = BUSINESS_ZONE,
    currency: str | None = None,
    as_of: AsOf = NOW,
) -> KpiSeries:
    """A figure for each period from a day to another, both included, the empty ones too.

    It is restated by a `version`, or by the last one, or, to try it, by a `measure` that no version asks for. Money is in
    `currency`, by default the base currency of what was recorded first. Customers are those of today. Raises `Refused` for
    what there is not, for a scope that the measure does not know, or for too many periods.
    """
    periods = periods_of(from_, to, granularity, zone)
    if len(scope) > MAX_SCOPES:
        raise Refused(f"Give at most {MAX_SCOPES} scopes.", "scope")
    if currency is not None:
        must_be_currency(currency, "currency")
    with lists.reading(kpi_definitions.view) as (db, folded):
        versions = versions_of(lists, db, key, as_of)
        definition = chosen(versions, to, version, measure)
        held = [last_in_force(versions, period.ends_on, period.ends_at) for period in periods]
        whole = held[-1]
        measures = {each.measure: measure_of(each) for each in (definition, *held)}
        look = looked(lists, db, periods, zone, scope, currency, as_of, list(measures.values()))
        tallied = add_up(look, measures.values())
        position = position_of(db, folded, list(measures.values()))
    tallied |= ask_others(lists, look, measures.values())
    worked = {name: work_out(each, tallied) for name, each in measures.items()}
    asked = worked[definition.measure]
    return KpiSeries(
        key,
        definition,
        look.currency or MONEY if definition.unit == MONEY else definition.unit,
        definition.direction,
        granularity,
        zone,
        tuple(scope),
        tuple(
            _point(period, worked[then.measure].reported[n], then, asked.restated[n], definition)
            for n, (period, then) in enumerate(zip(periods, held, strict=True))
        ),
        _point(look.whole, worked[whole.measure].reported[-1], whole, asked.restated[-1], definition),
        asked.left_out,
        position,
    )


def chosen(versions: Sequence[KpiDefinition], day: date, version: int | None, measure: str | None) -> KpiDefinition:
    """The version that was asked for, or the last that is in force on a day; a measure on trial is version 0."""
    if measure is not None:
        if version is not None:
            raise Refused("Ask by a version or by a measure, not by both.", "measure")
        trial = measure_named(measure)
        return replace(trial.definition, key=versions[0].key, version=0)
    return last_in_force(versions, day) if version is None else version_of(versions, version)


def versions_of(lists: Lists, db: Connection, key: str, as_of: AsOf) -> list[KpiDefinition]:
    """Every version of a key, the first one first. Raises `Refused` if there is none, with what it may be instead."""
    found = catalogue(lists, db, [key], as_of)[key]
    if not found:
        near = get_close_matches(key, BUILT_IN, 1)
        raise Refused(f"There is no KPI {key!r}.{f' Is it {near[0]!r}?' if near else ''}", "key")
    return found


def catalogue(
    lists: Lists, db: Connection, keys: Sequence[str] | None, as_of: AsOf
) -> Mapping[str, list[KpiDefinition]]:
    """The versions of these keys, or of all: those that came with Bitácora, and those that were defined."""
    position = 0 if as_of.known_at is None else lists.log.reader.position_at(as_of.known_at)
    found = {key: [BUILT_IN[key]] if key in BUILT_IN else [] for key in (BUILT_IN if keys is None else keys)}
    for definition in defined_versions(db, keys, as_of, position):
        found.setdefault(definition.key, []).append(definition)
    return found


def measure_of(definition: KpiDefinition) -> Measure:
    """The computation of a definition. Raises `Refused` if there is none of that name."""
    try:
        return measure_named(definition.measure)
    except Refused as wrong:
        raise Refused(f"Version {definition.version} of {definition.key}: {wrong.reason}", "version") from None


def measure_named(name: str) -> Measure:
    """The computation of this name. Raises `Refused` if there is none, with what it may be instead."""
    measure = BY_NAME.get(name)
    if measure is None:
        near = get_close_matches(name, BY_NAME, 1)
        raise Refused(f"There is no measure {name!r}.{f' Is it {near[0]!r}?' if near else ''}", "measure")
    return measure


def looked(
    lists: Lists,
    db: Connection,
    periods: Sequence[CalendarPeriod],
    zone: str,
    scope: Sequence[KpiScope],
    currency: str | None,
    as_of: AsOf,
    measures: Sequence[Measure],
) -> Look:
    """What is to be looked at for these measures."""
    look = Look(db, lists.log.reader, as_of, periods, zone, tuple(scope), currency)
    if currency is not None:
        return look
    sources = [source for measure in measures for source in measure.sources if source.currency is not None]
    return replace(look, currency=first_currency(look, sources))


def position_of(db: Connection, folded: int, measures: Sequence[Measure]) -> int:
    """How far the log is folded into all that these measures look at, and into the definitions."""
    return min([folded, *last_positions(db, [source for measure in measures for source in measure.sources])])


Figures = tuple[Decimal | None, Decimal, Decimal | None, Decimal | None, Decimal | None]
"""A value, its numerator and denominator, the median and the ninetieth percentile."""


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A measure for each period, and at last for all of them taken as one."""

    restated: list[Figures]
    reported: list[Figures]
    left_out: int


def add_up(look: Look, measures: Iterable[Measure]) -> dict[AnyPart, Tallied]:
    """The parts of these measures that are found where they are looked at."""
    found: dict[AnyPart, Tallied] = {}
    for measure in measures:
        found |= cast(
            dict[AnyPart, Tallied], tally(look, [part for part in measure.all_parts if isinstance(part, Part)])
        )
        found |= {part: part.ask(look) for part in measure.all_parts if isinstance(part, Worked)}
    return found


def ask_others(lists: Lists, look: Look, measures: Iterable[Measure]) -> dict[AnyPart, Tallied]:
    """The parts of these measures that other questions answer, each of which is asked once."""
    parts = [part for measure in measures for part in measure.all_parts if isinstance(part, Answered)]
    answers = {question: question(lists, look) for question in dict.fromkeys(part.question for part in parts)}
    return {part: answers[part.question][part.name] for part in parts}


def work_out(measure: Measure, tallied: Mapping[AnyPart, Tallied]) -> WorkedOut:
    """A measure of the parts that were found."""
    found = [tallied[part] for part in measure.all_parts]
    return WorkedOut(
        [_figures(measure, amounts) for amounts in zip(*(part.restated for part in found), strict=True)],
        [_figures(measure, amounts) for amounts in zip(*(part.reported for part in found), strict=True)],
        max(part.left_out for part in found),
    )


def _figures(measure: Measure, amounts: Sequence[Amount]) -> Figures:
    *others, spread = (*amounts, None) if measure.spread is None else amounts
    median, ninetieth = spread or (None, None)
    numerator, denominator = measure.combined(others)
    value = median if measure.by_median else measure.value(numerator, denominator)
    return value, numerator, denominator, median, ninetieth


def _point(
    period: CalendarPeriod, reported: Figures, then: KpiDefinition, restated: Figures, now: KpiDefinition
) -> KpiPoint:
    return KpiPoint(
        period.starts_on, period.ends_on, period.starts_at, period.ends_at,
        KpiFigure(*reported, then), KpiFigure(*restated, now),
    )  # fmt: skip
