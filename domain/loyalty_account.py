"""Loyalty accounts: the points that a member has, and the tier that they earn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Contact, Decider, Event, Refused, Text, Told, as_asked
from domain.points import (
    AccruePoints,
    AdjustPoints,
    AskedOfPoints,
    Entry,
    ExpirePoints,
    PointsAccrued,
    PointsAdjusted,
    PointsExpired,
    PointsRedeemed,
    RedeemPoints,
    entry_of,
    points_of,
)
from domain.references import CustomerId, LoyaltyAccountId
from domain.values import EXACT, empty, must_be_within, must_say

MAX_REFERENCES = 2000
MAX_PROGRAMME_VERSION = 1000


class TierBasis(StrEnum):
    """Why a member has a tier: EARNED by points, given EARLY, or kept in GRACE though the points are missing."""

    EARNED = "EARNED"
    EARLY = "EARLY"
    GRACE = "GRACE"


# What can be asked.


class EnrolMember(Command):
    """Open an account in a version of a programme; `card` is the number, `enrolment` a code for how it came about.

    A member who had left is taken back so, with the points of before, and without a tier also with that of before."""

    loyalty_account_id: LoyaltyAccountId
    customer_id: CustomerId
    programme: str
    programme_version: int = 1
    card: str | None = None
    tier: str | None = None
    enrolment: str | None = None


class QualifyTier(Command):
    """Give a member a tier for a period such as 2026."""

    loyalty_account_id: LoyaltyAccountId
    tier: str
    period: str
    basis: TierBasis = TierBasis.EARNED


class DowngradeTier(Command):
    """Move a member to a lower tier for a period such as 2026."""

    loyalty_account_id: LoyaltyAccountId
    tier: str
    period: str


class LeaveProgramme(Command):
    """End a membership; what was earned before may still be credited."""

    loyalty_account_id: LoyaltyAccountId
    reason: Text | None = None


# What can have happened.


class MemberEnrolled(Event, stored_as="loyalty_account.member-enrolled.v1"):
    """A customer became a member of a version of a programme, or is one again after leaving, with the points kept."""

    customer_id: CustomerId
    programme: str
    programme_version: int
    card: Contact[str]
    tier: str | None
    enrolment: str | None


class TierQualified(Event, stored_as="loyalty_account.tier-qualified.v1"):
    """The member has a tier for a period; `previous` is the tier of before, which may be the same."""

    previous: str | None
    tier: str
    period: str
    basis: TierBasis


class TierDowngraded(Event, stored_as="loyalty_account.tier-downgraded.v1"):
    """The member fell to a lower tier."""

    previous: str | None
    tier: str
    period: str


class MemberLeft(Event, stored_as="loyalty_account.member-left.v1"):
    """The membership ended."""

    reason: Told[str]


# What must be remembered in order to decide.

Named = tuple[str, str]
"""The stored name of an entry, and what it is for."""


@dataclass(frozen=True, slots=True)
class LoyaltyAccount:
    """`entries` holds the qualifying and the spendable points of every entry, by what it is for.

    `qualified` says for which period, and why, the member has the tier.
    """

    customer_id: UUID | None = None
    enrolled: MemberEnrolled | None = None
    entries: Mapping[Named, tuple[Decimal, Decimal]] = field(default_factory=empty)
    balance: Decimal = Decimal(0)
    tier: str | None = None
    qualified: tuple[str, TierBasis] | None = None
    left: bool = False


Asked = EnrolMember | AskedOfPoints | QualifyTier | DowngradeTier | LeaveProgramme
Happened = MemberEnrolled | Entry | TierQualified | TierDowngraded | MemberLeft


def decide(asked: Asked, account: LoyaltyAccount) -> Iterator[Event]:
    match asked:
        case EnrolMember():
            yield from enrolling(asked, account)
        case _ if account.enrolled is None:
            raise Refused("This loyalty account is not open yet. Enrol the member first.", "loyalty_account_id")
        case AccruePoints() | RedeemPoints() | ExpirePoints() | AdjustPoints():
            entry = entry_of(asked)
            if is_new(entry, account):
                yield entry
        case LeaveProgramme():
            if not account.left:
                yield as_asked(MemberLeft, asked)
        case _ if account.left:
            raise Refused("This member has left the programme.")
        case QualifyTier():
            must_be_for_a_period(asked.tier, asked.period)
            if (asked.tier, (asked.period, asked.basis)) != (account.tier, account.qualified):
                yield as_asked(TierQualified, asked, previous=account.tier)
        case DowngradeTier():
            must_be_for_a_period(asked.tier, asked.period)
            if asked.tier != account.tier:
                yield as_asked(TierDowngraded, asked, previous=account.tier)
        case _:
            assert_never(asked)


def evolve(account: LoyaltyAccount, event: Happened) -> LoyaltyAccount:
    match event:
        case MemberEnrolled():
            kept = account.qualified if event.tier == account.tier else None
            enrolled = replace(account, customer_id=event.customer_id, enrolled=replace(event, card=None), left=False)
            return replace(enrolled, tier=event.tier, qualified=kept)
        case PointsAccrued() | PointsRedeemed() | PointsExpired() | PointsAdjusted():
            points = points_of(event)
            entries = {**account.entries, (event.stored_as, event.reference): points}
            return replace(account, entries=entries, balance=EXACT.add(account.balance, points[1]))
        case TierQualified():
            return replace(account, tier=event.tier, qualified=(event.period, event.basis))
        case TierDowngraded():
            return replace(account, tier=event.tier, qualified=None)
        case MemberLeft():
            return replace(account, left=True)
        case _:
            assert_never(event)


def enrolling(asked: EnrolMember, account: LoyaltyAccount) -> Iterator[Event]:
    """The membership, unless there is one. An account stays with its customer and its programme."""
    must_say(asked.programme, "The programme", "programme")
    must_be_within(asked.programme_version, 1, MAX_PROGRAMME_VERSION, "programme_version")
    must_say(asked.tier, "The tier", "tier")
    known = account.enrolled
    if known is None:
        yield as_asked(MemberEnrolled, asked)
        return
    if account.left and (asked.customer_id, asked.programme) == (known.customer_id, known.programme):
        yield as_asked(MemberEnrolled, asked, tier=asked.tier or account.tier)
    elif known != as_asked(MemberEnrolled, asked, card=None, tier=asked.tier or known.tier):
        raise Refused("This loyalty account is already open. Open another one instead.")


def is_new(entry: Entry, account: LoyaltyAccount) -> bool:
    """Whether an entry is still to be booked. Refused if another one is, or if more would be spent than there is."""
    points = points_of(entry)
    known = account.entries.get((entry.stored_as, entry.reference))
    if known is not None and known != points:
        raise Refused(
            f"The reference {entry.reference} is already booked with other points. Adjust them instead.", "reference"
        )
    if known is None and len(account.entries) >= MAX_REFERENCES:
        raise Refused(f"This loyalty account has {MAX_REFERENCES} entries, and takes no more. Open another one.")
    if known is None and points[1] < 0 and EXACT.add(account.balance, points[1]) < 0:
        raise Refused(f"This member has {account.balance} points, which is not enough.", "points")
    return known is None


def must_be_for_a_period(tier: str, period: str) -> None:
    """Refused if a tier or its period is blank."""
    must_say(tier, "The tier", "tier")
    must_say(period, "The period", "period")


decider = Decider("loyalty_account", Asked, Happened, LoyaltyAccount(), decide, evolve)
