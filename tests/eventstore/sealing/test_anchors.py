"""Anchors: a witness that keeps its state, a time stamping authority made with openssl, and what is refused of each."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import time

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from eventstore.sealing.anchors import Anchor, AnchorFailed, Anchoring, TimeStamping, Witness, must_be_url, post
from eventstore.sealing.heads import Heads
from eventstore.sealing.notes import Note, seen_at
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS
from tests.eventstore.conftest import Accounts
from tests.eventstore.sealing.conftest import DAY, fill
from tests.eventstore.sealing.witness import SmallWitness, serving, witnessing

OPENSSL = shutil.which("openssl")


class Office:
    """A log, its sealer, and anchors that are given its heads at a time that a test names."""

    def __init__(self, dsn: str, sealer: Sealer, accounts: Accounts) -> None:
        self.dsn, self.sealer, self.accounts, self.now = dsn, sealer, accounts, DAY
        self.heads = Heads(accounts.pool)

    def seal(self, count: int) -> None:
        fill(self.accounts, count)
        self.sealer.run()

    def give(self, *anchors: Anchor, later: timedelta = timedelta()) -> int:
        self.now += later
        return self.anchoring(*anchors).step()

    def anchoring(self, *anchors: Anchor) -> Anchoring:
        return Anchoring(self.dsn, EVENTS, anchors, lambda: self.now)

    def anchors(self) -> list[tuple[str, int, bytes]]:
        with psycopg.connect(self.dsn) as db:
            return db.execute("select kind, size, evidence from es.anchor order by at, kind").fetchall()


@pytest.fixture
def office(dsn: str, sealer: Sealer, accounts: Accounts) -> Office:
    office = Office(dsn, sealer, accounts)
    office.seal(300)
    return office


@pytest.fixture
def witness(office: Office, tmp_path: Path) -> SmallWitness:
    """A witness that knows the key of the log."""
    witness = SmallWitness(tmp_path / "witness.json")
    witness.logs[office.heads.latest().origin] = office.heads.keys()
    return witness


def test_a_witness_signs_what_begins_with_what_it_saw(office: Office, witness: SmallWitness):
    with witnessing(witness) as url:
        anchor = Witness(witness.signer.key, url)
        assert office.give(anchor) == 1
        for count in (1, 255, 300):
            office.seal(count)
            assert office.give(anchor, later=anchor.every) == 1
    assert [size for _, size, _ in office.anchors()] == [300, 301, 556, 856]
    assert witness.asked == 4
    note = Note.parse(office.heads.note())
    assert note.must_be_signed([witness.signer.key]) == [witness.signer.key]
    assert abs(seen_at(note.signatures[-1]) - time()) < 60
    assert office.heads.proof(5).checkpoint == str(note)


def test_it_is_not_asked_again_before_its_time_or_without_a_larger_tree(office: Office, witness: SmallWitness):
    with witnessing(witness) as url:
        anchor = Witness(witness.signer.key, url)
        assert [office.give(anchor), office.give(anchor)] == [1, 0]
        office.seal(1)
        assert office.give(anchor) == 0
        assert office.give(anchor, later=anchor.every) == 1
        assert office.give(anchor, later=anchor.every) == 0


def test_if_it_remembers_another_size_it_is_asked_from_there(office: Office, witness: SmallWitness, new_database):
    with witnessing(witness) as url:
        anchor = Witness(witness.signer.key, url)
        head = office.heads.latest()
        anchor.take(head, 0, lambda size: [])  # signed, and nobody wrote it down
        office.seal(7)
        assert office.give(anchor) == 1
    assert witness.seen()[head.origin][0] == 307
    assert witness.asked == 3


def test_of_a_tree_that_was_rewritten_it_signs_nothing(office: Office, witness: SmallWitness, caplog):
    with witnessing(witness) as url:
        anchor = Witness(witness.signer.key, url)
        office.give(anchor)
        office.seal(5)
        with psycopg.connect(office.dsn) as db:
            db.execute("alter table es.tile disable trigger all")
            db.execute("update es.tile set root = sha256(root)")
        assert office.give(anchor, later=anchor.every) == 0
        assert "refuses the head of 305: 422" in caplog.text
    assert witness.seen()[office.heads.latest().origin][0] == 300


def test_of_a_tree_that_got_smaller_it_is_told_loudly(office: Office, witness: SmallWitness):
    with witnessing(witness) as url:
        anchor, older = Witness(witness.signer.key, url), office.heads.latest()
        office.seal(5)
        office.give(anchor)
        with pytest.raises(AnchorFailed, match=r"has seen a tree of 305 leaves .* 300 signed here.*auditor"):
            anchor.take(older, 0, lambda size: [])


def test_a_witness_that_does_not_know_the_log_or_its_key_refuses(office: Office, witness: SmallWitness, tmp_path: Path):
    head = office.heads.latest()
    with witnessing(witness) as url:
        anchor = Witness(witness.signer.key, url)
        witness.logs[head.origin] = [SmallWitness(tmp_path / "x", head.origin).signer.key]
        with pytest.raises(AnchorFailed, match="403"):
            anchor.take(head, 0, lambda size: [])
        del witness.logs[head.origin]
        with pytest.raises(AnchorFailed, match="404 unknown log"):
            anchor.take(head, 0, lambda size: [])


@pytest.mark.parametrize("answer", [b"", b"thanks\n", b"\xff\n", "— witness.example/w1 AAAAAAAA\n".encode()])
def test_what_is_no_signature_of_the_witness_is_not_kept(office: Office, witness: SmallWitness, answer: bytes):
    with serving(lambda path, body: (200, "text/plain", answer)) as url:
        with pytest.raises(AnchorFailed, match="answered something else"):
            Witness(witness.signer.key, url).take(office.heads.latest(), 0, lambda size: [])


def test_a_signature_of_something_else_is_not_kept(office: Office, witness: SmallWitness):
    line = witness.signer.signature("something\n1\nAA==\n", 1).line().encode()
    with serving(lambda path, body: (200, "text/plain", line)) as url:
        with pytest.raises(AnchorFailed, match="answered something else: The signature"):
            Witness(witness.signer.key, url).take(office.heads.latest(), 0, lambda size: [])


def test_who_does_not_answer_is_asked_again_later(office: Office, witness: SmallWitness, caplog):
    anchor = Witness(witness.signer.key, "http://127.0.0.1:9")
    anchoring = office.anchoring(anchor)
    assert anchoring.step() == 0
    assert "does not answer" in caplog.text
    caplog.clear()
    anchoring.step()
    assert caplog.text == ""
    with witnessing(witness) as url:
        office.now += timedelta(minutes=5)
        anchoring.anchors = [Witness(witness.signer.key, url)]
        assert anchoring.step() == 1


def test_answers_have_a_limit_and_lead_nowhere_else():
    with serving(lambda path, body: (200, "text/plain", b"x" * 100_001)) as url:
        with pytest.raises(AnchorFailed, match="more than"):
            post(url, b"x", "text/plain")
    with serving(lambda path, body: (302, "text/plain", b"")) as url:
        assert post(url, b"x", "text/plain").status == 302


@pytest.mark.parametrize(
    "url", ["", "ftp://a.example", "file:///etc/passwd", "https://", "http://a.example", "a.example"]
)
def test_what_is_no_safe_url_is_refused(url):
    with pytest.raises(ValueError, match="https://host/path"):
        must_be_url(url)


# Time stamps.


class Authority:
    """A time stamping authority: certificates and tokens made by `openssl ts`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root.pem"
        (folder / "tsa.cnf").write_text(
            "[tsa]\ndefault_tsa = t\n[t]\nserial = ./serial\nsigner_cert = ./tsa.pem\nsigner_key = ./tsa.key\n"
            "signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256, sha512\n"
            "accuracy = secs:1\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n"
            "[ext]\nextendedKeyUsage = critical,timeStamping\nkeyUsage = critical,digitalSignature\n"
            "basicConstraints = critical,CA:false\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
        )
        (folder / "serial").write_text("01\n")
        new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.run(
            *new, "-x509", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Root", "-days", "30",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        self.run(*new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=TSA")
        self.run(
            "x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
            "-out", "tsa.pem", "-days", "30", "-extfile", "tsa.cnf", "-extensions", "ext",
        )  # fmt: skip

    def run(self, *words: str) -> str:
        done = subprocess.run([str(OPENSSL), *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, path: str, query: bytes) -> tuple[int, str, bytes]:
        (self.folder / "query").write_bytes(query)
        self.run("ts", "-reply", "-config", "tsa.cnf", "-section", "t", "-queryfile", "query", "-out", "reply")
        return 200, "application/timestamp-reply", (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    if OPENSSL is None:
        pytest.skip("openssl is not here, and it makes the time stamping authority")
    return Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamping(authority: Authority) -> Iterator[str]:
    with serving(authority.answer) as url:
        yield url


def test_a_head_is_stamped_once_a_day_and_openssl_agrees(office: Office, authority: Authority, stamping: str):
    anchor = TimeStamping(stamping, authority.root)
    assert office.give(anchor) == 1
    office.seal(5)
    assert office.give(anchor, later=timedelta(hours=23)) == 0
    assert office.give(anchor, later=timedelta(hours=1)) == 1
    kinds = office.anchors()
    assert [(kind, size) for kind, size, _ in kinds] == [("timestamp", 300), ("timestamp", 305)]
    (authority.folder / "kept.tsr").write_bytes(kinds[1][2])
    (authority.folder / "text").write_text(office.heads.latest().checkpoint.text())
    told = authority.run("ts", "-verify", "-in", "kept.tsr", "-data", "text", "-CAfile", "root.pem")
    assert "Verification: OK" in told


def test_a_stamp_of_somebody_else_is_refused(office: Office, stamping: str, tmp_path: Path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with pytest.raises(AnchorFailed, match="cannot be verified"):
        TimeStamping(stamping, other.root).take(office.heads.latest(), 0, lambda size: [])


def test_a_stamp_of_something_else_or_of_another_question_is_refused(
    office: Office, authority: Authority, stamping: str
):
    anchor, head = TimeStamping(stamping), office.heads.latest()
    old = anchor.take(head, 0, lambda size: [])
    with serving(lambda path, body: (200, "application/timestamp-reply", old)) as url:
        with pytest.raises(AnchorFailed, match="stamped something else"):
            TimeStamping(url).take(head, 0, lambda size: [])


@pytest.mark.parametrize("answer", [(500, b"tired"), (200, b""), (200, b"\x30\x03\x02\x01\x02")])
def test_what_is_no_stamp_is_refused(office: Office, answer: tuple[int, bytes]):
    with serving(lambda path, body: (answer[0], "text/plain", answer[1])) as url:
        with pytest.raises(AnchorFailed):
            TimeStamping(url).take(office.heads.latest(), 0, lambda size: [])


def test_several_anchors_of_one_head_are_kept_apart(
    office: Office, witness: SmallWitness, authority: Authority, stamping: str, pool: ConnectionPool
):
    with witnessing(witness) as url:
        office.give(Witness(witness.signer.key, url), TimeStamping(stamping))
    assert [(kind, size) for kind, size, _ in office.anchors()] == [("timestamp", 300), ("witness", 300)]
