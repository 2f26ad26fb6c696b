"""Cross-sell: after a delivery, what others bought with it is offered, if the customer has not bought it and it is there.

How much more often two articles are bought by the same customers than chance would have it is the lift: n(A and B) n /
(n(A) n(B)), of the n customers who bought anything; the support is n(A and B). R. Agrawal, T. Imielinski, A. Swami, "Mining
Association Rules between Sets of Items in Large Databases", SIGMOD (1993); S. Brin, R. Motwani, J. D. Ullman, S. Tsur,
"Dynamic Itemset Counting and Implication Rules for Market Basket Data", SIGMOD (1997), where it is called interest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.consent import Purpose
from domain.customer import CustomerKind
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command, derived
from domain.offer import MakeOffer
from domain.opportunity import OpenOpportunity
from domain.order import LinesReturned, OrderDelivered
from domain.predicate import Predicate
from domain.rules import Delay, Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Days
from processes.cases import Matters, remembers_cases
from processes.company import Company, learns_company
from processes.contact import Contact, keep, profiling_forbidden, remembers
from processes.goods import Goods, learns_goods
from processes.owners import remembers_owner
from processes.policy import Letter, Policy, cancel, done
from processes.purchases import Purchase, remembers_purchases
from processes.sales import Sales, learns_sales
from processes.telling import NOTHING_LEFT, any_of, is_true, mail
from projections.touchpoints.due import Due

AFTER = Days(14)
MIN_LIFT = Decimal("1.5")
MIN_SUPPORT = 50
"""So many customers must have bought both."""
VALID_FOR = timedelta(days=30)
"""How long what is offered can be had."""
CODE = "CROSS_SELL"
"""The code of the offer, and the source of the opportunity."""

SELL = "sell"


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)
    goods: Goods = field(default_factory=Goods)
    matters: Matters = field(default_factory=Matters)
    sales: Sales = field(default_factory=Sales)


@dataclass(slots=True)
class Known:
    """What there is to know of a customer: what they bought, what they complained of, and who answers for them."""

    background: Background
    contact: Contact = field(default_factory=Contact)
    purchases: dict[UUID, Purchase] = field(default_factory=dict)
    cases: dict[UUID, UUID | None] = field(default_factory=dict)
    manager: UUID | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """An article that goes with what was bought: how many bought both, and how much more often than by chance."""

    sku: str
    with_sku: str
    support: int
    lift: Decimal


RULES = Rules(
    triggers=any_of(OrderDelivered),
    conditions=Predicate(no=(is_true("open_complaint"),)),
    delay=Delay(count=AFTER.count),
    action=mail("cross_sell", Purpose.MARKETING),
    cancelled_by=any_of(LinesReturned, when=NOTHING_LEFT),
    note=(
        f"Offers for {VALID_FOR.days} days what {MIN_SUPPORT} customers or more bought as well, {MIN_LIFT} times as many as by "
        "chance or more, if it is there and the customer has not bought it; for an organisation it is an opportunity instead; "
        "none of it for whoever objected to profiling."
    ),
)

policy = Policy("cross-sell", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
remembers_cases(policy)
remembers_owner(policy)
remembers_purchases(policy)
learns_company(policy)
learns_goods(policy)
learns_sales(policy)


@policy.trigger(OrderDelivered)
def promise(delivered: OrderDelivered, at: Recorded, known: Known) -> Iterator[Command]:
    wanted = known.contact.calendar.after(at.occurred_at, AFTER)
    if known.contact.kind is CustomerKind.ORGANISATION:
        yield policy.promise(at, SELL, Action(kind=ActionKind.ACT, about=at.stream_id), wanted)
    else:
        allowed = known.contact.calendar.allowed(wanted)
        yield policy.promise(at, SELL, offering(at.stream_id), allowed, wanted_at=wanted)


@policy.on(LinesReturned)
def take_back(returned: LinesReturned, at: Recorded, known: Known) -> Iterator[Command]:
    if returned.nothing_left:
        yield from cancel("ORDER_RETURNED", policy.follow_up_id(at.stream_id, SELL))


@policy.due
def sell(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    match = match_of(due, known)
    if is_returned(due, known):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="ORDER_RETURNED")
    elif known.background.matters.has_complaint(known.cases):
        yield policy.suppress(due, "OPEN_COMPLAINT")
    elif reason := profiling_forbidden(now, known.contact):
        yield policy.suppress(due, reason)
    elif match is None:
        yield policy.suppress(due, "NOTHING_GOES_WITH_IT")
    elif due.action is ActionKind.ACT:
        yield opportunity(due, match, known)
        yield done(due, "OPPORTUNITY_OPENED")
    else:
        yield from keep(policy, due, now, known.contact, None)


@policy.unless
def no_longer(due: Due, now: datetime, known: Known) -> str | None:
    if is_returned(due, known):
        return "ORDER_RETURNED"
    if known.background.matters.has_complaint(known.cases):
        return "OPEN_COMPLAINT"
    if match_of(due, known) is None:
        return "NOTHING_GOES_WITH_IT"
    return profiling_forbidden(now, known.contact)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.customer_id is not None
    assert due.due_at is not None
    match = match_of(due, known)
    assert match is not None
    article = known.background.goods.article(match.sku)
    offer = MakeOffer(
        offer_id=derived("offer", due.follow_up_id),
        customer_id=due.customer_id,
        offer=CODE,
        title=why(match),
        sku=match.sku,
        valid_until=due.due_at + VALID_FOR,
    )
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=known.contact.written_in,
        template="cross_sell",
        hours=known.contact.calendar,
        values={"product": match.sku if article is None else article.name},
        then=(offer,),
    )


def opportunity(due: Due, match: Match, known: Known) -> OpenOpportunity:
    """A sale that may come about with a company, for whoever answers for it; else it is assigned as every other one."""
    article, company = known.background.goods.article(match.sku), known.background.company
    priced = article is not None and article.price is not None
    return OpenOpportunity(
        opportunity_id=derived("opportunity", due.follow_up_id),
        customer_id=due.customer_id,
        name=why(match),
        amount=article.price if article is not None and priced else None,
        currency=(article.currency if article is not None and priced else None) or "EUR",
        staff_id=known.manager if company.works_here(known.manager) else None,
        source=CODE,
        product=match.sku,
    )


def match_of(due: Due, known: Known) -> Match | None:
    """The article to offer with an order: the one with the greatest lift, then support, then the first by its code."""
    order = known.purchases.get(due.about) if due.about is not None else None
    sales, goods = known.background.sales, known.background.goods
    owned = {sku for each in known.purchases.values() if each.counts for sku in each.skus}
    found = []
    for ours in sorted(order.skus) if order is not None else ():
        for sku, support in sales.bought_with(ours).items():
            article = goods.article(sku)
            if support < MIN_SUPPORT or sku in owned or (article is not None and article.discontinued):
                continue
            lift = Decimal(support * len(sales.baskets)) / (len(sales.owners[ours]) * len(sales.owners[sku]))
            if lift >= MIN_LIFT and (goods.available(sku) or 0) > 0:
                found.append(Match(sku, ours, support, lift))
    return min(found, key=lambda each: (-each.lift, -each.support, each.sku, each.with_sku), default=None)


def is_returned(due: Due, known: Known) -> bool:
    """Whether the customer kept nothing of the order."""
    order = known.purchases.get(due.about) if due.about is not None else None
    return order is None or not any(count > 0 for count in order.left.values())


def why(match: Match) -> str:
    """Why an article is offered, in a sentence."""
    return (
        f"{match.sku} goes with {match.with_sku}: {match.support} customers bought both, "
        f"{match.lift.quantize(Decimal('0.01'))} times as many as by chance."
    )


def offering(order_id: UUID) -> Action:
    """To offer what goes with an order."""
    return Action(
        kind=ActionKind.SEND_MESSAGE,
        template="cross_sell",
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        about=order_id,
    )
