"""P09: by when a case is to be answered and resolved, and what is said of it in time."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.business_calendar import CalendarDay, DefineBusinessCalendar, OpeningHours
from domain.case import (
    ChangeCasePriority,
    CloseCase,
    IdentifyCaseCustomer,
    OpenCase,
    RecordCustomerReply,
    RecordFirstResponse,
    ResolveCase,
    WaitOnCustomer,
)
from domain.case_events import CasePriority, CaseType
from domain.case_sla import SlaTargetSet
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.sla import DEFAULT, DefineSla
from domain.values import Channel
from eventstore.envelope import Origin
from processes import case_sla
from tests.conftest import House
from tests.processes.desk import (
    RESOLUTION,
    RESPONSE,
    at,
    happened,
    member,
    open_case,
    reopen,
    resolve,
    respond,
    resume,
    said,
    targets,
    wait,
)
from tests.processes.shop import Shop

URGENT, HIGH, NORMAL, LOW = CasePriority.URGENT, CasePriority.HIGH, CasePriority.NORMAL, CasePriority.LOW


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that promises service levels, and nothing else."""
    return Shop(house.log, tmp_path / "mail", policies=[case_sla.policy])


def outcomes(shop: Shop, step: str) -> list[tuple[str, str | None]]:
    """What became of the follow-ups of a step."""
    return [(each.status.value, each.reason) for each in shop.ledger(step)]


@pytest.mark.parametrize(
    ("priority", "response", "resolution"),
    [
        (URGENT, "2026-03-10 10:15", "2026-03-10 14:00"),
        (HIGH, "2026-03-10 11:00", "2026-03-10 18:00"),
        (NORMAL, "2026-03-10 14:00", "2026-03-12 16:00"),
        (LOW, "2026-03-10 18:00", "2026-03-16 14:00"),
    ],
)
def test_each_priority_has_its_targets(shop: Shop, priority: CasePriority, response: str, resolution: str) -> None:
    open_case(shop, "2026-03-10 10:00", priority)  # a Tuesday; the office is open from nine to six
    assert targets(shop, RESPONSE) == [response]
    assert targets(shop, RESOLUTION) == [resolution]
    assert outcomes(shop, "targets") == [("DONE", "SET")]


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ("2026-03-13 17:30", "2026-03-16 09:30"),  # Friday evening: what is left, on Monday
        ("2026-03-14 12:00", "2026-03-16 10:00"),  # a Saturday
        ("2026-04-30 17:30", "2026-05-04 09:30"),  # Labour Day, then the weekend
        ("2026-12-24 17:30", "2026-12-28 09:30"),  # Christmas on a Friday
        ("2026-03-27 17:30", "2026-03-30 09:30"),  # the clocks go forward on the Sunday between
        ("2026-10-23 17:30", "2026-10-26 09:30"),  # the clocks go back on the Sunday between
    ],
)
def test_only_open_hours_count(shop: Shop, opened: str, due: str) -> None:
    open_case(shop, opened, HIGH)
    assert targets(shop, RESPONSE) == [due]


def test_the_calendar_is_that_of_the_sla(shop: Shop) -> None:
    hours = tuple(OpeningHours(weekday=day, opens="08:00", closes="20:00") for day in range(1, 8))
    for key, holidays in (("default", ()), ("office", (CalendarDay(day=date(2026, 3, 10), name="Strike"),))):
        shop.do(
            DefineBusinessCalendar(
                business_calendar_id=derived("calendar", key),
                key=key,
                timezone="Europe/Madrid",
                hours=hours,
                holidays=holidays,
            )
        )
    open_case(shop, "2026-03-10 19:30", HIGH)
    assert targets(shop, RESPONSE) == ["2026-03-11 08:30"]


@pytest.mark.parametrize(
    ("tier", "response", "resolution"),
    [
        ("PLATINUM", "2026-03-10 10:30", "2026-03-10 14:00"),
        ("GOLD", "2026-03-10 10:45", "2026-03-10 16:00"),
        ("SILVER", "2026-03-10 11:00", "2026-03-10 18:00"),
    ],
)
def test_a_tier_shortens_the_targets(shop: Shop, tier: str, response: str, resolution: str) -> None:
    open_case(shop, "2026-03-10 10:00", HIGH, member(shop, tier))
    assert targets(shop, RESPONSE) == [response]
    assert targets(shop, RESOLUTION) == [resolution]


