"""Churn risk: who has not ordered for longer than they are used to is turned to, and who orders again is won back.

What silence means is reckoned by the days of the customer, as `projections.value.churn.silence` has it. The best customers
by revenue are a task for whoever answers for them; the others are written to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from math import floor
from typing import Any
from uuid import UUID

from domain.activity import ActivityKind
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp, FollowUpStatus, PostponeFollowUp
from domain.kernel import Command
from domain.lifecycle import ChangeLifecycleStage, LifecycleStage, LifecycleStageChanged
from domain.order import OrderCancelled, OrderLinesCancelled, OrderPlaced
from domain.rules import Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Days
from processes.company import Company, learns_company
from processes.contact import Contact, keep, profiling_forbidden, remembers
from processes.office import Office, learns_office
from processes.owners import owner, remembers_owner, task
from processes.policy import Letter, Policy, cancel, done, occasion
from processes.purchases import ORDER_EVENTS, Purchase, days_of, is_off, last_order, median_gap, note_order
from processes.sales import Sales, learns_sales
from processes.staff_words import told
from processes.telling import NOTHING_LEFT, any_of, mail, until
from projections.touchpoints.due import Due
from projections.value.churn import (
    AT_RISK_DAYS,
    AT_RISK_GAPS,
    CHURNED_DAYS,
    CHURNED_GAPS,
    ChurnStatus,
    Silence,
    silence,
)

AT = time(9)
TOP_SHARE_PERCENT = 20
"""Among which part of the customers by revenue somebody turns to them in person."""
TASK_WITHIN_DAYS = 3
"""Business days that the owner has for that."""

AT_RISK, CHURNED, WON_BACK = "at-risk", "churned", "won-back"
LOST = (LifecycleStage.AT_RISK, LifecycleStage.CHURNED)
STAGES = {AT_RISK: LifecycleStage.AT_RISK, CHURNED: LifecycleStage.CHURNED}
AWAITED = {AT_RISK: (ChurnStatus.AT_RISK, ChurnStatus.CHURNED), CHURNED: (ChurnStatus.CHURNED,)}
"""The silences that each check waits for."""
MESSAGES = {AT_RISK: "at-risk-message", CHURNED: "churned-message"}


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)
    sales: Sales = field(default_factory=Sales)


@dataclass(slots=True)
class Known:
    """What there is to know of a customer: what they bought, at which stage they are, and who answers for them.

    `watches` are what the checks go back to, one after the other: the last order, or what led back to the one before it.
    """

    background: Background
    contact: Contact = field(default_factory=Contact)
    purchases: dict[UUID, Purchase] = field(default_factory=dict)
    watches: list[UUID] = field(default_factory=list)
    stage: LifecycleStage | None = None
    manager: UUID | None = None


RULES = Rules(
    triggers=(*any_of(OrderPlaced, OrderCancelled), *any_of(OrderLinesCancelled, when=NOTHING_LEFT)),
    delay=until(
        f"the customer has been silent for more than {AT_RISK_DAYS} days and {AT_RISK_GAPS} times their usual gap, and again "
        f"for more than {CHURNED_DAYS} days and {CHURNED_GAPS} times, at {AT:%H:%M}",
        quiet_hours=True,
    ),
    action=mail("win_back", Purpose.MARKETING),
    cancelled_by=(*any_of(OrderPlaced, OrderCancelled), *any_of(OrderLinesCancelled, when=NOTHING_LEFT)),
    note=(
        "The customer counts as at risk, then as churned, and as won back at the next order; among the best "
        f"{TOP_SHARE_PERCENT} % by revenue whoever answers for them is to call within {TASK_WITHIN_DAYS} business days instead; "
        "none of it for whoever objected to profiling."
    ),
)

policy = Policy("churn-risk", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
remembers_owner(policy)
learns_company(policy)
learns_office(policy)
learns_sales(policy)


@policy.remember(*ORDER_EVENTS)
def bought(known: Known, event: Any, at: Recorded) -> None:
    before = last_order(known.purchases)
    note_order(known.purchases, event, at)
    last = last_order(known.purchases)
    if last != before:
        known.watches.append(at.stream_id if last == at.stream_id else occasion(at))


@policy.remember(LifecycleStageChanged)
def moved(known: Known, changed: LifecycleStageChanged, at: Recorded) -> None:
    known.stage = changed.stage


# What is done when something happens.


@policy.trigger(OrderPlaced)
def watch(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
    if last_order(known.purchases) != at.stream_id:
        yield policy.pass_over(at, "NOT_THE_LAST_ORDER")
        yield from watch_anew(known)
        return
    yield from give_up("ORDERED_AGAIN", known)
    if known.stage in LOST:
        yield policy.promise(at, WON_BACK, turning_to(at.stream_id), at.occurred_at)
    for step, due_at in moments(known).items():
        yield policy.promise(at, step, turning_to(at.stream_id), due_at)


@policy.trigger(OrderCancelled)
def lose(cancelled: OrderCancelled, at: Recorded, known: Known) -> Iterator[Command]:
    yield from go_back(at, known)


@policy.trigger(OrderLinesCancelled, when=is_off)
def lose_lines(cancelled: OrderLinesCancelled, at: Recorded, known: Known) -> Iterator[Command]:
    yield from go_back(at, known)


def go_back(at: Recorded, known: Known) -> Iterator[Command]:
    """An order that was called off was none: what counts is the one before it."""
    if known.watches[-1:] != [occasion(at)]:
        yield policy.pass_over(at, "NOT_THE_LAST_ORDER")
        yield from watch_anew(known)
        return
    yield from give_up("ORDER_CANCELLED", known)
    last = last_order(known.purchases)
    if last is None:
        yield policy.pass_over(at, "NO_ORDER_LEFT")
        return
    for step, due_at in moments(known).items():
        yield policy.promise(at, step, turning_to(last), due_at, trigger=occasion(at))


def give_up(reason: str, known: Known) -> Iterator[Command]:
    """Takes back what was promised because of the silence after what was the last order until now."""
    for trigger in known.watches[-2:-1]:
        yield from cancel(reason, *(policy.follow_up_id(trigger, step) for step in (*STAGES, *MESSAGES.values())))


def watch_anew(known: Known) -> Iterator[Command]:
    """The rhythm changed by an order that is not the last: what is promised is due when it now means something."""
    last = last_order(known.purchases)
    if last is None or not known.purchases[last].live:
        return
    for step, due_at in moments(known).items():
        follow_up_id = policy.follow_up_id(known.watches[-1], step)
        promise = known.contact.promises.get(follow_up_id)
        if promise is None or (promise.status is FollowUpStatus.SCHEDULED and promise.due_at != due_at):
            yield PostponeFollowUp(follow_up_id=follow_up_id, due_at=due_at, reason="RHYTHM_CHANGED")


# What is done when a follow-up is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.customer_id is not None
    if due.step == WON_BACK:
        if known.stage in LOST:
            yield ChangeLifecycleStage(customer_id=due.customer_id, stage=LifecycleStage.WON_BACK, rule=policy.name)
        yield done(due, "WON_BACK")
    elif due.action is ActionKind.SEND_MESSAGE:
        yield from keep(policy, due, now, known.contact, no_longer(due, now, known))
    elif due.about != last_order(known.purchases):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="ORDERED_AGAIN")
    else:
        yield from look_at(due, now, known)


def look_at(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Turns to a customer whose silence has become too long."""
    assert due.customer_id is not None
    quiet = silence_on(now, known)
    if quiet.status not in AWAITED[due.step]:
        yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=moments(known)[due.step], reason="NOT_YET")
        return
    if due.step == AT_RISK and quiet.status is ChurnStatus.CHURNED:
        yield policy.suppress(due, "CHURNED_MEANWHILE")
        return
    if reason := profiling_forbidden(now, known.contact):
        yield policy.suppress(due, reason)
        return
    yield ChangeLifecycleStage(customer_id=due.customer_id, stage=STAGES[due.step], rule=policy.name)
    share = known.background.sales.top_share(due.customer_id)
    if share is not None and share <= TOP_SHARE_PERCENT:
        until = known.background.office.after_days(now, TASK_WITHIN_DAYS)
        staff_id = owner(known.background.company, known)
        limit = quiet.churn_after_days if quiet.status is ChurnStatus.CHURNED else quiet.risk_after_days
        said = {"share": share, "days": quiet.days, "limit": f"{limit:g}", "reason": quiet.reason}
        subject = told(known.background.company, staff_id, "win_back", **said)
        yield task(policy, due, subject, staff_id, until, ("order", due.about), ActivityKind.CALL)
        yield done(due, "TASK")
    else:
        allowed = known.contact.calendar.allowed(now)
        yield policy.promise_next(due, MESSAGES[due.step], writing(due.about), allowed, wanted_at=due.wanted_at)
        yield done(due, "MESSAGE")


