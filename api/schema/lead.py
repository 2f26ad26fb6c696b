"""The leads, newest first, with who they are; which of them wait, and what comes of each source."""

from datetime import datetime

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.customer import customer_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one, told
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.staff import people, staff_of
from api.schema.views import Lists
from eventstore.reader import NOW
from projections.selecting import Order
from projections.selling import lead_board, leads, opportunities
from projections.selling.lead_board import SourceCount, WaitingLead

TOLD = {
    "name": "Who it is.",
    "company": "Of which company.",
    "email": "Their e-mail.",
    "phone": "Their phone.",
    "note": "What was said.",
}


def _fields(lists: Lists) -> list[StrawberryField]:
    return [
        customer_of(lists),
        *staff_of(lists, words="Who sees to it."),
        *one(lists, "opportunity", opportunities.view, "opportunity_id", "What it became."),
        *(told(lists, name, str | None, "captured_position", words) for name, words in TOLD.items()),
    ]


noun = Noun(leads.view, "Lead", order=(Order("captured_at", True),), fields=_fields)

FROM = Argument("from_", datetime | None, "From this moment on.")
TO = Argument("to", datetime | None, "Up to this one.")


def questions(lists: Lists) -> list[StrawberryField]:
    """`waitingLeads(staffIds, calendar, first, asOf, atLeast)` and `leadSources(from, to, asOf, atLeast)`."""
    return [
        answered(
            "waiting_leads",
            lists.shapes.output(tuple[WaitingLead, ...]),
            f"{sentence_of(WaitingLead)} Those that have waited longest come first.",
            _waiting,
            (
                Argument("staff_ids", list[Ref] | None, "Of these people alone."),
                Argument("calendar", str | None, "The business calendar whose hours count."),
                Argument("first", int, f"How many, at most {lead_board.MAX_WAITING}.", 100),
                AS_OF,
                AT_LEAST,
            ),
            within=lists.types,
        ),
        answered(
            "lead_sources",
            lists.shapes.output(tuple[SourceCount, ...]),
            sentence_of(SourceCount),
            _sources,
            (FROM, TO, AS_OF, AT_LEAST),
            within=lists.types,
        ),
    ]


async def _waiting(
    root: None,
    info: Info,
    *,
    first: int,
    staff_ids: list[str] | None = None,
    calendar: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[WaitingLead]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [leads.view], at_least)
    return await context.ask(
        lead_board.waiting_leads,
        context.house.lists,
        await instant_of(context, moment),
        staff_ids=people(staff_ids),
        calendar=calendar,
        first=first,
        as_of=moment,
    )


async def _sources(
    root: None,
    info: Info,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[SourceCount]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [leads.view], at_least)
    return await context.ask(lead_board.lead_sources, context.house.lists, start=from_, end=to, as_of=moment)
