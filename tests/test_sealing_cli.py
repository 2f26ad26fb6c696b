"""Sealing as an operator meets it: the commands, the doctor, the settings, the mail to the auditor, and `bitacora work`."""

import json
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from pydantic import ValidationError
from typer.testing import CliRunner

from api import running, terminal
from api.cli import app
from api.house import open_house
from api.settings import Settings, complaints
from eventstore.sealing.anchors import AnchorFailed, Anchoring
from eventstore.sealing.checkpoint_file import checkpoints
from eventstore.sealing.heads import Heads
from eventstore.sealing.notes import COSIGNATURE, Note, Signer, VerifierKey, checkpoint_of
from eventstore.sealing.sources import EVENTS
from processes.anchor_mail import AuditorMail
from processes.transports import Deferred, MaildirTransport, Rejected, Unclear
from tests.eventstore.sealing.conftest import DAY
from tests.eventstore.sealing.test_restored import append, until

Run = Callable[..., Result]
WITNESS = str(Signer.of("witness.example", bytes(32), COSIGNATURE).key)


@pytest.fixture
def home(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BITACORA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BITACORA_DSN", dsn)
    monkeypatch.setattr(terminal.console, "width", 200)
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *words: CliRunner().invoke(app, ["sealing", *words], catch_exceptions=False)


def test_the_log_is_sealed_and_the_stand_is_told(run: Run, dsn: str, home: Path):
    assert run("checkpoint").exit_code == 1
    assert "Nothing is sealed yet" in run("status").stdout
    append(dsn, 20)
    assert run("now").stdout == "20 events are sealed.\n"
    append(dsn, 10)
    told = json.loads(run("status", "--json").stdout)
    assert (told["size"], told["waiting"], told["refuses"]) == (20, 10, None)
    key = VerifierKey.parse(told["keys"][0])
    head = checkpoint_of(run("checkpoint").stdout, told["origin"], [key])
    assert head.short == told["checkpoint"]
    assert [found for found, _ in checkpoints((home / "checkpoints/events.txt").read_text())] == [head]
    assert f"{told['origin']}: 20 events are sealed, 10 wait." in run("status").stdout
    assert f"Signed by {key}" in run("status").stdout


def test_a_key_is_followed_by_another(run: Run, dsn: str):
    assert "no key" in run("rotate").stderr
    append(dsn, 10)
    run("now")
    first = json.loads(run("keys", "--json").stdout)
    second = run("rotate", "--overlap-days", "5").stdout.splitlines()[-1]
    told = run("keys").stdout.splitlines()
    assert told[0] == second
    assert told[1].startswith(f"{first[0]['key']} until 20")
    append(dsn, 10)
    run("now")
    note = Note.parse(run("checkpoint").stdout)
    assert len(note.must_be_signed([VerifierKey.parse(second), VerifierKey.parse(first[0]["key"])])) == 2


def test_what_it_refuses_is_told_by_the_command_the_doctor_and_the_stand(run: Run, dsn: str, home: Path):
    append(dsn, 20)
    run("now")
    (home / "sealing/events.state").unlink()
    refused = run("now")
    assert (refused.exit_code, "begin-anew" in refused.stderr) == (1, True)
    (home / "sealing/events.refused").write_text("events were sealed before")
    assert run("status").exit_code == 1
    assert "events were sealed before" in run("status").stdout
    doctor = json.loads(CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False).stdout)
    assert ("sealing", False) in [(finding["name"], finding["ok"]) for finding in doctor]


def test_a_new_tree_is_begun_with_a_reason(run: Run, dsn: str, home: Path):
    append(dsn, 20)
    run("now")
    before = json.loads(run("status", "--json").stdout)
    assert run("begin-anew").exit_code == 2
    assert run("begin-anew", "--because", "  ").exit_code == 2
    assert run("begin-anew", "--because", "x" * 1_001).exit_code == 2
    assert "A new tree was begun" in run("begin-anew", "--because", "The disk burnt.").stdout
    run("now")
    after = json.loads(run("status", "--json").stdout)
    assert (after["size"], after["origin"] != before["origin"]) == (20, True)
    assert after["keys"] != before["keys"]


def test_while_another_process_seals_it_says_so(run: Run, dsn: str, home: Path):
    append(dsn, 20)
    with open_house() as house, running.sealer(house) as sealer:
        sealer.step()
        assert "Another process of this machine seals events" in run("now").stderr
        assert "Stop bitacora up" in run("begin-anew", "--because", "x").stderr


def test_the_doctor_tells_how_far_it_is(run: Run, dsn: str, home: Path):
    def sealing() -> tuple[bool, str]:
        found = json.loads(CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False).stdout)
        return next((finding["ok"], finding["says"]) for finding in found if finding["name"] == "sealing")

    append(dsn, 20)
    run("now")
    assert sealing()[0]
    assert "20 events are sealed" in sealing()[1]
    append(dsn, 10)
    assert "10 more wait" in sealing()[1]
    with psycopg.connect(dsn) as db:
        db.execute("alter table es.event disable trigger all")
        db.execute("update es.event set recorded_at = recorded_at - interval '1 minute'")
    ok, says = sealing()
    assert (ok, "Is bitacora work running?" in says) == (False, True)


