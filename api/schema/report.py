"""Reports over GraphQL: the catalogue, and each of them, opened with its parameters."""

from typing import Any
from zoneinfo import ZoneInfo

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.cube import Answered
from api.schema.grouping import selected_names
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.scalars import Json, Long
from api.schema.shapes import Argument, Namespace, answered, output, shown
from api.schema.views import Lists
from domain.kernel import Refused
from eventstore.reader import NOW
from projections.buckets import BUSINESS_ZONE
from projections.figures import saved_reports
from projections.figures.reports import REPORTS, Report, open_report
from projections.figures.saved_reports import found
from projections.selecting import Order

MAX_PARAMETERS = 20
saved = Noun(saved_reports.view, "SavedReport", order=(Order("code"),))


def questions(lists: Lists) -> list[StrawberryField]:
    """`reports` and `report(name, parameters, asOf, atLeast)`."""
    within = lists.types
    _make(within)
    arguments = (
        Argument("name", str, "Which report: `reports` lists them; or the code of one of the `savedReports`."),
        Argument(
            "parameters", Json | None, 'By name, as in `{"customerId": "shop:1", "from": "2026-01-01", "to": ...}`.'
        ),
        AS_OF,
        AT_LEAST,
    )
    words = (
        "A report: a saved question to a cube, with these parameters. `cubeDrill` shows the events behind its cells."
    )
    return [
        answered("reports", "list[Report]", "The reports that there are.", _reports, within=within),
        answered("report", "CubeAnswer", words, _open, arguments, within=within),
    ]


async def _reports(root: None, info: Info) -> list[Report]:
    return list(REPORTS.values())


async def _open(
    root: None,
    info: Info,
    *,
    name: str,
    parameters: Any = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Answered:
    context, moment = info.context, moment_of(as_of)
    given = parameters or {}
    if not isinstance(given, dict) or len(given) > MAX_PARAMETERS:
        raise Refused(f"Parameters are an object of at most {MAX_PARAMETERS} values, by name.", "parameters")
    today = (await instant_of(context, moment)).astimezone(ZoneInfo(BUSINESS_ZONE)).date()
    report, given = await context.ask(found, context.house.lists, name, given, today)
    if moment == NOW:
        await reached(context, [report.cube.facts], at_least)
    totals = "totals" in selected_names(info)
    answer = await context.ask(open_report, context.house.lists, report, given, moment, totals=totals)
    cube = report.cube
    return Answered(
        answer.rows,
        answer.totals,
        answer.annotation,
        answer.more,
        report.query.zone,
        cube.version,
        answer.position,
        report.version,
    )


def _make(within: Namespace) -> None:
    within["ReportParameter"] = output(
        "ReportParameter",
        "What narrows a report down.",
        [
            shown("name", str, within=within),
            shown("title", str, within=within),
            shown("member", str, "The member of the cube that equals it.", within=within),
            shown("required", bool, within=within),
        ],
    )
    within["Report"] = output(
        "Report",
        "A question to a cube, saved under a name. Besides its parameters it takes `from` and `to`, days.",
        [
            shown("name", str, within=within),
            shown("title", str, within=within),
            shown("words", str, "What it says.", as_="description", within=within),
            shown(
                "version", Long, "Of which meaning: it is raised when it comes to ask something else.", within=within
            ),
            answered("cube", str, "Of which cube.", _cube, within=within),
            shown("parameters", "list[ReportParameter]", within=within),
        ],
    )
    within["CustomerReport"] = output(
        "CustomerReport",
        "A report that opens from a customer's page.",
        [
            shown("report", "Report", within=within),
            shown("parameters", Json, "What to open it with.", within=within),
        ],
    )


async def _cube(root: Report, info: Info) -> str:
    return root.cube.name
