"""Transports: the ways by which a letter leaves the house, and what they can say about one that left."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from processes import files
from processes.letters import wire

SMTP_TIMEOUT_S = 30.0
"""For each answer of the server."""
SMTP_TOTAL_S = 120.0
"""For one whole conversation."""
SMTP_PORT, SUBMISSION_PORT, SMTPS_PORT = 25, 587, 465
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
MAX_ERROR_TEXT = 200
ADDRESS = re.compile(r"<?[^\s<>:]+@[^\s<>:]+>?")


@dataclass(frozen=True, slots=True)
class Taken:
    """The other side took it, and calls it so."""

    reference: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """It was surely not taken; later it may be."""

    error: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """It was surely not taken, and never will be."""

    error: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether it was taken."""

    reason: str


Answer = Taken | Deferred | Rejected | Unclear


class Transport(Protocol):
    """A way to send. `was_sent` answers None if there is no way to find out."""

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer: ...

    def was_sent(self, follow_up_id: UUID) -> str | bool | None: ...


class MaildirTransport:
    """Puts messages into a maildir. A follow-up is one file, so it can be found again, and never doubled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files.make(folder, "tmp", "new", "cur")

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        """The name of the file tells the follow-up."""
        name = f"{follow_up_id}.bitacora"
        if self.was_sent(follow_up_id):
            return Taken(name)
        try:
            files.put(self.folder, name, wire(message, linesep="\n"))
        except OSError as error:
            return Deferred(f"The maildir cannot be written: {error.strerror}.")
        return Taken(name)

    def was_sent(self, follow_up_id: UUID) -> str | bool | None:
        """The file may have been read since, and moved: its name then has a suffix. Or it is being moved right now."""
        name = f"{follow_up_id}.bitacora"
        waits = (self.folder / "new" / name).exists()
        read = waits or next((self.folder / "cur").glob(f"{name}*"), None) is not None
        return name if read or (self.folder / "new" / name).exists() else False


def told(answer: str) -> str:
    """What a mail server said, as it may be kept in the clear: without addresses, and not too long."""
    return ADDRESS.sub("(address)", answer)[:MAX_ERROR_TEXT]


class SmtpTransport:
    """Hands messages to an SMTP server: `smtp://user:password@host:port`, or `smtps://` for TLS from the first byte.

    STARTTLS is used where another machine offers it, and required before a password is shown to one.
    """

    def __init__(self, url: str, *, timeout_s: float = SMTP_TIMEOUT_S, total_s: float = SMTP_TOTAL_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("Write the mail server as smtp://user:password@host:port, or with smtps.")
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._port = parts.port or (SMTPS_PORT if self._tls else SUBMISSION_PORT if self._user else SMTP_PORT)
        self._timeout_s = timeout_s
        self._total_s = total_s
        self._tls_context = ssl.create_default_context()

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        """Before the text is sent, a failure is certain; after it, only an answer is."""
        return asyncio.run(self._converse(message))

    def was_sent(self, follow_up_id: UUID) -> str | bool | None:
        """A mail server does not tell."""
        return None

    async def _converse(self, message: EmailMessage) -> Answer:
        text_begun = False
        server = self._server()
        try:
            async with asyncio.timeout(self._total_s):
                await server.connect()
                sender, recipient = message["From"].addresses[0].addr_spec, message["To"].addresses[0].addr_spec
                international = not recipient.isascii()
                if international:
                    await server.ehlo()
                if international and not server.supports_extension("smtputf8"):
                    return Rejected("The mail server does not take addresses with letters beyond ASCII.")
                await server.mail(sender, options=["SMTPUTF8"] if international else [], encoding="utf-8")
                await server.rcpt(recipient, encoding="utf-8")
                text_begun = True
                response = await server.data(wire(message))
        except SMTPResponseException as error:
            text = told(f"{error.code} {error.message}")
            about_the_mail = isinstance(error, SMTPSenderRefused | SMTPRecipientRefused | SMTPDataError)
            return Rejected(text) if about_the_mail and error.code >= 500 else Deferred(text)
        except (SMTPException, OSError, TimeoutError) as error:
            text = told(str(error) or type(error).__name__)
            return Unclear(f"No answer after the text was sent: {text}") if text_begun else Deferred(text)
        finally:
            await self._leave(server)
        return Taken(told(f"{response.code} {response.message}"))

    def _server(self) -> SMTP:
        start_tls: bool | None = None
        if self._tls or self._host in LOOPBACK:
            start_tls = False
        elif self._user is not None:
            start_tls = True
        return SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            timeout=self._timeout_s,
            use_tls=self._tls,
            start_tls=start_tls,
            tls_context=self._tls_context,
        )

    async def _leave(self, server: SMTP) -> None:
        if server.is_connected:
            try:
                await server.quit(timeout=self._timeout_s)
            except (SMTPException, OSError):  # what was said before counts
                server.close()
