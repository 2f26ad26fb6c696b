"""A contact centre in the shop: what waits, who is there, and what was offered to whom."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from domain.agent_shift import SignInAgent
from domain.case_events import CasePriority
from domain.kernel import derived
from domain.staff import AddStaff, GrantSkill, StaffRole
from domain.values import Channel
from domain.work_item import (
    AcceptWorkItem,
    QueueWorkItem,
    WorkItemOffered,
    WorkItemQueued,
    WorkItemReprioritised,
)
from tests.processes.desk import at
from tests.processes.shop import Shop

URGENT, HIGH, NORMAL, LOW = CasePriority.URGENT, CasePriority.HIGH, CasePriority.NORMAL, CasePriority.LOW
ANA, BEN, EVA = (derived("staff", name) for name in ("ana", "ben", "eva"))
_numbers = count(1)


def item(shop: Shop, channel: Channel = Channel.EMAIL, priority: CasePriority = NORMAL, **said: Any) -> UUID:
    """Something that waits; nobody has scored it yet."""
    work_item_id = derived("work_item", "queue", next(_numbers))
    told = {"queue": "service", "score": 0, **said}
    at(shop, QueueWorkItem(work_item_id=work_item_id, channel=channel, priority=priority, **told))
    return work_item_id


def comes(shop: Shop, staff_id: UUID, *queues: str, capacity: int | None = None, seen: bool = True) -> UUID:
    """Somebody signs in."""
    shift = derived("agent_shift", staff_id, shop.now)
    at(shop, SignInAgent(agent_shift_id=shift, staff_id=staff_id, queues=queues, capacity=capacity), seen=seen)
    return shift


def hire(shop: Shop, staff_id: UUID, *skills: str, languages: tuple[str, ...] = ()) -> None:
    shop.do(AddStaff(staff_id=staff_id, name="Eva", role=StaffRole.AGENT, languages=languages))
    for skill in skills:
        shop.do(GrantSkill(staff_id=staff_id, skill=skill, level=3))


def later(shop: Shop, **time: float) -> None:
    """Time passes."""
    shop.until(shop.now + timedelta(**time))


def accept(shop: Shop, work_item_id: UUID, staff_id: UUID) -> None:
    at(shop, AcceptWorkItem(work_item_id=work_item_id, staff_id=staff_id))


def offers(shop: Shop) -> list[tuple[UUID, UUID]]:
    """What was offered to whom, in order."""
    return [(at.stream_id, e.staff_id) for e, at in shop.events() if isinstance(e, WorkItemOffered)]


def outcomes(shop: Shop, step: str, about: UUID | None = None) -> list[tuple[str, str | None]]:
    """What became of the follow-ups of a step."""
    return [(each.status.value, each.reason) for each in shop.ledger(step) if about in (None, each.about)]


def scores(shop: Shop, work_item_id: UUID) -> list[dict[str, int]]:
    """What the score of something was made of, each time it was said."""
    said = [e for e, at in shop.events() if at.stream_id == work_item_id]
    return [dict(e.factors) for e in said if isinstance(e, WorkItemQueued | WorkItemReprioritised)]
