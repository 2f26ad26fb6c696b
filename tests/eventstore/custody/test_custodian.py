"""What is blocked opens with the officer's key only, what is destroyed never again, and every process knows at once."""

import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from domain.kernel import Refused
from eventstore.custody.evictions import Evictions
from eventstore.custody.officer import Officer, OfficerError, fingerprint, place_of_key
from eventstore.custody.reading import OfficersRing
from eventstore.personal import MAX_CACHED_S, KeyRing, Subject, context
from eventstore.reader import Reader
from tests.eventstore.conftest import acting_as
from tests.eventstore.custody.conftest import NOW, Begin, Keeping

ROOT = Path(__file__).parents[3]
UNTIL = date(2029, 3, 15)
BASIS = "LOPDGDD art. 32"
PASSPHRASE = "correct horse battery staple"


def read_by(keeping: Keeping, officer: Officer, *accounts: object) -> list[str | None]:
    ring = OfficersRing(keeping.custodian, officer)
    found = Reader(keeping.pool, keeping.log.codec, ring).streams(list(accounts), disclose=True)  # type: ignore[arg-type]
    return [event.note for event, _ in found]  # type: ignore[attr-defined]


def test_what_is_blocked_is_read_by_the_officer_and_by_nobody_else(
    keeping: Keeping, officer: Officer, begin: Begin
) -> None:
    blocked, open_ = keeping.note("blocked"), keeping.note("open")
    assert keeping.custodian.block(keeping.keys(blocked), until=UNTIL, basis=BASIS) == 1
    for process in (keeping, begin()):
        assert process.notes(blocked) == [None]
        assert process.notes(open_) == ["open"]
        assert read_by(process, officer, blocked, open_) in (["blocked", "open"], ["open", "blocked"])
    [key] = keeping.custodian.of([blocked])
    assert (key.state, key.blocked_until, key.basis) == ("BLOCKED", UNTIL, BASIS)
    with pytest.raises(OfficerError, match=f"sealed to the key {fingerprint(officer.public)}"):
        read_by(keeping, Officer.new(), blocked)


def cracked(keeping: Keeping, account: object) -> set[str]:
    """What opens with anything that lies in the key files or in the rows of the keys' database, taken as a key or unwrapped."""
    files = [file.read_bytes() for file in keeping.folder.iterdir()]
    held = [v for table in ("subject_key", "secret", "epoch", "blocking_key")
            for row in keeping.rows(f"select * from keys.{table}") for v in row if isinstance(v, bytes)]  # fmt: skip
    bare = {whole[n : n + 32] for whole in files + held for n in range(len(whole) - 31)}
    wrapped = {whole[n : n + 40] for whole in held for n in range(len(whole) - 39)}
    for kek in files:
        for each in wrapped:
            with suppress(InvalidUnwrap):
                bare.add(aes_key_unwrap(kek, each))
    found = set()
    for stream_id, version, type, slot, subject, key_id, nonce, ciphertext, sealed in keeping.rows(
        "select stream_id, version, type, slot, subject_id, key_id, nonce, ciphertext, wrapped "
        "  from es.personal join es.event using (position) join keys.subject_key using (key_id, subject_id) "
        " where subject_id = %s", account,
    ):  # fmt: skip
        for key in bare:
            with suppress(InvalidTag):
                place = context(stream_id, version, type, slot, subject, key_id)  # type: ignore[arg-type]
                found.add(AESGCM(key).decrypt(nonce, ciphertext, place).decode())  # type: ignore[arg-type]
            with suppress(OfficerError):
                place = place_of_key(key_id, subject)  # type: ignore[arg-type]
                found.add(Officer(X25519PrivateKey.from_private_bytes(key)).open(sealed, place).hex())  # type: ignore[arg-type]
    return found


def test_no_file_and_no_row_of_the_server_opens_what_is_blocked(keeping: Keeping, officer: Officer) -> None:
    blocked, open_ = keeping.note("blocked"), keeping.note("open")
    keeping.custodian.block(keeping.keys(blocked), until=UNTIL, basis=BASIS)
    assert cracked(keeping, open_) == {'"open"'}
    assert cracked(keeping, blocked) == set()


