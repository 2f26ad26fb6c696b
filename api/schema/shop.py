"""The shop: carts and visits, what becomes of carts, and what the traffic on the web site brings in."""

from datetime import datetime

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.customer import customer_of
from api.schema.lead import FROM, TO
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from eventstore.reader import NOW
from projections.buckets import BUSINESS_ZONE
from projections.selecting import Order
from projections.selling import cart_funnel, carts, orders
from projections.selling.cart_funnel import CartFunnel
from projections.touchpoints import site_traffic, visits
from projections.touchpoints.site_traffic import Traffic, TrafficBy

noun = Noun(
    carts.view,
    "Cart",
    hidden=("rate",),
    order=(Order("changed_at", True),),
    fields=lambda lists: [
        customer_of(lists),
        *one(lists, "visit", visits.view, "web_session_id", "The visit in which it was filled."),
        *one(lists, "order", orders.view, "order_id", "The order that it has become."),
    ],
)
visit = Noun(visits.view, "Visit", order=(Order("started_at", True),), fields=lambda lists: [customer_of(lists)])


def questions(lists: Lists) -> list[StrawberryField]:
    """`cartFunnel(from, to, asOf, atLeast)` and `siteTraffic(by, from, to, timeZone, first, asOf, atLeast)`."""
    return [
        answered(
            "cart_funnel",
            lists.shapes.output(tuple[CartFunnel, ...]),
            sentence_of(CartFunnel),
            _funnel,
            (FROM, TO, AS_OF, AT_LEAST),
            within=lists.types,
        ),
        answered(
            "site_traffic",
            lists.shapes.output(tuple[Traffic, ...]),
            sentence_of(Traffic),
            _traffic,
            (
                Argument("by", lists.shapes.enum(TrafficBy), "By what visits are told apart.", TrafficBy.DAY),
                Argument("from_", datetime, "The visits that began from this moment on."),
                Argument("to", datetime, "Up to this one."),
                Argument("time_zone", str, "In which days are told.", BUSINESS_ZONE),
                Argument("first", int, f"How many rows, at most {site_traffic.MAX_TRAFFIC_ROWS:,}.", 100),
                AS_OF,
                AT_LEAST,
            ),
            within=lists.types,
        ),
    ]


async def _funnel(
    root: None,
    info: Info,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[CartFunnel]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [carts.view], at_least)
    return await context.ask(cart_funnel.cart_funnel, context.house.lists, start=from_, end=to, as_of=moment)


async def _traffic(
    root: None,
    info: Info,
    *,
    by: TrafficBy,
    from_: datetime,
    to: datetime,
    time_zone: str,
    first: int,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[Traffic]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [visits.view, carts.view, orders.view], at_least)
    return await context.ask(
        site_traffic.site_traffic, context.house.lists, by, from_, to, zone=time_zone, first=first, as_of=moment
    )
