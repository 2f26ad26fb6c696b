"""P22: whoever gets something to be recognised by is compared with everybody else."""

from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from domain.activity import ActivityScheduled
from domain.customer import ChangeAddress, ChangeCustomerProfile, RegisterCustomer
from domain.duplicate import DismissDuplicate, DuplicateSuspected
from domain.identifiers import AddIdentifier, IdentifierType, VerifyIdentifier
from domain.kernel import derived
from domain.merging import CustomersMerged
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from eventstore.envelope import Origin
from processes import duplicate_detection
from projections.customers import identities, suspicions
from projections.engine import Engine
from projections.touchpoints import due, follow_ups
from tests.conftest import House
from tests.processes.shop import Shop, moment

EMAIL = "ana.ruiz@shop.test"


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    shop = Shop(house.log, tmp_path / "mail", policies=[duplicate_detection.policy])
    shop.engine = Engine(house.log, house.pool, [due.view, follow_ups.view, identities.view, suspicions.view])
    shop.engine.prepare()
    shop.worker = shop.hire()
    return shop


def person(shop: Shop, name: str = "Ana Ruiz", **said: str) -> UUID:
    id = derived("customer", name, *said.values(), len(list(shop.events())))
    shop.do(RegisterCustomer(customer_id=id, name=name, country="ES", **said))
    return id


def happened(shop: Shop, kind: type) -> list[object]:
    return [event for event, _ in shop.events() if isinstance(event, kind)]


def outcomes(shop: Shop) -> list[str | None]:
    return [row.reason for row in shop.ledger("compare")]


def test_who_shares_an_address_and_a_name_is_suspected_and_somebody_is_to_look(shop: Shop) -> None:
    first, second = person(shop, email=EMAIL), person(shop, email=EMAIL)
    shop.worker.run()
    [suspected] = happened(shop, DuplicateSuspected)
    assert {suspected.customer_id, suspected.other_id} == {first, second}  # type: ignore[attr-defined]
    [task] = happened(shop, ActivityScheduled)
    assert (task.related_noun, task.origin_policy) == ("duplicate", "duplicate-detection")  # type: ignore[attr-defined]
    assert "SAME_EMAIL" in task.subject  # type: ignore[attr-defined]
    assert not happened(shop, CustomersMerged)
    assert sorted(map(str, outcomes(shop))) == ["KNOWN", "SUSPECTED"]


def test_a_pair_is_told_once_and_again_when_it_is_surer(shop: Shop) -> None:
    first, second = person(shop, email=EMAIL), person(shop, email=EMAIL)
    shop.worker.run()
    for id in (first, second):
        shop.do(AddIdentifier(customer_id=id, type=IdentifierType.PHONE, value="600 111 222"))
        shop.worker.run()
    assert len(happened(shop, DuplicateSuspected)) == len(happened(shop, ActivityScheduled)) == 2
    shop.do(AddIdentifier(customer_id=first, type=IdentifierType.COOKIE, value="c1"))
    shop.worker.run()
    assert len(happened(shop, DuplicateSuspected)) == 2


def test_a_pair_that_was_dismissed_is_not_told_again(shop: Shop) -> None:
    first, second = person(shop, email=EMAIL), person(shop, email=EMAIL)
    shop.worker.run()
    shop.do(DismissDuplicate(customer_id=first, other_id=second))
    shop.do(AddIdentifier(customer_id=first, type=IdentifierType.COOKIE, value="c1"))
    shop.worker.run()
    assert len(happened(shop, DuplicateSuspected)) == 1
    assert outcomes(shop)[-1] == "NOBODY"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("Luz Gil", {"email": "luz@shop.test"}),
        ("Ana Ruiz", {"email": "ana@work.test"}),
        ("Luz Gil", {"email": "info@shop.test"}),
    ],
    ids=["strangers", "a name alone", "an office's mailbox alone"],
)
def test_who_has_nothing_that_tells_in_common_is_nobodys_duplicate(
    shop: Shop, other: str, said: dict[str, str]
) -> None:
    mine = "info@shop.test" if said["email"].startswith("info") else EMAIL
    person(shop, email=mine)
    person(shop, other, **said)
    shop.worker.run()
    assert outcomes(shop) == ["NOBODY", "NOBODY"]
    assert happened(shop, DuplicateSuspected) == happened(shop, ActivityScheduled) == []


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("verified", [0, 1])
@pytest.mark.parametrize("sure", [True, False])
def test_only_if_it_is_on_are_sure_pairs_with_a_verified_identifier_merged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, on: bool, verified: int, sure: bool
) -> None:
    monkeypatch.setattr(duplicate_detection, "AUTO_MERGE", on)
    both = [person(shop, email=EMAIL), person(shop, "Ana Ruiz" if sure else "Luz Gil", email=EMAIL)]
    for id in both[:verified]:
        shop.do(VerifyIdentifier(customer_id=id, type=IdentifierType.EMAIL, value=EMAIL, method="link"))
    for id in both if sure else ():
        shop.do(AddIdentifier(customer_id=id, type=IdentifierType.TAX_ID, value="12345678Z"))
    shop.worker.run()
    merged = on and verified == 1 and sure
    assert len(happened(shop, CustomersMerged)) == merged
    assert bool(happened(shop, ActivityScheduled)) is not merged
    assert all(each.score >= 0.75 for each in happened(shop, DuplicateSuspected))  # type: ignore[attr-defined]
    assert happened(shop, DuplicateSuspected)


def test_a_phone_alone_is_not_sure_enough(shop: Shop) -> None:
    for name in ("Ana Ruiz", "Luz Gil"):
        person(shop, name, phone="600 111 222")
    shop.worker.run()
    assert outcomes(shop) == ["NOBODY", "NOBODY"]


