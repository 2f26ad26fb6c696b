"""The key-encryption key is replaced each month: everything stays readable, and old backups become useless."""

import hmac
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from eventstore.custody import epochs
from eventstore.custody.epochs import Rotated
from eventstore.custody.providers import LINKS, KeyFileError
from eventstore.database import KEYS_SCHEMA, migrate
from eventstore.envelope import Request
from eventstore.personal import Subject
from processes.rotation import Rotation
from tests.eventstore.accounts import Deposit
from tests.eventstore.custody.conftest import NOW, Begin, Keeping

ROOT = Path(__file__).parents[3]
Dump = Callable[[str], Callable[[], str]]


def test_after_a_rotation_everything_is_wrapped_by_the_new_epoch_and_reads_as_before(begin: Begin) -> None:
    keeping = begin()
    people = [keeping.note(f"note {n}") for n in range(25)]
    wrapped = keeping.rows("select key_id, wrapped from keys.subject_key order by 1")
    assert keeping.epochs.rotate(NOW) == (2, 25, ())
    assert keeping.rows("select distinct epoch from keys.subject_key") == [(2,)]
    assert keeping.rows("select distinct epoch from keys.secret") == [(2,)]
    fresh = keeping.rows("select key_id, wrapped from keys.subject_key order by 1")
    assert not set(wrapped) & set(fresh)
    other = begin()
    assert sorted(map(str, other.notes(*people))) == sorted(f"note {n}" for n in range(25))


def test_an_epoch_is_destroyed_when_the_last_backup_of_its_keys_is_gone_and_not_before(keeping: Keeping) -> None:
    keeping.note("still here")
    keeping.epochs.rotate(NOW)
    assert keeping.epochs.go_on(NOW + timedelta(days=29, hours=23)) == (2, 0, ())
    assert (keeping.folder / "kek-1").exists()
    (keeping.folder / ".kek-1.4711").write_bytes((keeping.folder / "kek-1").read_bytes())  # of a maker who was killed
    assert keeping.epochs.go_on(NOW + timedelta(days=30)) == (2, 0, (1,))
    assert [file.name for file in keeping.folder.iterdir()] == ["kek-2"]
    assert [(each.epoch, each.state) for each in keeping.epochs.standings()] == [(1, "DESTROYED"), (2, "ACTIVE")]
    assert keeping.epochs.go_on(NOW + timedelta(days=31)) == (2, 0, ())


def test_a_month_that_began_brings_a_new_epoch_once(keeping: Keeping) -> None:
    keeping.note("something")
    with psycopg.connect(keeping.dsn) as db:
        db.execute("update keys.epoch set made_at = '2026-03-31T23:59Z'")
    now = [datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)]
    rotation = Rotation(keeping.epochs, now=lambda: now[0])
    assert not rotation.step()
    now[0] += timedelta(seconds=1)
    assert rotation.step()
    assert not rotation.step()
    assert [each.state for each in keeping.epochs.standings()] == ["RETIRED", "ACTIVE"]
    now[0] += timedelta(days=30)  # 1 May: another month began, and the first epoch has had its time
    assert rotation.step()
    assert [each.state for each in keeping.epochs.standings()] == ["DESTROYED", "RETIRED", "ACTIVE"]


def test_what_was_derived_from_the_first_key_stays_as_it_was_for_ever(begin: Begin) -> None:
    """The index of claims and the links in letters that are out there."""
    keeping = begin()
    keeping.note("something")
    kek = (keeping.folder / "kek-1").read_bytes()
    claim = hmac.digest(hmac.digest(kek, b"bitacora-claim/1", "sha256"), b"EMAIL\0ana@example.com", "sha256")
    links = HKDF(SHA256(), 32, salt=None, info=b"bitacora-links/1").derive(kek)
    for rotated in range(3):
        process = begin()
        assert process.ring.hashed("EMAIL", "ana@example.com") == claim
        assert process.ring.secret(LINKS) == links
        process.epochs.rotate(NOW + timedelta(days=31 * rotated))
    assert not (keeping.folder / "kek-1").exists()


def test_secrets_that_were_never_asked_for_are_kept_before_the_first_rotation(begin: Begin) -> None:
    keeping = begin()
    keeping.note("something")
    links = HKDF(SHA256(), 32, salt=None, info=b"bitacora-links/1").derive((keeping.folder / "kek-1").read_bytes())
    keeping.epochs.rotate(NOW)
    assert begin().ring.secret(LINKS) == links


