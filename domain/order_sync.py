"""Order synchronisation: whether the business system says the same of an order as Bitácora does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.references import OrderId
from domain.values import empty, must_say

MAX_RECORDS = 1000


class OrderAspect(StrEnum):
    """About what two systems can differ. None of it is personal."""

    EXISTENCE = "EXISTENCE"
    NUMBER = "NUMBER"
    STATUS = "STATUS"
    PLACED_ON = "PLACED_ON"
    LINES = "LINES"
    QUANTITY = "QUANTITY"
    PRICE = "PRICE"
    TAX = "TAX"
    TOTAL = "TOTAL"
    CURRENCY = "CURRENCY"


# What can be asked.


class RecordOrderSynced(Command):
    """Note that the business system (ERP) has this order, as `external_id`.

    `digest` is of what was compared, of both systems: it is another once either has been corrected.
    """

    order_id: OrderId
    external_id: str
    digest: str


class RecordOrderDiscrepancy(Command):
    """Note that the business system says something else; without `ours` or `theirs` that system says nothing."""

    order_id: OrderId
    field: OrderAspect
    ours: str | None = None
    theirs: str | None = None


# What can have happened.


class OrderSyncedWithErp(Event, stored_as="order_sync.synced-with-erp.v1"):
    """The business system had this order; with another digest than before, whatever differed is resolved."""

    order_id: OrderId
    external_id: str
    digest: str


class OrderDiscrepancyDetected(Event, stored_as="order_sync.discrepancy-detected.v1"):
    """The two systems did not say the same, until they are synchronised with another digest;
    `ours` is what Bitácora said, as a code, a number or a date.
    """

    order_id: OrderId
    field: OrderAspect
    ours: str | None
    theirs: str | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class OrderSync:
    """`differing` says in which aspects the two systems differ, and how."""

    synced: OrderSyncedWithErp | None = None
    differing: Mapping[OrderAspect, OrderDiscrepancyDetected] = field(default_factory=empty)
    records: int = 0


Asked = RecordOrderSynced | RecordOrderDiscrepancy
Happened = OrderSyncedWithErp | OrderDiscrepancyDetected


def decide(asked: Asked, sync: OrderSync) -> Iterator[Event]:
    event = happening(asked, sync)
    if event is not None:
        if sync.records >= MAX_RECORDS:
            raise Refused(f"This order was compared {MAX_RECORDS} times. Find out why it never agrees.", "order_id")
        yield event


def happening(asked: Asked, sync: OrderSync) -> Event | None:
    """What is new in what is asked, if anything is."""
    match asked:
        case RecordOrderSynced():
            must_say(asked.external_id, "The external id", "external_id")
            must_say(asked.digest, "The digest", "digest")
            synced = as_asked(OrderSyncedWithErp, asked)
            return synced if synced != sync.synced else None
        case RecordOrderDiscrepancy(field=aspect):
            if asked.ours == asked.theirs:
                raise Refused("Both systems say the same: there is no discrepancy.", "theirs")
            detected = as_asked(OrderDiscrepancyDetected, asked)
            return detected if detected != sync.differing.get(aspect) else None
        case _:
            assert_never(asked)


def evolve(sync: OrderSync, event: Happened) -> OrderSync:
    sync = replace(sync, records=sync.records + 1)
    match event:
        case OrderSyncedWithErp():
            is_as_before = sync.synced is not None and sync.synced.digest == event.digest
            return replace(sync, synced=event, differing=sync.differing if is_as_before else empty())
        case OrderDiscrepancyDetected(field=aspect):
            return replace(sync, differing={**sync.differing, aspect: event})
        case _:
            assert_never(event)


def order_sync_id(order_id: UUID) -> UUID:
    """The stream that compares an order with what the business system says of it."""
    return derived("order_sync", order_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per order."""
    return order_sync_id(asked.order_id)


decider = Decider("order_sync", Asked, Happened, OrderSync(), decide, evolve, stream=stream)
