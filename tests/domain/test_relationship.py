"""Relationships."""

from uuid import UUID

import pytest

from domain.kernel import Command, derived
from domain.relationship import (
    EndRelationship,
    EstablishRelationship,
    RelationshipEnded,
    RelationshipEstablished,
    RelationshipKind,
    decider,
    relationship_id,
)
from tests.domain.scenario import but, given

ANA, ACME = UUID(int=1), UUID(int=2)
EMPLOYEE, USER = RelationshipKind.EMPLOYEE_OF, RelationshipKind.AUTHORISED_USER_OF

HIRE = EstablishRelationship(customer_id=ANA, other_id=ACME, kind=EMPLOYEE, role="BUYER")
HIRED = RelationshipEstablished(customer_id=ANA, other_id=ACME, kind=EMPLOYEE, role="BUYER", contract=None)
PROMOTED = RelationshipEstablished(customer_id=ANA, other_id=ACME, kind=EMPLOYEE, role="HEAD", contract=None)
LEAVE = EndRelationship(customer_id=ANA, other_id=ACME, kind=EMPLOYEE, reason="Retired")
LEFT = RelationshipEnded(reason="Retired")


def test_there_is_one_stream_for_each_direction_and_kind() -> None:
    assert decider.stream_of(HIRE) == decider.stream_of(LEAVE) == relationship_id(ANA, ACME, EMPLOYEE)
    assert relationship_id(ANA, ACME, EMPLOYEE) == derived("relationship", ANA, ACME, "EMPLOYEE_OF")
    others = [but(HIRE, kind=USER), but(HIRE, customer_id=ACME, other_id=ANA), but(HIRE, other_id=UUID(int=3))]
    assert len({decider.stream_of(each) for each in (HIRE, *others)}) == 4


def test_a_relationship_is_established_once() -> None:
    assert given(decider).when(HIRE).then(HIRED).customer_id == ANA
    given(decider, HIRED).when(HIRE).then_nothing()


def test_users_of_a_contract_have_its_number() -> None:
    asked = EstablishRelationship(customer_id=ANA, other_id=ACME, kind=USER, contract="C-7")
    given(decider).when(asked).then(
        RelationshipEstablished(customer_id=ANA, other_id=ACME, kind=USER, role=None, contract="C-7")
    )


@pytest.mark.parametrize("other", [but(HIRE, role="HEAD"), but(HIRE, role=None), but(HIRE, contract="C-7")])
def test_a_relationship_that_holds_is_not_established_as_another(other: EstablishRelationship) -> None:
    given(decider, HIRED).when(other).refused(
        "This relationship is already established. End it first, then establish it anew."
    )


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (but(HIRE, other_id=ANA), "Nobody has a relationship to themselves: name another customer.", "other_id"),
        (but(HIRE, role=" "), "The role must not be blank.", "role"),
        (but(HIRE, contract=""), "The contract must not be blank.", "contract"),
        (LEAVE, "This relationship is not established yet.", "other_id"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


def test_a_relationship_ends_once() -> None:
    given(decider, HIRED).when(LEAVE).then(LEFT)
    given(decider, HIRED, LEFT).when(LEAVE).then_nothing()
    given(decider, HIRED, LEFT).when(but(LEAVE, reason=None)).then_nothing()


def test_a_relationship_that_ended_may_be_established_again_and_otherwise() -> None:
    given(decider, HIRED, LEFT).when(HIRE).then(HIRED)
    given(decider, HIRED, LEFT).when(but(HIRE, role="HEAD")).then(PROMOTED)
    given(decider, HIRED, LEFT, PROMOTED).when(LEAVE).then(LEFT)


def test_of_two_who_establish_it_at_once_in_two_ways_the_second_is_refused() -> None:
    given(decider, PROMOTED).when(HIRE).refused(
        "This relationship is already established. End it first, then establish it anew."
    )
    given(decider, HIRED, LEFT, PROMOTED).when(HIRE).refused(
        "This relationship is already established. End it first, then establish it anew."
    )