def test_the_tier_of_who_is_taken_to_be_the_same_counts(shop: Shop) -> None:
    gold, other = member(shop, "GOLD"), shop.customer()
    shop.do(MergeCustomers(customer_id=gold, survivor_id=other))
    open_case(shop, "2026-03-10 10:00", HIGH, other)
    assert targets(shop, RESPONSE) == ["2026-03-10 10:45"]


def test_at_three_quarters_of_the_time_it_is_warned_of_and_at_the_end_it_is_missed(shop: Shop) -> None:
    open_case(shop, "2026-03-10 10:00", HIGH)
    shop.until("2026-03-10 10:44")
    assert said(shop, RESPONSE) == []
    shop.until("2026-03-10 10:45")
    assert said(shop, RESPONSE) == [("WARNED", "2026-03-10 10:45")]
    shop.until("2026-03-10 10:59")
    assert len(said(shop, RESPONSE)) == 1
    shop.until("2026-03-10 10:45")
    shop.until("2026-03-10 11:00")
    assert said(shop, RESPONSE) == [("WARNED", "2026-03-10 10:45"), ("BREACHED", "2026-03-10 11:00")]
    assert said(shop, RESOLUTION) == []
    shop.until("2026-03-10 16:00")
    assert said(shop, RESOLUTION) == [("WARNED", "2026-03-10 16:00")]
    shop.until("2026-03-10 18:00")
    assert said(shop, RESOLUTION)[1:] == [("BREACHED", "2026-03-10 18:00")]
    shop.until("2026-04-10 18:00")
    assert len(said(shop, RESPONSE) + said(shop, RESOLUTION)) == 4


def test_a_worker_that_comes_late_says_the_same(shop: Shop) -> None:
    open_case(shop, "2026-03-10 10:00", HIGH)
    shop.until("2026-03-12 10:00")
    assert [word for word, _ in said(shop, RESPONSE) + said(shop, RESOLUTION)] == ["WARNED", "BREACHED"] * 2


def test_what_was_answered_is_not_missed(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    respond(shop, case, "2026-03-10 10:30")
    shop.until("2026-03-12 10:00")
    assert said(shop, RESPONSE) == []
    assert outcomes(shop, "warn-response") == [("CANCELLED", "ANSWERED")]
    assert [word for word, _ in said(shop, RESOLUTION)] == ["WARNED", "BREACHED"]


@pytest.mark.parametrize("when", ["before it was warned of", "after it was"])
def test_what_was_resolved_or_closed_is_not_missed(shop: Shop, when: str) -> None:
    case, other = open_case(shop, "2026-03-10 10:00", HIGH), open_case(shop, "2026-03-10 10:00", HIGH)
    on = "2026-03-10 17:00" if when == "after it was" else "2026-03-10 12:00"
    resolve(shop, case, on)
    at(shop, CloseCase(case_id=other, reason="DUPLICATE"), on)
    shop.until("2026-03-20 10:00")
    step = "breach-resolution" if when == "after it was" else "warn-resolution"
    assert outcomes(shop, step) == [("CANCELLED", "RESOLVED"), ("CANCELLED", "CLOSED")]
    assert [word for word, _ in said(shop, RESOLUTION)] == (["WARNED"] * 2 if when == "after it was" else [])


def test_a_case_that_is_over_before_anybody_looked_gets_no_targets(shop: Shop) -> None:
    case = derived("case", 1)
    asked = OpenCase(case_id=case, type=CaseType.QUESTION, channel=Channel.EMAIL)
    at(shop, asked, "2026-03-10 10:00", seen=False)
    at(shop, ResolveCase(case_id=case), seen=False)
    shop.until("2026-03-10 10:00")
    assert targets(shop, RESPONSE) == []
    assert outcomes(shop, "targets") == [("CANCELLED", "RESOLVED")]
    assert outcomes(shop, "route") == [("CANCELLED", "RESOLVED")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("answered", "ANSWERED"),
        ("resolved", "RESOLVED"),
        ("waits", "WAITING_ON_CUSTOMER"),
        ("another priority", "SET_ANEW"),
    ],
)
def test_what_changed_is_seen_when_it_is_due_even_if_nobody_reacted_yet(shop: Shop, change: str, reason: str) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    asked = {
        "answered": RecordFirstResponse(case_id=case, interaction_id=derived("interaction", 1)),
        "resolved": ResolveCase(case_id=case),
        "waits": WaitOnCustomer(case_id=case),
        "another priority": ChangeCasePriority(case_id=case, priority=NORMAL),
    }[change]
    at(shop, asked, "2026-03-10 10:44", seen=False)
    shop.now += timedelta(minutes=1)
    shop.worker.runner.fire(shop.now)
    assert said(shop, RESPONSE) == []
    assert outcomes(shop, "warn-response") == [("CANCELLED", reason)]


