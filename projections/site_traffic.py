"""Site traffic: how many came to the web site, what they looked at, and what their visits brought in."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from psycopg import sql
from psycopg.rows import class_row

from domain.kernel import Refused
from domain.values import must_be_zone
from eventstore.reader import NOW, AsOf
from projections import carts, visits
from projections.buckets import BUSINESS_ZONE
from projections.facts import counted
from projections.lists import Lists
from projections.sales import sales

MAX_TRAFFIC_ROWS = 1_000


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
    day = sql.SQL("to_char(began at time zone {}, 'YYYY-MM-DD')").format(sql.Literal(zone))
    is_day, is_product = by is TrafficBy.DAY, by is TrafficBy.PRODUCT
    query = sql.SQL(
        "with seen as ("
        "  select {value} as value, owner_id, customer_id, count(*) as hits,"
        "         count(*) filter (where kind = 'PRODUCT') as product_views"
        "    from (select *, min(seen_at) over (partition by owner_id) as began from {hits}) h"
        "   where began >= %s and began < %s group by 1, 2, 3"
        "), bought as ("
        "  select c.web_session_id, s.owner_id as order_id, {sku} as sku, s.base_currency, sum(s.base_amount) as revenue,"
        "         sum(s.base_amount - s.cost) as margin"
        "    from (select * from {sales}) s join views.carts c on c.order_id = s.owner_id"
        "   where c.web_session_id in (select owner_id from seen) group by 1, 2, 3, 4"
        "), house as (select mode() within group (order by base_currency) as base_currency from bought)"
        "select value, count(distinct s.owner_id) as visits, count(distinct s.customer_id) as visitors,"
        "       count(distinct s.customer_id) filter (where v.identified) as known_visitors,"
        "       sum(s.hits)::bigint as hits, sum(s.product_views)::bigint as product_views,"
        "       coalesce(sum(b.orders), 0)::bigint as orders, (select base_currency from house) as base_currency,"
        "       coalesce(sum(b.revenue), 0) as revenue, sum(b.margin) as margin"
        "  from seen s join views.visits v on v.web_session_id = s.owner_id"
        "  left join lateral ("
        "    select count(distinct order_id) as orders, sum(revenue) as revenue, sum(margin) as margin from bought"
        "     where web_session_id = s.owner_id and base_currency = (select base_currency from house) and {of_value}"
        "  ) b on true"
        " where {kept} group by value order by {order} limit %s"
    ).format(
        value=day if is_day else sql.Identifier(by.value.lower()),
        hits=counted(visits.hits, as_of, lists.log.reader),
        sales=counted(sales, as_of, lists.log.reader),
        sku=sql.SQL("s.sku" if is_product else "null::text"),
        of_value=sql.SQL("sku = s.value" if is_product else "true"),
        kept=sql.SQL("value is not null" if by in (TrafficBy.PAGE, TrafficBy.PRODUCT, TrafficBy.CATEGORY) else "true"),
        order=sql.SQL("value" if is_day else "visits desc, value nulls last"),
    )
    with lists.reading(carts.view) as (db, _), db.cursor(row_factory=class_row(Traffic)) as cursor:
        return cursor.execute(query, [start, end, first]).fetchall()
