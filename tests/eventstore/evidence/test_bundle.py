"""Bundles: whoever gets one can check it with nothing of ours, and finds nothing personal in it but what was disclosed."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest

from domain.kernel import Refused
from eventstore.evidence import verify
from eventstore.evidence.bundle import Made, write_bundle
from eventstore.evidence.examining import examine
from eventstore.evidence.keeping import kept_in
from eventstore.evidence.proofs import inclusion
from eventstore.evidence.verdict import Verdict
from tests.eventstore.evidence.conftest import SealedLog, append_raw, check, discloser
from tests.test_architecture import imported

ALLOWED = sys.stdlib_module_names | {"cryptography"}
ALONE = """
import runpy, sys
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("cryptography", "_cffi_backend"):
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Only())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bundle_of(log: SealedLog, file: Path, **asked: object) -> Made:
    with psycopg.connect(log.dsn, autocommit=True) as db:
        return write_bundle(db, file, **asked)  # type: ignore[arg-type]


def first_of(log: SealedLog, table: str) -> int:
    with psycopg.connect(log.dsn) as db:
        (position,) = db.execute(f"select min(position) from es.{table}").fetchone() or (0,)
    return int(position)


def altered(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The same bundle with its files changed; None leaves one out."""
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
    return target


def test_a_clean_log_is_found_clean(sealed: SealedLog) -> None:
    with psycopg.connect(sealed.dsn, autocommit=True) as db:
        report = examine(db, kept=sealed.kept)
    assert report.findings == ()
    assert (report.verdict, report.events, report.sealed) == (Verdict.ERASED_OK, sealed.size, sealed.size)
    assert report.compared == len(sealed.kept) == report.heads


def test_the_whole_log_is_checked_by_a_stranger(sealed: SealedLog) -> None:
    assert check(sealed.kept_bundle) == (0, "ERASED-OK")
    assert check(sealed.kept_bundle, "--checkpoint", sealed.kept_file) == (0, "ERASED-OK")


def test_the_verifier_runs_alone_from_the_bundle(sealed: SealedLog, tmp_path: Path) -> None:
    with ZipFile(sealed.kept_bundle) as bundle:
        bundle.extract("verify.py", tmp_path)
    told = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, "verify.py", str(sealed.kept_bundle), "--checkpoint", str(sealed.kept_file)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, "ERASED-OK", "")


def test_the_verifier_is_short_and_needs_nothing_of_ours() -> None:
    source = Path(verify.__file__).read_text()
    assert len(source.splitlines()) <= 200
    tops = {name.partition(".")[0] for name in imported(source)}
    assert tops <= ALLOWED


def test_nothing_personal_is_in_a_bundle(sealed: SealedLog) -> None:
    with ZipFile(sealed.kept_bundle) as bundle:
        whole = b"".join(bundle.read(name) for name in bundle.namelist())
        assert json.loads(bundle.read("manifest.json"))["disclosed"] == []
    assert b"told by" not in whole
    with psycopg.connect(sealed.dsn) as db:
        for nonce, ciphertext in db.execute("select nonce, ciphertext from es.personal"):
            assert nonce not in whole
            assert ciphertext not in whole


def test_what_is_disclosed_can_be_checked_and_cannot_be_changed(sealed: SealedLog, tmp_path: Path) -> None:
    at = first_of(sealed, "personal")
    made = bundle_of(sealed, tmp_path / "b.zip", positions=[at, at + 1], disclose=[at], discloser=discloser(sealed))
    assert (made.disclosed, check(made.file)) == ((at,), (0, "OK"))
    with ZipFile(made.file) as bundle:
        lines = [json.loads(line) for line in bundle.read("bodies.jsonl").splitlines()]
    assert all(value["value"].startswith("told by") for value in lines[0]["disclosed"])
    assert "disclosed" not in lines[1]
    lied = altered(made.file, tmp_path / "c.zip", lambda name, content: content.replace(b"told by", b"said by"))
    assert check(lied) == (1, f"TAMPERED({at}): what is disclosed is not it")


def test_what_was_erased_cannot_be_disclosed(sealed: SealedLog, tmp_path: Path) -> None:
    at = first_of(sealed, "erased")
    with pytest.raises(Refused, match=f"Of event {at} nothing can be disclosed"):
        bundle_of(sealed, tmp_path / "b.zip", positions=[at], disclose=[at], discloser=discloser(sealed))
    assert not list(tmp_path.iterdir())


def test_a_slice_brings_the_event_by_which_something_was_erased(sealed: SealedLog, tmp_path: Path) -> None:
    at = first_of(sealed, "erased")
    made = bundle_of(sealed, tmp_path / "b.zip", positions=[at])
    assert made.events == 2
    assert check(made.file, "--checkpoint", sealed.kept_file) == (0, "ERASED-OK")
    without = altered(made.file, tmp_path / "c.zip", lambda name, content: content.replace(b"key_ids", b"key_idz"))
    assert check(without)[0] == 1


def test_a_slice_is_proven_to_have_grown_from_what_somebody_kept(sealed: SealedLog, tmp_path: Path) -> None:
    old = tmp_path / "old.txt"
    head, note = kept_in(sealed.kept_file).heads[5]
    old.write_text(f"{note}\n")
    asked = {"positions": [3, 70, 280], "previous": kept_in(old).last(head.origin)}
    made = bundle_of(sealed, tmp_path / "b.zip", **asked)
    assert check(made.file, "--checkpoint", old) == (0, "OK")
    without = bundle_of(sealed, tmp_path / "c.zip", positions=[3])
    assert check(without.file, "--checkpoint", old) == (2, "UNREADABLE: nothing kept can be compared")
    lied = altered(
        made.file, tmp_path / "d.zip", lambda name, content: content[::-1] if name == "consistency" else content
    )
    assert check(lied, "--checkpoint", old)[0] != 0


def test_what_is_not_sealed_yet_is_said_to_be_so(sealed: SealedLog, tmp_path: Path) -> None:
    with psycopg.connect(sealed.dsn, autocommit=True) as db:
        waiting = append_raw(db, "account.closed.v1", {})
    made = bundle_of(sealed, tmp_path / "b.zip", positions=[1, waiting])
    assert made.unsealed == (waiting,)
    assert check(made.file) == (3, f"UNSEALED({waiting})")
    with psycopg.connect(sealed.dsn, autocommit=True) as db, pytest.raises(Refused, match="not sealed yet"):
        inclusion(db, waiting)


def test_another_log_cannot_be_compared(sealed: SealedLog, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(sealed.kept_file.read_text().replace("bitacora/events/", "bitacora/others/"))
    assert check(sealed.kept_bundle, "--checkpoint", other)[0] == 2
    other.write_text("nothing\n")
    assert check(sealed.kept_bundle, "--checkpoint", other)[0] == 2
    with pytest.raises(Refused, match="no checkpoint in"):
        kept_in(other)


def test_keys_that_somebody_trusts_count_instead_of_those_in_the_bundle(sealed: SealedLog, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    with ZipFile(sealed.kept_bundle) as bundle:
        text = bundle.read("policy").decode()
    policy.write_text(text)
    assert check(sealed.kept_bundle, "--policy", policy) == (0, "ERASED-OK")
    witness = f"# and this one\nwitness w {text.split()[1]}\ngroup g all w\nquorum g"
    policy.write_text(text.replace("quorum none", witness))
    assert check(sealed.kept_bundle, "--policy", policy) == (0, "ERASED-OK")
    policy.write_text(text.replace("log ", "witness w ") + "\n")
    assert check(sealed.kept_bundle, "--policy", policy)[0] == 1


PROVEN = ["checkpoint", "checkpoints", "bodies.jsonl", "tile/0/", "tile/1/", "tile/entries/"]


@pytest.mark.parametrize("kind", PROVEN)
def test_a_bundle_that_was_changed_on_its_way_is_never_taken_for_right(
    sealed: SealedLog, tmp_path: Path, kind: str
) -> None:
    chance = random.Random(kind)
    with ZipFile(sealed.kept_bundle) as bundle:
        files = [name for name in bundle.namelist() if name == kind or (kind.endswith("/") and name.startswith(kind))]
    for n in range(12):
        victim = chance.choice(files)

        def flip(name: str, content: bytes, victim: str = victim, leave_out: bool = n == 0) -> bytes | None:
            if name != victim:
                return content
            places: Sequence[int] = range(len(content))
            if kind.startswith("checkpoint"):  # what lies between the notes means nothing, nor do spare bits of base64
                places = [n for n in places if content[n : n + 1].isalnum() and content[n + 1 : n + 2] != b"="]
            at = chance.choice(places)
            flipped = content[:at] + bytes([content[at] ^ 1 << chance.randrange(7)]) + content[at + 1 :]
            return None if leave_out else flipped

        code, line = check(altered(sealed.kept_bundle, tmp_path / "b.zip", flip), "--checkpoint", sealed.kept_file)
        assert code in (1, 2), (victim, line)


def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_bytes(b"PK")
    assert check(file)[0] == 2
    assert check(tmp_path / "nothing")[0] == 2
