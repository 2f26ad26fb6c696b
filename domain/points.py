"""Points: how members earn, spend and lose them, entry by entry of their loyalty accounts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

from domain.kernel import Command, Event, Refused, Text, Told, as_asked
from domain.references import LoyaltyAccountId, OrderId, StaffId
from domain.values import Money, fault, money, must_be_amount, must_say

MAX_POINTS = Decimal(10**9)
MAX_ACTIVITIES = 50
MAX_COUNT = 10**9

# What can be asked.


class AccruePoints(Command):
    """Credit points once for a `reference` such as an order or a month of flights, also late, after a member left.

    `qualifying` points count towards a tier and `redeemable` ones can be spent; both may be fractions.
    `activity` counts what they were earned by, such as flights: 3 and km: 1521."""

    loyalty_account_id: LoyaltyAccountId
    reference: str
    qualifying: Decimal = Decimal(0)
    redeemable: Decimal = Decimal(0)
    order_id: OrderId | None = None
    activity: Mapping[str, int] | None = None


class RedeemPoints(Command):
    """Spend points once for a `reference`; `reward` is the code of what for, and `worth` its value in `currency`."""

    loyalty_account_id: LoyaltyAccountId
    reference: str
    points: Decimal
    reward: str | None = None
    worth: Decimal | None = None
    currency: str | None = None
    rate: Decimal | None = None
    base_currency: str | None = None


class ExpirePoints(Command):
    """Take back points that were not spent in time, once for a `reference` such as the month they were earned in."""

    loyalty_account_id: LoyaltyAccountId
    reference: str
    points: Decimal


class AdjustPoints(Command):
    """Correct what can be spent by hand, up or down, once for a `reference` such as a complaint."""

    loyalty_account_id: LoyaltyAccountId
    reference: str
    points: Decimal
    reason: Text
    approver: StaffId


# What can have happened.


class PointsAccrued(Event, stored_as="loyalty_account.points-accrued.v1"):
    """Points were earned: `qualifying` ones count towards a tier, `redeemable` ones can be spent."""

    reference: str
    qualifying: Decimal
    redeemable: Decimal
    order_id: OrderId | None
    activity: Mapping[str, int] | None


class PointsRedeemed(Event, stored_as="loyalty_account.points-redeemed.v1"):
    """Points were spent on a reward; `worth` is its value."""

    reference: str
    points: Decimal
    reward: str | None
    worth: Money | None


class PointsExpired(Event, stored_as="loyalty_account.points-expired.v1"):
    """Points were not spent in time."""

    reference: str
    points: Decimal


class PointsAdjusted(Event, stored_as="loyalty_account.points-adjusted.v1"):
    """Somebody corrected what can be spent, up or down."""

    reference: str
    points: Decimal
    reason: Told[str]
    approver: StaffId


AskedOfPoints = AccruePoints | RedeemPoints | ExpirePoints | AdjustPoints
Entry = PointsAccrued | PointsRedeemed | PointsExpired | PointsAdjusted


def entry_of(asked: AskedOfPoints) -> Entry:
    """What would be booked. Refused if it books nothing, or what no account can hold."""
    must_say(asked.reference, "The reference", "reference")
    match asked:
        case AccruePoints():
            must_be_amount(asked.qualifying, "qualifying", MAX_POINTS)
            must_be_amount(asked.redeemable, "redeemable", MAX_POINTS)
            if not asked.qualifying and not asked.redeemable:
                raise Refused("Give qualifying or redeemable points, or both.", "redeemable")
            must_count(asked.activity)
            return as_asked(PointsAccrued, asked)
        case RedeemPoints():
            must_be_points(asked.points)
            must_say(asked.reward, "The reward", "reward")
            return as_asked(PointsRedeemed, asked, worth=worth_of(asked))
        case ExpirePoints():
            must_be_points(asked.points)
            return as_asked(PointsExpired, asked)
        case AdjustPoints():
            must_be_points(asked.points.copy_abs())
            must_say(asked.reason, "The reason", "reason")
            return as_asked(PointsAdjusted, asked)
        case _:
            assert_never(asked)


def points_of(entry: Entry) -> tuple[Decimal, Decimal]:
    """By how many points an entry changes what qualifies, and what can be spent."""
    match entry:
        case PointsAccrued():
            return entry.qualifying, entry.redeemable
        case PointsRedeemed() | PointsExpired():
            return Decimal(0), entry.points.copy_negate()
        case PointsAdjusted():
            return Decimal(0), entry.points
        case _:
            assert_never(entry)


def worth_of(asked: RedeemPoints) -> Money | None:
    """What a reward is worth. Refused if there is an amount without a currency, or the other way round."""
    must_be_amount(asked.worth, "worth")
    if asked.worth is not None and asked.currency is not None:
        return money(asked.worth, asked.currency, asked.rate, asked.base_currency)
    if (asked.worth, asked.currency, asked.rate, asked.base_currency) != (None, None, None, None):
        raise Refused("Give the worth of the reward together with its currency.", "worth")
    return None


def must_be_points(points: Decimal) -> None:
    """Refused if these are not some points, but none, too many or too fine."""
    if (wrong := fault(points, MAX_POINTS)) or not points:
        raise Refused(f"The points {wrong or 'must be more than zero'}.", "points")


def must_count(activity: Mapping[str, int] | None) -> None:
    """Refused if what points were earned by is not named, or not counted from zero."""
    if activity is None:
        return
    if len(activity) > MAX_ACTIVITIES:
        raise Refused(f"Give at most {MAX_ACTIVITIES} counts.", "activity")
    for name, count in activity.items():
        must_say(name, "The name of a count", "activity")
        if not 0 <= count <= MAX_COUNT:
            raise Refused(f"The count of {name} must be from 0 to {MAX_COUNT}.", "activity")
