"""Queueing: how much something that waits for an agent presses, and how much of an agent it takes, whatever the channel."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from domain.case_events import CasePriority
from domain.values import Channel

PRIORITY_POINTS: Mapping[CasePriority, int] = MappingProxyType(
    {CasePriority.URGENT: 400, CasePriority.HIGH: 300, CasePriority.NORMAL: 200, CasePriority.LOW: 100}
)
TIER_POINTS: Mapping[str, int] = MappingProxyType({"PLATINUM": 90, "GOLD": 60, "SILVER": 30})
"""What a tier of the customer adds, by its key; another tier, or none, adds nothing."""
SLA_POINTS = 100
"""What it adds that little is left of the time in which the case was promised to be answered, or resolved."""
SLA_LEFT_PERCENT = 20
"""Less than this share of the time is little."""

POINT_EVERY_S: Mapping[Channel, int] = MappingProxyType(
    {Channel.PHONE: 10, Channel.CHAT: 60, Channel.WEB_COLLABORATION: 60}
)
LATER_POINT_EVERY_S = 600
"""Waiting adds a point for so many seconds: 10 of a call, 60 of a chat, 600 of mail, web, fax and all else."""
PRIORITY, TIER, SLA, WAITING = "priority", "tier", "sla", "wait"
"""What a score is made of, by name."""

FULL_CAPACITY = 100
"""What an agent can have at once of whom nothing else is said: one call, or three chats, or five mails."""
LOADS: Mapping[Channel, int] = MappingProxyType({Channel.PHONE: 100, Channel.CHAT: 33, Channel.WEB_COLLABORATION: 33})
OTHER_LOAD = 20

Rank = tuple[int, datetime, UUID]


def factors(priority: CasePriority, tiers: Iterable[str], *, little_left: bool) -> dict[str, int]:
    """What a score is made of but for waiting, by name; parts that are 0 are left out. The best of the tiers counts."""
    tier = max((TIER_POINTS.get(each, 0) for each in tiers), default=0)
    parts = {PRIORITY: PRIORITY_POINTS[priority], TIER: tier, SLA: SLA_POINTS if little_left else 0}
    return {name: points for name, points in parts.items() if points}


def waiting_points(channel: Channel | None, waited_s: int) -> int:
    """What waiting adds to a score."""
    step = LATER_POINT_EVERY_S if channel is None else POINT_EVERY_S.get(channel, LATER_POINT_EVERY_S)
    return waited_s // step


def place(score: int, waiting_since: datetime, work_item_id: UUID) -> Rank:
    """What to sort by: the highest score comes first, and of equals what waits longest."""
    return -score, waiting_since, work_item_id


def load(channel: Channel) -> int:
    """How much of an agent's capacity something takes."""
    return LOADS.get(channel, OTHER_LOAD)
