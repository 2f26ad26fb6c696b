"""Tier evaluation: members rise as soon as their points suffice, and fall at an anniversary alone, after a grace.

The points are the qualifying ones of the last twelve months, and the thresholds those of the version of the programme that
the member is in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain import programme
from domain.follow_up import Action, ActionKind, CancelFollowUp, FollowUpStatus
from domain.kernel import Command
from domain.loyalty_account import DowngradeTier, MemberEnrolled, MemberLeft, QualifyTier, TierBasis
from domain.points import PointsAccrued
from domain.programme import ProgrammeDefined
from domain.rules import Rules
from eventstore.envelope import Recorded
from processes.calendar import Months
from processes.contact import Contact, remembers
from processes.memberships import (
    MONTHS,
    Membership,
    Programmes,
    Year,
    earned,
    learns_programmes,
    rank,
    remembers_members,
    rolling,
    year_of,
)
from processes.policy import Policy, cancel, done, occasion
from processes.telling import AT_ONCE, BY_ITSELF, any_of, more_than
from projections.touchpoints.due import Due

UPGRADE, ANNIVERSARY, GRACE = "upgrade", "anniversary", "grace-end"


@dataclass(slots=True)
class Company:
    """What all memories share."""

    programmes: Programmes = field(default_factory=Programmes)


@dataclass(slots=True)
class Known:
    """What there is to know of a customer's memberships."""

    company: Company
    contact: Contact = field(default_factory=Contact)
    accounts: dict[UUID, Membership] = field(default_factory=dict)


THRESHOLDS = ", ".join(f"{each.label['en']} from {each.threshold}" for each in programme.DEFAULT.tiers)
RULES = Rules(
    triggers=(*any_of(MemberEnrolled), *any_of(PointsAccrued, when=more_than("qualifying", 0))),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(MemberLeft),
    note=(
        f"By the qualifying points of the last {MONTHS} months, in the programme that comes with Bitácora {THRESHOLDS}; a member "
        f"rises at once, and falls at an anniversary alone, after a grace of {programme.DEFAULT.grace_months} months."
    ),
)

policy = Policy("tier-evaluation", version=1, memory=Known, shared=Company, needs=(programme.DEFAULT,), rules=RULES)
remembers(policy)
remembers_members(policy)
learns_programmes(policy)


# What is done when something happens.


@policy.trigger(MemberEnrolled)
def begin(enrolled: MemberEnrolled, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, UPGRADE, evaluating(at.stream_id), at.occurred_at, trigger=occasion(at))
    yield promise_anniversary(at, known)


@policy.trigger(PointsAccrued, when=lambda accrued: accrued.qualifying > 0)
def look_up(accrued: PointsAccrued, at: Recorded, known: Known) -> Iterator[Command]:
    account = known.accounts.get(at.stream_id)
    if account is None or account.left:
        yield policy.pass_over(at, "NO_MEMBER")
        return
    latest = max(moment for moment, _ in account.points)  # points may be told late, after those of later days
    yield policy.promise(at, UPGRADE, evaluating(at.stream_id), latest, trigger=occasion(at))
    yield promise_anniversary(at, known)  # of members from before the policy, too


@policy.on(MemberLeft)
def end(left: MemberLeft, at: Recorded, known: Known) -> Iterator[Command]:
    if (account := known.accounts.get(at.stream_id)) is not None:
        year = year_of(at.stream_id, account, known.contact.calendar, at.occurred_at)
        yield from cancel("MEMBER_LEFT", *(policy.follow_up_id(year.id, step) for step in (ANNIVERSARY, GRACE)))


def promise_anniversary(at: Recorded, known: Known) -> Command:
    """To look at the member on the anniversary of the year of membership in which something happened."""
    year = year_of(at.stream_id, known.accounts[at.stream_id], known.contact.calendar, at.occurred_at)
    return policy.promise(at, ANNIVERSARY, evaluating(at.stream_id), year.midnight, trigger=year.id)


# What is done when a follow-up is due. It is looked at as of the moment for which it was promised, however late it is.


@policy.due
def evaluate(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    assert due.wanted_at is not None
    account = known.accounts.get(due.about)
    if account is None or account.left:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="MEMBER_LEFT")
        return
    year = year_of(due.about, account, known.contact.calendar, due.wanted_at)
    if due.step == ANNIVERSARY:
        yield policy.promise_next(due, ANNIVERSARY, evaluating(due.about), year.midnight, trigger=year.id)
    rules = account.rules(known.company.programmes)
    if rules is None:
        yield policy.suppress(due, "NO_PROGRAMME")
        return
    if account.tier is not None and rank(account.tier, rules) < 0:
        yield policy.suppress(due, "UNKNOWN_TIER")
        return
    points = rolling(account, known.contact.calendar, due.wanted_at)
    if due.step != UPGRADE:  # nobody falls who has made up for it before somebody looked
        points = max(points, rolling(account, known.contact.calendar, now))
    above = rank(earned(points, rules).key, rules) - rank(account.tier, rules)
    if above > 0 or (due.step == UPGRADE and above == 0 and account.basis is TierBasis.GRACE):
        yield QualifyTier(loyalty_account_id=due.about, tier=earned(points, rules).key, period=year.period)
        yield from cancel("TIER_EARNED", *graces(due, known))
        yield done(due, "UPGRADED" if above > 0 else "EARNED_AGAIN")
    elif due.step == UPGRADE:
        yield done(due, "NOT_ENOUGH" if above < 0 else "UNCHANGED")
    elif above == 0:
        yield QualifyTier(loyalty_account_id=due.about, tier=earned(points, rules).key, period=year.period)
        yield done(due, "KEPT")
    else:
        yield from fall(due, account, year, rules, earned(points, rules).key, known)


def fall(
    due: Due, account: Membership, year: Year, rules: ProgrammeDefined, tier: str, known: Known
) -> Iterator[Command]:
    """A member whose points do not keep the tier has it for some months more, and then that of the points."""
    assert due.about is not None
    assert due.wanted_at is not None
    assert account.tier is not None
    if due.step == ANNIVERSARY and rules.grace_months:
        ends_at = known.contact.calendar.after(due.wanted_at, Months(rules.grace_months))
        yield QualifyTier(loyalty_account_id=due.about, tier=account.tier, period=year.period, basis=TierBasis.GRACE)
        yield policy.promise_next(due, GRACE, evaluating(due.about), ends_at, trigger=year.id)
        yield done(due, "IN_GRACE")
    else:
        yield DowngradeTier(loyalty_account_id=due.about, tier=tier, period=year.period)
        yield done(due, "DOWNGRADED")


def graces(due: Due, known: Known) -> list[UUID]:
    """The ends of a grace that the member does not need any more."""
    return [
        id
        for id, promise in known.contact.promises.items()
        if promise.policy == policy.name
        and promise.step == GRACE
        and promise.action.about == due.about
        and promise.status is FollowUpStatus.SCHEDULED
        and id != due.follow_up_id
    ]


def evaluating(account_id: UUID) -> Action:
    """To compare the points of a member with the thresholds."""
    return Action(kind=ActionKind.ACT, about=account_id)
