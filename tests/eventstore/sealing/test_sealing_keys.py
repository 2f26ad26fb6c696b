"""The keys that sign tree heads: made once, for their owner alone; followed by others without a gap; or kept elsewhere."""

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.keys import KeyFile, SigningKeyError, SigningProgram
from eventstore.sealing.notes import Note, NoteError, Signer
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS
from tests.eventstore.conftest import Accounts
from tests.eventstore.sealing.conftest import DAY, fill, heads, sealer_in

ORIGIN = "bitacora/events/1"


class Calendar:
    """A day that a test turns."""

    def __init__(self) -> None:
        self.now = DAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def keys(tmp_path: Path, calendar: Calendar) -> KeyFile:
    keys = KeyFile(tmp_path / "keys/sealing", calendar)
    keys.ensure(ORIGIN)
    return keys


def test_a_key_is_made_once_and_only_its_owner_reads_it(keys: KeyFile):
    before = keys.file.read_text()
    assert before.startswith(f"PRIVATE+KEY+{ORIGIN}+")
    assert stat.S_IMODE(keys.file.stat().st_mode) == 0o600
    keys.ensure(ORIGIN)
    assert keys.file.read_text() == before


def test_two_that_make_it_at_once_make_one(tmp_path: Path, calendar: Calendar):
    threads = [Thread(target=KeyFile(tmp_path / "key", calendar).ensure, args=(ORIGIN,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len((tmp_path / "key").read_text().splitlines()) == 1


def test_each_log_has_its_own(keys: KeyFile):
    keys.ensure("bitacora/reads/1")
    assert [key.key.name for key in keys.signers("bitacora/reads/1")] == ["bitacora/reads/1"]
    assert keys.signers(ORIGIN)[0].key != keys.signers("bitacora/reads/1")[0].key


def test_a_key_is_followed_by_another_and_both_sign_for_a_while(keys: KeyFile, calendar: Calendar):
    first = keys.signers(ORIGIN)[0].key
    second = keys.rotate(ORIGIN, timedelta(days=30))
    assert [signer.key for signer in keys.signers(ORIGIN)] == [second, first]
    note = Note.signed("text\n", keys.signers(ORIGIN))
    assert note.must_be_signed([first]) == [first]
    assert note.must_be_signed([second]) == [second]
    calendar.now += timedelta(days=29)
    assert len(keys.signers(ORIGIN)) == 2
    calendar.now += timedelta(days=1)
    assert [signer.key for signer in keys.signers(ORIGIN)] == [second]
    with pytest.raises(NoteError):
        Note.signed("text\n", keys.signers(ORIGIN)).must_be_signed([first])


def test_a_second_rotation_does_not_prolong_the_first(keys: KeyFile, calendar: Calendar):
    keys.rotate(ORIGIN, timedelta(days=10))
    keys.rotate(ORIGIN, timedelta(days=30))
    untils = [key.until for key in keys.of(ORIGIN)]
    assert untils == [None, (DAY + timedelta(days=30)).date(), (DAY + timedelta(days=10)).date()]


def test_there_is_a_limit_to_them(keys: KeyFile):
    for _ in range(14):
        keys.rotate(ORIGIN, timedelta())
    with pytest.raises(SigningKeyError, match="has 15 keys"):
        keys.rotate(ORIGIN)


def test_a_rotation_is_seen_by_the_sealer_that_runs(accounts: Accounts, dsn: str, tmp_path: Path):
    with sealer_in(dsn, tmp_path) as sealer:
        for _ in range(2):
            fill(accounts, 1)
            sealer.run()
        keys = KeyFile(tmp_path / "keys/sealing", lambda: datetime.now(UTC))
        first, origin = Note.parse(heads(dsn)[0][2]).signatures[0], Note.parse(heads(dsn)[0][2]).text.split("\n")[0]
        second = keys.rotate(origin)
        fill(accounts, 1)
        sealer.run()
    signed_by = [[line.key_id for line in Note.parse(note).signatures] for _, _, note in heads(dsn)]
    assert signed_by == [[first.key_id], [first.key_id], [second.key_id, first.key_id]]


def test_what_others_can_read_is_refused(keys: KeyFile):
    keys.file.chmod(0o640)
    with pytest.raises(SigningKeyError, match="chmod 600"):
        keys.signers(ORIGIN)


@pytest.mark.parametrize("damage", [b"nonsense\n", b"\xff\n", b"PRIVATE+KEY+a+00000000+AAAA\n"])
def test_a_damaged_file_is_refused(keys: KeyFile, damage: bytes):
    keys.file.write_bytes(keys.file.read_bytes() + damage)
    with pytest.raises(SigningKeyError, match=r"Line 2 .* is no signing key|damaged"):
        keys.signers(ORIGIN)


def test_a_lost_key_is_not_silently_replaced(accounts: Accounts, dsn: str, tmp_path: Path):
    fill(accounts, 1)
    with sealer_in(dsn, tmp_path) as sealer:
        sealer.run()
    (tmp_path / "keys/sealing").unlink()
    fill(accounts, 1)
    with sealer_in(dsn, tmp_path) as sealer:
        with pytest.raises(SigningKeyError, match=r"Restore it .*bitacora sealing rotate"):
            sealer.run()
    assert len(heads(dsn)) == 1


# A program that signs.

SIGN = (
    "import sys; from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as K; "
    "sys.stdout.buffer.write(K.from_private_bytes(bytes(range(32))).sign(sys.stdin.buffer.read()){})"
)
PUBLIC = Signer.of("x", bytes(range(32))).key.public


def test_a_program_may_sign_with_a_key_that_never_comes_here(accounts: Accounts, dsn: str, tmp_path: Path):
    program = SigningProgram([sys.executable, "-c", SIGN.format("")], PUBLIC)
    fill(accounts, 3)
    with Sealer(dsn, EVENTS, tmp_path / "sealing", program.signers, CheckpointFile(tmp_path / "c.txt")) as sealer:
        sealer.run()
    ((_, _, note),) = heads(dsn)
    origin = note.split("\n")[0]
    assert Note.parse(note).must_be_signed([program.signers(origin)[0].key])
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["/nowhere/at/all"], "cannot be run"),
        ([sys.executable, "-c", "import sys; sys.exit('no card')"], "failed: no card"),
        ([sys.executable, "-c", "print('x' * 64)"], "no signature"),
        ([sys.executable, "-c", SIGN.format("[:-1]")], "no signature"),
    ],
)
def test_a_program_that_does_not_sign_is_told(command: list[str], told: str):
    with pytest.raises(SigningKeyError, match=told):
        SigningProgram(command, PUBLIC).sign(b"text\n")