@policy.unless
def no_longer(due: Due, now: datetime, known: Known) -> str | None:
    if silence_on(now, known).status is ChurnStatus.ACTIVE:
        return "ORDERED_AGAIN"
    return profiling_forbidden(now, known.contact)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=known.contact.written_in,
        template="win_back",
        hours=known.contact.calendar,
    )


def silence_on(now: datetime, known: Known) -> Silence:
    """What the days since the last order mean at a moment."""
    days = days_of(known.purchases, known.contact.calendar)
    return silence(known.contact.calendar.day(now), days[-1], median_gap(days))


def moments(known: Known) -> dict[str, datetime]:
    """When the silence after the last order will have become a risk, and when it will mean that the customer is gone."""
    last = last_order(known.purchases)
    if last is None:
        return {}
    placed_at = known.purchases[last].placed_at
    assert placed_at is not None
    quiet = silence_on(placed_at, known)
    return {
        step: known.contact.calendar.after(placed_at, Days(floor(limit) + 1), at=AT)
        for step, limit in ((AT_RISK, quiet.risk_after_days), (CHURNED, quiet.churn_after_days))
    }


def turning_to(order_id: UUID) -> Action:
    """To see what the silence since an order means."""
    return Action(kind=ActionKind.ACT, about=order_id)


def writing(order_id: UUID | None) -> Action:
    """To write to somebody who has not ordered for long."""
    return Action(
        kind=ActionKind.SEND_MESSAGE,
        template="win_back",
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        about=order_id,
    )
