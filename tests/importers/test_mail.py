from collections import Counter
from datetime import datetime
from email.message import EmailMessage

import pytest

from api.importers import mail
from domain.customer import CustomerRegistered
from domain.delivery import MessageBounced, MessageDelivered
from domain.identifiers import IdentifierAdded
from domain.interaction import InteractionStarted, MessageReceived, MessageSent
from domain.kernel import Event, reference
from eventstore.envelope import Recorded
from tests.conftest import House
from tests.importers.conftest import Take, refusals


def letter(id: str, text: str = "Hello", /, *, at: str = "Mon, 02 Mar 2026 10:00:00 +0100", **headers: str) -> str:
    """One mail of an mbox, from Ana to the shop unless it says otherwise."""
    said = {"From": "Ana Ruiz <ana@client.example>", "To": "sales@shop.example", "Date": at, "Message-ID": id}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\n" for name, value in said.items() if value)
    return f"From someone@x Mon Mar  2 09:00:00 2026\n{lines}\n{text}\n\n"


ASKED = letter("<1@c>", "Do you have red mugs?", Subject="Mugs")
ANSWERED = letter(
    "<2@s>", "We do.", From="Shop <sales@shop.example>", To="ana@client.example", Subject="Re: Mugs",
    In_Reply_To="<1@c>", References="<1@c>", at="Mon, 02 Mar 2026 11:00:00 +0100",
)  # fmt: skip
THANKED = letter(
    "<3@c>", "Thanks", Subject="Re: Mugs", In_Reply_To="<2@s>", References="<1@c>\n <2@s>",
    at="Mon, 02 Mar 2026 12:00:00 +0100",
)  # fmt: skip
THREAD = ASKED + ANSWERED + THANKED


def facts(house: House) -> list[tuple[Event, Recorded]]:
    """What the mails led to, without what is noted of the import itself."""
    page = house.log.reader.page(0, disclose=True)
    return [(event, at) for event, at in page if not event.stored_as.startswith("import_batch.")]


def happened(house: House) -> list[Event]:
    return [event for event, _ in facts(house)]


def messages(house: House) -> list[MessageReceived | MessageSent]:
    return [event for event, _ in facts(house) if isinstance(event, MessageReceived | MessageSent)]


def test_a_thread_is_one_interaction_whose_replies_name_what_they_answer(house: House, take: Take) -> None:
    report = take(THREAD, own="shop.example")
    assert (report.taken, report.complete, report.read_lines) == (5, True, 3)
    customer, address, started, *said = happened(house)
    assert isinstance(customer, CustomerRegistered)
    assert isinstance(address, IdentifierAdded)
    assert (customer.name, customer.source, address.normal) == ("Ana Ruiz", "mail", "ana@client.example")
    assert isinstance(started, InteractionStarted)
    assert (started.customer_id, started.channel, started.direction) == (
        reference("customer", "mail", "ana@client.example"), "EMAIL", "IN",
    )  # fmt: skip
    assert [type(each) for each in said] == [MessageReceived, MessageSent, MessageReceived]
    assert [(m.message_id, m.in_reply_to, m.thread, m.text) for m in messages(house)] == [
        ("<1@c>", None, "<1@c>", "Do you have red mugs?"),
        ("<2@s>", "<1@c>", "<1@c>", "We do."),
        ("<3@c>", "<2@s>", "<1@c>", "Thanks"),
    ]
    assert (messages(house)[1].sender, messages(house)[1].recipients) == ("sales@shop.example", ("ana@client.example",))
    streams = {at.stream_id for event, at in facts(house) if isinstance(event, MessageReceived | MessageSent)}
    assert streams == {reference("interaction", "mail", "<1@c> ana@client.example")}


def test_every_mail_happened_when_its_date_says_and_the_thread_began_with_the_earliest(
    house: House, take: Take
) -> None:
    take(THANKED + ANSWERED + ASKED, own="shop.example")
    hours = [(type(event).__name__, at.occurred_at.hour) for event, at in facts(house)]
    assert hours == [
        ("CustomerRegistered", 9), ("IdentifierAdded", 9), ("InteractionStarted", 9),
        ("MessageReceived", 11), ("MessageSent", 10), ("MessageReceived", 9),
    ]  # fmt: skip


def test_the_order_of_the_file_does_not_matter(house: House, take: Take) -> None:
    take(THREAD, own="shop.example")
    before = happened(house)
    assert take(THANKED + ASKED + ANSWERED, own="shop.example").taken == 0
    assert happened(house) == before


def test_mails_that_come_later_go_on_in_the_thread(house: House, take: Take) -> None:
    take(THANKED, own="shop.example")
    assert take(THREAD, own="shop.example").taken == 2
    assert Counter(type(event) for event in happened(house))[InteractionStarted] == 1
    assert [m.message_id for m in messages(house)] == ["<3@c>", "<1@c>", "<2@s>"]


def test_without_own_addresses_every_mail_was_received_from_its_author(house: House, take: Take) -> None:
    take(THREAD)
    assert {type(each) for each in messages(house)} == {MessageReceived}
    assert sum(isinstance(event, CustomerRegistered) for event in happened(house)) == 2


