"""The forecast: what was closed and what is expected, by period, by whom and by how surely, as it stood on any day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg import Connection, sql

from domain.kernel import Refused
from domain.values import must_be_amount, must_be_zone
from eventstore.reader import NOW, AsOf, Reader
from projections.buckets import BUSINESS_ZONE, Granularity, bucket
from projections.lists import Lists
from projections.selling.deals import (
    EVERYTHING,
    MAX_GROUPS,
    Axis,
    Scope,
    StageRecord,
    added,
    currency_of,
    deals,
    grouped,
    looking,
    share,
    stage_records,
)

ZERO = Decimal(0)
MAX_PERIODS = 120
MAX_QUOTAS = 1_000
SHORTEST_DAYS = {
    Granularity.DAY: 1,
    Granularity.WEEK: 7,
    Granularity.MONTH: 28,
    Granularity.QUARTER: 90,
    Granularity.YEAR: 365,
}


@dataclass(frozen=True, slots=True)
class ForecastSum:
    """What a period brings. `closed` was won in it; the rest is open and expected to close in it, by how surely.

    `weighted` is `closed` and each open opportunity by how probable it is, `calibrated` by the past of its stage; what is
    `omitted` is in neither. What nobody gave a category is `pipeline`.
    """

    closed: Decimal = ZERO
    commit: Decimal = ZERO
    best_case: Decimal = ZERO
    pipeline: Decimal = ZERO
    omitted: Decimal = ZERO
    weighted: Decimal = ZERO
    calibrated: Decimal = ZERO
    won: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """What should be won in the period that begins on `period`, by whom or what the first group is named after; empty: by all."""

    period: date
    amount: Decimal
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ForecastLine:
    """The forecast of a period and a group; `period` is its first day. `attainment` is closed / quota, if that is given."""

    period: date
    keys: tuple[str | None, ...]
    total: ForecastSum
    quota: Decimal | None = None
    attainment: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Open opportunities that are in no period, because they are to close before the first, or nobody says when."""

    overdue: int = 0
    overdue_amount: Decimal = ZERO
    undated: int = 0
    undated_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Forecast:
    """Sums are in `currency`, days are those of `time_zone`; `position` is how far the log has been taken in."""

    currency: str | None
    time_zone: str
    granularity: Granularity
    total: ForecastSum
    lines: tuple[ForecastLine, ...]
    left_out: LeftOut
    records: tuple[StageRecord, ...]
    position: int


def forecast(
    lists: Lists,
    start: date,
    end: date,
    granularity: Granularity = Granularity.MONTH,
    axes: Sequence[Axis] = (),
    scope: Scope = EVERYTHING,
    *,
    quotas: Sequence[Quota] = (),
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
) -> Forecast:
    """What is to be won between two days, both included, as it stood at a moment.

    A sale counts in the period in which it was won, what is open in that of its close date, and quota attainment is what was
    closed of the quota: the usual categories of forecasting in CRM. Raises `Refused` for a time or groups that cannot be.
    """
    must_be_periods(start, end, granularity, zone)
    if len(quotas) > MAX_QUOTAS:
        raise Refused(f"{MAX_QUOTAS:,} quotas are the limit.", "quotas")
    for quota in quotas:
        must_be_amount(quota.amount, "quotas")
    reader = lists.log.reader
    with looking(lists) as (db, position):
        currency = currency_of(db, scope, as_of, reader)
        terms = Terms(scope, tuple(axes), granularity, zone, currency)
        records = stage_records(db, as_of, reader)
        lines = lines_of(db, reader, terms, start, end, records, as_of)
        begun, parameters = deals(scope, as_of, reader)
        rest = db.execute(begun + sql.SQL(_LEFT_OUT), {**parameters, "currency": currency, "start": start}).fetchone()
    wanted = {(quota.period, quota.key): quota.amount for quota in quotas}
    return Forecast(
        currency=currency,
        time_zone=zone,
        granularity=granularity,
        total=added(ForecastSum, [line.total for line in lines]),
        lines=tuple(with_quota(line, wanted.get((line.period, next(iter(line.keys), None)))) for line in lines),
        left_out=LeftOut(*rest or ()),
        records=tuple(records),
        position=position,
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What is forecast, and how it is added up."""

    scope: Scope
    axes: tuple[Axis, ...]
    granularity: Granularity
    zone: str
    currency: str | None


def lines_of(
    db: Connection, reader: Reader, terms: Terms, start: date, end: date, records: Sequence[StageRecord], as_of: AsOf
) -> list[ForecastLine]:
    """A line for each period and group in which there is something."""
    begun, parameters = deals(terms.scope, as_of, reader, records=records, axes=terms.axes)
    period, _ = bucket(sql.SQL("day"), "date", terms.granularity)
    query = begun + sql.SQL(_LINES).format(keys=grouped(terms.axes), period=period)
    asked = {"currency": terms.currency, "zone": terms.zone, "start": start, "end": end, "limit": MAX_GROUPS + 1}
    found = db.execute(query, {**parameters, **asked}).fetchall()
    if len(found) > MAX_GROUPS:
        raise Refused(f"There are more than {MAX_GROUPS:,} lines. Narrow the filter.", "group_by")
    return [ForecastLine(period, tuple(keys), ForecastSum(*sums)) for period, keys, *sums in found]


def with_quota(line: ForecastLine, quota: Decimal | None) -> ForecastLine:
    """The line with its quota and how much of it is closed: `quota_attainment`, closed / quota."""
    attainment = None if quota is None else share(line.total.closed, quota)
    return ForecastLine(line.period, line.keys, line.total, quota, attainment)


def must_be_periods(start: date, end: date, granularity: Granularity, zone: str) -> None:
    """Refused if the days are in the wrong order, or too many, or of no zone."""
    must_be_zone(zone, "time_zone")
    if end < start:
        raise Refused("The last day must not be before the first.", "to")
    if (end - start).days > MAX_PERIODS * SHORTEST_DAYS[granularity]:
        raise Refused(f"Ask for at most {MAX_PERIODS} periods.", "to")


_LINES = """
    , expected as (
      select {keys} as keys, d.*,
             case status when 'WON' then (won_at at time zone %(zone)s)::date else close_on end as day
        from deal d
       where status in ('WON', 'OPEN') and base_currency = %(currency)s
    )
    select {period} as period, keys,
           coalesce(sum(amount) filter (where status = 'WON'), 0),
           coalesce(sum(amount) filter (where status = 'OPEN' and category = 'COMMIT'), 0),
           coalesce(sum(amount) filter (where status = 'OPEN' and category = 'BEST_CASE'), 0),
           coalesce(sum(amount) filter (where status = 'OPEN' and category = 'PIPELINE'), 0),
           coalesce(sum(amount) filter (where status = 'OPEN' and category = 'OMITTED'), 0),
           coalesce(sum(case when status = 'WON' then amount when category <> 'OMITTED' then amount * probability end), 0),
           coalesce(sum(case when status = 'WON' then amount when category <> 'OMITTED' then amount * calibrated end), 0),
           count(*) filter (where status = 'WON'), count(*) filter (where status = 'OPEN')
      from expected
     where day between %(start)s and %(end)s
     group by 1, 2 order by 1, 2 limit %(limit)s
"""

_LEFT_OUT = """
    select count(*) filter (where close_on < %(start)s), coalesce(sum(amount) filter (where close_on < %(start)s), 0),
           count(*) filter (where close_on is null), coalesce(sum(amount) filter (where close_on is null), 0)
      from deal
     where status = 'OPEN' and base_currency = %(currency)s
"""