def test_blocking_twice_is_the_same_as_once_and_the_later_term_counts(keeping: Keeping, officer: Officer) -> None:
    keys = keeping.keys(keeping.note("blocked"))
    assert keeping.custodian.block(keys, until=UNTIL, basis=BASIS) == 1
    before = keeping.rows("select wrapped from keys.subject_key")
    assert keeping.custodian.block(keys, until=UNTIL - timedelta(days=9), basis="another") == 0
    assert keeping.rows("select blocked_until, basis from keys.subject_key") == [(UNTIL, BASIS)]
    assert keeping.custodian.block(keys, until=UNTIL + timedelta(days=9), basis="a later one") == 0
    assert keeping.rows("select wrapped from keys.subject_key") == before
    assert keeping.rows("select blocked_until, basis from keys.subject_key") == [
        (UNTIL + timedelta(days=9), "a later one")
    ]


def test_the_officer_gives_it_back_and_nobody_else_can(keeping: Keeping, officer: Officer, begin: Begin) -> None:
    account = keeping.note("blocked")
    keys = keeping.keys(account)
    keeping.custodian.block(keys, until=UNTIL, basis=BASIS)
    keeping.epochs.rotate(NOW)
    with pytest.raises(OfficerError):
        keeping.custodian.unblock(keys, Officer.new())
    assert keeping.notes(account) == [None]
    assert keeping.custodian.unblock(keys, officer) == 1
    assert keeping.custodian.unblock(keys, officer) == 0
    assert keeping.notes(account) == begin().notes(account) == ["blocked"]
    assert keeping.rows("select state, epoch, basis, blocking_key from keys.subject_key") == [("ACTIVE", 2, None, None)]


def test_what_is_recorded_of_somebody_who_is_blocked_gets_a_key_of_its_own(keeping: Keeping, officer: Officer) -> None:
    account = keeping.note("before")
    keeping.custodian.block(keeping.keys(account), until=UNTIL, basis=BASIS)
    keeping.note("after", account)
    assert keeping.notes(account) == [None, "after"]
    keeping.custodian.unblock(keeping.keys(account), officer)
    assert keeping.notes(account) == ["before", "after"]
    keeping.note("and on", account)
    assert len(keeping.keys(account)) == 2


def test_a_key_that_was_destroyed_leaves_its_row_with_when_and_because_of_what(
    keeping: Keeping, begin: Begin, officer: Officer
) -> None:
    account = keeping.note("gone")
    keys = keeping.keys(account)
    assert keeping.custodian.destroy(keys, because=7) == 1
    assert keeping.custodian.destroy(keys, because=8) == 0
    [key] = keeping.custodian.of([account])
    assert (key.state, key.destroyed_because) == ("DESTROYED", 7)
    assert key.destroyed_at is not None
    assert datetime.now(UTC) - key.destroyed_at < timedelta(minutes=1)
    assert keeping.rows("select wrapped, epoch from keys.subject_key") == [(None, None)]
    assert keeping.notes(account) == begin().notes(account) == read_by(keeping, officer, account) == [None]
    assert keeping.custodian.block(keys, until=UNTIL, basis=BASIS) == 0
    assert keeping.custodian.unblock(keys, officer) == 0
    with psycopg.connect(keeping.dsn) as db, pytest.raises(psycopg.errors.RestrictViolation):
        db.execute("update keys.subject_key set state = 'ACTIVE', wrapped = 'x', epoch = 1")
    keeping.note("again", account)
    assert keeping.notes(account) == [None, "again"]


def test_what_is_to_be_kept_blocked_is_not_destroyed_before_its_term(keeping: Keeping, officer: Officer) -> None:
    account = keeping.note("kept")
    keys = keeping.keys(account)
    keeping.custodian.block(keys, until=UNTIL, basis=BASIS)
    with pytest.raises(Refused, match=f"kept blocked until {UNTIL}"):
        keeping.custodian.destroy(keys, because=1, on=UNTIL - timedelta(days=1))
    assert keeping.custodian.overdue(UNTIL - timedelta(days=1)) == []
    assert [key.key_id for key in keeping.custodian.overdue(UNTIL)] == keys
    assert read_by(keeping, officer, account) == ["kept"]
    assert keeping.custodian.destroy(keys, because=1, on=UNTIL) == 1
    assert read_by(keeping, officer, account) == [None]


def test_nothing_can_be_blocked_without_an_officer_or_a_basis(keeping: Keeping) -> None:
    keys = keeping.keys(keeping.note("open"))
    with pytest.raises(Refused, match="bitacora keys dpo"):
        keeping.custodian.block(keys, until=UNTIL, basis=BASIS)
    with pytest.raises(Refused, match="legal basis") as refused:
        keeping.custodian.block(keys, until=UNTIL, basis=" ")
    assert refused.value.field == "basis"


