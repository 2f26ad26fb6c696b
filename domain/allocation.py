"""Allocation rules: how a cost is shared out among those for whom it was spent, version by version."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked, reference
from domain.values import must_say

MAX_ALLOCATION_VERSIONS = 1000

AllocationId = Annotated[UUID, Ref("allocation")]


class AllocationBasis(StrEnum):
    """By what the shares are measured: what each brought in, or ordered, or took of the company's time."""

    BY_REVENUE = "BY_REVENUE"
    BY_ORDERS = "BY_ORDERS"
    BY_CONTACTS = "BY_CONTACTS"
    BY_CASES = "BY_CASES"
    EQUALLY = "EQUALLY"


class AllocationScope(StrEnum):
    """Among whom or what a cost is shared out."""

    CUSTOMER = "CUSTOMER"
    SEGMENT = "SEGMENT"
    CAMPAIGN = "CAMPAIGN"
    TERRITORY = "TERRITORY"
    REP = "REP"
    CHANNEL = "CHANNEL"


# What can be asked.


class PublishAllocationRule(Command):
    """Say how the costs that name this key are shared out; `allocation_id` is `bitacora:` and the key."""

    allocation_id: AllocationId
    key: str
    basis: AllocationBasis
    scope: AllocationScope = AllocationScope.CUSTOMER


# What can have happened.


class AllocationRulePublished(Event, stored_as="allocation.rule-published.v1"):
    """A version of a rule became the one in force; versions count from 1."""

    key: str
    version: int
    basis: AllocationBasis
    scope: AllocationScope


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Allocation:
    """The rule in force."""

    published: AllocationRulePublished | None = None


Asked = PublishAllocationRule
Happened = AllocationRulePublished


def decide(asked: Asked, allocation: Allocation) -> Iterator[Event]:
    must_say(asked.key, "The key", "key")
    if asked.allocation_id != allocation_id(asked.key):
        raise Refused(f"The id of this rule is bitacora:{asked.key}.", "allocation_id")
    known = allocation.published
    if known is None:
        yield as_asked(AllocationRulePublished, asked, version=1)
    elif (known.basis, known.scope) != (asked.basis, asked.scope):
        if known.version >= MAX_ALLOCATION_VERSIONS:
            raise Refused(f"A rule has at most {MAX_ALLOCATION_VERSIONS} versions. Publish another one.")
        yield as_asked(AllocationRulePublished, asked, version=known.version + 1)


def evolve(allocation: Allocation, event: Happened) -> Allocation:
    return Allocation(event)


def allocation_id(key: str) -> UUID:
    """The id of the allocation rule with this key: `bitacora:key`."""
    return reference("allocation", "bitacora", key)


decider = Decider("allocation", Asked, Happened, Allocation(), decide, evolve)
