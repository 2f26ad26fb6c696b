"""Lifetime value: what a customer was worth and is expected to be worth, and how that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import partial
from math import isnan
from typing import Any
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from projections.lists import Lists
from projections.remembered import MODEL_SHARE, remembered
from projections.selling import orders
from projections.value import buying, spending
from projections.value.buyers import Look, among, buyers, buyers_among, currency_of, rhythms
from projections.value.buying import BuyingModel, NotFitted
from projections.value.spending import MAX_MONTHS, SpendModel

MIN_REPEAT_BUYERS = 100
"""Repeat buyers without whom the mean of the cohort is all that is said."""
MONTHS = 12
ANNUAL_RATE = 0.1
MONTH_DAYS = 365.25 / 12
CENT = Decimal("0.01")


class ValueMethod(StrEnum):
    """How what is to come is expected: by the models of buying and spending, or by what the cohort spent until now."""

    BG_NBD = "BG_NBD"
    COHORT_MEAN = "COHORT_MEAN"


class ValueBasis(StrEnum):
    """Whether value is what was earned or, where no order says what its goods cost, what was taken in."""

    MARGIN = "MARGIN"
    REVENUE = "REVENUE"


@dataclass(frozen=True, slots=True)
class BuyingReport:
    """The models that were fitted on the log, with how likely they make it; times are in weeks.

    `mean_worth` is what a purchase is worth on average. `margin_share` is the part of the revenue that was earned, of
    orders that say what their goods cost. The customers are those who ordered, up to the day `on`.
    """

    method: ValueMethod
    why: str
    buying: BuyingModel | None
    spend: SpendModel | None
    mean_worth: float | None
    customers: int
    repeat_buyers: int
    basis: ValueBasis
    margin_share: Decimal
    currency: str | None
    zone: str
    on: date
    position: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """The report, and what customers of each month of first orders, and of all months, spent in a month on average."""

    report: BuyingReport
    monthly: dict[date | None, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LifetimeValue:
    """What a customer was worth until now, `historic`, and what the next `months` are expected to be worth today.

    `alive` is the probability that this customer will ever buy again, `expected_purchases` the days on which that is
    expected in these months, each worth `expected_worth` before costs. With COHORT_MEAN none of these is known.
    """

    historic: Decimal
    expected: Decimal
    total: Decimal
    alive: float | None
    expected_purchases: float | None
    expected_worth: Decimal | None
    months: int
    annual_rate: float
    method: ValueMethod
    basis: ValueBasis
    currency: str | None
    position: int


def buying_report(lists: Lists, look: Look) -> BuyingReport:
    """The models on all sales until now: those of a little while ago, if the log goes on faster than they are fitted."""
    return _lately(lists, look).report


def lifetime_of(
    lists: Lists, customer_ids: Sequence[UUID], look: Look, *, months: int = MONTHS, annual_rate: float = ANNUAL_RATE
) -> dict[UUID, LifetimeValue]:
    """The value of each of these customers who ordered.

    Historic margin + discounted expected purchases x expected worth x the margin that is usual; by the mean of the cohort
    where there are fewer than MIN_REPEAT_BUYERS. What a month is worth is discounted from its end. Raises `Refused`.
    """
    if not 1 <= months <= MAX_MONTHS:
        raise Refused(f"Ask for 1 to {MAX_MONTHS} months.", "months")
    if not 0 <= annual_rate <= 1:
        raise Refused("The annual rate is a share from 0 to 1.", "annualRate")
    fitted = _lately(lists, look)
    report, today = fitted.report, look.today.date()
    with lists.reading(orders.view) as (db, position):
        rows = db.execute(
            buyers_among(lists.log.reader, look.as_of)
            + sql.SQL(
                "select customer_id, spent, cost, costed, days - 1, last_day - first_day,"
                "       greatest(%(today)s::date, last_day) - first_day, again, date_trunc('month', first_day)::date"
                "  from buyers join rhythms using (customer_id)"
            ),
            among(look, report.currency, customer_ids) | {"today": today},
        ).fetchall()
    if not rows:
        return {}
    to_come = _by_models(report, rows, months, annual_rate) or _by_cohort(fitted, rows, months, annual_rate)
    found = {}
    for (customer_id, spent, cost, costed, *_), (alive, purchases, worth, value) in zip(rows, to_come, strict=True):
        historic = (costed - cost + (spent - costed) * report.margin_share).quantize(CENT)
        expected = (Decimal(value) * report.margin_share).quantize(CENT)
        found[customer_id] = LifetimeValue(
            historic, expected, historic + expected, alive, purchases, worth, months, annual_rate,
            report.method, report.basis, report.currency, position,
        )  # fmt: skip
    return found


Coming = tuple[float | None, float | None, Decimal | None, float]
"""P(alive), purchases to come, what each is worth, and what all are worth today."""


def _by_models(report: BuyingReport, rows: Sequence[Any], months: int, annual_rate: float) -> list[Coming]:
    if report.buying is None or report.spend is None:
        return []
    x, again = [float(row[4]) for row in rows], [float(row[7]) for row in rows]
    recency, age = [row[5] / 7 for row in rows], [row[6] / 7 for row in rows]
    means = [max(0.0, total / count) if count else 0.0 for total, count in zip(again, x, strict=True)]
    worths = [
        report.mean_worth or 0.0 if isnan(each) else each
        for each in spending.expected_worth(report.spend, x, means).tolist()
    ]
    return list(
        zip(
            buying.alive(report.buying, x, recency, age).tolist(),
            buying.expected(report.buying, months * spending.MONTH_WEEKS, x, recency, age).tolist(),
            [Decimal(each).quantize(CENT) for each in worths],
            spending.lifetime_value(
                report.buying, worths, x, recency, age, months=months, annual_rate=annual_rate
            ).tolist(),
            strict=True,
        )
    )


def _by_cohort(fitted: Fitted, rows: Sequence[Any], months: int, annual_rate: float) -> list[Coming]:
    today = sum((1 + annual_rate) ** (-n / 12) for n in range(1, months + 1))
    return [(None, None, None, fitted.monthly.get(row[8], fitted.monthly.get(None, 0.0)) * today) for row in rows]


def _lately(lists: Lists, look: Look) -> Fitted:
    key = ("buying", look.as_of, look.currency, look.zone, look.today.date())
    return remembered(lists, orders.view, key, partial(_fitted, lists, look), share=MODEL_SHARE)


def _fitted(lists: Lists, look: Look) -> Fitted:
    reader, today = lists.log.reader, look.today.date()
    with lists.reading(orders.view) as (db, position):
        currency = currency_of(db, reader, look)
        rows = db.execute(
            buyers(reader, look, currency)
            + rhythms(look)
            + sql.SQL(
                ", all_of_them as materialized ("
                "  select *, greatest(%(today)s::date, last_day) - first_day as age from buyers join rhythms using (customer_id)"
                ") "
                "select days - 1, last_day - first_day, age, (again / nullif(days - 1, 0))::float8, count(*),"
                "       null::date, null::numeric, null::numeric, null::numeric, null::float8"
                "  from all_of_them group by 1, 2, 3, 4"
                " union all "
                "select null, null, null, null, count(*), date_trunc('month', first_day)::date,"
                "       sum(spent), sum(cost), sum(costed), sum(greatest(1, age / %(month)s))"
                "  from all_of_them group by 6"
            ),
            {"today": today, "month": MONTH_DAYS},
        ).fetchall()
    alike = [row for row in rows if row[5] is None]
    months = [row[4:] for row in rows if row[5] is not None]
    cost, costed = (sum((row[n] for row in months), Decimal(0)) for n in (3, 4))
    knows_costs = cost > 0 and costed > 0
    method, why, model, spend, mean = _models(alike)
    report = BuyingReport(
        method=method,
        why=why,
        buying=model,
        spend=spend,
        mean_worth=mean,
        customers=sum(row[4] for row in alike),
        repeat_buyers=sum(row[4] for row in alike if row[0]),
        basis=ValueBasis.MARGIN if knows_costs else ValueBasis.REVENUE,
        margin_share=((costed - cost) / costed).quantize(Decimal("0.0001")) if knows_costs else Decimal(1),
        currency=currency,
        zone=look.zone,
        on=today,
        position=position,
    )
    monthly: dict[date | None, float] = {
        month: float(spent) / lived for _, month, spent, _, _, lived in months if spent > 0
    }
    if months:
        monthly[None] = max(0.0, float(sum(row[2] for row in months))) / sum(row[5] for row in months)
    return Fitted(report, monthly)


def _models(alike: Sequence[Any]) -> tuple[ValueMethod, str, BuyingModel | None, SpendModel | None, float | None]:
    """The models, or why there are none; and what a purchase after the first one is worth on average."""
    again = [row for row in alike if row[0]]
    repeat_buyers = sum(row[4] for row in again)
    purchases = sum(row[0] * row[4] for row in again)
    mean = sum(row[3] * row[0] * row[4] for row in again) / purchases if purchases else None
    if repeat_buyers < MIN_REPEAT_BUYERS:
        why = f"{repeat_buyers} customers bought more than once; with fewer than {MIN_REPEAT_BUYERS} the cohort says more."
        return ValueMethod.COHORT_MEAN, why, None, None, mean
    try:
        model = buying.fit(
            [row[0] for row in alike],
            [row[1] / 7 for row in alike],
            [row[2] / 7 for row in alike],
            [row[4] for row in alike],
        )
        spend = spending.fit(
            [row[0] for row in again for _ in range(row[4])], [row[3] for row in again for _ in range(row[4])]
        )
    except NotFitted as error:
        return ValueMethod.COHORT_MEAN, str(error), None, None, mean
    why = f"{repeat_buyers} of {model.customers} customers bought more than once."
    return ValueMethod.BG_NBD, why, model, spend, spend.mean if spend.mean is not None else mean