def test_another_officer_takes_over_and_what_was_sealed_to_the_first_stays_so(
    keeping: Keeping, officer: Officer
) -> None:
    first, second = keeping.note("first"), keeping.note("second")
    keeping.custodian.block(keeping.keys(first), until=UNTIL, basis=BASIS)
    successor = Officer.new()
    number = keeping.custodian.name_officer(successor.public)
    assert keeping.custodian.name_officer(successor.public) == number
    assert keeping.custodian.officer() == (number, successor.public)
    with pytest.raises(Refused, match="replaced"):
        keeping.custodian.name_officer(officer.public)
    keeping.custodian.block(keeping.keys(second), until=UNTIL, basis=BASIS)
    assert read_by(keeping, officer, first) == ["first"]
    assert read_by(keeping, successor, second) == ["second"]
    for stranger, account in ((officer, second), (successor, first)):
        with pytest.raises(OfficerError):
            read_by(keeping, stranger, account)


def test_a_sealed_key_that_was_moved_to_another_row_does_not_open(keeping: Keeping, officer: Officer) -> None:
    one, other = keeping.note("one"), keeping.note("other")
    keeping.custodian.block(keeping.keys(one, other), until=UNTIL, basis=BASIS)
    with psycopg.connect(keeping.dsn) as db:
        db.execute(
            "update keys.subject_key k set wrapped = o.wrapped from keys.subject_key o where o.key_id <> k.key_id"
        )
    with pytest.raises(OfficerError, match="not what was sealed there"):
        read_by(keeping, officer, one)


def test_more_keys_than_fit_in_one_portion_are_blocked_and_destroyed(keeping: Keeping, officer: Officer) -> None:
    keys = [key.key_id for key in keeping.ring.for_writing(Subject(uuid4(), "text", n) for n in range(2_100)).values()]
    assert keeping.custodian.block(keys, until=UNTIL, basis=BASIS) == 2_100
    assert len(keeping.custodian.opened(keys, officer)) == 2_100
    assert keeping.custodian.destroy(keys, because=1, on=UNTIL) == 2_100
    assert keeping.custodian.counts() == {"DESTROYED": 2_100}


# The officer's file.


def test_the_officers_file_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    officer, file = Officer.new(), tmp_path / "dpo.json"
    with pytest.raises(Refused, match="at least 12"):
        officer.write(file, "short")
    officer.write(file, PASSPHRASE)
    assert file.stat().st_mode & 0o777 == 0o600
    assert Officer.read(file, PASSPHRASE).public == officer.public
    with pytest.raises(OfficerError, match="passphrase"):
        Officer.read(file, PASSPHRASE + "!")
    with pytest.raises(OfficerError, match="never written over"):
        Officer.new().write(file, PASSPHRASE)
    whole = file.read_bytes()
    for broken in (b"", b"{}", whole.replace(b"bitacora-dpo/1", b"bitacora-dpo/2"), whole[:-10], b"[1]", b'"x"'):
        file.write_bytes(broken)
        with pytest.raises(OfficerError, match="not a file that"):
            Officer.read(file, PASSPHRASE)
    at = whole.index(b'"public": "') + 11
    file.write_bytes(whole[:at] + (b"A" if whole[at : at + 1] != b"A" else b"B") + whole[at + 1 :])
    with pytest.raises(OfficerError):
        Officer.read(file, PASSPHRASE)
    with pytest.raises(OfficerError, match="cannot be read"):
        Officer.read(tmp_path / "nowhere", PASSPHRASE)
    with pytest.raises(OfficerError, match="cannot be written"):
        officer.write(tmp_path / "nowhere" / "dpo.json", PASSPHRASE)


# What is held in memory.


def test_a_key_is_held_for_ten_minutes_at_most(keeping: Keeping) -> None:
    now = [0.0]
    ring = KeyRing(keeping.pool, keeping.ring.providers, now=lambda: now[0])
    [key] = ring.for_writing([Subject(uuid4(), "text", 2026)]).values()
    (keeping.folder / "kek-1").rename(keeping.folder / "away")
    now[0] = MAX_CACHED_S - 0.001
    assert ring.for_reading([key.key_id])
    now[0] = MAX_CACHED_S
    with pytest.raises(Exception, match="is missing"):
        ring.for_reading([key.key_id])
    assert not ring._by_id
    assert not ring._by_subject


