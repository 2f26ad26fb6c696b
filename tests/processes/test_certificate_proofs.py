"""A certificate of erasure is checked by whoever gets it, with the public key alone; what was changed in it proves nothing."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest

from domain.customer import RegisterCustomer
from domain.erasure_events import ErasureCompleted
from domain.kernel import Refused, derived
from eventstore.evidence.tree import known_keys, sealed_log
from eventstore.sealing.notes import Signer, VerifierKey
from processes import erasing
from processes.certificate_proofs import checked, handed_out
from processes.certificates import certificate, digest_of
from tests.conftest import House
from tests.processes.privacy import Office

ANA, BEA = derived("customer", "ana"), derived("customer", "bea")


@pytest.fixture
def office(house: House, tmp_path: Path) -> Office:
    office = Office(house.log, house.dsn, tmp_path)
    for customer in (ANA, BEA):
        office.do(RegisterCustomer(customer_id=customer, name="Ana", email=f"{customer}@example.com"))
    return office


def handed(office: Office, id: UUID) -> dict[str, Any]:
    found = office.log.reader.stream(id)
    [(completed, at)] = [(event, at) for event, at in found if isinstance(event, ErasureCompleted)]
    with psycopg.connect(office.dsn) as db:
        return handed_out(db, certificate(id, found, completed.checks), at.position)


def keys(office: Office) -> list[VerifierKey]:
    with psycopg.connect(office.dsn) as db:
        log = sealed_log(db)
        assert log is not None
        return known_keys(db, log)


def check(office: Office, paper: dict[str, Any]) -> Any:
    return checked(orjson.dumps(paper), keys(office))


def test_a_certificate_proves_which_keys_were_destroyed_and_that_it_is_complete(office: Office) -> None:
    [id] = office.erased(ANA)
    office.seal()
    found = check(office, handed(office, id))
    assert found.erasure_id == id
    assert list(found.key_ids) == [key.key_id for key in office.custodian.of([ANA])]
    destroyed = {key.destroyed_because for key in office.custodian.of([ANA])}
    assert set(found.destroyed_at) == destroyed
    assert (found.completed_at, found.checkpoint.size) == (office.log.reader.head(), office.log.reader.head())


def test_what_is_not_sealed_yet_is_not_handed_out(office: Office) -> None:
    [id] = office.erased(ANA)
    with pytest.raises(Refused, match="not sealed yet"):
        handed(office, id)


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def another_digest(paper: dict[str, Any], other: dict[str, Any]) -> None:
    paper["certificate"]["subjects"] = []


def another_certificate(paper: dict[str, Any], other: dict[str, Any]) -> None:
    another_digest(paper, other)
    paper["sha256"] = digest_of(paper["certificate"])


def fewer_keys(paper: dict[str, Any], other: dict[str, Any]) -> None:
    paper["certificate"]["keys_destroyed"][0]["key_ids"].pop()
    body = orjson.loads(paper["proofs"][-1]["body"])
    paper["sha256"] = body["certificate"] = digest_of(paper["certificate"])


def other_body(paper: dict[str, Any], other: dict[str, Any]) -> None:
    paper["proofs"][0]["body"] = other["proofs"][0]["body"]


def other_event(paper: dict[str, Any], other: dict[str, Any]) -> None:
    paper["proofs"][0] = other["proofs"][0] | {"position": paper["proofs"][0]["position"]}


def of_another_request(paper: dict[str, Any], other: dict[str, Any]) -> None:
    paper["proofs"].append(other["proofs"][0])


def none_of_the_destruction(paper: dict[str, Any], other: dict[str, Any]) -> None:
    del paper["proofs"][0]


def none_of_the_completion(paper: dict[str, Any], other: dict[str, Any]) -> None:
    del paper["proofs"][-1]


def completed_elsewhere(paper: dict[str, Any], other: dict[str, Any]) -> None:
    paper["completed_at_position"] = paper["proofs"][0]["position"]


def no_entry(paper: dict[str, Any], other: dict[str, Any]) -> None:
    lines = paper["proofs"][0]["proof"].split("\n")
    paper["proofs"][0]["proof"] = "\n".join(line for line in lines if not line.startswith("extra "))


def another_path(paper: dict[str, Any], other: dict[str, Any]) -> None:
    lines = paper["proofs"][0]["proof"].split("\n")
    lines[3], lines[4] = lines[4], lines[3]
    paper["proofs"][0]["proof"] = "\n".join(lines)


def another_root(paper: dict[str, Any], other: dict[str, Any]) -> None:
    for each in paper["proofs"]:
        head, checkpoint = each["proof"].split("\n\n", 1)
        lines = checkpoint.split("\n")
        lines[2] = "A" * 43 + "="
        each["proof"] = f"{head}\n\n" + "\n".join(lines)


CHANGES: list[tuple[Change, str]] = [
    (another_digest, "is not the one with this SHA-256"),
    (another_certificate, "says that another certificate was given"),
    (fewer_keys, "says that another certificate was given"),
    (other_body, "is not the one that was sealed"),
    (other_event, "is that of something else"),
    (of_another_request, "is none of this request"),
    (none_of_the_destruction, "There is no proof of the erasure.keys_destroyed.v1 at"),
    (none_of_the_completion, "There is no proof of the erasure.completed.v1 at"),
    (completed_elsewhere, "There is no proof of the erasure.completed.v1 at"),
    (no_entry, "is that of something else"),
    (another_path, "is not proven"),
    (another_root, "is not proven"),
    (lambda paper, other: paper.pop("proofs"), "This is no certificate with its proofs"),
    (lambda paper, other: paper["certificate"].update(format="x"), "This is no bitacora-erasure-certificate/1"),
]


def test_what_was_changed_proves_nothing(office: Office) -> None:
    mine, theirs = office.erased(ANA, BEA)
    office.seal()
    paper, other = handed(office, mine), handed(office, theirs)
    for change, told in CHANGES:
        changed = deepcopy(paper)
        change(changed, other)
        with pytest.raises(Refused, match=told):
            check(office, changed)
    assert check(office, paper).erasure_id == mine


def test_a_certificate_that_was_false_from_the_beginning_proves_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one that the log sealed, and names other keys than were destroyed."""

    def false(*given: Any) -> dict[str, Any]:
        said = certificate(*given)
        said["keys_destroyed"][0]["key_ids"].append(77)
        return said

    monkeypatch.setattr(erasing, "certificate", false)
    [id] = office.erased(ANA)
    office.seal()
    found = office.log.reader.stream(id)
    [(completed, at)] = [(event, at) for event, at in found if isinstance(event, ErasureCompleted)]
    with psycopg.connect(office.dsn) as db:
        paper = handed_out(db, false(id, found, completed.checks), at.position)
    with pytest.raises(Refused, match="destroys other keys than the certificate says"):
        check(office, paper)


def test_another_key_than_the_one_that_is_trusted_proves_nothing(office: Office) -> None:
    [id] = office.erased(ANA)
    office.seal()
    paper = orjson.dumps(handed(office, id))
    [key] = keys(office)
    other = Signer.of(key.name, bytes(32)).key
    for trusted in ([], [other]):
        with pytest.raises(Refused, match="is not proven"):
            checked(paper, trusted)
    assert checked(paper, [other, key]).erasure_id == id


@pytest.mark.parametrize("paper", [b"", b"{", b"[]", b"null", b'{"certificate": {}}', b'{"certificate": []}', b"\xff"])
def test_what_is_no_certificate_is_refused(paper: bytes) -> None:
    with pytest.raises(Refused, match="This is no"):
        checked(paper, [])