# The clock stops while the customer is waited for.


def test_the_time_that_the_customer_took_does_not_count(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    respond(shop, case, "2026-03-10 10:10")
    wait(shop, case, "2026-03-10 11:00")  # an hour of eight is used
    assert outcomes(shop, "warn-resolution") == [("CANCELLED", "WAITING_ON_CUSTOMER")]  # at once
    shop.until("2026-03-11 12:00")
    assert said(shop, RESOLUTION) == []
    resume(shop, case, "2026-03-11 12:00")
    assert targets(shop, RESOLUTION) == ["2026-03-10 18:00", "2026-03-12 10:00"]  # seven hours more
    assert len(targets(shop, RESPONSE)) == 1  # it was answered
    assert outcomes(shop, "warn-response") == [("CANCELLED", "ANSWERED")]
    shop.until("2026-03-11 16:59")
    assert said(shop, RESOLUTION) == []
    shop.until("2026-03-11 17:00")  # six hours of eight
    assert said(shop, RESOLUTION) == [("WARNED", "2026-03-11 17:00")]


def test_a_reply_lets_the_clock_run_on_and_it_can_stop_again(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", URGENT)
    for stopped, on in (("2026-03-10 10:05", "2026-03-10 12:00"), ("2026-03-10 12:05", "2026-03-10 15:00")):
        wait(shop, case, stopped)
        at(shop, RecordCustomerReply(case_id=case, interaction_id=derived("interaction", on)), on)
    assert targets(shop, RESPONSE) == ["2026-03-10 10:15", "2026-03-10 12:10", "2026-03-10 15:05"]
    assert targets(shop, RESOLUTION)[-1] == "2026-03-11 09:50"


def test_what_was_missed_before_the_wait_is_not_missed_twice(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", URGENT)
    shop.until("2026-03-10 10:30")
    wait(shop, case, "2026-03-10 10:30")
    resume(shop, case, "2026-03-10 11:30")
    shop.until("2026-03-10 11:30")
    assert targets(shop, RESPONSE) == ["2026-03-10 10:15"]
    assert targets(shop, RESOLUTION) == ["2026-03-10 14:00", "2026-03-10 15:00"]
    assert [word for word, _ in said(shop, RESPONSE)] == ["WARNED", "BREACHED"]


def test_a_case_keeps_its_version_through_a_wait_and_gets_the_new_one_with_another_priority(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    shop.do(half_of_it())
    wait(shop, case, "2026-03-10 10:30")
    resume(shop, case, "2026-03-10 11:30")
    shop.until("2026-03-10 11:31")
    assert targets(shop, RESPONSE) == ["2026-03-10 11:00", "2026-03-10 12:00"]
    at(shop, ChangeCasePriority(case_id=case, priority=NORMAL), "2026-03-10 11:40")
    shop.until("2026-03-10 11:40")
    assert targets(shop, RESPONSE)[2:] == ["2026-03-10 13:00"]  # two hours instead of four, and an hour of waiting
    versions = [e.sla_version for e, _ in happened(shop, SlaTargetSet) if isinstance(e, SlaTargetSet)]
    assert versions == [1, 1, 1, 1, 2, 2]


# Another priority, and a new cycle.


def test_another_priority_counts_from_the_opening(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", NORMAL)
    shop.until("2026-03-10 10:30")
    at(shop, ChangeCasePriority(case_id=case, priority=HIGH), "2026-03-10 10:30")
    shop.until("2026-03-10 10:30")
    assert targets(shop, RESPONSE) == ["2026-03-10 14:00", "2026-03-10 11:00"]
    assert outcomes(shop, "warn-response")[0] == ("CANCELLED", "PRIORITY_CHANGED")
    shop.until("2026-03-10 10:45")
    shop.until("2026-03-10 11:00")
    assert said(shop, RESPONSE) == [("WARNED", "2026-03-10 10:45"), ("BREACHED", "2026-03-10 11:00")]


def test_a_priority_by_which_it_would_be_late_already_is_missed_at_once(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", NORMAL)
    shop.until("2026-03-10 12:30")
    at(shop, ChangeCasePriority(case_id=case, priority=URGENT), "2026-03-10 12:30")
    shop.until("2026-03-10 12:30")
    assert said(shop, RESPONSE) == [("WARNED", "2026-03-10 12:30"), ("BREACHED", "2026-03-10 12:30")]
    at(shop, ChangeCasePriority(case_id=case, priority=HIGH), "2026-03-10 12:40")
    shop.until("2026-03-10 12:50")
    assert len(said(shop, RESPONSE)) == 2  # missed is missed
    at(shop, ChangeCasePriority(case_id=case, priority=LOW), "2026-03-10 12:55")
    shop.until("2026-03-10 13:00")
    assert targets(shop, RESPONSE)[-1] == "2026-03-10 18:00"  # but now there is time again


def test_a_target_may_lie_before_a_wait(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", NORMAL)
    wait(shop, case, "2026-03-10 12:00")
    resume(shop, case, "2026-03-10 13:00")
    at(shop, ChangeCasePriority(case_id=case, priority=URGENT), "2026-03-10 13:05")
    assert targets(shop, RESPONSE)[-1] == "2026-03-10 10:15"
    assert targets(shop, RESOLUTION)[-1] == "2026-03-10 15:00"


def test_the_priority_of_a_case_that_waits_counts_when_it_goes_on(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", NORMAL)
    wait(shop, case, "2026-03-10 10:15")
    at(shop, ChangeCasePriority(case_id=case, priority=HIGH), "2026-03-10 11:00")
    shop.until("2026-03-10 11:30")
    assert outcomes(shop, "targets") == [("DONE", "SET"), ("SUPPRESSED", "WAITING_ON_CUSTOMER")]
    resume(shop, case, "2026-03-10 12:00")
    assert targets(shop, RESPONSE)[1:] == ["2026-03-10 12:45"]


def test_a_case_that_is_reopened_begins_anew(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    respond(shop, case, "2026-03-10 10:10")
    resolve(shop, case, "2026-03-10 10:20")
    reopen(shop, case, "2026-03-12 15:00")
    shop.until("2026-03-12 16:00")
    assert targets(shop, RESPONSE) == ["2026-03-10 11:00", "2026-03-12 16:00"]
    assert targets(shop, RESOLUTION) == ["2026-03-10 18:00", "2026-03-13 14:00"]
    assert [word for word, _ in said(shop, RESPONSE)] == ["WARNED", "BREACHED"]


# Who, and what not.


@pytest.mark.parametrize("seen", [True, False])
def test_a_customer_who_is_known_later_has_the_targets_of_their_tier(shop: Shop, seen: bool) -> None:
    case, customer = derived("case", 1), member(shop, "PLATINUM")
    asked = OpenCase(case_id=case, type=CaseType.QUESTION, channel=Channel.EMAIL, priority=HIGH)
    at(shop, asked, "2026-03-10 10:00", seen=seen)
    at(shop, IdentifyCaseCustomer(case_id=case, customer_id=customer), "2026-03-10 10:10" if seen else None)
    set_for = [e.customer_id for e, _ in happened(shop, SlaTargetSet) if isinstance(e, SlaTargetSet)]
    assert set_for == [*([None] * 2 if seen else []), customer, customer]
    assert targets(shop, RESPONSE)[-1] == "2026-03-10 10:30"
    shop.until("2026-03-10 10:30")
    assert [word for word, _ in said(shop, RESPONSE)] == ["WARNED", "BREACHED"]
    if seen:
        assert outcomes(shop, "warn-response")[0] == ("CANCELLED", "CUSTOMER_IDENTIFIED")


def test_a_customer_without_a_tier_changes_nothing(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    at(shop, IdentifyCaseCustomer(case_id=case, customer_id=shop.customer()), "2026-03-10 10:10")
    assert targets(shop, RESPONSE) == ["2026-03-10 11:00"]
    shop.until("2026-03-10 10:45")
    assert said(shop, RESPONSE) == [("WARNED", "2026-03-10 10:45")]


def test_imported_cases_set_nothing_off(shop: Shop) -> None:
    open_case(shop, "2026-03-10 10:00", HIGH, origin=Origin.IMPORT)
    shop.until("2026-04-10 10:00")
    assert shop.ledger() == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    open_case(shop, "2026-03-10 10:00", HIGH)
    shop.until("2026-03-12 10:00")
    before = len(shop.events())
    rewind(shop)
    shop.until("2026-03-12 10:00")
    assert len(shop.events()) == before


def rewind(shop: Shop) -> None:
    """The policies forget how far they have come, and read everything again."""
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0")


def half_of_it() -> DefineSla:
    """The SLA with half the times."""
    half = tuple(
        replace(each, first_response_s=each.first_response_s // 2, resolution_s=each.resolution_s // 2)
        for each in DEFAULT.targets
    )
    return replace(DEFAULT, targets=half)
