"""What a mail says: its dates, people and ids, its text, and the files that came with it."""

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.utils import getaddresses, parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from domain.interaction import MAX_ATTACHMENTS, Attachment
from domain.kernel import MAX_LINE, MAX_TEXT, Refused
from eventstore.commands import moment

MAX_HEADER = 20_000
"""A longer header is read by a simpler reader, because the exact one takes time that grows with the square."""
MAX_BODY_BYTES = 1 << 20
"""How much of one text part is read: more than MAX_TEXT, because markup is taken out of it."""
MAX_UNCLOSED = 100
MAX_PARTS = 1_000
MAX_DEPTH = 50

MESSAGE_ID = re.compile(r"<[^<>]*>")
TAG = re.compile("<[^<>]*>")
UNFIT = re.compile("[\0\ud800-\udfff]")
BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
BREAKS = {"br": "\n", "p": "\n\n"} | dict.fromkeys(
    ("address", "blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "pre", "table", "tr"), "\n"
)
UNSEEN = ("head", "script", "style", "template", "title")
BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, MessageError, TypeError, ValueError)
"""What the standard library raises on broken headers, instead of noting a defect as it promises."""

T = TypeVar("T")


class Said(NamedTuple):
    """The text of a mail, and the files that came with it."""

    text: str
    attachments: tuple[Attachment, ...]


# Headers.


def line(text: str, limit: int = MAX_LINE) -> str:
    """A text as one line, without what no text may hold, cut at a limit."""
    one = UNFIT.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return one if len(one) <= limit else one[: limit - 1] + "…"


def raw_headers(mail: Message, name: str) -> list[str]:
    """Every header of this name as it stands there."""
    return [str(value) for key, value in mail.raw_items() if key.lower() == name.lower()]


def headers(mail: Message, name: str) -> list[str]:
    """Every header of this name, decoded."""
    return [tried(partial(_decoded, name, raw), line(raw, MAX_HEADER)) for raw in raw_headers(mail, name)]


def people(mail: Message, *names: str) -> list[tuple[str, str]]:
    """(Display name, address) of everybody in these headers."""
    found: list[tuple[str, str]] = []
    for name in names:
        for raw in raw_headers(mail, name):
            exact = tried(partial(_addresses, name, raw), None)
            found += tried(partial(getaddresses, [raw]), []) if exact is None else exact
    return [(line(name), line(address)) for name, address in found if address not in ("", "<>")]


def ids(mail: Message, name: str) -> list[str]:
    """The message ids in a header, in their brackets; what is too long for an id of ours is its digest."""
    text = "".join(raw_headers(mail, name))
    return [
        found if len(found) <= MAX_LINE else digest(found.encode(errors="replace"))
        for each in MESSAGE_ID.findall(text)
        if len(found := UNFIT.sub("?", "".join(each.split()))) > 2  # more than the brackets
    ]