def test_work_seals(dsn: str, home: Path):
    with open_house() as house, running.working(house):
        append(dsn, 20)
        heads = Heads(house.log.pool)
        until(lambda: (head := heads.latest()) is not None and head.size >= 20, 30)


# The auditor's mail.


class Broken:
    """A transport that cannot."""

    def __init__(self, answer):
        self.answer = answer

    def send(self, follow_up_id, message):
        return self.answer


@pytest.fixture
def head(run: Run, dsn: str):
    append(dsn, 20)
    run("now")
    with open_house() as house:
        return Heads(house.log.pool).latest()


def test_the_auditor_gets_the_head_by_mail_once_a_day(head, dsn: str, tmp_path: Path):
    mail = AuditorMail("auditor@firm.test", "crm@shop.test", "La Tienda", MaildirTransport(tmp_path / "mail"))
    now = [DAY]
    anchoring = Anchoring(dsn, EVENTS, [mail], lambda: now[0])
    assert [anchoring.step(), anchoring.step()] == [1, 0]
    (file,) = (tmp_path / "mail/new").iterdir()
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert (message["To"], message["Subject"]) == ("auditor@firm.test", f"Checkpoint {head.checkpoint.short}")
    assert message["From"] == "La Tienda <crm@shop.test>"
    text, file = message.iter_parts()
    assert head.note in text.get_content().replace("\r\n", "\n")
    assert (file.get_filename(), file.get_content()) == ("checkpoint-20.txt", head.note.encode())
    with psycopg.connect(dsn) as db:
        assert db.execute("select kind, name, size from es.anchor").fetchall() == [("mail", "auditor@firm.test", 20)]


def test_a_mail_that_was_surely_not_taken_is_sent_again(head):
    for answer in (Deferred("busy"), Rejected("nobody")):
        with pytest.raises(AnchorFailed, match=answer.error):
            AuditorMail("a@firm.test", "c@shop.test", "x", Broken(answer)).take(head, 0, lambda size: [])
    unclear = AuditorMail("a@firm.test", "c@shop.test", "x", Broken(Unclear("silence"))).take(head, 0, lambda size: [])
    assert unclear == b"unclear: silence"


# The settings.


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"auditor": "nobody"}, "BITACORA_AUDITOR cannot be 'nobody'"),
        ({"time_stamping": "ftp://x"}, "BITACORA_TIME_STAMPING cannot be 'ftp://x': write it as http"),
        ({"witnesses": {"x": "https://x.example"}}, "A key is written as name+id+base64"),
        ({"witnesses": {WITNESS: "http://x.example"}}, "write it as https://host/path"),
        (
            {"witnesses": {str(Signer.of("a", bytes(32)).key): "https://x.example"}},
            "is that of a log, not of a witness",
        ),
        ({"sealing_program": "kms"}, "are set together"),
        ({"sealing_program": "kms", "sealing_public_key": "AAAA"}, "32 bytes in base64"),
        ({"sealing_program": "kms", "sealing_public_key": "!"}, "32 bytes in base64"),
    ],
)
def test_what_cannot_be_set_is_told(settings: dict[str, object], told: str):
    with pytest.raises(ValidationError) as refusal:
        Settings(**settings)  # type: ignore[arg-type]
    assert told in " ".join(complaints(refusal.value))


def test_anchors_are_what_is_set(dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch):
    with open_house() as house:
        assert running.anchoring(house) is None
    monkeypatch.setenv("BITACORA_AUDITOR", "auditor@firm.test")
    monkeypatch.setenv("BITACORA_TIME_STAMPING", "http://tsa.example/tsr")
    monkeypatch.setenv("BITACORA_WITNESSES", json.dumps({WITNESS: "https://witness.example"}))
    with open_house() as house:
        anchoring = running.anchoring(house)
    assert anchoring is not None
    assert [anchor.kind for anchor in anchoring.anchors] == ["witness", "timestamp", "mail"]


def test_the_doctor_tells_what_was_read_again(run: Run, dsn: str, home: Path):
    def patrol() -> tuple[bool, str]:
        found = json.loads(CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False).stdout)
        return next((finding["ok"], finding["says"]) for finding in found if finding["name"] == "patrol")

    append(dsn, 20)
    run("now")
    assert patrol() == (True, "What was sealed has not been read again yet; bitacora work does it.")
    with open_house() as house:
        running.patrol(house).step()
    ok, says = patrol()
    assert (ok, "Read again up to 20" in says, "The last whole round ended" in says) == (True, True, True)
    file = home / "sealing/events.patrol"
    long_ago = json.loads(file.read_text()) | {"looked_at": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps(long_ago))
    ok, says = patrol()
    assert (ok, "Is bitacora work running?" in says) == (False, True)
    with psycopg.connect(dsn) as db:
        db.execute("alter table es.event disable trigger all")
        db.execute("update es.event set actor = 'b' where position = 7")
    file.unlink()
    with open_house() as house:
        running.patrol(house).step()
    ok, says = patrol()
    assert (ok, "What is at position 7 of the log is not what was sealed there" in says) == (False, True)
