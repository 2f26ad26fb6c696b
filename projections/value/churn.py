"""Churn: whose silence is longer than they are used to buy, and who is gone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from projections.lists import MAX_PAGE, Lists
from projections.selling import orders
from projections.value.buyers import Look, buyers, currency_of, rhythms

AT_RISK_DAYS, AT_RISK_GAPS = 90, 2
CHURNED_DAYS, CHURNED_GAPS = 365, 4
"""The silence after which: so many days, or so many times the median of the customer's own gaps, whichever is longer."""


class ChurnStatus(StrEnum):
    """Whether a customer who ordered is still there."""

    ACTIVE = "ACTIVE"
    AT_RISK = "AT_RISK"
    CHURNED = "CHURNED"


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a customer has not ordered, in days, the median of the days between orders before, and what it means.

    `risk_after_days` and `churn_after_days` are the silences that are too long for this customer.
    """

    status: ChurnStatus
    days: int
    median_gap_days: float | None
    risk_after_days: float
    churn_after_days: float
    reason: str


@dataclass(frozen=True, slots=True)
class QuietCustomer:
    """A customer who may be lost, or is."""

    customer_id: UUID
    silence: Silence
    orders: int
    revenue: Decimal
    last_order_on: date


@dataclass(frozen=True, slots=True)
class ChurnCount:
    """The customers of a status, and what they spent until now."""

    status: ChurnStatus
    customers: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Churn:
    """How many customers are active, at risk and gone, and who of one status spent most."""

    counts: list[ChurnCount]
    quiet: list[QuietCustomer]
    currency: str | None
    on: date
    position: int


def silence(today: date, last_day: date, median_gap: float | None) -> Silence:
    """What the days since the last order mean. P16: more than max(90, 2 median gaps) is a risk, max(365, 4) is the end."""
    days, gap = (today - last_day).days, median_gap or 0.0
    risk, churn = max(float(AT_RISK_DAYS), AT_RISK_GAPS * gap), max(float(CHURNED_DAYS), CHURNED_GAPS * gap)
    status = ChurnStatus.CHURNED if days > churn else ChurnStatus.AT_RISK if days > risk else ChurnStatus.ACTIVE
    used = "one order until now" if median_gap is None else f"used to order every {median_gap:g} days"
    limit = churn if status is ChurnStatus.CHURNED else risk
    sentence = f"No order for {days} days; {used}. {'More' if days > limit else 'Not more'} than {limit:g} days."
    return Silence(status, days, median_gap, risk, churn, sentence)


def churn(lists: Lists, look: Look, *, status: ChurnStatus = ChurnStatus.AT_RISK, first: int = 20) -> Churn:
    """How many customers are of each status, and the `first` of one of them by what they spent. Raises `Refused`."""
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} customers at a time.", "first")
    reader, today = lists.log.reader, look.today.date()
    with lists.reading(orders.view) as (db, position):
        currency = currency_of(db, reader, look)
        rows = db.execute(
            buyers(reader, look, currency)
            + rhythms(look)
            + sql.SQL(
                ", silences as ("
                "  select customer_id, orders, spent, last_day, median_gap,"
                "         case when silent > greatest(%(churned)s, %(churned_gaps)s * coalesce(median_gap, 0)) then 'CHURNED'"
                "              when silent > greatest(%(risk)s, %(risk_gaps)s * coalesce(median_gap, 0)) then 'AT_RISK'"
                "              else 'ACTIVE' end as status"
                "    from buyers join (select *, %(today)s::date - last_day as silent from rhythms) r using (customer_id)"
                "), counts as ("
                "  select status, count(*) as customers, sum(spent) as revenue from silences group by status"
                ") "
                "select status, customers, revenue, null::uuid, null::bigint, null::date, null::float8 from counts"
                " union all ("
                "  select null, null, spent, customer_id, orders, last_day, median_gap from silences"
                "   where status = %(status)s order by spent desc, customer_id limit %(first)s)"
            ),
            {
                "today": today,
                "churned": CHURNED_DAYS,
                "churned_gaps": CHURNED_GAPS,
                "risk": AT_RISK_DAYS,
                "risk_gaps": AT_RISK_GAPS,
                "status": status.value,
                "first": first,
            },
        ).fetchall()
    counted = {
        ChurnStatus(row[0]): ChurnCount(ChurnStatus(row[0]), row[1], row[2]) for row in rows if row[0] is not None
    }
    return Churn(
        [counted.get(each, ChurnCount(each, 0, Decimal(0))) for each in ChurnStatus],
        [
            QuietCustomer(customer_id, silence(today, last_day, gap), ordered, spent, last_day)
            for name, _, spent, customer_id, ordered, last_day, gap in rows
            if name is None
        ],
        currency,
        today,
        position,
    )
