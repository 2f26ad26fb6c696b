"""Letters leave the house: into a maildir, or through a real mail server that says yes, no, later, or nothing."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from domain.consent import Purpose, WithdrawConsent
from domain.follow_up import FollowUpDelivered, FollowUpFailed
from domain.invitation import SurveyInvitationSent
from processes.transports import MaildirTransport, SmtpTransport
from tests.conftest import House
from tests.processes.shop import Shop, local, moment


class Inbox:
    """What a mail server takes, and what it answers at each step."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.answers: dict[str, list[str]] = {"RCPT": [], "DATA": []}

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if self.answers["RCPT"]:
            return self.answers["RCPT"].pop(0)
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers["DATA"].pop(0) if self.answers["DATA"] else "250 OK"
        if answer == "hang up":
            self.taken.append(envelope)
            server.transport.close()
            await asyncio.sleep(0)
            return "421 Never heard"
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def mail_server(inbox: Inbox) -> Iterator[Controller]:
    def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"crm", b"p@ss"), handled=False)

    controller = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=True, authenticator=knows, auth_require_tls=False
    )
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def url(mail_server: Controller) -> str:
    return f"smtp://127.0.0.1:{mail_server.port}"


@pytest.fixture
def shop(house: House, tmp_path: Path, url: str) -> Shop:
    return Shop(house.log, tmp_path, SmtpTransport(url, timeout_s=5))


def test_a_mail_server_takes_the_letter(shop: Shop, inbox: Inbox) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)
    [envelope] = inbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("crm@shop.test", ["ana@shop.test"])
    assert f"Message-ID: <{shop.entry(order).follow_up_id}@shop.test>\r\n".encode() in (envelope.content or b"")


def test_a_password_is_shown_to_the_server(shop: Shop, inbox: Inbox, url: str) -> None:
    shop.transport = SmtpTransport(url.replace("//", "//crm:p%40ss@"), timeout_s=5)
    shop.worker = shop.hire()
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)


def test_a_wrong_password_is_the_operators_fault_and_tried_again(shop: Shop, url: str) -> None:
    shop.transport = SmtpTransport(url.replace("//", "//crm:wrong@"), timeout_s=5)
    shop.worker = shop.hire()
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    entry = shop.entry(order)
    assert (entry.status, (entry.error or "")[:3]) == ("FAILED", "535")
    assert last_failure(shop).retry_at is not None


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_later_means_later(shop: Shop, inbox: Inbox, step: str) -> None:
    inbox.answers[step] = ["451 Later, please"]
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("FAILED", None)
    retry_at = last_failure(shop).retry_at
    assert retry_at is not None
    assert timedelta(seconds=45) < retry_at - shop.now <= timedelta(minutes=1)
    shop.until(retry_at - timedelta(microseconds=1))
    assert inbox.taken == []
    shop.until("2026-02-10 10:01")
    assert shop.outcome(order) == ("DELIVERED", None)
    assert len(inbox.taken) == 1


def test_later_has_an_end(shop: Shop, inbox: Inbox) -> None:
    inbox.answers["RCPT"] = ["450 Later"] * 9
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    for time in ("10:00", "10:01", "10:05", "10:21", "11:25", "20:00"):
        shop.until(f"2026-02-10 {time}")
    entry = shop.entry(order)
    assert (entry.status, entry.attempts, last_failure(shop).retry_at) == ("FAILED", 5, None)
    assert len(inbox.answers["RCPT"]) == 4


def test_a_retry_waits_for_the_morning(shop: Shop, inbox: Inbox) -> None:
    inbox.answers["RCPT"] = ["450 Later"]
    shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.until(moment("2026-02-10 20:59") + timedelta(seconds=30))
    assert local(last_failure(shop).retry_at) == "2026-02-11 09:00"


