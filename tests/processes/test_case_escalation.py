"""P10: what is about to be missed is told, what was missed climbs, and management hears of what stays unresolved."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from domain.absence import AbsenceKind, PlanAbsence
from domain.activity import ActivityScheduled
from domain.business_calendar import CalendarDay, DefineBusinessCalendar, OpeningHours
from domain.case import (
    AssignCase,
    ChangeCasePriority,
    CloseCase,
    OpenCase,
    RecordFirstResponse,
    ResolveCase,
    WaitOnCustomer,
)
from domain.case_events import CaseEscalated, CasePriority, CaseType, ManagementNotified
from domain.kernel import Command, derived
from domain.staff import AddStaff, ChangeStaff, LeaveStaff, StaffRole
from domain.team import DefineTeam, JoinTeam
from domain.values import Channel
from eventstore.envelope import Origin
from processes import case_escalation, case_sla
from tests.conftest import House
from tests.processes.desk import at, happened, open_case, reopen, resolve, respond, resume, wait
from tests.processes.shop import Shop, local, moment

AGENT, LEAD, DIRECTOR = (derived("staff", name) for name in ("agent", "lead", "director"))
DEPUTY, HEAD = sorted(derived("staff", name) for name in ("a manager", "another manager"))
"""The head comes after the deputy by their ids, and before by their rank."""
TEAM = derived("team", "support")
HIGH = CasePriority.HIGH


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A service desk: an agent in a team, its lead, two managers of whom one is the head of service, and a director."""
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, case_escalation.policy])
    hire(shop, DIRECTOR, StaffRole.DIRECTOR)
    hire(shop, HEAD, StaffRole.SERVICE_MANAGER, DIRECTOR)
    hire(shop, DEPUTY, StaffRole.SERVICE_MANAGER, HEAD)
    hire(shop, LEAD, StaffRole.AGENT)
    hire(shop, AGENT, StaffRole.AGENT)
    shop.do(DefineTeam(team_id=TEAM, name="Support", manager_id=LEAD))
    shop.do(JoinTeam(team_id=TEAM, staff_id=AGENT))
    return shop


def hire(shop: Shop, staff_id: UUID, role: StaffRole, manager: UUID | None = None) -> None:
    shop.do(AddStaff(staff_id=staff_id, name="Eva", role=role, manager_id=manager))


def assigned(shop: Shop, on: str = "2026-03-10 10:00", priority: CasePriority = HIGH) -> UUID:
    """A case that the agent has: of high priority it is to be answered by 11:00 and resolved by 18:00."""
    case = open_case(shop, on, priority)
    at(shop, AssignCase(case_id=case, staff_id=AGENT, team_id=TEAM))
    return case


def climbs(shop: Shop) -> list[tuple[int, UUID | None, str | None]]:
    """To which level cases came, to whom and when."""
    found = happened(shop, CaseEscalated)
    return [(e.level, e.staff_id, on) for e, on in found if isinstance(e, CaseEscalated)]


def tasks(shop: Shop) -> list[tuple[UUID | None, str | None]]:
    """Who got a task, and when."""
    found = happened(shop, ActivityScheduled)
    return [(e.staff_id, on) for e, on in found if isinstance(e, ActivityScheduled)]


def notices(shop: Shop) -> list[tuple[UUID, int, str | None]]:
    """Who of management was told, and when."""
    found = happened(shop, ManagementNotified)
    return [(e.staff_id, e.level, on) for e, on in found if isinstance(e, ManagementNotified)]


def outcomes(shop: Shop, step: str) -> list[tuple[str, str | None]]:
    """What became of the follow-ups of a step of this policy."""
    found = [each for each in shop.ledger(step) if each.policy == case_escalation.policy.name]
    return [(each.status.value, each.reason) for each in found]


# The warning.


def test_who_has_the_case_is_warned(shop: Shop) -> None:
    case = assigned(shop)
    shop.until("2026-03-10 10:45")
    [(event, on)] = happened(shop, ActivityScheduled)
    assert isinstance(event, ActivityScheduled)
    assert (event.staff_id, on, local(event.due_at)) == (AGENT, "2026-03-10 10:45", "2026-03-10 11:00")
    assert (event.related_noun, event.related_id, event.origin_policy) == ("case", case, "case-escalation")
    assert outcomes(shop, "warn-first_response") == [("DONE", "WARNED")]


