"""Tier nudge: who is near the next tier is told what is missing, and who is worth it may be given the tier early.

A member is near with `NEAR_PERCENT` of the points of the next tier and `NEAR_DAYS` or more until the anniversary. The tier
is proposed to a manager if the margin that is expected of the customer pays for its benefits: who approves the task gives
it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from dateutil.relativedelta import relativedelta

from domain.activity import ActivityCompleted, ActivityScheduled
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp, DispatchFollowUp
from domain.kernel import Command, derived
from domain.loyalty_account import MemberLeft, QualifyTier, TierBasis, TierDowngraded
from domain.offer import MakeOffer
from domain.points import PointsAccrued
from domain.programme import LoyaltyTier
from domain.rules import Cap, Delay, Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.company import Company, learns_company
from processes.contact import ON_ITS_WAY, Contact, keep, profiling_forbidden, remembers
from processes.memberships import (
    Membership,
    Programmes,
    earned,
    learns_programmes,
    rank,
    remembers_members,
    rolling,
    tier_above,
    year_of,
)
from processes.office import Office, learns_office
from processes.owners import remembers_owner, supervisor, task
from processes.policy import Letter, Policy, done, occasion
from processes.purchases import Purchase, remembers_purchases
from processes.staff_words import told
from processes.telling import any_of, mail, more_than
from processes.wording import day_in, number_in
from projections.touchpoints.due import Due
from projections.value.loyalty_standing import NEAR_DAYS, NEAR_PERCENT

AGAIN_AFTER = timedelta(days=60)
"""Nobody is nudged, and no tier is proposed, twice within this time."""
EARLY_FACTOR = Decimal("1.2")
"""How many times the cost of the benefits the expected margin must come to."""
BENEFIT_COST = Decimal(100)
"""What a benefit of a tier costs the company in a year, in its base currency."""
MARGIN_MONTHS = 12
"""The margin of so many months is what is expected of as many to come."""
DECIDE_WITHIN_DAYS = 5
"""Business days that somebody has to decide whether the tier is given early."""
APPROVED = "APPROVED"
"""The outcome of the task with which the tier is given."""

NUDGE, EARLY, APPROVAL, LATER = "nudge", "early", "approval", "later"


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)
    programmes: Programmes = field(default_factory=Programmes)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tier that somebody was asked to give early."""

    account_id: UUID
    tier: str | None
    proposed_at: datetime


@dataclass(slots=True)
class Known:
    """What there is to know of a customer's memberships and purchases, and what was proposed for them."""

    background: Background
    contact: Contact = field(default_factory=Contact)
    accounts: dict[UUID, Membership] = field(default_factory=dict)
    purchases: dict[UUID, Purchase] = field(default_factory=dict)
    proposals: dict[UUID, Proposal] = field(default_factory=dict)
    manager: UUID | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """A member who is near a tier: how many points are missing, and the day before which they are to be earned."""

    tier: LoyaltyTier
    missing: Decimal
    until: datetime
    period: str


RULES = Rules(
    triggers=(*any_of(PointsAccrued, when=more_than("qualifying", 0)), *any_of(TierDowngraded)),
    delay=Delay(),
    action=mail("tier_nudge", Purpose.MARKETING),
    caps=(Cap(times=1, days=AGAIN_AFTER.days),),
    cancelled_by=any_of(MemberLeft),
    note=(
        f"With {NEAR_PERCENT} % of the points of the next tier and {NEAR_DAYS} days or more until the anniversary; if the margin "
        f"that is expected of the customer is {EARLY_FACTOR} times what the benefits cost or more, a supervisor has a task to "
        f"give the tier early within {DECIDE_WITHIN_DAYS} business days."
    ),
)

