"""P26: saved reports are sent to those for whom they are scheduled, with the position that they are as of."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain.activity import ActivityScheduled
from domain.kernel import derived
from domain.report import ReportFrequency, ReportScheduled, SaveReport, ScheduleReport
from domain.staff import AddStaff, ChangeStaff, LeaveStaff, StaffRole
from eventstore.envelope import Origin
from processes import report_delivery
from processes.report_delivery import next_after
from projections import VIEWS
from projections.engine import Engine
from projections.figures.reports import may_see
from tests.conftest import House
from tests.processes.shop import Shop, local, moment

REPORT, EVA, LEO = derived("report", "r"), derived("staff", "eva"), derived("staff", "leo")
SUNDAY, MONDAY = "2026-03-01 12:00", "2026-03-02 08:30"


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop with two people who read reports, and one report."""
    shop = Shop(house.log, tmp_path / "mail", policies=[report_delivery.policy])
    shop.engine = Engine(house.log, house.pool, VIEWS)
    shop.engine.prepare()
    shop.worker = shop.hire()
    for id, name, language in ((EVA, "Eva", "es"), (LEO, "Leo", "en")):
        shop.do(
            AddStaff(
                staff_id=id, name=name, role=StaffRole.DIRECTOR, timezone="Europe/Madrid", languages=(language,),
                email=f"{name.lower()}@shop.test",
            )
        )  # fmt: skip
    shop.do(SaveReport(report_id=REPORT, key="north", title="Ventas", base="salesByTerritory", last_days=7))
    return shop


def schedule(shop: Shop, when: str = SUNDAY, **said: Any) -> None:
    told = {"frequency": ReportFrequency.WEEKLY, "on": 1, "recipients": (EVA,), **said}
    shop.do(ScheduleReport(report_id=REPORT, at="08:30", timezone="Europe/Madrid", **told), when)
    shop.until(when)


def rows(shop: Shop) -> list[tuple[str, str | None, str | None]]:
    return [
        (row.status.value, row.reason, local(row.due_at))
        for row in sorted(shop.ledger(), key=lambda row: str(row.due_at))
    ]


def body(shop: Shop, n: int = 0, form: str = "plain") -> str:
    part = sorted(shop.mails(), key=lambda mail: str(mail["Date"]))[n].get_body((form,))
    assert part is not None
    return str(part.get_content())


