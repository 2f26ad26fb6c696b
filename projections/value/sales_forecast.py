"""Sales forecast: what the next days, weeks or months will bring, by what the ones before brought."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from psycopg import sql

from domain.kernel import Refused
from projections.facts import counted
from projections.lists import Lists
from projections.selling import orders
from projections.selling.sales import sales
from projections.value import smoothing
from projections.value.buyers import Look, currency_of
from projections.value.smoothing import Smoothed

CENT = Decimal("0.01")
MAX_PERIODS = 400


class Grain(StrEnum):
    """How long a period is. Weeks begin on Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


SEASONS = {Grain.DAY: 7, Grain.WEEK: 52, Grain.MONTH: 12}
"""How many periods come round again: a week of days, a year of weeks or of months."""


@dataclass(frozen=True, slots=True)
class SalesPeriod:
    """What was sold in a period, returns taken off. `period` is its first day."""

    period: date
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class ExpectedPeriod:
    """What a period to come is expected to bring, and between what it will be with the confidence asked for."""

    period: date
    revenue: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class SalesForecast:
    """The series until the last whole period, the model that was chosen for it, and what is to come."""

    grain: Grain
    series: list[SalesPeriod]
    model: Smoothed
    name: str
    expected: list[ExpectedPeriod]
    confidence: float
    currency: str | None
    zone: str
    position: int


def sales_forecast(
    lists: Lists, look: Look, *, grain: Grain = Grain.MONTH, horizon: int = 12, confidence: float = 0.8
) -> SalesForecast:
    """The next `horizon` periods after the last whole one, from at most MAX_PERIODS of before.

    Raises `Refused` if there are too few periods to tell, or for a horizon or a confidence that cannot be.
    """
    reader, unit = lists.log.reader, grain.value.lower()
    with lists.reading(orders.view) as (db, position):
        currency = currency_of(db, reader, look)
        rows = db.execute(
            sql.SQL(
                "with sold as ("
                "  select date_trunc(%(unit)s, occurred_at at time zone %(zone)s) as period, sum(base_amount) as revenue"
                "    from {sales} where base_currency = %(currency)s group by 1"
                "), present as ("
                "  select date_trunc(%(unit)s, %(seen_at)s at time zone %(zone)s) as period"
                "), span as ("
                "  select generate_series(greatest((select min(period) from sold),"
                "                                  (select period from present) - %(most)s * ('1 ' || %(unit)s)::interval),"
                "                         (select period from present) - ('1 ' || %(unit)s)::interval,"
                "                         ('1 ' || %(unit)s)::interval) as period"
                ") "
                "select period::date, coalesce(revenue, 0) from span left join sold using (period) order by period"
            ).format(sales=counted(sales, look.as_of, reader)),
            {
                "unit": unit,
                "zone": look.zone,
                "currency": currency or "",
                "seen_at": look.seen_at,
                "most": MAX_PERIODS,
            },
        ).fetchall()
        if len(rows) < smoothing.MIN_VALUES:
            raise Refused(f"There are {len(rows)} whole periods; a forecast takes {smoothing.MIN_VALUES}.", "grain")
        coming = db.execute(
            "select (%(last)s::date + n * ('1 ' || %(unit)s)::interval)::date from generate_series(1, %(horizon)s) n",
            {"last": rows[-1][0], "unit": unit, "horizon": min(max(horizon, 1), smoothing.MAX_HORIZON)},
        ).fetchall()
    model = smoothing.best([float(revenue) for _, revenue in rows], season=SEASONS[grain])
    told = smoothing.forecast(model, horizon, confidence=confidence)
    return SalesForecast(
        grain,
        [SalesPeriod(*row) for row in rows],
        model,
        model.name,
        [
            ExpectedPeriod(period, *(Decimal(value).quantize(CENT) for value in (each.value, each.low, each.high)))
            for (period,), each in zip(coming, told, strict=True)
        ],
        confidence,
        currency,
        look.zone,
        position,
    )
