"""What is remembered of a noun, with what tells of its customer."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.customer import ChangeCustomerProfile, CustomerProfileChanged, CustomerRegistered, RegisterCustomer
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.opportunity import (
    IdentifyOpportunityCustomer,
    OpenOpportunity,
    OpportunityAmountRevised,
    OpportunityCustomerIdentified,
    OpportunityOpened,
    ReviseOpportunityAmount,
)
from eventstore.envelope import Recorded
from processes.memories import Memories
from processes.policy import Policy, Subject
from tests.conftest import House

ANA, BO = derived("customer", "ana"), derived("customer", "bo")
SALE, OTHER = derived("opportunity", "sale"), derived("opportunity", "other")


OF_CUSTOMER = (CustomerRegistered, CustomerProfileChanged)


@dataclass
class Known:
    """What was told, in order."""

    told: list[str] = field(default_factory=list)


def told(with_customer: bool = True) -> Policy[Known]:
    policy = Policy(
        "tests", version=1, memory=Known, subject=Subject.NOUN, with_customer=OF_CUSTOMER if with_customer else ()
    )

    @policy.remember(*OF_CUSTOMER, OpportunityOpened, OpportunityCustomerIdentified, OpportunityAmountRevised)
    def tell(known: Known, event: Any, at: Recorded) -> None:
        known.told.append(
            type(event).__name__ + (f" {event.size}" if isinstance(event, CustomerProfileChanged) else "")
        )

    return policy


def what(house: House, noun: UUID = SALE, at: int | None = None, with_customer: bool = True) -> list[str]:
    head = house.log.reader.head()
    return Memories(told(with_customer), house.log.reader, [noun], head).of(noun, head if at is None else at).told


def test_a_noun_is_told_of_with_its_customer_but_not_with_other_nouns(house: House) -> None:
    for customer in (ANA, BO):
        house.log.do(RegisterCustomer(customer_id=customer, name="x"))
    house.log.do(OpenOpportunity(opportunity_id=SALE, customer_id=ANA))
    house.log.do(OpenOpportunity(opportunity_id=OTHER, customer_id=ANA))
    house.log.do(ChangeCustomerProfile(customer_id=ANA, size="L"))
    house.log.do(ChangeCustomerProfile(customer_id=BO, size="S"))
    assert what(house) == ["OpportunityOpened", "CustomerRegistered", "CustomerProfileChanged L"]
    assert what(house, at=4) == ["OpportunityOpened", "CustomerRegistered"]
    assert what(house, with_customer=False) == ["OpportunityOpened"]


def test_nothing_is_known_of_a_customer_before_it_is_known_whose_the_noun_is(house: House) -> None:
    house.log.do(RegisterCustomer(customer_id=ANA, name="x"))
    house.log.do(OpenOpportunity(opportunity_id=SALE))
    house.log.do(ChangeCustomerProfile(customer_id=ANA, size="L"))
    house.log.do(IdentifyOpportunityCustomer(opportunity_id=SALE, customer_id=ANA))
    house.log.do(ChangeCustomerProfile(customer_id=ANA, size="XL"))
    assert what(house, at=3) == ["OpportunityOpened"]
    known = ["OpportunityOpened", "OpportunityCustomerIdentified", "CustomerRegistered", "CustomerProfileChanged L"]
    assert what(house, at=4) == known
    assert what(house) == [*known, "CustomerProfileChanged XL"]


def test_what_is_remembered_grows_with_the_position(house: House) -> None:
    house.log.do(RegisterCustomer(customer_id=ANA, name="x"))
    house.log.do(OpenOpportunity(opportunity_id=SALE, customer_id=ANA))
    house.log.do(ChangeCustomerProfile(customer_id=ANA, size="L"))
    house.log.do(ReviseOpportunityAmount(opportunity_id=SALE, amount=Decimal(5)))
    memories = Memories(told(), house.log.reader, [SALE], 4)
    assert [len(memories.of(SALE, position).told) for position in (1, 2, 3, 4)] == [0, 2, 3, 4]


@pytest.mark.parametrize("survivor", [ANA, BO])
def test_who_was_merged_into_the_customer_tells_of_the_noun_too(house: House, survivor: UUID) -> None:
    for customer in (ANA, BO):
        house.log.do(RegisterCustomer(customer_id=customer, name="x"))
    house.log.do(OpenOpportunity(opportunity_id=SALE, customer_id=ANA))
    house.log.do(ChangeCustomerProfile(customer_id=BO, size="S"))
    house.log.do(MergeCustomers(customer_id=BO if survivor == ANA else ANA, survivor_id=survivor))
    assert what(house) == ["OpportunityOpened", "CustomerRegistered", "CustomerRegistered", "CustomerProfileChanged S"]
