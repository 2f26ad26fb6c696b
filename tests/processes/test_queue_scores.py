"""P12: how much what waits presses, and why."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.case import ChangeCasePriority
from domain.case_events import CasePriority
from domain.case_sla import SetSlaTarget, SlaMilestone
from domain.merging import MergeCustomers
from domain.queueing import OTHER_LOAD, factors, load, waiting_points
from domain.values import Channel
from domain.work_item import (
    WorkItemQueued,
)
from processes import case_sla, queue_routing
from tests.conftest import House
from tests.processes.centre import (
    HIGH,
    LOW,
    NORMAL,
    URGENT,
    item,
    outcomes,
    scores,
)
from tests.processes.desk import at, member, open_case, respond
from tests.processes.shop import Shop


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that routes what waits, and nothing else."""
    shop = Shop(house.log, tmp_path / "mail", policies=[queue_routing.policy])
    shop.until("2026-03-10 10:00:00")
    return shop


@pytest.mark.parametrize(
    ("priority", "tiers", "little_left", "score"),
    [
        (URGENT, (), False, 400),
        (HIGH, (), False, 300),
        (NORMAL, (), False, 200),
        (LOW, (), False, 100),
        (LOW, ("PLATINUM",), False, 190),
        (LOW, ("GOLD",), False, 160),
        (LOW, ("SILVER",), False, 130),
        (LOW, ("BASE",), False, 100),
        (LOW, ("SILVER", "PLATINUM"), False, 190),
        (URGENT, ("PLATINUM",), True, 590),
    ],
)
def test_a_score_is_made_of_priority_tier_and_little_time(
    priority: CasePriority, tiers: tuple[str, ...], little_left: bool, score: int
) -> None:
    assert sum(factors(priority, tiers, little_left=little_left).values()) == score


@pytest.mark.parametrize(
    ("channel", "every"),
    [(Channel.PHONE, 10), (Channel.CHAT, 60), (Channel.EMAIL, 600), (Channel.WEB, 600), (Channel.FAX, 600)],
)
def test_waiting_adds_a_point_by_the_channel(channel: Channel, every: int) -> None:
    assert [waiting_points(channel, s) for s in (0, every - 1, every, 2 * every - 1, 2 * every)] == [0, 0, 1, 1, 2]


def test_what_a_channel_takes_of_an_agent() -> None:
    assert (load(Channel.PHONE), load(Channel.CHAT), load(Channel.EMAIL), OTHER_LOAD) == (100, 33, 20, 20)


def test_what_is_queued_is_scored_and_its_factors_are_kept(shop: Shop) -> None:
    gold = item(shop, Channel.FAX, HIGH, customer_id=member(shop, "GOLD"), score=7)
    assert scores(shop, gold)[1:] == [{"priority": 300, "tier": 60}]
    right = item(shop, Channel.FAX, HIGH, score=300, factors={"priority": 300})
    assert len(scores(shop, right)) == 1
    assert outcomes(shop, "route") == [("DONE", "WAITS")] * 2


def test_the_tier_of_who_is_taken_to_be_the_same_counts(shop: Shop) -> None:
    customer, gold = shop.customer(), member(shop, "GOLD")
    shop.do(MergeCustomers(customer_id=customer, survivor_id=gold))
    waiting = item(shop, customer_id=customer)
    assert scores(shop, waiting)[1:] == [{"priority": 200, "tier": 60}]


def test_little_time_left_adds_to_the_score(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, queue_routing.policy])
    open_case(shop, "2026-03-10 10:00:00", HIGH)  # to be answered by eleven: a fifth of the time is from 10:48 on
    [queued] = [at.stream_id for e, at in shop.events() if isinstance(e, WorkItemQueued)]
    shop.until("2026-03-10 10:48:00")
    assert scores(shop, queued) == [{"priority": 300}]
    shop.until("2026-03-10 10:48:01")
    assert scores(shop, queued)[1:] == [{"priority": 300, "sla": 100}]


def test_of_a_target_that_was_set_anew_it_is_the_share_of_all_the_time(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, queue_routing.policy])
    case = open_case(shop, "2026-03-10 10:00:00", HIGH)
    [queued] = [at.stream_id for e, at in shop.events() if isinstance(e, WorkItemQueued)]
    due_at = shop.now + timedelta(minutes=20)  # after a wait, of the hour twenty minutes are left
    at(
        shop,
        SetSlaTarget(case_id=case, milestone=SlaMilestone.FIRST_RESPONSE, due_at=due_at, sla="standard", sla_version=1),
    )
    shop.until("2026-03-10 10:08:00")
    assert len(scores(shop, queued)) == 1
    shop.until("2026-03-10 10:08:01")  # twelve minutes are a fifth of an hour
    assert scores(shop, queued)[1:] == [{"priority": 300, "sla": 100}]
    respond(shop, case, "2026-03-10 10:10:00")
    assert scores(shop, queued)[2:] == [{"priority": 300}]  # it is to be resolved by six
    shop.until("2026-03-10 17:00:00")
    assert scores(shop, queued)[3:] == [{"priority": 300, "sla": 100}]


def test_another_priority_of_its_case_counts(shop: Shop) -> None:
    case = open_case(shop, None, LOW)
    waiting = item(shop, priority=LOW, case_id=case)
    at(shop, ChangeCasePriority(case_id=case, priority=URGENT))
    assert scores(shop, waiting)[1:] == [{"priority": 100}, {"priority": 400}]
