"""The reports: questions to cubes that are asked again and again, saved under a name, with parameters that narrow them down."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from domain.kernel import Refused
from domain.staff import StaffRole
from eventstore.reader import NOW, AsOf
from projections.buckets import Granularity
from projections.figures.cube import Cube, known
from projections.figures.cube_answer import CubeAnswer, ask
from projections.figures.cube_filters import Comparison, CubeOperator
from projections.figures.cube_query import CubeQuery, TimeDimension
from projections.figures.cubes_marketing import CAMPAIGN_STEPS
from projections.figures.cubes_sales import SALES, TRANSITIONS
from projections.figures.cubes_service import CASES, CONTACTS
from projections.lists import Lists

FROM, TO = "from", "to"
"""Parameters that every report has: the first day and the last, both or neither."""
CUSTOMER = "customerId"


@dataclass(frozen=True, slots=True)
class ReportParameter:
    """A parameter: what is given for it is what the member equals. Without it the report is of all."""

    name: str
    title: str
    member: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A saved question. Its `version` is raised when it comes to ask something else; days are those of the first time."""

    name: str
    title: str
    words: str
    cube: Cube
    query: CubeQuery
    parameters: tuple[ReportParameter, ...] = ()
    version: int = 1

    @property
    def of_customer(self) -> bool:
        """Whether it opens from a customer's page."""
        return any(parameter.name == CUSTOMER for parameter in self.parameters)

    def asked(self, given: Mapping[str, Any], as_of: AsOf = NOW) -> CubeQuery:
        """The question with these parameters. Raises `Refused` for one that it does not have, or that is missing."""
        among = {parameter.name: parameter for parameter in self.parameters}
        values = {name: value for name, value in given.items() if value is not None}
        for name in values:
            known(name, {**among, FROM: None, TO: None}, f"parameters.{name[:60]}")
        missing = [each.name for each in self.parameters if each.required and each.name not in values]
        if missing:
            raise Refused(f"This report is of one {missing[0]}: say of which.", f"parameters.{missing[0]}")
        narrowed = [
            Comparison(among[name].member, CubeOperator.EQUALS, [str(value)])
            for name, value in values.items()
            if name in among
        ]
        first, *rest = self.query.time_dimensions
        days = _days(values)
        times = [first if days is None else replace(first, date_range=days), *rest]
        return replace(self.query, filters=[*self.query.filters, *narrowed], time_dimensions=times, as_of=as_of)


def open_report(
    lists: Lists, report: Report, given: Mapping[str, Any], as_of: AsOf = NOW, *, totals: bool = False
) -> CubeAnswer:
    """What a report says, now or as of a moment. Raises `Refused` as `asked` does."""
    return ask(lists, report.cube, report.asked(given, as_of), totals=totals)


def _days(given: Mapping[str, Any]) -> tuple[date, date] | None:
    said = [given[name] for name in (FROM, TO) if name in given]
    if not said:
        return None
    if len(said) == 1:
        raise Refused("Give the first day and the last, or neither.", f"parameters.{TO if FROM in given else FROM}")
    try:
        first, last = (date.fromisoformat(str(day)) for day in said)
    except ValueError:
        raise Refused("A day is written as 2026-01-31.", f"parameters.{FROM}") from None
    return first, last


def _month(member: str) -> TimeDimension:
    return TimeDimension(member, Granularity.MONTH)


