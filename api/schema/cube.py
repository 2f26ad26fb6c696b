"""Cubes over GraphQL: facts measured and told apart in the words of Cube, and the events behind each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, cast

import strawberry
from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import shown_customer
from api.schema.filters import SortDirection
from api.schema.grouping import selected_names
from api.schema.moments import AS_OF, AT_LEAST, moment_of, reached
from api.schema.scalars import Json, Long, Position, Ref
from api.schema.shapes import Argument, Namespace, answered, output, sentence_of, shown
from api.schema.views import AFTER, FIRST, Lists, PageInfo, page_info
from domain.kernel import Refused
from eventstore.reader import NOW
from eventstore.sealing.heads import Heads
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.figures import cube_answer
from projections.figures.cube import Cube, known
from projections.figures.cube_answer import CubeRow, FactBehind
from projections.figures.cube_filters import MAX_FILTER_DEPTH, Comparison, CubeFilter, CubeOperator, Joined
from projections.figures.cube_query import MAX_CUBE_ROWS, CubeQuery, Days, TimeDimension
from projections.figures.cubes import CUBES

DEFAULT_ROWS = 100

strawberry.enum(Granularity, description=sentence_of(Granularity))

Operator = strawberry.enum(
    cast(Any, Enum)("CubeOperator", {operator.value: operator.value for operator in CubeOperator}),
    description="How a member is compared. Of several values one must fit; the negations hold for what is not known, too.",
)


@strawberry.input(
    name="CubeFilter", description="A comparison of a member, or filters of which each must hold (`and`) or one (`or`)."
)
class CubeFilterInput:
    """As Cube has it; values are texts whatever they are of."""

    member: str | None = None
    operator: Operator | None = None  # type: ignore[valid-type]  # an enumeration that is made of another
    values: list[str] | None = None
    and_: list["CubeFilterInput"] | None = strawberry.field(default=None, name="and")
    or_: list["CubeFilterInput"] | None = strawberry.field(default=None, name="or")


@strawberry.input(description="A time: by which buckets, and on which days, the first and the last, both included.")
class CubeTimeDimension:
    """As Cube has it. Days are days of the time zone."""

    dimension: str
    granularity: Granularity | None = None
    date_range: list[date] | None = None
    compare_date_range: list[list[date]] | None = strawberry.field(
        default=None, description="Ranges to be compared, instead of dateRange: the question is asked for each."
    )


@strawberry.input(description="By which member to sort, and which way.")
class CubeOrder:
    """Measures, dimensions, or times with their granularity, as in `sales.occurredAt.month`."""

    member: str
    direction: SortDirection = SortDirection.ASC


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer on its way out."""

    rows: Sequence[CubeRow]
    totals: Sequence[CubeRow]
    annotation: Mapping[str, Any]
    has_more: bool
    time_zone: str
    version: int
    position: int
    report_version: int | None = None


@dataclass(frozen=True, slots=True)
class Behind:
    """A page of the facts behind a cell on its way out."""

    nodes: list[Shown[FactBehind]]
    page_info: PageInfo
    position: int


ASKED = (
    Argument("name", str, "Which cube: `cubes` lists them."),
    Argument("measures", list[str], "What to measure, as in `sales.revenue`."),
    Argument("dimensions", list[str], "What to tell apart, as in `sales.channel`.", ()),
    Argument("time_dimensions", list[CubeTimeDimension], "Times: by which buckets, on which days.", ()),
    Argument(
        "filters", list[CubeFilterInput], "What must hold, all of it. A filter of a measure is one of the cells.", ()
    ),
    Argument("segments", list[str], "Named conditions that must hold.", ()),
    Argument("time_zone", str, "Whose days they are.", BUSINESS_ZONE),
)


