"""Personal values stand enciphered beside the log, tied to their place, and are gone when their key is."""

import stat
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.kernel import BLOCKED, UNTOLD
from eventstore.bulk import Bulk
from eventstore.custody.custodian import Custodian
from eventstore.custody.providers import KEY_BYTES, Files, KeyFileError
from eventstore.database import LogCorrupted, open_pool
from eventstore.envelope import Request
from eventstore.personal import KeyRing, SealedValue, Subject, digest
from eventstore.reader import Reader
from tests.eventstore.accounts import Deposit, Deposited
from tests.eventstore.conftest import Accounts

CANARY = "Señora Canary lives at 12 Hidden Lane"


def notes(accounts: Accounts, stream: UUID) -> list[str | None]:
    return [event.note for event, _ in accounts.reader.stream(stream, disclose=True)]  # type: ignore[attr-defined]


def test_a_personal_value_comes_back_only_to_who_asks_for_it(log: Accounts) -> None:
    account = uuid4()
    log.deposit(account, note=CANARY)
    assert notes(log, account) == [CANARY]
    assert [event.note for event, _ in log.reader.stream(account)] == [None]  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", "\x01\x7f", "ñandú 🦤", "\\N\t\r\n", "=1+1", "x" * 20_000])
def test_any_text_comes_back_as_it_was(log: Accounts, text: str) -> None:
    one, many = uuid4(), uuid4()
    log.deposit(one, note=text)
    Bulk(log).do([(Deposit(account_id=many, customer_id=many, note=text), Request())])
    assert notes(log, one) == notes(log, many) == [text]


def test_no_byte_of_it_is_in_the_database_in_clear(accounts: Accounts, dsn: str) -> None:
    account = uuid4()
    accounts.deposit(account, note=CANARY)
    Bulk(accounts).do([(Deposit(account_id=uuid4(), customer_id=account, note=CANARY), Request())])
    with psycopg.connect(dsn) as db:
        tables = db.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('es', 'keys', 'public')"
        ).fetchall()
        found = {}
        for (table,) in tables:
            with db.cursor().copy(f"copy {table} to stdout (format binary)") as copy:
                found[table] = b"".join(bytes(part) for part in copy)
    assert len(found["es.personal"]) > 2 * len(CANARY)
    for word in CANARY.split():
        if len(word) > 3:
            assert not [table for table, held in found.items() if word.encode() in held]


def test_the_event_keeps_the_digest_of_its_personal_values(accounts: Accounts) -> None:
    accounts.deposit(note=CANARY)
    accounts.deposit()
    with accounts.pool.connection() as db, db.cursor(binary=True) as cursor:
        kept = cursor.execute("select personal from es.event order by position").fetchall()
        values = cursor.execute("select slot, subject_id, key_id, nonce, ciphertext from es.personal").fetchall()
    assert kept == [(digest(SealedValue(*value) for value in values),), (None,)]


def test_a_ciphertext_that_was_moved_to_another_event_is_refused(accounts: Accounts, dsn: str) -> None:
    account = uuid4()
    accounts.deposit(account, note=CANARY)
    accounts.deposit(account, note="something else")
    with psycopg.connect(dsn) as db:  # who can switch triggers off can move rows, but not unnoticed
        db.execute("alter table es.personal disable trigger personal_is_kept")
        db.execute("update es.personal set position = 3 - position + 10")
        db.execute("update es.personal set position = position - 10")
    with pytest.raises(LogCorrupted, match="not the one that was sealed there"):
        notes(accounts, account)


@pytest.mark.parametrize("change", ["set_byte(ciphertext, 0, get_byte(ciphertext, 0) # 1)", "ciphertext || 'x'::bytea"])
def test_a_ciphertext_that_was_changed_is_refused(accounts: Accounts, dsn: str, change: str) -> None:
    account = uuid4()
    accounts.deposit(account, note=CANARY)
    with psycopg.connect(dsn) as db:
        db.execute("alter table es.personal disable trigger personal_is_kept")
        db.execute(f"update es.personal set ciphertext = {change}")
    with pytest.raises(LogCorrupted):
        notes(accounts, account)


