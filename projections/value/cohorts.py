"""Cohorts: of the customers who began in a month, how many still buy so many months later, and for how much."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg import sql

from domain.kernel import Refused
from projections.lists import Lists
from projections.selling import orders
from projections.value.buyers import Look, buyers, currency_of
from projections.value.rfm import percent

MAX_COHORTS = 60


@dataclass(frozen=True, slots=True)
class CohortMonth:
    """A cohort so many `months` after the first one, which is 0: who ordered in that month, what, and what part that is.

    `share` is in percent of the customers of the cohort. What came back is taken off the month in which it was ordered.
    """

    months: int
    customers: int
    orders: int
    revenue: Decimal
    share: Decimal


@dataclass(frozen=True, slots=True)
class Cohort:
    """The customers whose first order was in the month that begins on `month`. Months in which none ordered are left out."""

    month: date
    customers: int
    months: list[CohortMonth]


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The cohorts, the first one first."""

    cohorts: list[Cohort]
    currency: str | None
    zone: str
    position: int


def cohorts(lists: Lists, look: Look, *, first: date | None = None, last: date | None = None) -> Cohorts:
    """The cohorts that began from the month of one day to that of another: the MAX_COHORTS before `last`, if it is not said.

    Without `last` up to the month that is looked from. Raises `Refused` for more than MAX_COHORTS.
    """
    end = _month(last or look.today.date())
    start = _month(first) if first is not None else _back(end, MAX_COHORTS - 1)
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    if not 1 <= count <= MAX_COHORTS:
        raise Refused(f"Ask for 1 to {MAX_COHORTS} months, the first one first.", "from")
    reader = lists.log.reader
    with lists.reading(orders.view) as (db, position):
        currency = currency_of(db, reader, look)
        rows = db.execute(
            buyers(reader, look, currency)
            + sql.SQL(
                ", placed as ("
                "  select customer_id, date_trunc('month', placed_at at time zone %(zone)s)::date as month, worth"
                "    from bought where counts"
                "), began as ("
                "  select customer_id, min(month) as began from placed group by customer_id"
                "), months as ("
                "  select began, month, count(distinct customer_id) as customers, count(*) as orders, sum(worth) as revenue"
                "    from placed join began using (customer_id)"
                "   where began between %(start)s and %(end)s group by began, month"
                ") "
                "select began, (extract(year from age(month, began)) * 12 + extract(month from age(month, began)))::int,"
                "       customers, orders, revenue from months order by began, month"
            ),
            {"zone": look.zone, "start": start, "end": end},
        ).fetchall()
    found: dict[date, Cohort] = {}
    for began, months, customers, ordered, revenue in rows:
        # Everybody of a cohort ordered in its first month.
        cohort = found.setdefault(began, Cohort(began, customers, []))
        share = percent(Decimal(customers), Decimal(cohort.customers))
        cohort.months.append(CohortMonth(months, customers, ordered, revenue, share))
    return Cohorts(list(found.values()), currency, look.zone, position)


def _month(day: date) -> date:
    return day.replace(day=1)


def _back(month: date, months: int) -> date:
    before = max(12, month.year * 12 + month.month - 1 - months)
    return date(before // 12, before % 12 + 1, 1)
