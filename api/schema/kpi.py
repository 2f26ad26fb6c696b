"""The KPIs: figures over time, what can be measured, and the facts behind a figure."""

from datetime import date

from strawberry.types.field import StrawberryField

from api.limits import PAGE_ROWS
from api.schema.context import Info
from api.schema.filters import list_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.scalars import Long
from api.schema.shapes import Argument, Shapes, answered
from eventstore.reader import NOW
from projections import VIEWS
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.figures.counting import KpiScope
from projections.figures.kpi_explaining import KpiExplanation, explain_kpi
from projections.figures.kpi_listing import KNOWN, KpiEntry, KpiMeasure, listed
from projections.figures.kpis import KpiSeries, kpi

DAYS = (
    Argument("from_", date, "The first day."),
    Argument("to", date, "The last day."),
    Argument("time_zone", str, "Whose days they are, by its IANA name.", BUSINESS_ZONE),
    Argument("currency", str | None, "In which base currency; in that of what was recorded first, if left out."),
)


def figure_arguments(shapes: Shapes) -> tuple[Argument, ...]:
    """Which KPI, by which definition, and narrowed down to what."""
    return (
        Argument("key", str, "Which one, such as win_rate."),
        Argument("version", Long | None, "By which version of its definition; the last one, if it is left out."),
        Argument("measure", str | None, "Or by this computation, to try it, whatever the definitions say."),
        Argument("scope", list_of(shapes.input_of(KpiScope)), "By what it is narrowed down; all of it holds."),
    )


def questions(shapes: Shapes) -> list[StrawberryField]:
    """`kpi(key, version, scope, grain, from, to, timeZone, currency, asOf)`, `kpiExplain`, `kpis` and `kpiMeasures`."""
    figure, days = figure_arguments(shapes), DAYS
    page = (
        Argument("part", str | None, "Which of the sums that it is made of; the first one, if it is left out."),
        Argument("first", int, "How many facts, at most 100.", PAGE_ROWS),
        Argument("after", str | None, "The cursor to go on after."),
    )
    grain = Argument("grain", shapes.enum(Granularity), "How long a period is.", Granularity.MONTH)
    within = shapes.types
    return [
        answered(
            "kpi", shapes.output_of(KpiSeries), "A figure for each period, as it was reported and as it is known now.",
            _series, (*figure, grain, *days, AS_OF, AT_LEAST), within=within,
        ),
        answered(
            "kpi_explain", shapes.output_of(KpiExplanation), "The facts behind a figure from one day to another.",
            _explanation, (*figure, *days, *page, AS_OF, AT_LEAST), within=within,
        ),
        answered("kpis", shapes.output(tuple[KpiEntry, ...]), "Every KPI.", _entries, (AS_OF,), within=within),
        answered(
            "kpi_measures", shapes.output(tuple[KpiMeasure, ...]),
            "Every computation that a definition of a KPI may name.", _measures, within=within,
        ),
    ]  # fmt: skip


async def _series(
    root: None,
    info: Info,
    *,
    key: str,
    grain: Granularity,
    from_: date,
    to: date,
    time_zone: str,
    version: int | None = None,
    measure: str | None = None,
    scope: list[KpiScope] | None = None,
    currency: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> KpiSeries:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, VIEWS, at_least)
    return await context.ask(
        kpi, context.house.lists, key, from_, to, grain,
        version=version, measure=measure, scope=scopes_of(scope), zone=time_zone, currency=currency, as_of=moment,
    )  # fmt: skip


async def _explanation(
    root: None,
    info: Info,
    *,
    key: str,
    from_: date,
    to: date,
    time_zone: str,
    first: int,
    part: str | None = None,
    after: str | None = None,
    version: int | None = None,
    measure: str | None = None,
    scope: list[KpiScope] | None = None,
    currency: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> KpiExplanation:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, VIEWS, at_least)
    return await context.ask(
        explain_kpi, context.house.lists, key, from_, to, part=part, version=version, measure=measure, scope=scopes_of(scope),
        zone=time_zone, currency=currency, first=first, after=after, as_of=moment,
    )  # fmt: skip


def scopes_of(asked: list[KpiScope] | None) -> list[KpiScope]:
    """What was asked, in our own class: an input has its fields."""
    return [KpiScope(dimension=each.dimension, value=each.value or None) for each in asked or ()]


async def _entries(root: None, info: Info, *, as_of: AsOf | None = None) -> list[KpiEntry]:
    return await info.context.ask(listed, info.context.house.lists, moment_of(as_of))


async def _measures(root: None, info: Info) -> list[KpiMeasure]:
    return list(KNOWN.values())
