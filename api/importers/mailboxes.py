"""Mailboxes: the mails of an mbox file, of maildir folders or of single files, one after the other."""

import gzip
import mailbox
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from api.importers.lines import GZIP, Source
from domain.kernel import Refused

MAX_MAIL_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 1 << 36
MAX_FOLDERS_DEEP = 20
COPY_BYTES = 1 << 20
HEAD_BYTES = 1 << 10

TOO_LARGE = f"This mail has more than {MAX_MAIL_BYTES >> 20} MiB."
BREAKS_OFF = "The file breaks off in this mail. Import the whole file."
EMPTY_FILE = "This file is empty. Give an mbox file, a maildir folder, or a folder of single mails."


class Found(NamedTuple):
    """A mail as bytes, or None and why there are none; `place` is its file in a folder.

    `posted` is what the `From ` line before it says, of a file of the mbox format.
    """

    number: int
    raw: bytes | None
    place: str = ""
    posted: str = ""
    is_draft: bool = False
    wrong: str = ""


Mails = Callable[[], Iterator[Found]]


@contextmanager
def opened(source: Source) -> Iterator[Mails]:
    """The mails of a file or a folder, as often as they are asked for. Raises `Refused` if there can be none."""
    path = Path(source.path)
    if source.path != "-" and path.is_dir():
        source.size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        yield lambda: _numbered(_of_folder(path, path, 0))
        return
    with _plain(source) as plain:
        if not plain.stat().st_size:
            raise Refused(source.damage or EMPTY_FILE, "file")
        source.size = plain.stat().st_size
        yield lambda: _numbered(_of_file(plain, "", broken=source.damage is not None))


def _numbered(mails: Iterator[Found]) -> Iterator[Found]:
    for number, found in enumerate(mails, 1):
        yield found._replace(number=number)


def _of_folder(folder: Path, top: Path, depth: int) -> Iterator[Found]:
    """In the order of the names, so that it is the same each time."""
    if depth > MAX_FOLDERS_DEEP:
        raise Refused(f"{folder} lies more than {MAX_FOLDERS_DEEP} folders deep.", "file")
    if (folder / "cur").is_dir() and (folder / "new").is_dir():
        yield from _of_maildir(mailbox.Maildir(folder, factory=None, create=False), folder, top)
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _of_folder(path, top, depth + 1)
        elif path.is_file():
            yield from _of_file(path, str(path.relative_to(top)))


def _of_maildir(box: "mailbox.Maildir", folder: Path, top: Path) -> Iterator[Found]:
    drafts = {path.name.partition(":")[0] for path in (folder / "cur").glob("*:2,*D*")}
    inside = "" if folder == top else f"{folder.relative_to(top)}/"
    for key in sorted(box.keys()):
        place = f"{inside}{key}"
        try:
            with closing(box.get_file(key)) as file:
                raw = file.read(MAX_MAIL_BYTES + 1)
        except (OSError, KeyError):
            yield Found(0, None, place, wrong="This file cannot be read.")
        else:
            yield _within(raw, place)._replace(is_draft=key in drafts)
    for name in sorted(box.list_folders()):
        yield from _of_maildir(box.get_folder(name), folder / f".{name}", top)


def _of_file(path: Path, place: str, *, broken: bool = False) -> Iterator[Found]:
    """An mbox begins with a `From ` line; anything else is one mail. The last one of a `broken` file is not whole."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            is_mbox = head.lstrip().startswith(b"From ")
            raw = b"" if is_mbox else head + file.read(MAX_MAIL_BYTES + 1)
    except OSError:
        yield Found(0, None, place, wrong="This file cannot be read.")
        return
    if not is_mbox:
        yield Found(0, None, place, wrong=BREAKS_OFF) if broken else _within(raw, place)
        return
    with closing(mailbox.mbox(path, factory=None, create=False)) as box:
        last = len(box) - 1
        for key in range(len(box)):
            with closing(box.get_file(cast(Any, key), from_=True)) as mail:
                raw = mail.read(MAX_MAIL_BYTES + 1)
            if broken and key == last:
                yield Found(0, None, place, wrong=BREAKS_OFF)
                continue
            line, _, rest = raw.partition(b"\n")
            words = line.decode("ascii", "replace").split(None, 2)
            found = _within(rest, place) if len(raw) <= MAX_MAIL_BYTES else Found(0, None, place, wrong=TOO_LARGE)
            yield found._replace(posted=words[2] if len(words) > 2 else "")


def _within(raw: bytes, place: str) -> Found:
    if len(raw) > MAX_MAIL_BYTES:
        return Found(0, None, place, wrong=TOO_LARGE)
    return Found(0, raw, place)


@contextmanager
def _plain(source: Source) -> Iterator[Path]:
    """The file itself, or what is in it if it is compressed; a pipe is kept in a file as long as it is read."""
    path = Path(source.path)
    with tempfile.TemporaryDirectory(prefix="bitacora-mail-") as folder:
        if source.path == "-":
            path = Path(folder) / "piped"
            with path.open("wb") as kept:
                shutil.copyfileobj(sys.stdin.buffer, kept, COPY_BYTES)
        try:
            with path.open("rb") as file:
                packed = file.read(len(GZIP)) == GZIP
        except OSError as error:
            raise Refused(f"{source.path!r} cannot be read: {error.strerror}.", "file") from None
        if packed:
            unpacked = Path(folder) / "unpacked"
            with gzip.open(path) as packed_file, unpacked.open("wb") as kept:
                source.damage = _unpack(packed_file, kept)
            path = unpacked
        yield path


def _unpack(packed: "gzip.GzipFile", kept: BinaryIO) -> str | None:
    """What is wrong with the file, if anything is; all that comes before the damage is kept."""
    size = 0
    try:
        while chunk := packed.read1(COPY_BYTES):
            size += kept.write(chunk)
            if size > MAX_UNPACKED_BYTES:
                return f"The compressed file holds more than {MAX_UNPACKED_BYTES >> 30} GiB: what follows is not read."
    except (EOFError, OSError, zlib.error):
        return f"The compressed file is damaged: it can be read up to byte {size:,} of what it holds."
    return None
