"""Mail: what customers and the company wrote to one another, from mbox files and maildir folders, thread by thread."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from functools import lru_cache
from typing import Any, NamedTuple, cast

from api.importers import mail_parts as parts
from api.importers.importing import Context, Importer, LeftAside, Read, Rejected, Setting
from api.importers.lines import Source
from api.importers.mailboxes import Found, opened
from domain.customer import RegisterCustomer
from domain.delivery import BounceKind, RecordMessageBounced, RecordMessageDelivered
from domain.interaction import MAX_RECIPIENTS, MAX_REMEMBERED, Direction, ReceiveMessage, SendMessage, StartInteraction
from domain.kernel import MAX_LINE, Refused, reference
from domain.values import Channel, EmailAddress, must_be_language, must_be_zone

SOURCE = "mail"
ADDRESSES_KNOWN = 16_384
STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}")

DRAFT = "it is a draft"
COLLEAGUES = "it is between addresses of the company alone"
UNTOLD_BOUNCE = "it is a report of a mail server that names no message or no address"
NO_BOUNCE = "it is a report of a mail server that a message is late or was passed on"
OTHER_BOUNCE = "it is a report about further recipients of a message"


class Letter(NamedTuple):
    """What a mail's headers say: its thread is named by the `root`, `party` is the normal form of the customer's address."""

    id: str
    root: str
    in_reply_to: str | None
    at: datetime
    direction: Direction
    party: str
    name: str

    @property
    def thread(self) -> str:
        """The key of the interaction: a thread with two customers is one with each."""
        return f"{self.root} {self.party}"


class Begun(NamedTuple):
    """The first mail of a thread, or of a customer, that is in the mailbox."""

    at: datetime
    direction: Direction = Direction.IN
    name: str = ""


@dataclass(slots=True)
class Correspondence:
    """What must be remembered of a mailbox: how each thread began, how many mails it has, and who wrote first when."""

    context: Context
    own: frozenset[str]
    threads: dict[str, Begun] = field(default_factory=dict)
    customers: dict[str, Begun] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    registered: set[str] = field(default_factory=set)

    def look(self, found: Found) -> None:
        """The first time: which mail of each thread is the earliest, wherever it lies."""
        try:
            letter = self._letter(found)
        except Refused:
            return
        if isinstance(letter, Letter):
            began = Begun(letter.at, letter.direction, letter.name)
            known = self.threads.setdefault(letter.thread, began)
            if letter.at < known.at:
                self.threads[letter.thread] = began
            known = self.customers.setdefault(letter.party, began)
            early, late = sorted((began, known), key=lambda each: (each.at, each.name))
            self.customers[letter.party] = early._replace(name=early.name or late.name)

    def ask(self, found: Found) -> Iterator[Read]:
        """The second time: what each mail asks for."""
        where = f"{found.place}: " if found.place else ""
        try:
            if found.raw is None:
                raise Refused(found.wrong)
            letter = self._letter(found)
            if isinstance(letter, Letter):
                yield from self._enter(found, letter)
            elif letter:
                yield LeftAside(found.number, letter)
            else:
                yield from self._report(found)
        except Refused as refused:
            yield Rejected(found.number, f"{where}{refused.reason}", refused.field)

    def _letter(self, found: Found) -> Letter | str:
        """What the headers say, or why the mail is left aside; nothing if it is the report of a mail server."""
        if found.raw is None:
            raise Refused(found.wrong)
        if found.is_draft:
            return DRAFT
        mail = _heads(found.raw)
        if _is_report(mail, found.raw):
            return ""
        at = parts.when(mail, found.posted, self.context.now)
        authors = parts.people(mail, "From") or parts.people(mail, "Sender")
        if not authors:
            raise Refused("This mail does not say whom it is from.", "From")
        name, author = authors[0]
        direction = Direction.OUT if self._is_own(author) else Direction.IN
        if direction is Direction.OUT:
            others = [each for each in parts.people(mail, "To", "Cc", "Bcc") if not self._is_own(each[1])]
            if not others:
                return COLLEAGUES
            name, party = next(((name, one) for name, one in others if _normal(one)), others[0])
        else:
            party = author
        normal = _normal(party)
        if normal is None:
            raise Refused(f"{party!r} is no e-mail address.", "To" if direction is Direction.OUT else "From")
        id, answered = parts.own_id(mail, found.raw), parts.ids(mail, "In-Reply-To")
        root = (parts.ids(mail, "References") or answered or [id])[0]
        return Letter(id, root, answered[0] if answered else None, at, direction, normal, name if name != party else "")

    def _enter(self, found: Found, letter: Letter) -> Iterator[Read]:
        mail = _parsed(found.raw or b"")
        ask, number = self.context.ask, found.number
        customer_id = reference("customer", SOURCE, letter.party)
        if letter.party not in self.registered:
            self.registered.add(letter.party)
            known = self.customers.get(letter.party, Begun(letter.at, name=letter.name))
            register = RegisterCustomer(
                customer_id=customer_id,
                name=known.name or None,
                email=letter.party,
                language=self.context.settings["language"],
                timezone=self.context.settings["timezone"],
                source=SOURCE,
            )
            yield ask(number, register, known.at, SOURCE, "customer", letter.party)
        said = parts.said(mail)
        piece, nth = divmod(self.counts[letter.thread], MAX_REMEMBERED)
        key = f"{letter.thread}#{piece + 1}" if piece else letter.thread
        self.counts[letter.thread] += 1
        interaction_id = reference("interaction", SOURCE, key)
        if not nth:
            began = self.threads.get(letter.thread) if not piece else None
            began = began or Begun(letter.at, letter.direction)
            start = StartInteraction(
                interaction_id=interaction_id,
                customer_id=customer_id,
                channel=Channel.EMAIL,
                direction=began.direction,
            )
            yield ask(number, start, began.at, SOURCE, "interaction", key)
        subject, text = _worded(mail, said.text)
        authors, recipients = parts.people(mail, "From", "Sender"), parts.people(mail, "To", "Cc", "Bcc")
        if len(recipients) > MAX_RECIPIENTS:
            text = f"{text}\n\n[{len(recipients) - MAX_RECIPIENTS} more recipients]"
        write = SendMessage if letter.direction is Direction.OUT else ReceiveMessage
        message = write(
            interaction_id=interaction_id,
            subject=subject or None,
            text=parts.cut(text),
            thread=letter.root,
            message_id=letter.id,
            in_reply_to=letter.in_reply_to,
            sender=authors[0][1],
            recipients=tuple(address for _, address in recipients[:MAX_RECIPIENTS]),
            attachments=said.attachments,
        )
        yield ask(number, message, letter.at, SOURCE, "message", letter.thread, letter.id)

    def _report(self, found: Found) -> Iterator[Read]:
        """What became of a message, by its returned headers: an address that cannot be reached, or one that was."""
        mail = _parsed(found.raw or b"")
        returned, told = _returned(mail), list(_told(mail))
        ids = parts.ids(returned, "Message-ID") if returned is not None else []
        if not ids or not told or returned is None:
            yield LeftAside(found.number, UNTOLD_BOUNCE)
            return
        at = parts.when(mail, found.posted, self.context.now)
        sent_to = [
            _normal(address) for _, address in parts.people(returned, "To", "Cc", "Bcc") if not self._is_own(address)
        ]
        first = next((each for each in told if each[0] == next(filter(None, sent_to), None)), told[0])
        for each in told:
            address, action, status = each
            level = STATUS.fullmatch(status)
            command: RecordMessageBounced | RecordMessageDelivered
            about: dict[str, Any] = {"message_id": ids[0], "customer_id": reference("customer", SOURCE, address)}
            if each is not first:
                yield LeftAside(found.number, OTHER_BOUNCE)
                continue
            if action == "failed" and level is not None and level[1] != "2":
                kind = BounceKind.HARD if level[1] == "5" else BounceKind.SOFT
                command = RecordMessageBounced(**about, kind=kind, reason=status)
            elif action == "delivered":
                command = RecordMessageDelivered(**about)
            else:
                yield LeftAside(found.number, NO_BOUNCE)
                continue
            yield self.context.ask(found.number, command, at, SOURCE, "report", ids[0], address, action, status)

    def _is_own(self, address: str) -> bool:
        plain = address.strip().lower()
        return plain in self.own or plain.rpartition("@")[2] in self.own


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each mail asks for: the customer and the thread where they are new, and the message. Mails are read twice."""
    must_be_language(context.settings["language"])
    must_be_zone(context.settings["timezone"])
    own = frozenset(each.strip().lower().removeprefix("@") for each in context.settings["own"].split(","))
    correspondence = Correspondence(context, own - {""})
    with opened(source) as mails:
        for found in mails():
            correspondence.look(found)
        for found in mails():
            source.lines_read = found.number
            source.bytes_read += len(found.raw or b"")
            yield from correspondence.ask(found)


