"""Letters: e-mails as text and HTML, in the customer's language, with links that lead to their own invitation."""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from processes.links import token
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
    """No message can be made of it: the address is not one that mail can be sent to."""


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

    def message(self, follow_up_id: UUID, letter: Letter, now: datetime) -> EmailMessage:
        """The e-mail. The first line of a text template is the subject. Raises `Unwritable`."""
        to = address(letter.to, letter.name or "")
        place, id = ("u", follow_up_id) if letter.invitation_id is None else ("s", letter.invitation_id)
        link = f"{self._base_url}/{place}/{token(self._secret, id)}"
        values = {
            "company": self.company,
            "name": one_line(letter.name or ""),
            "number": "",
            "day": "",
            "link": link,
            "decline": f"{link}/decline",
            "scores": [(score, f"{link}?csat={score}") for score in SCORES],
            **letter.values,
        }
        plain = templates.get_template(f"{letter.template}.{letter.language}.txt").render(values)
        first, _, text = plain.partition("\n")
        subject = one_line(first, MAX_SUBJECT)
        message = EmailMessage(SMTP if to.addr_spec.isascii() else SMTPUTF8)
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = self.message_id(follow_up_id)
        message["List-Unsubscribe"] = f"<{values['decline']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = letter.language
        message.set_content(text.strip() + "\n", cte="quoted-printable")
        html = templates.get_template(f"{letter.template}.{letter.language}.html").render(values, subject=subject)
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message


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
