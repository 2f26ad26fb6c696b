"""The overview: what somebody who has a customer before them should know and do, put together from the views."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import mean
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from psycopg import sql

from domain.case_events import CaseType
from eventstore.reader import NOW, AsOf, Reader
from projections.customers import benefits, customer_360, data_quality
from projections.customers.customer_360 import CustomerCard
from projections.customers.eligibility import (
    BENEFIT_MONTHS,
    FAILURE_DAYS,
    BenefitEligibility,
    BenefitInputs,
    eligibility,
    rank_of,
)
from projections.customers.open_requests import OpenRequest, RequestKind, open_requests
from projections.customers.recommending import Known, Recommendation, recommendations
from projections.facts import counted
from projections.history import past
from projections.lists import Lists
from projections.looking_back import rows
from projections.selling import opportunities, orders, products
from projections.selling.deals import valued
from projections.selling.pipelines import known_stages
from projections.selling.sales import sales
from projections.statements import kept
from projections.value import loyalty, programmes
from projections.value.buyers import Look
from projections.value.customer_value import CustomerValue, values_of
from projections.value.loyalty import LoyaltyStatus
from projections.value.loyalty_standing import LoyaltyStanding, standings_of

FAILURES = (CaseType.COMPLAINT, CaseType.INCIDENT)
MAX_FAVOURITES = 5
STEADY = Decimal("0.5")
"""By how much the last answer may differ from those before and still be steady."""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """The last answers of a customer: `csat` of 1 to 5, `nps` of 0 to 10.

    `trend` says where the last `csat` is beside the mean of the up to five before: RISING, STEADY or FALLING, if there are any.
    """

    csat: int | None
    nps: int | None
    trend: str | None


@dataclass(frozen=True, slots=True)
class Habits:
    """By which channel and from which hour of the day, where they live, a customer comes to us most often."""

    best_channel: str | None
    best_hour: int | None


@dataclass(frozen=True, slots=True)
class OpenPipeline:
    """What the open opportunities of a customer come to in the base currency, and weighted by how probable each is."""

    opportunities: int
    amount: Decimal
    weighted: Decimal
    currency: str | None


@dataclass(frozen=True, slots=True)
class FavouriteCategory:
    """A category of products, how many pieces a customer kept of it, and for how much in the base currency."""

    category: str
    pieces: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Overview:
    """What is open of a customer, how they stand to us, what to do next and why, and whether they may have a benefit."""

    customer_id: UUID
    card: CustomerCard
    open_requests: list[OpenRequest]
    value: CustomerValue | None
    loyalty: LoyaltyStatus | None
    standing: LoyaltyStanding | None
    satisfaction: Satisfaction
    habits: Habits
    recommended: list[Recommendation]
    benefit: BenefitEligibility


def overviews(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, Overview]:
    """The overview of each of these customers, as of a moment, in a number of statements that does not depend on theirs."""
    with (
        lists.reading(orders.view, some=True) if look.as_of == NOW else nullcontext()
    ):  # looking back, each view is folded by itself
        return _overviews(lists, customer_ids, look)


def _overviews(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, Overview]:
    as_of = look.as_of
    cards = rows(lists, customer_360.view, customer_ids, look.as_of)
    quality = rows(lists, data_quality.view, customer_ids, look.as_of)
    requests = open_requests(lists, customer_ids, as_of=as_of)
    values = values_of(lists, customer_ids, look)
    accounts = _accounts(lists, customer_ids, look)
    standings = standings_of(lists, [each.account_id for each in accounts.values()], look) if accounts else {}
    ranks = _ranks(lists, list(accounts.values()))
    given = _benefits(lists, customer_ids, look)
    found = {}
    for key in customer_ids:
        card, value, account = cards.get(key, CustomerCard(key)), values.get(key), accounts.get(key)
        standing = None if account is None else standings.get(account.account_id)
        known = Known(
            look.seen_at,
            card,
            requests[key],
            None if value is None else value.silence,
            standing,
            quality[key].missing if key in quality else (),
            card.consents,
        )
        failures = [
            each
            for each in requests[key]
            if each.kind is RequestKind.CASE
            and each.detail in FAILURES
            and each.since is not None
            and each.since >= look.seen_at - timedelta(days=FAILURE_DAYS)
        ]
        inputs = BenefitInputs(
            None if account is None else account.tier,
            None if account is None else ranks.get(account.account_id),
            None if value is None else value.top_share,
            len(failures),
            given.get(key, 0),
        )
        found[key] = Overview(
            key,
            card,
            requests[key],
            value,
            account,
            standing,
            satisfaction(card),
            habits(card),
            recommendations(known),
            eligibility(inputs),
        )
    return found


def satisfaction(card: CustomerCard) -> Satisfaction:
    """What the last answers say."""
    *before, last = card.csats or (None,)
    if last is None or not before:
        return Satisfaction(card.last_csat, card.last_nps, None)
    moved = Decimal(last) - Decimal(mean(before))
    trend = "STEADY" if abs(moved) <= STEADY else "RISING" if moved > 0 else "FALLING"
    return Satisfaction(card.last_csat, card.last_nps, trend)


def habits(card: CustomerCard) -> Habits:
    """What the customer's own contacts say; of equals the first by name, and the earliest hour."""
    channel = min(card.own_channels, key=lambda name: (-card.own_channels[name], name), default=None)
    hour = min(card.contact_hours, key=lambda name: (-card.contact_hours[name], name), default=None)
    return Habits(channel, None if hour is None else int(hour))


