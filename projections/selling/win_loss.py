"""Wins and losses: how many sales were made of those that were decided, in how many days, and how fast that brings money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from zoneinfo import ZoneInfo

from psycopg import sql

from domain.kernel import Refused
from domain.values import EXACT, must_be_zone
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.lists import Lists
from projections.selling.deals import (
    EVERYTHING,
    MAX_GROUPS,
    SHARE_DECIMALS,
    Axis,
    Scope,
    currency_of,
    deals,
    grouped,
    looking,
    share,
)

YEAR_DAYS = 365
MAX_VELOCITY_DAYS = 3_660


class WinLossBasis(StrEnum):
    """Which opportunities are looked at: those that were CLOSED in a time, or the cohort of those that were OPENED in it."""

    CLOSED = "CLOSED"
    OPENED = "OPENED"


@dataclass(frozen=True, slots=True)
class WinLossSum:
    """What became of some opportunities.

    `win_rate` is won / (won + lost), from 0 to 1; what is still `open` is in neither. The days are from the opening to the
    closing. `won_amount` is the sum of what was won in the currency of the answer, and `mean_amount` its mean over what is
    known to be worth something.
    """

    won: int = 0
    lost: int = 0
    open: int = 0
    win_rate: Decimal | None = None
    won_amount: Decimal = Decimal(0)
    mean_amount: Decimal | None = None
    mean_days_won: Decimal | None = None
    median_days_won: Decimal | None = None
    mean_days_lost: Decimal | None = None
    median_days_lost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class WinLossGroup:
    """What became of the opportunities that share these `keys`, in the order of what was grouped by."""

    keys: tuple[str | None, ...]
    total: WinLossSum


@dataclass(frozen=True, slots=True)
class WinLoss:
    """What became of the opportunities of a time; days are those of `time_zone`. `position`: how far the log was taken in."""

    currency: str | None
    basis: WinLossBasis
    time_zone: str
    total: WinLossSum
    groups: tuple[WinLossGroup, ...]
    position: int


def win_loss(
    lists: Lists,
    scope: Scope = EVERYTHING,
    axes: Sequence[Axis] = (),
    *,
    basis: WinLossBasis = WinLossBasis.CLOSED,
    start: date | None = None,
    end: date | None = None,
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
) -> WinLoss:
    """Win rate and sales cycle by the day of closing, or of the cohort by the day of opening; both days are included.

    An opportunity that was closed, reopened and closed again counts once, by its last closing. Means and medians are of days
    of 24 hours (`sales_cycle_days`: the median from opened to won). Raises `Refused` for a time or groups that cannot be.
    """
    must_be_zone(zone, "time_zone")
    if start is not None and end is not None and end < start:
        raise Refused("The last day must not be before the first.", "to")
    reader = lists.log.reader
    begun, parameters = deals(scope, as_of, reader, axes=axes)
    query = begun + sql.SQL(_WIN_LOSS).format(keys=grouped(axes))
    asked = {"basis": str(basis), "start": start, "end": end, "zone": zone, "limit": MAX_GROUPS + 2}
    with looking(lists) as (db, position):
        currency = currency_of(db, scope, as_of, reader)
        found = db.execute(query, {**parameters, **asked, "currency": currency}).fetchall()
    if len(found) > MAX_GROUPS + 1:
        raise Refused(f"There are more than {MAX_GROUPS:,} groups. Narrow the filter.", "group_by")
    sums = [
        (whole, keys, WinLossSum(won, lost, open_, share(won, won + lost), *rest))
        for whole, keys, won, lost, open_, *rest in found
    ]
    return WinLoss(
        currency=currency,
        basis=basis,
        time_zone=zone,
        total=next(total for whole, _, total in sums if whole),
        groups=tuple(WinLossGroup(tuple(keys), total) for whole, keys, total in sums if not whole),
        position=position,
    )


@dataclass(frozen=True, slots=True)
class PipelineVelocity:
    """How much money the pipeline brings in a day, and what that is made of.

    `opportunities` are open, the others are of what was closed between two days: the win rate, what a sale was worth, and how
    many days it took, both on average.
    """

    currency: str | None
    opportunities: int
    win_rate: Decimal | None
    mean_amount: Decimal | None
    mean_days: Decimal | None
    per_day: Decimal | None
    from_: date
    to: date
    position: int


def velocity(
    lists: Lists, now: datetime, scope: Scope = EVERYTHING, *, days: int = YEAR_DAYS, as_of: AsOf = NOW
) -> PipelineVelocity:
    """Sales velocity in units of the currency per day, from what was closed in the last `days`.

    Open opportunities x win rate x mean amount of a sale / mean days from opening to winning: the usual definition, as
    Salesforce and HubSpot publish it. `now` is the moment of asking, if `as_of` names none. Raises `Refused` for too many days.
    """
    if not 0 < days <= MAX_VELOCITY_DAYS:
        raise Refused(f"Ask for 1 to {MAX_VELOCITY_DAYS:,} days.", "days")
    at = lists.log.reader.moment_of(as_of) or now
    end = at.astimezone(ZoneInfo(BUSINESS_ZONE)).date()
    start = end - timedelta(days=days - 1)
    begun, parameters = deals(scope, as_of, lists.log.reader)
    query = begun + sql.SQL("select count(*) from deal where status = 'OPEN' and base_currency = %(currency)s")
    with looking(lists) as (db, position):
        closed = win_loss(lists, scope, start=start, end=end, as_of=as_of)
        row = db.execute(query, {**parameters, "currency": closed.currency}).fetchone()
    opened = row[0] if row else 0
    total = closed.total
    per_day = None
    if total.win_rate is not None and total.mean_amount is not None and total.mean_days_won:
        brought = reduce(EXACT.multiply, (Decimal(opened), total.win_rate, total.mean_amount))
        per_day = round(EXACT.divide(brought, total.mean_days_won), SHARE_DECIMALS)
    return PipelineVelocity(
        closed.currency, opened, total.win_rate, total.mean_amount, total.mean_days_won, per_day, start, end, position
    )


_WIN_LOSS = """
    , decided as (
      select {keys} as keys, d.*, coalesce(won_at, lost_at) as closed_at,
             extract(epoch from greatest(coalesce(won_at, lost_at) - opened_at, interval '0')) / 86400 as days
        from deal d
    ),
    chosen as (
      select * from decided
       where (%(start)s::date is null
              or (case %(basis)s when 'CLOSED' then closed_at else opened_at end at time zone %(zone)s)::date >= %(start)s)
         and (%(end)s::date is null
              or (case %(basis)s when 'CLOSED' then closed_at else opened_at end at time zone %(zone)s)::date <= %(end)s)
         and (%(basis)s = 'OPENED' or closed_at is not null)
    )
    select grouping(keys) = 1, keys,
           count(*) filter (where status = 'WON'), count(*) filter (where status = 'LOST'),
           count(*) filter (where status = 'OPEN'),
           coalesce(sum(amount) filter (where status = 'WON' and base_currency = %(currency)s), 0),
           round(avg(base_amount) filter (where status = 'WON' and base_currency = %(currency)s), 6),
           round(avg(days) filter (where status = 'WON'), 6),
           round((percentile_cont(0.5) within group (order by days) filter (where status = 'WON'))::numeric, 6),
           round(avg(days) filter (where status = 'LOST'), 6),
           round((percentile_cont(0.5) within group (order by days) filter (where status = 'LOST'))::numeric, 6)
      from chosen group by grouping sets ((keys), ()) order by 2 limit %(limit)s
"""
