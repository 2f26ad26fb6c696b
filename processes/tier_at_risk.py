"""Tier at risk: who will not keep their tier at this pace is offered bonus points in time, and somebody sees to them.

At the pace of this year of membership, `DAYS_BEFORE` the anniversary, as `LoyaltyStanding.at_risk` has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from uuid import UUID

from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command, derived
from domain.loyalty_account import MemberEnrolled, MemberLeft
from domain.offer import MakeOffer
from domain.points import PointsAccrued
from domain.programme import LoyaltyTier
from domain.rules import Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.company import Company, learns_company
from processes.contact import Contact, keep, remembers
from processes.memberships import (
    Membership,
    Programmes,
    Year,
    days_before,
    earned_in,
    learns_programmes,
    rank,
    remembers_members,
    run_rate,
    year_of,
)
from processes.office import Office, learns_office
from processes.owners import owner, remembers_owner, task
from processes.policy import Letter, Policy, cancel, done
from processes.staff_words import told
from processes.telling import any_of, mail, until
from processes.wording import day_in, number_in
from projections.touchpoints.due import Due

DAYS_BEFORE = (90, 45)
"""How many days before the anniversary it is looked at."""
AT = time(9)
TASK_WITHIN_DAYS = 3
"""Business days that the owner has to turn to the member."""
BONUS = "BONUS_POINTS"
"""The code of what is offered."""


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)
    programmes: Programmes = field(default_factory=Programmes)


@dataclass(slots=True)
class Known:
    """What there is to know of a customer's memberships, and of who answers for them."""

    background: Background
    contact: Contact = field(default_factory=Contact)
    accounts: dict[UUID, Membership] = field(default_factory=dict)
    manager: UUID | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """The tier that a member will lose at this pace, what the points come to, and how many are missing until when."""

    tier: LoyaltyTier
    run_rate: Decimal
    missing: Decimal
    year: Year


RULES = Rules(
    triggers=any_of(MemberEnrolled),
    delay=until(
        f"{' and again '.join(f'{days} days' for days in DAYS_BEFORE)} before each anniversary, at {AT:%H:%M}",
        quiet_hours=True,
    ),
    action=mail("tier_at_risk", Purpose.MARKETING),
    cancelled_by=any_of(MemberLeft),
    note=(
        "If the points of the year come to less than the tier takes, at this pace: bonus points are offered, and whoever answers "
        f"for the member has a task within {TASK_WITHIN_DAYS} business days; members from before the policy are looked at from "
        "their first points on."
    ),
)

policy = Policy("tier-at-risk", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
remembers_members(policy)
remembers_owner(policy)
learns_company(policy)
learns_office(policy)
learns_programmes(policy)


# What is done when something happens.


@policy.trigger(MemberEnrolled)
def begin(enrolled: MemberEnrolled, at: Recorded, known: Known) -> Iterator[Command]:
    yield from promise_checks(at, known)


@policy.on(PointsAccrued)
def take_up(accrued: PointsAccrued, at: Recorded, known: Known) -> Iterator[Command]:
    """Members from before the policy are looked at as well from their first points on."""
    account = known.accounts.get(at.stream_id)
    if account is not None and not account.left:
        yield from promise_checks(at, known)


@policy.on(MemberLeft)
def end(left: MemberLeft, at: Recorded, known: Known) -> Iterator[Command]:
    if (account := known.accounts.get(at.stream_id)) is not None:
        year = year_of(at.stream_id, account, known.contact.calendar, at.occurred_at)
        steps = [step for days in DAYS_BEFORE for step in (check(days), offer_step(check(days)))]
        yield from cancel("MEMBER_LEFT", *(policy.follow_up_id(year.id, step) for step in steps))


def promise_checks(at: Recorded, known: Known) -> Iterator[Command]:
    """To look at the member in the year of membership in which something happened, if that is still to come."""
    calendar = known.contact.calendar
    year = year_of(at.stream_id, known.accounts[at.stream_id], calendar, at.occurred_at)
    for days in DAYS_BEFORE:
        due_at = days_before(year, days, calendar, AT)
        if due_at > at.occurred_at:
            yield policy.promise(at, check(days), checking(at.stream_id), due_at, trigger=year.id)


# What is done when a follow-up is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    assert due.wanted_at is not None
    account = known.accounts.get(due.about)
    if account is None or account.left:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="MEMBER_LEFT")
    elif due.action is ActionKind.SEND_MESSAGE:
        yield from keep(policy, due, now, known.contact, no_longer(due, now, known))
    else:
        year = year_of(due.about, account, known.contact.calendar, due.wanted_at)
        yield from look_at(due, now, account, year, known)
        if due.step == check(DAYS_BEFORE[-1]):
            yield from next_year(due, account, year, known)


