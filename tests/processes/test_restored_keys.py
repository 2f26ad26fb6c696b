"""A keys' database that was restored from before learns from the log what became of its keys since."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from domain.customer import RegisterCustomer
from domain.erasure import DecideErasureBlock
from domain.kernel import Refused, derived
from domain.retention import ApplyRetention
from eventstore.custody.custodian import Custodian
from eventstore.database import open_pool
from eventstore.personal import KeyRing, Subject
from processes.restored_keys import Again, do_again
from tests.conftest import KEK, House
from tests.eventstore.conftest import acting_as
from tests.eventstore.custody.conftest import backed_up  # noqa: F401
from tests.processes.privacy import Office

ANA, BEA, EVA, IDA, NEW = (derived("customer", name) for name in ("ana", "bea", "eva", "ida", "new"))

Restore = Callable[[str], Custodian]


@pytest.fixture
def office(house: House, tmp_path: Path) -> Office:
    office = Office(house.log, house.dsn, tmp_path)
    for customer in (ANA, BEA, EVA, IDA):
        office.do(RegisterCustomer(customer_id=customer, name=f"Name of {customer}", email=f"{customer}@example.com"))
    return office


@pytest.fixture
def custodian_of() -> Iterator[Restore]:
    pools = []

    def custodian(dsn: str) -> Custodian:
        pools.append(open_pool(dsn, size=2))
        return Custodian(dsn, KeyRing(pools[-1], KEK))

    yield custodian
    for pool in pools:
        pool.close()


@pytest.fixture
def restore(office: Office, backed_up: Callable[..., Callable[[], str]]) -> Callable[[], str]:  # noqa: F811
    """Brings back the keys as they were before anything happened to anybody."""
    return backed_up(office.dsn, "keys")


def destroy_by_rule(office: Office) -> None:
    """The contact of EVA is older than its law allows."""
    [key] = [key.key_id for key in office.custodian.of([EVA], classes=["contact"])]
    asked = ApplyRetention(
        retention_id=derived("retention", key), key_class="contact", legal_basis="A law", key_ids=(key,)
    )
    office.log.do(asked)


def test_what_was_destroyed_and_blocked_since_the_backup_is_so_again(
    office: Office, restore: Callable[[], str], custodian_of: Restore
) -> None:
    id = office.verified(ANA)
    office.run()
    until = office.now + timedelta(days=400)
    office.do(DecideErasureBlock(erasure_id=id, until=until, legal_basis="Another law"))
    office.run()
    office.erased(BEA)
    destroy_by_rule(office)
    office.do(RegisterCustomer(customer_id=NEW, name="New", email="new@example.com"))
    [(last,)] = office.query("select max(key_id) from keys.subject_key")

    custodian = custodian_of(restore())
    assert custodian.counts() == {"ACTIVE": 8}
    assert do_again(office.log, custodian) == Again(destroyed=3, blocked=2)
    assert do_again(office.log, custodian) == Again(destroyed=0, blocked=0)
    assert {(key.state, key.blocked_until, key.basis) for key in custodian.of([ANA])} == {
        ("BLOCKED", until.date(), "Another law")
    }
    assert {key.state for key in custodian.of([BEA])} == {"DESTROYED"}
    assert {key.key_class: key.state for key in custodian.of([EVA])} == {"identity": "ACTIVE", "contact": "DESTROYED"}
    assert {key.state for key in custodian.of([IDA])} == {"ACTIVE"}
    assert custodian.ring.for_reading([key.key_id for key in custodian.of([ANA])]) == {}

    made = custodian.ring.for_writing([Subject(NEW, "identity", 2026)])
    assert min(key.key_id for key in made.values()) > last


def test_who_is_held_is_blocked_again_when_the_term_is_over(
    office: Office, restore: Callable[[], str], custodian_of: Restore
) -> None:
    """Whoever is to be destroyed is destroyed by the eraser; until then nobody reads."""
    id = office.verified(ANA)
    office.run()
    office.at_once(id)
    custodian = custodian_of(restore())
    assert do_again(office.log, custodian) == Again(destroyed=0, blocked=2)
    assert {key.state for key in custodian.of([ANA])} == {"BLOCKED"}


def test_without_an_officer_it_is_refused_before_anybody_works(
    house: House,
    tmp_path: Path,
    backed_up: Callable[..., Callable[[], str]],  # noqa: F811
    custodian_of: Restore,
) -> None:
    house.log.do(RegisterCustomer(customer_id=ANA, name="Ana"))
    restore = backed_up(house.dsn, "keys")
    office = Office(house.log, house.dsn, tmp_path)
    office.verified(ANA)
    office.run()
    custodian = custodian_of(restore())
    with pytest.raises(Refused, match="bitacora keys dpo"):
        do_again(office.log, custodian)
    custodian.name_officer(office.officer.public)
    assert do_again(office.log, custodian).blocked == 1


def test_numbers_of_keys_that_the_log_knows_are_never_given_again(office: Office) -> None:
    [(last,)] = office.query("select max(key_id) from keys.subject_key")
    for known in (last + 100, 5):
        office.custodian.count_on_after(known)
        office.do(RegisterCustomer(customer_id=derived("customer", known), name="Somebody"))
    numbers = office.query("select key_id from keys.subject_key where key_id > %s order by 1", last)
    assert len(numbers) == 2
    assert all(number > last + 100 for (number,) in numbers)
    with acting_as(office.dsn, "es_app") as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("select keys.count_on_after(1)")
