"""What was corrected is gone as well: the verifiers take that for right only because of a later event that corrects just it."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID
from zipfile import ZipFile

import psycopg
import pytest
from psycopg import Connection

from domain import DECIDERS
from domain.customer import ChangeCustomerProfile
from domain.kernel import derived, sealed_fields
from domain.superseding import SUPERSEDED
from eventstore.embedded import EmbeddedServer
from eventstore.evidence import verify
from eventstore.evidence.bundle import Writer, write_bundle
from eventstore.evidence.correcting import RULES, UNSAID
from eventstore.evidence.proofs import prove
from eventstore.evidence.verdict import Finding, Verdict
from eventstore.log import Log
from tests.eventstore.evidence.conftest import SealedLog, check, correct, examined, forget, rectify, sealed_log
from tests.eventstore.evidence.test_bundle import altered

REGISTERED, ADDED, HOBBY, CONTACT, ADDRESS, PROFILE, LANGUAGE, HOBBY_AGAIN, REMOVED, PROFILE_AGAIN = range(61, 71)
BEA, BEAS_PROFILE = 71, 72
"""Where `correct` puts its events."""
TOLD = 11
"""Where the first value of an account is, and others follow in the same stream."""


@pytest.fixture
def log(server: EmbeddedServer, tmp_path: Path) -> Iterator[SealedLog]:
    with sealed_log(server, tmp_path, 60, erased=False) as log:
        correct(log.accounts)
        log.sealer.run()
        yield log


@pytest.fixture
def db(log: SealedLog) -> Iterator[Connection]:
    with psycopg.connect(log.dsn, autocommit=True) as db:
        yield db


def bundle(db: Connection, log: SealedLog, *positions: int) -> Path:
    file = log.home / "rectified.zip"
    write_bundle(db, file, positions=positions or None)
    return file


def exported(db: Connection, log: SealedLog, *positions: int) -> Path:
    """The same, as it stands in the transaction that is open."""
    file = log.home / "rectified.zip"
    with ZipFile(file, "w") as archive:
        Writer(db, archive, {}, lambda done, of: None).write(file, positions or None, "", None, "")
    return file


def pass_off(db: Connection, position: int, slot: int, because: int) -> None:
    """As a superuser does: a value is deleted, and its tombstone says that it was corrected."""
    db.execute("alter table es.personal disable trigger all")
    db.execute(
        "insert into es.erased (position, slot, subject_id, key_id, digest, reason, because) "
        "select position, slot, subject_id, key_id, sha256(nonce || ciphertext), 'RECTIFIED', %s from es.personal "
        " where position = %s and slot = %s",
        [because, position, slot],
    )
    assert db.execute("delete from es.personal where position = %s and slot = %s", [position, slot]).rowcount == 1


def test_what_was_corrected_is_erased_as_an_event_says(db: Connection, log: SealedLog) -> None:
    assert rectify(db) == 6
    assert db.execute("select position, slot, because from es.erased order by 1, 2").fetchall() == [
        (REGISTERED, 0, PROFILE), (ADDED, 0, REMOVED), (ADDED, 1, REMOVED), (HOBBY, 0, HOBBY_AGAIN),
        (PROFILE, 0, PROFILE_AGAIN), (BEA, 0, BEAS_PROFILE),
    ]  # fmt: skip
    assert examined(db, log).verdict is Verdict.ERASED_OK
    assert check(bundle(db, log), "--checkpoint", log.kept_file) == (0, "ERASED-OK")
    assert prove(db, 1, PROFILE_AGAIN).verdict is Verdict.ERASED_OK


def test_a_slice_brings_what_corrects_what_corrects(db: Connection, log: SealedLog) -> None:
    rectify(db)
    assert check(bundle(db, log, REGISTERED)) == (0, "ERASED-OK")


PRETEXTS = {
    "a change of the profile that says no name": (REGISTERED, 0, LANGUAGE),
    "a later event that says a value in the same slot, of another type": (REGISTERED, 0, HOBBY),
    "a change of the profile that says no birth date": (PROFILE, 1, PROFILE_AGAIN),
    "a preference on another topic": (HOBBY, 0, CONTACT),
    "a type that corrects other types": (ADDED, 0, PROFILE_AGAIN),
    "what corrects something else": (ADDRESS, 0, HOBBY_AGAIN),
    "an earlier event": (PROFILE_AGAIN, 0, PROFILE),
    "itself": (PROFILE, 0, PROFILE),
    "an event of another stream": (PROFILE_AGAIN, 0, BEAS_PROFILE),
    "a later event of the same stream that corrects nothing": (TOLD, 0, TOLD + 1),
    "an event that is not there": (REGISTERED, 0, 99),
}


def test_a_value_is_not_passed_off_as_corrected_by(db: Connection, log: SealedLog) -> None:
    for name, (position, slot, because) in PRETEXTS.items():
        with db.transaction(force_rollback=True):
            pass_off(db, position, slot, because)
            report = examined(db, log)
            found = report.verdict, report.findings[:1]
            assert found == (Verdict.TAMPERED, (Finding(position, position, UNSAID, True),)), name
            for positions in ((), (position,)):
                assert check(exported(db, log, *positions)) == (1, f"TAMPERED({position}): {UNSAID}"), name
            assert prove(db, position, position).findings[:1] == found[1], name


def test_a_correction_that_is_not_sealed_yet_corrects_nothing_yet(db: Connection, log: SealedLog) -> None:
    people = Log(log.accounts.pool, DECIDERS, log.accounts.keys)
    people.do(ChangeCustomerProfile(customer_id=derived("customer", "ana"), name="Not sealed"))
    pass_off(db, REGISTERED, 0, log.accounts.reader.head())
    assert examined(db, log).findings[0].first == REGISTERED
    assert check(bundle(db, log))[1].startswith(f"TAMPERED({REGISTERED})")
    assert prove(db, REGISTERED, REGISTERED).verdict is Verdict.TAMPERED


@pytest.mark.parametrize("type", ["erasure.keys_destroyed.v1", "retention.keys_destroyed.v1"])
def test_an_event_that_destroys_keys_accounts_for_these_alone(db: Connection, log: SealedLog, type: str) -> None:
    (whom,) = db.execute("select subject_id from es.personal where position = %s", [TOLD]).fetchone() or (None,)
    because = forget(log.sealer, log.dsn, [whom], type)
    assert examined(db, log).verdict is Verdict.ERASED_OK
    assert check(bundle(db, log), "--checkpoint", log.kept_file) == (0, "ERASED-OK")
    assert prove(db, TOLD, TOLD + 9).verdict is Verdict.ERASED_OK
    pass_off(db, REGISTERED, 0, because)
    assert examined(db, log).findings[0].first == REGISTERED
    assert check(bundle(db, log)) == (1, f"TAMPERED({REGISTERED}): {UNSAID}")
    assert prove(db, REGISTERED, REGISTERED).findings[0].first == REGISTERED


def test_an_event_that_names_keys_and_destroys_none_accounts_for_nothing(db: Connection, log: SealedLog) -> None:
    (whom,) = db.execute("select subject_id from es.personal where position = %s", [TOLD]).fetchone() or (None,)
    db.execute("alter table es.personal disable trigger all")
    with pytest.raises(psycopg.DatabaseError, match="does not say"):
        forget(log.sealer, log.dsn, [whom], "retention.keys_counted.v1")
    pass_off(db, TOLD, 0, log.accounts.reader.head())
    assert examined(db, log).findings[0].first == TOLD
    assert check(bundle(db, log)) == (1, f"TAMPERED({TOLD}): {UNSAID}")
    assert prove(db, TOLD, TOLD).findings[0].first == TOLD


def test_an_event_that_was_made_to_name_a_key_accounts_for_nothing(db: Connection, log: SealedLog) -> None:
    (whom,) = db.execute("select subject_id from es.personal where position = %s", [TOLD]).fetchone() or (None,)
    because = forget(log.sealer, log.dsn, [whom])
    pass_off(db, REGISTERED, 0, because)
    db.execute("alter table es.event disable trigger all")
    db.execute(
        "update es.event set body = convert_to(format('{\"key_ids\": [%%s]}', k.key_id), 'UTF8') "
        "  from es.erased k where k.position = %s and es.event.position = %s",
        [REGISTERED, because],
    )
    assert prove(db, REGISTERED, REGISTERED).findings[0].first == REGISTERED
    assert check(bundle(db, log)) == (1, f"TAMPERED({because}): it is not the one that was sealed")


def test_what_is_gone_is_not_hidden_in_the_row_before_it(db: Connection, log: SealedLog) -> None:
    def join(name: str, content: bytes) -> bytes:
        if name != "bodies.jsonl":
            return content
        lines = [json.loads(line) for line in content.splitlines()]
        first, (slot, subject, key_id, digest, _) = lines[ADDED - 1]["personal"]
        place = struct.pack(">H16sQ", slot, UUID(subject).bytes, key_id)
        lines[ADDED - 1]["personal"] = [[*first[:3], first[3] + place.hex() + digest, None]]
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    hidden = altered(bundle(db, log), log.home / "hidden.zip", join)
    assert check(hidden) == (1, f"TAMPERED({ADDED}): its personal values are others")


def test_both_verifiers_know_the_same_corrections() -> None:
    ours = {(rule.by, rule.of, rule.of_slot, rule.by_slot is None) for rule in RULES}
    fields = {rule.of.stored_as: len(sealed_fields(rule.of)) for rule in SUPERSEDED}
    theirs = set()
    for by, of in verify.CORRECTS.items():
        *types, last = of.decode().split()
        anyway = last == "*"
        theirs |= {
            (by.decode(), type, slot, anyway)
            for type in (types if anyway else [*types, last])
            for slot in range(fields[type])
        }
    assert theirs == ours
    for rule in RULES:
        assert rule.by_slot in (None, rule.of_slot)  # as verify.py takes it to be
    for each in SUPERSEDED:
        same = {"topic", "number"} & set(each.by.__slots__) & set(each.of.__slots__)  # type: ignore[attr-defined]
        assert same == ({each.alike} if each.alike else set())
