"""The sales floor: what each of the reps is at and how they did, with the company and its office, as policies remember it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol
from uuid import UUID

from domain.activity import ActivityKind, ScheduleActivity
from domain.kernel import derived
from domain.lead import (
    LeadAssigned,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
)
from domain.opportunity import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
)
from domain.staff import StaffRole
from domain.values import EMPTY
from eventstore.envelope import Recorded
from processes.company import Company, learns_company
from processes.office import Office, learns_office
from processes.policy import Policy
from processes.staff_words import told
from projections.touchpoints.due import Due

TASK_WITHIN_DAYS = 1
"""Business days that somebody has for a task."""
MANAGERS = (StaffRole.SALES_MANAGER, StaffRole.DIRECTOR)
"""Who sees to what nobody else does, the first that there is."""


@dataclass(slots=True)
class Floor:
    """The company and its office, and who is told what there."""

    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)

    def manager_of(self, staff_id: UUID | None) -> UUID | None:
        """Who sees to it if somebody does not: who leads them, or else a sales manager or a director."""
        above = self.company.manager_of(staff_id) if staff_id is not None else None
        return above or next((each for each in self.company.with_role(*MANAGERS) if each != staff_id), None)

    def task(
        self,
        due: Due,
        now: datetime,
        words: str,
        staff_id: UUID | None,
        noun: str,
        *,
        kind: ActivityKind = ActivityKind.TASK,
        occasion: UUID | None = None,
        values: Mapping[str, object] = EMPTY,
    ) -> ScheduleActivity:
        """Something for somebody to do about the noun of a follow-up, within `TASK_WITHIN_DAYS`; if they left, for a manager.

        `words` are a key of `processes.staff_words`, and `values` what they are given.

        It is the same one for the same follow-up, unless there are several occasions.
        """
        if staff_id is not None and self.company.has_left(staff_id):
            staff_id = self.manager_of(staff_id)
        return ScheduleActivity(
            activity_id=derived("activity", due.follow_up_id, *filter(None, [occasion])),
            kind=kind,
            subject=told(self.company, staff_id, words, **values),
            customer_id=due.customer_id,
            staff_id=staff_id,
            due_at=self.office.after_days(now, TASK_WITHIN_DAYS, self.company.calendar_of(staff_id)),
            related_noun=noun,
            related_id=due.about,
            origin_policy=due.policy,
        )


@dataclass(slots=True)
class Deal:
    """An opportunity: who has it, what it is about (a code), and whether it was won; None as long as it is open."""

    staff_id: UUID | None
    topic: str | None
    won: bool | None = None


@dataclass(slots=True)
class Sales:
    """Who has which leads and opportunities, who is at which, and since which position nobody was given anything."""

    leads: dict[UUID, UUID] = field(default_factory=dict)
    deals: dict[UUID, Deal] = field(default_factory=dict)
    open: dict[UUID, set[UUID]] = field(default_factory=dict)
    closed: dict[str | None, dict[UUID, dict[UUID, bool]]] = field(default_factory=dict)
    assigned: dict[UUID, int] = field(default_factory=dict)

    def load(self, staff_id: UUID) -> int:
        """How many open leads and opportunities somebody has."""
        return len(self.open.get(staff_id, ()))

    def win_rates(self, topic: str | None) -> Mapping[UUID, Fraction]:
        """The share of the closed opportunities of each rep that were won: of those about a topic, if there are any."""
        found = self.closed.get(coded(topic)) or self.closed.get(None, {})
        return {who: Fraction(sum(deals.values()), len(deals)) for who, deals in found.items() if deals}

    # What changes it.

    def take_up(self, noun_id: UUID, staff_id: UUID | None, previous: UUID | None = None) -> None:
        """Somebody is at a lead or an opportunity, in place of who was before."""
        if previous is not None:
            self.open.get(previous, set()).discard(noun_id)
        if staff_id is not None:
            self.open.setdefault(staff_id, set()).add(noun_id)

    def lay_down(self, noun_id: UUID, staff_id: UUID | None) -> None:
        """Nobody is at a lead or an opportunity any more."""
        if staff_id is not None:
            self.open.get(staff_id, set()).discard(noun_id)

    def close(self, opportunity_id: UUID, deal: Deal, won: bool | None) -> None:
        """An opportunity was won or lost, to the credit of who had it, or is open again."""
        for topic in {None, coded(deal.topic)}:
            for deals in self.closed.get(topic, {}).values():
                deals.pop(opportunity_id, None)
            if won is not None and deal.staff_id is not None:
                self.closed.setdefault(topic, {}).setdefault(deal.staff_id, {})[opportunity_id] = won
        deal.won = won


@dataclass(slots=True)
class SalesFloor(Floor):
    """What the memories of a policy of sales share."""

    sales: Sales = field(default_factory=Sales)


class KnowsSales(Protocol):
    """Whatever all memories of a policy share, if sales are part of it."""

    sales: Sales


def learns_floor(policy: Policy[Any]) -> None:
    """Lets a policy know the company and its office: what its memories share must be a `Floor`."""
    learns_company(policy)
    learns_office(policy)


def learns_sales_floor(policy: Policy[Any]) -> None:
    """Lets a policy know the sales floor: what its memories share must be one."""
    learns_floor(policy)
    learns_leads(policy)
    learns_deals(policy)


def learns_leads(policy: Policy[Any]) -> None:
    """Lets a policy know who has which leads."""

    @policy.learn(LeadAssigned)
    def assigned(shared: KnowsSales, event: LeadAssigned, at: Recorded) -> None:
        sales = shared.sales
        sales.take_up(at.stream_id, event.staff_id, event.previous)
        sales.leads[at.stream_id] = event.staff_id
        sales.assigned[event.staff_id] = at.position

    @policy.learn(LeadQualified, LeadContacted)
    def at_it(shared: KnowsSales, event: LeadQualified | LeadContacted, at: Recorded) -> None:
        shared.sales.take_up(at.stream_id, shared.sales.leads.get(at.stream_id))

    @policy.learn(LeadDisqualified, LeadRecycled)
    def put_aside(shared: KnowsSales, event: LeadDisqualified | LeadRecycled, at: Recorded) -> None:
        shared.sales.lay_down(at.stream_id, shared.sales.leads.get(at.stream_id))

    @policy.learn(LeadConverted)
    def converted(shared: KnowsSales, event: LeadConverted, at: Recorded) -> None:
        shared.sales.lay_down(at.stream_id, shared.sales.leads.pop(at.stream_id, None))


def learns_deals(policy: Policy[Any]) -> None:
    """Lets a policy know who has which opportunities, and which they won."""

    @policy.learn(OpportunityOpened)
    def opened(shared: KnowsSales, event: OpportunityOpened, at: Recorded) -> None:
        sales = shared.sales
        sales.deals.setdefault(at.stream_id, Deal(event.staff_id, event.product))
        sales.take_up(at.stream_id, event.staff_id)
        if event.staff_id is not None:
            sales.assigned[event.staff_id] = at.position

    @policy.learn(OpportunityAssigned)
    def assigned(shared: KnowsSales, event: OpportunityAssigned, at: Recorded) -> None:
        sales = shared.sales
        sales.deals[at.stream_id].staff_id = event.staff_id
        sales.take_up(at.stream_id, event.staff_id, event.previous)
        sales.assigned[event.staff_id] = at.position

    @policy.learn(OpportunityWon, OpportunityLost, OpportunityReopened)
    def ended(shared: KnowsSales, event: OpportunityWon | OpportunityLost | OpportunityReopened, at: Recorded) -> None:
        sales, deal = shared.sales, shared.sales.deals[at.stream_id]
        if isinstance(event, OpportunityReopened):
            sales.close(at.stream_id, deal, None)
            sales.take_up(at.stream_id, deal.staff_id)
        else:
            sales.close(at.stream_id, deal, isinstance(event, OpportunityWon))
            sales.lay_down(at.stream_id, deal.staff_id)


def coded(topic: str | None) -> str | None:
    """What something is about, as it is compared."""
    return topic.casefold() if topic is not None else None
