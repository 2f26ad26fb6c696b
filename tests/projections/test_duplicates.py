"""Who may be the same customer: found among all, by what is alike, and never by a name or an office's mailbox alone."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.customer import ChangeAddress, ChangeCustomerProfile, CustomerKind, RegisterCustomer
from domain.duplicate import DismissDuplicate, SuspectDuplicate
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers, UnmergeCustomers
from eventstore.reader import AsOf
from projections.customers import identities, suspicions
from projections.customers.duplicates import MAX_BLOCK, DuplicateCandidate, candidates, of_each
from projections.customers.likeness import TELLING, Traits, liken, traits_of
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import House
from tests.projections.test_engine import held

ANA, EVA, LUZ = (derived("customer", name) for name in ("ana", "eva", "luz"))
HOME = {"street": "Calle Mayor 5, 2º", "postal_code": "28013", "city": "Madrid", "country": "ES"}


@pytest.fixture
def look(house: House) -> Callable[..., list[DuplicateCandidate]]:
    """Asks all of this, takes it in, and looks for candidates."""
    engine = Engine(house.log, house.pool, (identities.view, suspicions.view))
    engine.prepare()

    def look(*commands: Command, **words: object) -> list[DuplicateCandidate]:
        for command in commands:
            house.log.do(command)
        engine.catch_up()
        return candidates(Lists(house.log, house.pool), **words)  # type: ignore[arg-type]  # as the caller has them

    return look


Look = Callable[..., list[DuplicateCandidate]]


def person(id: UUID, name: str, **more: str) -> RegisterCustomer:
    return RegisterCustomer(customer_id=id, name=name, **more)  # type: ignore[arg-type]  # texts all of them


def lives(id: UUID, **home: str) -> ChangeAddress:
    return ChangeAddress(customer_id=id, **{**HOME, **home})  # type: ignore[arg-type]  # as above


def born(id: UUID, day: date) -> ChangeCustomerProfile:
    return ChangeCustomerProfile(customer_id=id, birth_date=day)


def pairs(found: Sequence[DuplicateCandidate]) -> list[tuple[UUID, UUID]]:
    return [(each.customer_id, each.other_id) for each in found]


def test_the_same_person_written_otherwise_is_found_with_all_that_was_compared(look: Look) -> None:
    (pair,) = look(
        person(ANA, "Ana Núñez García"), lives(ANA), born(ANA, date(1980, 3, 1)),
        person(EVA, "NUNEZ GARCIA, Ana"), lives(EVA, street="C/ Mayor, 5"), born(EVA, date(1980, 1, 3)),
    )  # fmt: skip
    assert pair.score > Decimal("0.95")
    assert pair.features == (
        "SAME_CITY", "SAME_NAME", "SAME_POSTAL_CODE", "SAME_STREET", "SIMILAR_BIRTH_DATE",
    )  # fmt: skip
    compared = {each.feature: each for each in pair.comparisons}
    assert set(compared) == {"NAME", "BIRTH_DATE", "STREET", "POSTAL_CODE", "CITY"}
    assert (compared["NAME"].similarity, compared["NAME"].bits) == (Decimal(1), Decimal("10.1033"))
    assert compared["BIRTH_DATE"].similarity == Decimal("0.875")


def test_names_alone_never_match_not_even_in_the_same_town(look: Look) -> None:
    town = {"street": "Plaza 1", "postal_code": "28013", "city": "Madrid"}
    other = {"street": "Gran Vía 70", "postal_code": "28046", "city": "Madrid"}
    assert look(person(ANA, "Ana Núñez"), lives(ANA, **town), person(EVA, "Ana Núñez"), lives(EVA, **other)) == []
    assert look(person(LUZ, "Ana Núñez")) == []


def test_the_mailbox_of_an_office_never_matches_alone(look: Look) -> None:
    assert look(person(ANA, "Ana", email="info@acme.es"), person(EVA, "Eva", email="info@acme.es")) == []
    phone = AddIdentifier(customer_id=EVA, type=IdentifierType.PHONE, value="600123456")
    (pair,) = look(AddIdentifier(customer_id=ANA, type=IdentifierType.PHONE, value="600123456"), phone)
    assert pair.features == ("SAME_MAILBOX", "SAME_PHONE")
    assert pair.score == Decimal("0.64")


def test_a_family_at_one_address_with_one_phone_is_not_one_person(look: Look) -> None:
    found = look(
        person(ANA, "Ana García", phone="600123456"), lives(ANA), born(ANA, date(1980, 3, 1)),
        person(EVA, "Luis García", phone="600123456"), lives(EVA), born(EVA, date(2010, 9, 17)),
    )  # fmt: skip
    assert [each.score for each in found] == [Decimal("0.6")]  # what they hold in common, and no more


def test_a_firm_is_not_the_person_who_answers_its_phone_by_its_address(look: Look) -> None:
    firm = RegisterCustomer(customer_id=EVA, kind=CustomerKind.ORGANISATION, name="Ana Núñez")
    assert look(person(ANA, "Ana Núñez"), lives(ANA), firm, lives(EVA)) == []


def test_who_was_merged_is_one_and_who_was_parted_are_two(look: Look) -> None:
    same = {"email": "ana@example.com"}
    assert len(look(person(ANA, "Ana", **same), person(EVA, "Eva", **same), person(LUZ, "Luz", **same))) == 3
    assert pairs(look(MergeCustomers(customer_id=EVA, survivor_id=ANA))) == [tuple(sorted((ANA, LUZ)))]
    assert len(look(UnmergeCustomers(customer_id=EVA))) == 3
    assert len(look(RemoveIdentifier(customer_id=LUZ, type=IdentifierType.EMAIL, value="ana@example.com"))) == 1


def test_what_was_dismissed_stays_out_until_it_is_surer(look: Look) -> None:
    phone = {"phone": "600123456"}
    (pair,) = look(person(ANA, "Ana", **phone), person(EVA, "Luis", **phone))
    suspected = SuspectDuplicate(customer_id=ANA, other_id=EVA, score=pair.score, features=pair.features)
    assert look(suspected, DismissDuplicate(customer_id=EVA, other_id=ANA)) == []
    mail = {"type": IdentifierType.EMAIL, "value": "casa@example.com"}
    (again,) = look(
        AddIdentifier(customer_id=ANA, **mail),  # type: ignore[arg-type]  # as the fields say
        AddIdentifier(customer_id=EVA, **mail),  # type: ignore[arg-type]  # as the fields say
    )
    assert again.score > pair.score


def test_a_block_too_large_to_tell_anybody_apart_is_passed_over(look: Look) -> None:
    crowd = [person(derived("customer", n), f"N{n:c}", phone="910000000") for n in range(65, 65 + MAX_BLOCK + 1)]
    assert look(*crowd) == []
    assert len(look(RemoveIdentifier(customer_id=derived("customer", 65), type=IdentifierType.PHONE, value="910000000"),
                    first=1000)) == 1000  # fmt: skip


def test_pages_are_complete_and_disjoint_the_surest_first(look: Look) -> None:
    three = [person(derived("customer", n), "Ana Núñez", phone="600123456") for n in range(6)]
    whole = look(*three)
    assert len(whole) == 15
    seen: list[DuplicateCandidate] = []
    while page := look(first=4, after=seen[-1].cursor if seen else None):
        seen += page
    assert seen == whole
    assert look(min_score=Decimal(1)) == []
    for wrong in ({"first": 0}, {"first": 1001}, {"min_score": Decimal(2)}, {"after": "x"}, {"after": "MSAyIDM"}):
        with pytest.raises(Refused):
            look(**wrong)


def test_each_of_several_customers_gets_its_own_and_as_it_was(house: House, look: Look) -> None:
    look(person(ANA, "Ana", phone="600123456"), person(EVA, "Luis", phone="600123456"))
    before = house.log.reader.head()
    look(person(LUZ, "Zoe", phone="600123456"))
    lists = Lists(house.log, house.pool)
    now = of_each(lists, [ANA, LUZ], first=5)
    assert [sorted(each.other_id for each in now[id]) for id in (ANA, LUZ)] == [sorted((EVA, LUZ)), sorted((ANA, EVA))]
    assert {each.customer_id for each in now[ANA]} == {ANA}
    past = of_each(lists, [ANA, LUZ], first=5, as_of=AsOf(position=before))
    assert ([each.other_id for each in past[ANA]], past[LUZ]) == ([EVA], [])
    assert pairs(look(as_of=AsOf(position=before))) == [tuple(sorted((ANA, EVA)))]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
described = st.builds(
    identities.Identity,
    st.uuids(),
    kind=st.just(CustomerKind.PERSON),
    name=st.none() | texts | st.sampled_from(["Ana Núñez", "Núñez, Ana", "A. Nunez"]),
    birth_date=st.none() | st.dates(date(1980, 1, 1), date(1980, 12, 31)),
    street=st.none() | texts | st.sampled_from(["C/ Mayor 5", "Calle Mayor, 5"]),
    postal_code=st.none() | st.sampled_from(["28013", "28031"]),
    city=st.none() | texts | st.just("Madrid"),
    identifiers=st.lists(
        st.sampled_from(["EMAIL:ana@example.com", "EMAIL:info@example.com", "PHONE:+34600123456", "COOKIE:A"]),
        unique=True,
    ).map(tuple),
)


def traits(of: identities.Identity) -> Traits:
    return traits_of(of.kind, of.name, of.birth_date, of.street, of.postal_code, of.city, of.identifiers)


@given(one=described, other=described)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_likeness_is_the_same_both_ways_within_its_bounds_and_never_by_names_alone(
    one: identities.Identity, other: identities.Identity
) -> None:
    a, b = traits(one), traits(other)
    found = liken(a, b)
    assert found == liken(b, a)
    assert 0 <= found.score <= 1
    assert all(0 <= each.similarity <= 1 for each in found.comparisons)
    if found.score:
        assert {feature.partition("_")[2] for feature in found.features} & TELLING


def test_an_identifier_more_or_less_leaves_the_other_blocks_as_they_are(house: House, look: Look) -> None:
    mail = {"customer_id": ANA, "type": IdentifierType.EMAIL, "value": "ana@example.com"}
    for commands in (
        [person(ANA, "Ana Núñez"), lives(ANA), AddIdentifier(**mail)],  # type: ignore[arg-type]  # as the fields say
        [RemoveIdentifier(**mail)],  # type: ignore[arg-type]  # as the fields say
    ):
        look(*commands)
        (identity,) = held(house.pool, identities.view).values()
        kept = identity.blocks
        identities.put_into_blocks(identity)
        assert identity.blocks == kept
        assert ("EMAIL:ana@example.com" in kept) is ("POST:28013:N520" in kept and len(commands) > 1)


def test_every_block_is_shared_by_those_who_share_what_makes_it() -> None:
    same = identities.Identity(ANA, kind=CustomerKind.PERSON, name="Vázquez", postal_code="28013", street="Sol 1")
    other = identities.Identity(EVA, kind=CustomerKind.PERSON, name="Basques", postal_code="28013", street="Luna 9")
    for each in (same, other):
        identities.put_into_blocks(each)
    assert [block for block in same.blocks if block in other.blocks] == ["POST:28013:B220"]
    assert all(
        not set(a.blocks) & set(b.blocks) for a, b in combinations([identities.Identity(ANA, name="Ana")] * 2, 2)
    )