def test_a_letter_that_was_let_go_by_day_is_not_sent_by_night(shop: Shop, inbox: Inbox) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.worker.run()
    shop.worker.runner.fire(moment("2026-02-10 20:59"))
    for time in ("2026-02-10 21:00", "2026-02-11 08:59"):
        shop.until(time)
        assert (shop.outcome(order), inbox.taken) == (("DISPATCHED", None), [])
    shop.until("2026-02-11 09:00")
    assert shop.outcome(order) == ("DELIVERED", None)


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_never_means_never(shop: Shop, inbox: Inbox, step: str) -> None:
    inbox.answers[step] = ["550 <nobody@example.com>: nobody here"]
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    for day in ("2026-02-10 10:00", "2026-02-10 12:00"):
        shop.until(day)
    assert shop.outcome(order) == ("FAILED", None)
    assert last_failure(shop) == FollowUpFailed(attempt=1, error="550 (address): nobody here", retry_at=None)
    assert inbox.taken == []


def test_a_server_that_hangs_up_after_the_text_leaves_doubt_and_nothing_is_repeated(shop: Shop, inbox: Inbox) -> None:
    inbox.answers["DATA"] = ["hang up"]
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    for day in ("2026-02-10 10:00", "2026-02-10 12:00", "2026-02-11 12:00"):
        shop.until(day)
    status, reason = shop.outcome(order)
    assert status == "UNCERTAIN"
    assert (reason or "").startswith("No answer after the text was sent")
    assert len(inbox.taken) == 1
    assert not any(isinstance(event, FollowUpDelivered) for event, _ in shop.events())
    assert sum(isinstance(event, SurveyInvitationSent) for event, _ in shop.events()) == 1  # its link must work
    assert [each.step for each in shop.ledger()] == ["survey", "expiry"]  # and nobody is reminded of it


def test_no_server_at_all_means_later(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path, SmtpTransport(f"smtp://127.0.0.1:{free_port()}", timeout_s=5))
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("FAILED", None)
    assert last_failure(shop).retry_at is not None


def test_who_objects_while_the_server_is_down_gets_nothing(shop: Shop, inbox: Inbox) -> None:
    inbox.answers["RCPT"] = ["450 Later"]
    customer = shop.customer()
    order = shop.order(customer, "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    shop.do(WithdrawConsent(customer_id=customer, purpose=Purpose.SURVEY))
    shop.until("2026-02-10 10:05")
    assert shop.outcome(order) == ("CANCELLED", "NO_CONSENT")
    assert inbox.taken == []


def test_addresses_beyond_ascii_arrive(shop: Shop, inbox: Inbox) -> None:
    shop.order(shop.customer(email="josé@correo.test"), "2026-01-10 12:00")
    shop.order(shop.customer(email="ana@españa.test"), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert sorted(envelope.rcpt_tos[0] for envelope in inbox.taken) == ["ana@xn--espaa-rta.test", "josé@correo.test"]


@pytest.mark.parametrize("url", ["http://mail.test", "smtp://", "mail.test"])
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="smtp://user:password@host:port"):
        SmtpTransport(url)


def test_a_maildir_finds_a_letter_that_was_read_since(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path)
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    maildir, id = MaildirTransport(tmp_path), shop.entry(order).follow_up_id
    [file] = (tmp_path / "new").iterdir()
    assert maildir.was_sent(id) == file.name
    file.rename(tmp_path / "cur" / f"{file.name}:2,S")
    assert maildir.was_sent(id) == f"{id}.bitacora"
    assert maildir.was_sent(order) is False
    maildir.send(id, shop.mails()[0])
    assert list((tmp_path / "new").iterdir()) == []


def test_a_maildir_that_cannot_be_written_means_later(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path)
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    (tmp_path / "new").rmdir()
    shop.until("2026-02-10 10:00")
    assert shop.entry(order).error == "The maildir cannot be written: No such file or directory."
    (tmp_path / "new").mkdir()
    shop.until("2026-02-10 10:01")
    assert shop.outcome(order) == ("DELIVERED", None)
    assert len(shop.mails()) == 1


def last_failure(shop: Shop) -> FollowUpFailed:
    return [event for event, _ in shop.events() if isinstance(event, FollowUpFailed)][-1]