def digest(content: bytes) -> str:
    """The id of a mail that has none."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def own_id(mail: Message, raw: bytes) -> str:
    """The Message-ID, or what follows from the people, the date, the subject and all that comes after the headers."""
    if found := ids(mail, "Message-ID"):
        return found[0]
    about = [value for name in ("From", "To", "Cc", "Date", "Subject") for value in raw_headers(mail, name)]
    plain = raw.replace(b"\r\n", b"\n")
    return digest("\n".join(about).encode(errors="surrogateescape") + b"\n\n" + plain.partition(b"\n\n")[2].strip())


def when(mail: Message, posted: str, now: datetime) -> datetime:
    """The date of a mail; if that cannot be, when a server took it or the mailbox did. A date without zone is UTC."""
    received = [each.rpartition(";")[2] for each in raw_headers(mail, "Received")]
    for text in (*raw_headers(mail, "Date"), *received, posted):
        try:
            found = parsedate_to_datetime(line(text))
            return moment(found if found.tzinfo else found.replace(tzinfo=UTC), "Date", now=now)
        except (*BROKEN, Refused):
            continue
    raise Refused("This mail has no date from 1900 to tomorrow, nor do its Received headers.", "Date")


def _decoded(name: str, raw: str) -> str:
    return str(_exact(name, raw))


def _addresses(name: str, raw: str) -> list[tuple[str, str]]:
    return [(each.display_name, each.addr_spec) for each in _exact(name, raw).addresses]


def _exact(name: str, raw: str) -> Any:
    if len(raw) > MAX_HEADER:
        raise ValueError(name)
    return policy.default.header_fetch_parse(name, raw)


def tried(attempt: Callable[[], T], otherwise: T) -> T:
    """What the standard library makes of it, or `otherwise` if it breaks on it."""
    try:
        return attempt()
    except (*BROKEN, RecursionError):
        return otherwise


# Text and attachments.


def said(mail: EmailMessage) -> Said:
    """All inline texts, of alternatives the plain one, and a name for everything else. Raises `Refused`."""
    texts: list[str] = []
    files: list[Attachment] = []
    for count, (part, shown) in enumerate(_leaves(mail, 0, shown=True), 1):
        if count > MAX_PARTS:
            raise Refused(f"This mail has more than {MAX_PARTS:,} parts.")
        kind = part.get_content_type()
        name = tried(part.get_filename, None)
        inline = shown and not tried(part.is_attachment, False)
        is_text = kind in ("text/plain", "text/html") or (not part.is_multipart() and kind.startswith("multipart/"))
        if is_text and inline:
            text = text_of(part)
            texts.append(without_markup(text) if kind == "text/html" else text)
        if name or not (is_text and (inline or not shown)):
            files.append(_attachment(part, kind, name))
    notes = []
    if len(files) > MAX_ATTACHMENTS:
        notes.append(f"[{len(files) - MAX_ATTACHMENTS} more attachments]")
    text = "\n\n".join(filter(None, (UNFIT.sub("\N{REPLACEMENT CHARACTER}", each).strip() for each in texts)))
    return Said("\n\n".join(filter(None, (text, *notes))), tuple(files[:MAX_ATTACHMENTS]))


def cut(text: str) -> str:
    """A text within MAX_TEXT, which says at its end if it was longer."""
    if len(text) <= MAX_TEXT:
        return text
    note = f"\n\n[cut: the mail has {len(text):,} characters]"
    return text[: MAX_TEXT - len(note)] + note


def text_of(part: Message) -> str:
    """The text of a part in its charset, or in that which it can be: UTF-8, and at last Windows-1252."""
    payload = tried(lambda: part.get_payload(decode=True), None)
    if not isinstance(payload, bytes):
        return ""
    for charset in (tried(lambda: part.get_content_charset("utf-8"), "utf-8"), "utf-8"):
        try:
            return payload[:MAX_BODY_BYTES].decode(charset).replace("\r\n", "\n")
        except (LookupError, ValueError):
            continue
    return payload[:MAX_BODY_BYTES].decode("cp1252", "replace").replace("\r\n", "\n")


def without_markup(html: str) -> str:
    """What somebody reads who opens an HTML mail.

    The parser's time grows with the square of what is opened and not closed, so that is not shown to it.
    """
    if html.count("<") > html.count(">") + MAX_UNCLOSED:
        return " ".join(TAG.sub(" ", html).split())
    soup = BeautifulSoup(html, "html.parser")
    for unseen in soup(UNSEEN):
        unseen.decompose()
    found: list[str] = []
    for each in soup.descendants:
        if isinstance(each, Tag):
            found.append(BREAKS.get(each.name, ""))
        elif type(each) is NavigableString:  # comments and the like are kinds of it
            before = each.previous_sibling
            found += (BREAKS.get(before.name, "") if isinstance(before, Tag) and before.name != "br" else "", str(each))
    lines = (" ".join(each.split()) for each in "".join(found).split("\n"))
    return BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _leaves(part: Message, depth: int, *, shown: bool) -> Iterator[tuple[EmailMessage, bool]]:
    """Every part that holds no others, and whether it is shown; a mail within a mail is one part."""
    if depth > MAX_DEPTH:
        raise Refused(f"The parts of this mail lie more than {MAX_DEPTH} deep in one another.")
    if part.get_content_maintype() != "multipart" or not part.is_multipart():
        yield part, shown  # type: ignore[misc]  # the parser makes every part of the policy's class
        return
    inside = cast("list[Message]", part.get_payload())
    best = _best(inside) if part.get_content_subtype() == "alternative" else None
    for each in inside:
        yield from _leaves(each, depth + 1, shown=shown and best in (None, each))


def _best(alternatives: list[Message]) -> Message | None:
    for kind in ("text/plain", "text/html"):
        for each in alternatives:
            if any(part.get_content_type() == kind for part in each.walk()):
                return each
    return None


def _attachment(part: EmailMessage, kind: str, name: str | None) -> Attachment:
    inside = cast("list[Message] | str", part.get_payload())
    if isinstance(inside, list):
        size = None
        subjects = headers(inside[0], "Subject") if inside and kind == "message/rfc822" else []
        name = name or next((f"{line(each, MAX_LINE - 4)}.eml" for each in subjects if each.strip()), None)
    else:
        content = tried(lambda: cast("bytes | None", part.get_payload(decode=True)), None)
        size = None if content is None else len(content)
    return Attachment(
        name=line(name or "") or f"unnamed {line(kind, MAX_LINE - 8)}", media_type=line(kind), size_bytes=size
    )
