"""Profitability: what each customer, segment, rep or product brought, less its goods and its share of the costs."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from psycopg import Connection, sql

from domain.kernel import Refused
from domain.values import EXACT
from eventstore.reader import NOW, AsOf, Reader
from projections.buckets import BUSINESS_ZONE
from projections.company.cost_shares import ProfitBy, cost_parts
from projections.company.costs import costs
from projections.facts import counted
from projections.lists import Lists
from projections.periods import CalendarPeriod, calendar_period, must_be_days
from projections.selling import orders
from projections.selling.sales import sales

MAX_LINES = 1_000
MAX_DAYS = 3_660
"""The longest period, in days."""


@dataclass(frozen=True, slots=True)
class ProfitLine:
    """What one of them brought and bore, in the base currency; without a `key`, what belongs to none of them.

    `revenue` is what was sold less what was called off or came back in the period, `cost_of_goods` what that cost the
    company. `commercial_cost` and `service_cost` are its shares of what was spent: service is what was spent on SUPPORT
    or is shared out by cases, everything else is commercial. `profit` is revenue - all three. Of `uncosted_revenue`
    nobody said what the goods cost.
    """

    key: str | None
    orders: int
    revenue: Decimal
    cost_of_goods: Decimal
    uncosted_revenue: Decimal
    commercial_cost: Decimal
    service_cost: Decimal
    profit: Decimal


@dataclass(frozen=True, slots=True)
class Unallocated:
    """A cost that nobody bears: its rule is not published and it names nobody (NO_RULE), or nobody did what the rule

    goes by in the period (NOBODY)."""

    reason: str
    allocation: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Profitability:
    """The lines with the most profit of `count`, and the sum of all. Days are those of `time_zone`, both included.

    `ledger` is what was spent in the period: the costs of `total`, and all that is unallocated, to the last cent.
    """

    starts_on: date
    ends_on: date
    time_zone: str
    currency: str
    count: int
    lines: tuple[ProfitLine, ...]
    total: ProfitLine
    unallocated: tuple[Unallocated, ...]
    ledger: Decimal
    position: int


LINES = sql.SQL("""
, lines as (
  select key, sum(orders) as orders, sum(revenue) as revenue, sum(goods) as goods, sum(uncosted) as uncosted,
         sum(commercial) as commercial, sum(service) as service
    from (select key, orders, base_amount as revenue, coalesce(goods, 0) as goods,
                 case when goods is null then base_amount else 0 end as uncosted, 0::numeric as commercial, 0::numeric as service
            from keyed where what = 'SOLD'
           union all
          select key, 0, 0, 0, 0, case when service then 0 else part end, case when service then part else 0 end from parts) b
   group by key),
best as (
  select * from lines order by revenue - goods - commercial - service desc, key collate "C" nulls last limit %(first)s)
select 'LINE', key, orders, revenue, goods, uncosted, commercial, service from best
 union all
select 'TOTAL', count(*)::text, sum(orders), sum(revenue), sum(goods), sum(uncosted), sum(commercial), sum(service) from lines
 union all
select case when basis is null then 'NO_RULE' else 'NOBODY' end, allocation, 0, sum(amount), 0, 0, 0, 0
  from pools where pool not in (select pool from parts) and amount <> 0 group by 1, 2
 union all
select 'LEDGER', null, 0, coalesce(sum(amount), 0), 0, 0, 0, 0 from pools
""")


def profitability(
    lists: Lists,
    by: ProfitBy | None,
    starts_on: date,
    ends_on: date,
    *,
    first: int = 100,
    zone: str = BUSINESS_ZONE,
    currency: str | None = None,
    as_of: AsOf = NOW,
) -> Profitability:
    """What each brought and bore from one day to another, both included, as of a moment.

    A cost counts for the days of its period that lie within. Its rule says by what it is shared out: by what was sold
    (BY_REVENUE; nobody bears a share of less than nothing), by orders, contacts (a call each time that it was answered) or
    cases of the period, or in equal parts
    among those of its scope who had any of these. What names a campaign, a rep or a territory is shared out among the
    customers whom that campaign addressed, or what that rep or territory did; by just these it bears all of it. Without a
    rule, a campaign's cost is shared out in equal parts by the customers it addressed, that of a rep or territory by revenue.
    Customers have the territory and the segment of the moment that is asked (of several segments the one entered last).

    Activity-based costing: Kaplan and Cooper, Cost and Effect (1998), chapters 6 and 10; allocation by named rules is
    `domain.allocation`. Raises `Refused` if this is no period, or if the books are in several currencies and none is named.
    """
    must_be_lines(first)
    period = period_of(starts_on, ends_on, zone)
    with lists.reading(orders.view) as (db, position):
        reader = lists.log.reader
        asked = {**parameters(period), "currency": currency or currency_of(db, period, as_of, reader), "first": first}
        rows = db.execute(cost_parts(by, as_of, reader) + LINES, asked).fetchall()
    lines = sorted((_line(row) for row in rows if row[0] == "LINE"), key=lambda line: -line.profit)
    total, ledger = (next(row for row in rows if row[0] == kind) for kind in ("TOTAL", "LEDGER"))
    return Profitability(
        starts_on, ends_on, zone, asked["currency"], int(total[1]), tuple(lines), _line((None, None, *total[2:])),
        tuple(Unallocated(row[0], row[1], row[3]) for row in rows if row[0] in ("NO_RULE", "NOBODY")),
        ledger[3], position,
    )  # fmt: skip


def _line(row: Any) -> ProfitLine:
    _, key, orders, *money = row
    revenue, goods, uncosted, commercial, service = (Decimal(each or 0) for each in money)
    profit = EXACT.subtract(EXACT.subtract(revenue, goods), EXACT.add(commercial, service))
    return ProfitLine(key, int(orders or 0), revenue, goods, uncosted, commercial, service, profit)


def parameters(period: CalendarPeriod) -> dict[str, Any]:
    """What `cost_parts` asks for."""
    return {"from": period.starts_on, "to": period.ends_on, "start": period.starts_at, "end": period.ends_at}


def period_of(starts_on: date, ends_on: date, zone: str) -> CalendarPeriod:
    """The moments of these days. Refused if they are no period, or too many."""
    must_be_days(starts_on, ends_on, zone)
    if (ends_on - starts_on).days >= MAX_DAYS:
        raise Refused(f"Ask for at most {MAX_DAYS} days at a time.", "to")
    return calendar_period(starts_on, ends_on, zone)


def must_be_lines(first: int) -> None:
    """Refused if so many lines cannot be asked for."""
    if not 0 < first <= MAX_LINES:
        raise Refused(f"Ask for 1 to {MAX_LINES} lines at a time.", "first")


CURRENCIES = sql.SQL("""
select distinct base_currency from (
  select base_currency from {sales} where occurred_at >= %(start)s and occurred_at < %(end)s
   union all
  select base_currency from {costs} where period_from <= %(to)s and period_to >= %(from)s) b order by 1
""")


def currency_of(db: Connection, period: CalendarPeriod, as_of: AsOf, reader: Reader) -> str:
    """The one currency in which the books are kept. Refused if there are several."""
    query = CURRENCIES.format(sales=counted(sales, as_of, reader), costs=counted(costs, as_of, reader))
    found = [row[0] for row in db.execute(query, parameters(period)).fetchall()]
    if len(found) > 1:
        raise Refused(f"The books of these days are in {', '.join(found)}. Name one of them.", "currency")
    return found[0] if found else ""
