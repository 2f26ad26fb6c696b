"""Owners: who of the company sees to a customer, who decides what is not decided by rule, and the tasks that they get."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.activity import ActivityKind, ScheduleActivity
from domain.kernel import derived
from domain.lifecycle import AccountManagerAssigned
from domain.staff import StaffRole
from eventstore.envelope import Recorded
from processes.company import Company
from processes.policy import Policy
from projections.touchpoints.due import Due

IN_CHARGE = (StaffRole.SALES_MANAGER, StaffRole.SERVICE_MANAGER, StaffRole.DIRECTOR)
"""Who decides, or sees to customers whom nobody answers for: the first of these roles that somebody has."""


class RemembersOwner(Protocol):
    """Whatever has the account manager of a customer."""

    manager: UUID | None


def remembers_owner(policy: Policy[Any]) -> None:
    """Lets a policy remember who answers for its customers: its memory must have a `manager`."""

    @policy.remember(AccountManagerAssigned)
    def answers(known: RemembersOwner, assigned: AccountManagerAssigned, at: Recorded) -> None:
        known.manager = assigned.staff_id


def owner(company: Company, manager: UUID | None) -> UUID | None:
    """Who sees to a customer: the account manager, or else who is in charge; None if nobody is."""
    return manager if company.works_here(manager) else next(iter(company.with_role(*IN_CHARGE)), None)


def supervisor(company: Company, manager: UUID | None) -> UUID | None:
    """Who decides about a customer: the one who leads the account manager, or else who is in charge; None if nobody is."""
    above = company.manager_of(manager) if manager is not None else None
    return above if above is not None else next(iter(company.with_role(*IN_CHARGE)), None)


def task(
    policy: Policy[Any],
    due: Due,
    subject: str,
    staff_id: UUID | None,
    due_at: datetime,
    related: tuple[str, UUID | None],
    kind: ActivityKind = ActivityKind.TASK,
) -> ScheduleActivity:
    """Something for somebody to do because of a follow-up, once. `related` is the noun, and its id, that it is about."""
    return ScheduleActivity(
        activity_id=derived("activity", due.follow_up_id),
        kind=kind,
        subject=subject,
        customer_id=due.customer_id,
        staff_id=staff_id,
        due_at=due_at,
        related_noun=related[0],
        related_id=related[1],
        origin_policy=policy.name,
    )
