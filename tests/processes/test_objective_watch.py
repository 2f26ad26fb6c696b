"""P21: objectives are measured every morning, and whoever answers for one that falls behind is told."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.activity import ActivityCancelled, ActivityScheduled, CompleteActivity
from domain.kernel import derived
from domain.objective import (
    ObjectiveAchieved,
    ObjectiveMissed,
    ObjectiveOperator,
    ReviseObjective,
    SetObjective,
)
from domain.staff import AddStaff, StaffRole
from eventstore.envelope import Origin
from processes import objective_watch
from projections import VIEWS
from projections.engine import Engine
from tests.conftest import House
from tests.processes.shop import Shop, local

OBJECTIVE, OWNER, BOSS = derived("objective", "march"), derived("staff", "eva"), derived("staff", "pilar")
CUSTOMER = derived("customer", "shop", 1)


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop with an owner of objectives, and a director above."""
    shop = Shop(house.log, tmp_path / "mail", policies=[objective_watch.policy])
    shop.engine = Engine(house.log, house.pool, VIEWS)
    shop.engine.prepare()
    shop.worker = shop.hire()
    for id, role in ((OWNER, StaffRole.REP), (BOSS, StaffRole.DIRECTOR)):
        manager = BOSS if id == OWNER else None
        shop.do(AddStaff(staff_id=id, name="x", role=role, timezone="Europe/Madrid", manager_id=manager))
    shop.customer()
    return shop


def objective(shop: Shop, on: str = "2026-03-01 10:00", **said: Any) -> None:
    """Orders for 310 euros in March: ten each day."""
    told = {"starts_on": date(2026, 3, 1), "ends_on": date(2026, 3, 31), "owner": OWNER, **said}
    shop.do(
        SetObjective(
            objective_id=OBJECTIVE, kpi="gross_revenue", kpi_version=1, target=Decimal(310),
            operator=ObjectiveOperator.AT_LEAST, **told,
        ),
        on,
    )  # fmt: skip
    shop.worker.run()


def sell(shop: Shop, *days: int, pieces: int = 2) -> None:
    for day in days:
        shop.order(CUSTOMER, f"2026-03-{day:02} 12:00", pieces=pieces)


def tasks(shop: Shop) -> list[tuple[UUID | None, str]]:
    found = [event for event, _ in shop.events() if isinstance(event, ActivityScheduled)]
    return [(each.staff_id, (each.subject or "").partition(":")[0]) for each in found]


def rows(shop: Shop) -> dict[str, tuple[str, str | None]]:
    return {row.step: (row.status.value, row.reason) for row in shop.ledger()}


def test_who_is_on_pace_is_left_alone(shop: Shop) -> None:
    objective(shop)
    sell(shop, 1)
    shop.until("2026-03-02 06:59")
    assert rows(shop) == {"day 2026-03-01": ("SCHEDULED", None)}
    shop.until("2026-03-02 07:00")
    assert rows(shop) == {"day 2026-03-01": ("DONE", "GREEN"), "day 2026-03-02": ("SCHEDULED", None)}
    assert tasks(shop) == []
    [waiting] = [row for row in shop.ledger() if row.status == "SCHEDULED"]
    assert local(waiting.due_at) == "2026-03-03 07:00"


@pytest.mark.parametrize(
    ("sold", "light", "told"),
    [
        (18, "GREEN", []),  # 90 %
        (17, "AMBER", [(OWNER, "Look at gross_revenue")]),
        (15, "AMBER", [(OWNER, "Look at gross_revenue")]),  # 75 %
        (14, "RED", [(OWNER, "Look at gross_revenue"), (BOSS, "Review the objective gross_revenue")]),
    ],
)
def test_amber_is_for_the_owner_and_red_for_the_director_as_well(
    shop: Shop, sold: int, light: str, told: list[tuple[UUID, str]]
) -> None:
    objective(shop, on="2026-03-10 10:00")  # the first day that can be looked at is the tenth
    sell(shop, 10, pieces=sold)  # five euros each, of 100 that were to be sold by then
    shop.until("2026-03-11 07:00")
    assert rows(shop)["day 2026-03-10"] == ("DONE", light)
    assert tasks(shop) == told