policy = Policy("tier-nudge", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
remembers_members(policy)
remembers_owner(policy)
remembers_purchases(policy)
learns_company(policy)
learns_office(policy)
learns_programmes(policy)


@policy.remember(ActivityScheduled)
def proposed(known: Known, scheduled: ActivityScheduled, at: Recorded) -> None:
    account = known.accounts.get(scheduled.related_id) if scheduled.related_id is not None else None
    if scheduled.origin_policy == policy.name and account is not None and scheduled.related_id is not None:
        near = nearness(scheduled.related_id, account, at.occurred_at, known)
        tier = near.tier.key if isinstance(near, Near) else None
        known.proposals[at.stream_id] = Proposal(scheduled.related_id, tier, at.occurred_at)


# What is done when something happens.


@policy.trigger(PointsAccrued, when=lambda accrued: accrued.qualifying > 0)
def look_up(accrued: PointsAccrued, at: Recorded, known: Known) -> Iterator[Command]:
    yield from consider(at, known)


@policy.trigger(TierDowngraded)
def look_again(downgraded: TierDowngraded, at: Recorded, known: Known) -> Iterator[Command]:
    yield from consider(at, known)


@policy.on(ActivityCompleted)
def give_early(completed: ActivityCompleted, at: Recorded, known: Known) -> Iterator[Command]:
    if at.stream_id in known.proposals and completed.outcome == APPROVED:
        action = Action(kind=ActionKind.ACT, about=known.proposals[at.stream_id].account_id)
        yield policy.promise(at, APPROVAL, action, at.occurred_at)


def consider(at: Recorded, known: Known) -> Iterator[Command]:
    """Promises a nudge and a proposal to whoever is near the next tier."""
    account = known.accounts.get(at.stream_id)
    if account is None or account.left:
        yield policy.pass_over(at, "NO_MEMBER")
        return
    near = nearness(at.stream_id, account, at.occurred_at, known)
    if near == "TOO_FEW_DAYS":
        year = year_of(at.stream_id, account, known.contact.calendar, at.occurred_at)
        yield policy.pass_over(at, near)
        yield policy.promise(at, LATER, proposing(at.stream_id), year.midnight, trigger=year.id)
    elif isinstance(near, str):
        yield policy.pass_over(at, near)
    else:
        allowed = known.contact.calendar.allowed(at.occurred_at)
        yield policy.promise(at, NUDGE, nudging(at.stream_id), allowed, wanted_at=at.occurred_at, trigger=occasion(at))
        yield policy.promise(at, EARLY, proposing(at.stream_id), at.occurred_at, trigger=occasion(at))


# What is done when a follow-up is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    account = known.accounts.get(due.about)
    if account is None or account.left:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="MEMBER_LEFT")
    elif due.step == APPROVAL:
        yield from approve(due, now, account, known)
    elif has_reached(due, now, account, known):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="REACHED")
    elif isinstance(near := nearness(due.about, account, now, known), str):
        yield policy.suppress(due, near)
    elif due.step == LATER:
        allowed = known.contact.calendar.allowed(now)
        yield policy.promise_next(due, NUDGE, nudging(due.about), allowed, wanted_at=now)
        yield policy.promise_next(due, EARLY, proposing(due.about), now)
        yield done(due, "NEAR")
    elif due.step == EARLY:
        yield from propose(due, now, near, account, known)
    elif nudged_lately(due, now, known):
        yield policy.suppress(due, "NUDGED_LATELY")
    else:
        for command in keep(policy, due, now, known.contact, None):
            yield command
            if isinstance(command, DispatchFollowUp):
                again = derived("again", due.follow_up_id)
                yield policy.promise_next(due, LATER, proposing(due.about), now + AGAIN_AFTER, trigger=again)


@policy.unless
def too_late_to_nudge(due: Due, now: datetime, known: Known) -> str | None:
    assert due.about is not None
    account = known.accounts[due.about]
    if account.left:
        return "MEMBER_LEFT"
    if has_reached(due, now, account, known):
        return "REACHED"
    assert due.due_at is not None
    found = (nearness(due.about, account, moment, known) for moment in (due.due_at, now))
    return next((near for near in found if isinstance(near, str)), None)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.about is not None
    assert due.customer_id is not None
    assert due.due_at is not None
    near = nearness(due.about, known.accounts[due.about], due.due_at, known)
    assert isinstance(near, Near)
    language = known.contact.written_in
    offer = MakeOffer(
        offer_id=derived("offer", due.follow_up_id),
        customer_id=due.customer_id,
        offer=f"TIER_UP_{near.tier.key}",
        title=f"{near.missing.normalize():f} qualifying points to {near.tier.key}",
        valid_until=near.until,
    )
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=language,
        template="tier_nudge",
        hours=known.contact.calendar,
        values={
            "tier": near.tier.label.get(language, near.tier.key),
            "missing": number_in(language, near.missing),
            "until": day_in(language, known.contact.calendar.day(near.until)),
        },
        then=(offer,),
    )


