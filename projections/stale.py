"""Stale opportunities: what is open and has lain there for too long, so that somebody should look at it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections import customer_360
from projections.buckets import BUSINESS_ZONE
from projections.cursors import Term, cursor_of, read_cursor
from projections.deals import EVERYTHING, Scope, currency_of, deals, looking
from projections.history import past
from projections.lists import MAX_PAGE, Lists

MAX_SILENT_DAYS = 14
"""How long nobody may speak with the customer of an open opportunity before it is stale (rule P05)."""


class StaleReason(StrEnum):
    """Why somebody should look at an open opportunity."""

    STAGE_TOO_LONG = "STAGE_TOO_LONG"
    CLOSE_DATE_PASSED = "CLOSE_DATE_PASSED"
    SILENT = "SILENT"


@dataclass(frozen=True, slots=True)
class StaleOpportunity:
    """An open opportunity that waits for somebody, and since how many whole days.

    `max_days` is how long it may be at its stage. `silent_days` is since somebody last spoke with the customer, or since it
    was opened if nobody did; it is empty where that is not known.
    """

    opportunity_id: UUID
    reasons: tuple[StaleReason, ...]
    amount: Decimal
    days_at_stage: int
    max_days: int | None
    days_overdue: int | None
    silent_days: int | None


@dataclass(frozen=True, slots=True)
class StaleOpportunities:
    """Some of what is stale as of `at`, worth most first, and how much there is of it in all."""

    nodes: tuple[StaleOpportunity, ...]
    total_count: int
    end_cursor: str | None
    has_next_page: bool
    at: datetime


ORDER = (
    Term("amount", sql.SQL("amount"), True, "numeric"),
    Term("opportunity_id", sql.SQL("opportunity_id"), False, "uuid"),
)


def stale(
    lists: Lists,
    now: datetime,
    scope: Scope = EVERYTHING,
    *,
    first: int = MAX_PAGE,
    after: str | None = None,
    as_of: AsOf = NOW,
) -> StaleOpportunities:
    """What is open and longer at its stage than that allows, or past its close date, or silent (rule P05).

    `now` is the moment of asking, if `as_of` names none. Days are of 24 hours, those past the close date days of the business
    unit's zone. Silence is known only as of now. Raises `Refused` for a page that cannot be.
    """
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
    reader = lists.log.reader
    at = as_of.time or as_of.known_at or as_of.valid_at or now
    amount, last = read_cursor(after, ORDER) if after is not None else (None, None)
    begun, parameters = deals(scope, as_of, reader)
    query = begun + sql.SQL(_STALE).format(contacts=past(customer_360.view, NOW, reader))
    asked = {
        **parameters,
        "now": as_of == NOW,
        "at": at,
        "today": at.astimezone(ZoneInfo(BUSINESS_ZONE)).date(),
        "max_silent_days": MAX_SILENT_DAYS,
        "amount": amount,
        "last": last,
        "limit": first + 1,
    }
    with looking(lists) as (db, _):
        currency = currency_of(db, scope, as_of, reader)
        found = db.execute(query, {**asked, "currency": currency}).fetchall()
    shown = [StaleOpportunity(key, tuple(map(StaleReason, reasons)), *rest) for key, reasons, *rest, _ in found[:first]]
    end = cursor_of([str(shown[-1].amount), str(shown[-1].opportunity_id)], ORDER) if shown else None
    return StaleOpportunities(tuple(shown), found[0][-1] if found else 0, end, len(found) > first, at)


_STALE = """
    , contact as (select customer_id, last_contact_at from {contacts} where %(now)s),
    waiting as (
      select d.opportunity_id, d.amount, d.max_days, %(today)s::date - d.close_on as days_overdue,
             greatest(0, floor(extract(epoch from %(at)s - d.stage_since) / 86400))::int as days_at_stage,
             greatest(0, floor(extract(epoch from %(at)s - greatest(d.opened_at, c.last_contact_at)) / 86400))::int as days,
             %(now)s and d.customer_id is not null as is_known
        from deal d left join contact c on c.customer_id = d.customer_id
       where d.status = 'OPEN' and d.base_currency = %(currency)s
    ),
    judged as (
      select *, case when is_known then days end as silent_days,
             array_remove(array[
               case when days_at_stage > max_days then 'STAGE_TOO_LONG' end,
               case when days_overdue > 0 then 'CLOSE_DATE_PASSED' end,
               case when is_known and days > %(max_silent_days)s then 'SILENT' end], null) as reasons
        from waiting
    )
    select opportunity_id, reasons, amount, days_at_stage, max_days, nullif(greatest(days_overdue, 0), 0), silent_days,
           (select count(*) from judged where reasons <> '{{}}')
      from judged
     where reasons <> '{{}}'
       and (%(last)s::uuid is null or amount < %(amount)s::numeric
            or (amount = %(amount)s::numeric and opportunity_id > %(last)s::uuid))
     order by amount desc, opportunity_id limit %(limit)s
"""