def test_a_database_from_before_there_were_epochs_goes_on(begin: Begin, tmp_path: Path) -> None:
    keeping = begin()
    account = keeping.note("from before")
    with psycopg.connect(keeping.dsn) as db:  # as the first version made it
        [(key_id, wrapped)] = db.execute("select key_id, wrapped from keys.subject_key").fetchall()
        db.execute("drop schema keys cascade")
        db.execute("delete from public.bitacora_migration where name like 'schema_keys/%'")
    older = tmp_path / "schema_keys"
    older.mkdir()
    (older / "010_subject_key.sql").write_text((KEYS_SCHEMA / "010_subject_key.sql").read_text())
    migrate(keeping.dsn, older)
    with psycopg.connect(keeping.dsn) as db:
        db.execute(
            "insert into keys.subject_key (key_id, subject_id, class, wrapped, epoch) overriding system value "
            "values (%s, %s, 'text', %s, 1)",
            [key_id, account, wrapped],
        )
        db.execute("select setval('keys.subject_key_key_id_seq', 100)")
    migrate(keeping.dsn, KEYS_SCHEMA)
    process = begin()
    assert process.notes(account) == ["from before"]
    process.note("and after", account)
    assert process.notes(account) == ["from before", "and after"]
    assert process.rows("select period, epoch from keys.subject_key order by key_id") == [
        (0, 1),
        (datetime.now(UTC).year, 1),
    ]
    assert process.epochs.standings()[0][:4] == (1, "ACTIVE", "file", "kek-1")
    process.epochs.rotate(NOW)
    assert begin().notes(account) == ["from before", "and after"]


def test_a_value_is_under_the_key_of_the_year_in_which_it_came_about(keeping: Keeping) -> None:
    account = uuid4()
    for moment in ("2024-12-31T23:59:59Z", "2025-01-01T00:30:00+01:00", "2025-01-01T00:00:00Z", "1999-06-01T00:00:00Z"):
        asked = Deposit(account_id=account, customer_id=account, note=moment)
        keeping.log.do(asked, Request(occurred_at=datetime.fromisoformat(moment)))
    assert [(key.key_class, key.period) for key in keeping.custodian.of([account])] == [
        ("text", 1999),
        ("text", 2024),
        ("text", 2025),
    ]
    gone = [key.key_id for key in keeping.custodian.of([account]) if key.period == 2024]
    keeping.custodian.destroy(gone, because=1)
    assert keeping.notes(account) == [None, None, "2025-01-01T00:00:00Z", "1999-06-01T00:00:00Z"]


def test_a_process_that_missed_the_rotation_makes_its_next_key_under_the_new_epoch(begin: Begin) -> None:
    one, other = begin(), begin()
    one.note("a")
    other.note("b")
    assert other.ring.active()[0] == 1
    one.epochs.rotate(NOW)
    account = other.note("c")
    assert other.ring.active()[0] == 2
    assert one.notes(account) == ["c"]
    assert one.rows("select count(*) from keys.subject_key where epoch = 1") == [(0,)]


def test_everybody_goes_on_while_keys_are_wrapped_anew(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "REWRAPPED_TOGETHER", 7)
    rotator, worker = begin(), begin()
    people = [rotator.note(f"note {n}") for n in range(60)]
    went_on: list[UUID] = []

    def work(turn: int) -> None:
        worker.ring.forget()
        assert None not in worker.notes(*people)
        went_on.append(worker.note(f"meanwhile {turn}"))

    with ThreadPoolExecutor(2) as threads:
        rotating = threads.submit(lambda: [rotator.epochs.rotate(NOW) for _ in range(6)])
        turns = 0
        while not rotating.done():
            work(turns)
            turns += 1
    assert [each.epoch for each in rotating.result() if each is not None] == [2, 3, 4, 5, 6, 7]
    assert turns > 3
    assert rotator.epochs.go_on(NOW) == (7, 0, ())
    fresh = begin()
    assert None not in fresh.notes(*people, *went_on)
    assert fresh.rows("select distinct epoch from keys.subject_key") == [(7,)]


def test_two_who_rotate_at_once_are_one(begin: Begin) -> None:
    one, other = begin(), begin()
    one.note("a")
    with one.epochs._alone():
        assert other.epochs.rotate(NOW) is None
    assert [each.epoch for each in one.epochs.standings()] == [1]


CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from eventstore.custody import epochs
from eventstore.custody.epochs import Rotated
from eventstore.custody.epochs import Epochs
from eventstore.custody.providers import Files, Providers
from eventstore.database import open_pool
from eventstore.personal import KeyRing
dsn, folder = sys.argv[1:]
epochs.REWRAPPED_TOGETHER = 50
with open_pool(dsn, size=2) as pool:
    print("ready", flush=True)
    Epochs(dsn, KeyRing(pool, Providers(Files(Path(folder))))).rotate(datetime(2026, 3, 15, tzinfo=UTC))
    print("done", flush=True)
