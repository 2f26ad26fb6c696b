"""The pipeline in GraphQL: the board, the waterfall, the funnel, wins and losses, velocity and what is stale."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any, cast

import strawberry
from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.filters import list_of, text_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.opportunity import opportunity_of
from api.schema.scalars import Position
from api.schema.shapes import REQUIRED, Argument, answered, output, sentence_of, shown
from api.schema.views import AFTER, FIRST, Lists
from eventstore.commands import identify
from eventstore.reader import NOW
from projections.buckets import BUSINESS_ZONE
from projections.customers import profiles, timeline
from projections.selling import opportunities, pipelines
from projections.selling.deals import Axis, Scope
from projections.selling.funnel import PipelineFunnel, funnel
from projections.selling.pipeline import PipelineBoard, board
from projections.selling.stale import StaleOpportunities, StaleOpportunity, stale
from projections.selling.waterfall import Waterfall, WaterfallKind, WaterfallStep, steps, waterfall
from projections.selling.win_loss import YEAR_DAYS, PipelineVelocity, WinLoss, WinLossBasis, velocity, win_loss

VIEWS = (opportunities.view, pipelines.view, profiles.view)


def questions(lists: Lists) -> list[StrawberryField]:
    """`pipeline`, `pipelineWaterfall`, `pipelineFunnel`, `pipelineVelocity`, `winLoss` and `staleOpportunities`."""
    shapes, within = lists.shapes, lists.types
    scope = scope_argument(lists)
    group_by = group_by_argument(lists)
    days = (
        Argument("from_", date | None, "From this day on."),
        Argument("to", date | None, "Up to this one, which is included."),
        Argument("time_zone", str, "Whose days these are.", BUSINESS_ZONE),
    )
    _make_waterfall(lists)
    _make_stale(lists)

    def made(name: str, shape: type, answer: Any, *arguments: Argument) -> StrawberryField:
        words = (*arguments, scope, AS_OF, AT_LEAST)
        return answered(name, shapes.output_of(shape), sentence_of(shape), answer, words, within=within)

    return [
        made("pipeline", PipelineBoard, _board, group_by),
        made("pipeline_funnel", PipelineFunnel, _funnel, *days),
        made("pipeline_velocity", PipelineVelocity, _velocity, Argument("days", int, "Of so many days.", YEAR_DAYS)),
        made(
            "win_loss",
            WinLoss,
            _win_loss,
            group_by,
            Argument("basis", shapes.enum(WinLossBasis), "By which day.", WinLossBasis.CLOSED),
            *days,
        ),
        answered(
            "pipeline_waterfall",
            "Waterfall",
            sentence_of(Waterfall),
            _waterfall,
            (
                Argument("from_", AsOf, "The moment to begin from.", REQUIRED),
                Argument("to", AsOf | None, "The moment to end at, given in the same way; now, if it is left out."),
                scope,
                AT_LEAST,
            ),
            within=within,
        ),
        answered(
            "stale_opportunities",
            "StaleOpportunities",
            sentence_of(StaleOpportunities),
            _stale,
            (scope, FIRST, AFTER, AS_OF, AT_LEAST),
            within=within,
        ),
    ]


def scope_argument(lists: Lists) -> Argument:
    """`filter`: which opportunities."""
    return Argument("filter", lists.shapes.input_of(Scope, "OpportunityScope") | None, "Which opportunities.")


def group_by_argument(lists: Lists) -> Argument:
    """`groupBy`: by what they are put into groups."""
    return Argument("group_by", list_of(lists.shapes.enum(Axis)), "By what to put them into groups.")


def scope_of(given: Any) -> Scope:
    """The scope that was asked for. Raises `Refused` for a value that nothing can be compared with."""
    found: dict[str, Any] = {}
    for part in fields(cast(Any, given)) if given is not None else ():
        value = getattr(given, part.name)
        if value is strawberry.UNSET or value is None:
            continue
        path = f"filter.{part.name}"
        found[part.name] = tuple(_compared(part.name, each, path) for each in value) if isinstance(value, list) else (
            _compared(part.name, value, path)
        )  # fmt: skip
    return Scope(**found)


def _compared(name: str, value: Any, path: str) -> Any:
    if name in ("staff_ids", "customer_id"):
        return identify("staff" if name == "staff_ids" else "customer", value, path)
    return text_of(value, path) if isinstance(value, str) else value


def _make_waterfall(lists: Lists) -> None:
    """The type of the waterfall, with the changes behind its parts."""
    shapes, within = lists.shapes, lists.types
    hidden = {"start", "end", "scope"}
    step = [shown(each.name, shapes.output(each.type, each.name), within=within) for each in fields(WaterfallStep)]
    within["WaterfallStep"] = output(
        "WaterfallStep",
        sentence_of(WaterfallStep),
        [*step, *opportunity_of(lists)],
    )
    kinds = list_of(shapes.enum(WaterfallKind))
    behind = answered(
        "steps",
        "list[WaterfallStep]",
        "The changes behind the parts, in the order of the log.",
        _behind,
        (
            Argument("kinds", kinds, "Behind which parts; all, if it is left out."),
            FIRST,
            Argument("after", Position | None, "The position to go on after."),
        ),
        within=within,
    )
    parts = [
        shown(each.name, shapes.output(each.type, each.name), within=within)
        for each in fields(Waterfall)
        if each.name not in hidden
    ]
    within["Waterfall"] = output("Waterfall", sentence_of(Waterfall), [*parts, behind])


def _make_stale(lists: Lists) -> None:
    """The type of what is stale, with the opportunity itself."""
    shapes, within = lists.shapes, lists.types
    row = [shown(each.name, shapes.output(each.type, each.name), within=within) for each in fields(StaleOpportunity)]
    within["StaleOpportunity"] = output(
        "StaleOpportunity",
        sentence_of(StaleOpportunity),
        [*row, *opportunity_of(lists)],
    )
    page = [
        shown(each.name, "list[StaleOpportunity]" if each.name == "nodes" else shapes.output(each.type), within=within)
        for each in fields(StaleOpportunities)
    ]
    within["StaleOpportunities"] = output("StaleOpportunities", sentence_of(StaleOpportunities), page)


async def _board(
    root: None,
    info: Info,
    *,
    group_by: list[Axis] | None = None,
    filter: Any = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> PipelineBoard:
    context, moment = info.context, moment_of(as_of)
    await reached(context, VIEWS, at_least if moment == NOW else None)
    return await context.ask(board, context.house.lists, scope_of(filter), group_by or (), as_of=moment)


async def _funnel(
    root: None,
    info: Info,
    *,
    time_zone: str,
    from_: date | None = None,
    to: date | None = None,
    filter: Any = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> PipelineFunnel:
    context, moment = info.context, moment_of(as_of)
    await reached(context, VIEWS, at_least if moment == NOW else None)
    return await context.ask(
        funnel, context.house.lists, scope_of(filter), start=from_, end=to, zone=time_zone, as_of=moment
    )


async def _velocity(
    root: None, info: Info, *, days: int, filter: Any = None, as_of: AsOf | None = None, at_least: int | None = None
) -> PipelineVelocity:
    context, moment = info.context, moment_of(as_of)
    await reached(context, VIEWS, at_least if moment == NOW else None)
    now = datetime.now(UTC)
    return await context.ask(velocity, context.house.lists, now, scope_of(filter), days=days, as_of=moment)


async def _win_loss(
    root: None,
    info: Info,
    *,
    basis: WinLossBasis,
    time_zone: str,
    group_by: list[Axis] | None = None,
    from_: date | None = None,
    to: date | None = None,
    filter: Any = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> WinLoss:
    context, moment = info.context, moment_of(as_of)
    await reached(context, VIEWS, at_least if moment == NOW else None)
    scope, axes, lists = scope_of(filter), group_by or (), context.house.lists
    return await context.ask(
        win_loss, lists, scope, axes, basis=basis, start=from_, end=to, zone=time_zone, as_of=moment
    )


async def _waterfall(
    root: None, info: Info, *, from_: AsOf, to: AsOf | None = None, filter: Any = None, at_least: int | None = None
) -> Waterfall:
    context, end = info.context, moment_of(to)
    await reached(context, VIEWS, at_least if end == NOW else None)
    return await context.ask(waterfall, context.house.lists, moment_of(from_), end, scope_of(filter))


async def _behind(
    root: Waterfall, info: Info, *, first: int, kinds: list[WaterfallKind] | None = None, after: int | None = None
) -> list[Shown[WaterfallStep]]:
    context, chosen = info.context, tuple(WaterfallKind) if kinds is None else kinds
    found = await context.ask(
        steps, context.house.lists, root.start, root.end, root.scope, chosen, first=first, after=after or 0
    )
    return [Shown(step, root.end) for step in found]


async def _stale(
    root: None,
    info: Info,
    *,
    first: int,
    filter: Any = None,
    after: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> StaleOpportunities:
    context, moment = info.context, moment_of(as_of)
    await reached(context, (*VIEWS, timeline.view), at_least if moment == NOW else None)
    now = datetime.now(UTC)
    found = await context.ask(stale, context.house.lists, now, scope_of(filter), first=first, after=after, as_of=moment)
    return replace(found, nodes=cast(Any, tuple(Shown(row, moment) for row in found.nodes)))
