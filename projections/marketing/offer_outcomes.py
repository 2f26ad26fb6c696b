"""Offer outcomes: how many of the offers that were made were taken, by what was offered or by campaign."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from psycopg import sql

from eventstore.reader import NOW, AsOf
from projections.facts import counted
from projections.lists import Lists
from projections.marketing import offers
from projections.marketing.uplift import rate

MAX_LINES = 1_000


class OfferBy(StrEnum):
    """By what offers are looked at: the code of the offer, the article, or the campaign."""

    OFFER = "OFFER"
    PRODUCT = "PRODUCT"
    CAMPAIGN = "CAMPAIGN"


COLUMNS = {OfferBy.OFFER: "offer", OfferBy.PRODUCT: "sku", OfferBy.CAMPAIGN: "campaign_id"}


@dataclass(frozen=True, slots=True)
class OfferOutcome:
    """What became of the offers that were made. `open` have no answer yet; `acceptance_rate` is accepted / made.

    `median_answer_s` are the seconds from the offer to the customer's yes or no, in the middle of all that were answered.
    """

    key: str | None
    made: int
    accepted: int
    declined: int
    expired: int
    open: int
    acceptance_rate: Decimal | None
    median_answer_s: Decimal | None


OUTCOMES = sql.SQL("""
with made as (
  select owner_id, {key}::text as key from {offer_moves}
   where status = 'OPEN' and (%(start)s::timestamptz is null or occurred_at >= %(start)s)
     and (%(end)s::timestamptz is null or occurred_at < %(end)s)),
last as (
  select distinct on (owner_id) owner_id, status, after_s from {offer_moves} order by owner_id, position desc)
select key, count(*), count(*) filter (where status = 'ACCEPTED'), count(*) filter (where status = 'DECLINED'),
       count(*) filter (where status = 'EXPIRED'), count(*) filter (where status = 'OPEN'),
       percentile_cont(0.5) within group (order by after_s) filter (where status in ('ACCEPTED', 'DECLINED'))
  from made join last using (owner_id) group by key order by count(*) desc, key nulls last limit %(lines)s
""")


def outcomes(
    lists: Lists, by: OfferBy, *, start: datetime | None = None, end: datetime | None = None, as_of: AsOf = NOW
) -> list[OfferOutcome]:
    """What became, by a moment, of the offers that were made from `start` up to, and not including, `end`.

    The MAX_LINES keys with the most offers, the largest first.
    """
    query = OUTCOMES.format(
        key=sql.Identifier(COLUMNS[by]), offer_moves=counted(offers.offer_moves, as_of, lists.log.reader)
    )
    with lists.reading(offers.view) as (db, _):
        rows = db.execute(query, {"start": start, "end": end, "lines": MAX_LINES}).fetchall()
    return [
        OfferOutcome(
            key, made, accepted, declined, expired, open_, rate(accepted, made), None if wait is None else Decimal(wait)
        )
        for key, made, accepted, declined, expired, open_, wait in rows
    ]
