"""P19: customers enter and leave the published segments by themselves, and campaigns are for whoever is in."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.campaign import LaunchCampaign
from domain.campaign_member import MemberTargeted
from domain.campaign_plan import CampaignKind, PlanCampaign, SegmentVersion
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.order import CancelOrder
from domain.predicate import Predicate, Test, TestOperator
from domain.segment import DefineSegment, PublishSegment, RetireSegment
from domain.segment_membership import SegmentEntered, SegmentExited
from processes import campaign_execution, segment_membership
from processes.segment_membership import asked
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing.segment_members import members
from tests.conftest import House
from tests.processes.shop import Shop, local, moment

SEGMENT = derived("segment", "buyers")
BOUGHT = Predicate(test=Test(field="orders", operator=TestOperator.GTE, number=Decimal(1)))
BUYS = Predicate(test=Test(field="revenue", operator=TestOperator.GT, number=Decimal(0)))
RICH = Predicate(test=Test(field="revenue", operator=TestOperator.GT, number=Decimal(50)))
LATELY = Predicate(test=Test(field="last_order_at", operator=TestOperator.WITHIN_DAYS, number=Decimal(2)))
NOBODY_KNOWS = Predicate(test=Test(field="region", operator=TestOperator.EQ, text="north"))


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[campaign_execution.policy, segment_membership.policy])
    shop.engine = Engine(house.log, house.pool, VIEWS)
    shop.engine.prepare()
    shop.worker = shop.hire()
    return shop


def publish(shop: Shop, predicate: Predicate = BOUGHT, segment: UUID = SEGMENT) -> None:
    key = f"s{segment.hex[:4]}"
    shop.do(DefineSegment(segment_id=segment, key=key, title={"en": "Some"}, predicate=predicate))
    shop.do(PublishSegment(segment_id=segment))
    shop.worker.run()


def moved(shop: Shop, segment: UUID = SEGMENT) -> list[tuple[str, UUID, int]]:
    """Who entered and left, and by which version."""
    return [
        ("in" if isinstance(event, SegmentEntered) else "out", event.customer_id, event.definition_version)
        for event, _ in shop.events()
        if isinstance(event, SegmentEntered | SegmentExited) and event.segment_id == segment
    ]


def inside(shop: Shop, segment: UUID = SEGMENT) -> set[UUID]:
    shop.engine.catch_up()
    return {each.customer_id for each in members(Lists(shop.log, shop.log.pool), segment).members}


def rows(shop: Shop) -> dict[str, tuple[str, str | None]]:
    return {row.step: (row.status.value, row.reason) for row in shop.ledger() if row.policy == "segment-membership"}


def test_whoever_is_meant_enters_when_the_segment_is_published(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer()
    shop.order(ana, "2026-01-01 11:00")
    publish(shop)
    assert moved(shop) == [("in", ana, 1)]
    assert inside(shop) == {ana}
    assert eva not in inside(shop)
    assert rows(shop) == {
        "version 1: look 1": ("DONE", "MOVED"),
        "version 1: look 2": ("SCHEDULED", None),
    }
    [waiting] = [row for row in shop.ledger() if row.status == "SCHEDULED"]
    assert local(waiting.due_at) == "2026-01-02 03:00"


def test_every_night_who_came_to_be_meant_enters_and_who_ceased_to_leaves(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer()
    order = shop.order(ana, "2026-01-01 11:00")
    publish(shop, BUYS)
    shop.do(CancelOrder(order_id=order), "2026-01-01 13:00")
    shop.order(eva, "2026-01-01 14:00")
    shop.until("2026-01-02 02:59")
    assert inside(shop) == {ana}
    shop.until("2026-01-02 03:00")
    assert set(moved(shop)[1:]) == {("in", eva, 1), ("out", ana, 1)}
    shop.until("2026-01-03 03:00")
    assert len(moved(shop)) == 3
    assert rows(shop)["version 1: look 3"] == ("DONE", "UNCHANGED")


def test_what_is_said_of_days_is_counted_from_the_night(shop: Shop) -> None:
    ana = shop.customer()
    shop.order(ana, "2026-01-01 11:00")
    publish(shop, LATELY)
    shop.until("2026-01-03 03:00")
    assert inside(shop) == {ana}
    shop.until("2026-01-04 03:00")
    assert moved(shop) == [("in", ana, 1), ("out", ana, 1)]


def test_a_worker_that_comes_late_counts_from_when_it_looks_and_not_from_when_it_should_have(shop: Shop) -> None:
    ana = shop.customer()
    shop.order(ana, "2026-01-01 11:00")
    publish(shop, LATELY)
    shop.until("2026-01-04 09:00")  # nobody was at work for three nights
    assert moved(shop) == [("in", ana, 1), ("out", ana, 1)]
    [waiting] = [row for row in shop.ledger() if row.status == "SCHEDULED"]
    assert local(waiting.due_at) == "2026-01-05 03:00"


def test_another_version_decides_at_once_and_the_looks_of_the_one_before_end(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer()
    shop.order(ana, "2026-01-01 11:00")
    shop.order(eva, "2026-01-01 11:00", pieces=20)
    publish(shop)
    publish(shop, RICH)
    assert moved(shop)[2:] == [("out", ana, 2)]
    shop.until("2026-01-02 03:00")
    assert rows(shop)["version 1: look 2"] == ("CANCELLED", "REPUBLISHED")
    assert rows(shop)["version 2: look 2"] == ("DONE", "UNCHANGED")


def test_nobody_moves_by_what_is_only_defined(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-01 11:00")
    shop.do(DefineSegment(segment_id=SEGMENT, key="s", title={"en": "Some"}, predicate=BOUGHT))
    shop.worker.run()
    assert rows(shop) == {}
    publish(shop, BOUGHT, derived("segment", 2))
    assert moved(shop) == []


def test_a_segment_that_is_retired_is_looked_at_no_more(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-01 11:00")
    publish(shop)
    shop.do(RetireSegment(segment_id=SEGMENT))
    shop.until("2026-01-02 03:00")
    assert rows(shop)["version 1: look 2"] == ("CANCELLED", "RETIRED")
    assert inside(shop) == set()
    assert len(rows(shop)) == 2


def test_what_nobody_knows_of_customers_moves_nobody(shop: Shop) -> None:
    shop.customer()
    publish(shop, NOBODY_KNOWS)
    assert rows(shop) == {"version 1: look 1": ("SUPPRESSED", "NOT_MEASURABLE")}
    publish(shop, BOUGHT)
    assert rows(shop)["version 2: look 1"] == ("DONE", "UNCHANGED")


def test_many_are_moved_in_parts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_membership, "MOVED_AT_ONCE", 2)
    customers = [shop.customer() for _ in range(5)]
    for each in customers:
        shop.order(each, "2026-01-01 11:00")
    publish(shop)
    assert inside(shop) == set(customers)
    assert len(moved(shop)) == 5
    assert list(rows(shop)) == [f"version 1: look {number}" for number in (1, 2, 3, 4)]
    [waiting] = [row for row in shop.ledger() if row.status == "SCHEDULED"]
    assert local(waiting.due_at) == "2026-01-02 03:00"


def test_who_was_merged_is_one_member_and_leaves_as_all_of_them(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer(email="eva@shop.test")
    orders = [shop.order(each, "2026-01-01 11:00") for each in (ana, eva)]
    publish(shop, BUYS)
    shop.do(MergeCustomers(customer_id=ana, survivor_id=eva))
    shop.until("2026-01-02 03:00")
    assert (inside(shop), len(moved(shop))) == ({eva}, 2)
    for each in orders:
        shop.do(CancelOrder(order_id=each))
    shop.until("2026-01-03 03:00")
    assert inside(shop) == set()
    assert set(moved(shop)[2:]) == {("out", ana, 1), ("out", eva, 1)}
    shop.until("2026-01-04 03:00")
    assert len(moved(shop)) == 4


def test_it_is_looked_at_when_it_is_asked_and_again_at_night(shop: Shop) -> None:
    ana = shop.customer()
    publish(shop)
    shop.order(ana, "2026-01-01 11:00")
    [waiting] = [row for row in shop.ledger() if row.status == "SCHEDULED"]
    published = next(at.position for event, at in shop.events() if at.type == "segment.published.v1")
    shop.do(asked(SEGMENT, published, 1, waiting.follow_up_id, shop.now))
    shop.worker.run()
    assert inside(shop) == {ana}
    shop.until("2026-01-02 03:00")
    assert len(moved(shop)) == 1
    [waiting] = [row for row in shop.ledger() if row.status == "SCHEDULED"]
    assert local(waiting.due_at) == "2026-01-03 03:00"


def test_what_was_published_before_the_policy_was_there_is_looked_at_when_it_is_asked(
    house: House, tmp_path: Path
) -> None:
    early = Shop(house.log, tmp_path / "mail", policies=[])
    ana = early.customer()
    early.order(ana, "2026-01-01 11:00")
    publish(early)
    shop = Shop(house.log, tmp_path / "mail", policies=[segment_membership.policy])
    shop.engine = Engine(house.log, house.pool, VIEWS)
    shop.engine.prepare()
    shop.worker = shop.hire()
    shop.worker.run()
    assert moved(shop) == []
    published = next(at.position for event, at in shop.events() if at.type == "segment.published.v1")
    for _ in range(2):
        shop.do(asked(SEGMENT, published, 1, None, shop.now))
    shop.worker.run()
    assert moved(shop) == [("in", ana, 1)]


def test_a_campaign_is_for_whoever_is_in_at_the_launch(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer(email="eva@shop.test")
    shop.order(ana, "2026-01-01 11:00")
    publish(shop)
    shop.order(eva, "2026-01-02 11:00")
    campaign = derived("campaign", "spring")
    told: dict[str, Any] = {"kind": CampaignKind.EMAIL, "starts_at": moment("2026-01-01 10:00"), "segments": (SEGMENT,)}
    shop.do(PlanCampaign(campaign_id=campaign, key="spring", title="Spring", **told))
    version = SegmentVersion(segment_id=SEGMENT, version=1)
    shop.until("2026-01-03 03:00")
    shop.do(LaunchCampaign(campaign_id=campaign, segment_versions=(version,)), "2026-01-03 10:00")
    shop.until("2026-01-03 10:00")
    targeted = {event.customer_id for event, _ in shop.events() if isinstance(event, MemberTargeted)}
    assert targeted == {ana, eva}