def look_at(due: Due, now: datetime, account: Membership, year: Year, known: Known) -> Iterator[Command]:
    """Makes the offer and the task, if the tier is at risk as of the moment for which this was promised."""
    assert due.about is not None
    assert due.wanted_at is not None
    if now >= year.midnight:
        yield policy.suppress(due, "TOO_LATE")
        return
    risk = risk_of(due.about, account, due.wanted_at, due.wanted_at, known)
    if risk == "NOT_AT_RISK" and was_at_risk(year, known):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="RECOVERED")
    elif isinstance(risk, str):
        yield policy.suppress(due, risk)
    else:
        office = known.background.office
        staff_id, until = owner(known.background.company, known), office.after_days(now, TASK_WITHIN_DAYS)
        subject = told(
            known.background.company,
            staff_id,
            "tier_at_risk",
            tier=risk.tier.key,
            points=f"{risk.run_rate:f}",
            day=year.anniversary,
            threshold=risk.tier.threshold,
        )
        yield task(policy, due, subject, staff_id, until, ("loyalty_account", due.about))
        allowed = known.contact.calendar.allowed(now)
        yield policy.promise_next(due, offer_step(due.step), offering(due.about), allowed, wanted_at=due.wanted_at)
        yield done(due, "AT_RISK")


def next_year(due: Due, account: Membership, year: Year, known: Known) -> Iterator[Command]:
    """To look at the member again a year later."""
    assert due.about is not None
    following = year_of(due.about, account, known.contact.calendar, year.midnight)
    for days in DAYS_BEFORE:
        due_at = days_before(following, days, known.contact.calendar, AT)
        yield policy.promise_next(due, check(days), checking(due.about), due_at, trigger=following.id)


@policy.unless
def no_longer(due: Due, now: datetime, known: Known) -> str | None:
    assert due.about is not None
    assert due.wanted_at is not None
    account = known.accounts[due.about]
    if account.left:
        return "MEMBER_LEFT"
    risks = [risk_of(due.about, account, due.wanted_at, moment, known) for moment in (due.wanted_at, now)]
    return "RECOVERED" if any(isinstance(risk, str) for risk in risks) else None


@policy.letter
def write(due: Due, known: Known) -> Letter:
    assert due.about is not None
    assert due.customer_id is not None
    assert due.wanted_at is not None
    risk = risk_of(due.about, known.accounts[due.about], due.wanted_at, due.wanted_at, known)
    assert isinstance(risk, Risk)
    language = known.contact.written_in
    offer = MakeOffer(
        offer_id=derived("offer", due.follow_up_id),
        customer_id=due.customer_id,
        offer=BONUS,
        title=f"Bonus points to keep {risk.tier.key}",
        valid_until=risk.year.midnight,
    )
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=language,
        template="tier_at_risk",
        hours=known.contact.calendar,
        values={
            "tier": risk.tier.label.get(language, risk.tier.key),
            "missing": number_in(language, risk.missing),
            "until": day_in(language, risk.year.anniversary),
        },
        then=(offer,),
    )


def risk_of(account_id: UUID, account: Membership, checked_at: datetime, moment: datetime, known: Known) -> Risk | str:
    """What a member will lose at the end of the year that was looked at, by the points until a moment; or why nothing."""
    rules = account.rules(known.background.programmes)
    if rules is None:
        return "NO_PROGRAMME"
    place = rank(account.tier, rules)
    if place < 0 or not rules.tiers[place].threshold:
        return "NOTHING_TO_LOSE"
    calendar, tier = known.contact.calendar, rules.tiers[place]
    year = year_of(account_id, account, calendar, checked_at)
    pace = run_rate(account, calendar, year, moment)
    if pace >= tier.threshold:
        return "NOT_AT_RISK"
    return Risk(tier, pace, tier.threshold - earned_in(account, calendar, year, moment), year)


def was_at_risk(year: Year, known: Known) -> bool:
    """Whether it was found so before in this year."""
    offers = {policy.follow_up_id(year.id, offer_step(check(days))) for days in DAYS_BEFORE}
    return not offers.isdisjoint(known.contact.promises)


def check(days: int) -> str:
    """The step of looking at a member so many days before the anniversary."""
    return f"check-{days}"


def offer_step(step: str) -> str:
    """The step of the offer that follows from a check."""
    return step.replace("check", "offer")


def checking(account_id: UUID) -> Action:
    """To see whether a member will keep the tier."""
    return Action(kind=ActionKind.ACT, about=account_id)


def offering(account_id: UUID) -> Action:
    """To offer a member bonus points."""
    return Action(
        kind=ActionKind.SEND_MESSAGE,
        template="tier_at_risk",
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        about=account_id,
    )
