"""The quote register: what is open and what expires soon, what was accepted, at which discount, and how long it took."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from psycopg import sql
from psycopg.rows import class_row

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.history import past
from projections.lists import Lists
from projections.selling import quotes

MAX_EXPIRY_DAYS = 366


@dataclass(frozen=True, slots=True)
class QuoteRegister:
    """The quotes in one base currency; amounts are in it.

    Open are those that were issued and not answered, and `expiring` those of them that can be accepted for a few days
    only; `overdue` ones could be accepted no longer, but nobody said so. What was answered in the time that was asked for
    is `accepted`, `rejected` or `expired`. Acceptance rate = accepted / (accepted + rejected + expired). Discount rate =
    discounts / (worth + discounts) of what was accepted. The cycle is the median time from the first word on a quote to
    its acceptance, in seconds.
    """

    base_currency: str
    drafts: int
    open: int
    open_worth: Decimal
    expiring: int
    expiring_worth: Decimal
    overdue: int
    accepted: int
    accepted_worth: Decimal
    rejected: int
    expired: int
    acceptance_rate: Decimal | None
    discount_rate: Decimal | None
    cycle_s: float | None


def quote_register(
    lists: Lists,
    now: datetime,
    *,
    expiring_within_days: int = 7,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: AsOf = NOW,
) -> list[QuoteRegister]:
    """How the quotes stand at a moment, and how those were answered that were from a moment up to another."""
    if not 0 < expiring_within_days <= MAX_EXPIRY_DAYS:
        raise Refused(f"Ask for 1 to {MAX_EXPIRY_DAYS} days.", "expiringWithinDays")
    query = sql.SQL(
        "with known as ("
        "  select *, status = 'ISSUED' as is_open,"
        "         (%s::timestamptz is null or answered_at >= %s) and (%s::timestamptz is null or answered_at < %s)"
        "         as in_time from {} where base_currency is not null"
        ") select base_currency, count(*) filter (where status = 'DRAFT') as drafts,"
        "         count(*) filter (where is_open) as open,"
        "         coalesce(sum(base_total) filter (where is_open), 0) as open_worth,"
        "         count(*) filter (where is_open and expires_at > %s and expires_at <= %s) as expiring,"
        "         coalesce(sum(base_total) filter (where is_open and expires_at > %s and expires_at <= %s), 0)"
        "           as expiring_worth,"
        "         count(*) filter (where is_open and expires_at <= %s) as overdue,"
        "         count(*) filter (where in_time and status = 'ACCEPTED') as accepted,"
        "         coalesce(sum(base_total) filter (where in_time and status = 'ACCEPTED'), 0) as accepted_worth,"
        "         count(*) filter (where in_time and status = 'REJECTED') as rejected,"
        "         count(*) filter (where in_time and status = 'EXPIRED') as expired,"
        "         round(count(*) filter (where in_time and status = 'ACCEPTED')::numeric"
        "               / nullif(count(*) filter (where in_time and status in ('ACCEPTED', 'REJECTED', 'EXPIRED')), 0), 6)"
        "           as acceptance_rate,"
        "         round(sum(base_discounts) filter (where in_time and status = 'ACCEPTED')"
        "               / nullif(sum(base_total + base_discounts) filter (where in_time and status = 'ACCEPTED'), 0), 6)"
        "           as discount_rate,"
        "         percentile_cont(0.5) within group (order by cycle_s)"
        "           filter (where in_time and status = 'ACCEPTED') as cycle_s"
        "    from known group by base_currency order by base_currency"
    ).format(past(quotes.view, as_of, lists.log.reader))
    soon = now + timedelta(days=expiring_within_days)
    with lists.reading(quotes.view) as (db, _), db.cursor(row_factory=class_row(QuoteRegister)) as cursor:
        return cursor.execute(query, [start, start, end, end, now, soon, now, soon, now]).fetchall()
