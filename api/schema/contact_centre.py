"""The contact centre: the queue as it stands, its figures by interval, and what has yet to be written up."""

from datetime import datetime
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.limits import PAGE_ROWS
from api.schema.context import Info
from api.schema.customer import customer_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_reached
from api.schema.noun import Noun
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered
from api.schema.views import Lists
from domain.kernel import Refused
from domain.values import Channel, must_know_zone
from eventstore.commands import identify
from eventstore.reader import AsOf as Moment
from projections.buckets import BUSINESS_ZONE
from projections.selecting import Order
from projections.service import shifts, work_items
from projections.service.contact_centre import ANSWERED_WITHIN_S, CentreReport, contact_centre
from projections.service.intervals import QUARTER_S
from projections.service.queue import LiveQueue, live_queue
from projections.service.staffing_plan import PlannedInterval, staffing_plan
from projections.service.traffic import CentreDimension, Slice
from projections.service.undocumented import UndocumentedCalls, undocumented_calls
from projections.touchpoints import calls, interactions

CENTRE = (work_items.view, calls.view, shifts.view)

work_item = Noun(
    work_items.view,
    "WorkItem",
    hidden=("passed_on",),
    order=(Order("queued_at", True),),
    fields=lambda lists: [customer_of(lists)],
)
call = Noun(
    calls.view,
    "Call",
    hidden=("leg_at", "leg_answered_at", "leg_hold_s", "held_at", "passed_on"),
    order=(Order("rang_at", True),),
    fields=lambda lists: [customer_of(lists)],
)
shift = Noun(shifts.view, "AgentShift", order=(Order("signed_in_at", True),))
interaction = Noun(
    interactions.view, "Interaction", order=(Order("began_at", True),), fields=lambda lists: [customer_of(lists)]
)
NOUNS = (work_item, call, shift, interaction)


def questions(lists: Lists) -> list[StrawberryField]:
    """`queue`, `contactCentre`, `staffingPlan` and `undocumentedCalls`."""
    shapes, within = lists.shapes, lists.types
    span = (
        Argument("from_", datetime, "From this moment on."),
        Argument("to", datetime, "Up to this one."),
    )
    waiting = (
        Argument("queue", str | None, "Which queue; all of them, if it is left out."),
        Argument("at", datetime | None, "As it stood at this moment, with what is known today."),
        Argument("first", int, "How many of what is next, at most 100.", PAGE_ROWS),
        AS_OF,
        AT_LEAST,
    )
    figures = (
        *span,
        Argument(
            "interval_s",
            int | None,
            "How long an interval is: a multiple of 900 seconds. Null: all at once.",
            QUARTER_S,
        ),
        Argument("by", shapes.output(tuple[CentreDimension, ...]) | None, "By what to tell them apart."),
        Argument("queue", str | None, "Of this queue alone."),
        Argument("staff_id", Ref | None, "Of this agent alone."),
        Argument("campaign_id", Ref | None, "Of this campaign alone."),
        Argument("channel", shapes.enum(Channel) | None, "Of this channel alone."),
        Argument("within_s", int, "In how many seconds an answer is in time.", ANSWERED_WITHIN_S),
        Argument("time_zone", str, "Whose clocks cut the intervals.", BUSINESS_ZONE),
        AS_OF,
        AT_LEAST,
    )
    planned = (
        *span,
        Argument("interval_s", int, "How long an interval is: a multiple of 900 seconds.", QUARTER_S),
        Argument("queue", str | None, "For this queue alone."),
        Argument("channel", shapes.enum(Channel) | None, "For this channel alone."),
        Argument("service_level", float, "The share that is to be answered in time.", 0.8),
        Argument("within_s", int, "In how many seconds an answer is in time.", ANSWERED_WITHIN_S),
        Argument("shrinkage", float, "The share of paid time in which agents are not there to answer.", 0.0),
        Argument("time_zone", str, "Whose clocks cut the intervals.", BUSINESS_ZONE),
        AS_OF,
        AT_LEAST,
    )
    plan = shapes.output(tuple[PlannedInterval, ...])
    return [
        answered("staffing_plan", plan, "How many agents what came would have taken.", _plan, planned, within=within),
        answered("queue", shapes.output_of(LiveQueue), "What waits for an agent.", _queue, waiting, within=within),
        answered(
            "contact_centre",
            shapes.output_of(CentreReport),
            "Its figures, by interval.",
            _figures,
            figures,
            within=within,
        ),
        answered(
            "undocumented_calls",
            shapes.output_of(UndocumentedCalls),
            "The calls without a wrap-up, by agent.",
            _undocumented,
            (*span, AS_OF, AT_LEAST),
            within=within,
        ),
    ]


async def _queue(
    root: None,
    info: Info,
    *,
    queue: str | None = None,
    at: datetime | None = None,
    first: int = PAGE_ROWS,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> LiveQueue:
    context = info.context
    if at is None:
        moment = await moment_reached(context, (work_items.view, shifts.view), as_of, at_least)
    else:
        if as_of is not None:
            raise Refused("Give either the moment or asOf.", "at")
        must_know_zone(at, "at")
        moment = Moment(valid_at=at)
    return await context.ask(live_queue, context.house.lists, queue, first=first, as_of=moment)


async def _figures(
    root: None,
    info: Info,
    *,
    from_: datetime,
    to: datetime,
    interval_s: int | None = QUARTER_S,
    by: list[CentreDimension] | None = None,
    queue: str | None = None,
    staff_id: str | None = None,
    campaign_id: str | None = None,
    channel: Channel | None = None,
    within_s: int = ANSWERED_WITHIN_S,
    time_zone: str = BUSINESS_ZONE,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> CentreReport:
    context = info.context
    moment = await moment_reached(context, CENTRE, as_of, at_least)
    return await context.ask(
        contact_centre,
        context.house.lists,
        from_,
        to,
        interval_s=interval_s,
        by=by or (),
        only=Slice(queue, _id("staff", staff_id, "staffId"), _id("campaign", campaign_id, "campaignId"), channel),
        within_s=within_s,
        zone=time_zone,
        as_of=moment,
    )


async def _plan(
    root: None,
    info: Info,
    *,
    from_: datetime,
    to: datetime,
    interval_s: int = QUARTER_S,
    queue: str | None = None,
    channel: Channel | None = None,
    service_level: float = 0.8,
    within_s: int = ANSWERED_WITHIN_S,
    shrinkage: float = 0.0,
    time_zone: str = BUSINESS_ZONE,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> tuple[PlannedInterval, ...]:
    context = info.context
    moment = await moment_reached(context, CENTRE, as_of, at_least)
    return await context.ask(
        staffing_plan,
        context.house.lists,
        from_,
        to,
        interval_s=interval_s,
        only=Slice(queue=queue, channel=channel),
        service_level=service_level,
        within_s=within_s,
        shrinkage=shrinkage,
        zone=time_zone,
        as_of=moment,
    )


async def _undocumented(
    root: None, info: Info, *, from_: datetime, to: datetime, as_of: AsOf | None = None, at_least: int | None = None
) -> UndocumentedCalls:
    context = info.context
    moment = await moment_reached(context, [calls.view], as_of, at_least)
    return await context.ask(undocumented_calls, context.house.lists, from_, to, as_of=moment)


def _id(noun: str, given: str | None, field: str) -> UUID | None:
    return None if given is None else identify(noun, given, field)
