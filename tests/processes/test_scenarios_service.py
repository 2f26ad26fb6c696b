"""The acceptance scenarios of the service, as they are told."""

from pathlib import Path

from domain.case import AssignCase, OpenCase
from domain.case_events import CaseEscalated, CasePriority, CaseType, ManagementNotified
from domain.kernel import derived
from domain.staff import AddStaff, StaffRole
from domain.team import DefineTeam, JoinTeam
from domain.values import Channel
from processes import case_closure, case_escalation, case_sla
from tests.conftest import House
from tests.processes.desk import at, happened, resolve
from tests.processes.shop import Shop


def test_6_an_unresolved_priority_case_climbs_management_is_told_and_nothing_comes_after_the_resolution(
    house: House, tmp_path: Path
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_closure.policy, case_escalation.policy, case_sla.policy])
    ana, lead, head, boss = (derived("staff", name) for name in ("ana", "lead", "head", "boss"))
    for who, role in (
        (ana, StaffRole.AGENT), (lead, StaffRole.AGENT), (head, StaffRole.SERVICE_MANAGER), (boss, StaffRole.DIRECTOR)
    ):  # fmt: skip
        shop.do(AddStaff(staff_id=who, name="Somebody", role=role))
    team = derived("team", "support")
    shop.do(DefineTeam(team_id=team, name="Support", manager_id=lead))
    shop.do(JoinTeam(team_id=team, staff_id=ana))

    # On a Tuesday morning a customer reports something urgent. Ana gets it, and does not come to it.
    case = derived("case", 1)
    customer = shop.customer()
    urgent = OpenCase(
        case_id=case,
        customer_id=customer,
        type=CaseType.INCIDENT,
        priority=CasePriority.URGENT,
        channel=Channel.PHONE,
        number="C-1",
    )
    at(shop, urgent, "2026-03-10 10:00")
    at(shop, AssignCase(case_id=case, staff_id=ana, team_id=team))
    for minute in range(0, 60):
        shop.until(f"2026-03-10 10:{minute:02}")

    # It climbs: after a quarter of an hour, half of that later, and after twice the time that was promised.
    found = happened(shop, CaseEscalated)
    assert [(e.level, e.staff_id, on) for e, on in found if isinstance(e, CaseEscalated)] == [
        (1, lead, "2026-03-10 10:15"),
        (2, head, "2026-03-10 10:23"),
        (3, boss, "2026-03-10 10:30"),
    ]
    told = happened(shop, ManagementNotified)
    assert [(e.staff_id, e.level, on) for e, on in told if isinstance(e, ManagementNotified)] == [
        (boss, 3, "2026-03-10 10:30")
    ]

    # It is resolved. Nothing comes after that but the question how it went, and that the case is closed.
    resolve(shop, case, "2026-03-10 11:00")
    before = len(happened(shop, CaseEscalated, ManagementNotified))
    for day in range(11, 31):
        shop.until(f"2026-03-{day} 12:00")
    assert len(happened(shop, CaseEscalated, ManagementNotified)) == before
    waiting = [each.step for each in shop.ledger() if each.status == "SCHEDULED"]
    assert waiting == ["expiry"]  # of the invitation, after thirty days
