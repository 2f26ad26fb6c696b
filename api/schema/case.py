"""The cases, newest first, each with its customer and its clocks; the board, the backlog and the times of service."""

from datetime import date
from typing import Any

from strawberry.types.field import StrawberryField

from api.limits import PAGE_ROWS
from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_reached
from api.schema.noun import Noun
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered
from api.schema.views import AFTER, FIRST, Lists
from domain.case_events import CasePriority
from domain.kernel import Refused
from eventstore.commands import identify
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.selecting import Order
from projections.service import case_slas, cases
from projections.service.backlog import Backlog, CaseDimension, backlog, backlog_series
from projections.service.case_board import CaseBoard, SlaClock, case_board, clocks_of, sheets_of_each
from projections.service.case_times import ServiceTimes, case_times
from projections.service.cases import CaseSheet
from projections.service.sla_attainment import SlaAttainment, sla_attainment


def fields(lists: Lists) -> list[StrawberryField]:
    """Whose it is, and its clocks."""
    clocks = lists.shapes.output(tuple[SlaClock, ...])
    return [
        customer_of(lists),
        answered("sla_clocks", clocks, "By when it is to be answered and resolved.", _clocks, within=lists.types),
    ]


noun = Noun(cases.view, "Case", hidden=("had_by",), order=(Order("opened_at", True),), fields=fields)
clocks = Noun(case_slas.view, "CaseSla", order=(Order("resolution_due_at"),), fields=lambda lists: [customer_of(lists)])

ZONE = Argument("time_zone", str, "Whose days they are.", BUSINESS_ZONE)


def questions(lists: Lists) -> list[StrawberryField]:
    """`caseBoard`, `backlog`, `caseTimes` and `slaAttainment`."""
    shapes, within = lists.shapes, lists.types
    grain, by = shapes.enum(Granularity), shapes.output(tuple[CaseDimension, ...])
    days = (Argument("from_", date, "From this day on."), Argument("to", date, "Up to this one, included."))
    per_period = (
        *days,
        Argument("granularity", grain, "How long a period is.", Granularity.MONTH),
        Argument("by", by | None, "By what to tell them apart."),
        ZONE,
        AS_OF,
        AT_LEAST,
    )
    board = (
        Argument("queue", str | None, "The cases of this queue."),
        Argument("staff_id", Ref | None, "Those that this person has."),
        Argument("team_id", Ref | None, "Those that this team has."),
        Argument("priorities", shapes.output(tuple[CasePriority, ...]) | None, "Those that press so much."),
        FIRST,
        AFTER,
        AS_OF,
        AT_LEAST,
    )
    timed = (
        *per_period,
        Argument(
            "calendar", str | None, "The key of a business calendar: durations are in its open hours, such as office."
        ),
    )
    open_cases = (
        Argument("from_", date | None, "At the end of every period from this day on."),
        Argument("to", date | None, "Up to this one, included."),
        *per_period[2:],
    )
    return [
        answered("case_board", shapes.output_of(CaseBoard), "What is still to be done.", _board, board, within=within),
        answered(
            "backlog",
            shapes.output_of(Backlog),
            "How many cases are open: now or as of a moment, or at the end of every period.",
            _backlog,
            open_cases,
            within=within,
        ),
        answered(
            "case_times",
            shapes.output_of(ServiceTimes),
            "How soon cases are dealt with.",
            _times,
            timed,
            within=within,
        ),
        answered(
            "sla_attainment",
            shapes.output_of(SlaAttainment),
            "How often what was promised was kept.",
            _attainment,
            per_period,
            within=within,
        ),
    ]


async def _clocks(root: Shown[CaseSheet], info: Info) -> tuple[SlaClock, ...]:
    lists, as_of = info.context.house.lists, root.as_of
    sheet, at = await info.context.each(
        ("sla_clocks", as_of), lambda ids: sheets_of_each(lists, ids, as_of), root.row.case_id
    )
    return clocks_of(root.row, sheet, at)


async def _board(
    root: None,
    info: Info,
    *,
    queue: str | None = None,
    staff_id: str | None = None,
    team_id: str | None = None,
    priorities: list[CasePriority] | None = None,
    first: int = PAGE_ROWS,
    after: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> CaseBoard:
    context = info.context
    moment = await moment_reached(context, (cases.view, case_slas.view), as_of, at_least)
    return await context.ask(
        case_board,
        context.house.lists,
        queue=queue,
        staff_id=None if staff_id is None else identify("staff", staff_id, "staffId"),
        team_id=None if team_id is None else identify("team", team_id, "teamId"),
        priorities=priorities,
        first=first,
        after=after,
        as_of=moment,
    )


async def _backlog(
    root: None,
    info: Info,
    *,
    from_: date | None = None,
    to: date | None = None,
    granularity: Granularity = Granularity.MONTH,
    by: list[CaseDimension] | None = None,
    time_zone: str = BUSINESS_ZONE,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Backlog:
    context = info.context
    moment = await moment_reached(context, [cases.view], as_of, at_least)
    if (from_ is None) != (to is None):
        raise Refused("Give both the first day and the last, or neither.", "to" if to is None else "from")
    if from_ is None or to is None:
        return await context.ask(backlog, context.house.lists, by=by or (), as_of=moment)
    return await context.ask(
        backlog_series, context.house.lists, from_, to, granularity, by=by or (), zone=time_zone, as_of=moment
    )


async def _times(
    root: None, info: Info, *, from_: date, to: date, calendar: str | None = None, **asked: Any
) -> ServiceTimes:
    lists, granularity, by, zone, as_of = await _per_period(info, **asked)
    return await info.context.ask(
        case_times, lists, from_, to, granularity, by=by, zone=zone, calendar=calendar, as_of=as_of
    )


async def _attainment(root: None, info: Info, *, from_: date, to: date, **asked: Any) -> SlaAttainment:
    lists, granularity, by, zone, as_of = await _per_period(info, **asked)
    return await info.context.ask(sla_attainment, lists, from_, to, granularity, by=by, zone=zone, as_of=as_of)


async def _per_period(
    info: Info,
    *,
    granularity: Granularity = Granularity.MONTH,
    by: list[CaseDimension] | None = None,
    time_zone: str = BUSINESS_ZONE,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> tuple[Any, Granularity, list[CaseDimension], str, Any]:
    context = info.context
    moment = await moment_reached(context, (cases.view, case_slas.view), as_of, at_least)
    return context.house.lists, granularity, by or [], time_zone, moment
