"""The reports that open from a customer's page."""

from dataclasses import dataclass
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.shapes import answered
from api.schema.views import Lists
from projections.figures.reports import CUSTOMER, REPORTS, Report


@dataclass(frozen=True, slots=True)
class OfCustomer:
    """A report that opens from the page of a customer, with what is to be given for that."""

    report: Report
    parameters: dict[str, Any]


def of_customer(lists: Lists) -> list[StrawberryField]:
    """`Customer.reports`."""
    words = "The reports that open from this customer's page, with the parameters to open them with."
    return [answered("reports", "list[CustomerReport]", words, _theirs, within=lists.types)]


async def _theirs(root: Shown[Any], info: Info) -> list[OfCustomer]:
    given = {CUSTOMER: str(root.row.customer_id)}
    return [OfCustomer(report, given) for report in REPORTS.values() if report.of_customer]
