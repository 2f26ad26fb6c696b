"""The cart funnel: how many carts come to the checkout, become an order, are left behind and are taken up again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import sql
from psycopg.rows import class_row

from eventstore.reader import NOW, AsOf
from projections.facts import counted
from projections.lists import Lists
from projections.selling import carts


@dataclass(frozen=True, slots=True)
class CartFunnel:
    """What has come by now of the carts that were started in a time, in one base currency; amounts are in it.

    `abandoned` were left at least once, of which `recovered` were taken up again, and `lost` are abandoned still, with
    `lost_worth` in them. Conversion = converted / started, and abandonment = abandoned / started, from 0 to 1.
    """

    base_currency: str
    started: int
    checked_out: int
    converted: int
    converted_worth: Decimal
    abandoned: int
    recovered: int
    lost: int
    lost_worth: Decimal
    conversion: Decimal
    abandonment: Decimal


def cart_funnel(
    lists: Lists, *, start: datetime | None = None, end: datetime | None = None, as_of: AsOf = NOW
) -> list[CartFunnel]:
    """What came of the carts that were started from a moment up to another."""
    query = sql.SQL(
        "with carts as ("
        "  select owner_id, max(base_currency) as base_currency,"
        "         bool_or(status = 'CHECKOUT') as checked_out, bool_or(status = 'CONVERTED') as converted,"
        "         bool_or(status = 'ABANDONED') as abandoned, bool_or(recovered > 0) as recovered,"
        "         (array_agg(status order by position desc, number desc))[1] as status,"
        "         (array_agg(base_value order by position desc, number desc))[1] as worth"
        "    from {} group by owner_id"
        "  having bool_or(status = 'OPEN' and recovered = 0)"
        "     and (%s::timestamptz is null or min(occurred_at) filter (where status = 'OPEN' and recovered = 0) >= %s)"
        "     and (%s::timestamptz is null or min(occurred_at) filter (where status = 'OPEN' and recovered = 0) < %s)"
        ") select base_currency, count(*) as started, count(*) filter (where checked_out) as checked_out,"
        "         count(*) filter (where converted) as converted,"
        "         coalesce(sum(worth) filter (where status = 'CONVERTED'), 0) as converted_worth,"
        "         count(*) filter (where abandoned) as abandoned, count(*) filter (where recovered) as recovered,"
        "         count(*) filter (where status = 'ABANDONED') as lost,"
        "         coalesce(sum(worth) filter (where status = 'ABANDONED'), 0) as lost_worth,"
        "         round(count(*) filter (where converted)::numeric / count(*), 6) as conversion,"
        "         round(count(*) filter (where abandoned)::numeric / count(*), 6) as abandonment"
        "    from carts group by base_currency order by base_currency"
    ).format(counted(carts.moves, as_of, lists.log.reader))
    with lists.reading(carts.view) as (db, _), db.cursor(row_factory=class_row(CartFunnel)) as cursor:
        return cursor.execute(query, [start, start, end, end]).fetchall()