@pytest.mark.parametrize("why", ["nobody has it", "who had it has left"])
def test_of_a_case_that_nobody_has_the_service_is_warned(shop: Shop, why: str) -> None:
    if why == "nobody has it":
        open_case(shop, "2026-03-10 10:00", HIGH)
        told = HEAD
    else:
        assigned(shop)
        shop.do(LeaveStaff(staff_id=AGENT))
        told = LEAD
    shop.until("2026-03-10 10:45")
    assert tasks(shop) == [(told, "2026-03-10 10:45")]


def test_where_there_is_nobody_to_warn_it_says_so(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, case_escalation.policy])
    open_case(shop, "2026-03-10 10:00", HIGH)
    shop.until("2026-03-10 10:45")
    assert outcomes(shop, "warn-first_response") == [("SUPPRESSED", "NOBODY")]
    for on in ("2026-03-10 11:00", "2026-03-10 11:30", "2026-03-10 12:00"):
        shop.until(on)
    assert [(level, who) for level, who, _ in climbs(shop)] == [(1, None), (2, None), (3, None)]
    assert outcomes(shop, "level-1") == [("DONE", "NOBODY")]
    shop.until("2026-03-19 10:00")
    assert outcomes(shop, "digest") == [("SCHEDULED", "NOBODY")]
    assert notices(shop) == []


@pytest.mark.parametrize(("what", "reason"), [("answered", "ANSWERED"), ("resolved", "RESOLVED"), ("waits", None)])
def test_a_warning_that_is_late_is_for_nothing(shop: Shop, what: str, reason: str | None) -> None:
    """Another worker warned, and meanwhile it was answered."""
    case = assigned(shop)
    every, shop.policies = shop.policies, [case_sla.policy]
    shop.worker = shop.hire()
    shop.until("2026-03-10 10:45")
    shop.policies = every
    {"answered": respond, "resolved": resolve, "waits": wait}[what](shop, case, "2026-03-10 10:46")
    shop.worker = shop.hire()
    shop.until("2026-03-10 10:46")
    assert outcomes(shop, "warn-first_response") == [("CANCELLED", reason or "WAITING_ON_CUSTOMER")]
    assert tasks(shop) == []


# The climb.


def test_what_was_missed_climbs_to_lead_head_and_management(shop: Shop) -> None:
    assigned(shop)
    for on in ("10:59", "11:00", "11:29", "11:30", "11:59", "12:00", "13:00"):
        shop.until(f"2026-03-10 {on}")
    assert climbs(shop) == [
        (1, LEAD, "2026-03-10 11:00"),  # when it was missed
        (2, HEAD, "2026-03-10 11:30"),  # half of the hour later
        (3, DIRECTOR, "2026-03-10 12:00"),  # and all of it
    ]
    assert notices(shop) == [(DIRECTOR, 3, "2026-03-10 12:00")]
    assert tasks(shop)[1:] == [
        (LEAD, "2026-03-10 11:00"),
        (HEAD, "2026-03-10 11:30"),
        (DIRECTOR, "2026-03-10 12:00"),
    ]
    for level in (1, 2, 3):
        assert outcomes(shop, f"level-{level}") == [("DONE", f"LEVEL_{level}")]


def test_it_climbs_in_open_hours(shop: Shop) -> None:
    case = assigned(shop, "2026-03-12 15:00")  # a Thursday: to be resolved by Friday at 14:00
    respond(shop, case, "2026-03-12 15:10")
    for on in ("2026-03-13 14:00", "2026-03-13 18:00", "2026-03-16 09:00", "2026-03-16 13:00"):
        shop.until(on)
    assert [(level, on) for level, _, on in climbs(shop)] == [
        (1, "2026-03-13 14:00"),
        (2, "2026-03-13 18:00"),
        (3, "2026-03-16 13:00"),
    ]


@pytest.mark.parametrize(("end", "reason"), [("answered", "ANSWERED"), ("resolved", "RESOLVED"), ("closed", "CLOSED")])
@pytest.mark.parametrize("seen", [True, False])
def test_nothing_climbs_that_was_answered_or_resolved_meanwhile(shop: Shop, end: str, reason: str, seen: bool) -> None:
    case = assigned(shop)
    shop.until("2026-03-10 11:10")
    if end == "closed":
        at(shop, CloseCase(case_id=case, reason="DUPLICATE"), "2026-03-10 11:20", seen=seen)
    else:
        {"answered": respond, "resolved": resolve}[end](shop, case, "2026-03-10 11:20")
    if seen:
        assert outcomes(shop, "level-2") == [("CANCELLED", reason)]  # at once
    shop.until("2026-03-10 12:30")
    assert [level for level, _, _ in climbs(shop)] == [1]
    assert outcomes(shop, "level-2") == [("CANCELLED", reason)]
    assert outcomes(shop, "digest") == [("CANCELLED", reason)] if end != "answered" else [("SCHEDULED", None)]