def questions(lists: Lists) -> list[StrawberryField]:
    """`cubes`, `cube(name, measures, ...)` and `cubeDrill(name, measures, ..., cell)`."""
    within = lists.types
    _make(within)
    cell = Argument("cell", Json, "A row of the answer to the same question, of which what it is of counts.")
    order = Argument(
        "order_by", list[CubeOrder], "By what to sort: by time if nothing is said, else by what is most.", ()
    )
    rows = Argument("first", int, f"How many cells, at most {MAX_CUBE_ROWS:,}.", DEFAULT_ROWS)
    words = "Facts measured: a row for each cell, by member, in the vocabulary of Cube (cube.dev)."
    behind = "The events behind a cell, in the order of the log."
    return [
        answered("cubes", "list[Cube]", "What can be asked of the facts.", _cubes, within=within),
        answered("cube", "CubeAnswer", words, _ask, (*ASKED, order, rows, AS_OF, AT_LEAST), within=within),
        answered("cube_drill", "CubeFacts", behind, _drill, (*ASKED, cell, FIRST, AFTER, AS_OF), within=within),
    ]


def query_of(cube: Cube, asked: Mapping[str, Any]) -> CubeQuery:
    """The question that the arguments of a field are. Raises `Refused` for a filter or a range that is none."""
    return CubeQuery(
        measures=asked["measures"],
        dimensions=asked["dimensions"],
        time_dimensions=[_time(each) for each in asked["time_dimensions"]],
        filters=[_filter(each) for each in asked["filters"]],
        segments=asked["segments"],
        order_by=[(each.member, each.direction is SortDirection.DESC) for each in asked.get("order_by", ())],
        first=asked.get("first", DEFAULT_ROWS),
        zone=asked["time_zone"],
        as_of=moment_of(asked.get("as_of")),
    )


async def _cubes(root: None, info: Info) -> list[Cube]:
    return list(CUBES.values())


async def _ask(root: None, info: Info, *, name: str, at_least: int | None = None, **asked: Any) -> Answered:
    context, cube = info.context, known(name, CUBES, "name")
    query = query_of(cube, asked)
    if query.as_of == NOW:
        await reached(context, [cube.facts], at_least)
    totals = "totals" in selected_names(info)
    found = await context.ask(cube_answer.ask, context.house.lists, cube, query, totals=totals)
    return Answered(found.rows, found.totals, found.annotation, found.more, query.zone, cube.version, found.position)


async def _checkpoint(root: Answered, info: Info) -> str | None:
    return await info.context.ask(Heads(info.context.house.log.pool).short)


async def _drill(
    root: None, info: Info, *, name: str, cell: Any, first: int, after: str | None = None, **asked: Any
) -> Behind:
    context, cube = info.context, known(name, CUBES, "name")
    if not isinstance(cell, dict):
        raise Refused('A cell is a row of the answer, as in {"sales.channel": "WEB"}.', "cell")
    query = query_of(cube, asked)
    found = await context.ask(cube_answer.behind, context.house.lists, cube, query, cell, first=first, after=after)
    cursors = [fact.cursor for fact in found.facts]
    nodes = [Shown(fact, query.as_of) for fact in found.facts]
    return Behind(nodes, page_info(cursors, found.more, after is not None), found.position)


def _time(asked: CubeTimeDimension) -> TimeDimension:
    return TimeDimension(
        asked.dimension,
        asked.granularity,
        None if asked.date_range is None else _days(asked.date_range),
        [_days(days) for days in asked.compare_date_range or ()],
    )


def _days(given: Sequence[date]) -> Days:
    if len(given) != 2:
        raise Refused("A range of dates has two: the first and the last.", "dateRange")
    return given[0], given[1]


def _filter(asked: CubeFilterInput, depth: int = 0) -> CubeFilter:
    if depth > MAX_FILTER_DEPTH:
        raise Refused(f"Filters may be {MAX_FILTER_DEPTH} deep within one another.", "filters")
    ways = [(parts, every) for parts, every in ((asked.and_, True), (asked.or_, False)) if parts is not None]
    if len(ways) + (asked.member is not None) != 1 or (asked.member is None) != (asked.operator is None):
        raise Refused("A filter is a member with an operator, or an and, or an or: one of these.", "filters")
    if ways:
        ((parts, every),) = ways
        return Joined([_filter(part, depth + 1) for part in parts], every)
    assert asked.member is not None
    return Comparison(asked.member, CubeOperator(cast(Any, asked.operator).value), asked.values or ())


