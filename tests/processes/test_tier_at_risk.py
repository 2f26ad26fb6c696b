"""P15: who will not keep their tier at this pace is offered bonus points in time, and somebody sees to them."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.consent import GrantConsent, Purpose
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.loyalty_account import EnrolMember, LeaveProgramme, QualifyTier
from eventstore.envelope import Origin
from processes import tier_at_risk, tier_evaluation
from tests.conftest import House
from tests.processes.members import BOSS, REP, accrue, enrol, offers, outcomes, people, tasks
from tests.processes.shop import NEW_YORK, Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[tier_evaluation.policy, tier_at_risk.policy])
    people(shop)
    return shop


def gold(shop: Shop, *, agrees: bool = True, tier: str = "GOLD") -> tuple[UUID, UUID]:
    """A gold member whose year ends on 12 January 2027, a Tuesday: 90 days before is 14 October, 45 is 28 November."""
    customer = shop.customer()
    if agrees:
        shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    account = enrol(shop, customer, "2026-01-12 12:00", tier=tier)
    shop.until("2026-01-12 12:00")
    return customer, account


def test_it_is_looked_at_90_and_45_days_before_the_anniversary(shop: Shop) -> None:
    gold(shop)
    days = {entry.step: local(entry.due_at) for entry in shop.ledger() if entry.step.startswith("check")}
    assert days == {"check-90": "2026-10-14 09:00", "check-45": "2026-11-28 09:00"}


def test_the_days_are_those_of_where_the_member_lives(shop: Shop) -> None:
    customer = shop.customer(timezone=NEW_YORK)
    account = derived("loyalty_account", "ny")
    shop.do(
        EnrolMember(loyalty_account_id=account, customer_id=customer, programme="default"),
        moment("2026-01-12 23:00", NEW_YORK),
    )
    shop.worker.run()
    days = {entry.step: local(entry.due_at, NEW_YORK) for entry in shop.ledger() if entry.step.startswith("check")}
    assert days == {"check-90": "2026-10-14 09:00", "check-45": "2026-11-28 09:00"}


def test_a_tier_at_risk_is_an_offer_and_a_task_for_the_owner(shop: Shop) -> None:
    customer, account = gold(shop)
    shop.do(AssignAccountManager(customer_id=customer, staff_id=REP))
    accrue(shop, account, 14_000, "2026-06-01 12:00")
    shop.until("2026-10-14 08:59")
    assert tasks(shop, "tier-at-risk") == []
    shop.until("2026-10-14 09:00")
    assert outcomes(shop, "check-90") == [("DONE", "AT_RISK")]
    [task] = tasks(shop, "tier-at-risk")
    assert (task.staff_id, task.customer_id, task.related_id) == (REP, customer, account)
    # 14,000 points in 275 of 365 days
    assert task.subject == "GOLD is at risk: at this pace 18581.82 points on 2027-01-12, which takes 20000."
    assert local(task.due_at) == "2026-10-19 09:00"
    [mail] = shop.mails()
    assert mail["Subject"] == "Conserve su nivel Oro"
    assert "le faltan 6.000 puntos hasta el 12/01/2027" in mail.get_body().get_content()
    [offer] = offers(shop)
    assert (offer.offer, offer.customer_id, local(offer.valid_until)) == ("BONUS_POINTS", customer, "2027-01-12 00:00")


def test_without_an_account_manager_it_is_a_task_for_who_is_in_charge(shop: Shop) -> None:
    gold(shop)
    shop.until("2026-10-14 09:00")
    assert [task.staff_id for task in tasks(shop, "tier-at-risk")] == [BOSS]


@pytest.mark.parametrize(
    ("points", "outcome"), [(15_068, ("DONE", "AT_RISK")), (15_069, ("SUPPRESSED", "NOT_AT_RISK"))]
)
def test_the_pace_decides(shop: Shop, points: int, outcome: tuple[str, str]) -> None:
    _, account = gold(shop)  # 20,000 x 275 / 365 = 15,068.49
    accrue(shop, account, points, "2026-06-01 12:00")
    shop.until("2026-10-14 09:00")
    assert outcomes(shop, "check-90") == [outcome]
    assert len(offers(shop)) == len(tasks(shop, "tier-at-risk")) == (outcome[0] == "DONE")


def test_45_days_before_it_is_looked_at_again(shop: Shop) -> None:
    _, account = gold(shop)
    accrue(shop, account, 17_000, "2026-06-01 12:00")  # enough at the pace of October, not at that of November
    shop.until("2026-10-14 09:00")
    shop.until("2026-11-28 09:00")
    assert outcomes(shop, "check-90")[0] == ("SUPPRESSED", "NOT_AT_RISK")
    assert outcomes(shop, "check-45")[0] == ("DONE", "AT_RISK")


def test_who_has_recovered_is_left_alone(shop: Shop) -> None:
    _, account = gold(shop)
    shop.until("2026-10-14 09:00")
    accrue(shop, account, 19_000, "2026-11-01 12:00")
    shop.until("2026-11-28 09:00")
    assert outcomes(shop, "check-45")[0] == ("CANCELLED", "RECOVERED")
    assert len(offers(shop)) == 1


def test_an_offer_that_waits_for_the_morning_is_taken_back_if_the_member_recovers(shop: Shop) -> None:
    _, account = gold(shop)
    shop.now = moment("2026-10-14 22:00")  # a worker that was away by day
    shop.worker.run()
    assert outcomes(shop, "offer-90") == [("SCHEDULED", None)]
    accrue(shop, account, 19_000, "2026-10-14 23:00")
    shop.until("2026-10-15 09:00")
    assert outcomes(shop, "offer-90") == [("CANCELLED", "RECOVERED")]
    assert shop.mails() == []


@pytest.mark.parametrize("tier", ["SILVER", None])
def test_the_lowest_tier_cannot_be_lost(shop: Shop, tier: str | None) -> None:
    gold(shop, tier=tier)
    shop.until("2026-10-14 09:00")
    assert outcomes(shop, "check-90") == [("SUPPRESSED", "NOTHING_TO_LOSE")]


def test_without_a_programme_nobody_knows_what_is_at_risk(shop: Shop) -> None:
    account = enrol(shop, shop.customer(), "2026-01-12 12:00", programme="unknown")
    shop.do(QualifyTier(loyalty_account_id=account, tier="GOLD", period="2026"))
    shop.until("2026-10-14 09:00")
    assert outcomes(shop, "check-90") == [("SUPPRESSED", "NO_PROGRAMME")]


def test_without_consent_there_is_the_task_alone(shop: Shop) -> None:
    gold(shop, agrees=False)
    shop.until("2026-10-14 09:00")
    assert outcomes(shop, "offer-90") == [("SUPPRESSED", "NO_CONSENT")]
    assert (len(tasks(shop, "tier-at-risk")), offers(shop)) == (1, [])


def test_who_left_is_not_looked_at(shop: Shop) -> None:
    _, account = gold(shop)
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-05-01 12:00")
    shop.until("2026-05-01 12:00")
    assert outcomes(shop, "check-90") == outcomes(shop, "check-45") == [("CANCELLED", "MEMBER_LEFT")]


def test_who_comes_back_on_the_same_day_is_looked_at_all_the_same(shop: Shop) -> None:
    customer, account = gold(shop)
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-01-12 13:00")
    shop.until("2026-01-12 13:00")
    enrol(shop, customer, "2026-01-12 14:00", tier="GOLD")
    shop.until("2026-10-14 09:00")
    assert sorted(outcomes(shop, "check-90")) == [("CANCELLED", "MEMBER_LEFT"), ("DONE", "AT_RISK")]


def test_nobody_is_told_of_a_tier_that_is_lost_already(shop: Shop) -> None:
    gold(shop)
    shop.until("2027-02-01 12:00")
    assert outcomes(shop, "check-90")[0] == outcomes(shop, "check-45")[0] == ("SUPPRESSED", "TOO_LATE")


def test_the_next_year_is_looked_at_as_well(shop: Shop) -> None:
    gold(shop)
    shop.until("2026-10-14 09:00")
    shop.until("2026-11-28 09:00")
    days = {entry.step: local(entry.due_at) for entry in shop.ledger() if entry.due_at and entry.due_at.year == 2027}
    assert (days["check-90"], days["check-45"]) == ("2027-10-14 09:00", "2027-11-28 09:00")


@pytest.mark.parametrize(
    ("first", "steps"),
    [
        ("2026-09-01 12:00", ["check-45", "check-90"]),
        ("2026-11-01 12:00", ["check-45"]),
        ("2026-12-01 12:00", []),
    ],
)
def test_a_member_from_before_is_looked_at_from_the_first_points_on(shop: Shop, first: str, steps: list[str]) -> None:
    account = derived("loyalty_account", "old")
    enrolled = EnrolMember(loyalty_account_id=account, customer_id=shop.customer(), programme="default", tier="GOLD")
    shop.do(enrolled, "2025-01-12 12:00", Origin.IMPORT)
    shop.until(first)
    assert shop.ledger() == []
    accrue(shop, account, 1, first)
    shop.until(first)
    assert sorted(entry.step for entry in shop.ledger() if entry.step.startswith("check")) == steps
