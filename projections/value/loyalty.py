"""The loyalty accounts: each with its tier and its points, what moved them, and when the tier changed."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.loyalty_account import MemberEnrolled, MemberLeft, TierBasis, TierDowngraded, TierQualified
from domain.points import Entry, PointsAccrued, PointsAdjusted, PointsExpired, PointsRedeemed, points_of
from domain.values import EXACT
from eventstore.envelope import Recorded
from projections.facts import Fact, Facts
from projections.view import Row, View

ZERO = Decimal(0)


class PointsKind(StrEnum):
    """What moved points."""

    ACCRUED = "ACCRUED"
    REDEEMED = "REDEEMED"
    EXPIRED = "EXPIRED"
    ADJUSTED = "ADJUSTED"


class PointsEntry(Fact):
    """Points that came to an account, called `owner_id`, or went: `redeemable` ones can be spent, `qualifying` ones give tiers.

    `worth` is what a reward was worth, in `base_currency`.
    """

    programme: str = ""
    tier: str | None = None
    kind: PointsKind = PointsKind.ACCRUED
    reference: str = ""
    qualifying: Decimal = ZERO
    redeemable: Decimal = ZERO
    reward: str | None = None
    worth: Decimal | None = None
    base_currency: str | None = None
    order_id: UUID | None = None


class TierChange(Fact):
    """A member who came into a programme (`previous` is empty), went from one tier to another, or left (`tier` is empty)."""

    programme: str = ""
    previous: str | None = None
    tier: str | None = None
    basis: TierBasis | None = None
    period: str | None = None


class LoyaltyStatus(Row, key="account_id"):
    """A membership, with the tier and the points that can be spent, the `balance`, and all that ever came and went.

    `basis` says why the member has the tier, and `period` for when. `enrolled_at` is when the membership began, again if
    the member had left before.
    """

    account_id: UUID
    customer_id: UUID | None = None
    programme: str = ""
    programme_version: int = 0
    tier: str | None = None
    basis: TierBasis | None = None
    period: str | None = None
    tier_since: datetime | None = None
    balance: Decimal = ZERO
    qualifying: Decimal = ZERO
    earned: Decimal = ZERO
    redeemed: Decimal = ZERO
    expired: Decimal = ZERO
    adjusted: Decimal = ZERO
    last_accrued_at: datetime | None = None
    enrolled_at: datetime | None = None
    left_at: datetime | None = None


points = Facts(
    "points", PointsEntry, indexes=("(owner_id, occurred_at)", "(customer_id, occurred_at)", "(occurred_at)")
)
tier_changes = Facts("tier_changes", TierChange, indexes=("(occurred_at)", "(customer_id, occurred_at)"))
view = View(
    "loyalty_accounts",
    LoyaltyStatus,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    facts=(points, tier_changes),
    history=True,
    indexes=("(customer_id)", "(programme, tier)"),
)


@view.on(MemberEnrolled)
def enrol(account: LoyaltyStatus, enrolled: MemberEnrolled, at: Recorded) -> Iterator[TierChange]:
    came_back = account.enrolled_at is not None
    account.customer_id = at.customer_id
    account.programme = enrolled.programme
    account.programme_version = enrolled.programme_version
    account.enrolled_at = at.occurred_at
    account.left_at = None
    if enrolled.tier != account.tier or not came_back:
        account.tier, account.basis, account.period = enrolled.tier, None, None
        account.tier_since = at.occurred_at
    yield TierChange(programme=account.programme, tier=account.tier)


@view.on(PointsAccrued, PointsRedeemed, PointsExpired, PointsAdjusted)
def book(account: LoyaltyStatus, entry: Entry, at: Recorded) -> Iterator[PointsEntry]:
    qualifying, redeemable = points_of(entry)
    account.qualifying = EXACT.add(account.qualifying, qualifying)
    account.balance = EXACT.add(account.balance, redeemable)
    row = PointsEntry(
        programme=account.programme,
        tier=account.tier,
        reference=entry.reference,
        qualifying=qualifying,
        redeemable=redeemable,
    )
    match entry:
        case PointsAccrued():
            account.earned = EXACT.add(account.earned, redeemable)
            account.last_accrued_at = at.occurred_at
            row.order_id = entry.order_id
        case PointsRedeemed():
            account.redeemed = EXACT.subtract(account.redeemed, redeemable)
            row.kind, row.reward = PointsKind.REDEEMED, entry.reward
            if entry.worth is not None:
                row.worth, row.base_currency = entry.worth.base, entry.worth.base_currency
        case PointsExpired():
            account.expired = EXACT.subtract(account.expired, redeemable)
            row.kind = PointsKind.EXPIRED
        case PointsAdjusted():
            account.adjusted = EXACT.add(account.adjusted, redeemable)
            row.kind = PointsKind.ADJUSTED
    yield row


@view.on(TierQualified)
def qualify(account: LoyaltyStatus, qualified: TierQualified, at: Recorded) -> Iterator[TierChange]:
    account.basis, account.period = qualified.basis, qualified.period
    yield from _move(account, qualified.tier, at)


@view.on(TierDowngraded)
def downgrade(account: LoyaltyStatus, downgraded: TierDowngraded, at: Recorded) -> Iterator[TierChange]:
    account.basis, account.period = None, downgraded.period
    yield from _move(account, downgraded.tier, at)


@view.on(MemberLeft)
def leave(account: LoyaltyStatus, left: MemberLeft, at: Recorded) -> Iterator[TierChange]:
    account.left_at = at.occurred_at
    yield TierChange(programme=account.programme, previous=account.tier)


def _move(account: LoyaltyStatus, tier: str, at: Recorded) -> Iterator[TierChange]:
    """A tier that is kept for another period is a change as well, of basis and period."""
    previous, account.tier = account.tier, tier
    if previous != tier:
        account.tier_since = at.occurred_at
    yield TierChange(
        programme=account.programme, previous=previous, tier=tier, basis=account.basis, period=account.period
    )
