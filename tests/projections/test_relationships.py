"""What customers are of each other, from either side, with who was merged and as it was."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.customer import RegisterCustomer
from domain.kernel import Command, derived
from domain.merging import MergeCustomers
from domain.relationship import EndRelationship, EstablishRelationship, RelationshipKind
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.customers import relationships
from projections.customers.relationships import MAX_RELATED, Related, related
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import House

ANA, EVA, ACME, LUZ = (derived("customer", name) for name in ("ana", "eva", "acme", "luz"))
DAY = datetime(2026, 3, 1, tzinfo=UTC)
WORKS_FOR = RelationshipKind.EMPLOYEE_OF


def works(id: UUID, role: str | None = None) -> EstablishRelationship:
    return EstablishRelationship(customer_id=id, other_id=ACME, kind=WORKS_FOR, role=role)


def leaves(id: UUID) -> EndRelationship:
    return EndRelationship(customer_id=id, other_id=ACME, kind=WORKS_FOR)


def after(house: House, *commands: Command) -> Lists:
    """After all of this was asked, a day after the other."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=DAY + n * timedelta(days=1)))
    engine = Engine(house.log, house.pool, [relationships.view])
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


def seen(found: list[Related]) -> list[tuple[UUID, bool, bool]]:
    return [(each.other_id, each.is_subject, each.holds) for each in found]


def test_a_relationship_is_seen_from_both_sides_those_that_hold_first(house: House) -> None:
    lists = after(house, works(ANA, "BUYER"), works(EVA), leaves(EVA), works(LUZ))
    found = related(lists, [ANA, ACME, derived("customer", "nobody")])
    assert seen(found[ANA]) == [(ACME, True, True)]
    assert found[ANA][0].role == "BUYER"
    assert seen(found[ACME]) == [(LUZ, False, True), (ANA, False, True), (EVA, False, False)]
    assert found[ACME][2].ended_at == DAY + timedelta(days=2)
    assert found[derived("customer", "nobody")] == []


def test_who_was_merged_counts_as_the_one_that_remains(house: House) -> None:
    register = [RegisterCustomer(customer_id=id, name="N") for id in (ANA, EVA, ACME)]
    own = EstablishRelationship(customer_id=ANA, other_id=EVA, kind=RelationshipKind.HOUSEHOLD_OF)
    lists = after(house, *register, works(EVA), own, MergeCustomers(customer_id=EVA, survivor_id=ANA))
    found = related(lists, [ANA, EVA, ACME])
    assert seen(found[ANA]) == seen(found[EVA]) == [(ACME, True, True)]  # nobody is of their own household
    assert seen(found[ACME]) == [(ANA, False, True)]


def test_relationships_can_be_looked_at_as_they_were(house: House) -> None:
    lists = after(house, works(ANA), leaves(ANA), works(ANA, "BOSS"))
    found = [
        [(each.holds, each.role) for each in related(lists, [ACME], as_of=AsOf(valid_at=DAY + timedelta(days=n)))[ACME]]
        for n in (-1, 0, 1, 2)
    ]
    assert found == [[], [(True, None)], [(False, None)], [(True, "BOSS")]]


def test_no_more_are_shown_than_the_limit(house: House) -> None:
    lists = after(house, *(works(derived("customer", n)) for n in range(MAX_RELATED + 1)))
    assert len(related(lists, [ACME])[ACME]) == MAX_RELATED
