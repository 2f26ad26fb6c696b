"""P14: who is near the next tier is told what is missing, and who is worth it may be given the tier early."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from domain.activity import CompleteActivity
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.loyalty_account import DowngradeTier, LeaveProgramme
from domain.order import CancelOrder, OrderLine, PlaceOrder
from domain.staff import AddStaff, StaffRole
from eventstore.envelope import Origin
from processes import tier_evaluation, tier_nudge
from tests.conftest import House
from tests.processes.members import BOSS, REP, accrue, enrol, offers, outcomes, people, tasks, tiers
from tests.processes.shop import Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[tier_evaluation.policy, tier_nudge.policy])
    people(shop)
    return shop


def member(shop: Shop, *, agrees: bool = True, on: str = "2026-01-10 12:00") -> tuple[UUID, UUID]:
    """A customer who is a member, and agreed to hear of offers."""
    customer = shop.customer(email=f"c{len(shop.events())}@shop.test")
    if agrees:
        shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    return customer, enrol(shop, customer, on)


def buy(shop: Shop, customer: UUID, worth: int, cost: int | None, on: str) -> UUID:
    order = derived("order", customer, on)
    lines = (OrderLine(sku="cup", quantity=1, unit_price=Decimal(worth)),)
    known = None if cost is None else Decimal(cost)
    shop.do(PlaceOrder(order_id=order, customer_id=customer, lines=lines, cost=known), on)
    return order


# The nudge.


@pytest.mark.parametrize(
    ("points", "reason"), [(15_999, "NOT_NEAR"), (16_000, None), (19_999, None), (20_000, "NOT_NEAR")]
)
def test_from_four_fifths_of_the_next_threshold_on_one_is_near(shop: Shop, points: int, reason: str | None) -> None:
    _, account = member(shop)
    trigger = accrue(shop, account, points, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    if reason is None:
        assert shop.outcome(trigger, "nudge") == ("DELIVERED", None)
    else:
        assert shop.outcome(trigger, "none") == ("SUPPRESSED", reason)


def test_the_nudge_says_what_is_missing_to_which_tier_until_when_and_is_an_offer(shop: Shop) -> None:
    customer, account = member(shop)
    trigger = accrue(shop, account, 16_500, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    [mail] = shop.mails()
    assert mail["Subject"] == "Le faltan 3.500 puntos para Oro"
    assert "antes del 10/01/2027" in mail.get_body().get_content()
    [offer] = offers(shop)
    assert (offer.customer_id, offer.offer) == (customer, "TIER_UP_GOLD")
    assert (offer.title, local(offer.valid_until)) == ("3500 qualifying points to GOLD", "2027-01-10 00:00")
    entry = shop.entry(trigger, "nudge")
    assert (entry.basis, entry.reason) == ("CONSENT", None)


@pytest.mark.parametrize(("day", "reason"), [("2026-12-11", None), ("2026-12-12", "TOO_FEW_DAYS")])
def test_with_less_than_thirty_days_left_it_waits_for_the_next_year(shop: Shop, day: str, reason: str | None) -> None:
    _, account = member(shop)
    trigger = accrue(shop, account, 16_000, f"{day} 12:00")
    shop.until(f"{day} 12:00")
    if reason is None:
        assert shop.outcome(trigger, "nudge") == ("DELIVERED", None)
        return
    assert shop.outcome(trigger, "none") == ("SUPPRESSED", reason)
    assert len(shop.mails()) == 0
    shop.until("2027-01-10 00:00")
    assert outcomes(shop, "later") == [("DONE", "NEAR")]
    shop.until("2027-01-11 09:00")  # the 10th is a Sunday
    assert outcomes(shop, "nudge") == [("DELIVERED", None)]


def test_nobody_is_above_the_highest_tier(shop: Shop) -> None:
    _, account = member(shop)
    trigger = accrue(shop, account, 60_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert shop.outcome(trigger, "none") == ("SUPPRESSED", "HIGHEST_TIER")


def test_a_gold_member_is_nudged_towards_platinum(shop: Shop) -> None:
    _, account = member(shop)
    accrue(shop, account, 20_000, "2026-03-02 12:00")
    accrue(shop, account, 20_000, "2026-04-01 12:00")
    shop.until("2026-04-01 12:00")
    assert [mail["Subject"] for mail in shop.mails()] == ["Le faltan 10.000 puntos para Platino"]


def test_who_was_nudged_is_not_nudged_again_for_sixty_days_and_then_if_still_near(shop: Shop) -> None:
    _, account = member(shop)
    accrue(shop, account, 16_000, "2026-03-03 12:00")
    shop.until("2026-03-03 12:00")
    again = accrue(shop, account, 100, "2026-04-30 12:00")
    shop.until("2026-05-02 12:59")
    assert shop.outcome(again, "nudge") == ("SUPPRESSED", "NUDGED_LATELY")
    assert len(shop.mails()) == 1
    shop.until("2026-05-02 13:00")  # sixty days of which one had 23 hours
    assert len(shop.mails()) == 2
    assert outcomes(shop, "later") == [("DONE", "NEAR"), ("SCHEDULED", None)]


def test_who_is_not_near_any_more_is_not_nudged_again(shop: Shop) -> None:
    _, account = member(shop, on="2025-01-10 12:00")
    accrue(shop, account, 10_000, "2025-03-10 12:00")
    accrue(shop, account, 6_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    shop.until("2026-05-02 12:00")  # the points of last March do not count any more
    assert len(shop.mails()) == 1
    assert outcomes(shop, "later") == [("SUPPRESSED", "NOT_NEAR")]


def test_who_reaches_the_tier_before_the_nudge_goes_is_not_nudged(shop: Shop) -> None:
    _, account = member(shop)
    trigger = accrue(shop, account, 16_000, "2026-03-02 22:00")
    shop.until("2026-03-02 22:00")
    assert shop.outcome(trigger, "nudge") == ("SCHEDULED", None)
    accrue(shop, account, 4_000, "2026-03-02 23:00")
    shop.until("2026-03-03 09:00")
    assert shop.outcome(trigger, "nudge") == ("CANCELLED", "REACHED")
    assert shop.mails() == []


def test_a_nudge_waits_for_the_day(shop: Shop) -> None:
    _, account = member(shop)
    trigger = accrue(shop, account, 16_000, "2026-03-07 22:00")  # Saturday night
    shop.until("2026-03-07 22:00")
    assert local(shop.entry(trigger, "nudge").due_at) == "2026-03-09 09:00"


@pytest.mark.parametrize("agreed", ["never", "withdrawn"])
def test_without_consent_there_is_no_nudge_and_no_offer(shop: Shop, agreed: str) -> None:
    customer, account = member(shop, agrees=agreed == "withdrawn")
    if agreed == "withdrawn":
        shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.MARKETING))
    trigger = accrue(shop, account, 16_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert shop.outcome(trigger, "nudge") == ("SUPPRESSED", "NO_CONSENT")
    assert offers(shop) == []


def test_who_leaves_is_not_nudged(shop: Shop) -> None:
    _, account = member(shop)
    trigger = accrue(shop, account, 16_000, "2026-03-02 22:00")
    shop.until("2026-03-02 22:00")
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-03-02 23:00")
    late = accrue(shop, account, 1_000, "2026-03-02 23:30")
    shop.until("2026-03-03 09:00")
    assert shop.outcome(trigger, "nudge") == ("CANCELLED", "MEMBER_LEFT")
    passed = [each.reason for each in shop.ledger("none") if (each.policy, each.trigger) == ("tier-nudge", late)]
    assert passed == ["NO_MEMBER"]


def test_who_falls_is_near_the_tier_that_was_lost(shop: Shop) -> None:
    _, account = member(shop)
    accrue(shop, account, 20_000, "2026-03-02 12:00")
    accrue(shop, account, 17_000, "2027-03-01 12:00")
    shop.until("2027-03-01 12:00")
    shop.do(DowngradeTier(loyalty_account_id=account, tier="SILVER", period="2027"), "2027-03-05 12:00")
    shop.until("2027-03-05 12:00")
    assert [mail["Subject"] for mail in shop.mails()] == ["Le faltan 3.000 puntos para Oro"]


def test_imported_points_nudge_nobody(shop: Shop) -> None:
    _, account = member(shop)
    accrue(shop, account, 16_000, "2026-03-02 12:00", origin=Origin.IMPORT)
    shop.until("2026-03-02 12:00")
    assert shop.ledger("nudge") == []


# The early upgrade.


@pytest.mark.parametrize(
    ("worth", "cost", "outcome"),
    [
        (1_000, 880, ("DONE", "PROPOSED")),  # a margin of 120: 1.2 times one benefit of 100
        (1_000, 881, ("SUPPRESSED", "MARGIN_TOO_LOW")),
        (1_000, None, ("SUPPRESSED", "MARGIN_TOO_LOW")),
    ],
)
def test_a_tier_is_proposed_early_if_the_margin_pays_for_its_benefits(
    shop: Shop, worth: int, cost: int | None, outcome: tuple[str, str]
) -> None:
    customer, account = member(shop, agrees=False)
    buy(shop, customer, worth, cost, "2025-06-01 12:00")
    trigger = accrue(shop, account, 16_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert shop.outcome(trigger, "early") == outcome
    found = tasks(shop, "tier-nudge")
    assert len(found) == (outcome[1] == "PROPOSED")
    for task in found:
        assert (task.staff_id, task.customer_id, task.related_id) == (BOSS, customer, account)
        assert local(task.due_at) == "2026-03-09 12:00"  # five business days


def test_only_the_margin_of_the_last_twelve_months_that_was_kept_counts(shop: Shop) -> None:
    customer, account = member(shop)
    buy(shop, customer, 1_000, 500, "2025-03-01 12:00")
    off = buy(shop, customer, 1_000, 500, "2026-01-10 12:00")
    shop.do(CancelOrder(order_id=off))
    trigger = accrue(shop, account, 16_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert shop.outcome(trigger, "early") == ("SUPPRESSED", "MARGIN_TOO_LOW")


def test_nothing_is_expected_of_who_is_not_to_be_profiled(shop: Shop) -> None:
    customer, account = member(shop)
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.PROFILING))
    buy(shop, customer, 1_000, 500, "2026-02-01 12:00")
    trigger = accrue(shop, account, 16_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert shop.outcome(trigger, "early") == ("SUPPRESSED", "NO_PROFILING")
    assert shop.outcome(trigger, "nudge") == ("DELIVERED", None)


def proposed(shop: Shop) -> tuple[UUID, UUID]:
    """A member for whom Gold was proposed, with the task."""
    customer, account = member(shop)
    buy(shop, customer, 1_000, 500, "2026-02-01 12:00")
    trigger = accrue(shop, account, 16_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    return account, derived("activity", shop.entry(trigger, "early").follow_up_id)


def test_who_approves_gives_the_tier(shop: Shop) -> None:
    account, task = proposed(shop)
    shop.do(CompleteActivity(activity_id=task, outcome="APPROVED"), "2026-03-03 12:00")
    shop.until("2026-03-03 12:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2026", "EARLY")
    assert shop.outcome(task, "approval") == ("DONE", "GIVEN_EARLY")


def test_what_is_not_approved_is_not_given(shop: Shop) -> None:
    account, task = proposed(shop)
    shop.do(CompleteActivity(activity_id=task, outcome="DONE"), "2026-03-03 12:00")
    shop.until("2026-03-03 12:00")
    assert tiers(shop, account)[-1][0] == "SILVER"
    assert shop.ledger("approval") == []


def test_who_has_earned_the_tier_meanwhile_is_not_given_it_nor_the_one_above(shop: Shop) -> None:
    account, task = proposed(shop)
    accrue(shop, account, 4_000, "2026-03-03 11:00")
    shop.until("2026-03-03 11:00")
    shop.do(CompleteActivity(activity_id=task, outcome="APPROVED"), "2026-03-03 12:00")
    shop.until("2026-03-03 12:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2026", "EARNED")
    assert shop.outcome(task, "approval") == ("CANCELLED", "REACHED")


def test_nothing_is_proposed_twice_within_sixty_days(shop: Shop) -> None:
    account, _ = proposed(shop)
    again = accrue(shop, account, 100, "2026-04-30 12:00")
    shop.until("2026-04-30 12:00")
    assert shop.outcome(again, "early") == ("SUPPRESSED", "PROPOSED_LATELY")
    shop.until(moment("2026-03-02 12:00") + timedelta(days=60, hours=1))
    assert len(tasks(shop, "tier-nudge")) == 2


def test_the_proposal_goes_to_who_leads_the_account_manager(shop: Shop) -> None:
    lead = derived("staff", "lead")
    shop.do(AddStaff(staff_id=lead, name="Mar", role=StaffRole.OTHER))
    other = derived("staff", "other")
    shop.do(AddStaff(staff_id=other, name="Sol", role=StaffRole.REP, manager_id=lead))
    for manager, above in ((REP, BOSS), (other, lead)):
        customer, account = member(shop)
        shop.do(AssignAccountManager(customer_id=customer, staff_id=manager))
        buy(shop, customer, 1_000, 500, "2026-02-01 12:00")
        accrue(shop, account, 16_000, "2026-03-02 12:00")
        shop.until("2026-03-02 12:00")
        assert tasks(shop, "tier-nudge")[-1].staff_id == above
