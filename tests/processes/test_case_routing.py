"""P09: a case that nobody has waits in the one queue for all channels."""

from pathlib import Path

import pytest

from domain.case import (
    AssignCase,
    OpenCase,
)
from domain.case_events import CasePriority, CaseType
from domain.kernel import derived
from domain.values import Channel
from domain.work_item import WorkItemQueued
from processes import case_sla
from tests.conftest import House
from tests.processes.desk import (
    at,
    happened,
    member,
    open_case,
    reopen,
    resolve,
)
from tests.processes.shop import Shop

URGENT, HIGH, NORMAL, LOW = CasePriority.URGENT, CasePriority.HIGH, CasePriority.NORMAL, CasePriority.LOW


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop that promises service levels, and nothing else."""
    return Shop(house.log, tmp_path / "mail", policies=[case_sla.policy])


def outcomes(shop: Shop, step: str) -> list[tuple[str, str | None]]:
    """What became of the follow-ups of a step."""
    return [(each.status.value, each.reason) for each in shop.ledger(step)]


def test_a_case_that_nobody_has_waits_in_the_queue(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00", HIGH, member(shop, "GOLD"), channel=Channel.FAX)
    [queued] = [event for event, _ in shop.events() if isinstance(event, WorkItemQueued)]
    assert (queued.case_id, queued.channel, queued.queue, queued.priority) == (case, Channel.FAX, "service", HIGH)
    assert (queued.score, dict(queued.factors)) == (360, {"priority": 300, "tier": 60})
    assert outcomes(shop, "route") == [("DONE", "QUEUED")]


@pytest.mark.parametrize(
    ("channel", "contact", "queued"),
    [
        (Channel.PHONE, True, False),
        (Channel.CHAT, True, False),
        (Channel.PHONE, False, True),
        (Channel.EMAIL, True, True),
        (Channel.WEB, True, True),
    ],
)
def test_a_case_that_is_opened_while_somebody_speaks_with_the_customer_is_not_queued(
    shop: Shop, channel: Channel, contact: bool, queued: bool
) -> None:
    interaction = derived("interaction", 1) if contact else None
    asked = OpenCase(case_id=derived("case", 1), type=CaseType.QUESTION, channel=channel, interaction_id=interaction)
    at(shop, asked, "2026-03-10 10:00")
    assert len(happened(shop, WorkItemQueued)) == len(shop.ledger("route")) == queued


def test_a_case_that_somebody_has_is_not_queued(shop: Shop) -> None:
    case = derived("case", 1)
    asked = OpenCase(case_id=case, type=CaseType.QUESTION, channel=Channel.EMAIL)
    at(shop, asked, "2026-03-10 10:00", seen=False)
    at(shop, AssignCase(case_id=case, staff_id=derived("staff", 1)))
    assert happened(shop, WorkItemQueued) == []
    assert outcomes(shop, "route") == [("CANCELLED", "ASSIGNED")]
    resolve(shop, case, "2026-03-10 10:20")
    reopen(shop, case, "2026-03-12 15:00")
    assert happened(shop, WorkItemQueued) == []


def test_a_case_that_is_reopened_and_that_nobody_has_is_queued_again(shop: Shop) -> None:
    case = open_case(shop, "2026-03-10 10:00")
    resolve(shop, case, "2026-03-10 10:20")
    assert len(happened(shop, WorkItemQueued)) == 1
    reopen(shop, case, "2026-03-12 15:00")
    assert len(happened(shop, WorkItemQueued)) == 2
