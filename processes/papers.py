"""Papers: the files of the house that hold something of a person: letters, notes for SMS and telephone, mails that came in."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.utils import getaddresses
from pathlib import Path

from processes import mail_parts as parts
from processes.mail_reading import headers_of
from processes.mailboxes import MAX_MAIL_BYTES

PLACES = ("tmp", "new", "cur", "done")
ADDRESSED = ("From", "To", "Cc", "Reply-To", "Sender")


@dataclass(frozen=True, slots=True)
class Papers:
    """The folders of a house. Those of letters and notes name their files by follow-ups, those of exports by customers.

    `inbox` is the maildir that mail comes in by; what is on a mail server is not ours to remove.
    """

    letters: tuple[Path, ...] = ()
    exports: tuple[Path, ...] = ()
    inbox: Path | None = None

    @classmethod
    def of(cls, home: Path, inbox: str | None) -> "Papers":
        """The folders of a home; the inbox, if it is a maildir."""
        letters = tuple(home / name for name in ("mail", "sms", "calls"))
        maildir = Path(inbox) if inbox is not None and "://" not in inbox else None
        return cls(letters, (home / "exports",), maildir)

    def named(self, ids: Collection[str]) -> list[Path]:
        """The files that are named by one of these follow-ups or customers."""
        wanted = set(ids)
        folders = [folder / place for folder in self.letters for place in PLACES] + list(self.exports)
        return [path for folder in folders for path in _files(folder) if path.name.partition(".")[0] in wanted]

    def posted(self, message_ids: Collection[str], addresses: Collection[str]) -> list[Path]:
        """The mails in the inbox with one of these Message-IDs, or from or to one of these addresses, in small letters."""
        if self.inbox is None:
            return []
        ids, people = set(message_ids), set(addresses)
        return [
            path
            for place in PLACES
            for path in _files(self.inbox / place)
            if (told := _told(path)) is not None and (told[0] in ids or not people.isdisjoint(told[1]))
        ]


def remove(paths: Collection[Path]) -> int:
    """Removes files, and returns how many there were."""
    gone = 0
    for path in paths:
        try:
            path.unlink()
        except FileNotFoundError:  # somebody else was faster
            continue
        gone += 1
    for folder in {path.parent for path in paths}:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return gone


def _files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return


def _told(path: Path) -> tuple[str, set[str]] | None:
    """The Message-ID of a mail, and the addresses that it goes from and to."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_MAIL_BYTES)
    except FileNotFoundError:
        return None
    mail = headers_of(raw)
    written = [value for name in ADDRESSED for value in parts.raw_headers(mail, name)]
    return parts.own_id(mail, raw), {address.lower() for _, address in getaddresses(written)}
