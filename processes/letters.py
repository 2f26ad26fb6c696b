"""Letters: e-mails as text and HTML, and notes for other channels, in the customer's language and with links of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Any
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError, select_autoescape

from domain.consent import Purpose
from domain.values import Channel
from processes.links import MESSAGE, token
from processes.policy import Letter

MAX_NAME = 100
MAX_SUBJECT = 200
SCORES = range(1, 6)
CONTROL = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029]+")

templates = Environment(
    loader=PackageLoader("processes", "templates"),
    autoescape=select_autoescape(["html"], default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Unwritable(Exception):
    """No message can be made of it: the address is not one that mail can be sent to, or the template is at fault."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message in plain text, for channels that are no e-mail: an SMS, or what is to be said on the phone."""

    channel: Channel
    to: str
    name: str | None
    language: str
    subject: str
    text: str
    at: datetime


class Stationery:
    """What every letter of the company looks like. `base_url` is where customers reach the forms."""

    def __init__(self, *, sender: str, company: str, base_url: str, secret: bytes) -> None:
        self.sender = address(parseaddr(sender)[1], company)
        self.company = company
        self._base_url = base_url.rstrip("/")
        self._secret = secret

    def message_id(self, follow_up_id: UUID) -> str:
        """The same follow-up is the same message, however often it is sent."""
        return f"<{follow_up_id}@{self.sender.domain}>"

    def follow_up_of(self, message_id: str) -> UUID | None:
        """The follow-up whose message bears this id; None if it is none of ours."""
        id, _, domain = message_id.strip("<>").rpartition("@")
        if domain.lower() != self.sender.domain.lower():
            return None
        try:
            return UUID(id)
        except ValueError:
            return None

    def message(self, follow_up_id: UUID, letter: Letter, purpose: Purpose | None, now: datetime) -> EmailMessage:
        """The e-mail. The first line of a text template is the subject. Raises `Unwritable`.

        Without a `purpose` nobody can ask for no more of it: it belongs to what the customer has with the company.
        """
        to = address(letter.to, letter.name or "")
        values = self._values(follow_up_id, letter, purpose)
        subject, text = worded(letter, values)
        message = EmailMessage(SMTP if to.addr_spec.isascii() else SMTPUTF8)
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = self.message_id(follow_up_id)
        if values["decline"]:
            message["List-Unsubscribe"] = f"<{values['decline']}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = letter.language
        message.set_content(text, cte="quoted-printable")
        html = filled(f"{letter.template}.{letter.language}.html", {**values, "subject": subject})
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message

    def note(self, follow_up_id: UUID, letter: Letter, purpose: Purpose | None, now: datetime) -> Note:
        """The same in plain text, for channels that are no e-mail. Raises `Unwritable`."""
        subject, text = worded(letter, self._values(follow_up_id, letter, purpose))
        if not letter.to:
            raise Unwritable("There is nothing to reach the customer by.")
        name = one_line(letter.name or "") or None
        return Note(letter.channel, one_line(letter.to), name, letter.language, subject, text, now)

    def _values(self, follow_up_id: UUID, letter: Letter, purpose: Purpose | None) -> dict[str, Any]:
        """What templates may name. `link` leads to what there is to answer, `decline` to being left alone; or are empty."""
        link = decline = ""
        if letter.invitation_id is not None:
            link = f"{self._base_url}/s/{token(self._secret, letter.invitation_id)}"
            decline = f"{link}/decline"
        elif purpose is not None:
            link = decline = f"{self._base_url}/u/{token(self._secret, follow_up_id, MESSAGE)}?lang={letter.language}"
        return {
            "company": self.company,
            "name": one_line(letter.name or ""),
            "number": "",
            "day": "",
            "link": link,
            "decline": decline,
            "scores": [(score, f"{link}?csat={score}") for score in SCORES] if letter.invitation_id else [],
            **letter.values,
        }


def worded(letter: Letter, values: Mapping[str, Any]) -> tuple[str, str]:
    """The subject, which is the first line of the text template, and the text."""
    first, _, text = filled(f"{letter.template}.{letter.language}.txt", values).partition("\n")
    return one_line(first, MAX_SUBJECT), text.strip() + "\n"


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A template with its values. Raises `Unwritable` if there is none, or if it names what is not given."""
    try:
        return templates.get_template(template).render(values)
    except TemplateError as error:
        raise Unwritable(f"The template {template} cannot be filled in: {error}.") from error


def address(text: str, name: str) -> Address:
    """An address with a name before it; the domain as the mail servers write it. Raises `Unwritable`."""
    try:
        valid = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        local, at, host = text.strip().partition("@")
        if not (local.isalnum() and at and host == "localhost"):  # a company that only tries it out has no domain
            raise Unwritable(f"This is not an address that mail can be sent to: {error}") from error
        return Address(one_line(name), local, host)
    return Address(one_line(name), valid.local_part, valid.ascii_domain)


def one_line(text: str, limit: int = MAX_NAME) -> str:
    """A text without what could end its line, so that nothing in it can become a header of its own."""
    return " ".join(CONTROL.sub(" ", text).split())[:limit]


def wire(message: EmailMessage, *, linesep: str = "\r\n") -> bytes:
    """The message as it is sent. Long headers stay whole: folded, their links would be enciphered beyond use."""
    return message.as_bytes(policy=message.policy.clone(max_line_length=998, linesep=linesep))
