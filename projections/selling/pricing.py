"""Pricing: what an article costs a customer at a moment, and by which rule of which price list."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from domain.price_list import PriceRule, price_for
from domain.values import EXACT, MAX_QUANTITY, must_be_currency, must_be_within
from eventstore.reader import NOW, AsOf
from projections.facts import counted
from projections.history import past
from projections.lists import Lists
from projections.marketing import segment_memberships
from projections.marketing import segments as groups
from projections.selling import price_lists, products

MAX_SEGMENTS = 100


@dataclass(frozen=True, slots=True)
class Price:
    """What one piece costs, not rounded, and all of them. `list_price` is what it costs without any rule.

    Without a `price_list` it is the list price. A rule is for this customer, for one of the segments, from a quantity on,
    or for everybody; `discount` is the share that it takes off, if it does not name a price.
    """

    sku: str
    quantity: int
    currency: str
    unit_price: Decimal
    total: Decimal
    list_price: Decimal | None
    price_list: str | None = None
    version: int | None = None
    for_customer: bool = False
    segment: str | None = None
    min_quantity: int | None = None
    discount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """An article as it is sold at a moment."""

    category: str | None
    price: Decimal | None
    currency: str | None


def price(
    lists: Lists,
    sku: str,
    quantity: int,
    at: datetime,
    *,
    customer_id: UUID | None = None,
    segments: Collection[str] | None = None,
    currency: str | None = None,
    as_of: AsOf = NOW,
) -> Price | None:
    """The price at a moment, by the rules of `domain.price_list`; None if it is not sold then, or has no price.

    Of each price list in this currency that version counts which came last by then, unless it has ended. A rule for
    somebody who was merged into the customer is one for the customer. Without `segments`, those count that the customer is in.
    """
    must_be_within(quantity, 1, MAX_QUANTITY, "quantity")
    if currency is not None:
        must_be_currency(currency, "currency")
    if segments is not None and len(segments) > MAX_SEGMENTS:
        raise Refused(f"Name at most {MAX_SEGMENTS} segments.", "segments")
    offered = _offered(lists, sku, at, as_of)
    if offered is None or (currency := currency or offered.currency) is None:
        return None
    listed = offered.price if offered.currency == currency else None
    whom = [] if customer_id is None else list(lists.log.reader.kin([customer_id]))
    if segments is None:
        segments = _segments(lists, whom, at, as_of)
    rules = _rules(lists, sku, offered.category, quantity, at, whom, segments, currency, as_of)
    sources = {
        _for(customer_id, rule): source for rule, source in rules if rule.price is not None or listed is not None
    }
    unit, rule = price_for(
        sources, sku, offered.category, listed or Decimal(0), quantity, customer_id, frozenset(segments)
    )
    if rule is None:
        return None if listed is None else Price(sku, quantity, currency, unit, EXACT.multiply(unit, quantity), listed)
    return Price(
        sku, quantity, currency, unit, EXACT.multiply(unit, quantity), listed, *sources[rule],
        rule.customer_id is not None, rule.segment, rule.min_quantity, rule.discount,
    )  # fmt: skip


def _for(customer_id: UUID | None, rule: PriceRule) -> PriceRule:
    """A rule for whoever is taken to be the customer is one for the customer."""
    return rule if rule.customer_id is None else replace(rule, customer_id=customer_id)


def _offered(lists: Lists, sku: str, at: datetime, as_of: AsOf) -> Offered | None:
    """The article as the last word on it by a moment has it; if several have the code, the one introduced last."""
    query = sql.SQL(
        "select category, price, currency from ("
        "  select distinct on (owner_id) owner_id, category, price, currency, sold,"
        "         min(occurred_at) over (partition by owner_id) as introduced_at from {}"
        "   where sku = %s and occurred_at <= %s order by owner_id, position desc"
        ") last where sold order by introduced_at desc, owner_id limit 1"
    ).format(counted(products.prices, as_of, lists.log.reader))
    with lists.reading(products.view) as (db, _):
        row = db.execute(query, [sku, at]).fetchone()
    return None if row is None else Offered(*row)


def _segments(lists: Lists, whom: list[UUID], at: datetime, as_of: AsOf) -> list[str]:
    """The codes of the segments that a customer was in at a moment; looking back, at the one that is looked from."""
    if not whom:
        return []
    then = AsOf(valid_at=at) if as_of == NOW else as_of
    query = sql.SQL(
        "select s.code from (select * from {members}) m join (select * from {segments}) s using (segment_id)"
        " where m.inside and m.customer_id = any(%s) order by s.code limit %s"
    ).format(
        members=past(segment_memberships.view, then, lists.log.reader),
        segments=past(groups.view, then, lists.log.reader),
    )
    with lists.reading(segment_memberships.view) as (db, _):
        return [row[0] for row in db.execute(query, [whom, MAX_SEGMENTS]).fetchall()]


def _rules(
    lists: Lists,
    sku: str,
    category: str | None,
    quantity: int,
    at: datetime,
    whom: list[UUID],
    segments: Collection[str],
    currency: str,
    as_of: AsOf,
) -> list[tuple[PriceRule, tuple[str, int]]]:
    """The rules that are met, each with the code and the version of its price list."""
    query = sql.SQL(
        "with latest as materialized ("
        "  select distinct on (owner_id) owner_id, version, code, currency, valid_until from {versions}"
        "   where starts_at <= %s order by owner_id, version desc"
        ") select r.sku, r.category, r.customer_id, r.segment, r.min_quantity, r.price, r.discount, l.code, l.version"
        "  from (select * from {rules}) r join latest l using (owner_id, version)"
        " where l.currency = %s and (l.valid_until is null or l.valid_until > %s)"
        "   and (r.sku is null or r.sku = %s) and (r.category is null or r.category = %s)"
        "   and (r.customer_id is null or r.customer_id = any(%s)) and (r.segment is null or r.segment = any(%s))"
        "   and r.min_quantity <= %s"
        " order by l.code desc"
    ).format(
        versions=counted(price_lists.versions, as_of, lists.log.reader),
        rules=counted(price_lists.rules, as_of, lists.log.reader),
    )
    with lists.reading(price_lists.view) as (db, _):
        found = db.execute(query, [at, currency, at, sku, category, whom, list(segments), quantity]).fetchall()
    return [
        (
            PriceRule(
                sku=of_sku, category=of_category, customer_id=customer_id, segment=segment, min_quantity=least,
                price=named, discount=discount,
            ),
            (code, version),
        )
        for of_sku, of_category, customer_id, segment, least, named, discount, code, version in found
    ]  # fmt: skip
