"""P02: who is not visited after all, or not now."""

from pathlib import Path

import pytest

from domain.activity import (
    ActivityCancelled,
    ActivityKind,
    ActivityScheduled,
    CancelActivity,
    CompleteActivity,
    MissActivity,
    RescheduleActivity,
)
from domain.campaign_member import (
    OptOutMember,
    TargetMember,
)
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.merging import MergeCustomers
from domain.restriction import ContactRestrictionKind, SetContactRestriction
from domain.values import Channel
from tests.conftest import House
from tests.processes.sales import happened
from tests.processes.shop import Shop, moment
from tests.processes.visits import LETTERS, MAILS, answer, busy, outcomes, planned, slots, visiting


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return visiting(house, tmp_path)


OPT_OUTS = {
    "OPTED_OUT": lambda who: OptOutMember(campaign_id=LETTERS, customer_id=who),
    "NO_CONSENT": lambda who: WithdrawConsent(customer_id=who, purpose=Purpose.MARKETING),
    "RESTRICTED": lambda who: SetContactRestriction(customer_id=who, kind=ContactRestrictionKind.DO_NOT_CONTACT),
}


@pytest.mark.parametrize("why", list(OPT_OUTS))
def test_who_opted_out_is_not_visited(shop: Shop, why: str) -> None:
    customer = answer(shop)
    shop.do(OPT_OUTS[why](customer))
    assert outcomes(shop)[0] == ("SUPPRESSED", why)
    assert planned(shop) == []


def test_who_opted_out_of_something_else_is_visited(shop: Shop) -> None:
    customer = answer(shop)
    shop.do(TargetMember(campaign_id=MAILS, customer_id=customer))
    shop.do(OptOutMember(campaign_id=MAILS, customer_id=customer))
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.MARKETING, channel=Channel.EMAIL))
    shop.do(SetContactRestriction(customer_id=customer, kind=ContactRestrictionKind.DO_NOT_MAIL))
    assert len(planned(shop)) == 1


@pytest.mark.parametrize("why", list(OPT_OUTS))
def test_who_opts_out_before_the_visit_is_not_visited_and_after_it_nothing_is_undone(shop: Shop, why: str) -> None:
    customer = answer(shop)
    assert len(planned(shop)) == 1
    shop.do(OPT_OUTS[why](customer), "2026-01-19 12:00")
    shop.until("2026-01-19 12:00")
    assert len(happened(shop, ActivityCancelled)) == 1
    other = answer(shop, shop.customer(email="bo@shop.test"), "2026-01-19 12:00")
    assert len(planned(shop)) == 2
    shop.do(OPT_OUTS[why](other), "2026-01-21 12:00")
    shop.until("2026-01-21 12:00")
    assert len(happened(shop, ActivityCancelled)) == 1


@pytest.mark.parametrize("what", ["another policy's", "done", "agreed"])
def test_only_its_own_visits_that_are_still_to_come_are_called_off(shop: Shop, what: str) -> None:
    customer = answer(shop)
    planned(shop)
    [id] = [at.stream_id for event, at in shop.events() if isinstance(event, ActivityScheduled)]
    match what:
        case "another policy's":
            busy(shop, "2026-03-20 09:00", kind=ActivityKind.VISIT, customer_id=customer)
        case "done":
            shop.do(CompleteActivity(activity_id=id, outcome="DONE"))
        case "agreed":
            shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING, channel=Channel.VISIT))
    if what == "agreed":
        shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY), "2026-01-19 12:00")
    else:
        shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.MARKETING), "2026-01-19 12:00")
    shop.until("2026-01-19 12:00")
    cancelled = [at.stream_id for event, at in shop.events() if isinstance(event, ActivityCancelled)]
    assert cancelled == ([id] if what == "another policy's" else [])


@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        ("2026-01-06 09:00", ("SUPPRESSED", "VISIT_PLANNED")),  # fourteen days before
        ("2026-01-06 08:59", ("DONE", "PLANNED")),
        ("2026-02-03 09:00", ("SUPPRESSED", "VISIT_PLANNED")),  # and after
        ("2026-02-03 09:01", ("DONE", "PLANNED")),
    ],
)
def test_nobody_is_visited_within_fourteen_days_of_another_visit(
    shop: Shop, other: str, outcome: tuple[str, str]
) -> None:
    customer = shop.customer()
    busy(shop, other, who="leo", kind=ActivityKind.VISIT, customer_id=customer)
    answer(shop, customer)
    assert outcomes(shop) == [outcome]


@pytest.mark.parametrize("what", ["cancelled", "missed", "moved", "no visit", "another's"])
def test_what_is_no_visit_to_the_customer_does_not_count(shop: Shop, what: str) -> None:
    customer, other = shop.customer(), shop.customer(email="bo@shop.test")
    kind = ActivityKind.CALL if what == "no visit" else ActivityKind.VISIT
    whose = other if what == "another's" else customer
    id = busy(shop, "2026-01-22 09:00", who="leo", kind=kind, customer_id=whose)
    match what:
        case "cancelled":
            shop.do(CancelActivity(activity_id=id))
        case "missed":
            shop.do(MissActivity(activity_id=id))
        case "moved":
            shop.do(RescheduleActivity(activity_id=id, starts_at=moment("2026-03-20 09:00")))
    answer(shop, customer)
    assert outcomes(shop) == [("DONE", "PLANNED")]


def test_a_second_answer_is_no_second_visit_until_it_has_been_a_while(shop: Shop) -> None:
    customer = answer(shop, on="2026-01-16 16:58")
    answer(shop, customer, "2026-01-16 16:59")
    assert outcomes(shop) == [("DONE", "PLANNED"), ("SUPPRESSED", "VISIT_PLANNED")]
    shop.until("2026-02-06 12:00")
    answer(shop, customer, "2026-02-06 12:00")
    assert slots(shop) == ["2026-01-20 09:00", "2026-02-10 09:00"]


def test_a_visit_to_whom_the_customer_was_taken_to_be_is_a_visit_to_the_customer(shop: Shop) -> None:
    customer, other = shop.customer(), shop.customer(email="bo@shop.test")
    busy(shop, "2026-01-22 09:00", who="leo", kind=ActivityKind.VISIT, customer_id=other)
    shop.do(MergeCustomers(customer_id=other, survivor_id=customer))
    answer(shop, customer)
    assert outcomes(shop) == [("SUPPRESSED", "VISIT_PLANNED")]
