"""The inbox: what customers write becomes touchpoints, each mail once, and what cannot be read is kept and told."""

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Thread

import pytest

from domain.customer import CustomerRegistered
from domain.delivery import MessageBounced, MessageDelivered
from domain.identifiers import AddIdentifier, IdentifierType
from domain.inbound_message import InboundMessageAccepted, InboundMessageRejected
from domain.interaction import InteractionStarted, MessageReceived, MessageSent
from domain.kernel import reference
from domain.merging import MergeCustomers
from processes import inbox, mailboxes
from processes.inbox import HISTORY_AFTER, Inbox
from tests.conftest import House
from tests.importers.conftest import Take
from tests.importers.conftest import take as take
from tests.processes.postman import Postman, mail


@pytest.fixture
def postman(house: House, tmp_path: Path) -> Postman:
    return Postman(house, tmp_path / "in")


def test_a_customer_who_writes_is_known_by_the_address(postman: Postman) -> None:
    ana = postman.customer()
    postman.bring(mail("<1@c>", "Do you have red mugs?", Subject="Mugs", From="A. R. <ANA@shop.test>"))
    [received] = postman.said(MessageReceived)
    assert (received.message_id, received.subject, received.text, received.sender) == (
        "<1@c>", "Mugs", "Do you have red mugs?", "ANA@shop.test",
    )  # fmt: skip
    [started] = postman.said(InteractionStarted)
    assert (started.customer_id, started.channel, started.direction) == (ana, "EMAIL", "IN")
    assert len(postman.said(CustomerRegistered)) == 1
    written = [at for event, at in postman.facts() if isinstance(event, MessageReceived)]
    assert [(at.actor, at.origin, at.customer_id) for at in written] == [("inbox", "live", ana)]
    assert written[0].occurred_at == postman.now.replace(hour=9, minute=0)  # when it was written
    assert list(postman.files()) == ["000001.mail:2,S"]


def test_a_mail_is_taken_once_however_often_it_comes(postman: Postman) -> None:
    postman.customer()
    postman.bring(mail("<1@c>"), mail("<1@c>"))
    postman.bring(mail("<1@c>", X_Spam="no"))  # by another way: not the same bytes
    assert len(postman.said(MessageReceived)) == len(postman.said(InboundMessageAccepted)) == 1
    assert postman.said(InboundMessageRejected) == []
    [accepted] = postman.said(InboundMessageAccepted)
    assert (accepted.source, accepted.key, accepted.command) == ("mail", "<1@c>", "ReceiveMessage")
    assert list(postman.files()) == ["000001.mail:2,S", "000002.mail:2,S", "000003.mail:2,S"]


def test_a_mail_that_was_imported_is_not_taken_anew(postman: Postman, take: Take) -> None:
    raw = mail("<1@c>")
    take(b"From x\n" + raw, own="firm.test")
    postman.bring(raw)
    assert len(postman.said(MessageReceived)) == len(postman.said(InteractionStarted)) == 1
    assert len(postman.said(InboundMessageAccepted)) == 1


def test_whoever_is_not_known_becomes_known_as_in_an_import(postman: Postman) -> None:
    postman.bring(mail("<1@c>", From="Bea <bea@other.test>"), mail("<2@c>", From="bea@other.test"))
    [registered] = postman.said(CustomerRegistered)
    assert (registered.name, registered.source, registered.language) == ("Bea", "mail", "en")
    customers = {at.customer_id for event, at in postman.facts() if isinstance(event, MessageReceived)}
    assert customers == {reference("customer", "mail", "bea@other.test")}


def test_the_mail_of_who_was_merged_is_that_of_the_survivor(postman: Postman) -> None:
    ana, eva = postman.customer(), postman.customer("eva@shop.test")
    postman.do(MergeCustomers(customer_id=ana, survivor_id=eva))
    postman.bring(mail("<1@c>"))
    assert [started.customer_id for started in postman.said(InteractionStarted)] == [eva]


@pytest.mark.parametrize(("address", "whose"), [("ana@shop.test", 1), ("info@shop.test", None)])
def test_an_address_that_two_have_is_the_first_ones_but_that_of_an_office_is_nobodys(
    postman: Postman, address: str, whose: int | None
) -> None:
    first, second = postman.customer("first@shop.test"), postman.customer("second@shop.test")
    for each in (first, second):
        postman.do(AddIdentifier(customer_id=each, type=IdentifierType.EMAIL, value=address))
    postman.bring(mail("<1@c>", From=address))
    [started] = postman.said(InteractionStarted)
    assert started.customer_id == (first if whose else reference("customer", "mail", address))


