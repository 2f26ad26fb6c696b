"""Mailboxes: where mail comes in: a maildir, or a mailbox on an IMAP server. What was taken stays there, marked as read."""

import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from processes import files
from processes.transports import LOOPBACK

MAX_MAIL_BYTES = 32 << 20
IMAP_TIMEOUT_S = 30.0
IMAP_EVERY = timedelta(minutes=1)
IMAP_PORT, IMAPS_PORT = 143, 993
INBOX = "INBOX"
TOO_LARGE = f"This mail has more than {MAX_MAIL_BYTES >> 20} MiB."
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class Away(Exception):
    """The mailbox cannot be reached. Nothing is lost: what is in it is read later."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail that nobody has taken yet: its place in the mailbox, and its bytes or why there are none."""

    place: str
    raw: bytes | None
    wrong: str = ""


class Opened(Protocol):
    """A mailbox while it is open."""

    def waiting(self, limit: int) -> Iterator[Posted]: ...

    def mark(self, posted: Posted, *, taken: bool) -> None: ...


class Mailbox(Protocol):
    """Where mail comes in, by name, and how often to look. `opened` raises `Away`, and so does what is done within it."""

    name: str
    every: timedelta

    def opened(self) -> AbstractContextManager[Opened]: ...


class Maildir:
    """A maildir. What waits is in `new`; what was taken goes to `cur` as seen, and what was not, flagged besides."""

    every = timedelta(0)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"maildir {folder}"
        files.make(folder, "tmp", "new", "cur")

    @contextmanager
    def opened(self) -> Iterator["Maildir"]:
        try:
            yield self
        except OSError as error:
            raise Away(f"The maildir {self.folder} cannot be used: {error.strerror}.") from error

    def waiting(self, limit: int) -> Iterator[Posted]:
        """Those that are in `new`, in the order of their names."""
        for path in sorted((self.folder / "new").iterdir())[:limit]:
            try:
                with path.open("rb") as file:
                    raw = file.read(MAX_MAIL_BYTES + 1)
            except FileNotFoundError:  # somebody else was faster
                continue
            large = len(raw) > MAX_MAIL_BYTES
            yield Posted(path.name, None if large else raw, TOO_LARGE if large else "")

    def mark(self, posted: Posted, *, taken: bool) -> None:
        name = posted.place.partition(":")[0]
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            (self.folder / "new" / posted.place).rename(self.folder / "cur" / f"{name}:2,{'S' if taken else 'FS'}")


class ImapMailbox:
    """A mailbox on an IMAP server: `imaps://user:password@host:port/mailbox`, or `imap://`, which begins with STARTTLS.

    What waits is what nobody has seen; what was taken is marked as seen, and what was not, flagged besides.
    """

    every = IMAP_EVERY

    def __init__(self, url: str, *, timeout_s: float = IMAP_TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username or parts.password is None:
            raise ValueError("Write the mailbox as imaps://user:password@host:port/mailbox.")
        self._host = parts.hostname
        self._tls = parts.scheme == "imaps"
        self._port = parts.port or (IMAPS_PORT if self._tls else IMAP_PORT)
        self._user, self._password = unquote(parts.username), unquote(parts.password)
        self._mailbox = unquote(parts.path.strip("/")) or INBOX
        self._timeout_s = timeout_s
        self.name = f"{self._user} at {self._host}, {self._mailbox}"

    @contextmanager
    def opened(self) -> Iterator["OpenedImap"]:
        try:
            server = self._connect()
            try:
                if not self._tls and self._host not in LOOPBACK:  # a password is not shown to whoever listens
                    server.starttls(ssl.create_default_context())
                server.login(_quoted(self._user), self._password)
                _told(server.select(_quoted(self._mailbox)))
                yield OpenedImap(server)
            finally:
                with contextlib.suppress(imaplib.IMAP4.error, OSError):
                    server.logout()
                with contextlib.suppress(OSError):  # who hung up on us is not told goodbye, but let go as well
                    server.shutdown()
        except (imaplib.IMAP4.error, OSError, UnicodeError) as error:
            raise Away(f"The mailbox of {self.name} cannot be read: {str(error) or type(error).__name__}.") from error

    def _connect(self) -> imaplib.IMAP4:
        if self._tls:
            context = ssl.create_default_context()
            return imaplib.IMAP4_SSL(self._host, self._port, ssl_context=context, timeout=self._timeout_s)
        return imaplib.IMAP4(self._host, self._port, timeout=self._timeout_s)


class OpenedImap:
    """A mailbox that was selected. Mails are named by their UIDs, and reading them marks nothing."""

    def __init__(self, server: imaplib.IMAP4) -> None:
        self._server = server
        self._validity = b"".join(_bytes(server.response("UIDVALIDITY")[1])).decode("ascii", "replace")

    def waiting(self, limit: int) -> Iterator[Posted]:
        """The unseen ones, the oldest first, each fetched when it is asked for."""
        found = _told(self._server.uid("SEARCH", "UNSEEN"))
        for uid in [each.decode() for each in (found[0] or b"").split()][:limit]:
            place = f"{self._validity}:{uid}"
            size = SIZE.search(b"".join(_bytes(_told(self._server.uid("FETCH", uid, "(RFC822.SIZE)")))))
            if size is None:
                continue  # it was removed meanwhile
            if int(size[1]) > MAX_MAIL_BYTES:
                yield Posted(place, None, TOO_LARGE)
                continue
            fetched = _told(self._server.uid("FETCH", uid, "(BODY.PEEK[])"))
            if (raw := next((each[1] for each in fetched if isinstance(each, tuple)), None)) is not None:
                yield Posted(place, raw)

    def mark(self, posted: Posted, *, taken: bool) -> None:
        uid = posted.place.rpartition(":")[2]
        _told(self._server.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)" if taken else r"(\Seen \Flagged)"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _told(answer: tuple[str, Any]) -> list[Any]:
    """What a server answered. Raises `IMAP4.error` if it is no OK."""
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(f"the server answered {answer[0]}")
    return list(answer[1])


def _bytes(told: list[Any]) -> Iterator[bytes]:
    for each in told:
        if isinstance(each, bytes):
            yield each
        elif isinstance(each, tuple):
            yield from _bytes(list(each))


def mailbox_of(place: str) -> Mailbox:
    """The mailbox at a URL, or in the folder of a maildir. Raises `ValueError`."""
    return ImapMailbox(place) if "://" in place else Maildir(Path(place))
