"""Buyers: who ordered how often, when, and for how much, from the sales."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection, sql

from domain.values import must_be_currency, must_be_zone
from eventstore.reader import AsOf, Reader
from projections.buckets import BUSINESS_ZONE
from projections.facts import counted
from projections.selling.sales import sales


@dataclass(frozen=True, slots=True)
class Look:
    """From where the sales are looked at: as of a moment, `seen_at`, with the days of a zone, and in one base currency.

    `currency` None is the one in which most lines are: sums in several currencies are not added up.
    """

    as_of: AsOf
    seen_at: datetime
    zone: str = BUSINESS_ZONE
    currency: str | None = None

    @property
    def today(self) -> datetime:
        """The moment in the zone."""
        return self.seen_at.astimezone(ZoneInfo(self.zone))


def look(reader: Reader, as_of: AsOf, now: datetime, *, zone: str = BUSINESS_ZONE, currency: str | None = None) -> Look:
    """A look as of a moment: `now` if that is now, when it was recorded if it is a position. Raises `Refused`."""
    must_be_zone(zone, "zone")
    if currency is not None:
        must_be_currency(currency, "currency")
    return Look(as_of, reader.moment_of(as_of) or now, zone, currency)


def currency_of(db: Connection, reader: Reader, look: Look) -> str | None:
    """The base currency that is looked at; None if there are no sales at all."""
    if look.currency is not None:
        return look.currency
    row = db.execute(
        sql.SQL(
            "select base_currency from {} group by base_currency order by count(*) desc, base_currency limit 1"
        ).format(counted(sales, look.as_of, reader))
    ).fetchone()
    return None if row is None else str(row[0])


def buyers(reader: Reader, look: Look, currency: str | None) -> sql.Composed:
    """`bought` and `buyers`, to begin a statement with: each order, and each customer with at least one of them.

    An order counts unless all of it was called off. `spent` is what was ordered less what was called off or came back,
    also where its order is not known, in the base currency, and `cost` what that cost where it is known: of `costed`.
    """
    return _buyers(counted(sales, look.as_of, reader), sql.Literal(currency or ""), sql.SQL("true"))


def buyers_among(reader: Reader, as_of: AsOf) -> sql.Composed:
    """The same and `rhythms` of some `customers`, which are among the parameters, as the `currency` and the `zone` are."""
    whose = sql.SQL("customer_id = any(%(customers)s)")
    found = _buyers(counted(sales, as_of, reader), sql.Placeholder("currency"), whose)
    return found + _rhythms(sql.Placeholder("zone"))


def among(look: Look, currency: str | None, customer_ids: Sequence[UUID]) -> dict[str, object]:
    """The parameters of `buyers_among`."""
    return {"customers": list(customer_ids), "currency": currency or look.currency or "", "zone": look.zone}


def _buyers(sales: sql.Composable, currency: sql.Composable, whose: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "with bought as ("
        "  select customer_id, owner_id as order_id,"
        "         min(occurred_at) filter (where kind = 'PLACED') as placed_at,"
        "         coalesce(sum(quantity) filter (where kind <> 'RETURNED'), 0) > 0 as counts,"
        "         sum(base_amount) as worth, sum(cost) as cost,"
        "         sum(base_amount) filter (where cost is not null) as costed"
        "    from {sales} where customer_id is not null and base_currency = {currency} and {whose}"
        "   group by customer_id, owner_id"
        "), buyers as ("
        "  select customer_id, count(*) filter (where counts) as orders,"
        "         min(placed_at) filter (where counts) as first_at, max(placed_at) filter (where counts) as last_at,"
        "         sum(worth) as spent, coalesce(sum(cost), 0) as cost, coalesce(sum(costed), 0) as costed"
        "    from bought group by customer_id having count(*) filter (where counts) > 0"
        ") "
    ).format(sales=sales, currency=currency, whose=whose)


def rhythms(look: Look) -> sql.Composed:
    """`rhythms`, to go on with after `buyers`: each buyer by days, of which each counts once however much was ordered.

    `days` they bought on from `first_day` to `last_day`, the median of the days between them, and what all days but the
    first were worth.
    """
    return _rhythms(sql.Literal(look.zone))


def _rhythms(zone: sql.Composable) -> sql.Composed:
    return sql.SQL(
        ", days as ("
        "  select customer_id, (placed_at at time zone {zone})::date as day, sum(worth) as worth"
        "    from bought where counts group by customer_id, day"
        "), gaps as ("
        "  select customer_id, day, worth, day - lag(day) over (partition by customer_id order by day) as gap from days"
        "), rhythms as ("
        "  select customer_id, count(*) as days, min(day) as first_day, max(day) as last_day,"
        "         percentile_cont(0.5) within group (order by gap) as median_gap,"
        "         coalesce(sum(worth) filter (where gap is not null), 0) as again"
        "    from gaps group by customer_id"
        ") "
    ).format(zone=zone)
