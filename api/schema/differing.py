"""Differences over GraphQL: what changed in any row and in any KPI between two moments, and because of which events."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.explaining import key_of
from api.schema.filters import list_of
from api.schema.kpi import DAYS, figure_arguments, scopes_of
from api.schema.moments import AsOf, moment_of
from api.schema.noun import Noun
from api.schema.scalars import Json, Position
from api.schema.shapes import REQUIRED, Argument, Namespace, answered, output, sentence_of, shown
from api.schema.views import Lists
from domain.kernel import Refused
from eventstore.commands import camel
from projections.customers import customer_360
from projections.differing import Difference, differences
from projections.figures.counting import KpiScope
from projections.figures.cube import known
from projections.figures.explaining import Cause
from projections.figures.kpi_differing import KpiDifference, kpi_difference

MAX_FIELDS = 50
"""How many fields of a row are named at once."""
MAX_CAUSES = 100
"""How many events are shown behind a difference of one field: the last ones."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A difference on its way out, under the name by which GraphQL calls the field."""

    field: str
    found: Difference


@dataclass(frozen=True, slots=True)
class RowDifference:
    """The differences of a row on their way out."""

    view: str
    existed: bool
    exists: bool
    changes: list[FieldDifference]
    corrections: list[int]


def questions(lists: Lists) -> list[StrawberryField]:
    """`diffAsOf(view, key, from, to, fields)` and `kpiDiffAsOf(key, from, to, before, after)`."""
    shapes, within = lists.shapes, lists.types
    _make(within)
    views = {camel(noun.view.name): noun for noun in lists.nouns.values()}
    views[camel(customer_360.view.name)] = Noun(customer_360.view, "CustomerCard")

    async def compare(
        root: None,
        info: Info,
        *,
        view: str,
        key: list[str],
        from_: AsOf,
        to: AsOf | None = None,
        fields: list[str] | None = None,
    ) -> RowDifference:
        noun = known(view, views, "view")
        names = {noun.called(column.name): column.name for column in noun.columns}
        if fields is not None and len(fields) > MAX_FIELDS:
            raise Refused(f"Name at most {MAX_FIELDS} fields.", "fields")
        columns = [known(field, names, "fields") for field in fields or names]
        lists = info.context.house.lists
        found = await info.context.ask(
            differences, lists, noun.view, key_of(noun.view, key), moment_of(from_), moment_of(to), columns
        )
        shown = [FieldDifference(noun.called(each.field), each) for each in found.fields]
        return RowDifference(view, found.before, found.after, shown, list(found.corrections))

    row = (
        Argument(
            "view", str, "Which list, as in `customers` or `opportunities`; `customer360` is the card of a customer."
        ),
        Argument("key", list[str], "The id of the row; for a key of several columns, all of them, in order."),
        Argument("from_", AsOf, "The one moment.", REQUIRED),
        Argument("to", AsOf | None, "The other one; now, if it is left out."),
        Argument("fields", list_of(str), "Which fields; all, if they are left out."),
    )
    figure = (
        *figure_arguments(shapes),
        *DAYS,
        Argument("part", str | None, "Which of the sums that it is made of; the first one, if it is left out."),
        Argument("before", AsOf, "The one moment from which it is looked at.", REQUIRED),
        Argument("after", AsOf | None, "The other one; now, if it is left out."),
    )
    words = "What changed in a row between two moments, each change with the events behind it."
    return [
        answered("diff_as_of", "RowDifference", words, compare, row, within=within),
        answered(
            "kpi_diff_as_of", shapes.output_of(KpiDifference), sentence_of(KpiDifference), _figure, figure, within=within
        ),
    ]  # fmt: skip


def _make(within: Namespace) -> None:
    within["FieldDifference"] = output(
        "FieldDifference",
        "A field that is not the same at two moments.",
        [
            shown("field", str, "Which one.", within=within),
            answered("before", Json | None, "Its value at the one moment.", _before, within=within),
            answered("after", Json | None, "Its value at the other.", _after, within=within),
            answered(
                "causes", "list[Cause]", f"The events that made the difference, the last {MAX_CAUSES} at most.", _causes,
                within=within,
            ),
            answered(
                "gone", "list[Cause]", "Events that counted at the one moment and do not at the other.", _gone, within=within
            ),
        ],
    )  # fmt: skip
    within["RowDifference"] = output(
        "RowDifference",
        "What is not the same in a row at two moments.",
        [
            shown("view", str, "Of which list.", within=within),
            shown("existed", bool, "Whether it was there at the one moment.", within=within),
            shown("exists", bool, "Whether it was there at the other.", within=within),
            shown("changes", "list[FieldDifference]", "The fields that differ.", within=within),
            shown(
                "corrections", list[Position], "Where in between somebody was merged or unmerged, or an import was taken back.",
                within=within,
            ),
        ],
    )  # fmt: skip


async def _before(root: FieldDifference, info: Info) -> Any:
    return root.found.before


async def _after(root: FieldDifference, info: Info) -> Any:
    return root.found.after


async def _causes(root: FieldDifference, info: Info) -> list[Cause]:
    return list(root.found.causes[-MAX_CAUSES:])


async def _gone(root: FieldDifference, info: Info) -> list[Cause]:
    return list(root.found.gone[-MAX_CAUSES:])


async def _figure(
    root: None,
    info: Info,
    *,
    key: str,
    from_: date,
    to: date,
    time_zone: str,
    before: AsOf,
    after: AsOf | None = None,
    part: str | None = None,
    version: int | None = None,
    measure: str | None = None,
    scope: list[KpiScope] | None = None,
    currency: str | None = None,
) -> KpiDifference:
    return await info.context.ask(
        kpi_difference, info.context.house.lists, key, from_, to, moment_of(before), moment_of(after),
        part=part, version=version, measure=measure, scope=scopes_of(scope), zone=time_zone, currency=currency,
    )  # fmt: skip