def test_the_same_light_is_told_once_and_a_worse_one_again(shop: Shop) -> None:
    objective(shop)
    sell(shop, 1)
    shop.until("2026-03-02 07:00")
    sell(shop, 2, pieces=1)  # 15 of 20: amber
    shop.until("2026-03-03 07:00")
    assert tasks(shop) == [(OWNER, "Look at gross_revenue")]
    sell(shop, 3)  # 25 of 30: amber
    shop.until("2026-03-04 07:00")
    assert len(tasks(shop)) == 1
    shop.until("2026-03-05 07:00")  # 25 of 40: red
    assert len(tasks(shop)) == 3


def test_back_on_pace_the_tasks_that_are_open_are_called_off(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    objective(shop)
    shop.until("2026-03-02 07:00")
    opened = [at.stream_id for event, at in shop.events() if isinstance(event, ActivityScheduled)]
    shop.do(CompleteActivity(activity_id=opened[0], outcome="DONE"))
    sell(shop, 2, pieces=20)
    shop.until("2026-03-03 07:00")
    assert [at.stream_id for event, at in shop.events() if isinstance(event, ActivityCancelled)] == opened[1:]
    assert "refused" not in caplog.text  # what was done is not called off


@pytest.mark.parametrize(("pieces", "kind"), [(62, ObjectiveAchieved), (61, ObjectiveMissed)])
def test_after_the_last_day_it_is_decided(shop: Shop, pieces: int, kind: type) -> None:
    objective(shop)
    sell(shop, 1, pieces=pieces)
    shop.until("2026-04-01 06:59")
    decided = (ObjectiveAchieved, ObjectiveMissed)
    assert not [event for event, _ in shop.events() if isinstance(event, decided)]
    shop.until("2026-04-01 07:00")
    [(event, at)] = [(event, at) for event, at in shop.events() if isinstance(event, decided)]
    assert isinstance(event, kind)
    assert (event.measured, event.kpi_version) == (5 * pieces, 1)  # type: ignore[attr-defined]
    assert 0 < event.position < at.position  # type: ignore[attr-defined]
    shop.until("2026-05-01 07:00")
    assert len(rows(shop)) == 31


def test_an_objective_that_ends_early_is_decided_then(shop: Shop) -> None:
    objective(shop)
    sell(shop, 1, pieces=62)
    shop.until("2026-03-10 07:00")
    shop.do(ReviseObjective(objective_id=OBJECTIVE, ends_on=date(2026, 3, 5), reason="enough"))
    shop.until("2026-03-11 07:00")
    assert [type(event) for event, _ in shop.events()].count(ObjectiveAchieved) == 1
    assert {status for status, _ in rows(shop).values()} == {"DONE"}


def test_an_objective_that_was_over_when_it_was_set_is_passed_over(shop: Shop) -> None:
    objective(shop, on="2026-04-02 10:00")
    assert rows(shop) == {"day 2026-03-31": ("SUPPRESSED", "OVER")}


def test_what_cannot_be_measured_is_unknown_and_nobody_is_told(shop: Shop) -> None:
    shop.do(
        SetObjective(
            objective_id=OBJECTIVE, kpi="no-such-figure", kpi_version=1, target=Decimal(1),
            operator=ObjectiveOperator.AT_LEAST, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 1), owner=OWNER,
        ),
        "2026-03-01 10:00",
    )  # fmt: skip
    shop.until("2026-03-02 07:00")
    assert rows(shop) == {"day 2026-03-01": ("DONE", "UNKNOWN")}
    assert tasks(shop) == []


def test_what_is_said_later_of_a_day_counts_when_the_day_is_looked_at(shop: Shop) -> None:
    objective(shop)
    shop.until("2026-03-02 06:59")
    sell(shop, 1)  # told at the last minute
    shop.until("2026-03-02 07:00")
    assert rows(shop)["day 2026-03-01"] == ("DONE", "GREEN")


def test_an_imported_objective_is_not_watched(shop: Shop) -> None:
    shop.do(
        SetObjective(
            objective_id=OBJECTIVE, kpi="gross_revenue", kpi_version=1, target=Decimal(310),
            operator=ObjectiveOperator.AT_LEAST, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31),
        ),
        "2026-03-01 10:00",
        Origin.IMPORT,
    )  # fmt: skip
    shop.until("2026-03-05 07:00")
    assert shop.ledger() == []
