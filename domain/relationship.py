"""Relationships: what one customer is to another."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import CustomerId
from domain.values import must_say


class RelationshipKind(StrEnum):
    """What the one is of the other: Ana is EMPLOYEE_OF the company, the company is PARENT_OF its branch."""

    EMPLOYEE_OF = "EMPLOYEE_OF"
    DECISION_MAKER_OF = "DECISION_MAKER_OF"
    PARENT_OF = "PARENT_OF"
    SUBSIDIARY_OF = "SUBSIDIARY_OF"
    HOUSEHOLD_OF = "HOUSEHOLD_OF"
    REFERRED_BY = "REFERRED_BY"
    PARTNER_OF = "PARTNER_OF"
    BENEFICIARY_OF = "BENEFICIARY_OF"
    AUTHORISED_USER_OF = "AUTHORISED_USER_OF"


# What can be asked.


class EstablishRelationship(Command):
    """Say what a customer is of another; `role` is the code of a job, and `contract` the number of what they share."""

    customer_id: CustomerId
    other_id: CustomerId
    kind: RelationshipKind
    role: str | None = None
    contract: str | None = None


class EndRelationship(Command):
    """Say that a customer is no longer this of another."""

    customer_id: CustomerId
    other_id: CustomerId
    kind: RelationshipKind
    reason: Text | None = None


# What can have happened.


class RelationshipEstablished(Event, stored_as="relationship.established.v1"):
    """The customer became this of the other; `role` is the code of a job, and `contract` what they share."""

    customer_id: CustomerId
    other_id: CustomerId
    kind: RelationshipKind
    role: str | None
    contract: str | None


class RelationshipEnded(Event, stored_as="relationship.ended.v1"):
    """The customer is this of the other no longer."""

    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Relationship:
    """How it was established last, and whether it still holds."""

    customer_id: UUID | None = None
    established: RelationshipEstablished | None = None
    live: bool = False


Asked = EstablishRelationship | EndRelationship
Happened = RelationshipEstablished | RelationshipEnded


def decide(asked: Asked, relationship: Relationship) -> Iterator[Event]:
    match asked:
        case EstablishRelationship():
            must_say(asked.role, "The role", "role")
            must_say(asked.contract, "The contract", "contract")
            if asked.customer_id == asked.other_id:
                raise Refused("Nobody has a relationship to themselves: name another customer.", "other_id")
            established = as_asked(RelationshipEstablished, asked)
            if not relationship.live:
                yield established
            elif established != relationship.established:
                raise Refused("This relationship is already established. End it first, then establish it anew.")
        case EndRelationship():
            if relationship.established is None:
                raise Refused("This relationship is not established yet.", "other_id")
            if relationship.live:
                yield as_asked(RelationshipEnded, asked)
        case _:
            assert_never(asked)


def evolve(relationship: Relationship, event: Happened) -> Relationship:
    match event:
        case RelationshipEstablished(customer_id=customer_id):
            return Relationship(customer_id, event, live=True)
        case RelationshipEnded():
            return replace(relationship, live=False)
        case _:
            assert_never(event)


def relationship_id(customer_id: UUID, other_id: UUID, kind: RelationshipKind) -> UUID:
    """The stream of what one is of the other: that of a pair, so a contract with thousands of users is no long one."""
    return derived("relationship", customer_id, other_id, kind)


def stream(asked: Asked) -> UUID:
    """There is one stream for each direction and kind."""
    return relationship_id(asked.customer_id, asked.other_id, asked.kind)


decider = Decider("relationship", Asked, Happened, Relationship(), decide, evolve, stream=stream)
