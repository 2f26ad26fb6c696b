"""Acquisition: what it cost to win a customer, what it cost to keep one, and what it cost to serve them all."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg import sql

from domain.kernel import Refused
from domain.values import EXACT
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.company.cost_shares import cost_parts
from projections.company.profitability import currency_of, parameters, period_of
from projections.facts import counted
from projections.history import past
from projections.lists import Lists
from projections.marketing.uplift import rate
from projections.periods import CalendarPeriod, periods_of
from projections.selling import orders
from projections.selling.sales import sales
from projections.service import cases
from projections.touchpoints.calls import legs as call_legs
from projections.touchpoints.interactions import contacts

MAX_PERIODS = 60


@dataclass(frozen=True, slots=True)
class AcquisitionCost:
    """What a period cost, days of `time_zone`, both included; money in the base currency.

    `acquisition_cost` is what the rules of allocation let those bear of the commercial cost who had not bought before the
    period, `retention_cost` what those bear who had; `unallocated_cost` nobody bears. `cost_per_customer` (CAC) is
    acquisition_cost / `new_customers`, whose first order is in the period; `loaded_cost_per_customer` adds what nobody
    bears. `retention_cost_per_customer` is retention_cost / `retained_customers`, who had bought before and did again, and
    `retention_ratio` is CAC divided by that. `service_cost` (of support, or shared out by cases) is divided by the `cases`
    that were opened, and by the `served_customers`, who had a case or a contact.
    """

    starts_on: date
    ends_on: date
    time_zone: str
    currency: str
    acquisition_cost: Decimal
    retention_cost: Decimal
    unallocated_cost: Decimal
    new_customers: int
    retained_customers: int
    cost_per_customer: Decimal | None
    loaded_cost_per_customer: Decimal | None
    retention_cost_per_customer: Decimal | None
    retention_ratio: Decimal | None
    service_cost: Decimal
    cases: int
    cost_per_case: Decimal | None
    served_customers: int
    cost_to_serve: Decimal | None
    position: int


COSTS = sql.SQL("""
select coalesce((select sum(part) from parts where not service and key = 'ACQUISITION'), 0),
       coalesce((select sum(part) from parts where not service and key = 'RETENTION'), 0),
       coalesce((select sum(amount) from pools where not service and pool not in (select pool from parts)), 0),
       coalesce((select sum(amount) from pools where service), 0)
""")
COUNTS = sql.SQL("""
with firsts as (
  select customer_id, min(occurred_at) as first_order_at, bool_or(occurred_at >= %(start)s and occurred_at < %(end)s) as bought
    from {sales} where orders = 1 group by customer_id),
opened as (
  select customer_id from {cases} where opened_at >= %(start)s and opened_at < %(end)s),
met as (
  select customer_id from (
    select customer_id, occurred_at, contacts from {contacts}
     union all
    select customer_id, occurred_at, 1 from {call_legs} where move = 'ANSWERED') c
   where occurred_at >= %(start)s and occurred_at < %(end)s group by customer_id having sum(contacts) > 0)
select (select count(*) from firsts where first_order_at >= %(start)s and first_order_at < %(end)s),
       (select count(*) from firsts where first_order_at < %(start)s and bought),
       (select count(*) from opened),
       (select count(*) from (select customer_id from opened where customer_id is not null
                              union select customer_id from met where customer_id is not null) served)
""")


def acquisition_costs(
    lists: Lists,
    starts_on: date,
    ends_on: date,
    granularity: Granularity | None = None,
    *,
    zone: str = BUSINESS_ZONE,
    currency: str | None = None,
    as_of: AsOf = NOW,
) -> list[AcquisitionCost]:
    """What winning, keeping and serving customers cost, in each period between two days, both included, as of a moment.

    Without a granularity, in all of it as one. Source: customer acquisition cost as in Farris, Bendle, Pfeifer and
    Reibstein, Marketing Metrics, 2nd edition (2010), section 5.5 (acquisition versus retention spending), where the costs
    are those that `projections.company.profitability` shares out. Raises `Refused` for more than MAX_PERIODS, and as
    `profitability` does.
    """
    whole = period_of(starts_on, ends_on, zone)
    periods = [whole] if granularity is None else periods_of(starts_on, ends_on, granularity, zone)
    if len(periods) > MAX_PERIODS:
        raise Refused(f"That is more than {MAX_PERIODS} periods. Ask for longer ones, or for less time.", "grain")
    reader = lists.log.reader
    costs = cost_parts(None, as_of, reader, stage=True) + COSTS
    counts = COUNTS.format(
        sales=counted(sales, as_of, reader),
        cases=past(cases.view, as_of, reader),
        contacts=counted(contacts, as_of, reader),
        call_legs=counted(call_legs, as_of, reader),
    )
    found = []
    with lists.reading(orders.view) as (db, position):
        booked_in = currency or currency_of(db, whole, as_of, reader)
        for period in periods:
            asked = {**parameters(period), "currency": booked_in}
            spent, customers = db.execute(costs, asked).fetchone(), db.execute(counts, asked).fetchone()
            assert spent is not None
            assert customers is not None
            found.append(_figures(period, zone, booked_in, spent, customers, position))
    return found


def _figures(
    period: CalendarPeriod,
    zone: str,
    currency: str,
    spent: tuple[Decimal, ...],
    customers: tuple[int, ...],
    position: int,
) -> AcquisitionCost:
    acquisition, retention, unallocated, service = spent
    new, retained, opened, served = customers
    cac, kept = rate(acquisition, new), rate(retention, retained)
    return AcquisitionCost(
        period.starts_on, period.ends_on, zone, currency, acquisition, retention, unallocated, new, retained,
        cost_per_customer=cac,
        loaded_cost_per_customer=rate(EXACT.add(acquisition, unallocated), new),
        retention_cost_per_customer=kept,
        retention_ratio=None if cac is None or not kept else rate(cac, kept),
        service_cost=service, cases=opened, cost_per_case=rate(service, opened), served_customers=served,
        cost_to_serve=rate(service, served), position=position,
    )  # fmt: skip