@pytest.mark.parametrize(
    ("change", "reason"), [("answered", "ANSWERED"), ("resolved", "RESOLVED"), ("waits", "WAITING_ON_CUSTOMER")]
)
def test_what_changed_is_seen_when_it_is_due_even_if_nobody_reacted_yet(shop: Shop, change: str, reason: str) -> None:
    case = assigned(shop)
    shop.until("2026-03-10 11:00")
    asked: dict[str, Command] = {
        "answered": RecordFirstResponse(case_id=case, interaction_id=derived("interaction", 1)),
        "resolved": ResolveCase(case_id=case),
        "waits": WaitOnCustomer(case_id=case),
    }
    at(shop, asked[change], "2026-03-10 11:29", seen=False)
    shop.now += timedelta(minutes=1)
    shop.worker.runner.fire(shop.now)
    assert [level for level, _, _ in climbs(shop)] == [1]
    assert outcomes(shop, "level-2") == [("CANCELLED", reason)]


def test_the_second_milestone_does_not_climb_where_the_case_is_already(shop: Shop) -> None:
    case = assigned(shop)
    shop.until("2026-03-10 12:00")
    shop.until("2026-03-10 12:01")
    respond(shop, case, "2026-03-10 12:10")
    for on in ("2026-03-10 18:00", "2026-03-11 13:00", "2026-03-11 17:00"):
        shop.until(on)
    assert [level for level, _, _ in climbs(shop)] == [1, 2, 3]
    assert len(notices(shop)) == 1
    assert outcomes(shop, "level-1")[1:] == [("DONE", "ALREADY_THERE")]


def test_the_ladder_stands_still_while_the_customer_is_waited_for(shop: Shop) -> None:
    case = assigned(shop)
    shop.until("2026-03-10 11:00")
    wait(shop, case, "2026-03-10 11:10")
    assert outcomes(shop, "level-2") == [("CANCELLED", "WAITING_ON_CUSTOMER")]  # at once
    shop.until("2026-03-11 12:00")
    assert [level for level, _, _ in climbs(shop)] == [1]
    resume(shop, case, "2026-03-11 12:00")
    shop.until("2026-03-11 12:19")
    assert len(climbs(shop)) == 1
    shop.until("2026-03-11 12:20")  # what was left of the half hour
    shop.until("2026-03-11 12:50")
    assert [(level, on) for level, _, on in climbs(shop)][1:] == [(2, "2026-03-11 12:20"), (3, "2026-03-11 12:50")]
    assert outcomes(shop, "level-1") == [("DONE", "LEVEL_1")]


def test_a_target_that_is_set_anew_stops_the_climb(shop: Shop) -> None:
    case = assigned(shop)
    shop.until("2026-03-10 11:10")
    at(shop, ChangeCasePriority(case_id=case, priority=CasePriority.LOW), "2026-03-10 11:20")
    shop.until("2026-03-10 12:30")
    assert [level for level, _, _ in climbs(shop)] == [1]
    assert outcomes(shop, "level-2") == [("CANCELLED", "SET_ANEW")]


def test_who_is_away_is_passed_over_where_somebody_else_is_there(shop: Shop) -> None:
    for who in (LEAD, DIRECTOR):
        shop.do(
            PlanAbsence(
                absence_id=derived("absence", who), staff_id=who, kind=AbsenceKind.HOLIDAY,
                starts_at=moment("2026-03-09 00:00"), ends_at=moment("2026-03-20 00:00"),
            )
        )  # fmt: skip
    assigned(shop)
    for on in ("2026-03-10 11:00", "2026-03-10 11:30", "2026-03-10 12:00"):
        shop.until(on)
    assert [who for _, who, _ in climbs(shop)] == [HEAD, HEAD, DIRECTOR]  # there is no other director


def test_the_lead_of_the_team_comes_before_the_agents_own_manager(shop: Shop) -> None:
    other = derived("team", "other")
    shop.do(DefineTeam(team_id=other, name="Other", manager_id=DEPUTY))
    case = open_case(shop, "2026-03-10 10:00", HIGH)
    at(shop, AssignCase(case_id=case, staff_id=AGENT, team_id=other))
    shop.until("2026-03-10 11:00")
    assert [who for _, who, _ in climbs(shop)] == [DEPUTY]