def test_a_thread_with_two_customers_is_one_interaction_with_each(house: House, take: Take) -> None:
    take(THREAD + letter("<4@d>", From="bea@other.example", References="<1@c>"), own="shop.example")
    started = [event for event in happened(house) if isinstance(event, InteractionStarted)]
    assert [event.customer_id for event in started] == [
        reference("customer", "mail", "ana@client.example"), reference("customer", "mail", "bea@other.example"),
    ]  # fmt: skip
    assert {m.thread for m in messages(house)} == {"<1@c>"}


def test_addresses_of_the_company_are_named_by_domain_or_one_by_one(house: House, take: Take) -> None:
    report = take(
        letter("<1@s>", From="SALES@shop.example", To="Boss <boss@corp.example>, bea@other.example")
        + letter("<2@s>", From="boss@corp.example", To="sales@shop.example")
        + letter("<3@c>", From="clerk@corp.example"),
        own=" @shop.example, boss@CORP.example,",
    )
    assert report.left_aside == {"it is between addresses of the company alone": 1}
    assert [(type(m).__name__, m.sender) for m in messages(house)] == [
        ("MessageSent", "SALES@shop.example"), ("MessageReceived", "clerk@corp.example"),
    ]  # fmt: skip


def test_a_thread_that_is_too_long_goes_on_in_another_interaction(
    house: House, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MAX_REMEMBERED", 2)
    text = "".join(letter(f"<{n}@c>", References="<1@c>") for n in range(1, 6))
    assert take(text).complete
    streams = Counter(at.stream_id for event, at in facts(house) if isinstance(event, MessageReceived))
    key = "<1@c> ana@client.example"
    assert streams == {reference("interaction", "mail", key + part): n for part, n in (("", 2), ("#2", 2), ("#3", 1))}
    assert take(text).taken == 0


def test_a_mail_without_id_gets_one_from_what_it_says(house: House, take: Take) -> None:
    text = letter("", "One") + letter("", "Two") + letter("", "One")
    assert take(text).already == 1
    first, second = messages(house)
    assert first.message_id != second.message_id
    assert first.message_id is not None
    assert first.message_id.startswith("sha256:")
    assert take(text.replace("\n", "\r\n")).taken == 0


def test_ids_that_are_too_long_are_shortened_alike_in_both_mails(house: House, take: Take) -> None:
    long = f"<{'x' * 300}@c>"
    take(letter(long) + letter("<2@c>", In_Reply_To=long))
    first, second = messages(house)
    assert first.message_id == second.in_reply_to == second.thread
    assert len(first.message_id or "") == 71


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"at": "Mon, 02 Mar 2026 10:00:00"}, "2026-03-02T10:00Z"),
        ({"at": "Mon, 02 Mar 2026 10:00:00 -0000"}, "2026-03-02T10:00Z"),
        ({"at": "gibberish", "Received": "from a by b; Sun, 1 Mar 2026 10:00:00 -0500 (EST)"}, "2026-03-01T15:00Z"),
        ({"at": "Mon, 02 Mar 1026 10:00:00 +0100"}, "2026-03-02T09:00Z"),
        ({"at": "Mon, 02 Mar 9026 10:00:00 +0100"}, "2026-03-02T09:00Z"),
        ({"at": ""}, "2026-03-02T09:00Z"),
    ],
)
def test_a_date_that_cannot_be_is_taken_from_a_server_or_the_mailbox(
    house: House, take: Take, headers: dict[str, str], expected: str
) -> None:
    assert take(letter("<1@c>", **headers)).complete
    assert {at.occurred_at for _, at in facts(house)} == {datetime.fromisoformat(expected)}


def test_what_cannot_be_recorded_is_refused_by_its_number_and_header(house: House, take: Take) -> None:
    undated = letter("<1@c>", at="").replace("From someone@x Mon Mar  2 09:00:00 2026", "From - ")
    report = take(
        undated
        + letter("<2@c>", From="")
        + letter("<3@c>", From="nsb")
        + letter("<4@s>", From="a@shop.example", To="root")
        + "From x\njust words\n\n"
        + letter("<5@c>"),
        own="shop.example",
    )
    assert refusals(report) == [(1, "Date"), (2, "From"), (3, "From"), (4, "To"), (5, "Date")]
    assert [m.message_id for m in messages(house)] == ["<5@c>"]


def test_names_and_subjects_are_decoded_and_a_long_subject_stands_before_the_text(house: House, take: Take) -> None:
    long = "a very long subject " * 20
    take(
        letter("<1@c>", From="=?utf-8?q?Bego=C3=B1a?= <b@client.example>", Subject="=?iso-8859-1?q?ma=F1ana?=\n folded")
        + letter("<2@c>", Subject=long)
    )
    first, second = messages(house)
    registered = next(event for event in happened(house) if isinstance(event, CustomerRegistered))
    assert (registered.name, first.subject) == ("Begoña", "mañana folded")
    assert len(second.subject or "") == 200
    assert (second.text or "").startswith(long.strip() + "\n\nHello")


