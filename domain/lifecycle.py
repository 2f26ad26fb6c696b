"""Lifecycles: what a customer is to the company, how far along, and whose."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import CustomerId, StaffId
from domain.values import must_say


class CustomerRole(StrEnum):
    """What somebody is to the company; one may be several at once."""

    PROSPECT = "PROSPECT"
    CUSTOMER = "CUSTOMER"
    PARTNER = "PARTNER"
    SUPPLIER = "SUPPLIER"
    AFFILIATE = "AFFILIATE"
    CARDHOLDER = "CARDHOLDER"
    ACCOUNT_HOLDER = "ACCOUNT_HOLDER"
    DRAWER = "DRAWER"
    DISTRIBUTOR = "DISTRIBUTOR"
    COMPETITOR = "COMPETITOR"


class LifecycleStage(StrEnum):
    """How far somebody has come as a customer."""

    VISITOR = "VISITOR"
    LEAD = "LEAD"
    PROSPECT = "PROSPECT"
    CUSTOMER = "CUSTOMER"
    LOYAL = "LOYAL"
    AT_RISK = "AT_RISK"
    CHURNED = "CHURNED"
    WON_BACK = "WON_BACK"


# What can be asked.


class AssignCustomerRole(Command):
    """Say what somebody is to the company, besides whatever else they are."""

    customer_id: CustomerId
    role: CustomerRole


class EndCustomerRole(Command):
    """Say that somebody no longer has a role."""

    customer_id: CustomerId
    role: CustomerRole


class ChangeLifecycleStage(Command):
    """Move a customer to another stage; `rule` is the code of the rule that found it so, empty if somebody decided."""

    customer_id: CustomerId
    stage: LifecycleStage
    rule: str | None = None


class AssignAccountManager(Command):
    """Make a member of staff answer for a customer, in place of whoever did; without a `staff_id`, nobody does."""

    customer_id: CustomerId
    staff_id: StaffId | None = None
    reason: Text | None = None


# What can have happened.


class CustomerRoleAssigned(Event, stored_as="lifecycle.role-assigned.v1"):
    """Somebody became something more to the company."""

    customer_id: CustomerId
    role: CustomerRole


class CustomerRoleEnded(Event, stored_as="lifecycle.role-ended.v1"):
    """Somebody no longer has a role."""

    role: CustomerRole


class LifecycleStageChanged(Event, stored_as="lifecycle.stage-changed.v1"):
    """A customer moved to a stage from the `previous` one, which is empty the first time; `rule` is the code of why."""

    customer_id: CustomerId
    previous: LifecycleStage | None
    stage: LifecycleStage
    rule: str | None


class AccountManagerAssigned(Event, stored_as="lifecycle.account-manager-assigned.v1"):
    """This member of staff, or nobody, answers for the customer now; the `previous` one, if there was one, no longer."""

    customer_id: CustomerId
    staff_id: StaffId | None
    previous: StaffId | None
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The roles that somebody has and had, the stage, and who answers for them."""

    customer_id: UUID | None = None
    roles: frozenset[CustomerRole] = frozenset()
    ended: frozenset[CustomerRole] = frozenset()
    stage: LifecycleStage | None = None
    manager: UUID | None = None


Asked = AssignCustomerRole | EndCustomerRole | ChangeLifecycleStage | AssignAccountManager
Happened = CustomerRoleAssigned | CustomerRoleEnded | LifecycleStageChanged | AccountManagerAssigned


def decide(asked: Asked, lifecycle: Lifecycle) -> Iterator[Event]:
    match asked:
        case AssignCustomerRole(role=role):
            if role not in lifecycle.roles:
                yield as_asked(CustomerRoleAssigned, asked)
        case EndCustomerRole(role=role):
            if role in lifecycle.roles:
                yield as_asked(CustomerRoleEnded, asked)
            elif role not in lifecycle.ended:
                raise Refused("This customer never had this role.", "role")
        case ChangeLifecycleStage(stage=stage, rule=rule):
            must_say(rule, "The rule", "rule")
            if stage is not lifecycle.stage:
                yield as_asked(LifecycleStageChanged, asked, previous=lifecycle.stage)
        case AssignAccountManager(staff_id=staff_id):
            if staff_id != lifecycle.manager:
                yield as_asked(AccountManagerAssigned, asked, previous=lifecycle.manager)
        case _:
            assert_never(asked)


def evolve(lifecycle: Lifecycle, event: Happened) -> Lifecycle:
    match event:
        case CustomerRoleAssigned(customer_id=customer_id, role=role):
            roles, ended = lifecycle.roles | {role}, lifecycle.ended - {role}
            return replace(lifecycle, customer_id=customer_id, roles=roles, ended=ended)
        case CustomerRoleEnded(role=role):
            return replace(lifecycle, roles=lifecycle.roles - {role}, ended=lifecycle.ended | {role})
        case LifecycleStageChanged(customer_id=customer_id, stage=stage):
            return replace(lifecycle, customer_id=customer_id, stage=stage)
        case AccountManagerAssigned(customer_id=customer_id, staff_id=staff_id):
            return replace(lifecycle, customer_id=customer_id, manager=staff_id)
        case _:
            assert_never(event)


def lifecycle_id(customer_id: UUID) -> UUID:
    """The stream that holds what a customer is to the company."""
    return derived("lifecycle", customer_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per customer."""
    return lifecycle_id(asked.customer_id)


decider = Decider("lifecycle", Asked, Happened, Lifecycle(), decide, evolve, stream=stream)
