"""Mailboxes over TLS, from the start or by STARTTLS: nothing is told to a server that does not prove who it is."""

import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from domain.interaction import MessageReceived
from processes.mailboxes import Away, ImapMailbox
from processes.transports import LOOPBACK
from tests.conftest import House
from tests.processes.certificates import Authority
from tests.processes.imap_server import Box, serving
from tests.processes.postman import Postman, mail

ELSEWHERE = "127.0.0.2"
"""An address of this machine that is taken for that of another one."""
both = pytest.mark.parametrize("scheme", ["imaps", "imap"])


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this machine trusts, and no other one."""
    trusted = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return trusted


def reading(house: House, tmp_path: Path, box: Box, scheme: str) -> Postman:
    user, password = quote(box.user, safe=""), quote(box.password, safe="")
    url = f"{scheme}://{user}:{password}@{ELSEWHERE}:{box.port}/{box.name}"
    (tmp_path / "in").mkdir()
    return Postman(house, tmp_path / "in", ImapMailbox(url, timeout_s=5))


def passwords(box: Box) -> list[str]:
    """What a listener on the line would have heard of how to log in."""
    return [command for command in box.in_the_clear if command.upper().startswith("LOGIN")]


@both
def test_mail_is_read_from_a_server_that_proves_who_it_is(
    house: House, tmp_path: Path, authority: Authority, scheme: str
) -> None:
    with serving(ELSEWHERE, tls=authority.server(ELSEWHERE), from_the_start=scheme == "imaps") as box:
        box.deliver(mail("<1@c>", "Ñandú"), mail("<2@c>"))
        postman = reading(house, tmp_path, box, scheme)
        postman.read()
        assert postman.said(MessageReceived)[0].text == "Ñandú"
        assert (len(postman.said(MessageReceived)), box.unseen()) == (2, [])
        assert box.in_the_clear == ([] if scheme == "imaps" else ["CAPABILITY", "STARTTLS"])
        assert box.asked[-1] == "LOGOUT"


@both
@pytest.mark.parametrize("why", ["another name", "another authority", "expired"])
def test_a_server_that_proves_nothing_is_told_no_password(
    house: House, tmp_path: Path, authority: Authority, scheme: str, why: str
) -> None:
    tls: ssl.SSLContext
    match why:
        case "another name":
            tls = authority.server("127.0.0.3")
        case "another authority":
            tls = Authority(tmp_path, "Nobody knows").server(ELSEWHERE)
        case _:
            tls = authority.server(ELSEWHERE, days_left=-1)
    with serving(ELSEWHERE, tls=tls, from_the_start=scheme == "imaps") as box:
        box.deliver(mail("<1@c>"))
        postman = reading(house, tmp_path, box, scheme)
        with pytest.raises(Away, match="certificate verify failed"):
            postman.read()
        assert "LOGIN" not in box.asked
        assert (postman.said(MessageReceived), box.unseen()) == ([], [101])


@pytest.mark.parametrize("how", ["offers none", "says no"])
def test_without_tls_no_password_goes_over_the_line(
    house: House, tmp_path: Path, authority: Authority, how: str
) -> None:
    tls = None if how == "offers none" else authority.server(ELSEWHERE)
    with serving(ELSEWHERE, tls=tls, says_no="STARTTLS") as box:
        with pytest.raises(Away):
            reading(house, tmp_path, box, "imap").read()
        assert passwords(box) == []
        assert "LOGIN" not in box.asked


def test_a_server_that_speaks_no_tls_is_away_over_imaps(house: House, tmp_path: Path, authority: Authority) -> None:
    with serving(ELSEWHERE) as box:
        with pytest.raises(Away):
            reading(house, tmp_path, box, "imaps").read()
        assert passwords(box) == []


def test_on_this_machine_alone_a_password_may_go_in_the_clear() -> None:
    assert ELSEWHERE not in LOOPBACK