def test_a_key_that_was_blocked_while_it_was_being_read_is_not_kept(keeping: Keeping, officer: Officer) -> None:
    account = keeping.note("blocked")
    [key_id] = keeping.keys(account)
    keeping.ring.forget()
    files = keeping.ring.providers["file"]
    unwrap = files.unwrap

    def slowly(epoch: int, keys: list[bytes]) -> list[bytes]:
        found = unwrap(epoch, keys)
        keeping.ring.evict(key_id)  # the word of it comes just now
        return found

    files.unwrap = slowly  # type: ignore[method-assign, assignment]
    assert keeping.ring.for_reading([key_id])
    assert not keeping.ring._by_id


@pytest.mark.parametrize("change", ["block", "destroy"])
def test_every_process_drops_a_key_at_once(begin: Begin, keeping: Keeping, officer: Officer, change: str) -> None:
    other = begin()
    account, bystander = keeping.note("a"), keeping.note("b")
    with Evictions(other.dsn, other.ring):
        heard(other, account)
        assert other.notes(account, bystander)
        assert len(other.ring._by_id) == 2
        if change == "block":
            keeping.custodian.block(keeping.keys(account), until=UNTIL, basis=BASIS)
        else:
            keeping.custodian.destroy(keeping.keys(account), because=1)
        until = time.monotonic() + 5
        while other.notes(account) != [None]:
            assert time.monotonic() < until
            time.sleep(0.005)
        assert list(other.ring._by_id) == keeping.keys(bystander)
    assert keeping.notes(account) == [None]


def heard(process: Keeping, account: object) -> None:
    """Returns when it really listens: only then is nothing dropped any more."""
    with psycopg.connect(process.dsn, autocommit=True) as db:
        until = time.monotonic() + 5
        while not db.execute(
            "select from pg_stat_activity where query = 'listen es_keys' and state = 'idle'"
        ).fetchall():
            assert time.monotonic() < until
            time.sleep(0.01)
    time.sleep(0.05)


CHILD = """
import sys, time
from pathlib import Path
from uuid import UUID
from eventstore.custody.evictions import Evictions
from eventstore.custody.providers import Files, Providers
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.eventstore.accounts import decider
dsn, folder, account = sys.argv[1:]
with open_pool(dsn, size=2) as pool:
    log = Log(pool, [decider], KeyRing(pool, Providers(Files(Path(folder)))))
    with Evictions(dsn, log.keys):
        for line in sys.stdin:
            [(event, _)] = log.reader.stream(UUID(account), disclose=True)
            print(event.note, flush=True)
"""


def test_another_process_of_the_operating_system_hears_of_it_too(keeping: Keeping, officer: Officer) -> None:
    account = keeping.note("secret")
    words = [sys.executable, "-c", CHILD, keeping.dsn, str(keeping.folder), str(account)]
    child = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None

    def asked() -> str:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("?\n")
        child.stdin.flush()
        return child.stdout.readline().strip()

    assert asked() == "secret"
    heard(keeping, account)
    assert asked() == "secret"
    keeping.custodian.block(keeping.keys(account), until=UNTIL, basis=BASIS)
    until = time.monotonic() + 5
    while asked() != "None":
        assert time.monotonic() < until
    child.stdin.close()
    child.stdout.close()
    assert child.wait() == 0


def test_a_process_that_cannot_hear_drops_all_and_listens_again(begin: Begin, keeping: Keeping) -> None:
    account = keeping.note("a")
    with Evictions(keeping.dsn, keeping.ring):
        heard(keeping, account)
        assert keeping.notes(account) == ["a"]
        with psycopg.connect(keeping.dsn, autocommit=True) as db:
            db.execute("select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen es_keys'")
        until = time.monotonic() + 5
        while keeping.ring._by_id:
            assert time.monotonic() < until
            time.sleep(0.01)
        heard(keeping, account)


def test_a_custodian_has_no_way_into_the_log(keeping: Keeping) -> None:
    keeping.note("a")
    with acting_as(keeping.dsn, "es_custodian") as db:
        for table in ("es.event", "es.personal"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"select from {table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("update keys.subject_key set subject_id = gen_random_uuid()")
    with acting_as(keeping.dsn, "es_app") as db:
        for change in ("update keys.subject_key set state = 'ACTIVE'", "update keys.epoch set state = 'ACTIVE'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(change)
