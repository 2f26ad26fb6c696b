"""The acceptance scenarios of the service, as they are told."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from domain.agent_shift import SignInAgent
from domain.case import AssignCase, OpenCase
from domain.case_events import CaseEscalated, CasePriority, CaseType, ManagementNotified
from domain.kernel import derived
from domain.staff import AddStaff, StaffRole
from domain.team import DefineTeam, JoinTeam
from domain.values import Channel
from domain.work_item import QueueWorkItem, WorkItemOffered
from processes import case_closure, case_escalation, case_sla, queue_routing
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from projections.service.queue import live_queue
from tests.conftest import House
from tests.processes.desk import at, happened, member, resolve
from tests.processes.shop import Shop, moment


def test_4_telephone_mail_fax_and_web_are_one_queue_and_its_order_is_explained(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, queue_routing.policy])
    engine = Engine(house.log, house.log.pool, VIEWS)
    engine.prepare()
    shop.until("2026-03-10 10:00:00")

    # A letter by fax, an e-mail of a Gold member, a form on the web, and then a call.
    waiting: dict[str, UUID] = {}
    for name, channel, priority, customer, waits_s in (
        ("fax", Channel.FAX, CasePriority.NORMAL, None, 1200),
        ("mail", Channel.EMAIL, CasePriority.NORMAL, member(shop, "GOLD"), 600),
        ("web", Channel.WEB, CasePriority.HIGH, None, 300),
        ("call", Channel.PHONE, CasePriority.NORMAL, None, 55),
    ):
        shop.until(moment("2026-03-10 11:00") - timedelta(seconds=waits_s))
        waiting[name] = derived("work_item", name)
        at(
            shop,
            QueueWorkItem(
                work_item_id=waiting[name],
                customer_id=customer,
                channel=channel,
                queue="service",
                priority=priority,
                score=0,
            ),
        )
    shop.until("2026-03-10 11:00")

    # They are one queue. Each place in it is explained by the parts of the score, which are those of the rule.
    engine.catch_up()
    queue = live_queue(Lists(house.log, house.log.pool), "service", now=shop.now)
    names = {id: name for name, id in waiting.items()}
    explained = [
        (names[each.work_item_id], each.score, {part.name: part.points for part in each.factors})
        for each in queue.items
    ]
    assert explained == [
        ("web", 300, {"priority": 300, "wait": 0}),
        ("mail", 261, {"priority": 200, "tier": 60, "wait": 1}),
        ("call", 205, {"priority": 200, "wait": 5}),
        ("fax", 202, {"priority": 200, "wait": 2}),
    ]

    # Whoever comes is offered them in just that order: what is next, as long as they can take it.
    ana, ben = derived("staff", "ana"), derived("staff", "ben")
    at(shop, SignInAgent(agent_shift_id=derived("agent_shift", 1), staff_id=ana, capacity=40))
    at(shop, SignInAgent(agent_shift_id=derived("agent_shift", 2), staff_id=ben))
    offered = [(names[at.stream_id], e.staff_id) for e, at in shop.events() if isinstance(e, WorkItemOffered)]
    assert offered == [("web", ana), ("mail", ana), ("call", ben)]


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
