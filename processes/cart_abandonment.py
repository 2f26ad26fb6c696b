"""Cart abandonment: a cart that nobody comes back to is taken to be left, and whoever left it is reminded once.

It is left `ABANDONED_AFTER` the last change; the message goes `MESSAGE_AFTER` it, if the customer is known and agreed to
hear of the company, and if the cart is worth it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain import cart as carts
from domain.cart import (
    AbandonCart,
    Cart,
    CartAbandoned,
    CartConverted,
    CartIdentified,
    CartItemAdded,
    CartItemRemoved,
    CartQuantityChanged,
    CartStarted,
    CartStatus,
    CheckoutStarted,
)
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command
from domain.order import OrderPlaced
from domain.rules import Cap, Delay, DelayUnit, Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.contact import ON_ITS_WAY, TOO_LATE_AFTER, Contact, keep, remembers
from processes.policy import Letter, Policy, cancel, done, occasion
from processes.telling import any_of, hours, mail, minutes
from processes.wording import number_in
from projections.touchpoints.due import Due

ABANDONED_AFTER = timedelta(minutes=60)
MESSAGE_AFTER = timedelta(hours=24)
LEAST_WORTH = Decimal(20)
"""The least that a cart must be worth, in the base currency, for a message."""
AGAIN_AFTER = timedelta(days=7)
"""Nobody gets two of these messages within this time, and nobody two about the same cart."""

ABANDON, MESSAGE = "abandon", "message"
Change = CartItemAdded | CartItemRemoved | CartQuantityChanged | CartIdentified | CheckoutStarted


@dataclass(slots=True)
class Known:
    """What there is to know of a visitor: their carts, the last two changes of each, and when they ordered last."""

    contact: Contact = field(default_factory=Contact)
    carts: dict[UUID, Cart] = field(default_factory=dict)
    changed_at: dict[UUID, datetime] = field(default_factory=dict)
    changes: dict[UUID, tuple[UUID | None, UUID]] = field(default_factory=dict)
    ordered_at: datetime | None = None


CHANGES = (CartItemAdded, CartItemRemoved, CartQuantityChanged, CartIdentified, CheckoutStarted)
RULES = Rules(
    triggers=any_of(*CHANGES),
    delay=Delay(count=hours(MESSAGE_AFTER), unit=DelayUnit.HOURS),
    action=mail("cart", Purpose.MARKETING),
    caps=(Cap(times=1, days=AGAIN_AFTER.days),),
    cancelled_by=any_of(*CHANGES, CartConverted, OrderPlaced),
    note=(
        f"The cart counts as abandoned {minutes(ABANDONED_AFTER)} minutes after its last change; the message goes once for "
        f"each cart, if it is known whose it is and it is worth {LEAST_WORTH} or more in the base currency."
    ),
)

policy = Policy("cart-abandonment", version=1, memory=Known, rules=RULES)
remembers(policy)


@policy.remember(
    CartStarted, CartItemAdded, CartItemRemoved, CartQuantityChanged, CartIdentified, CheckoutStarted, CartConverted,
    CartAbandoned,
)  # fmt: skip
def went_on(known: Known, event: Any, at: Recorded) -> None:
    known.carts[at.stream_id] = carts.evolve(known.carts.get(at.stream_id, Cart()), event)
    if isinstance(event, CHANGES):
        known.changed_at[at.stream_id] = at.occurred_at
        last = known.changes.get(at.stream_id)
        known.changes[at.stream_id] = None if last is None else last[1], occasion(at)


@policy.remember(OrderPlaced)
def ordered(known: Known, placed: OrderPlaced, at: Recorded) -> None:
    known.ordered_at = at.occurred_at if known.ordered_at is None else max(known.ordered_at, at.occurred_at)


# What is done when something happens.


@policy.trigger(*CHANGES)
def wait(change: Change, at: Recorded, known: Known) -> Iterator[Command]:
    reason, (before, _) = over(known.carts[at.stream_id]), known.changes[at.stream_id]
    if before is not None:
        yield from cancel(reason or "CART_CHANGED", *promised_for(before))
    if reason is not None:
        yield policy.pass_over(at, reason)
    else:
        action = Action(kind=ActionKind.ACT, about=at.stream_id)
        yield policy.promise(at, ABANDON, action, at.occurred_at + ABANDONED_AFTER, trigger=occasion(at))


@policy.on(CartConverted)
def became_order(converted: CartConverted, at: Recorded, known: Known) -> Iterator[Command]:
    if at.stream_id in known.changes:
        yield from cancel("ORDERED", *promised_for(known.changes[at.stream_id][1]))


@policy.on(OrderPlaced)
def take_back(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
    for cart_id, changed_at in known.changed_at.items():
        if at.occurred_at - changed_at < MESSAGE_AFTER + TOO_LATE_AFTER:
            _, change = known.changes[cart_id]
            yield from cancel("ORDERED", policy.follow_up_id(change, MESSAGE))


def promised_for(change: UUID) -> tuple[UUID, UUID]:
    """What was promised because of a change of a cart."""
    return policy.follow_up_id(change, ABANDON), policy.follow_up_id(change, MESSAGE)


# What is done when a follow-up is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    if due.step == ABANDON:
        yield from abandon(due, known)
    elif (reason := no_longer(due, now, known)) is None and messaged_lately(due, now, known):
        yield policy.suppress(due, "MESSAGED_LATELY")
    else:
        yield from keep(policy, due, now, known.contact, reason)


def abandon(due: Due, known: Known) -> Iterator[Command]:
    """Takes the cart to be left, and promises the message, or says why there is none."""
    assert due.about is not None
    assert due.wanted_at is not None
    cart, last = known.carts[due.about], known.changed_at[due.about]
    if reason := over(cart) or ("CART_CHANGED" if last > due.wanted_at - ABANDONED_AFTER else None):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
        return
    yield AbandonCart(cart_id=due.about, policy=policy.name)
    wanted = last + MESSAGE_AFTER
    message = policy.promise_next(
        due, MESSAGE, reminding(due.about), known.contact.calendar.allowed(wanted), wanted_at=wanted
    )
    assert cart.started is not None
    if not cart.identified:
        yield policy.suppress(message, "NOT_IDENTIFIED")
    elif known.ordered_at is not None and known.ordered_at >= last:
        yield policy.suppress(message, "ORDERED")
    elif carts.worth(cart, cart.started).base < LEAST_WORTH:
        yield policy.suppress(message, "TOO_LITTLE")
    else:
        yield message
    yield done(due, "ABANDONED")


@policy.unless
def no_longer(due: Due, now: datetime, known: Known) -> str | None:
    assert due.about is not None
    assert due.wanted_at is not None
    last = due.wanted_at - MESSAGE_AFTER
    if reason := over(known.carts[due.about]):
        return reason
    if known.ordered_at is not None and known.ordered_at >= last:
        return "ORDERED"
    return "CART_CHANGED" if known.changed_at[due.about] > last else None


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.about is not None
    cart = known.carts[due.about]
    assert cart.started is not None
    language, total = known.contact.written_in, carts.worth(cart, cart.started)
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=language,
        template="cart",
        hours=known.contact.calendar,
        values={"total": number_in(language, total.amount, places=2), "currency": total.currency},
    )


def over(cart: Cart) -> str | None:
    """Why nobody is to be waited for any more, as a code."""
    if cart.status is CartStatus.CONVERTED:
        return "ORDERED"
    return None if cart.items else "CART_EMPTIED"


def messaged_lately(due: Due, now: datetime, known: Known) -> bool:
    """Whether the customer was written to about a cart a short while ago, or about this one before."""
    return any(
        promise.policy == policy.name
        and promise.step == MESSAGE
        and promise.status in ON_ITS_WAY
        and promise.dispatched_at is not None
        and (promise.action.about == due.about or now - promise.dispatched_at < AGAIN_AFTER)
        for id, promise in known.contact.promises.items()
        if id != due.follow_up_id
    )


def reminding(cart_id: UUID) -> Action:
    """To remind a customer of a cart."""
    return Action(
        kind=ActionKind.SEND_MESSAGE,
        template="cart",
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        about=cart_id,
    )
