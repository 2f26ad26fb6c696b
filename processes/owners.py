"""Owners: who of the company sees to a customer, who decides what is not decided by rule, and the tasks that they get."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.activity import ActivityKind, ScheduleActivity
from domain.customer import AddressChanged
from domain.kernel import derived
from domain.lifecycle import AccountManagerAssigned
from domain.staff import StaffRole
from eventstore.envelope import Recorded
from processes.company import Company
from processes.contact import Contact
from processes.places import placed
from processes.policy import Policy
from projections.touchpoints.due import Due

IN_CHARGE = (StaffRole.SALES_MANAGER, StaffRole.SERVICE_MANAGER, StaffRole.DIRECTOR)
"""Who decides, or sees to customers whom nobody answers for: the first of these roles that somebody has."""


class RemembersOwner(Protocol):
    """Whatever has a contact, and the account manager of the customer."""

    contact: Contact
    manager: UUID | None


def remembers_owner(policy: Policy[Any]) -> None:
    """Lets a policy remember who answers for its customers: its memory must have a `contact` and a `manager`."""

    @policy.remember(AccountManagerAssigned)
    def answers(known: RemembersOwner, assigned: AccountManagerAssigned, at: Recorded) -> None:
        known.manager = assigned.staff_id

    @policy.remember(AddressChanged, disclose=True)
    def lives(known: RemembersOwner, changed: AddressChanged, at: Recorded) -> None:
        known.contact.place = placed(known.contact.place, changed)


def owner(company: Company, known: RemembersOwner) -> UUID | None:
    """Who sees to a customer: the account manager, or who answers for the territory, or who is in charge; if anybody."""
    if company.works_here(known.manager):
        return known.manager
    there = company.owner_of(known.contact.place)
    return there if there is not None else next(iter(company.with_role(*IN_CHARGE)), None)


def supervisor(company: Company, known: RemembersOwner) -> UUID | None:
    """Who decides about a customer: who leads the one who sees to them, or else who is in charge; None if nobody is."""
    sees_to = owner(company, known)
    above = company.manager_of(sees_to) if sees_to is not None else None
    return above if above is not None else next(iter(company.with_role(*IN_CHARGE)), None)


def task(
    policy: Policy[Any],
    due: Due,
    subject: str,
    staff_id: UUID | None,
    due_at: datetime,
    related: tuple[str | None, UUID | None],
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
