"""P04: whoever was given a lead is to speak with it soon."""

from typing import Any
from uuid import UUID

import pytest

from domain.activity import ActivityScheduled
from domain.business_calendar import DefineBusinessCalendar, OpeningHours
from domain.kernel import derived
from domain.lead import (
    AssignLead,
    ConvertLead,
    DisqualifyLead,
    LeadAssigned,
    RecordLeadContacted,
    RecycleLead,
)
from domain.staff import StaffRole
from eventstore.envelope import Origin
from processes import assignment, lead_response
from tests.conftest import House
from tests.processes.sales import away, give, happened, id_of, lead, name_of, person, scores, tasks, territory
from tests.processes.shop import NEW_YORK, Shop, local, moment


@pytest.fixture
def shop(house: House, tmp_path: Any) -> Shop:
    """A shop that only sees to it that leads are spoken with: three reps, one of whom has a boss, and a manager."""
    shop = Shop(house.log, tmp_path / "mail", policies=(lead_response.policy,), now=moment("2026-01-16 12:00"))
    person(shop, "mia", StaffRole.SALES_MANAGER)
    person(shop, "boss", StaffRole.OTHER)
    person(shop, "eva", manager_id=id_of("boss"))
    person(shop, "leo", languages=("es",))
    person(shop, "zoe")
    return shop


def contact(shop: Shop, id: UUID, on: str | None = None) -> None:
    shop.do(RecordLeadContacted(lead_id=id), on)


def assigned(shop: Shop, name: str = "eva", on: str = "2026-01-16 12:00", **said: Any) -> UUID:
    id = lead(shop, on, **said)
    give(shop, id, name, on)
    shop.worker.run()
    return id


def stands(shop: Shop) -> list[tuple[str, str, str | None]]:
    """The steps in the order in which they are due."""
    found = sorted(shop.ledger(), key=lambda each: (each.due_at or moment("2000-01-01 00:00"), each.trigger_position))
    return [(each.step, each.status.value, each.reason) for each in found]


@pytest.mark.parametrize(
    ("on", "warn", "manager", "reassign"),
    [
        # a Friday at noon: an hour, four, and eight, of which two are Monday's
        ("2026-01-16 12:00", "2026-01-16 13:00", "2026-01-16 16:00", "2026-01-19 11:00"),
        ("2026-01-16 17:30", "2026-01-19 09:30", "2026-01-19 12:30", "2026-01-19 16:30"),
        ("2026-01-17 12:00", "2026-01-19 10:00", "2026-01-19 13:00", "2026-01-19 17:00"),
        # Epiphany
        ("2026-01-05 16:00", "2026-01-05 17:00", "2026-01-07 11:00", "2026-01-07 15:00"),
        # the clocks go forward over the weekend, and back
        ("2026-03-27 17:30", "2026-03-30 09:30", "2026-03-30 12:30", "2026-03-30 16:30"),
        ("2026-10-23 17:30", "2026-10-26 09:30", "2026-10-26 12:30", "2026-10-26 16:30"),
    ],
)
def test_the_hours_are_those_in_which_the_office_is_open(
    shop: Shop, on: str, warn: str, manager: str, reassign: str
) -> None:
    shop.now = moment(on)
    assigned(shop, on=on)
    assert sorted((local(each.due_at) or "", each.step) for each in shop.ledger()) == [
        (warn, "warn"), (manager, "manager"), (reassign, "reassign"),
    ]  # fmt: skip


def test_the_hours_are_those_of_the_rep_s_territory(shop: Shop) -> None:
    hours = tuple(OpeningHours(weekday=day, opens="08:00", closes="12:00") for day in range(1, 8))
    calendar = derived("business_calendar", "usa")
    shop.do(
        DefineBusinessCalendar(business_calendar_id=calendar, key="usa", timezone=NEW_YORK, hours=hours, country="US")
    )
    person(shop, "joe", territory_id=territory(shop, "usa", countries=("US",)))
    assigned(shop, "joe")  # noon is six in New York
    assert sorted(local(each.due_at, NEW_YORK) or "" for each in shop.ledger()) == [
        "2026-01-16 09:00", "2026-01-16 12:00", "2026-01-17 12:00",
    ]  # fmt: skip


