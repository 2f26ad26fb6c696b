"""P13: members rise as soon as their points suffice, and fall at an anniversary alone, after a grace."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from domain.customer import MergeCustomers
from domain.kernel import derived
from domain.loyalty_account import EnrolMember, LeaveProgramme
from domain.points import AccruePoints
from domain.programme import DEFAULT, DefineProgramme, programme_id
from eventstore.envelope import Origin
from processes import tier_evaluation
from processes.calendar import Calendar
from processes.memberships import Membership, year_of
from tests.conftest import House
from tests.processes.members import accrue, enrol, outcomes, tiers
from tests.processes.shop import NEW_YORK, Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return Shop(house.log, tmp_path / "mail", policies=[tier_evaluation.policy])


def test_a_new_member_has_the_lowest_tier_at_once(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00")
    shop.until("2026-01-15 12:00")
    assert tiers(shop, account) == [("SILVER", "2026", "EARNED")]


def test_a_member_who_comes_with_a_tier_keeps_it_for_now(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00", tier="GOLD")
    shop.until("2026-12-31 12:00")
    assert tiers(shop, account) == []
    assert outcomes(shop, "upgrade") == [("DONE", "NOT_ENOUGH")]


@pytest.mark.parametrize(
    ("points", "tier"),
    [(19_999, "SILVER"), (20_000, "GOLD"), (49_999, "GOLD"), (50_000, "PLATINUM"), (60_000, "PLATINUM")],
)
def test_enough_points_are_a_higher_tier_at_once(shop: Shop, points: int, tier: str) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00")
    trigger = accrue(shop, account, points, "2026-03-01 18:00")
    shop.until("2026-03-01 18:00")
    assert tiers(shop, account)[-1][0] == tier
    assert shop.outcome(trigger, "upgrade") == ("DONE", "UNCHANGED" if tier == "SILVER" else "UPGRADED")


def test_only_the_points_of_the_last_twelve_months_count(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2025-01-15 12:00")
    accrue(shop, account, 19_000, "2025-03-10 23:00")
    accrue(shop, account, 500, "2025-03-11 01:00")
    accrue(shop, account, 1_000, "2026-03-10 12:00")  # the 10th of March of last year is a year ago
    shop.until("2026-03-10 12:00")
    assert tiers(shop, account)[-1][0] == "SILVER"
    accrue(shop, account, 18_500, "2026-03-10 13:00")  # the 11th is not
    shop.until("2026-03-10 13:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2026", "EARNED")


def test_points_that_are_told_late_count_with_those_of_later_days(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00")
    accrue(shop, account, 12_000, "2026-03-10 12:00")
    shop.until("2026-03-10 12:00")
    accrue(shop, account, 8_000, "2026-02-01 12:00")
    shop.until("2026-03-11 12:00")
    assert tiers(shop, account)[-1][0] == "GOLD"


def test_points_that_do_not_qualify_set_nothing_off(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00")
    shop.do(AccruePoints(loyalty_account_id=account, reference="r", redeemable=Decimal(9)), "2026-01-16 12:00")
    shop.until("2026-01-16 12:00")
    assert len(shop.ledger("upgrade")) == 1


# Falling.


def gold(shop: Shop, on: str = "2026-01-15 12:00", **said: object) -> tuple[object, object]:
    customer = shop.customer(**said)
    account = enrol(shop, customer, on)
    accrue(shop, account, 20_000, "2026-02-01 12:00")
    shop.until("2026-02-01 12:00")
    return account, customer


def test_missing_points_are_no_reason_to_fall_before_the_anniversary_nor_in_the_grace(shop: Shop) -> None:
    account, _ = gold(shop)
    shop.until("2027-01-14 23:59")
    assert tiers(shop, account)[-1] == ("GOLD", "2026", "EARNED")
    shop.until("2027-01-15 00:00")  # the points of February are still of the last twelve months
    assert tiers(shop, account)[-1] == ("GOLD", "2027", "EARNED")
    shop.until("2028-01-15 00:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2028", "GRACE")
    shop.until("2028-04-14 23:59")
    assert tiers(shop, account)[-1] == ("GOLD", "2028", "GRACE")
    shop.until("2028-04-15 00:00")
    assert tiers(shop, account)[-1] == ("SILVER", "2028", "DOWNGRADED")
    assert outcomes(shop, "grace-end") == [("DONE", "DOWNGRADED")]
    assert outcomes(shop, "anniversary")[:3] == [("DONE", "KEPT"), ("DONE", "IN_GRACE"), ("SCHEDULED", None)]


def test_who_earns_the_tier_again_within_the_grace_keeps_it(shop: Shop) -> None:
    account, _ = gold(shop)
    shop.until("2028-01-15 00:00")
    accrue(shop, account, 19_999, "2028-03-01 12:00")
    shop.until("2028-03-01 12:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2028", "GRACE")
    trigger = accrue(shop, account, 1, "2028-03-02 12:00")
    shop.until("2028-04-15 00:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2028", "EARNED")
    assert shop.outcome(trigger, "upgrade") == ("DONE", "EARNED_AGAIN")
    assert outcomes(shop, "grace-end") == [("CANCELLED", "TIER_EARNED")]


def test_one_falls_to_the_tier_that_the_points_give(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00", tier="PLATINUM")
    accrue(shop, account, 25_000, "2026-12-01 12:00")
    shop.until("2027-01-15 00:00")
    shop.until("2027-04-15 00:00")
    assert tiers(shop, account) == [("PLATINUM", "2027", "GRACE"), ("GOLD", "2027", "DOWNGRADED")]


def test_the_thresholds_and_the_grace_are_those_of_the_version_of_the_programme(shop: Shop) -> None:
    low, high = (replace(tier, threshold=each) for tier, each in zip(DEFAULT.tiers[:2], (0, 100), strict=True))
    club = DefineProgramme(
        programme_id=programme_id("club"), key="club", title=DEFAULT.title, tiers=(low, high), grace_months=0
    )
    shop.do(club)
    shop.do(replace(club, tiers=(low, replace(high, threshold=1_000))))
    first, second = (
        enrol(shop, shop.customer(email=None), "2026-01-15 12:00", programme="club", programme_version=n)
        for n in (1, 2)
    )
    for account in (first, second):
        accrue(shop, account, 100, "2026-02-01 12:00")
    shop.until("2026-02-01 12:00")
    assert (tiers(shop, first)[-1][0], tiers(shop, second)[-1][0]) == ("GOLD", "SILVER")
    shop.until("2027-01-15 00:00")
    shop.until("2028-01-15 00:00")
    kept, fallen = ("GOLD", "2027", "EARNED"), ("SILVER", "2028", "DOWNGRADED")
    assert tiers(shop, first)[-2:] == [kept, fallen]  # without a grace, at once


def test_without_a_programme_nobody_is_judged(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00", programme="nobody knows it")
    shop.until("2026-01-15 12:00")
    assert tiers(shop, account) == []
    assert outcomes(shop, "upgrade") == [("SUPPRESSED", "NO_PROGRAMME")]


def test_a_tier_that_the_programme_does_not_have_is_left_alone(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-15 12:00", tier="DIAMOND")
    shop.until("2026-01-15 12:00")
    assert tiers(shop, account) == []
    assert outcomes(shop, "upgrade") == [("SUPPRESSED", "UNKNOWN_TIER")]


# When it is looked at.


@pytest.mark.parametrize(
    ("enrolled", "zone", "until"),
    [
        ("2026-01-15 12:00", None, "2027-01-15 00:00"),
        ("2026-01-15 23:30", NEW_YORK, "2027-01-15 00:00"),
        ("2028-02-29 12:00", None, "2029-02-28 00:00"),
        ("2026-03-29 12:00", None, "2027-03-29 00:00"),
    ],
)
def test_the_anniversary_begins_where_the_member_lives(shop: Shop, enrolled: str, zone: str | None, until: str) -> None:
    zone = zone or "Europe/Madrid"
    customer = shop.customer(timezone=zone)
    shop.do(
        EnrolMember(loyalty_account_id=derived("loyalty_account", 1), customer_id=customer, programme="default"),
        moment(enrolled, zone),
    )
    shop.worker.run()
    [entry] = shop.ledger("anniversary")
    assert local(entry.due_at, zone) == until


def test_who_enrolled_on_a_leap_day_has_the_anniversary_on_the_last_of_february() -> None:
    member = Membership("default", 1, moment("2024-02-29 12:00"))
    years = [
        year_of(derived("x"), member, Calendar(), moment(day))
        for day in ("2025-02-27 12:00", "2025-02-28 00:00", "2028-02-28 12:00", "2028-02-29 00:00")
    ]
    assert [str(year.began) for year in years] == ["2024-02-29", "2025-02-28", "2027-02-28", "2028-02-29"]
    assert [str(year.anniversary) for year in years] == ["2025-02-28", "2026-02-28", "2028-02-29", "2029-02-28"]
    assert local(years[0].midnight) == "2025-02-28 00:00"


def test_a_worker_that_comes_late_comes_to_the_same_tier(shop: Shop) -> None:
    account, _ = gold(shop)
    accrue(shop, account, 20_000, "2028-05-01 12:00")  # after the end of the grace that nobody saw
    shop.until("2028-06-01 12:00")
    assert tiers(shop, account)[1:] == [
        ("GOLD", "2026", "EARNED"),
        ("GOLD", "2027", "EARNED"),
        ("GOLD", "2028", "EARNED"),  # nobody falls who has made up for it meanwhile
    ]


def test_looking_twice_is_the_same_as_once(shop: Shop) -> None:
    gold(shop)
    shop.until("2027-01-15 00:00")
    before = len(shop.events())
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0 where name = %s", [tier_evaluation.policy.actor])
    shop.until("2027-01-15 00:00")
    assert len(shop.events()) == before


# Members from before, who left, or who are one.


def test_imported_members_and_points_set_nothing_off_until_something_happens_live(shop: Shop) -> None:
    account, customer = derived("loyalty_account", "old"), shop.customer()
    shop.do(
        EnrolMember(loyalty_account_id=account, customer_id=customer, programme="default"),
        "2025-06-01 12:00",
        Origin.IMPORT,
    )
    accrue(shop, account, 30_000, "2025-12-01 12:00", origin=Origin.IMPORT)
    shop.until("2026-01-10 12:00")
    assert shop.ledger() == []
    accrue(shop, account, 1, "2026-01-10 12:00")
    shop.until("2026-01-10 12:00")
    assert tiers(shop, account) == [("GOLD", "2025", "EARNED")]
    assert [local(entry.due_at) for entry in shop.ledger("anniversary")] == ["2026-06-01 00:00"]


def test_who_left_is_not_judged_any_more(shop: Shop) -> None:
    account, _ = gold(shop)
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-03-01 12:00")
    trigger = accrue(shop, account, 40_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert outcomes(shop, "anniversary") == [("CANCELLED", "MEMBER_LEFT")]
    assert tiers(shop, account)[-1][0] == "GOLD"
    assert [entry.reason for entry in shop.ledger("none") if entry.trigger == trigger] == ["NO_MEMBER"]


def test_who_left_meanwhile_unseen_is_not_judged_either(shop: Shop) -> None:
    account, _ = gold(shop)
    shop.now = moment("2027-01-15 00:00")
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-03-01 12:00")
    shop.worker.run()
    assert outcomes(shop, "anniversary") == [("CANCELLED", "MEMBER_LEFT")]


def test_who_comes_back_begins_a_new_year_with_the_points_kept(shop: Shop) -> None:
    account, customer = gold(shop)
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-03-01 12:00")
    shop.until("2026-03-01 12:00")
    enrol(shop, customer, "2026-05-01 12:00")
    shop.until("2026-05-01 12:00")
    assert [local(entry.due_at) for entry in shop.ledger("anniversary")] == ["2027-01-15 00:00", "2027-05-01 00:00"]
    accrue(shop, account, 30_000, "2026-06-01 12:00")
    shop.until("2026-06-01 12:00")
    assert tiers(shop, account)[-1][0] == "PLATINUM"


def test_a_member_who_is_merged_into_another_customer_is_still_judged(shop: Shop) -> None:
    account, customer = gold(shop)
    other = shop.customer(email="b@shop.test")
    shop.do(MergeCustomers(customer_id=customer, survivor_id=other))
    accrue(shop, account, 30_000, "2026-03-01 12:00")
    shop.until("2026-03-01 12:00")
    assert tiers(shop, account)[-1][0] == "PLATINUM"
