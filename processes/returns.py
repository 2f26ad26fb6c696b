"""Returns: what comes back in time is taken back at once and fetched, and what has arrived is paid back or replaced.

What is too late, or more than was bought, somebody decides. Goods that were faulty are replaced, if there are any; the
others are paid back by the payment that they were paid with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from uuid import UUID

from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command
from domain.order import OrderLine, ReturnLines
from domain.payment import IssueRefund, PaymentReceived, RefundIssued
from domain.programme import DEFAULT
from domain.returns import (
    AuthoriseReturn,
    ReturnAuthorised,
    ReturnCause,
    ReturnCondition,
    ReturnLine,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
)
from domain.rules import Rules
from domain.values import EXACT
from eventstore.envelope import Recorded
from processes.calendar import Days
from processes.company import Company, learns_company
from processes.contact import Contact, remembers
from processes.goods import Goods, learns_goods
from processes.memberships import Membership, Programmes, learns_programmes, rank, remembers_members
from processes.office import Office, learns_office
from processes.owners import owner, remembers_owner, supervisor, task
from processes.policy import Policy, cancel, done
from processes.purchases import Purchase, remembers_purchases
from processes.staff_words import told
from processes.telling import AT_ONCE, BY_ITSELF, any_of
from projections.customers.eligibility import LEAST_TIER_RANK
from projections.touchpoints.due import Due

RETURN_DAYS = 14
MEMBER_RETURN_DAYS = 30
"""Days after the delivery within which goods are taken back, and those of members of Gold and above."""
ARRIVE_WITHIN = Days(14)
"""How long the goods may take once they may come."""
FETCH_WITHIN_DAYS = 2
DECIDE_WITHIN_DAYS = 2
SETTLE_WITHIN_DAYS = 2
"""Business days for the tasks."""
FAULTY = frozenset({ReturnCause.DAMAGED, ReturnCause.DEFECTIVE, ReturnCause.WRONG_ARTICLE})
"""What is replaced, and paid back in whatever condition it arrives."""
AS_GOOD_AS_NEW = frozenset({ReturnCondition.NEW, ReturnCondition.OPENED})

AUTHORISE, SETTLE = "authorise", "settle"


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)
    goods: Goods = field(default_factory=Goods)
    office: Office = field(default_factory=Office)
    programmes: Programmes = field(default_factory=Programmes)


@dataclass(slots=True)
class Wish:
    """A return: what was asked for, whether it was decided, and what arrived."""

    order_id: UUID
    lines: tuple[ReturnLine, ...]
    cause: ReturnCause
    decided: bool = False
    received: tuple[ReturnLine, ...] = ()
    condition: ReturnCondition | None = None


@dataclass(slots=True)
class Paid:
    """A payment for an order, and how much of it was not given back."""

    order_id: UUID | None
    currency: str
    left: Decimal


@dataclass(slots=True)
class Known:
    """What there is to know of a customer who sends something back."""

    background: Background
    contact: Contact = field(default_factory=Contact)
    accounts: dict[UUID, Membership] = field(default_factory=dict)
    purchases: dict[UUID, Purchase] = field(default_factory=dict)
    payments: dict[UUID, Paid] = field(default_factory=dict)
    wishes: dict[UUID, Wish] = field(default_factory=dict)
    manager: UUID | None = None


RULES = Rules(
    triggers=any_of(ReturnRequested, ReturnReceived),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(ReturnAuthorised, ReturnRefused, ReturnReceived),
    note=(
        f"Authorised within {RETURN_DAYS} days of the delivery, and {MEMBER_RETURN_DAYS} for "
        f"{DEFAULT.tiers[LEAST_TIER_RANK].label['en']} and above, to arrive within {ARRIVE_WITHIN.count} days, with a task to "
        f"have it fetched within {FETCH_WITHIN_DAYS} business days; else a supervisor decides within {DECIDE_WITHIN_DAYS}; what "
        "has arrived is replaced if it was faulty and is there, and else paid back."
    ),
)

policy = Policy("returns", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
remembers_members(policy)
remembers_owner(policy)
remembers_purchases(policy)
learns_company(policy)
learns_goods(policy)
learns_office(policy)
learns_programmes(policy)


@policy.remember(ReturnRequested)
def wished(known: Known, requested: ReturnRequested, at: Recorded) -> None:
    known.wishes[at.stream_id] = Wish(requested.order_id, requested.lines, requested.cause)


@policy.remember(ReturnAuthorised, ReturnRefused, ReturnReceived)
def went_on(known: Known, event: ReturnAuthorised | ReturnRefused | ReturnReceived, at: Recorded) -> None:
    if (wish := known.wishes.get(at.stream_id)) is not None:
        wish.decided = True
        if isinstance(event, ReturnReceived):
            wish.received, wish.condition = event.lines, event.condition


@policy.remember(PaymentReceived)
def paid(known: Known, payment: PaymentReceived, at: Recorded) -> None:
    known.payments[at.stream_id] = Paid(payment.order_id, payment.amount.currency, payment.amount.amount)


@policy.remember(RefundIssued)
def given_back(known: Known, refund: RefundIssued, at: Recorded) -> None:
    if (payment := known.payments.get(at.stream_id)) is not None:
        payment.left = EXACT.subtract(payment.left, refund.amount.amount)


# What is done when something happens.


@policy.trigger(ReturnRequested)
def look_at(requested: ReturnRequested, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, AUTHORISE, Action(kind=ActionKind.ACT, about=at.stream_id), at.occurred_at)


@policy.trigger(ReturnReceived)
def settle_up(received: ReturnReceived, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("RECEIVED", policy.follow_up_id(at.stream_id, AUTHORISE))
    yield policy.promise(at, SETTLE, Action(kind=ActionKind.ACT, about=at.stream_id), at.occurred_at)


@policy.on(ReturnAuthorised, ReturnRefused)
def leave_alone(event: ReturnAuthorised | ReturnRefused, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("DECIDED_BY_HAND", policy.follow_up_id(at.stream_id, AUTHORISE))


# What is done when a follow-up is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    wish = known.wishes.get(due.about) if due.about is not None else None
    if wish is None or (due.step == AUTHORISE and wish.decided):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="DECIDED_BY_HAND")
    elif due.step == AUTHORISE:
        yield from authorise(due, now, wish, known)
    else:
        yield from settle(due, now, wish, known)


def authorise(due: Due, now: datetime, wish: Wish, known: Known) -> Iterator[Command]:
    """Lets the goods come and has them fetched, or asks somebody."""
    assert due.about is not None
    office, company = known.background.office, known.background.company
    if reason := against(due, wish, known):
        words, values = reason
        whose = supervisor(company, known)
        until = office.after_days(now, DECIDE_WITHIN_DAYS)
        yield task(policy, due, told(company, whose, words, **values), whose, until, ("return", due.about))
        yield done(due, "ASKED_SUPERVISOR")
    else:
        until = known.contact.calendar.after(now, ARRIVE_WITHIN, at=time(23, 59))
        yield AuthoriseReturn(return_id=due.about, until=until)
        fetched = office.after_days(now, FETCH_WITHIN_DAYS)
        whose = owner(company, known)
        subject = told(company, whose, "return_fetch", goods=said(wish.lines))
        yield task(policy, due, subject, whose, fetched, ("return", due.about))
        yield done(due, "AUTHORISED")


def against(due: Due, wish: Wish, known: Known) -> tuple[str, dict[str, int]] | None:
    """Why goods are not taken back by rule, in staff words and what these are given."""
    assert due.wanted_at is not None
    order, calendar = known.purchases.get(wish.order_id), known.contact.calendar
    if order is None or order.delivered_at is None:
        return "return_undelivered", {}
    if not covers(order, wish.lines):
        return "return_too_much", {}
    days = (calendar.day(due.wanted_at) - calendar.day(order.delivered_at)).days
    most = MEMBER_RETURN_DAYS if is_gold(known) else RETURN_DAYS
    return ("return_too_late", {"days": days, "most": most}) if days > most else None


def settle(due: Due, now: datetime, wish: Wish, known: Known) -> Iterator[Command]:
    """Books what arrived, and replaces it or pays it back."""
    assert due.about is not None
    order, company, goods = known.purchases.get(wish.order_id), known.background.company, known.background.goods
    staff_id, until = owner(company, known), known.background.office.after_days(now, SETTLE_WITHIN_DAYS)
    related = "return", due.about
    lines = priced(order, wish.received) if order is not None and covers(order, wish.received) else ()
    if lines:
        yield ReturnLines(order_id=wish.order_id, lines=lines)
    if wish.cause in FAULTY and all((goods.available(line.sku) or 0) >= line.quantity for line in wish.received):
        subject = told(company, staff_id, "return_replace", goods=said(wish.received))
        yield task(policy, due, subject, staff_id, until, related)
        yield done(due, "REPLACEMENT")
        return
    amount = worth(order, lines) if order is not None else Decimal(0)
    payment_id = paying(wish.order_id, order, amount, known) if lines else None
    if payment_id is not None and (wish.cause in FAULTY or wish.condition in AS_GOOD_AS_NEW):
        yield IssueRefund(payment_id=payment_id, refund_ref=f"return {due.about}", amount=amount)
        yield done(due, "REFUNDED")
    else:
        why = "return_pay_unknown" if payment_id is None else "return_pay_condition"
        condition = str(wish.condition).lower()
        subject = told(company, staff_id, why, goods=said(wish.received), condition=condition)
        yield task(policy, due, subject, staff_id, until, related)
        yield done(due, "ASKED_OWNER")


def paying(order_id: UUID, order: Purchase | None, amount: Decimal, known: Known) -> UUID | None:
    """The payment for an order of which so much is left, the first by its id; None if there is none."""
    fitting = (
        id
        for id, each in known.payments.items()
        if order is not None
        and (each.order_id, each.currency) == (order_id, order.total.currency)
        and each.left >= amount > 0
    )
    return min(fitting, default=None)


def covers(order: Purchase, lines: tuple[ReturnLine, ...]) -> bool:
    """Whether so much is left of an order."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    return all(order.left.get(sku, 0) >= quantity for sku, quantity in wanted.items())


