"""Claims: what only one can hold at a time, whoever asks first and however many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from domain.customer import RegisterCustomer
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier, VerifyIdentifier
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers, UnmergeCustomers
from eventstore.bulk import Bulk
from eventstore.envelope import Request
from eventstore.log import Log
from tests.conftest import House
from tests.eventstore.conftest import acting_as

ANA, EVA, LUZ = (derived("customer", name) for name in ("ana", "eva", "luz"))
EMAIL = IdentifierType.EMAIL
VERIFIED = "This identifier is verified as another customer's: merge the two, or remove it there first."
ABSORBED = "The customer to merge into has been merged into another one itself: merge into that one."


def holders(log: Log, kind: str = "EMAIL") -> list[tuple[UUID, bool, bool]]:
    """Who holds the identifiers of a kind, whether they own them, and whether for good."""
    with log.pool.connection() as db:
        return db.execute(
            "select holder, owner, firm from es.claim where kind = %s and until is null order by position, holder",
            [kind],
        ).fetchall()


def all_claims(log: Log) -> list[tuple[object, ...]]:
    with log.pool.connection() as db:
        return db.execute("select * from es.claim order by kind, key, holder, position").fetchall()


@pytest.fixture
def log(house: House) -> Log:
    for customer in (ANA, EVA, LUZ):
        house.log.do(RegisterCustomer(customer_id=customer))
    return house.log


def add(customer: UUID, value: str = "ana@example.com") -> AddIdentifier:
    return AddIdentifier(customer_id=customer, type=EMAIL, value=value)


def verify(customer: UUID) -> VerifyIdentifier:
    return VerifyIdentifier(customer_id=customer, type=EMAIL, value="ANA@example.com", method="LINK")


def merge(customer: UUID, survivor: UUID) -> MergeCustomers:
    return MergeCustomers(customer_id=customer, survivor_id=survivor)


def test_the_first_who_is_given_an_identifier_owns_it_and_others_may_hold_it_as_well(log: Log) -> None:
    log.do(add(ANA))
    log.do(add(EVA, "Ana@Example.com"))
    assert holders(log) == [(ANA, True, False), (EVA, False, False)]


def test_who_verifies_an_identifier_owns_it_for_good(log: Log) -> None:
    for command in (add(ANA), add(EVA), verify(EVA)):
        log.do(command)
    assert holders(log) == [(ANA, False, False), (EVA, True, True)]
    with pytest.raises(Refused, match=VERIFIED) as refusal:
        log.do(verify(ANA))
    assert refusal.value.field == "value"
    assert log.state(log.deciders[AddIdentifier], ANA)[1] == 2


def test_an_identifier_that_is_removed_goes_to_whoever_held_it_longest(log: Log) -> None:
    for command in (add(ANA), add(LUZ), add(EVA)):
        log.do(command)
    log.do(RemoveIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com"))
    assert holders(log) == [(LUZ, True, False), (EVA, False, False)]
    log.do(verify(EVA))
    log.do(RemoveIdentifier(customer_id=EVA, type=EMAIL, value="ana@example.com"))
    assert holders(log) == [(LUZ, True, False)]


def test_of_two_who_verify_an_identifier_at_the_same_moment_one_is_refused(log: Log) -> None:
    customers = [derived("customer", n) for n in range(8)]
    for customer in customers:
        log.do(RegisterCustomer(customer_id=customer, email="ana@example.com"))

    def ask(customer: UUID) -> bool:
        try:
            log.do(verify(customer))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, customers)) == 1
    assert sum(firm for _, _, firm in holders(log)) == sum(owner for _, owner, _ in holders(log)) == 1


def test_the_mailbox_of_an_office_tells_nobody_from_anybody(log: Log) -> None:
    log.do(add(ANA, "info@example.com"))
    assert holders(log) == []
    assert holders(log, "MAILBOX") == [(ANA, True, False)]


def test_nothing_of_an_identifier_can_be_read_in_the_index(log: Log) -> None:
    log.do(add(ANA))
    with log.pool.connection() as db:
        found = db.execute("select key from es.claim").fetchall()
    assert [len(key) for (key,) in found] == [32]
    assert b"ana" not in found[0][0]


def test_customers_cannot_be_merged_in_a_circle(log: Log) -> None:
    log.do(merge(ANA, EVA))
    with pytest.raises(Refused, match=ABSORBED):
        log.do(merge(EVA, ANA))
    log.do(merge(EVA, LUZ))
    with pytest.raises(Refused, match=ABSORBED):
        log.do(merge(LUZ, ANA))
    with pytest.raises(Refused, match=ABSORBED):
        log.do(merge(LUZ, EVA))
    assert log.reader.canonical([ANA, EVA, LUZ]) == {ANA: LUZ, EVA: LUZ}


def test_of_two_who_merge_two_customers_into_each_other_at_the_same_moment_one_is_refused(log: Log) -> None:
    def ask(command: Command) -> bool:
        try:
            log.do(command)
        except Refused:
            return False
        return True

    for n in range(10):
        one, other = derived("customer", "one", n), derived("customer", "other", n)
        for customer in (one, other):
            log.do(RegisterCustomer(customer_id=customer))
        with ThreadPoolExecutor(2) as threads:
            assert sum(threads.map(ask, [merge(one, other), merge(other, one)])) == 1


def test_nobody_can_be_merged_into_somebody_who_is_not_known(log: Log) -> None:
    with pytest.raises(Refused, match=r"There is no such customer to merge into\."):
        log.do(merge(ANA, derived("customer", "nobody")))


def test_a_merge_that_is_undone_leaves_both_free_and_its_time_is_remembered(log: Log) -> None:
    merged = log.do(merge(ANA, EVA)).position
    undone = log.do(UnmergeCustomers(customer_id=ANA)).position
    assert log.reader.canonical([ANA]) == log.reader.canonical([ANA], merged - 1) == {}
    assert log.reader.canonical([ANA], merged) == log.reader.canonical([ANA], undone - 1) == {ANA: EVA}
    log.do(merge(EVA, ANA))
    assert log.reader.canonical([EVA]) == {EVA: ANA}


@pytest.mark.parametrize("dry_run", [False, True])
def test_in_a_batch_who_claims_what_is_anothers_is_refused_and_the_others_are_taken(log: Log, dry_run: bool) -> None:
    for command in (add(ANA), verify(ANA), add(EVA)):
        log.do(command)
    asked = [(add(LUZ), Request()), (verify(EVA), Request(command_id=derived("x"))), (add(LUZ, "luz@x.es"), Request())]
    outcomes = Bulk(log, dry_run=dry_run).do(asked)
    assert [outcome.events for outcome in outcomes] == ([1, 1, 1] if dry_run else [1, 0, 1])
    if not dry_run:
        assert outcomes[1].refused is not None
        assert outcomes[1].refused.reason == VERIFIED
    assert holders(log)[0] == (ANA, True, True)


def test_in_a_batch_what_is_added_verified_and_removed_is_settled_in_its_order(log: Log) -> None:
    remove = RemoveIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com")
    asked = [(command, Request()) for command in (add(ANA), verify(ANA), remove, add(EVA), verify(EVA), add(ANA))]
    assert all(outcome.refused is None for outcome in Bulk(log).do(asked))
    assert holders(log) == [(EVA, True, True), (ANA, False, False)]


def test_the_index_can_be_made_anew_from_the_log(log: Log) -> None:
    for command in (add(ANA), add(EVA), verify(EVA), add(LUZ, "luz@x.es"), merge(ANA, EVA), merge(EVA, LUZ)):
        log.do(command)
    log.do(UnmergeCustomers(customer_id=ANA))
    before = all_claims(log)
    assert len(before) == 5
    assert log.rebuild_claims() == 7
    assert all_claims(log) == before
    with pytest.raises(Refused, match=VERIFIED):
        log.do(verify(ANA))


@pytest.mark.parametrize(
    "statement",
    [
        "insert into es.claim values ('EMAIL', '', gen_random_uuid(), 1, null, true, true)",
        "delete from es.claim",
        "update es.claim set owner = false",
        "select es.settle_claims('[]')",
    ],
)
def test_the_application_cannot_write_the_index_by_itself(log: Log, dsn: str, statement: str) -> None:
    with acting_as(dsn, "es_app") as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement)