def test_a_person_is_forgotten_with_the_key_and_the_events_stay(accounts: Accounts, dsn: str) -> None:
    gone, stays = uuid4(), uuid4()
    accounts.deposit(gone, note=CANARY)
    accounts.deposit(stays, note="I stay")
    custodian = Custodian(dsn, accounts.keys)
    assert custodian.destroy([key.key_id for key in custodian.of([gone])], because=1) == 1
    assert notes(accounts, gone) == [None]
    assert notes(accounts, stays) == ["I stay"]
    assert accounts.table() == [1, 2]


def test_whether_a_text_is_there_is_told_without_a_key_being_opened(
    accounts: Accounts, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, silent, gone, blocked = (uuid4() for _ in range(4))
    for account, note in ((there, CANARY), (silent, None), (gone, CANARY), (blocked, CANARY)):
        accounts.deposit(account, note=note)
    custodian = Custodian(dsn, accounts.keys)
    custodian.destroy([key.key_id for key in custodian.of([gone])], because=1)
    with psycopg.connect(dsn) as db:
        db.execute(
            "insert into es.claim (kind, key, holder, position, owner, firm) values (%s, %s, %s, 1, true, true)",
            [BLOCKED, blocked.bytes, blocked],
        )
    accounts.keys.forget()
    monkeypatch.setattr(accounts.keys, "_read", None)  # by which keys are opened
    told = partial(accounts.reader.customers, [there, silent, gone, blocked])
    kind = Deposited.stored_as
    for found in (told(mark=[kind]), accounts.reader.of_streams([there, silent, gone, blocked], mark=[kind])):
        assert [event.note for event, _ in found] == [UNTOLD, None, None, None]  # type: ignore[attr-defined]
    assert [event.note for event, _ in told(mark=["account.closed.v1"])] == [None] * 4  # type: ignore[attr-defined]


def test_every_person_has_a_key_of_their_own(accounts: Accounts) -> None:
    for _ in range(3):
        accounts.deposit(note=CANARY)
    with accounts.pool.connection() as db:
        row = db.execute("select count(distinct key_id), count(distinct ciphertext) from es.personal").fetchone()
    assert row == (3, 3)


def test_two_processes_that_need_the_key_of_a_person_get_the_same(accounts: Accounts) -> None:
    subject = Subject(uuid4(), "text", 2026)
    rings = [KeyRing(accounts.pool, bytes(KEY_BYTES)) for _ in range(2)]
    assert len({ring.for_writing([subject])[subject].key_id for ring in rings}) == 1


def test_another_key_file_is_noticed(accounts: Accounts) -> None:
    account = uuid4()
    accounts.deposit(account, note=CANARY)
    other = Accounts(accounts.pool)
    other.reader = Reader(accounts.pool, other.codec, KeyRing(accounts.pool, bytes(KEY_BYTES)))
    with pytest.raises(KeyFileError, match="Restore it"):
        notes(other, account)


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert files.make(1) == "kek-1"
    key = files.key(1)
    assert len(key) == KEY_BYTES
    assert len(set(key)) > 1
    assert files.make(1) == "kek-1"
    assert files.key(1) == key
    assert stat.S_IMODE((tmp_path / "kek-1").stat().st_mode) == 0o600
    assert files.make(2) == "kek-2"
    assert files.key(2) != key
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kek-1", "kek-2"]


def test_a_truncated_key_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "kek-1"
    file.write_bytes(b"short")
    with pytest.raises(KeyFileError, match="5 bytes instead of 32"):
        Files(tmp_path).make(1)
    assert file.read_bytes() == b"short"


def test_a_key_file_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="cannot be used"):
        Files(tmp_path / "file").make(1)


def test_one_connection_is_enough_for_values_and_their_keys(dsn: str) -> None:
    """Nobody holds a connection and waits for another, or a busy pool would stand still."""
    with open_pool(dsn, size=1) as pool:
        accounts, account = Accounts(pool), uuid4()
        accounts.deposit(account, note=CANARY)
        Bulk(accounts).do([(Deposit(account_id=account, customer_id=uuid4(), note=CANARY), Request())])
        accounts.keys.forget()
        assert notes(accounts, account) == [CANARY, CANARY]