def priced(order: Purchase, lines: tuple[ReturnLine, ...]) -> tuple[OrderLine, ...]:
    """These lines at the prices of the order; of an article at several prices, the pieces at the lowest come back first."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    found = []
    for bought in sorted(order.lines, key=lambda each: each.unit_price):
        if quantity := min(bought.quantity, wanted.get(bought.sku, 0)):
            wanted[bought.sku] -= quantity
            found.append(OrderLine(sku=bought.sku, quantity=quantity, unit_price=bought.unit_price))
    return tuple(found)


def worth(order: Purchase, lines: tuple[OrderLine, ...]) -> Decimal:
    """What goods of an order cost, as it can be paid: rounded to the minor unit of its currency."""
    exact = sum((EXACT.multiply(line.unit_price, Decimal(line.quantity)) for line in lines), start=Decimal(0))
    return order.total.like(exact).charged().amount


def is_gold(known: Known) -> bool:
    """Whether the customer is a member of a tier that has longer."""
    return any(
        not account.left and rules is not None and rank(account.tier, rules) >= LEAST_TIER_RANK
        for account in known.accounts.values()
        for rules in (account.rules(known.background.programmes),)
    )


def said(lines: tuple[ReturnLine, ...]) -> str:
    """Goods in words: 2 cup, 1 pot."""
    return ", ".join(f"{line.quantity} {line.sku}" for line in lines)
