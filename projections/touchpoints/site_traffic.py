"""Site traffic: how many came to the web site, what they looked at, and what their visits brought in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from psycopg import sql
from psycopg.rows import class_row

from domain.kernel import Refused
from domain.values import must_be_zone
from domain.web_session import MAX_SESSION_S
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.facts import counted
from projections.lists import Lists
from projections.selling import carts
from projections.selling.sales import sales
from projections.touchpoints import visits

MAX_TRAFFIC_ROWS = 1_000
LONGEST = timedelta(seconds=MAX_SESSION_S)
"""A visit lasts no longer: what was seen so long before or after says nothing of when one began."""


class TrafficBy(StrEnum):
    """By what visits are told apart."""

    DAY = "DAY"
    CAMPAIGN = "CAMPAIGN"
    DEVICE = "DEVICE"
    COUNTRY = "COUNTRY"
    LANDING = "LANDING"
    PAGE = "PAGE"
    CATEGORY = "CATEGORY"
    PRODUCT = "PRODUCT"


OF_VISIT = (TrafficBy.DAY, TrafficBy.CAMPAIGN, TrafficBy.DEVICE, TrafficBy.COUNTRY, TrafficBy.LANDING)
"""What a whole visit has one of. Of the others each of its hits has one, or none."""
HITS = (
    "select h.{column} as value, h.owner_id, count(*) as hits, count(*) filter (where kind = 'PRODUCT') as product_views"
    "  from (select * from {hits}) h join began using (owner_id) where h.{column} is not null group by 1, 2"
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The visits that share a value: a day (YYYY-MM-DD), a campaign, a page ... Empty: nothing was said of it.

    `visitors` are told apart by who they are taken to be. `orders` came of carts that were filled in these visits, and
    `revenue` is what they brought in after what was called off or came back, and `margin` that less what the goods cost, as
    far as it is known, in `base_currency`. By product they are of that product alone.
    """

    value: str | None
    visits: int
    visitors: int
    known_visitors: int
    hits: int
    product_views: int
    orders: int
    base_currency: str | None
    revenue: Decimal
    margin: Decimal | None


def site_traffic(
    lists: Lists,
    by: TrafficBy,
    start: datetime,
    end: datetime,
    *,
    zone: str = BUSINESS_ZONE,
    first: int = 100,
    as_of: AsOf = NOW,
) -> list[Traffic]:
    """The visits that began from a moment up to another: by day in their order, else the most visited first.

    A visit is one of the day on which it began in `zone`.
    """
    if end <= start:
        raise Refused("The end must be after the start.", "to")
    if not 0 < first <= MAX_TRAFFIC_ROWS:
        raise Refused(f"Ask for 1 to {MAX_TRAFFIC_ROWS:,} rows.", "first")
    must_be_zone(zone, "timeZone")
    of_visit, is_product = by in OF_VISIT, by is TrafficBy.PRODUCT
    column, hits = sql.Identifier(by.value.lower()), counted(visits.hits, as_of, lists.log.reader)
    day = sql.SQL("to_char(min(seen_at) at time zone {}, 'YYYY-MM-DD')").format(sql.Literal(zone))
    query = sql.SQL(
        "with began as ("
        "  select owner_id, {of_visit} as value, count(*) as hits, count(*) filter (where kind = 'PRODUCT') as product_views"
        "    from {hits} where seen_at >= %s and seen_at < %s"
        "   group by owner_id having min(seen_at) >= %s and min(seen_at) < %s"
        "), seen as ({seen}), bought as ("
        "  select c.web_session_id as owner_id, {sku} as sku, s.base_currency, count(distinct s.owner_id) as orders,"
        "         sum(s.base_amount) as revenue, sum(s.base_amount - s.cost) as margin"
        "    from (select * from {sales}) s join views.carts c on c.order_id = s.owner_id"
        "   where c.web_session_id in (select owner_id from seen) group by 1, 2, 3"
        "), house as (select mode() within group (order by base_currency) as base_currency from bought)"
        "select value, count(*) as visits, count(distinct v.customer_id) as visitors,"
        "       count(distinct v.customer_id) filter (where v.identified) as known_visitors,"
        "       sum(s.hits)::bigint as hits, sum(s.product_views)::bigint as product_views,"
        "       coalesce(sum(b.orders), 0)::bigint as orders, min(h.base_currency) as base_currency,"
        "       coalesce(sum(b.revenue), 0) as revenue, sum(b.margin) as margin"
        "  from seen s cross join house h join views.visits v on v.web_session_id = s.owner_id"
        "  left join bought b on b.owner_id = s.owner_id and b.base_currency = h.base_currency and {of_value}"
        " group by value order by {order} limit %s"
    ).format(
        of_visit=day
        if by is TrafficBy.DAY
        else sql.SQL("min({})").format(column if of_visit else sql.SQL("null::text")),
        seen=sql.SQL("select * from began" if of_visit else HITS).format(column=column, hits=hits),
        hits=hits,
        sales=counted(sales, as_of, lists.log.reader),
        sku=sql.SQL("s.sku" if is_product else "null::text"),
        of_value=sql.SQL("b.sku = s.value" if is_product else "true"),
        order=sql.SQL("value" if by is TrafficBy.DAY else "visits desc, value nulls last"),
    )
    with lists.reading(carts.view) as (db, _), db.cursor(row_factory=class_row(Traffic)) as cursor:
        return cursor.execute(query, [start - LONGEST, end + LONGEST, start, end, first]).fetchall()