def test_the_rep_is_warned_then_the_manager_is_told_then_the_lead_is_another_s(shop: Shop) -> None:
    id = assigned(shop)
    shop.until("2026-01-16 12:59")
    assert tasks(shop) == []
    shop.until("2026-01-16 13:00")
    assert tasks(shop) == [("eva", "TASK", "2026-01-19 13:00")]
    shop.until("2026-01-16 16:00")
    assert tasks(shop)[1:] == [("boss", "TASK", "2026-01-19 16:00")]
    shop.until("2026-01-19 10:59")
    assert len(happened(shop, LeadAssigned)) == 1
    shop.until("2026-01-19 11:00")
    event = happened(shop, LeadAssigned)[-1]
    assert (name_of(event.staff_id), name_of(event.previous)) == ("leo", "eva")
    assert (event.rule, event.rule_version, list(scores(event))) == ("assignment", 1, ["leo", "zoe"])
    assert {each.related_id for each in happened(shop, ActivityScheduled)} == {id}
    assert stands(shop) == [
        ("warn", "DONE", "WARNED"),
        ("manager", "DONE", "MANAGER_TOLD"),
        ("reassign", "DONE", "REASSIGNED"),
        # and the next one has as much time: until noon, three, and ten of the day after
        ("warn", "SCHEDULED", None),
        ("manager", "SCHEDULED", None),
        ("reassign", "SCHEDULED", None),
    ]
    assert sorted(local(each.due_at) or "" for each in shop.ledger() if each.status == "SCHEDULED") == [
        "2026-01-19 12:00", "2026-01-19 15:00", "2026-01-20 10:00",
    ]  # fmt: skip


def test_whoever_has_no_manager_of_their_own_is_seen_to_by_the_sales_manager(shop: Shop) -> None:
    assigned(shop, "leo")
    shop.until("2026-01-16 16:00")
    assert tasks(shop)[1:] == [("mia", "TASK", "2026-01-19 16:00")]


def test_where_there_is_no_manager_nobody_is_told(house: House, tmp_path: Any) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=(lead_response.policy,), now=moment("2026-01-16 12:00"))
    person(shop, "eva")
    assigned(shop)
    shop.until("2026-01-16 16:00")
    assert ("manager", "SUPPRESSED", "NO_MANAGER") in stands(shop)
    shop.until("2026-01-19 11:00")
    assert ("reassign", "SUPPRESSED", "NOBODY_ELIGIBLE") in stands(shop)


def test_who_is_away_is_not_given_the_lead(shop: Shop) -> None:
    away(shop, "leo", "2026-01-19 00:00", "2026-01-20 00:00")
    assigned(shop)
    shop.until("2026-01-19 11:00")
    assert list(scores(happened(shop, LeadAssigned)[-1])) == ["zoe"]


def test_the_lead_goes_to_each_rep_once_and_three_times_at_most(shop: Shop) -> None:
    person(shop, "ana"), person(shop, "bob")
    assigned(shop)
    for day in ("01-19 11:00", "01-20 10:00", "01-20 17:00", "01-21 18:00", "01-23 12:00", "01-30 12:00"):
        for _ in range(3):
            shop.until(f"2026-{day}")
    names = [name_of(each.staff_id) for each in happened(shop, LeadAssigned)]
    assert names == ["eva", "leo", "ana", "bob"]
    assert [each.reason for each in shop.ledger("reassign")].count("TRIED_ENOUGH") == 1
    assert not [each for each in shop.ledger() if each.status == "SCHEDULED"]


def test_by_hand_the_rounds_begin_anew(shop: Shop) -> None:
    id = assigned(shop)
    shop.until("2026-01-19 11:00")
    give(shop, id, "eva", "2026-01-19 11:30")
    shop.until("2026-01-19 11:30")
    assert [(each, why) for _, each, why in stands(shop)].count(("CANCELLED", "REASSIGNED")) == 3
    shop.until("2026-01-20 10:30")
    names = [name_of(each.staff_id) for each in happened(shop, LeadAssigned)]
    assert names == ["eva", "leo", "eva", "zoe"]