def open_pipelines(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, OpenPipeline]:
    """What is open of each of these customers: sum of amounts, and of amount x probability, in the base currency.

    The probability is the one that somebody said, else that of the stage. Those in another base currency than most are left out.
    """
    with lists.reading(opportunities.view) as (db, _):
        rows = db.execute(_open_pipelines(look.as_of, lists.log.reader), {"ids": list(customer_ids)}).fetchall()
    return {row[0]: OpenPipeline(*row[1:]) for row in rows}


@kept
def _open_pipelines(as_of: AsOf, reader: Reader) -> sql.Composed:
    return sql.SQL(
        "with stage as materialized ({stages}), record as (select '' as pipeline, '' as stage, 0.0 as calibrated limit 0),"
        " deal as materialized (select * from ({valued}) v where status = 'OPEN' and customer_id = any(%(ids)s)),"
        " most as (select base_currency from deal group by 1 order by count(*) desc, 1 limit 1)"
        "select customer_id, count(*), sum(amount), sum(amount * coalesce(probability, 0)), base_currency"
        "  from deal where base_currency is not distinct from (select base_currency from most)"
        " group by customer_id, base_currency"
    ).format(stages=known_stages(as_of, reader), valued=valued(past(opportunities.view, as_of, reader), None))


def favourites(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, list[FavouriteCategory]]:
    """The categories of which each of these customers kept most for most money, the first first, at most MAX_FAVOURITES."""
    found: dict[UUID, list[FavouriteCategory]] = {key: [] for key in customer_ids}
    with lists.reading(orders.view) as (db, _):
        query = _favourites(look.as_of, lists.log.reader)
        for key, *rest in db.execute(query, [list(customer_ids), MAX_FAVOURITES]).fetchall():
            found[key].append(FavouriteCategory(*rest))
    return found


@kept
def _favourites(as_of: AsOf, reader: Reader) -> sql.Composed:
    return sql.SQL(
        "select customer_id, category, pieces, revenue from ("
        "  select s.customer_id, p.category, sum(s.quantity)::bigint as pieces, sum(s.base_amount) as revenue,"
        "         row_number() over (partition by s.customer_id order by sum(s.base_amount) desc, p.category) as place"
        "    from {sales} s"
        "    join (select distinct on (sku) sku, category from {products} order by sku, product_id) p using (sku)"
        "   where s.customer_id = any(%s) and p.category is not null group by s.customer_id, p.category"
        "  having sum(s.quantity) > 0) ranked where place <= %s order by customer_id, place"
    ).format(
        sales=sql.SQL("(select * from {})").format(counted(sales, as_of, reader)),
        products=sql.Identifier("views", products.view.name),
    )


def _accounts(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, LoyaltyStatus]:
    """The membership of each, the newest if there are several."""
    query = sql.SQL(
        "select distinct on (customer_id) {} from {} where customer_id = any(%s) and left_at is null "
        " order by customer_id, enrolled_at desc nulls last, account_id desc"
    )
    with lists.opened(loyalty.view, look.as_of, customer_ids) as (db, table, _):
        found = table.select(db, query.format(table.selected, table.identifier), [list(customer_ids)])
    return {row.customer_id: row for row in found if row.customer_id is not None}


def _ranks(lists: Lists, accounts: Sequence[LoyaltyStatus]) -> dict[UUID, int | None]:
    keys = {(each.programme, each.programme_version) for each in accounts}
    known: dict[Any, Any] = lists.get(programmes.view, list(keys)) if keys else {}
    return {
        each.account_id: rank_of(each.tier, [tier.key for tier in found.tiers])
        for each in accounts
        if (found := known.get((each.programme, each.programme_version))) is not None
    }


def _benefits(lists: Lists, customer_ids: Sequence[UUID], look: Look) -> dict[UUID, int]:
    """How many benefits each was given in the last BENEFIT_MONTHS months."""
    since = look.seen_at - relativedelta(months=BENEFIT_MONTHS)
    query = sql.SQL(
        "select customer_id, count(*) from {} where customer_id = any(%s) and authorised_at >= %s"
        "   and status in ('AUTHORISED', 'GRANTED') group by customer_id"
    )
    with lists.opened(benefits.view, look.as_of, customer_ids) as (db, table, _):
        return dict(db.execute(query.format(table.identifier), [list(customer_ids), since]).fetchall())
