"""Open requests: what a customer waits for, and what is planned with them: cases, orders, quotes, returns, activities, sales."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, cast
from uuid import UUID

from psycopg import sql

from eventstore.reader import NOW, AsOf
from projections.lists import Lists
from projections.selling import opportunities, orders, quotes, returns
from projections.service import cases
from projections.statements import fixed
from projections.table import table_of
from projections.touchpoints import agenda
from projections.view import LONG_AGO, View

MAX_OPEN = 100
"""How many open requests of one customer are told, the oldest first."""


class RequestKind(StrEnum):
    """What is open: something that the customer asked for, or an ACTIVITY or OPPORTUNITY of ours with them."""

    CASE = "CASE"
    ORDER = "ORDER"
    QUOTE = "QUOTE"
    RETURN = "RETURN"
    ACTIVITY = "ACTIVITY"
    OPPORTUNITY = "OPPORTUNITY"


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Something open of a customer: since when, until when it is to be done, who sees to it, and what it is worth.

    `detail` is the type of a case, the kind of an activity, the stage of an opportunity. `amount` is in `currency`, which is
    the base currency of an opportunity.
    """

    customer_id: UUID
    kind: RequestKind
    id: UUID
    number: str | None
    status: str
    detail: str | None
    since: datetime | None
    due_at: datetime | None
    staff_id: UUID | None
    amount: Decimal | None
    currency: str | None


QUERIES: dict[RequestKind, tuple[View[Any], str]] = {
    RequestKind.CASE: (
        cases.view,
        "select customer_id, 'CASE', case_id, number, status, type, opened_at, null::timestamptz, staff_id,"
        "       null::numeric, null::text"
        "  from {} where customer_id = any(%(ids)s) and status in ('OPEN', 'WAITING')",
    ),
    RequestKind.ORDER: (
        orders.view,
        "select customer_id, 'ORDER', order_id, number, status, channel, placed_at, null::timestamptz, null::uuid,"
        "       total - returned, currency"
        "  from {} where customer_id = any(%(ids)s) and status in ('PLACED', 'CONFIRMED', 'PICKED', 'SHIPPED')",
    ),
    RequestKind.QUOTE: (
        quotes.view,
        "select customer_id, 'QUOTE', quote_id, number, status, null::text, coalesce(issued_at, drafted_at, asked_at),"
        "       expires_at, null::uuid, total, currency"
        "  from {} where customer_id = any(%(ids)s) and status in ('REQUESTED', 'DRAFT', 'ISSUED')",
    ),
    RequestKind.RETURN: (
        returns.view,
        "select customer_id, 'RETURN', return_id, null::text, status, cause, requested_at, authorised_until, null::uuid,"
        "       null::numeric, null::text"
        "  from {} where customer_id = any(%(ids)s) and status in ('REQUESTED', 'AUTHORISED')",
    ),
    RequestKind.ACTIVITY: (
        agenda.view,
        "select customer_id, 'ACTIVITY', activity_id, null::text, status, kind, starts_at, due_at, staff_id,"
        "       null::numeric, null::text"
        "  from {} where customer_id = any(%(ids)s) and status in ('SCHEDULED', 'STARTED')",
    ),
    RequestKind.OPPORTUNITY: (
        opportunities.view,
        "select customer_id, 'OPPORTUNITY', opportunity_id, null::text, status, stage, opened_at, next_step_due_at,"
        "       staff_id, base_amount, base_currency"
        "  from {} where customer_id = any(%(ids)s) and status = 'OPEN'",
    ),
}


def open_requests(lists: Lists, customer_ids: Sequence[UUID], *, as_of: AsOf = NOW) -> dict[UUID, list[OpenRequest]]:
    """What is open of each of these customers, the oldest first; now, all of it in one statement."""
    parameters = {"ids": list(customer_ids)}
    rows: list[tuple[Any, ...]] = []
    if as_of == NOW:
        with lists.reading(orders.view) as (db, _):
            rows = db.execute(_all_of_them(), parameters).fetchall()
    else:
        for view, query in QUERIES.values():
            with lists.opened(view, as_of, customer_ids) as (db, table, _):
                rows += db.execute(sql.SQL(cast(Any, query)).format(table.identifier), parameters).fetchall()
    found: dict[UUID, list[OpenRequest]] = {key: [] for key in customer_ids}
    for customer_id, kind, *rest in rows:
        found[customer_id].append(OpenRequest(customer_id, RequestKind(kind), *rest))
    for requests in found.values():
        requests.sort(key=lambda each: (each.since or LONG_AGO, each.id))
        del requests[MAX_OPEN:]
    return found


@cache
def _all_of_them() -> sql.SQL:
    parts = [sql.SQL(cast(Any, query)).format(table_of(view).identifier) for view, query in QUERIES.values()]
    return fixed(sql.SQL(" union all ").join(parts))
