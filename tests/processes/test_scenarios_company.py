"""Acceptance scenarios 1 and 14, as they are told: the survey a month after the purchase, and an objective that is watched."""

import signal
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from domain.activity import ActivityScheduled
from domain.kernel import derived
from domain.lifecycle import ChangeLifecycleStage, LifecycleStage
from domain.objective import (
    ObjectiveDimension,
    ObjectiveMissed,
    ObjectiveOperator,
    ObjectiveScope,
    ReviewObjective,
    SetObjective,
)
from domain.predicate import Predicate, Test, TestOperator
from domain.segment import DefineSegment, PublishSegment
from domain.segment_membership import EnterSegment
from domain.staff import AddStaff, StaffRole
from processes import objective_watch
from projections import VIEWS
from projections.engine import Engine
from tests.conftest import House
from tests.processes.doomed import begin
from tests.processes.shop import Shop, local, moment

SETTLED_WITHIN_S = 20.0


def test_1_who_bought_on_31_january_is_asked_on_28_february_at_ten_once_however_many_workers_die(
    house: House, tmp_path: Path
) -> None:
    """A thousand killed workers are `make test-long`: test_kill.py and test_kill_company.py."""
    shop = Shop(house.log, tmp_path / "mail", now=moment("2026-01-31 18:30"))
    kept = shop.order(shop.customer(), "2026-01-31 18:00")
    returned = shop.order(shop.customer(email="bea@shop.test"), "2026-01-31 18:00")
    shop.until("2026-01-31 18:30")
    promised = shop.entry(kept, "survey")
    assert local(promised.due_at) == "2026-02-28 10:00"
    # One of them gives everything back.
    shop.now = moment("2026-02-10 12:00")
    shop.give_back(returned, 2)
    # On the day, every worker dies: before it has decided, with the letter out and nothing noted, and with all but the last word.
    day = moment("2026-02-28 10:00")
    for point in ("firing: decided", "delivery: sent", "delivery: outcome appended, not committed"):
        worker = begin(house.dsn, tmp_path / "mail", [day], dies_at=point)
        worker.join(SETTLED_WITHIN_S)
        assert worker.exitcode == -signal.SIGKILL
    until = time.monotonic() + SETTLED_WITHIN_S
    while shop.outcome(kept)[0] != "DELIVERED" and time.monotonic() < until:
        shop.worker = shop.hire()
        shop.until(day)
    assert shop.outcome(kept) == ("DELIVERED", None)
    assert shop.outcome(returned) == ("CANCELLED", "ORDER_RETURNED")
    assert [mail["To"] for mail in shop.mails()] == ["Ana <ana@shop.test>"]


def test_14_churn_in_a_segment_is_to_fall_by_ten_per_cent_and_whoever_answers_for_it_is_told_in_time(
    house: House, tmp_path: Path
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[objective_watch.policy], now=moment("2026-02-20 12:00"))
    shop.engine = Engine(house.log, house.pool, VIEWS)
    shop.engine.prepare()
    shop.worker = shop.hire()
    eva, pilar = derived("staff", "eva"), derived("staff", "pilar")
    for id, role, manager in ((pilar, StaffRole.DIRECTOR, None), (eva, StaffRole.MARKETER, pilar)):
        shop.do(AddStaff(staff_id=id, name="x", role=role, timezone="Europe/Madrid", manager_id=manager))
    # Of 40 customers in the segment no more than 22.5 % may be lost in March, which is a tenth less than the 25 % of last year.
    segment = derived("segment", "families")
    anybody = Predicate(test=Test(field="orders", operator=TestOperator.GTE, number=Decimal(0)))
    shop.do(DefineSegment(segment_id=segment, key="families", title={"en": "Families"}, predicate=anybody))
    shop.do(PublishSegment(segment_id=segment))
    families = [shop.customer(email=f"f{n}@shop.test") for n in range(40)]
    others = [shop.customer(email=f"o{n}@shop.test") for n in range(10)]
    for customer in families + others:
        shop.do(ChangeLifecycleStage(customer_id=customer, stage=LifecycleStage.CUSTOMER))
    for customer in families:
        shop.do(EnterSegment(segment_id=segment, customer_id=customer, definition_version=1))
    objective = derived("objective", "churn")
    shop.do(
        SetObjective(
            objective_id=objective, kpi="churn_rate", kpi_version=1, target=Decimal("22.5"),
            operator=ObjectiveOperator.AT_MOST, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31), owner=eva, unit="%",
            scope=(ObjectiveScope(dimension=ObjectiveDimension.SEGMENT, value="families"),),
        )
    )  # fmt: skip
    shop.worker.run()

    def lose(customers: list[UUID], on: str) -> None:
        for customer in customers:
            shop.do(ChangeLifecycleStage(customer_id=customer, stage=LifecycleStage.CHURNED), on)

    def told() -> list[tuple[UUID | None, str]]:
        tasks = [event for event, _ in shop.events() if isinstance(event, ActivityScheduled)]
        return [(task.staff_id, (task.subject or "").partition(":")[0]) for task in tasks]

    def light(day: str) -> str | None:
        return {row.step: row.reason for row in shop.ledger()}[f"day {day}"]

    # Those who leave elsewhere do not count, and nine of the families are what was to be expected.
    lose(others + families[:9], "2026-03-05 12:00")
    shop.until("2026-03-06 07:00")
    assert (light("2026-03-05"), told()) == ("GREEN", [])
    # With eleven it is amber, and Eva is told; with fourteen red, and Pilar is to review it.
    lose(families[9:11], "2026-03-09 12:00")
    shop.until("2026-03-10 07:00")
    assert (light("2026-03-09"), told()) == ("AMBER", [(eva, "Look at churn_rate")])
    lose(families[11:14], "2026-03-16 12:00")
    shop.until("2026-03-17 07:00")
    assert light("2026-03-16") == "RED"
    assert told()[1:] == [(eva, "Look at churn_rate"), (pilar, "Review the objective churn_rate")]
    shop.do(ReviewObjective(objective_id=objective, finding="Prices went up", decision="Call the next ten"))
    # Nobody else leaves, and it is too late: 35 % of what was there when March began.
    shop.until("2026-04-01 07:00")
    [missed] = [event for event, _ in shop.events() if isinstance(event, ObjectiveMissed)]
    assert missed.measured == 35
