"""Stale opportunities: what is open and has lain there for too long, so that somebody should look at it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import sql

from domain.interaction import InteractionLogged, InteractionStarted, MessageReceived, MessageSent
from domain.kernel import Event, Refused
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE
from projections.cursors import Term, cursor_of, read_cursor
from projections.lists import MAX_PAGE, Lists
from projections.selling.deals import EVERYTHING, Scope, currency_of, deals, looking

MAX_SILENT_DAYS = 14
"""How long nobody may speak with the customer of an open opportunity before it is stale (rule P05)."""

CONTACTS: tuple[type[Event], ...] = (InteractionLogged, InteractionStarted, MessageReceived, MessageSent)
"""The events by which somebody speaks with a customer."""


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
    unit's zone. What counts as speaking is what a customer's last contact is made of. Raises `Refused` for a page that cannot be.
    """
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
    reader = lists.log.reader
    at = reader.moment_of(as_of) or now
    amount, last = read_cursor(after, ORDER) if after is not None else (None, None)
    begun, parameters = deals(scope, as_of, reader)
    query = begun + sql.SQL(_STALE).format(known=known_lines(as_of))
    asked = {
        **parameters,
        "contacts": [event.stored_as for event in CONTACTS],
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
    shown = [
        StaleOpportunity(key, tuple(map(StaleReason, said)), *rest) for _, key, said, *rest in found[:first] if key
    ]
    end = cursor_of([str(shown[-1].amount), str(shown[-1].opportunity_id)], ORDER) if shown else None
    return StaleOpportunities(tuple(shown), found[0][0], end, len(found) > first, at)


def known_lines(as_of: AsOf) -> sql.Composable:
    """The condition on a line of the timeline that it was known then: it has what that says of an event."""
    condition, moments = as_of.where()
    return sql.SQL(cast(Any, condition.replace("%s", "{}"))).format(*map(sql.Literal, moments))


_STALE = """
    , waiting as (
      select d.*, %(today)s::date - d.close_on as days_overdue,
             greatest(0, floor(extract(epoch from %(at)s - d.stage_since) / 86400))::int as days_at_stage
        from deal d where d.status = 'OPEN' and d.base_currency = %(currency)s
    ),
    contact as (
      select customer_id, max(occurred_at) as last_at from views.timeline
       where customer_id in (select customer_id from waiting) and type = any(%(contacts)s) and {known}
       group by customer_id
    ),
    judged as (
      select w.*, array_remove(array[
               case when days_at_stage > max_days then 'STAGE_TOO_LONG' end,
               case when days_overdue > 0 then 'CLOSE_DATE_PASSED' end,
               case when silent_days > %(max_silent_days)s then 'SILENT' end], null) as reasons
        from (select w.*, case when w.customer_id is not null then
                     greatest(0, floor(extract(epoch from %(at)s - greatest(w.opened_at, c.last_at)) / 86400))::int
                     end as silent_days
                from waiting w left join contact c using (customer_id)) w
    ),
    page as (
      select opportunity_id, reasons, amount, days_at_stage, max_days,
             nullif(greatest(days_overdue, 0), 0) as days_overdue, silent_days
        from judged
       where reasons <> '{{}}'
         and (%(last)s::uuid is null or amount < %(amount)s::numeric
              or (amount = %(amount)s::numeric and opportunity_id > %(last)s::uuid))
       order by amount desc, opportunity_id limit %(limit)s
    )
    select total, page.*
      from (select count(*) as total from judged where reasons <> '{{}}') all_ left join page on true
     order by amount desc, opportunity_id
"""
