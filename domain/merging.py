"""Merging: two customers turn out to be one, or turn out not to be."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from domain.kernel import BLOCKED, SAME_AS, Claim, ClaimStep, Command, Event, Personal, Ref, Refused, Text, Told
from domain.references import CustomerId

PREFERABLE = ("name", "birth_date", "language", "timezone", "country", "territory", "sector", "size")
"""What may be taken over from the customer that is merged into another."""


# What can be asked.


class MergeCustomers(Command):
    """Take `customer_id` to be the same as `survivor_id` from now on; of the first, `prefer` names what is right.

    Nothing is rewritten: both keep their own history, so that it can be undone.
    """

    customer_id: CustomerId
    survivor_id: Annotated[UUID, Ref("customer")]
    prefer: tuple[str, ...] = ()
    reason: Text | None = None


class UnmergeCustomers(Command):
    """Take a customer that was merged into another to be one of its own again."""

    customer_id: CustomerId
    reason: Text | None = None


# What can have happened.


class CustomersMerged(Event, stored_as="customer.merged.v1", corrects=True):
    """The customer is taken to be the same as another one; what is given of its profile is right for both."""

    survivor_id: Annotated[UUID, Ref("customer")]
    reason: Told[str]
    name: Personal[str]
    birth_date: Personal[date]
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    territory: str | None = None
    sector: str | None = None
    size: str | None = None


class CustomersUnmerged(Event, stored_as="customer.unmerged.v1", corrects=True):
    """The customer is one of its own again."""

    survivor_id: Annotated[UUID, Ref("customer")]
    reason: Told[str]


Asked = MergeCustomers | UnmergeCustomers
Happened = CustomersMerged | CustomersUnmerged


def decide(asked: Asked, survivor_id: UUID | None, profile: Any) -> Iterator[Event]:
    """What follows for a customer that was merged into `survivor_id`, or into nobody."""
    if isinstance(asked, UnmergeCustomers):
        if survivor_id is not None:
            yield CustomersUnmerged(survivor_id=survivor_id, reason=asked.reason)
        return
    if asked.survivor_id == asked.customer_id:
        raise Refused("A customer cannot be merged into itself.", "survivor_id")
    if unknown := [name for name in asked.prefer if name not in PREFERABLE]:
        raise Refused(f"The field {unknown[0]!r} cannot be preferred: name some of {', '.join(PREFERABLE)}.", "prefer")
    if survivor_id is None:
        preferred = {name: getattr(profile, name) for name in asked.prefer}
        yield CustomersMerged(survivor_id=asked.survivor_id, reason=asked.reason, **preferred)
    elif survivor_id != asked.survivor_id:
        raise Refused(
            "This customer has been merged into another one: merge that one, or undo it first.", "customer_id"
        )


def claims(customer_id: UUID, event: Happened) -> Iterator[Claim]:
    """A customer is one other at most, and that one is nobody else: so there are no circles."""
    if isinstance(event, CustomersUnmerged):
        yield Claim(kind=SAME_AS, key=customer_id, holder=event.survivor_id, step=ClaimStep.RELEASE)
        return
    yield Claim(
        kind=SAME_AS, key=event.survivor_id, holder=event.survivor_id, step=ClaimStep.KNOWN,
        refusal="There is no such customer to merge into.", field="survivor_id",
    )  # fmt: skip
    yield Claim(
        kind=SAME_AS, key=event.survivor_id, holder=event.survivor_id, step=ClaimStep.FREE,
        refusal="The customer to merge into has been merged into another one itself: merge into that one.",
        field="survivor_id",
    )  # fmt: skip
    yield Claim(
        kind=BLOCKED, key=event.survivor_id, holder=event.survivor_id, step=ClaimStep.FREE,
        refusal="The customer to merge into is blocked or was erased.", field="survivor_id",
    )  # fmt: skip
    yield Claim(
        kind=SAME_AS, key=customer_id, holder=event.survivor_id, step=ClaimStep.OWN,
        refusal="This customer has just been merged into another one.", field="customer_id",
    )  # fmt: skip
