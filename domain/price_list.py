"""Price lists: what a product costs for whom, and from how many pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked
from domain.references import CustomerId, PriceListId
from domain.values import EXACT, MAX_QUANTITY, fault, must_be_currency, must_follow, must_know_zone, must_say

MAX_RULES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRule:
    """A price for one piece, or a discount (0.1 is 10 per cent off), for whatever meets all that is said here.

    What is left out is no condition: without a sku and a category the rule is for every product.
    """

    sku: str | None = None
    category: str | None = None
    customer_id: CustomerId | None = None
    segment: str | None = None
    min_quantity: int = 1
    price: Decimal | None = None
    discount: Decimal | None = None


# What can be asked.


class PublishPriceList(Command):
    """Say which prices count, up to and not including `valid_until`; a list that is said to end is used no longer.

    The same list with other content is its next version.
    """

    price_list_id: PriceListId
    key: str
    currency: str
    rules: tuple[PriceRule, ...]
    valid_from: datetime | None = None
    valid_until: datetime | None = None


# What can have happened.


class PriceListPublished(Event, stored_as="price_list.published.v1"):
    """A version of a price list came into use, until it ends or the next one comes; `version` counts from 1."""

    key: str
    version: int
    currency: str
    rules: tuple[PriceRule, ...]
    valid_from: datetime | None
    valid_until: datetime | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class PriceList:
    """The last version."""

    published: PriceListPublished | None = None


Asked = PublishPriceList
Happened = PriceListPublished


def decide(asked: Asked, price_list: PriceList) -> Iterator[Event]:
    known = price_list.published
    must_make_sense(asked)
    if known is not None and known.key != asked.key:
        raise Refused(f"This price list is known as {known.key}: publish another for {asked.key}.", "key")
    version = 0 if known is None else known.version
    if as_asked(PriceListPublished, asked, version=version) != known:
        yield as_asked(PriceListPublished, asked, version=version + 1)


def evolve(_: PriceList, event: Happened) -> PriceList:
    return PriceList(event)


def must_make_sense(asked: PublishPriceList) -> None:
    """Refused if no price could follow from the list."""
    must_say(asked.key, "The key", "key")
    must_be_currency(asked.currency, "currency")
    if asked.valid_from is not None:
        must_know_zone(asked.valid_from, "valid_from")
    if asked.valid_until is not None:
        must_know_zone(asked.valid_until, "valid_until")
    if asked.valid_from is not None:
        must_follow(asked.valid_from, asked.valid_until, "valid_until")
    if not 1 <= len(asked.rules) <= MAX_RULES:
        raise Refused(f"Give from 1 to {MAX_RULES} rules.", "rules")
    for number, rule in enumerate(asked.rules, 1):
        for what in ("sku", "category", "segment"):
            must_say(getattr(rule, what), f"Rule {number}: the {what}", "rules")
        if not 1 <= rule.min_quantity <= MAX_QUANTITY:
            raise Refused(f"Rule {number}: the min quantity must be from 1 to {MAX_QUANTITY}.", "rules")
        if (rule.price is None) is (rule.discount is None):
            raise Refused(f"Rule {number}: give either a price or a discount.", "rules")
        if rule.price is not None and (wrong := fault(rule.price)):
            raise Refused(f"Rule {number}: the price {wrong}.", "rules")
        if rule.discount is not None and (fault(rule.discount) or rule.discount > 1):
            raise Refused(f"Rule {number}: the discount must be from 0 to 1.", "rules")


def price_for(
    rules: Iterable[PriceRule],
    sku: str,
    category: str | None,
    base_price: Decimal,
    quantity: int,
    customer_id: UUID | None = None,
    segments: frozenset[str] = frozenset(),
) -> tuple[Decimal, PriceRule | None]:
    """The price of one piece, not rounded, and the rule that it follows from; the base price if there is no such rule.

    Of the rules that are met the most specific counts: one for the customer before one for a segment, before one for
    a quantity, before one for all; then one for the article before one for its category, before one for everything;
    then the lowest price. In what order the rules stand makes no difference.
    """
    met = [rule for rule in rules if is_met(rule, sku, category, quantity, customer_id, segments)]
    if not met:
        return base_price, None
    rule = min(met, key=lambda rule: (*rank(rule), price_by(rule, base_price), repr(rule)))
    return price_by(rule, base_price), rule


def is_met(
    rule: PriceRule, sku: str, category: str | None, quantity: int, customer_id: UUID | None, segments: frozenset[str]
) -> bool:
    """Whether a rule is for this purchase."""
    return (
        rule.sku in (None, sku)
        and rule.category in (None, category)
        and rule.customer_id in (None, customer_id)
        and (rule.segment is None or rule.segment in segments)
        and quantity >= rule.min_quantity
    )


def rank(rule: PriceRule) -> tuple[int, int]:
    """How specific a rule is, about whom and about what: the lower, the more specific."""
    whom = (rule.customer_id is not None, rule.segment is not None, rule.min_quantity > 1, True)
    what = (rule.sku is not None, rule.category is not None, True)
    return whom.index(True), what.index(True)


def price_by(rule: PriceRule, base_price: Decimal) -> Decimal:
    """The price of one piece by a rule."""
    if rule.price is not None:
        return rule.price
    return EXACT.multiply(base_price, EXACT.subtract(Decimal(1), rule.discount or Decimal(0)))


decider = Decider("price_list", Asked, Happened, PriceList(), decide, evolve)