def test_what_was_imported_is_not_compared(shop: Shop) -> None:
    for n in range(2):
        shop.do(
            RegisterCustomer(customer_id=derived("customer", n), name="Ana Ruiz", email=EMAIL), origin=Origin.IMPORT
        )
    shop.worker.run()
    assert shop.ledger("compare") == []


# Every night.


def imported(shop: Shop, name: str = "Ana Ruiz", number: int = 1, **said: str) -> UUID:
    id = derived("customer", "imported", name, number)
    told = {"email": EMAIL, **said}
    shop.do(RegisterCustomer(customer_id=id, name=name, country="ES", **told), origin=Origin.IMPORT)
    return id


def sweeps(shop: Shop) -> list[tuple[str, str | None]]:
    rows = [row for row in shop.ledger() if row.step.startswith("sweep")]
    return [(row.step, row.reason) for row in sorted(rows, key=lambda row: int(row.step.removeprefix("sweep ")))]


def test_what_was_imported_is_found_in_the_night(shop: Shop) -> None:
    shop.worker.run()
    pair = {imported(shop), imported(shop, number=2)}
    shop.worker.run()
    assert happened(shop, DuplicateSuspected) == []
    shop.until("2026-01-02 03:59")
    assert sweeps(shop) == [("sweep 1", None)]
    shop.until("2026-01-02 04:00")
    [suspected] = happened(shop, DuplicateSuspected)
    assert {suspected.customer_id, suspected.other_id} == pair  # type: ignore[attr-defined]
    [task] = happened(shop, ActivityScheduled)
    assert (task.related_noun, "SAME_EMAIL" in task.subject) == ("duplicate", True)  # type: ignore[attr-defined]
    assert sweeps(shop) == [("sweep 1", "SUSPECTED"), ("sweep 2", None)]


def test_a_pair_is_told_once_whichever_look_finds_it_and_however_often(shop: Shop) -> None:
    first, second = person(shop, email=EMAIL), person(shop, email=EMAIL)
    shop.worker.run()
    for day in range(2, 6):
        shop.until(f"2026-01-0{day} 04:00")
    assert len(happened(shop, DuplicateSuspected)) == len(happened(shop, ActivityScheduled)) == 1
    shop.do(DismissDuplicate(customer_id=first, other_id=second))
    shop.until("2026-01-09 04:00")  # the worker was away for some nights: one look makes up for all
    assert len(happened(shop, DuplicateSuspected)) == 1
    assert sweeps(shop)[-2:] == [("sweep 5", "NOBODY"), ("sweep 6", None)]


def test_what_changes_without_an_identifier_is_found_in_the_night(shop: Shop) -> None:
    first = person(shop, email="a@shop.test")
    second = person(shop, "Eva Gil", email="e@shop.test")
    shop.worker.run()
    for id, name in ((first, "Ana Ruiz Peña"), (second, "Ana Ruiz Peña")):
        shop.do(ChangeCustomerProfile(customer_id=id, name=name, birth_date=date(1980, 1, 31)))
        home = {"street": "C/ Mayor 7", "postal_code": "28013", "city": "Madrid", "country": "ES"}
        shop.do(ChangeAddress(customer_id=id, **home))
    shop.worker.run()
    assert happened(shop, DuplicateSuspected) == []
    shop.until("2026-01-02 04:00")
    assert len(happened(shop, DuplicateSuspected)) == 1


def test_who_must_not_be_profiled_is_not_compared_in_the_night(shop: Shop) -> None:
    first, _ = imported(shop), imported(shop, number=2)
    kind = ContactRestrictionKind.NO_PROFILING
    shop.do(SetContactRestriction(customer_id=first, kind=kind, until=moment("2026-01-03 00:00")))
    shop.until("2026-01-02 04:00")
    assert happened(shop, DuplicateSuspected) == []
    shop.until("2026-01-03 04:00")
    assert len(happened(shop, DuplicateSuspected)) == 1


def test_a_restriction_that_was_lifted_holds_nobody_back_and_one_without_end_does(shop: Shop) -> None:
    kind = ContactRestrictionKind.NO_PROFILING
    first, second = imported(shop), imported(shop, number=2)
    shop.do(SetContactRestriction(customer_id=second, kind=kind))
    shop.do(SetContactRestriction(customer_id=first, kind=ContactRestrictionKind.ROBINSON_LIST))
    shop.until("2027-01-02 04:00")
    assert happened(shop, DuplicateSuspected) == []
    shop.do(LiftContactRestriction(customer_id=second, kind=kind))
    shop.until("2027-01-03 04:00")
    assert len(happened(shop, DuplicateSuspected)) == 1


def test_many_pairs_are_told_in_parts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_detection, "SWEPT_AT_ONCE", 2)
    shop.worker.run()
    for number in range(5):
        for half in (1, 2):
            imported(shop, f"Person {'ABCDE'[number]} Ruiz", half, email=f"p{number}@shop.test")
    shop.until("2026-01-02 04:00")
    assert len(happened(shop, DuplicateSuspected)) == 5
    assert [reason for _, reason in sweeps(shop)] == ["SUSPECTED", "SUSPECTED", "SUSPECTED", None]


def test_sure_pairs_are_merged_in_the_night_if_it_is_on_each_customer_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicate_detection, "AUTO_MERGE", True)
    shop.worker.run()
    three = [imported(shop, number=number) for number in (1, 2, 3)]
    shop.do(VerifyIdentifier(customer_id=three[0], type=IdentifierType.EMAIL, value=EMAIL, method="link"))
    shop.until("2026-01-02 04:00")
    assert len(happened(shop, CustomersMerged)) == 2
    assert happened(shop, ActivityScheduled) == []
    assert len(set(shop.log.reader.whom(three).values())) == 1
