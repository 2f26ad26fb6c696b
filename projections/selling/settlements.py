"""Settlements: what was invoiced, credited, paid and given back of each order, what is outstanding, and for how long."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.history import past
from projections.lists import Lists
from projections.selling import invoices, payments

MAX_OPEN_INVOICES = 1_000


class Age(StrEnum):
    """How long something has been due. CURRENT is not due yet, or has no day on which it is."""

    CURRENT = "CURRENT"
    DAYS_1_30 = "DAYS_1_30"
    DAYS_31_60 = "DAYS_31_60"
    DAYS_61_90 = "DAYS_61_90"
    OVER_90_DAYS = "OVER_90_DAYS"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of the money of an order in one currency; the same in the base currency begins with `base_`.

    Outstanding = invoiced - credited - (paid - refunded): below zero the customer has paid too much. `refunded` is all
    that was given back, or was taken back by a bank.
    """

    order_id: UUID
    currency: str
    invoiced: Decimal
    credited: Decimal
    paid: Decimal
    refunded: Decimal
    outstanding: Decimal
    base_currency: str
    base_invoiced: Decimal
    base_credited: Decimal
    base_paid: Decimal
    base_refunded: Decimal
    base_outstanding: Decimal


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice of which something is outstanding, in its base currency, and for how many days it has been due."""

    invoice_id: UUID
    customer_id: UUID | None
    order_id: UUID | None
    number: str
    issued_on: date
    due_on: date | None
    base_currency: str
    base_total: Decimal
    outstanding: Decimal
    overdue_days: int


@dataclass(frozen=True, slots=True)
class Receivable:
    """What is outstanding of one age, in one base currency, and of how many invoices."""

    age: Age
    base_currency: str
    outstanding: Decimal
    invoices: int


def settlements(lists: Lists, order_ids: Collection[UUID], *, as_of: AsOf = NOW) -> dict[UUID, list[Settlement]]:
    """The settlements of these orders, one for each currency. A payment that names an invoice is one of its order."""
    query = sql.SQL(
        "with billed as ("
        "  select invoice_id, order_id, currency, base_currency, total, credited, base_total, base_credited"
        "    from {billed} where order_id = any(%s)"
        "), received as ("
        "  select p.*, coalesce(b.order_id, p.order_id) as of_order"
        "    from (select * from {received} where received_at is not null"
        "             and (order_id = any(%s) or invoice_id = any(array(select invoice_id from billed)))) p"
        "    left join (select invoice_id, order_id from {billed}) b using (invoice_id)"
        "), moved as ("
        "  select order_id, currency, base_currency, total as invoiced, credited, 0 as paid, 0 as refunded,"
        "         base_total as base_invoiced, base_credited, 0 as base_paid, 0 as base_refunded from billed"
        "   union all"
        "  select of_order, currency, base_currency, 0, 0, amount, refunded + charged_back,"
        "         0, 0, base_amount, base_refunded + base_charged_back from received"
        ") select order_id, currency, sum(invoiced) as invoiced, sum(credited) as credited, sum(paid) as paid,"
        "         sum(refunded) as refunded, sum(invoiced - credited - paid + refunded) as outstanding, base_currency,"
        "         sum(base_invoiced) as base_invoiced, sum(base_credited) as base_credited, sum(base_paid) as base_paid,"
        "         sum(base_refunded) as base_refunded,"
        "         sum(base_invoiced - base_credited - base_paid + base_refunded) as base_outstanding"
        "    from moved where order_id = any(%s) group by order_id, currency, base_currency"
        "   order by order_id, currency, base_currency"
    ).format(**_sources(lists, as_of))
    ids = list(order_ids)
    found: dict[UUID, list[Settlement]] = {key: [] for key in ids}
    with lists.reading(invoices.view) as (db, _), db.cursor(row_factory=class_row(Settlement)) as cursor:
        for each in cursor.execute(query, [ids, ids, ids]):
            found[each.order_id].append(each)
    return found


def open_invoices(
    lists: Lists,
    on: date,
    *,
    invoice_ids: Collection[UUID] | None = None,
    order_ids: Collection[UUID] | None = None,
    customer_id: UUID | None = None,
    first: int = MAX_OPEN_INVOICES,
    as_of: AsOf = NOW,
) -> list[OpenInvoice]:
    """The invoices of which something is outstanding on a day, those that have been due longest first."""
    if not 0 < first <= MAX_OPEN_INVOICES:
        raise Refused(f"Ask for 1 to {MAX_OPEN_INVOICES:,} invoices at a time.", "first")
    outstanding, named = _outstanding(
        lists, as_of, invoice_ids=invoice_ids, order_ids=order_ids, customer_id=customer_id
    )
    query = sql.SQL(
        "select invoice_id, customer_id, order_id, number, issued_on, due_on, base_currency, base_total, outstanding,"
        "       overdue_days from {} o where outstanding > 0 order by due_on nulls last, issued_on, invoice_id limit %s"
    ).format(outstanding)
    with lists.reading(invoices.view) as (db, _), db.cursor(row_factory=class_row(OpenInvoice)) as cursor:
        return cursor.execute(query, [*named, on, first]).fetchall()


def receivables(lists: Lists, on: date, *, customer_id: UUID | None = None, as_of: AsOf = NOW) -> list[Receivable]:
    """What is outstanding by age: the aged receivables, in buckets of thirty days as accountants keep them."""
    outstanding, named = _outstanding(lists, as_of, customer_id=customer_id)
    query = sql.SQL(
        "select case when overdue_days <= 0 then 'CURRENT' when overdue_days <= 30 then 'DAYS_1_30'"
        "            when overdue_days <= 60 then 'DAYS_31_60' when overdue_days <= 90 then 'DAYS_61_90'"
        "            else 'OVER_90_DAYS' end as age, base_currency, sum(outstanding), count(*)"
        "  from {} o where outstanding > 0 group by 1, 2 order by 2, min(overdue_days)"
    ).format(outstanding)
    with lists.reading(invoices.view) as (db, _):
        found = db.execute(query, [*named, on]).fetchall()
    return [Receivable(Age(age), currency, amount, count) for age, currency, amount, count in found]


def _outstanding(
    lists: Lists,
    as_of: AsOf,
    *,
    invoice_ids: Collection[UUID] | None = None,
    order_ids: Collection[UUID] | None = None,
    customer_id: UUID | None = None,
) -> tuple[sql.Composable, list[object]]:
    """The invoices that are meant, all if none are named, with what is outstanding of each, and what to give for that.

    A day must be given besides. A payment that names the invoice pays that one. Those that name only its order pay the
    order's invoices in the order in which they are due (first in, first out), so all invoices of an order are looked at.
    """
    chosen: list[sql.Composable] = [sql.SQL("true")]
    named: list[object] = []
    for column, value in (("invoice_id", invoice_ids), ("order_id", order_ids)):
        if value is not None:
            chosen.append(sql.SQL("{} = any(%s)").format(sql.Identifier(column)))
            named.append(list(value))
    if customer_id is not None:
        chosen.append(sql.SQL("customer_id = %s"))
        named.append(customer_id)
    query = sql.SQL(
        "(with chosen as (select invoice_id, order_id from {billed} where {chosen}"
        "), together as ("
        "  select * from {billed} where {everything} or invoice_id = any(array(select invoice_id from chosen))"
        "      or order_id = any(array(select order_id from chosen))"
        "), paid as ("
        "  select invoice_id, order_id, base_currency,"
        "         sum(base_amount - base_refunded - base_charged_back) as worth"
        "    from {received} where received_at is not null and ({everything}"
        "         or invoice_id = any(array(select invoice_id from together))"
        "         or order_id = any(array(select order_id from together)))"
        "   group by invoice_id, order_id, base_currency"
        "), direct as ("
        "  select invoice_id, sum(worth) as worth from paid where invoice_id is not null group by invoice_id"
        "), pools as ("
        "  select order_id, base_currency, worth from paid where invoice_id is null and order_id is not null"
        "), billed as ("
        "  select b.*, base_total - base_credited - coalesce(d.worth, 0) as remains"
        "    from together b left join direct d using (invoice_id)"
        "), queued as ("
        "  select b.*, coalesce(p.worth, 0) as pool, coalesce(sum(greatest(remains, 0)) over ("
        "           partition by b.order_id, b.base_currency order by due_on nulls last, issued_on, invoice_id"
        "           rows between unbounded preceding and 1 preceding), 0) as before"
        "    from billed b left join pools p on p.order_id = b.order_id and p.base_currency = b.base_currency"
        ") select invoice_id, customer_id, order_id, number, issued_on, due_on, base_currency, base_total,"
        "         remains - least(greatest(remains, 0), greatest(pool - before, 0)) as outstanding,"
        "         coalesce(greatest(%s::date - due_on, 0), 0) as overdue_days"
        "    from queued where {everything} or invoice_id = any(array(select invoice_id from chosen)))"
    ).format(
        chosen=sql.SQL(" and ").join(chosen), everything=sql.SQL("false" if named else "true"), **_sources(lists, as_of)
    )
    return query, named


def _sources(lists: Lists, as_of: AsOf) -> dict[str, sql.Composable]:
    reader = lists.log.reader
    return {"billed": past(invoices.view, as_of, reader), "received": past(payments.view, as_of, reader)}
