"""P24: what an agent asks for is allowed at once if the rule allows it, and else decided by somebody."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.activity import CompleteActivity, ReassignActivity
from domain.benefit import (
    AuthoriseBenefit,
    BenefitAuthorised,
    BenefitDenied,
    DenyBenefit,
    RequestBenefit,
)
from domain.case import ClassifyCase, IdentifyCaseCustomer, OpenCase, ReopenCase, ResolveCase
from domain.case_events import CaseType
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.loyalty_account import LeaveProgramme
from domain.programme import DEFAULT
from domain.stock import ReportStock
from domain.values import Channel
from eventstore.envelope import Origin
from processes import benefit_authorisation
from projections.customers.eligibility import BenefitInputs, eligibility
from tests.conftest import House
from tests.processes.members import BOSS, REP, enrol, outcomes, people, tasks
from tests.processes.shop import Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[benefit_authorisation.policy])
    shop.do(DEFAULT)
    people(shop)
    for n in range(9):  # with whom ours is compared: 1 to 9 cups
        shop.order(shop.customer(email=f"o{n}@shop.test"), "2025-06-01 12:00", pieces=n + 1)
    return shop


def best(shop: Shop, *, pieces: int = 8, tier: str | None = "GOLD") -> tuple[UUID, UUID]:
    """A customer who bought so many cups, and their account: 8 are as many as 8 of the 10 bought at most, plus one equal."""
    customer = shop.customer()
    if pieces:
        shop.order(customer, "2026-01-05 12:00", pieces=pieces)
    return customer, enrol(shop, customer, "2026-01-05 12:00", tier=tier)


def request(shop: Shop, customer: UUID, on: str = "2026-03-03 12:00", *, benefit: str = "FREE_UPGRADE") -> UUID:
    id = derived("benefit", customer, on, benefit)
    shop.do(RequestBenefit(benefit_id=id, customer_id=customer, benefit=benefit), on)
    shop.until(on)
    return id


def fail(shop: Shop, customer: UUID, on: str, type: CaseType = CaseType.COMPLAINT) -> UUID:
    case = derived("case", customer, on)
    shop.do(OpenCase(case_id=case, customer_id=customer, type=type, channel=Channel.PHONE), on)
    return case


def authorised(shop: Shop, benefit: UUID) -> BenefitAuthorised | None:
    found = [event for event, at in shop.events() if isinstance(event, BenefitAuthorised) and at.stream_id == benefit]
    return found[0] if found else None


# What the rule allows.


def test_gold_and_among_the_best_fifth_is_allowed_at_once_with_the_digest_of_what_the_rule_was_given(
    shop: Shop,
) -> None:
    customer, _ = best(shop)
    benefit = request(shop, customer)
    assert shop.outcome(benefit, "rule") == ("DONE", "AUTHORISED")
    given = BenefitInputs(tier="GOLD", tier_rank=1, top_share=10, failures=0, benefits=0)
    found = authorised(shop, benefit)
    assert found is not None
    assert (found.rule, found.rule_version, found.approver) == ("benefit-authorisation", 1, None)
    assert found.inputs_digest == eligibility(given).inputs_digest
    assert tasks(shop, "benefit-authorisation") == []


@pytest.mark.parametrize(
    ("tier", "pieces", "allowed"),
    [
        ("PLATINUM", 8, True),
        ("GOLD", 7, True),  # as many as eight of ten: among the best 20 %
        ("GOLD", 6, False),
        ("SILVER", 20, False),
        (None, 20, False),
        ("GOLD", 0, False),  # who never bought has no place among the others
        ("DIAMOND", 20, False),
    ],
)
def test_both_the_tier_and_the_value_count(shop: Shop, tier: str | None, pieces: int, allowed: bool) -> None:
    customer, _ = best(shop, pieces=pieces, tier=tier)
    benefit = request(shop, customer)
    assert shop.outcome(benefit, "rule") == ("DONE", "AUTHORISED" if allowed else "ASKED_SUPERVISOR")
    assert (authorised(shop, benefit) is not None) is allowed


@pytest.mark.parametrize(
    ("type", "opened", "allowed"),
    [
        (CaseType.COMPLAINT, "2026-03-01 12:00", True),
        (CaseType.INCIDENT, "2025-12-03 12:00", True),  # ninety days
        (CaseType.INCIDENT, "2025-12-03 11:59", False),
        (CaseType.QUESTION, "2026-03-01 12:00", False),
    ],
)
def test_a_service_failure_that_is_open_allows_it_to_anybody(
    shop: Shop, type: CaseType, opened: str, allowed: bool
) -> None:
    customer, _ = best(shop, pieces=0, tier=None)
    fail(shop, customer, opened, type)
    benefit = request(shop, customer)
    assert (authorised(shop, benefit) is not None) is allowed


@pytest.mark.parametrize("again", [False, True])
def test_a_failure_that_was_made_good_is_none_until_it_is_opened_again(shop: Shop, again: bool) -> None:
    customer, _ = best(shop, pieces=0, tier=None)
    case = fail(shop, customer, "2026-03-01 12:00")
    shop.do(ResolveCase(case_id=case), "2026-03-01 13:00")
    if again:
        shop.do(ReopenCase(case_id=case), "2026-03-01 14:00")
    assert (authorised(shop, request(shop, customer)) is not None) is again


def test_a_failure_counts_for_whom_it_turns_out_to_be_of(shop: Shop) -> None:
    customer, _ = best(shop, pieces=0, tier=None)
    other = shop.customer(email="x@shop.test")
    case = derived("case", "unknown")
    shop.do(OpenCase(case_id=case, type=CaseType.PROBLEM, channel=Channel.PHONE), "2026-03-01 12:00")
    shop.do(ClassifyCase(case_id=case, type=CaseType.INCIDENT), "2026-03-01 12:30")
    for day, (whose, not_whose) in enumerate(((customer, other), (other, customer), (customer, other)), 2):
        shop.do(IdentifyCaseCustomer(case_id=case, customer_id=whose), f"2026-03-0{day} 11:00")
        assert authorised(shop, request(shop, whose, f"2026-03-0{day} 12:00")) is not None
        assert authorised(shop, request(shop, not_whose, f"2026-03-0{day} 13:00")) is None


def test_no_more_than_two_in_twelve_months(shop: Shop) -> None:
    customer, _ = best(shop)
    days = ["2026-03-03 12:00", "2026-04-03 12:00", "2027-03-03 12:00", "2027-03-03 12:01"]
    found = [authorised(shop, request(shop, customer, day)) is not None for day in days]
    assert found == [True, True, False, True]


def test_what_was_denied_in_the_end_was_not_given(shop: Shop) -> None:
    customer, _ = best(shop)
    first = request(shop, customer, "2026-03-03 12:00")
    shop.do(DenyBenefit(benefit_id=first, reason="NO_SEAT"), "2026-03-03 12:05")
    assert authorised(shop, request(shop, customer, "2026-03-04 12:00")) is not None
    assert authorised(shop, request(shop, customer, "2026-03-05 12:00")) is not None
    assert authorised(shop, request(shop, customer, "2026-03-06 12:00")) is None


@pytest.mark.parametrize("left", [1, 0])
def test_what_there_is_no_more_of_is_not_allowed_by_rule(shop: Shop, left: int) -> None:
    customer, _ = best(shop)
    shop.do(ReportStock(sku="FREE_UPGRADE", site="M", on_hand=left, as_of=moment("2026-03-03 08:00")))
    benefit = request(shop, customer)
    assert (authorised(shop, benefit) is not None) is bool(left)
    assert [task.subject for task in tasks(shop, "benefit-authorisation")] == (
        [] if left else ["FREE_UPGRADE? APPROVED or DENIED. 0 left."]
    )


def test_who_left_the_programme_has_no_tier(shop: Shop) -> None:
    customer, account = best(shop)
    shop.do(LeaveProgramme(loyalty_account_id=account), "2026-02-01 12:00")
    assert authorised(shop, request(shop, customer)) is None


@pytest.mark.parametrize(("older", "newer", "allowed"), [("SILVER", "GOLD", True), ("GOLD", "SILVER", False)])
def test_of_two_memberships_the_newer_one_counts(shop: Shop, older: str, newer: str, allowed: bool) -> None:
    customer, _ = best(shop, tier=older)
    enrol(shop, customer, "2026-02-02 12:00", number=2, tier=newer)
    assert (authorised(shop, request(shop, customer)) is not None) is allowed


# What somebody decides.


def asked(shop: Shop, *, manager: UUID | None = REP) -> tuple[UUID, UUID]:
    """A benefit that the rule does not allow, with the task of whoever decides."""
    customer, _ = best(shop, tier="SILVER")
    if manager is not None:
        shop.do(AssignAccountManager(customer_id=customer, staff_id=manager))
    benefit = request(shop, customer)
    return benefit, derived("activity", shop.entry(benefit, "rule").follow_up_id)


def test_what_the_rule_does_not_allow_is_a_task_for_the_supervisor(shop: Shop) -> None:
    benefit, _ = asked(shop)
    [task] = tasks(shop, "benefit-authorisation")
    assert (task.staff_id, task.related_noun, task.related_id) == (BOSS, "benefit", benefit)
    assert task.subject == (
        "FREE_UPGRADE? APPROVED or DENIED. Tier SILVER, among the top 10 %: no. "
        "0 service failures open: no. 0 of 2 benefits in 12 months: yes."
    )
    assert local(task.due_at) == "2026-03-03 16:00"  # four open hours


def test_the_task_is_to_be_done_in_open_hours(shop: Shop) -> None:
    customer, _ = best(shop, tier="SILVER")
    request(shop, customer, "2026-03-06 17:00")  # Friday
    assert local(tasks(shop, "benefit-authorisation")[0].due_at) == "2026-03-09 12:00"


@pytest.mark.parametrize("outcome", ["APPROVED", "DENIED"])
def test_what_the_supervisor_says_is_done(shop: Shop, outcome: str) -> None:
    benefit, task = asked(shop)
    shop.do(CompleteActivity(activity_id=task, outcome=outcome), "2026-03-03 13:00")
    shop.until("2026-03-03 13:00")
    found = authorised(shop, benefit)
    if outcome == "APPROVED":
        assert found is not None
        given = BenefitInputs(tier="SILVER", tier_rank=0, top_share=10, failures=0, benefits=0)
        assert (found.approver, found.inputs_digest) == (BOSS, eligibility(given).inputs_digest)
        assert shop.outcome(task, "answer-approved") == ("DONE", "APPROVED")
    else:
        assert found is None
        assert [event.reason for event, _ in shop.events() if isinstance(event, BenefitDenied)] == ["NOT_APPROVED"]
        assert shop.outcome(task, "answer-denied") == ("DONE", "DENIED")


def test_who_got_the_task_from_somebody_else_is_the_approver(shop: Shop) -> None:
    benefit, task = asked(shop)
    shop.do(ReassignActivity(activity_id=task, staff_id=REP), "2026-03-03 12:30")
    shop.do(CompleteActivity(activity_id=task, outcome="APPROVED"), "2026-03-03 13:00")
    shop.until("2026-03-03 13:00")
    found = authorised(shop, benefit)
    assert found is not None
    assert found.approver == REP


@pytest.mark.parametrize("outcome", ["DONE", "CALLED"])
def test_another_outcome_says_nothing(shop: Shop, outcome: str) -> None:
    benefit, task = asked(shop)
    shop.do(CompleteActivity(activity_id=task, outcome=outcome), "2026-03-03 13:00")
    shop.until("2026-03-03 13:00")
    assert authorised(shop, benefit) is None
    assert [entry.step for entry in shop.ledger()] == ["rule"]


def test_what_nobody_was_asked_nobody_can_approve(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[benefit_authorisation.policy])  # without people
    benefit, task = asked(shop, manager=None)
    shop.do(CompleteActivity(activity_id=task, outcome="APPROVED"), "2026-03-03 13:00")
    shop.until("2026-03-03 13:00")
    assert authorised(shop, benefit) is None
    assert shop.outcome(task, "answer-approved") == ("SUPPRESSED", "NO_APPROVER")


@pytest.mark.parametrize("seen", ["at once", "late"])
def test_what_somebody_decided_before_is_left_alone(shop: Shop, seen: str) -> None:
    customer, _ = best(shop)
    id = derived("benefit", 1)
    shop.do(RequestBenefit(benefit_id=id, customer_id=customer, benefit="FREE_UPGRADE"), "2026-03-03 12:00")
    allowed = AuthoriseBenefit(benefit_id=id, rule="by hand", rule_version=1, inputs_digest="0" * 64, approver=BOSS)
    shop.do(allowed, "2026-03-03 12:00")
    shop.until("2026-03-03 12:00" if seen == "at once" else "2026-03-05 12:00")
    found = authorised(shop, id)
    assert found is not None
    assert found.rule == "by hand"
    assert shop.outcome(id, "rule") == ("CANCELLED", "DECIDED_BY_HAND")


def test_an_answer_to_what_was_decided_meanwhile_comes_too_late(shop: Shop) -> None:
    benefit, task = asked(shop)
    shop.do(DenyBenefit(benefit_id=benefit, reason="NO_SEAT"), "2026-03-03 12:30")
    shop.do(CompleteActivity(activity_id=task, outcome="APPROVED"), "2026-03-03 13:00")
    shop.until("2026-03-03 13:00")
    assert shop.outcome(task, "answer-approved") == ("CANCELLED", "DECIDED_BY_HAND")


def test_imported_requests_set_nothing_off(shop: Shop) -> None:
    customer, _ = best(shop)
    id = derived("benefit", 1)
    shop.do(RequestBenefit(benefit_id=id, customer_id=customer, benefit="X"), "2026-03-03 12:00", Origin.IMPORT)
    shop.until("2026-03-03 12:00")
    assert outcomes(shop, "rule") == []