BODIES = [
    (b"Content-Type: text/plain; charset=iso-8859-1\n\nma\xf1ana", "mañana"),
    (b"Content-Type: text/plain; charset=no-such-charset\n\nma\xc3\xb1ana", "mañana"),
    (b"Content-Type: text/plain; charset=us-ascii\n\nma\xf1ana", "mañana"),
    (b"Content-Type: text/plain\n\na\x00b", "a\N{REPLACEMENT CHARACTER}b"),
    (
        b"Content-Type: text/html\n\n<head><style>x{}</style></head><p>Dear <b>Ana</b>,</p><p>1 &lt; 2<br>end</p>",
        "Dear Ana,\n\n1 < 2\nend",
    ),
    (
        b"Content-Type: multipart/alternative; boundary=B\n\n--B\nContent-Type: text/html\n\n<p>no</p>\n"
        b"--B\nContent-Type: text/plain\n\nplain\n--B--\n",
        "plain",
    ),
    (
        b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\nfirst\n--B\nContent-Type: image/png\n\nx\n"
        b"--B\nContent-Type: text/plain\n\nsecond\n--B--\n",
        "first\n\nsecond",
    ),
]


@pytest.mark.parametrize(("content", "expected"), BODIES)
def test_the_text_is_what_somebody_reads(house: House, take: Take, content: bytes, expected: str) -> None:
    take(letter("<1@c>").partition("\n\n")[0].encode() + b"\n" + content + b"\n")
    assert messages(house)[0].text == expected


def test_attachments_are_named_and_a_mail_within_a_mail_is_one(house: House, take: Take) -> None:
    inner = EmailMessage()
    inner["Subject"], inner["From"] = "The old offer", "x@y.example"
    inner.set_content("must not be read as the text")
    inner.add_attachment(b"zz", maintype="application", subtype="zip", filename="inner.zip")
    outer = EmailMessage()
    outer["From"], outer["Date"], outer["Message-ID"] = "ana@client.example", "Mon, 02 Mar 2026 10:00:00 +0100", "<1@c>"
    outer.set_content("see below")
    outer.add_attachment(b"12345", maintype="application", subtype="pdf", filename="año y más " + "x" * 90 + ".pdf")
    outer.add_attachment(inner)
    outer.add_attachment(b"<x/>", maintype="text", subtype="xml")
    take(b"From x\n" + outer.as_bytes())
    message = messages(house)[0]
    assert message.text == "see below"
    assert [(file.name, file.media_type, file.size_bytes) for file in message.attachments or ()] == [
        ("año y más " + "x" * 90 + ".pdf", "application/pdf", 5),
        ("The old offer.eml", "message/rfc822", None),
        ("unnamed text/xml", "text/xml", 4),
    ]


def test_what_is_too_much_for_one_message_is_cut_and_says_so(house: House, take: Take) -> None:
    many = ", ".join(f"p{n}@shop.example" for n in range(150))
    take(letter("<1@c>", "word " * 5_000) + letter("<2@c>", To=many))
    long, wide = messages(house)
    assert len(long.text or "") == 20_000
    assert (long.text or "").endswith("[cut: the mail has 24,999 characters]")
    assert (wide.text, len(wide.recipients or ())) == ("Hello\n\n[50 more recipients]", 100)


BOUNCE = """\
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B

It did not arrive.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shop.example

Final-Recipient: rfc822; other@client.example
Action: {action}
Status: {status}

Final-Recipient: rfc822; Ana@client.example
Action: {action}
Status: {status}

--B
Content-Type: text/rfc822-headers

From: sales@shop.example
To: ana@client.example
Message-ID: <2@s>
--B--
"""


def bounced(action: str, status: str) -> str:
    heads = letter("<b@mx>", From="MAILER-DAEMON <>").partition("\n\n")[0]
    return heads + "\n" + BOUNCE.format(action=action, status=status) + "\n"


@pytest.mark.parametrize(("status", "kind"), [("5.1.1", "HARD"), ("4.4.7", "SOFT")])
def test_a_bounce_is_recorded_of_the_message_that_came_back(house: House, take: Take, status: str, kind: str) -> None:
    report = take(ANSWERED + bounced("failed", status), own="shop.example")
    assert report.left_aside == {"it is a report about further recipients of a message": 1}
    came_back = happened(house)[-1]
    assert isinstance(came_back, MessageBounced)
    assert (came_back.message_id, came_back.kind, came_back.reason) == ("<2@s>", kind, status)
    assert came_back.customer_id == reference("customer", "mail", "ana@client.example")
    assert len(messages(house)) == 1


def test_a_report_that_a_message_arrived_or_is_late_is_no_bounce(house: House, take: Take) -> None:
    assert take(bounced("delayed", "4.4.1")).left_aside == {
        "it is a report of a mail server that a message is late or was passed on": 1,
        "it is a report about further recipients of a message": 1,
    }
    assert take(bounced("delivered", "2.0.0")).taken == 1
    assert [type(event) for event in happened(house)] == [MessageDelivered]
