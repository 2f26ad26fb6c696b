"""Mailboxes: a real IMAP server and a maildir; what was taken stays, marked, and a mailbox that is away loses nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from domain.inbound_message import InboundMessageRejected
from domain.interaction import MessageReceived
from processes import mailboxes
from processes.mailboxes import IMAP_EVERY, Away, ImapMailbox, Maildir, mailbox_of
from tests.conftest import House
from tests.processes.imap_server import Box, serving
from tests.processes.postman import Postman, mail
from tests.processes.test_transports import free_port

SEEN, REJECTED = {r"\Seen"}, {r"\Seen", r"\Flagged"}


@pytest.fixture
def box() -> Iterator[Box]:
    with serving() as box:
        yield box


def url_of(box: Box, **said: str) -> str:
    told = {"user": box.user, "password": box.password, "name": box.name, **said}
    user, password, name = (quote(told[part], safe="") for part in ("user", "password", "name"))
    return f"imap://{user}:{password}@127.0.0.1:{box.port}/{name}"


@pytest.fixture
def postman(house: House, tmp_path: Path, box: Box) -> Postman:
    (tmp_path / "in").mkdir()
    return Postman(house, tmp_path / "in", ImapMailbox(url_of(box), timeout_s=2))


def received(postman: Postman) -> list[str | None]:
    return [event.message_id for event in postman.said(MessageReceived)]


def test_mails_on_a_server_are_taken_marked_and_left_there(postman: Postman, box: Box) -> None:
    box.deliver(mail("<1@c>", "Ñandú"), mail("<2@c>", From=""), mail("<3@c>"))
    postman.read()
    assert received(postman) == ["<1@c>", "<3@c>"]
    assert list(box.flags.values()) == [SEEN, REJECTED, SEEN]
    assert [rejected.reason for rejected in postman.said(InboundMessageRejected)] == [
        "This mail does not say whom it is from."
    ]
    assert postman.said(MessageReceived)[0].text == "Ñandú"
    postman.read()
    assert len(received(postman)) == 2
    assert box.asked[-1] == "LOGOUT"


def test_the_server_is_asked_once_a_minute(postman: Postman, box: Box) -> None:
    postman.read()
    box.deliver(mail("<1@c>"))
    postman.now += IMAP_EVERY - timedelta(seconds=1)
    assert (postman.inbox.step(), received(postman)) == (False, [])
    postman.now += timedelta(seconds=1)
    assert postman.inbox.step()
    assert received(postman) == ["<1@c>"]


def test_many_mails_are_taken_without_waiting(postman: Postman, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processes.inbox.MAILS_PER_STEP", 3)
    box.deliver(*(mail(f"<{n}@c>") for n in range(8)))
    postman.read()
    assert len(received(postman)) == 8


@pytest.mark.parametrize("command", ["CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE"])
@pytest.mark.parametrize("how", ["says_no", "hangs_up_at"])
def test_a_server_that_fails_on_the_way_loses_and_doubles_nothing(
    postman: Postman, box: Box, command: str, how: str
) -> None:
    box.deliver(mail("<1@c>"), mail("<2@c>"))
    setattr(box, how, command)
    with pytest.raises(Away, match="cannot be read: "):
        postman.read()
    setattr(box, how, "")
    postman.read()
    assert received(postman) == ["<1@c>", "<2@c>"]
    assert box.unseen() == []


@pytest.mark.parametrize("wrong", [{"user": "eve"}, {"password": "guess"}, {"password": "señal"}, {"name": "Other"}])
def test_who_is_not_let_in_is_told(house: House, tmp_path: Path, box: Box, wrong: dict[str, str]) -> None:
    (tmp_path / "in").mkdir()
    postman = Postman(house, tmp_path / "in", ImapMailbox(url_of(box, **wrong), timeout_s=2))
    with pytest.raises(Away):
        postman.read()


def test_no_server_at_all_is_away(house: House, tmp_path: Path) -> None:
    mailbox = ImapMailbox(f"imap://a:b@127.0.0.1:{free_port()}", timeout_s=2)
    with pytest.raises(Away):
        Postman(house, tmp_path, mailbox).read()


def test_a_mail_that_is_too_large_is_not_fetched(postman: Postman, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_MAIL_BYTES", 100)
    box.deliver(mail("<1@c>", "a" * 100))
    for _ in range(2):
        postman.read()
    [rejected] = postman.said(InboundMessageRejected)
    assert (rejected.key, list(box.flags.values())) == (
        "place:crm@firm.test at 127.0.0.1, INBOX:42:101", [REJECTED],
    )  # fmt: skip
    assert box.asked.count("UID FETCH") == 1


def test_a_maildir_that_is_gone_is_away(house: House, tmp_path: Path) -> None:
    postman = Postman(house, tmp_path / "in")
    (tmp_path / "in" / "new").rmdir()
    with pytest.raises(Away, match="cannot be used: No such file"):
        postman.read()


def test_a_mailbox_is_a_url_or_a_folder(tmp_path: Path) -> None:
    assert isinstance(mailbox_of(str(tmp_path / "in")), Maildir)
    assert (
        mailbox_of("imaps://crm%40firm.test:x@mail.test/Orders%2FNew").name == "crm@firm.test at mail.test, Orders/New"
    )
    for wrong in ("http://mail.test", "imaps://mail.test", "imaps://crm@mail.test", "imaps://crm:x@"):
        with pytest.raises(ValueError, match="imaps://user:password@host:port/mailbox"):
            mailbox_of(wrong)