def test_a_case_that_is_reopened_climbs_anew(shop: Shop) -> None:
    case = assigned(shop)
    for on in ("2026-03-10 11:00", "2026-03-10 11:30"):
        shop.until(on)
    resolve(shop, case, "2026-03-10 11:40")
    reopen(shop, case, "2026-03-11 10:00")
    for on in ("2026-03-11 11:00", "2026-03-11 11:30"):
        shop.until(on)
    assert [(level, on) for level, _, on in climbs(shop)][2:] == [(1, "2026-03-11 11:00"), (2, "2026-03-11 11:30")]


# The digest.


def test_what_is_unresolved_for_more_than_five_business_days_is_in_a_digest_every_business_day(shop: Shop) -> None:
    first = open_case(shop, "2026-03-10 10:00", CasePriority.LOW)  # a Tuesday
    second = open_case(shop, "2026-03-10 11:00", CasePriority.LOW)
    for case in (first, second):
        respond(shop, case)
    shop.until("2026-03-18 08:59")  # five business days later, at ten, they were not yet older
    assert notices(shop) == []
    shop.until("2026-03-18 09:00")
    assert notices(shop) == [(DIRECTOR, 3, "2026-03-18 09:00")] * 2
    shop.until("2026-03-19 09:00")
    resolve(shop, first, "2026-03-19 12:00")
    shop.until("2026-03-20 09:00")
    shop.until("2026-03-23 09:00")
    resolve(shop, second, "2026-03-23 12:00")
    shop.until("2026-03-30 09:00")
    days = [on for who, on in tasks(shop) if who == DIRECTOR and on is not None and on.endswith("09:00")]
    assert [day[:10] for day in days] == ["2026-03-18", "2026-03-19", "2026-03-20", "2026-03-23"]  # one for both
    assert outcomes(shop, "digest") == [("CANCELLED", "RESOLVED")] * 2


@pytest.mark.parametrize(
    ("languages", "number", "words"),
    [
        (("es",), "C-7", "Caso C-7: no se cumplió la primera respuesta"),
        (("es",), None, "Un caso: no se cumplió la primera respuesta"),
        ((), "C-7", "Case C-7: the first response was missed"),
        ((), None, "A case: the first response was missed"),
    ],
)
def test_whoever_a_case_climbs_to_is_told_in_their_language(
    shop: Shop, languages: tuple[str, ...], number: str | None, words: str
) -> None:
    shop.do(ChangeStaff(staff_id=LEAD, languages=languages))
    case = derived("case", "numbered")
    asked = OpenCase(case_id=case, number=number, type=CaseType.INCIDENT, priority=HIGH, channel=Channel.EMAIL)
    at(shop, asked, "2026-03-10 10:00")
    at(shop, AssignCase(case_id=case, staff_id=AGENT, team_id=TEAM))
    shop.until("2026-03-10 11:00")
    told = [e.subject for e, _ in shop.events() if isinstance(e, ActivityScheduled) and e.staff_id == LEAD]
    assert told == [words]


def test_holidays_are_no_business_days(shop: Shop) -> None:
    hours = tuple(OpeningHours(weekday=day, opens="10:00", closes="18:00") for day in range(1, 6))
    shop.do(
        DefineBusinessCalendar(
            business_calendar_id=derived("calendar", 1), key="office", timezone="Europe/Madrid", hours=hours,
            holidays=(CalendarDay(day=moment("2026-03-19 12:00").date(), name="San José"),),
        )
    )  # fmt: skip
    open_case(shop, "2026-03-12 12:00", CasePriority.LOW)  # five business days are until Friday, the 20th
    [entry] = shop.ledger("digest")
    assert local(entry.due_at) == "2026-03-23 10:00"


def test_imported_cases_are_in_no_digest(shop: Shop) -> None:
    open_case(shop, "2026-03-10 10:00", origin=Origin.IMPORT)
    shop.until("2026-04-10 10:00")
    assert shop.ledger() == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    assigned(shop)
    for on in ("2026-03-10 11:00", "2026-03-10 11:30", "2026-03-10 12:00", "2026-03-19 09:00"):
        shop.until(on)
    before = len(shop.events())
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0")
    shop.until("2026-03-19 09:00")
    assert len(shop.events()) == before