_headers = BytesHeaderParser(policy=policy.default)
_whole = BytesParser(policy=policy.default)


def _heads(raw: bytes) -> Message:
    return _headers.parsebytes(re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0] + b"\n\n")


def _parsed(raw: bytes) -> EmailMessage:
    """Raises `Refused` where the standard library gives up."""
    try:
        return _whole.parsebytes(raw)
    except (*parts.BROKEN, RecursionError):
        raise Refused("This mail cannot be read: its parts are not closed, or lie too deep in one another.") from None


@lru_cache(ADDRESSES_KNOWN)
def _normal(address: str) -> str | None:
    try:
        normal = EmailAddress.parse(address).normal
    except Refused:
        return None
    return normal if len(normal) <= MAX_LINE else None


def _worded(mail: Message, text: str) -> tuple[str, str]:
    """The subject and the text; a subject that is too long for one line stands whole before the text."""
    subject = next(iter(parts.headers(mail, "Subject")), "")
    whole = parts.line(subject, parts.MAX_HEADER)
    if len(whole) <= MAX_LINE:
        return whole, text
    return parts.line(subject), f"{whole}\n\n{text}"


# Reports of mail servers (RFC 3464).


def _is_report(mail: Message, raw: bytes) -> bool:
    kind = parts.tried(mail.get_content_type, "")
    return kind == "multipart/report" and b"message/delivery-status" in raw.lower()


