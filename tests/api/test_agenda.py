"""The agenda as GraphQL and as iCalendar: read back, it is what the log says."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from icalendar import Calendar
from typer.testing import CliRunner

from api.agenda import agenda_secret, calendar_of, link_to
from api.app import create_app
from api.cli import app as cli
from api.house import House
from domain.absence import AbsenceKind, CancelAbsence, PlanAbsence
from domain.activity import (
    AcceptActivity,
    ActivityKind,
    CancelActivity,
    CompleteActivity,
    MissActivity,
    RescheduleActivity,
    ScheduleActivity,
    StartActivity,
)
from domain.case import OpenCase
from domain.case_events import CaseType
from domain.customer import RegisterCustomer
from domain.kernel import Command, derived, reference
from domain.opportunity import OpenOpportunity
from domain.values import Channel
from processes.links import token
from tests.api.conftest import Ask
from tests.conftest import KEK

EVA = reference("staff", "hr", "eva")
ANA = reference("customer", "shop", "ana")
DAY = datetime(2026, 3, 3, tzinfo=UTC)
SUBJECT = "Ana's renewal; 20 % off, über\nall\\roofs 🙂 " + "x" * 100


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def activity(n: int, kind: ActivityKind = ActivityKind.MEETING, **more: Any) -> ScheduleActivity:
    said = {"subject": SUBJECT, "staff_id": EVA, "customer_id": ANA, **more}
    return ScheduleActivity(activity_id=derived("activity", n), kind=kind, **said)


@pytest.fixture
def does(house: House) -> Callable[..., None]:
    def do(*commands: Command) -> None:
        for command in commands:
            house.log.do(command)
        house.engine.catch_up()

    return do


def components(house: House) -> dict[str, Any]:
    """What a calendar program finds, by its UID."""
    calendar = Calendar.from_ical(calendar_of(house, EVA))
    return {str(component["uid"]): component for component in calendar.subcomponents}


def found(house: House, n: int) -> Any:
    return components(house)[str(derived("activity", n))]


def test_a_meeting_comes_back_from_the_file_as_it_was_scheduled(house: House, does: Callable[..., None]) -> None:
    does(activity(1, starts_at=at(10), duration_s=5400, place="Calle Mayor, 1"))
    event = found(house, 1)
    ((_, recorded),) = house.log.reader.stream(derived("activity", 1))
    assert event.name == "VEVENT"
    assert (event["summary"], event["location"]) == (SUBJECT, "Calle Mayor, 1")
    assert (event["dtstart"].dt, event["dtend"].dt) == (at(10), at(11.5))
    assert event["dtstamp"].dt == recorded.recorded_at.replace(microsecond=0)
    assert (event["sequence"], event["status"], event["transp"]) == (0, "TENTATIVE", "OPAQUE")
    assert event["categories"].cats == ["Meeting"]


def test_it_is_moved_under_the_same_uid_with_the_next_sequence(house: House, does: Callable[..., None]) -> None:
    does(
        activity(1, starts_at=at(10), duration_s=3600),
        RescheduleActivity(activity_id=derived("activity", 1), starts_at=at(12)),
        RescheduleActivity(activity_id=derived("activity", 1), starts_at=at(13)),
    )
    event = found(house, 1)
    assert (event["sequence"], event["dtstart"].dt, "dtend" in event) == (2, at(13), False)


@pytest.mark.parametrize(
    ("then", "status", "transparency"),
    [
        (AcceptActivity(activity_id=derived("activity", 1), staff_id=EVA), "CONFIRMED", "OPAQUE"),
        (StartActivity(activity_id=derived("activity", 1)), "CONFIRMED", "OPAQUE"),
        (CompleteActivity(activity_id=derived("activity", 1), outcome="SOLD"), "CONFIRMED", "OPAQUE"),
        (CancelActivity(activity_id=derived("activity", 1)), "CANCELLED", "TRANSPARENT"),
        (MissActivity(activity_id=derived("activity", 1)), "CONFIRMED", "TRANSPARENT"),
    ],
)
def test_the_file_says_what_became_of_it(
    house: House, does: Callable[..., None], then: Command, status: str, transparency: str
) -> None:
    does(activity(1, starts_at=at(10), duration_s=3600), then)
    assert (found(house, 1)["status"], found(house, 1)["transp"]) == (status, transparency)


def test_what_is_only_due_is_a_task(house: House, does: Callable[..., None]) -> None:
    does(activity(1, ActivityKind.TASK, due_at=at(17)), activity(2, ActivityKind.TASK, due_at=at(18)))
    does(CompleteActivity(activity_id=derived("activity", 2), outcome="DONE"))
    task = found(house, 1)
    assert (task.name, task["due"].dt, task["status"], task["summary"]) == ("VTODO", at(17), "NEEDS-ACTION", SUBJECT)
    assert found(house, 2)["status"] == "COMPLETED"


@pytest.mark.parametrize("offset", [-11, -5, 0, 1, 11])
def test_a_whole_day_is_a_date_wherever_it_begins_at_midnight(
    house: House, does: Callable[..., None], offset: int
) -> None:
    does(
        activity(1, starts_at=at(-offset), all_day=True),
        activity(2, starts_at=at(-offset), all_day=True, duration_s=2 * 86_400),
    )
    assert (found(house, 1)["dtstart"].dt, found(house, 1)["dtend"].dt) == (date(2026, 3, 3), date(2026, 3, 4))
    assert found(house, 2)["dtend"].dt == date(2026, 3, 5)


def test_an_absence_keeps_somebody_busy_until_it_is_taken_back(house: House, does: Callable[..., None]) -> None:
    away = derived("absence", 1)
    plan = PlanAbsence(absence_id=away, staff_id=EVA, kind=AbsenceKind.HOLIDAY, starts_at=at(0), ends_at=at(24))
    does(plan, replace(plan, ends_at=at(48)))
    event = components(house)[str(away)]
    assert (event.name, event["summary"], event["transp"], event["status"]) == (
        "VEVENT",
        "Holiday",
        "OPAQUE",
        "CONFIRMED",
    )
    assert (event["dtstart"].dt, event["dtend"].dt, event["sequence"]) == (at(0), at(48), 1)
    does(CancelAbsence(absence_id=away))
    assert (components(house)[str(away)]["status"], components(house)[str(away)]["transp"]) == (
        "CANCELLED",
        "TRANSPARENT",
    )


def test_only_ones_own_agenda_is_in_the_file_and_all_of_it(house: House, does: Callable[..., None]) -> None:
    does(*(activity(n, starts_at=at(n)) for n in range(120)), activity(999, starts_at=at(1), staff_id=ANA))
    assert set(components(house)) == {str(derived("activity", n)) for n in range(120)}


def test_the_same_log_gives_the_same_bytes(house: House, does: Callable[..., None]) -> None:
    does(activity(1, starts_at=at(10)), activity(2, starts_at=at(10)), activity(3, ActivityKind.TASK, due_at=at(10)))
    first = calendar_of(house, EVA)
    with house.log.pool.connection() as db:
        db.execute("truncate views.agenda, views.absences")
        db.execute("update views.checkpoint set position = 0 where name in ('agenda', 'absences')")
    house.engine.catch_up()
    assert calendar_of(house, EVA) == first
    assert first.startswith(b"BEGIN:VCALENDAR\r\n")
    assert max(map(len, first.split(b"\r\n"))) <= 75


def get(house: House, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        application = create_app(house)
        async with application.router.lifespan_context(application):
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get(path)

    return asyncio.run(ask())


def test_whoever_has_the_link_can_subscribe_to_the_calendar_and_nobody_else(
    house: House, does: Callable[..., None]
) -> None:
    does(activity(1, starts_at=at(10)))
    path = link_to(house, EVA).removeprefix(house.settings.public_url)
    answer = get(house, path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert answer.content == calendar_of(house, EVA)
    own = token(agenda_secret(house), EVA)
    letter = "B" if own[-5] == "A" else "A"
    guessed = (str(EVA), token(house.link_secret, EVA), own[:-5] + letter + own[-4:])
    assert [get(house, f"/agenda/{each}.ics").status_code for each in guessed] == [404, 404, 404]
    assert get(house, f"/s/{own}").status_code == 404


def test_the_command_line_prints_the_link_or_writes_the_file(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, house: House, does: Callable[..., None]
) -> None:
    house.settings.key_file.write_bytes(KEK)
    monkeypatch.setenv("BITACORA_HOME", str(house.settings.home))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    does(RegisterCustomer(customer_id=ANA), activity(1, starts_at=at(10), subject="Plain"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli, ["agenda", *words], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    assert run("hr:eva").split() == [link_to(house, EVA)]
    run("hr:eva", "--ics", str(tmp_path / "eva.ics"))
    written = (tmp_path / "eva.ics").read_bytes()
    assert [str(each["uid"]) for each in Calendar.from_ical(written).subcomponents] == [str(derived("activity", 1))]
    assert "BEGIN:VCALENDAR" in run("hr:eva", "--ics", "-")


FREE_BUSY = """query($from: DateTime!, $to: DateTime!) {
  freeBusy(staffId: "hr:eva", from: $from, to: $to) { free { start end } busy { start end } }
  agenda(filter: {staffId: {eq: "hr:eva"}}) { nodes { kind startsAt subject place customer { customerId } } }
  absences { nodes { kind startsAt } }
}"""


def test_graphql_says_when_somebody_is_free_and_what_it_is_about(
    house: House, ask: Ask, does: Callable[..., None]
) -> None:
    away = PlanAbsence(
        absence_id=derived("absence", 1), staff_id=EVA, kind=AbsenceKind.TRAINING, starts_at=at(15), ends_at=at(30)
    )
    does(RegisterCustomer(customer_id=ANA), activity(1, starts_at=at(10), duration_s=3600, place="Lugo"), away)
    window = {"from": at(9).isoformat(), "to": at(17).isoformat()}
    data = ask(FREE_BUSY, **window)

    def hours(periods: list[dict[str, str]]) -> list[tuple[int, int]]:
        return [
            (datetime.fromisoformat(each["start"]).hour, datetime.fromisoformat(each["end"]).hour) for each in periods
        ]

    assert hours(data["freeBusy"]["busy"]) == [(10, 11), (15, 17)]
    assert hours(data["freeBusy"]["free"]) == [(9, 10), (11, 15)]
    [entry] = data["agenda"]["nodes"]
    assert (entry["kind"], entry["subject"], entry["place"], entry["customer"]["customerId"]) == (
        "MEETING",
        SUBJECT,
        "Lugo",
        str(ANA),
    )
    assert [each["kind"] for each in data["absences"]["nodes"]] == ["TRAINING"]
    [error] = ask(FREE_BUSY, errors=True, **{"from": at(9).isoformat(), "to": at(8).isoformat()})
    assert error["message"] == "A period cannot end before it starts."


SHEETS = """{
  opportunities { nodes { status stage amount customer { customerId } } }
  cases { nodes { number status priority customer { customerId } } }
}"""


def test_opportunities_and_cases_are_lists_with_their_customers(ask: Ask, does: Callable[..., None]) -> None:
    does(
        RegisterCustomer(customer_id=ANA),
        OpenOpportunity(opportunity_id=derived("opportunity", 1), customer_id=ANA, stage="OFFER", amount=Decimal(5)),
        OpenCase(
            case_id=derived("case", 1), customer_id=ANA, type=CaseType.COMPLAINT, channel=Channel.PHONE, number="7"
        ),
    )
    whose = {"customer": {"customerId": str(ANA)}}
    assert ask(SHEETS) == {
        "opportunities": {"nodes": [{"status": "OPEN", "stage": "OFFER", "amount": "5", **whose}]},
        "cases": {"nodes": [{"number": "7", "status": "OPEN", "priority": "NORMAL", **whose}]},
    }