SOLD_TO = ReportParameter(CUSTOMER, "Customer", "sales.customerId", required=True)
REPORTS = {
    report.name: report
    for report in (
        Report(
            "customerPurchases",
            "What a customer buys",
            "Revenue, pieces and orders of a customer by category and month.",
            SALES,
            CubeQuery(["sales.revenue", "sales.pieces", "sales.orders"], ["products.category", "sales.baseCurrency"],
                [_month("sales.occurredAt")]),
            (SOLD_TO, ReportParameter("channel", "Channel", "sales.channel")),
        ),
        Report(
            "customerReturns",
            "What a customer sends back",
            "Articles that came back from a customer, by month.",
            SALES,
            CubeQuery(["sales.returned", "sales.pieces"], ["sales.sku", "sales.baseCurrency"], [_month("sales.occurredAt")],
                segments=["sales.returns"]),
            (SOLD_TO,),
        ),
        Report(
            "customerContacts",
            "How a customer is in touch",
            "Contacts of a customer by channel and direction, by month.",
            CONTACTS,
            CubeQuery(["contacts.contacts", "contacts.meanDuration"], ["contacts.channel", "contacts.direction"],
                [_month("contacts.beganAt")]),
            (ReportParameter(CUSTOMER, "Customer", "contacts.customerId", required=True),),
        ),
        Report(
            "customerCases",
            "What a customer needs help with",
            "Cases of a customer by category and milestone, by month.",
            CASES,
            CubeQuery(["caseMilestones.cases", "caseMilestones.meanElapsed"],
                ["caseMilestones.category", "caseMilestones.milestone"], [_month("caseMilestones.occurredAt")]),
            (ReportParameter(CUSTOMER, "Customer", "caseMilestones.customerId", required=True),),
        ),
        Report(
            "salesByTerritory",
            "Sales by territory",
            "Revenue, margin and customers by territory and channel, by month; a sale counts where the customer was then.",
            SALES,
            CubeQuery(["sales.revenue", "sales.margin", "sales.customers"],
                ["customersThen.territory", "sales.channel", "sales.baseCurrency"], [_month("sales.occurredAt")]),
            (
                ReportParameter("territory", "Territory", "customersThen.territory"),
                ReportParameter("category", "Category", "products.category"),
            ),
        ),
        Report(
            "wonAndLost",
            "Won and lost",
            "Opportunities won and lost by owner, by month.",
            TRANSITIONS,
            CubeQuery(["transitions.won", "transitions.lost", "transitions.wonAmount"],
                ["transitions.staffAfter", "transitions.baseCurrency"], [_month("transitions.occurredAt")]),
            (
                ReportParameter("staffId", "Owner", "transitions.staffAfter"),
                ReportParameter("pipeline", "Pipeline", "transitions.pipeline"),
            ),
        ),
        Report(
            "campaignSteps",
            "How a campaign gets on",
            "Members by step and channel, by month.",
            CAMPAIGN_STEPS,
            CubeQuery(["campaignSteps.members", "campaignSteps.count"], ["campaignSteps.kind", "campaignSteps.channel"],
                [_month("campaignSteps.occurredAt")]),
            (
                ReportParameter("campaign", "Campaign, by its code", "campaigns.code"),
                ReportParameter("segmentId", "Segment", "campaignSteps.segmentId"),
            ),
        ),
    )
}  # fmt: skip
"""Every report by its name. To add one: write it here, and who sees it below."""

SEES_ALL = frozenset({StaffRole.DIRECTOR, StaffRole.AUDITOR})
AT_CUSTOMERS = frozenset({StaffRole.REP, StaffRole.SALES_MANAGER, StaffRole.AGENT, StaffRole.SERVICE_MANAGER})
SEEN_BY: Mapping[str, frozenset[StaffRole]] = {
    "customerPurchases": AT_CUSTOMERS | {StaffRole.MARKETER},
    "customerReturns": AT_CUSTOMERS,
    "customerContacts": AT_CUSTOMERS,
    "customerCases": AT_CUSTOMERS,
    "salesByTerritory": frozenset({StaffRole.SALES_MANAGER, StaffRole.MARKETER}),
    "wonAndLost": frozenset({StaffRole.SALES_MANAGER}),
    "campaignSteps": frozenset({StaffRole.SALES_MANAGER, StaffRole.MARKETER}),
}
"""Which roles see a report, besides those that see all."""
assert SEEN_BY.keys() == REPORTS.keys()


def may_see(role: StaffRole, name: str) -> bool:
    """Whether somebody of a role may see a report; what a name says that no report has, anybody may."""
    return role in SEES_ALL or name not in SEEN_BY or role in SEEN_BY[name]