# What ends it.


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
@pytest.mark.parametrize("when", ["2026-01-16 12:30", "2026-01-16 14:00", "2026-01-16 17:00"])
@pytest.mark.parametrize("why", ["CONTACTED", "DISQUALIFIED", "RECYCLED", "CONVERTED"])
def test_a_lead_that_was_spoken_with_or_is_over_is_left_alone(shop: Shop, why: str, when: str, seen: str) -> None:
    id = assigned(shop)
    shop.until(when)
    before = len(tasks(shop))
    match why:
        case "CONTACTED":
            contact(shop, id)
        case "DISQUALIFIED":
            shop.do(DisqualifyLead(lead_id=id, reason="NO_BUDGET"))
        case "RECYCLED":
            shop.do(RecycleLead(lead_id=id, until=moment("2026-06-01 09:00")))
        case "CONVERTED":
            shop.do(ConvertLead(lead_id=id, customer_id=shop.customer()))
    if seen == "at once":
        shop.worker.run()
        assert not [each for each in shop.ledger() if each.status == "SCHEDULED"]
    shop.now = moment("2026-01-19 11:00")
    shop.worker.runner.fire(shop.now)
    shop.worker.run()
    left = {each.reason for each in shop.ledger() if each.status == "CANCELLED"}
    assert (left, len(tasks(shop)), len(happened(shop, LeadAssigned))) == ({why}, before, 1)


def test_who_was_spoken_with_already_needs_no_first_answer(shop: Shop) -> None:
    id = lead(shop)
    contact(shop, id)
    give(shop, id, "eva")
    shop.worker.run()
    assert stands(shop) == [("none", "SUPPRESSED", "CONTACTED")]


def test_a_lead_that_is_taken_up_again_is_to_be_answered_again(shop: Shop) -> None:
    id = assigned(shop)
    contact(shop, id)
    shop.do(RecycleLead(lead_id=id, until=moment("2026-01-17 09:00")))
    shop.worker.run()
    give(shop, id, "zoe", "2026-01-19 09:00")
    shop.until("2026-01-19 10:00")
    assert tasks(shop) == [("zoe", "TASK", "2026-01-20 10:00")]


@pytest.mark.parametrize("seen", ["at once", "when it is due"])
def test_whoever_gets_the_lead_by_hand_has_their_own_time(shop: Shop, seen: str) -> None:
    id = assigned(shop)
    give(shop, id, "leo", "2026-01-16 12:30")
    if seen == "at once":
        shop.until("2026-01-16 12:30")
    shop.now = moment("2026-01-16 13:00")
    shop.worker.runner.fire(shop.now)
    assert tasks(shop) == []
    shop.until("2026-01-16 13:30")
    assert tasks(shop) == [("leo", "TASK", "2026-01-19 13:30")]
    assert [reason for _, status, reason in stands(shop) if status == "CANCELLED"] == ["REASSIGNED"] * 3


def test_an_imported_assignment_sets_nothing_off(shop: Shop) -> None:
    id = lead(shop)
    shop.do(AssignLead(lead_id=id, staff_id=id_of("eva")), origin=Origin.IMPORT)
    shop.worker.run()
    assert shop.ledger() == []


def test_a_worker_that_was_away_does_it_all_in_order_and_once(shop: Shop) -> None:
    assigned(shop)
    other = shop.hire()
    shop.now = moment("2026-01-19 12:00")
    shop.worker.run(), other.run()
    assert [who for who, *_ in tasks(shop)] == ["eva", "boss"]
    assert [name_of(each.staff_id) for each in happened(shop, LeadAssigned)] == ["eva", "leo"]
    assert (
        local(min(each.due_at for each in shop.ledger() if each.status == "SCHEDULED" and each.due_at))
        == "2026-01-19 13:00"
    )


def test_what_the_policy_of_assignment_gives_is_to_be_answered_too(house: House, tmp_path: Any) -> None:
    both = (assignment.policy, lead_response.policy)
    shop = Shop(house.log, tmp_path / "mail", policies=both, now=moment("2026-01-16 12:00"))
    person(shop, "eva")
    lead(shop)
    shop.worker.run()
    shop.until("2026-01-16 13:00")
    assert tasks(shop) == [("eva", "TASK", "2026-01-19 13:00")]