def test_a_report_is_sent_at_its_time_and_the_next_one_is_promised(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-02-25 12:00", pieces=3)
    shop.order(derived("customer", "shop", 1), "2026-02-20 12:00", pieces=9)  # before the last seven days
    schedule(shop)
    shop.until("2026-03-02 08:29")
    assert shop.mails() == []
    position = shop.log.reader.head()
    shop.until(MONDAY)
    [mail] = shop.mails()
    assert (mail["Subject"], mail["To"]) == ("Ventas", "Eva <eva@shop.test>")
    assert "15" in body(shop)
    assert "60" not in body(shop)
    assert "<table" in body(shop, form="html")
    assert "north v1; salesByTerritory v1" in body(shop)
    assert int(body(shop).split("posición ")[1].split(" ")[0]) >= position
    assert rows(shop) == [("DELIVERED", None, "2026-03-02 08:30"), ("SCHEDULED", None, "2026-03-09 08:30")]
    shop.until("2026-03-09 08:30")
    assert len(shop.mails()) == 2
    assert "No hay nada que mostrar." in body(shop, 1)


def test_everybody_reads_it_in_their_language(shop: Shop) -> None:
    schedule(shop, recipients=(EVA, LEO))
    shop.until(MONDAY)
    assert sorted("As of position" in body(shop, n) for n in (0, 1)) == [False, True]


def test_with_another_schedule_the_old_one_ends(shop: Shop) -> None:
    schedule(shop)
    schedule(shop, "2026-03-01 13:00", frequency=ReportFrequency.DAILY, on=None)
    shop.until(MONDAY)
    shop.until("2026-03-03 08:30")
    assert len(shop.mails()) == 2
    assert ("CANCELLED", "RESCHEDULED", "2026-03-02 08:30") in rows(shop)


def test_to_nobody_is_not_at_all(shop: Shop) -> None:
    schedule(shop)
    schedule(shop, "2026-03-01 13:00", recipients=())
    shop.until("2026-04-01 12:00")
    assert shop.mails() == []
    assert sorted(row.reason or "" for row in shop.ledger()) == ["NO_RECIPIENTS", "RESCHEDULED"]


def test_who_left_gets_none_and_none_is_promised(shop: Shop) -> None:
    schedule(shop)
    shop.do(LeaveStaff(staff_id=EVA))
    shop.until("2026-03-20 12:00")
    assert rows(shop) == [("SUPPRESSED", "LEFT", "2026-03-02 08:30")]


def test_without_an_address_the_ledger_says_so_each_time(shop: Shop) -> None:
    ana = derived("staff", "ana")
    shop.do(AddStaff(staff_id=ana, name="Ana", role=StaffRole.SALES_MANAGER, timezone="Europe/Madrid"))
    schedule(shop, recipients=(ana,))
    shop.until(MONDAY)
    assert rows(shop) == [("SUPPRESSED", "NO_ADDRESS", "2026-03-02 08:30"), ("SCHEDULED", None, "2026-03-09 08:30")]


def test_after_a_holiday_of_the_worker_only_the_next_one_is_sent(shop: Shop) -> None:
    schedule(shop)
    shop.until("2026-03-18 12:00")
    assert rows(shop) == [("SUPPRESSED", "TOO_LATE", "2026-03-02 08:30"), ("SCHEDULED", None, "2026-03-23 08:30")]


def test_a_report_that_cannot_be_opened_says_why(shop: Shop) -> None:
    shop.do(SaveReport(report_id=REPORT, key="north", title="Ventas", base="no-such"))
    schedule(shop)
    shop.until(MONDAY)
    assert "no-such" in body(shop)


def test_an_imported_schedule_sets_nothing_off(shop: Shop) -> None:
    said = ScheduleReport(
        report_id=REPORT, frequency=ReportFrequency.DAILY, at="08:30", timezone="Europe/Madrid", recipients=(EVA,)
    )
    shop.do(said, SUNDAY, Origin.IMPORT)
    shop.until(MONDAY)
    assert shop.ledger() == []


@pytest.mark.parametrize(
    ("frequency", "on", "at", "after", "expected"),
    [
        (ReportFrequency.DAILY, None, "08:30", "2026-03-01 08:30", "2026-03-02 08:30"),
        (ReportFrequency.DAILY, None, "08:30", "2026-03-01 08:29", "2026-03-01 08:30"),
        (ReportFrequency.DAILY, None, "02:30", "2026-03-28 12:00", "2026-03-29 03:30"),  # the clocks skip it
        (ReportFrequency.DAILY, None, "02:30", "2026-10-24 12:00", "2026-10-25 02:30"),  # the first of two
        (ReportFrequency.WEEKLY, 7, "08:30", "2026-03-01 09:00", "2026-03-08 08:30"),
        (ReportFrequency.MONTHLY, 31, "08:30", "2026-01-31 09:00", "2026-02-28 08:30"),
        (ReportFrequency.MONTHLY, 30, "08:30", "2028-02-01 09:00", "2028-02-29 08:30"),
        (ReportFrequency.MONTHLY, 1, "08:30", "2026-12-01 09:00", "2027-01-01 08:30"),
    ],
)
def test_the_next_time_is_found_on_the_local_calendar(
    frequency: ReportFrequency, on: int | None, at: str, after: str, expected: str
) -> None:
    said = ReportScheduled(frequency=frequency, at=at, timezone="Europe/Madrid", on=on, recipients=(EVA,))
    found = next_after(said, moment(after))
    assert local(found) == expected
    assert isinstance(found, datetime)
    assert next_after(said, found) > found


# Who may see it.


def tasks(shop: Shop) -> list[str | None]:
    return [event.subject for event, _ in shop.events() if isinstance(event, ActivityScheduled)]


@pytest.mark.parametrize(
    ("role", "base", "sees"),
    [
        (StaffRole.REP, "salesByTerritory", False),
        (StaffRole.REP, "wonAndLost", False),
        (StaffRole.SALES_MANAGER, "wonAndLost", True),
        (StaffRole.MARKETER, "campaignSteps", True),
        (StaffRole.MARKETER, "wonAndLost", False),
        (StaffRole.AUDITOR, "wonAndLost", True),
        (StaffRole.OPERATOR, "campaignSteps", False),
        (StaffRole.REP, "customerContacts", True),
        (StaffRole.OTHER, "customerContacts", False),
    ],
)
def test_a_report_is_for_those_roles_that_may_see_it(role: StaffRole, base: str, sees: bool) -> None:
    assert may_see(role, base) is sees
    assert may_see(StaffRole.DIRECTOR, base)


def test_who_may_not_see_a_report_gets_none_and_is_named_once(shop: Shop) -> None:
    shop.do(ChangeStaff(staff_id=EVA, role=StaffRole.REP))
    schedule(shop, recipients=(EVA, LEO), frequency=ReportFrequency.DAILY, on=None)
    shop.until(MONDAY)
    shop.until("2026-03-03 08:30")
    assert {mail["To"] for mail in shop.mails()} == {"Leo <leo@shop.test>"}
    refused = [row for row in shop.ledger() if row.reason == "NOT_ALLOWED"]
    assert {(row.status.value, row.about) for row in refused} == {("SUPPRESSED", EVA)}
    assert len(refused) == 2
    assert tasks(shop) == ["Eva no puede ver el informe Ventas como REP: envíelo a otra persona, o cambie su función."]


def test_it_is_looked_each_time_what_somebody_may_see(shop: Shop) -> None:
    shop.do(ChangeStaff(staff_id=EVA, role=StaffRole.AGENT))
    schedule(shop)
    shop.until(MONDAY)
    assert shop.mails() == []
    shop.do(ChangeStaff(staff_id=EVA, role=StaffRole.SALES_MANAGER))
    shop.until("2026-03-09 08:30")
    assert len(shop.mails()) == 1
    shop.do(ChangeStaff(staff_id=EVA, role=StaffRole.REP))
    shop.do(SaveReport(report_id=REPORT, key="north", title="Compras", base="campaignSteps", last_days=7))
    shop.until("2026-03-16 08:30")
    assert len(shop.mails()) == 1
    assert [task and task.split(" como ")[1][:5] for task in tasks(shop)] == ["AGENT", "REP: "]