"""


MAX_TRIES_EACH = 4


def killed_and_gone_on(keeping: Keeping, times: int, seed: int) -> int:
    """Kills whoever rotates after a random while, until so many were really killed on the way; returns how many were.

    A rotation takes as long as the machine lets it: who was too late waits less the next time, and who was not waits more.
    """
    rng, killed, longest = random.Random(seed), 0, 0.6
    for _ in range(MAX_TRIES_EACH * times):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, keeping.dsn, str(keeping.folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, longest))
        child.send_signal(signal.SIGKILL)
        in_time = b"done" not in child.stdout.read()
        longest = min(0.6, longest * 1.2) if in_time else longest * 0.8
        child.stdout.close()
        child.wait()
        killed += in_time
        if killed == times:
            break
    return killed


def keys_of(keeping: Keeping) -> dict[object, bytes]:
    """Every key, bare, unwrapped by the file of its epoch."""
    keks = {int(file.name[4:]): file.read_bytes() for file in keeping.folder.glob("kek-*")}
    rows = keeping.rows("select key_id, epoch, wrapped from keys.subject_key")
    return {key_id: aes_key_unwrap(keks[epoch], wrapped) for key_id, epoch, wrapped in rows}  # type: ignore[index, arg-type]


def gone_on(keeping: Keeping) -> Rotated:
    """Goes on as soon as the server has noticed that the one who was killed is gone."""
    until = time.monotonic() + 30
    while (done := keeping.epochs.go_on(NOW)) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return done


def filled(keeping: Keeping, keys: int) -> None:
    keeping.ring.for_writing(Subject(uuid4(), "text", 2026) for _ in range(keys))


def test_a_rotation_that_was_killed_is_gone_on_with(keeping: Keeping) -> None:
    filled(keeping, 3_000)
    before = keys_of(keeping)
    assert killed_and_gone_on(keeping, 3, seed=1) == 3
    done = gone_on(keeping)
    assert keys_of(keeping) == before
    assert keeping.rows("select distinct epoch from keys.subject_key") == [(done.epoch,)]
    assert keeping.rows("select count(*) from keys.epoch where state = 'RETIRED' and emptied_at is null") == [(0,)]


@pytest.mark.long
def test_a_rotation_that_was_killed_a_hundred_times_is_gone_on_with(keeping: Keeping) -> None:
    filled(keeping, 5_000)
    before = keys_of(keeping)
    assert killed_and_gone_on(keeping, 100, seed=2) == 100
    gone_on(keeping)
    assert keys_of(keeping) == before
    assert keeping.rows("select count(distinct epoch) from keys.subject_key") == [(1,)]


def test_of_a_dump_from_before_an_erasure_nothing_is_readable_once_the_epoch_is_destroyed(
    begin: Begin, dsn: str, backed_up: Dump
) -> None:
    keeping = begin()
    gone, stays = [keeping.note(f"gone {n}") for n in range(20)], keeping.note("stays")
    restore = backed_up(dsn)
    keeping.custodian.destroy(keeping.keys(*gone), because=1)
    keeping.epochs.rotate(NOW)
    early = begin(restore())
    assert None not in early.notes(*gone)  # the dump can be read as long as the epoch is there: that is what it is for
    keeping.epochs.go_on(NOW + timedelta(days=30))
    late = begin(restore())
    for account in gone:
        with pytest.raises(KeyFileError, match="kek-1 is missing"):
            late.notes(account)
    assert (keeping.notes(stays), set(keeping.notes(*gone))) == (["stays"], {None})
    after = begin(backed_up(dsn)())
    assert after.notes(stays) == ["stays"]
    assert set(after.notes(*gone)) == {None}


def test_a_key_file_that_is_missing_or_another_one_is_told_and_nothing_is_changed(begin: Begin, tmp_path: Path) -> None:
    keeping = begin()
    account = keeping.note("something")
    missing, another = begin(folder=tmp_path / "missing"), begin(folder=tmp_path / "another")
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "kek-1").write_bytes(bytes(32))
    for process, complaint in ((missing, "is missing"), (another, "is not the one")):
        with pytest.raises(KeyFileError, match=complaint):
            process.notes(account)
        with pytest.raises(KeyFileError, match=complaint):
            process.epochs.rotate(NOW)
    assert not (tmp_path / "missing").exists()
    assert [each.epoch for each in keeping.epochs.standings()] == [1]


def test_what_wraps_wrongly_is_not_switched_to(begin: Begin) -> None:
    from eventstore.custody.providers import Files

    class Forgetful(Files):
        def unwrap(self, epoch: int, keys: object) -> list[bytes]:
            return [bytes(32) for _ in super().unwrap(epoch, keys)] if epoch == 2 else super().unwrap(epoch, keys)  # type: ignore[arg-type]

    keeping = begin()
    account = keeping.note("something")
    process = begin(provider=Forgetful(keeping.folder))
    with pytest.raises(KeyFileError, match="does not give back what it wrapped"):
        process.epochs.rotate(NOW)
    assert [each.state for each in keeping.epochs.standings()] == ["ACTIVE"]
    assert begin().notes(account) == ["something"]


def test_a_key_that_was_made_under_a_retired_epoch_is_refused_by_the_database(keeping: Keeping) -> None:
    keeping.note("something")
    keeping.epochs.rotate(NOW)
    wrapped = aes_key_wrap((keeping.folder / "kek-1").read_bytes(), bytes(32))
    with keeping.pool.connection() as db, pytest.raises(psycopg.DatabaseError, match="not the active one"):
        db.execute(
            "insert into keys.subject_key (subject_id, class, wrapped, epoch) values (%s, 'text', %s, 1)",
            [uuid4(), wrapped],
        )