def _make(within: Namespace) -> None:
    member = [
        shown("name", str, "As it is asked for.", within=within),
        shown("title", str, within=within),
        shown("type", str, "number, string, time or boolean.", within=within),
        shown("unit", str, "Of what it is a number.", within=within),
    ]
    within["CubeMember"] = output("CubeMember", "What can be measured, or told apart.", member)
    within["Cube"] = output(
        "Cube",
        "A kind of facts that can be asked.",
        [
            shown("name", str, within=within),
            shown("title", str, within=within),
            shown("words", str, "What its facts are.", as_="description", within=within),
            shown(
                "version",
                Long,
                "Of which meaning: it is raised when a member comes to mean something else.",
                within=within,
            ),
            answered("measures", "list[CubeMember]", "What can be measured.", _measures, within=within),
            answered("dimensions", "list[CubeMember]", "What can be told apart.", _dimensions, within=within),
            answered("segments", "list[CubeMember]", "Named conditions.", _segments, within=within),
        ],
    )
    within["CubeAnswer"] = output(
        "CubeAnswer",
        "What a cube answers.",
        [
            shown("rows", Json, "The cells: objects by member; decimals are texts, and buckets their first days.", within=within),
            shown("totals", Json, "All facts measured at once, for each range that is compared; null for money in several "
                "currencies.", within=within),
            shown("annotation", Json, "By member: its title, its type and its unit.", within=within),
            shown("has_more", bool, "Whether there are more cells than these.", within=within),
            shown("time_zone", str, "Whose days they are.", within=within),
            shown("version", Long, "Of which meaning the cube is.", within=within),
            shown("report_version", Long | None, "Of which meaning the report is, if it is one.", within=within),
            shown("position", Position, "How far the log has been taken in.", within=within),
            answered("checkpoint", str | None, "The last signed checkpoint of the log, in short: its size and the first 16 "
                "base64 characters of its root. Null before the first.", _checkpoint, within=within),
        ],
    )  # fmt: skip
    _make_facts(within)


def _make_facts(within: Namespace) -> None:
    within["CubeFact"] = output(
        "CubeFact",
        "A fact behind a cell.",
        [
            shown("position", Position, "The event that it comes from.", within=within),
            shown("owner_id", Ref, "To what that happened.", within=within),
            shown("number", Long, "Which fact of that event it is, from 0.", within=within),
            shown("occurred_at", datetime, within=within),
            shown("customer_id", Ref | None, within=within),
            answered("event", "Event | None", "The event itself.", _event, within=within),
            answered("customer", "Customer | None", "Whom it concerns.", _customer, within=within),
        ],
    )
    within["CubeFacts"] = output(
        "CubeFacts",
        "A page of the facts behind a cell.",
        [
            shown("nodes", "list[CubeFact]", within=within),
            shown("page_info", PageInfo, within=within),
            shown("position", Position, "How far the log has been taken in.", within=within),
        ],
    )


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a cube in the catalogue."""

    name: str
    title: str
    type: str
    unit: str = ""


async def _measures(root: Cube, info: Info) -> list[Member]:
    return [Member(name, measure.title, "number", measure.unit) for name, measure in root.measured.items()]


async def _dimensions(root: Cube, info: Info) -> list[Member]:
    return [Member(name, dimension.title, dimension.type) for name, dimension in root.dimensions.items()]


async def _segments(root: Cube, info: Info) -> list[Member]:
    return [Member(name, segment.title, "boolean") for name, segment in root.segmented.items()]


async def _event(root: Shown[FactBehind], info: Info) -> Shown[Any] | None:
    return await info.context.event(root.row.position)


async def _customer(root: Shown[FactBehind], info: Info) -> Shown[Any] | None:
    return await shown_customer(info, root.row.customer_id, root)