def propose(due: Due, now: datetime, near: Near, account: Membership, known: Known) -> Iterator[Command]:
    """Asks somebody to give the tier early, if the customer is worth it."""
    lately = [
        each
        for each in known.proposals.values()
        if each.account_id == due.about and now - each.proposed_at < AGAIN_AFTER
    ]
    if lately:
        yield policy.suppress(due, "PROPOSED_LATELY")
    elif reason := profiling_forbidden(now, known.contact):
        yield policy.suppress(due, reason)
    elif expected_margin(now, known) < EARLY_FACTOR * cost_of(near.tier, account, known):
        yield policy.suppress(due, "MARGIN_TOO_LOW")
    else:
        staff_id = supervisor(known.background.company, known)
        subject = told(known.background.company, staff_id, "give_tier_early", tier=near.tier.key, approved=APPROVED)
        until = known.background.office.after_days(now, DECIDE_WITHIN_DAYS)
        yield task(policy, due, subject, staff_id, until, ("loyalty_account", due.about))
        yield done(due, "PROPOSED")


def approve(due: Due, now: datetime, account: Membership, known: Known) -> Iterator[Command]:
    """Gives the tier that was proposed, unless the member has it by now."""
    assert due.about is not None
    assert due.trigger is not None
    rules, tier = account.rules(known.background.programmes), known.proposals[due.trigger].tier
    if rules is None or tier is None or rank(tier, rules) <= rank(account.tier, rules):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="REACHED")
        return
    period = year_of(due.about, account, known.contact.calendar, now).period
    yield QualifyTier(loyalty_account_id=due.about, tier=tier, period=period, basis=TierBasis.EARLY)
    yield done(due, "GIVEN_EARLY")


def nearness(account_id: UUID, account: Membership, moment: datetime, known: Known) -> Near | str:
    """Which tier a member is near, as `LoyaltyStanding.near_next` has it, or why none, as a code."""
    rules = account.rules(known.background.programmes)
    if rules is None:
        return "NO_PROGRAMME"
    points = rolling(account, known.contact.calendar, moment)
    tier = tier_above(account.tier, points, rules)
    if tier is None:
        return "HIGHEST_TIER"
    if points * 100 < tier.threshold * NEAR_PERCENT:
        return "NOT_NEAR"
    year = year_of(account_id, account, known.contact.calendar, moment)
    if (year.anniversary - known.contact.calendar.day(moment)).days < NEAR_DAYS:
        return "TOO_FEW_DAYS"
    return Near(tier, tier.threshold - points, year.midnight, year.period)


def has_reached(due: Due, now: datetime, account: Membership, known: Known) -> bool:
    """Whether the member has the tier by now that was the next one when the promise was made."""
    assert due.wanted_at is not None
    rules = account.rules(known.background.programmes)
    if rules is None or due.step == LATER:
        return False
    tier = tier_above(None, rolling(account, known.contact.calendar, due.wanted_at), rules)
    points = rolling(account, known.contact.calendar, now)
    return tier is not None and max(rank(account.tier, rules), rank(earned(points, rules).key, rules)) >= rank(
        tier.key, rules
    )


def nudged_lately(due: Due, now: datetime, known: Known) -> bool:
    """Whether the member was nudged a short while ago."""
    return any(
        promise.policy == policy.name
        and promise.step == NUDGE
        and promise.action.about == due.about
        and promise.status in ON_ITS_WAY
        and promise.dispatched_at is not None
        and now - promise.dispatched_at < AGAIN_AFTER
        for id, promise in known.contact.promises.items()
        if id != due.follow_up_id
    )


def expected_margin(now: datetime, known: Known) -> Decimal:
    """What the customer will bring in a year, in the base currency: as much as in the last one, where costs are known."""
    since = now - relativedelta(months=MARGIN_MONTHS)
    return sum(
        (
            each.margin
            for each in known.purchases.values()
            if each.placed_at is not None and since < each.placed_at <= now and each.margin is not None
        ),
        start=Decimal(0),
    )


def cost_of(tier: LoyaltyTier, account: Membership, known: Known) -> Decimal:
    """What the benefits cost that a tier brings and the present one does not."""
    rules = account.rules(known.background.programmes)
    present = next((each for each in rules.tiers if each.key == account.tier), None) if rules else None
    return BENEFIT_COST * len(set(tier.benefits) - set(present.benefits if present else ()))


def nudging(account_id: UUID) -> Action:
    """To tell a member what is missing to the next tier."""
    return Action(
        kind=ActionKind.SEND_MESSAGE,
        template="tier_nudge",
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        about=account_id,
    )


def proposing(account_id: UUID) -> Action:
    """To see whether a member is to be given the next tier early."""
    return Action(kind=ActionKind.ACT, about=account_id)
