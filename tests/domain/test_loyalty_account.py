"""Loyalty accounts."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command, Event
from domain.loyalty_account import (
    MAX_REFERENCES,
    DowngradeTier,
    EnrolMember,
    LeaveProgramme,
    MemberEnrolled,
    MemberLeft,
    QualifyTier,
    TierBasis,
    TierDowngraded,
    TierQualified,
    decider,
)
from domain.points import (
    AccruePoints,
    AdjustPoints,
    ExpirePoints,
    PointsAccrued,
    PointsAdjusted,
    PointsExpired,
    PointsRedeemed,
    RedeemPoints,
)
from domain.values import money
from tests.domain.scenario import but, given

ACCOUNT, ANA, EVA, BOSS = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
ENROL = EnrolMember(
    loyalty_account_id=ACCOUNT, customer_id=ANA, programme="air", card="480934", tier="GOLD", enrolment="STANDARD"
)
ENROLLED = MemberEnrolled(
    customer_id=ANA, programme="air", programme_version=1, card="480934", tier="GOLD", enrolment="STANDARD"
)
ACCRUE = AccruePoints(
    loyalty_account_id=ACCOUNT,
    reference="2018-03",
    qualifying=Decimal("152.25"),
    redeemable=Decimal("152.25"),
    activity={"flights": 3, "km": 1521},
)
ACCRUED = PointsAccrued(
    reference="2018-03",
    qualifying=Decimal("152.25"),
    redeemable=Decimal("152.25"),
    order_id=None,
    activity={"flights": 3, "km": 1521},
)
REDEEM = RedeemPoints(loyalty_account_id=ACCOUNT, reference="2018-03", points=Decimal(100), reward="FLIGHT")
REDEEMED = PointsRedeemed(reference="2018-03", points=Decimal(100), reward="FLIGHT", worth=None)
EXPIRE = ExpirePoints(loyalty_account_id=ACCOUNT, reference="2018-03", points=Decimal("2.25"))
EXPIRED = PointsExpired(reference="2018-03", points=Decimal("2.25"))
ADJUST = AdjustPoints(
    loyalty_account_id=ACCOUNT, reference="case-7", points=Decimal(-50), reason="Booked twice", approver=BOSS
)
ADJUSTED = PointsAdjusted(reference="case-7", points=Decimal(-50), reason="Booked twice", approver=BOSS)
QUALIFY = QualifyTier(loyalty_account_id=ACCOUNT, tier="PLATINUM", period="2026")
QUALIFIED = TierQualified(previous="GOLD", tier="PLATINUM", period="2026", basis=TierBasis.EARNED)
DOWNGRADE = DowngradeTier(loyalty_account_id=ACCOUNT, tier="SILVER", period="2026")
DOWNGRADED = TierDowngraded(previous="GOLD", tier="SILVER", period="2026")
LEAVE = LeaveProgramme(loyalty_account_id=ACCOUNT, reason="Moved abroad")
LEFT = MemberLeft(reason="Moved abroad")
REJOIN = but(ENROL, programme_version=2, card="480935", tier=None, enrolment="RETURN")
REJOINED = replace(ENROLLED, programme_version=2, card="480935", tier="PLATINUM", enrolment="RETURN")
BACK_IN_SILVER = replace(REJOINED, tier="SILVER")


def test_a_member_is_enrolled_once() -> None:
    state = given(decider).when(ENROL).then(ENROLLED)
    assert (state.customer_id, state.tier, state.balance) == (ANA, "GOLD", 0)
    given(decider, ENROLLED).when(ENROL).then_nothing()
    given(decider, replace(ENROLLED, card=None)).when(ENROL).then_nothing()  # the card has been forgotten
    given(decider, ENROLLED, QUALIFIED).when(ENROL).then_nothing()
    given(decider, ENROLLED).when(but(ENROL, tier=None)).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [{"customer_id": EVA}, {"programme": "rail"}, {"programme_version": 2}, {"tier": "SILVER"}, {"enrolment": "X"}],
)
def test_an_account_is_not_opened_for_somebody_or_something_else(changes: dict[str, Any]) -> None:
    given(decider, ENROLLED).when(but(ENROL, **changes)).refused(
        "This loyalty account is already open. Open another one instead."
    )


@pytest.mark.parametrize("command", [ACCRUE, REDEEM, EXPIRE, ADJUST, QUALIFY, DOWNGRADE, LEAVE])
def test_nothing_happens_before_a_member_is_enrolled(command: Command) -> None:
    given(decider).when(command).refused(
        "This loyalty account is not open yet. Enrol the member first.", "loyalty_account_id"
    )


@pytest.mark.parametrize(
    ("command", "event", "balance"),
    [
        (ACCRUE, ACCRUED, "252.25"),
        (REDEEM, REDEEMED, "0"),
        (EXPIRE, EXPIRED, "97.75"),
        (ADJUST, ADJUSTED, "50"),
        (but(ADJUST, points=Decimal(7)), replace(ADJUSTED, points=Decimal(7)), "107"),
    ],
)
def test_points_are_booked_once_for_what_they_are_for(command: Command, event: Event, balance: str) -> None:
    before = (
        ENROLLED,
        PointsAccrued(reference="x", qualifying=Decimal(0), redeemable=Decimal(100), order_id=None, activity=None),
    )
    state = given(decider, *before).when(command).then(event)
    assert state.balance == Decimal(balance)
    given(decider, *before, event).when(command).then_nothing()


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (but(ACCRUE, redeemable=Decimal(1)), ACCRUED),
        (but(ACCRUE, qualifying=Decimal(1)), ACCRUED),
        (but(REDEEM, points=Decimal(1)), REDEEMED),
        (but(EXPIRE, points=Decimal(1)), EXPIRED),
    ],
)
def test_other_points_for_the_same_are_an_adjustment(command: Command, event: Event) -> None:
    given(decider, ENROLLED, ACCRUED, event).when(command).refused(
        "The reference 2018-03 is already booked with other points. Adjust them instead.", "reference"
    )


def test_a_month_of_flights_may_bring_points_and_cost_points() -> None:
    state = given(decider, ENROLLED, ACCRUED).when(REDEEM).then(REDEEMED)
    assert state.balance == Decimal("52.25")


@pytest.mark.parametrize(
    "command",
    [REDEEM, but(EXPIRE, points=Decimal("52.26")), but(ADJUST, points=Decimal("-52.26"))],
)
def test_no_more_points_go_than_there_are(command: Command) -> None:
    spent = replace(REDEEMED, reference="2018-02")
    given(decider, ENROLLED, ACCRUED, spent).when(command).refused(
        "This member has 52.25 points, which is not enough.", "points"
    )


def test_of_two_who_spend_the_same_points_the_second_is_refused() -> None:
    first, second = but(REDEEM, reference="a"), but(REDEEM, reference="b")
    given(decider, ENROLLED, ACCRUED).when(first).then(replace(REDEEMED, reference="a"))
    given(decider, ENROLLED, ACCRUED).when(second).then(replace(REDEEMED, reference="b"))
    given(decider, ENROLLED, ACCRUED, replace(REDEEMED, reference="a")).when(second).refused(
        "This member has 52.25 points, which is not enough.", "points"
    )


def test_an_account_that_is_overdrawn_can_earn() -> None:
    given(decider, ENROLLED, REDEEMED).when(but(ACCRUE, redeemable=Decimal(1))).then(
        replace(ACCRUED, redeemable=Decimal(1))
    )


def test_a_reward_has_a_worth() -> None:
    paid = but(REDEEM, worth=Decimal("18.5"), currency="CAD", rate=Decimal("0.64"), base_currency="EUR")
    worth = money(Decimal("18.5"), "CAD", Decimal("0.64"), "EUR")
    given(decider, ENROLLED, ACCRUED).when(paid).then(replace(REDEEMED, worth=worth))


def test_an_account_takes_only_so_many_entries() -> None:
    def earned(number: int) -> PointsAccrued:
        return replace(ACCRUED, reference=str(number))

    full = [earned(number) for number in range(MAX_REFERENCES)]
    given(decider, ENROLLED, *full[1:]).when(ACCRUE).then(ACCRUED)
    given(decider, ENROLLED, *full).when(ACCRUE).refused(
        "This loyalty account has 2000 entries, and takes no more. Open another one."
    )
    given(decider, ENROLLED, *full).when(but(ACCRUE, reference="7")).then_nothing()


NAN = Decimal("NaN")


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (but(ACCRUE, reference=""), "The reference must not be blank.", "reference"),
        (but(ACCRUE, qualifying=Decimal(-1)), "The qualifying must be zero or more.", "qualifying"),
        (but(ACCRUE, redeemable=NAN), "The redeemable must be a number.", "redeemable"),
        (
            but(ACCRUE, qualifying=Decimal(0), redeemable=Decimal(0)),
            "Give qualifying or redeemable points, or both.",
            "redeemable",
        ),
        (but(ACCRUE, activity={"km": -1}), "The count of km must be from 0 to 1000000000.", "activity"),
        (but(ACCRUE, activity={" ": 1}), "The name of a count must not be blank.", "activity"),
        (but(ACCRUE, activity=dict.fromkeys(map(str, range(51)), 1)), "Give at most 50 counts.", "activity"),
        (but(REDEEM, points=Decimal(0)), "The points must be more than zero.", "points"),
        (but(REDEEM, points=Decimal(-1)), "The points must be zero or more.", "points"),
        (but(REDEEM, points=Decimal(10**9)), "The points must be less than 1000000000.", "points"),
        (but(REDEEM, reward=" "), "The reward must not be blank.", "reward"),
        (but(REDEEM, worth=Decimal(-1), currency="CAD"), "The worth must be zero or more.", "worth"),
        (but(REDEEM, worth=Decimal(1)), "Give the worth of the reward together with its currency.", "worth"),
        (but(REDEEM, currency="CAD"), "Give the worth of the reward together with its currency.", "worth"),
        (but(REDEEM, rate=Decimal(2)), "Give the worth of the reward together with its currency.", "worth"),
        (but(EXPIRE, points=NAN), "The points must be a number.", "points"),
        (but(ADJUST, points=Decimal(0)), "The points must be more than zero.", "points"),
        (but(ADJUST, points=NAN), "The points must be a number.", "points"),
        (but(ADJUST, reason=" "), "The reason must not be blank.", "reason"),
        (but(QUALIFY, tier=""), "The tier must not be blank.", "tier"),
        (but(DOWNGRADE, period=" "), "The period must not be blank.", "period"),
    ],
)
def test_what_is_asked_of_an_account_must_make_sense(command: Command, sentence: str, field: str) -> None:
    given(decider, ENROLLED, ACCRUED).when(command).refused(sentence, field)


@pytest.mark.parametrize(
    ("changes", "sentence", "field"),
    [
        ({"programme": ""}, "The programme must not be blank.", "programme"),
        ({"programme_version": 0}, "The programme version must be from 1 to 1000.", "programme_version"),
        ({"tier": " "}, "The tier must not be blank.", "tier"),
    ],
)
def test_an_enrolment_must_make_sense(changes: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(ENROL, **changes)).refused(sentence, field)


def test_a_tier_is_qualified_for_once_in_a_period() -> None:
    state = given(decider, ENROLLED).when(QUALIFY).then(QUALIFIED)
    assert state.tier == "PLATINUM"
    given(decider, ENROLLED, QUALIFIED).when(QUALIFY).then_nothing()


def test_the_same_tier_is_qualified_for_again_in_another_period_or_for_another_reason() -> None:
    again = replace(QUALIFIED, previous="PLATINUM", period="2027")
    given(decider, ENROLLED, QUALIFIED).when(but(QUALIFY, period="2027")).then(again)
    grace = replace(QUALIFIED, previous="PLATINUM", basis=TierBasis.GRACE)
    given(decider, ENROLLED, QUALIFIED).when(but(QUALIFY, basis=TierBasis.GRACE)).then(grace)


def test_a_tier_is_lost_once_and_can_be_won_back_in_the_same_period() -> None:
    given(decider, ENROLLED).when(DOWNGRADE).then(DOWNGRADED)
    given(decider, ENROLLED, DOWNGRADED).when(DOWNGRADE).then_nothing()
    fell = replace(DOWNGRADED, previous="PLATINUM")
    given(decider, ENROLLED, QUALIFIED, fell).when(QUALIFY).then(replace(QUALIFIED, previous="SILVER"))


def test_a_member_leaves_once_and_may_come_back() -> None:
    given(decider, ENROLLED).when(LEAVE).then(LEFT)
    given(decider, ENROLLED, LEFT).when(LEAVE).then_nothing()
    given(decider, ENROLLED, LEFT).when(ENROL).then(ENROLLED)
    given(decider, ENROLLED, LEFT, ENROLLED).when(ENROL).then_nothing()
    given(decider, ENROLLED, LEFT, ENROLLED).when(LEAVE).then(LEFT)


def test_who_comes_back_has_the_points_of_before_and_the_tier_unless_another_is_given() -> None:
    back = given(decider, ENROLLED, ACCRUED, QUALIFIED, LEFT).when(REJOIN).then(REJOINED)
    assert (back.left, back.tier, back.balance) == (False, "PLATINUM", Decimal("152.25"))
    given(decider, ENROLLED, ACCRUED, QUALIFIED, LEFT, REJOINED).when(REJOIN).then_nothing()
    given(decider, ENROLLED, ACCRUED, QUALIFIED, LEFT, REJOINED).when(ACCRUE).then_nothing()
    given(decider, ENROLLED, QUALIFIED, LEFT, REJOINED).when(QUALIFY).then_nothing()
    lower = given(decider, ENROLLED, QUALIFIED, LEFT).when(but(REJOIN, tier="SILVER")).then(BACK_IN_SILVER)
    assert (lower.left, lower.tier) == (False, "SILVER")
    given(decider, ENROLLED, QUALIFIED, LEFT, BACK_IN_SILVER).when(but(REJOIN, tier="SILVER")).then_nothing()


@pytest.mark.parametrize("changes", [{"customer_id": EVA}, {"programme": "rail"}])
def test_nobody_comes_back_as_somebody_else_or_to_something_else(changes: dict[str, Any]) -> None:
    given(decider, ENROLLED, LEFT).when(but(REJOIN, **changes)).refused(
        "This loyalty account is already open. Open another one instead."
    )


@pytest.mark.parametrize("command", [QUALIFY, DOWNGRADE])
def test_who_has_left_has_no_tier_to_win_or_to_lose(command: Command) -> None:
    given(decider, ENROLLED, LEFT).when(command).refused("This member has left the programme.")


def test_a_tier_of_before_is_qualified_for_again_by_who_came_back_to_another() -> None:
    back = (ENROLLED, QUALIFIED, LEFT, BACK_IN_SILVER)
    given(decider, *back).when(QUALIFY).then(replace(QUALIFIED, previous="SILVER"))


@pytest.mark.parametrize("fall", [(DOWNGRADED,), (LEFT, BACK_IN_SILVER)])
def test_the_tier_that_somebody_fell_to_is_not_yet_qualified_for(fall: tuple[Event, ...]) -> None:
    silver = but(QUALIFY, tier="SILVER")
    qualified = replace(QUALIFIED, previous="SILVER", tier="SILVER")
    given(decider, ENROLLED, QUALIFIED, *fall).when(silver).then(qualified)
    given(decider, ENROLLED, QUALIFIED, *fall, qualified).when(silver).then_nothing()


def test_points_of_before_are_booked_after_a_member_left() -> None:
    given(decider, ENROLLED, LEFT).when(ACCRUE).then(ACCRUED)
    given(decider, ENROLLED, LEFT, ACCRUED).when(REDEEM).then(REDEEMED)
    given(decider, ENROLLED, LEFT, ACCRUED).when(EXPIRE).then(EXPIRED)
