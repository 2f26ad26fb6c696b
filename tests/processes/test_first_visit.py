"""P02: whoever answers to a letter is visited in the owner's first free hour."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.activity import (
    ActivityKind,
    CancelActivity,
    CompleteActivity,
    DeclineActivity,
    MissActivity,
    ReassignActivity,
    RescheduleActivity,
    ScheduleActivity,
)
from domain.business_calendar import CalendarDay, DefineBusinessCalendar, ExtraOpening, OpeningHours
from domain.campaign_member import (
    CampaignResponseKind,
    DispatchCampaignMessage,
    TargetMember,
)
from domain.customer import ChangeCustomerProfile
from domain.kernel import derived
from domain.staff import LeaveStaff, StaffRole
from domain.values import Channel, Period
from eventstore.envelope import Origin
from processes import first_visit
from processes.agendas import Agendas
from processes.company import Company
from tests.conftest import House
from tests.processes.sales import away, id_of, person, territory
from tests.processes.shop import Shop, local, moment
from tests.processes.visits import FRIDAY, LETTERS, MAILS, answer, busy, outcomes, planned, slots, visiting


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return visiting(house, tmp_path)


def test_the_visit_is_in_the_owner_s_agenda_at_once(shop: Shop) -> None:
    customer = answer(shop)
    [visit] = planned(shop)
    assert (visit.kind, visit.staff_id, visit.duration_s) == (ActivityKind.VISIT, id_of("eva"), 3600)
    assert (visit.related_noun, visit.related_id, visit.customer_id) == ("campaign", LETTERS, customer)
    assert visit.subject == "First visit: they answered to Winter letters."
    assert outcomes(shop) == [("DONE", "PLANNED")]


# The first hour that is free, two business days later.


@pytest.mark.parametrize(
    ("on", "slot"),
    [
        ("2026-01-16 17:00", "2026-01-20 09:00"),  # Friday, and Tuesday
        ("2026-01-16 23:59", "2026-01-20 09:00"),
        ("2026-01-17 00:00", "2026-01-20 09:00"),  # Saturday
        ("2026-01-18 12:00", "2026-01-20 09:00"),  # Sunday
        ("2026-01-19 08:00", "2026-01-21 09:00"),  # Monday
        ("2026-01-02 12:00", "2026-01-07 09:00"),  # Monday, and after Epiphany
        ("2026-01-30 12:00", "2026-02-03 09:00"),  # the end of a month
        ("2026-03-27 12:00", "2026-03-31 09:00"),  # the clocks go forward
        ("2026-10-23 12:00", "2026-10-27 09:00"),  # and back
        ("2028-02-25 12:00", "2028-02-29 09:00"),
    ],
)
def test_two_business_days_later_at_the_earliest(shop: Shop, on: str, slot: str) -> None:
    shop.now = moment(on)
    answer(shop, on=on)
    assert slots(shop) == [slot]


def test_what_is_in_the_agenda_is_worked_around(shop: Shop) -> None:
    busy(shop, "2026-01-20 09:00")
    busy(shop, "2026-01-20 10:30", 0.5)  # half an hour is not enough
    busy(shop, "2026-01-20 11:30", 5.75)  # till a quarter past five
    answer(shop)
    assert slots(shop) == ["2026-01-21 09:00"]


def test_an_hour_between_two_meetings_is_enough(shop: Shop) -> None:
    busy(shop, "2026-01-20 09:00", 1.5)
    busy(shop, "2026-01-20 11:30")
    answer(shop)
    assert slots(shop) == ["2026-01-20 10:30"]


@pytest.mark.parametrize(
    ("what", "slot"),
    [
        ("cancelled", "09:00"),
        ("missed", "09:00"),
        ("declined", "09:00"),
        ("another's", "09:00"),
        ("moved", "10:00"),
        ("short", "09:15"),
        ("whole day", None),
        ("no duration", "09:30"),
        ("no start", "09:00"),
    ],
)
def test_only_what_keeps_the_owner_busy_counts(shop: Shop, what: str, slot: str | None) -> None:
    start = {"moved": "2026-01-26 09:00", "whole day": "2026-01-20 00:00"}.get(what, "2026-01-20 09:00")
    times: dict[str, Any] = {"whole day": {"duration_s": None, "all_day": True}, "no duration": {"duration_s": None}}
    if what == "no start":
        times[what] = {"starts_at": None, "duration_s": None, "due_at": moment(start)}
        said = {"kind": ActivityKind.TASK, "subject": "Task", "staff_id": id_of("eva"), **times[what]}
        id = derived("activity", "task")
        shop.do(ScheduleActivity(activity_id=id, **said))
    else:
        id = busy(shop, start, **times.get(what, {}))
    match what:
        case "cancelled":
            shop.do(CancelActivity(activity_id=id))
        case "missed":
            shop.do(MissActivity(activity_id=id))
        case "declined":
            shop.do(DeclineActivity(activity_id=id, staff_id=id_of("eva")))
        case "another's":
            shop.do(ReassignActivity(activity_id=id, staff_id=person(shop, "leo")))
        case "moved":
            shop.do(RescheduleActivity(activity_id=id, starts_at=moment("2026-01-20 09:00"), duration_s=3600))
        case "short":
            shop.do(CompleteActivity(activity_id=id, outcome="DONE", duration_s=900))
    answer(shop)
    assert slots(shop) == [f"2026-01-20 {slot}" if slot else "2026-01-21 09:00"]


def test_who_is_away_is_not_free(shop: Shop) -> None:
    away(shop, "eva", "2026-01-19 00:00", "2026-01-22 12:00")
    answer(shop)
    assert slots(shop) == ["2026-01-22 12:00"]


def calendar(shop: Shop, key: str, **said: Any) -> None:
    hours = tuple(OpeningHours(weekday=day, opens="10:00", closes="14:00") for day in range(1, 6))
    id = derived("business_calendar", key)
    asked = {"timezone": "Europe/Madrid", "hours": hours, "country": "ES", **said}
    shop.do(DefineBusinessCalendar(business_calendar_id=id, key=key, **asked))


@pytest.mark.parametrize("key", ["office", "spain"])
def test_the_hours_and_holidays_are_those_of_the_territory_or_else_of_the_office(shop: Shop, key: str) -> None:
    fair = CalendarDay(day=moment("2026-01-20 12:00").date(), name="Fair")
    late = ExtraOpening(day=moment("2026-01-21 12:00").date(), opens="19:00", closes="20:00")
    calendar(shop, key, holidays=(fair,), extra_open=(late,))
    if key == "spain":
        calendar(shop, "office", country=None)
    answer(shop)
    assert slots(shop) == ["2026-01-21 19:00"]


def test_two_answers_of_a_moment_get_two_hours(shop: Shop) -> None:
    for number in range(3):
        answer(shop, shop.customer(email=f"c{number}@shop.test"))
    assert slots(shop) == ["2026-01-20 09:00", "2026-01-20 10:00", "2026-01-20 11:00"]


@pytest.mark.parametrize(
    ("full_until", "outcome"),
    [("2026-01-30 17:00", ("DONE", "PLANNED")), ("2026-01-30 17:01", ("SUPPRESSED", "NO_FREE_SLOT"))],
)
def test_ten_business_days_later_at_the_latest(shop: Shop, full_until: str, outcome: tuple[str, str]) -> None:
    away(shop, "eva", "2026-01-16 00:00", full_until)
    answer(shop)
    assert outcomes(shop) == [outcome]
    assert slots(shop) == ([] if outcome[0] == "SUPPRESSED" else [full_until])


@pytest.mark.parametrize(
    ("back", "slot"),
    [
        ("2026-01-20 10:20", "2026-01-20 10:20"),
        ("2026-01-23 17:30", "2026-01-26 09:00"),
        ("2026-01-31 09:00", None),
    ],
)
def test_a_worker_that_was_away_plans_no_visit_in_the_past(shop: Shop, back: str, slot: str | None) -> None:
    answer(shop)
    shop.now = moment(back)
    assert slots(shop) == ([slot] if slot else [])
    assert outcomes(shop) == [("DONE", "PLANNED") if slot else ("SUPPRESSED", "NO_FREE_SLOT")]


# Whose answers count, and who answers for them.


@pytest.mark.parametrize("kind", list(CampaignResponseKind))
def test_every_kind_of_answer_to_a_letter_counts_and_none_to_another_campaign(
    shop: Shop, kind: CampaignResponseKind
) -> None:
    customer = answer(shop, kind=kind)
    answer(shop, customer, campaign=MAILS, kind=kind)
    assert outcomes(shop) == [("DONE", "PLANNED"), ("SUPPRESSED", "NOT_CONCERNED")]
    assert len(planned(shop)) == 1


def test_whom_a_letter_was_only_sent_is_not_visited_unless_all_are(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(campaign: UUID) -> None:
        customer = shop.customer(email=f"{campaign}@shop.test")
        shop.do(TargetMember(campaign_id=campaign, customer_id=customer))
        shop.do(DispatchCampaignMessage(campaign_id=campaign, customer_id=customer, channel=Channel.LETTER), FRIDAY)

    send(LETTERS)
    assert outcomes(shop) == []
    monkeypatch.setattr(first_visit, "VISIT_ALL", True)
    send(LETTERS)
    send(MAILS)
    assert outcomes(shop) == [("DONE", "PLANNED"), ("SUPPRESSED", "NOT_CONCERNED")]


@pytest.mark.parametrize("why", ["nowhere", "left", "nobody"])
def test_without_an_owner_nobody_visits(shop: Shop, why: str) -> None:
    if why == "left":
        shop.do(LeaveStaff(staff_id=id_of("eva")))
    if why == "nobody":
        territory(shop, "france", countries=("FR",))
    answer(shop, shop.customer(country={"nowhere": "PT", "left": "ES", "nobody": "FR"}[why]))
    assert outcomes(shop) == [("SUPPRESSED", "NO_OWNER")]
    assert planned(shop) == []


def test_the_owner_may_be_anybody_who_answers_for_the_customer_s_territory(shop: Shop) -> None:
    territory(shop, "toys", person(shop, "leo", StaffRole.DIRECTOR), sectors=("toys",))
    customer = shop.customer(country="PT")
    shop.do(ChangeCustomerProfile(customer_id=customer, sector="Toys"))
    answer(shop, customer)
    assert [each.staff_id for each in planned(shop)] == [id_of("leo")]


def test_imported_answers_set_nothing_off(shop: Shop) -> None:
    answer(shop, origin=Origin.IMPORT)
    assert outcomes(shop) == []


def test_twice_is_the_same_as_once_and_two_workers_are_the_same_as_one(shop: Shop) -> None:
    for number in range(4):
        answer(shop, shop.customer(email=f"c{number}@shop.test"))
    other = shop.hire()
    shop.worker.run(), other.run(), shop.worker.run()
    assert slots(shop) == [f"2026-01-20 {hour}:00" for hour in ("09", "10", "11", "12")]
    assert len(shop.ledger()) == 4


def test_an_agenda_forgets_what_has_long_been_over_but_nothing_else(shop: Shop) -> None:
    for number, start in enumerate(f"2026-{day} 09:00" for day in ("01-20", "06-01", "06-02", "01-21")):
        id = busy(shop, start, key=str(number))
        if number < 2:
            shop.do(CompleteActivity(activity_id=id, outcome="DONE"))
    agendas = Agendas()
    for event, at in shop.events():
        if type(event) in first_visit.policy.learning and event.stored_as.startswith("activity."):
            agendas.note(event, at)
    agendas.clear(moment("2026-05-01 00:00"))
    assert len(agendas.entries) == 3

    def first(day: str) -> str | None:
        hours = Period(moment(f"{day} 09:00"), moment(f"{day} 18:00"))
        found = agendas.first_free(id_of("eva"), timedelta(hours=1), hours, iter([hours]), Company())
        return local(found.start if found else None)

    assert [first(day) for day in ("2026-01-20", "2026-06-01", "2026-06-02", "2026-01-21")] == [
        "2026-01-20 09:00", "2026-06-01 10:00", "2026-06-02 10:00", "2026-01-21 10:00",
    ]  # fmt: skip
