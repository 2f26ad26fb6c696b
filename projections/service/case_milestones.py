"""The milestones of cases: when each was opened, answered and resolved, cycle by cycle, and who had it then."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.case_events import CasePriority, CaseType
from domain.values import Channel
from projections.facts import Fact, Facts
from projections.service.durations import seconds_between


class Milestone(StrEnum):
    """What a case came to. A reopening begins a new response cycle."""

    OPENED = "OPENED"
    ASSIGNED = "ASSIGNED"
    FIRST_RESPONSE = "FIRST_RESPONSE"
    WAITING = "WAITING"
    RESUMED = "RESUMED"
    ESCALATED = "ESCALATED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"


class CaseMilestone(Fact):
    """One thing that a case came to, in a response cycle; durations are in seconds of the clock.

    Both ways of counting stand side by side: `elapsed_s` since the cycle began (a reopening is a new cycle), and
    `since_opened_s` (a reopened case is the same case). `waiting_s` and `waiting_total_s` are how much of each the case
    waited on the customer. `reassignment` counts how often the case had gone from one person to another, `reassigned`
    says that it did so here, and `ping_pong` that it went back to one who had had it. `open_change` is what it changes
    about the number of open cases.
    """

    milestone: Milestone = Milestone.OPENED
    cycle: int = 1
    elapsed_s: int = 0
    since_opened_s: int = 0
    waiting_s: int = 0
    waiting_total_s: int = 0
    staff_id: UUID | None = None
    team_id: UUID | None = None
    queue: str | None = None
    priority: CasePriority | None = None
    type: CaseType | None = None
    channel: Channel | None = None
    category: str | None = None
    product: str | None = None
    escalation: int = 0
    reassignment: int = 0
    reassigned: bool = False
    ping_pong: bool = False
    open_change: int = 0


milestones = Facts(
    "case_milestones",
    CaseMilestone,
    indexes=("(milestone, occurred_at)", "(customer_id, occurred_at)", "(owner_id, cycle)"),
)


class Dealt(Protocol):
    """What is known of a case when it comes to something."""

    cycle: int
    cycle_began_at: datetime | None
    opened_at: datetime | None
    waiting_since: datetime | None
    waiting_s: int
    waiting_total_s: int
    staff_id: UUID | None
    team_id: UUID | None
    queue: str | None
    priority: CasePriority | None
    type: CaseType | None
    channel: Channel | None
    category: str | None
    product: str | None
    escalation: int
    reassignments: int


def reached(
    case: Dealt,
    milestone: Milestone,
    at: datetime,
    *,
    reassigned: bool = False,
    ping_pong: bool = False,
    open_change: int = 0,
) -> CaseMilestone:
    """The fact that a case reached a milestone; a wait that goes on counts up to then."""
    waited = seconds_between(case.waiting_since, at)
    return CaseMilestone(
        milestone=milestone,
        cycle=case.cycle,
        elapsed_s=seconds_between(case.cycle_began_at, at),
        since_opened_s=seconds_between(case.opened_at, at),
        waiting_s=case.waiting_s + waited,
        waiting_total_s=case.waiting_total_s + waited,
        staff_id=case.staff_id,
        team_id=case.team_id,
        queue=case.queue,
        priority=case.priority,
        type=case.type,
        channel=case.channel,
        category=case.category,
        product=case.product,
        escalation=case.escalation,
        reassignment=case.reassignments,
        reassigned=reassigned,
        ping_pong=ping_pong,
        open_change=open_change,
    )