def _told(mail: Message) -> Iterator[tuple[str, str, str]]:
    """(Normal address, action, status) of each recipient that the report speaks of."""
    for part in mail.walk():
        inside = part.get_payload()
        if part.get_content_type() == "message/delivery-status" and isinstance(inside, list):
            for each in cast(list[Message], inside):
                told = [parts.line(v).rpartition(";")[2].strip() for v in parts.raw_headers(each, "Final-Recipient")]
                if told and (address := _normal(told[0].strip("<>"))):
                    action = " ".join(parts.headers(each, "Action")).strip().lower()
                    yield address, action, (" ".join(parts.headers(each, "Status")).split() or [""])[0]


def _returned(mail: Message) -> Message | None:
    """The message that the report is about, or its headers."""
    for part in mail.walk():
        inside = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(inside, list) and inside:
            return cast(Message, inside[0])
        if part.get_content_type() == "text/rfc822-headers":
            return _heads(parts.text_of(part).encode(errors="replace"))
    return None


importer = Importer(
    "mail",
    "E-mail from mbox files, maildir folders and folders of single mails, thread by thread.",
    read,
    settings=(
        Setting("own", "the company's domains and addresses, separated by commas: what is from them was sent", ""),
        Setting("language", "the language of the customers that are new", "es"),
        Setting("timezone", "the time zone of the customers that are new", "Europe/Madrid"),
    ),
    whole=True,
)