def test_the_address_of_an_office_that_one_has_is_theirs(postman: Postman) -> None:
    office = postman.customer("info@shop.test")
    postman.bring(mail("<1@c>", From="info@shop.test"))
    assert [started.customer_id for started in postman.said(InteractionStarted)] == [office]


def test_a_thread_is_one_interaction_with_what_colleagues_wrote_in_copy(postman: Postman) -> None:
    postman.customer()
    postman.bring(
        mail("<1@c>", "Do you have mugs?"),
        mail(
            "<2@s>", "We do.", From="Leo <leo@firm.test>", To="ana@shop.test", In_Reply_To="<1@c>", References="<1@c>"
        ),
        mail("<3@c>", "Thanks", In_Reply_To="<2@s>", References="<1@c> <2@s>"),
        mail("<4@s>", "Done?", From="leo@firm.test", To="eva@firm.test"),
    )
    assert [(type(each), each.text) for each in postman.said(MessageReceived, MessageSent)] == [
        (MessageReceived, "Do you have mugs?"), (MessageSent, "We do."), (MessageReceived, "Thanks"),
    ]  # fmt: skip
    assert len(postman.said(InteractionStarted)) == 1
    assert [each.command for each in postman.said(InboundMessageAccepted)] == [
        "ReceiveMessage", "SendMessage", "ReceiveMessage", None,
    ]  # fmt: skip


def test_a_thread_that_is_full_goes_on_in_another_interaction(
    postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_REMEMBERED", 2)
    postman.customer()
    for n in range(1, 6):
        before = f"<{n - 1}@c>" if n > 1 else ""
        postman.bring(mail(f"<{n}@c>", In_Reply_To=before, References="<1@c>" if n > 1 else ""))
    assert len(postman.said(MessageReceived)) == 5
    assert len(postman.said(InteractionStarted)) == 3


def test_attachments_are_named_and_not_kept(postman: Postman) -> None:
    outer = EmailMessage()
    outer["From"], outer["Date"], outer["Message-ID"] = "ana@shop.test", "Mon, 02 Mar 2026 10:00:00 +0100", "<1@c>"
    outer.set_content("see below")
    outer.add_attachment(b"12345", maintype="application", subtype="pdf", filename="año.pdf")
    postman.bring(outer.as_bytes())
    [message] = postman.said(MessageReceived)
    assert [(file.name, file.media_type, file.size_bytes) for file in message.attachments] == [
        ("año.pdf", "application/pdf", 5)
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (mail("<1@c>", From=""), "This mail does not say whom it is from."),
        (
            mail("<1@c>", "It did not arrive", From="MAILER-DAEMON@mx.test"),
            "This report of a mail server names no message or no address.",
        ),
        (mail("<1@c>", From="nobody"), "'nobody' is no e-mail address."),
        (b"\xff\xfe\x00 no mail at all", "This mail does not say whom it is from."),
        (
            mail("<1@c>", "--B\n" * 60, Content_Type="multipart/report; boundary=B")
            + b"Content-Type: message/delivery-status\n",
            "This report of a mail server names no message or no address.",
        ),
    ],
)
def test_what_cannot_be_read_is_told_and_kept(postman: Postman, raw: bytes, reason: str) -> None:
    for _ in range(2):
        postman.bring(raw)
    [rejected] = postman.said(InboundMessageRejected)
    assert rejected.reason == reason
    assert postman.said(MessageReceived, CustomerRegistered) == []
    assert list(postman.files()) == ["000001.mail:2,FS", "000002.mail:2,FS"]


def test_a_mail_that_is_corrected_is_taken_although_another_of_its_id_was_not(postman: Postman) -> None:
    postman.bring(mail("<1@c>", From=""))
    postman.bring(mail("<1@c>"))
    postman.bring(mail("<1@c>"))
    assert len(postman.said(InboundMessageRejected)) == len(postman.said(MessageReceived)) == 1


