"""Order progress: customers hear what becomes of their orders, and somebody looks at those that stand still or differ.

A confirmed order that has not left after `SHIPPED_WITHIN_DAYS` business days, and one of which the business system says
something else, are a task for whoever answers for the customer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.activity import ScheduleActivity
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command
from domain.lifecycle import AccountManagerAssigned
from domain.order import OrderCancelled, OrderConfirmed, OrderDelivered, OrderPlaced, OrderShipped
from domain.order_sync import OrderDiscrepancyDetected
from domain.rules import Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.company import Company as People
from processes.company import learns_company
from processes.contact import Contact, keep, remembers
from processes.office import Office, learns_office
from processes.owners import task
from processes.policy import Letter, Policy, cancel, done, occasion
from processes.staff_words import told
from processes.telling import AT_ONCE, any_of, mail
from projections.touchpoints.due import Due

SHIPPED_WITHIN_DAYS = 3
"""Business days after the confirmation."""
TASK_WITHIN_DAYS = 1
"""Business days that somebody has for a task."""

SHIPPED, DELIVERED, OVERDUE, DIFFERENCE = "shipped", "delivered", "overdue", "difference"
TEMPLATES = {SHIPPED: "order_shipped", DELIVERED: "order_delivered"}


@dataclass(slots=True)
class Order:
    """What the customer is told of an order."""

    number: str | None = None
    carrier: str = ""
    tracking: str = ""
    left: bool = False
    cancelled: bool = False


@dataclass(slots=True)
class Company:
    """What all memories share."""

    company: People = field(default_factory=People)
    office: Office = field(default_factory=Office)


@dataclass(slots=True)
class Known:
    """What there is to know of a customer and their orders."""

    company: Company
    contact: Contact = field(default_factory=Contact)
    orders: dict[UUID, Order] = field(default_factory=dict)
    manager: UUID | None = None


RULES = Rules(
    triggers=any_of(OrderShipped, OrderDelivered, OrderConfirmed, OrderDiscrepancyDetected),
    delay=AT_ONCE,
    action=mail(TEMPLATES[SHIPPED], None),
    cancelled_by=any_of(OrderCancelled),
    note=(
        f"At the delivery it is {TEMPLATES[DELIVERED]}; an order that has not left {SHIPPED_WITHIN_DAYS} business days after it "
        "was confirmed, and one that differs in the business system, are a task for whoever answers for the customer, within "
        f"{TASK_WITHIN_DAYS} business day{'s' if TASK_WITHIN_DAYS > 1 else ''}."
    ),
)

policy = Policy("order-progress", version=1, memory=Known, shared=Company, rules=RULES)
remembers(policy)
learns_company(policy)
learns_office(policy)


@policy.remember(OrderPlaced, OrderShipped, OrderDelivered, OrderCancelled)
def went_on(known: Known, event: OrderPlaced | OrderShipped | OrderDelivered | OrderCancelled, at: Recorded) -> None:
    order = known.orders.setdefault(at.stream_id, Order())
    match event:
        case OrderPlaced(number=number):
            order.number = number
        case OrderShipped(carrier=carrier, tracking=tracking):
            order.left, order.carrier, order.tracking = True, carrier or "", tracking or ""
        case OrderDelivered():
            order.left = True
        case OrderCancelled():
            order.cancelled = True


@policy.remember(AccountManagerAssigned)
def answered_for(known: Known, assigned: AccountManagerAssigned, at: Recorded) -> None:
    known.manager = assigned.staff_id


@policy.trigger(OrderShipped)
def tell_shipped(shipped: OrderShipped, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, SHIPPED, telling(SHIPPED, at.stream_id), at.occurred_at)
    yield from cancel("SHIPPED", policy.follow_up_id(at.stream_id, OVERDUE))


@policy.trigger(OrderDelivered)
def tell_delivered(delivered: OrderDelivered, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, DELIVERED, telling(DELIVERED, at.stream_id), at.occurred_at)
    yield from cancel("DELIVERED", policy.follow_up_id(at.stream_id, OVERDUE))


@policy.trigger(OrderConfirmed)
def watch(confirmed: OrderConfirmed, at: Recorded, known: Known) -> Iterator[Command]:
    until = known.company.office.after_days(at.occurred_at, SHIPPED_WITHIN_DAYS)
    yield policy.promise(at, OVERDUE, Action(kind=ActionKind.ACT, about=at.stream_id), until)


@policy.trigger(OrderDiscrepancyDetected)
def look_into(detected: OrderDiscrepancyDetected, at: Recorded, known: Known) -> Iterator[Command]:
    action = Action(kind=ActionKind.ACT, about=detected.order_id)
    yield policy.promise(at, f"{DIFFERENCE}: {detected.field}", action, at.occurred_at, trigger=occasion(at))


@policy.on(OrderCancelled)
def call_off(cancelled: OrderCancelled, at: Recorded, known: Known) -> Iterator[Command]:
    steps = (SHIPPED, DELIVERED, OVERDUE)
    yield from cancel("ORDER_CANCELLED", *(policy.follow_up_id(at.stream_id, step) for step in steps))


@policy.due
def go_on(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    order = order_of(due, known)
    if due.step in TEMPLATES:
        no_longer = "ORDER_CANCELLED" if order.cancelled else None
        yield from keep(policy, due, now, known.contact, no_longer, quiet=False)
    elif order.cancelled:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="ORDER_CANCELLED")
    elif due.step == OVERDUE and order.left:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="SHIPPED")
    else:
        yield to_look_at(due, now, order, known)
        yield done(due, "TASK")


@policy.unless
def not_any_more(due: Due, now: datetime, known: Known) -> str | None:
    return "ORDER_CANCELLED" if order_of(due, known).cancelled else None


@policy.letter
def write(due: Due, known: Known) -> Letter:
    order = order_of(due, known)
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=known.contact.written_in,
        template=TEMPLATES[due.step],
        hours=None,
        values={"number": order.number or "", "carrier": order.carrier, "tracking": order.tracking},
    )


def telling(step: str, order_id: UUID) -> Action:
    """A message about an order; nobody is asked whether they want to know of their own."""
    return Action(kind=ActionKind.SEND_MESSAGE, template=TEMPLATES[step], channel=Channel.EMAIL, about=order_id)


def to_look_at(due: Due, now: datetime, order: Order, known: Known) -> ScheduleActivity:
    """Somebody is to look at an order."""
    words = "order_overdue" if due.step == OVERDUE else "order_differs"
    aspect = due.step.partition(": ")[2].lower().replace("_", " ")
    subject = told(
        known.company.company,
        known.manager,
        words if order.number else f"an_{words}",
        number=order.number,
        aspect=aspect,
    )
    due_at = known.company.office.after_days(now, TASK_WITHIN_DAYS)
    return task(policy, due, subject, known.manager, due_at, ("order", due.about))


def order_of(due: Due, known: Known) -> Order:
    """The order that a follow-up is about."""
    return known.orders.get(due.about, Order()) if due.about is not None else Order()
