"""Memberships: what policies remember of the members of loyalty programmes, and where a member stands on a day."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from dateutil.relativedelta import relativedelta

from domain.kernel import derived
from domain.loyalty_account import MemberEnrolled, MemberLeft, TierBasis, TierDowngraded, TierQualified
from domain.points import PointsAccrued
from domain.programme import LoyaltyTier, ProgrammeDefined
from eventstore.envelope import Recorded
from processes.calendar import Calendar, Months
from processes.contact import Contact
from processes.policy import Policy

CENT = Decimal("0.01")
MONTHS = 12
"""How far back qualifying points count, and how long a year of membership lasts."""


# The programmes, which all memories share.


@dataclass(slots=True)
class Programmes:
    """Every version of every programme."""

    versions: dict[tuple[str, int], ProgrammeDefined] = field(default_factory=dict)


class KnowsProgrammes(Protocol):
    """Whatever all memories of a policy share, if the programmes are part of it."""

    programmes: Programmes


def learns_programmes(policy: Policy[Any]) -> None:
    """Lets a policy know the programmes: what its memories share must have `programmes`."""

    @policy.learn(ProgrammeDefined)
    def defined(shared: KnowsProgrammes, programme: ProgrammeDefined, at: Recorded) -> None:
        shared.programmes.versions[programme.key, programme.version] = programme


# The members.


@dataclass(slots=True)
class Membership:
    """A membership: since when, in which version of a programme, with which tier, and each entry of qualifying points."""

    programme: str
    version: int
    enrolled_at: datetime
    tier: str | None = None
    basis: TierBasis | None = None
    period: str | None = None
    left: bool = False
    points: list[tuple[datetime, Decimal]] = field(default_factory=list)

    def rules(self, programmes: Programmes) -> ProgrammeDefined | None:
        """The version of the programme that the member is in; None if it was never defined."""
        return programmes.versions.get((self.programme, self.version))


class RemembersMembers(Protocol):
    """Whatever has a contact and memberships."""

    contact: Contact
    accounts: dict[UUID, Membership]


def remembers_members(policy: Policy[Any]) -> None:
    """Lets a policy remember the memberships of its customers: its memory must have `accounts`."""

    @policy.remember(MemberEnrolled)
    def enrolled(known: RemembersMembers, enrolled: MemberEnrolled, at: Recorded) -> None:
        before = known.accounts.get(at.stream_id)
        account = Membership(enrolled.programme, enrolled.programme_version, at.occurred_at, enrolled.tier)
        if before is not None:
            account.points = before.points
        known.accounts[at.stream_id] = account

    @policy.remember(PointsAccrued)
    def accrued(known: RemembersMembers, accrued: PointsAccrued, at: Recorded) -> None:
        if (account := known.accounts.get(at.stream_id)) is not None and accrued.qualifying:
            account.points.append((at.occurred_at, accrued.qualifying))

    @policy.remember(TierQualified)
    def qualified(known: RemembersMembers, qualified: TierQualified, at: Recorded) -> None:
        if (account := known.accounts.get(at.stream_id)) is not None:
            account.tier, account.basis, account.period = qualified.tier, qualified.basis, qualified.period

    @policy.remember(TierDowngraded)
    def downgraded(known: RemembersMembers, downgraded: TierDowngraded, at: Recorded) -> None:
        if (account := known.accounts.get(at.stream_id)) is not None:
            account.tier, account.basis, account.period = downgraded.tier, None, downgraded.period

    @policy.remember(MemberLeft)
    def left(known: RemembersMembers, left: MemberLeft, at: Recorded) -> None:
        if (account := known.accounts.get(at.stream_id)) is not None:
            account.left = True


# Where a member stands.


@dataclass(frozen=True, slots=True)
class Year:
    """A year of membership, from the day of enrolment or an anniversary of it up to the next anniversary."""

    account_id: UUID
    enrolled_at: datetime
    began: date
    anniversary: date
    midnight: datetime
    """When the local day of the anniversary begins, in UTC."""

    @property
    def id(self) -> UUID:
        """What is done once for this year."""
        return derived("membership-year", self.account_id, self.enrolled_at.isoformat(), self.began)

    @property
    def period(self) -> str:
        """How tiers of this year are called: by the calendar year in which it began."""
        return str(self.began.year)


def year_of(account_id: UUID, account: Membership, calendar: Calendar, moment: datetime) -> Year:
    """The year of membership in which a moment lies; who enrolled on 29 February has it on the 28th otherwise."""
    enrolled, day = calendar.day(account.enrolled_at), calendar.day(moment)
    years = max(0, day.year - enrolled.year)
    if years and enrolled + relativedelta(years=years) > day:
        years -= 1
    midnight = calendar.after(account.enrolled_at, Months(MONTHS * (years + 1)), at=time())
    began, anniversary = (enrolled + relativedelta(years=each) for each in (years, years + 1))
    return Year(account_id, account.enrolled_at, began, anniversary, midnight)


def rolling(account: Membership, calendar: Calendar, moment: datetime) -> Decimal:
    """The qualifying points of the twelve months up to a moment, by local days."""
    since = calendar.day(moment) - relativedelta(months=MONTHS)
    return sum((points for at, points in account.points if at <= moment and calendar.day(at) > since), start=Decimal(0))


def earned_in(account: Membership, calendar: Calendar, year: Year, moment: datetime) -> Decimal:
    """The qualifying points from the beginning of a year of membership up to a moment."""
    return sum(
        (points for at, points in account.points if at <= moment and calendar.day(at) >= year.began), start=Decimal(0)
    )


def run_rate(account: Membership, calendar: Calendar, year: Year, moment: datetime) -> Decimal:
    """What the qualifying points since the year began come to on the anniversary, at the pace until a moment."""
    days, gone = (year.anniversary - year.began).days, (calendar.day(moment) - year.began).days
    return (earned_in(account, calendar, year, moment) * days / max(1, gone)).quantize(CENT)


def rank(tier: str | None, rules: ProgrammeDefined) -> int:
    """The place of a tier among those of a programme, from 0 for the lowest; -1 for none."""
    return next((place for place, each in enumerate(rules.tiers) if each.key == tier), -1)


def earned(points: Decimal, rules: ProgrammeDefined) -> LoyaltyTier:
    """The highest tier that so many points give."""
    return [each for each in rules.tiers if each.threshold <= points][-1]


def tier_above(tier: str | None, points: Decimal, rules: ProgrammeDefined) -> LoyaltyTier | None:
    """The next tier above the one that a member has, and above what the points give already; None above the highest."""
    place = 1 + max(rank(tier, rules), rank(earned(points, rules).key, rules))
    return rules.tiers[place] if place < len(rules.tiers) else None


def days_before(year: Year, days: int, calendar: Calendar, at: time) -> datetime:
    """So many days before the anniversary, at a local time of day, in UTC."""
    noon = year.midnight + timedelta(hours=12)  # clear of whatever the clocks do at night
    return calendar.after(noon - timedelta(days=days), Months(0), at=at)