def test_a_mail_that_is_too_large_is_not_read(postman: Postman, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_MAIL_BYTES", 100)
    postman.bring(mail("<1@c>", "a" * 100))
    [rejected] = postman.said(InboundMessageRejected)
    assert rejected.reason.startswith("This mail has more than")


def test_nobody_says_of_a_mail_from_the_future_that_it_was_then(postman: Postman) -> None:
    postman.customer()
    postman.bring(mail("<1@c>", at=postman.now + timedelta(hours=20)))
    [at] = [at for event, at in postman.facts() if isinstance(event, MessageReceived)]
    assert at.occurred_at == postman.now


def test_what_is_old_when_it_is_found_is_history_and_sets_nothing_off(postman: Postman) -> None:
    postman.customer()
    long_ago = postman.now - HISTORY_AFTER
    postman.bring(mail("<1@c>", at=long_ago), mail("<2@c>", at=long_ago + timedelta(hours=1)))
    origins = {event.message_id: at.origin for event, at in postman.facts() if isinstance(event, MessageReceived)}
    assert origins == {"<1@c>": "sync", "<2@c>": "live"}


@pytest.mark.parametrize(
    "header",
    [
        {"Auto-Submitted": "auto-replied (vacation)"},
        {"Auto-Submitted": "Auto-Replied; owner=x"},
        {"X-Autoreply": "yes"},
        {"Precedence": "auto_reply"},
    ],
)
def test_who_is_out_of_office_said_nothing(postman: Postman, header: dict[str, str]) -> None:
    postman.customer()
    before = len(postman.facts())
    postman.bring(mail("<1@c>", "I am away", **header))
    assert [type(event) for event, _ in postman.facts()[before:]] == [InboundMessageAccepted]


def test_what_a_machine_wrote_is_kept_and_sets_nothing_off(postman: Postman) -> None:
    postman.customer()
    postman.bring(mail("<1@c>", Auto_Submitted="auto-generated"), mail("<2@c>", Auto_Submitted="no"))
    origins = [at.origin for event, at in postman.facts() if isinstance(event, MessageReceived)]
    assert origins == ["sync", "live"]


REPORT = """\
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}

--B
Content-Type: text/rfc822-headers

From: leo@firm.test
To: {address}
Message-ID: {id}
--B--
"""


def report(id: str, about: str, action: str = "failed", status: str = "5.1.1", address: str = "ana@shop.test") -> bytes:
    text = REPORT.format(address=address, action=action, status=status, id=about)
    kind = "multipart/report; report-type=delivery-status; boundary=B"
    return mail(id, text, From="MAILER-DAEMON <>", Content_Type=kind, Auto_Submitted="auto-replied")


@pytest.mark.parametrize(("status", "kind"), [("5.1.1", "HARD"), ("4.4.7", "SOFT")])
def test_a_bounce_is_noted_of_the_message_that_came_back(postman: Postman, status: str, kind: str) -> None:
    ana = postman.customer()
    postman.bring(report("<b@mx>", "<2@s>", status=status))
    postman.bring(report("<c@mx>", "<2@s>", status=status))
    [bounced] = postman.said(MessageBounced)
    assert (bounced.message_id, bounced.customer_id, bounced.kind, bounced.reason) == ("<2@s>", ana, kind, status)
    assert [each.command for each in postman.said(InboundMessageAccepted)] == ["RecordMessageBounced"] * 2


def test_reports_that_are_no_bounce_or_about_nobody_we_know(postman: Postman) -> None:
    postman.customer()
    postman.bring(
        report("<1@mx>", "<2@s>", "delayed", "4.4.1"),
        report("<2@mx>", "<3@s>", "delivered", "2.0.0"),
        report("<3@mx>", "<4@s>", address="stranger@other.test"),
    )
    assert [each.message_id for each in postman.said(MessageBounced, MessageDelivered)] == ["<3@s>"]
    assert len(postman.said(InboundMessageAccepted)) == 3


def test_one_mail_that_breaks_us_does_not_hold_up_the_others(postman: Postman, monkeypatch: pytest.MonkeyPatch) -> None:
    careful = Inbox._read

    def read(ours: Inbox, raw: bytes, now: object) -> object:
        if b"<1@c>" in raw:
            raise RuntimeError("a mistake of ours")
        return careful(ours, raw, now)  # type: ignore[arg-type]

    monkeypatch.setattr(Inbox, "_read", read)
    postman.customer()
    postman.bring(mail("<1@c>"), mail("<2@c>"))
    assert [each.message_id for each in postman.said(MessageReceived)] == ["<2@c>"]
    monkeypatch.setattr(Inbox, "_read", careful)
    postman.now += timedelta(minutes=5)
    postman.read()
    assert [each.message_id for each in postman.said(MessageReceived)] == ["<2@c>", "<1@c>"]


def test_several_inboxes_take_each_mail_once(postman: Postman) -> None:
    postman.customer()
    for n in range(30):
        postman.drop(mail(f"<{n}@c>", In_Reply_To="<0@c>" if n else ""))
    postman.now += timedelta(minutes=1)

    def work() -> None:
        ours = postman.hire()
        for _ in range(10):
            ours.step()

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    postman.read()
    assert len(postman.said(MessageReceived)) == len(postman.said(InboundMessageAccepted)) == 30
    assert len(list(postman.files())) == 30
