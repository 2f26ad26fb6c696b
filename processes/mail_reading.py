"""Reading mail: who wrote to whom, in which thread and what; and what a mail server reports of a message (RFC 3464)."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from domain.delivery import BounceKind, RecordMessageBounced, RecordMessageDelivered
from domain.interaction import MAX_RECIPIENTS, Direction, ReceiveMessage, SendMessage
from domain.kernel import MAX_LINE, Refused
from domain.values import EmailAddress
from processes import mail_parts as parts

ADDRESSES_KNOWN = 16_384
STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}")


class Heads(NamedTuple):
    """What a mail's headers say: its thread is named by the `root`, `party` is the normal form of the customer's address.

    `answered` are the mails before it in its thread, as far as it names them, the one that it answers first.
    """

    id: str
    root: str
    in_reply_to: str | None
    answered: tuple[str, ...]
    at: datetime
    direction: Direction
    party: str
    name: str

    @property
    def thread(self) -> str:
        """The key of the interaction: a thread with two customers is one with each."""
        return f"{self.root} {self.party}"


class Told(NamedTuple):
    """What a report says of one recipient of a message: what was done about it, and the status code."""

    address: str
    action: str
    status: str


class Report(NamedTuple):
    """What a mail server reports of a message: the recipient that it was meant for, and then the others."""

    message_id: str
    about: Told
    others: int

    def as_command(self, customer_id: UUID) -> RecordMessageBounced | RecordMessageDelivered | None:
        """What is to be noted of it; None if the message is late or was passed on."""
        level = STATUS.fullmatch(self.about.status)
        about: dict[str, Any] = {"message_id": self.message_id, "customer_id": customer_id}
        if self.about.action == "failed" and level is not None and level[1] != "2":
            kind = BounceKind.HARD if level[1] == "5" else BounceKind.SOFT
            return RecordMessageBounced(**about, kind=kind, reason=self.about.status)
        return RecordMessageDelivered(**about) if self.about.action == "delivered" else None


def heads_of(mail: Message, raw: bytes, at: datetime, own: Collection[str]) -> Heads | None:
    """What the headers say; None if it is between addresses of the company alone. Raises `Refused`.

    `own` are the company's domains and addresses: what is from them was sent, the rest was received.
    """
    authors = parts.people(mail, "From") or parts.people(mail, "Sender")
    if not authors:
        raise Refused("This mail does not say whom it is from.", "From")
    name, party = authors[0]
    direction = Direction.OUT if is_own(party, own) else Direction.IN
    if direction is Direction.OUT:
        others = [each for each in parts.people(mail, "To", "Cc", "Bcc") if not is_own(each[1], own)]
        if not others:
            return None
        name, party = next(((name, one) for name, one in others if normal(one)), others[0])
    plain = normal(party)
    if plain is None:
        raise Refused(f"{party!r} is no e-mail address.", "To" if direction is Direction.OUT else "From")
    id, replied_to, before = parts.own_id(mail, raw), parts.ids(mail, "In-Reply-To"), parts.ids(mail, "References")
    root = (before or replied_to or [id])[0]
    answered = tuple(dict.fromkeys([*replied_to, *reversed(before)]))
    name = name if name != party else ""
    return Heads(id, root, replied_to[0] if replied_to else None, answered, at, direction, plain, name)


def message_of(mail: EmailMessage, told: Heads, interaction_id: UUID) -> ReceiveMessage | SendMessage:
    """What was written, as a message of an interaction. Raises `Refused`."""
    said = parts.said(mail)
    subject, text = worded(mail, said.text)
    authors, recipients = parts.people(mail, "From", "Sender"), parts.people(mail, "To", "Cc", "Bcc")
    if len(recipients) > MAX_RECIPIENTS:
        text = f"{text}\n\n[{len(recipients) - MAX_RECIPIENTS} more recipients]"
    write = SendMessage if told.direction is Direction.OUT else ReceiveMessage
    return write(
        interaction_id=interaction_id,
        subject=subject or None,
        text=parts.cut(text),
        thread=told.root,
        message_id=told.id,
        in_reply_to=told.in_reply_to,
        sender=authors[0][1],
        recipients=tuple(address for _, address in recipients[:MAX_RECIPIENTS]),
        attachments=said.attachments,
    )


def report_of(mail: Message, own: Collection[str]) -> Report | None:
    """What a report says of which message; None if it names no message or no address."""
    returned, told = _returned(mail), list(_told(mail))
    ids = parts.ids(returned, "Message-ID") if returned is not None else []
    if not ids or not told or returned is None:
        return None
    people = parts.people(returned, "To", "Cc", "Bcc")
    sent_to = next(filter(None, (normal(address) for _, address in people if not is_own(address, own))), None)
    about = next((each for each in told if each.address == sent_to), told[0])
    return Report(ids[0], about, len(told) - 1)


_headers = BytesHeaderParser(policy=policy.default)
_whole = BytesParser(policy=policy.default)


def headers_of(raw: bytes) -> Message:
    """The headers of a mail alone."""
    return _headers.parsebytes(re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0] + b"\n\n")


def parsed(raw: bytes) -> EmailMessage:
    """The whole mail. Raises `Refused` where the standard library gives up."""
    try:
        return _whole.parsebytes(raw)
    except (*parts.BROKEN, RecursionError):
        raise Refused("This mail cannot be read: its parts are not closed, or lie too deep in one another.") from None


def is_own(address: str, own: Collection[str]) -> bool:
    """Whether an address is of the company, by itself or by its domain."""
    plain = address.strip().lower()
    return plain in own or plain.rpartition("@")[2] in own


def own_addresses(text: str) -> frozenset[str]:
    """The company's domains and addresses, as they are written between commas."""
    return frozenset(each.strip().lower().removeprefix("@") for each in text.split(",")) - {""}


@lru_cache(ADDRESSES_KNOWN)
def normal(address: str) -> str | None:
    """The normal form of an e-mail address; None if it is none."""
    try:
        found = EmailAddress.parse(address).normal
    except Refused:
        return None
    return found if len(found) <= MAX_LINE else None


def worded(mail: Message, text: str) -> tuple[str, str]:
    """The subject and the text; a subject that is too long for one line stands whole before the text."""
    subject = next(iter(parts.headers(mail, "Subject")), "")
    whole = parts.line(subject, parts.MAX_HEADER)
    if len(whole) <= MAX_LINE:
        return whole, text
    return parts.line(subject), f"{whole}\n\n{text}"


def is_report(mail: Message, raw: bytes) -> bool:
    """Whether it is the report of a mail server about a message."""
    kind = parts.tried(mail.get_content_type, "")
    return kind == "multipart/report" and b"message/delivery-status" in raw.lower()


def _told(mail: Message) -> Iterator[Told]:
    for part in mail.walk():
        inside = part.get_payload()
        if part.get_content_type() == "message/delivery-status" and isinstance(inside, list):
            for each in cast(list[Message], inside):
                told = [parts.line(v).rpartition(";")[2].strip() for v in parts.raw_headers(each, "Final-Recipient")]
                if told and (address := normal(told[0].strip("<>"))):
                    action = " ".join(parts.headers(each, "Action")).strip().lower()
                    yield Told(address, action, (" ".join(parts.headers(each, "Status")).split() or [""])[0])


def _returned(mail: Message) -> Message | None:
    """The message that the report is about, or its headers."""
    for part in mail.walk():
        inside = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(inside, list) and inside:
            return cast(Message, inside[0])
        if part.get_content_type() == "text/rfc822-headers":
            return headers_of(parts.text_of(part).encode(errors="replace"))
    return None
