"""Entitlements: which products a customer may use under a contract, how many, and from when to when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked
from domain.references import CustomerId, ProductId
from domain.values import MAX_QUANTITY, must_be_within, must_say

EntitlementId = Annotated[UUID, Ref("entitlement")]

# What can be asked.


class GrantEntitlement(Command):
    """Let a customer use a product under a contract, from `starts_on` to `ends_on`, both days included.

    Granted again with another quantity, contract or day, the last word counts. To take it back, say the last day, however
    long ago, and give a `reason`, a code such as NOT_RENEWED; before the start it takes back the whole.
    """

    entitlement_id: EntitlementId
    customer_id: CustomerId
    product_id: ProductId | None = None
    sku: str
    contract: str
    quantity: int = 1
    starts_on: date
    ends_on: date | None = None
    reason: str | None = None


# What can have happened.


class EntitlementGranted(Event, stored_as="entitlement.granted.v1"):
    """The customer may use so many of a product under a contract, from `starts_on` to `ends_on`, both days included;
    it holds in place of what was granted before, for a `reason` that is a code such as NOT_RENEWED.
    """

    customer_id: CustomerId
    product_id: ProductId | None
    sku: str
    contract: str
    quantity: int
    starts_on: date
    ends_on: date | None
    reason: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What was said last."""

    customer_id: UUID | None = None
    granted: EntitlementGranted | None = None


Asked = GrantEntitlement
Happened = EntitlementGranted


def decide(asked: Asked, entitlement: Entitlement) -> Iterator[Event]:
    must_say(asked.sku, "The sku", "sku")
    must_say(asked.contract, "The contract", "contract")
    must_say(asked.reason, "The reason", "reason")
    must_be_within(asked.quantity, 1, MAX_QUANTITY, "quantity")
    if asked.reason is None and asked.ends_on is not None and asked.ends_on < asked.starts_on:
        raise Refused("The end must not be before the start, unless a reason takes it back.", "ends_on")
    last = entitlement.granted
    if last is not None and asked.customer_id != last.customer_id:
        raise Refused("This entitlement is another customer's. Grant another one instead.", "customer_id")
    if last is not None and (asked.product_id, asked.sku) != (last.product_id, last.sku):
        raise Refused("This entitlement is to another product. Grant another one instead.", "sku")
    granted = as_asked(EntitlementGranted, asked)
    if granted != last:
        yield granted


def evolve(_: Entitlement, event: Happened) -> Entitlement:
    return Entitlement(event.customer_id, event)


decider = Decider("entitlement", Asked, Happened, Entitlement(), decide, evolve)
