import gzip
import mailbox
from collections import Counter
from pathlib import Path

import pytest

from api.importers import mailboxes
from domain.kernel import Refused
from tests.conftest import House
from tests.importers.conftest import Take, refusals
from tests.importers.test_mail import ANSWERED, ASKED, THANKED, THREAD, happened, letter, messages

DATA = Path(__file__).parents[3] / "shared/data/mail"
THERE = pytest.mark.skipif(not DATA.exists(), reason="the mail samples are not part of the repository")


def test_maildir_folders_are_read_with_their_subfolders_and_without_drafts(
    house: House, take: Take, tmp_path: Path
) -> None:
    box = mailbox.Maildir(tmp_path / "box")
    for text, flags in ((ASKED, "S"), (THANKED, ""), (letter("<9@c>"), "DS")):
        message = mailbox.MaildirMessage(text.partition("\n")[2].encode())
        message.set_subdir("cur")
        message.set_flags(flags)
        box.add(message)
    box.add_folder("Sent").add(ANSWERED.partition("\n")[2].encode())
    report = take(tmp_path / "box", own="shop.example")
    assert (report.taken, report.complete, report.left_aside) == (5, True, {"it is a draft": 1})
    assert sorted(m.message_id or "" for m in messages(house)) == ["<1@c>", "<2@s>", "<3@c>"]
    assert take(THREAD, own="shop.example").taken == 0


def test_a_folder_of_single_mails_names_the_file_that_is_refused(take: Take, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "1.eml").write_text(ASKED.partition("\n")[2])
    (folder / "2.pdf").write_bytes(b"%PDF-1.7\xff\xfe")
    report = take(folder)
    assert [each.reason for each in report.refusals] == [
        "2.pdf: This mail has no date from 1900 to tomorrow, nor do its Received headers."
    ]
    assert report.taken == 3


def test_of_a_compressed_file_that_breaks_off_the_whole_mails_are_taken(house: House, take: Take) -> None:
    noise = "".join(f"{n * 7919 % 10007}" for n in range(5_000))
    packed = gzip.compress((THREAD + letter("<4@c>", noise)).encode())
    assert take(packed, own="shop.example").complete
    cut = gzip.compress((THREAD + letter("<5@c>", noise)).encode())[:-2_000]
    report = take(cut, own="shop.example")
    assert refusals(report) == [(4, None)]
    assert (report.taken, report.already) == (0, 5)
    assert (report.damage or "").startswith("The compressed file is damaged")
    assert "<5@c>" not in {m.message_id for m in messages(house)}


def test_a_mail_that_is_too_large_is_refused_alone(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_MAIL_BYTES", 2_000)
    report = take(ASKED + letter("<2@c>", "x" * 3_000) + THANKED)
    assert (refusals(report), report.taken) == ([(2, None)], 4)


@pytest.mark.parametrize("content", ["", b"\x1f\x8b\x08"])
def test_a_file_with_nothing_in_it_is_refused(take: Take, content: str | bytes) -> None:
    with pytest.raises(Refused) as refused:
        take(content)
    assert refused.value.field == "file"


@pytest.mark.parametrize(
    "hostile",
    [
        "\n".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}" for n in range(400)),
        "Content-Type: text/html\n\n" + "<div>" * 20_000 + "deep",
        "To: " + "(" * 30_000 + "\n\nx",
        "Cc: " + ", ".join(["a@b.example"] * 20_000) + "\n\nx",
        "Content-Type: multipart/mixed; boundary=\n\nx",
        "Content-Type: text/plain; charset=*=''%00\nContent-Disposition: attachment; filename*=bad''%ff%00\n\nx",
        "Subject: =?utf-8?b?////?= =?no-such?q?x?= =?utf-8?b?4pyT\n\nx",
    ],
)
def test_a_hostile_mail_never_loses_a_good_one(house: House, take: Take, hostile: str) -> None:
    heads = letter("<0@c>").partition("\n\n")[0]
    report = take(f"{heads}\n{hostile}\n\n{ASKED}")
    assert "<1@c>" in {m.message_id for m in messages(house)}
    assert report.read_lines == 2


@THERE
def test_all_samples_are_taken_or_say_why_not(house: House, take: Take) -> None:
    whole = take(DATA)
    assert (whole.read_lines, whole.damage) == (1 + 48 + 3 + 152, None)
    counts = Counter(type(event).__name__ for event in happened(house))
    assert counts == {
        "CustomerRegistered": 82, "IdentifierAdded": 82, "InteractionStarted": 143, "MessageReceived": 143,
        "MessageBounced": 2,
    }  # fmt: skip
    assert Counter(each.field for each in whole.refusals) == {"Date": 19, "From": 24}
    assert sum(len(m.attachments or ()) for m in messages(house)) == 49
    assert not any(m.in_reply_to for m in messages(house))  # the samples answer nothing
    assert take(DATA).taken == 0


@THERE
def test_an_mbox_that_breaks_parsers_is_three_mails(house: House, take: Take) -> None:
    assert (take(DATA / "simple.mbox").read_lines, len(messages(house))) == (3, 3)
