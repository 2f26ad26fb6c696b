"""CloudEvents 1.0.2 as they come by HTTP: one in its headers (binary), one as a document (structured), or a list (batch).

Nothing is made up that the sender did not say: an event without an id, a source, a type or a version is refused, and one
without a time has none.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from domain.kernel import MAX_LINE

MAX_EVENTS = 100
"""Events in one batch."""
MAX_ATTRIBUTES = 40
"""Attributes of one event, extensions included."""
MAX_DEPTH = 64
"""Lists and objects within one another."""
MIN_INT, MAX_INT = -(2**31), 2**31 - 1

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ANY_CLOUD_EVENT = "application/cloudevents"
PREFIX = "ce-"
VERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type")
TEXTS = frozenset({*REQUIRED, "time", "subject", "datacontenttype", "dataschema"})

NAME = re.compile(r"[a-z0-9]{1,20}")
URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
JSON_TYPE = re.compile(r"(?:application|text)/json|[a-z0-9.-]+/[a-z0-9.-]+\+json")


class Malformed(Exception):
    """This is no CloudEvent that could be read. `field` is what to correct; `status` is that of HTTP."""

    def __init__(self, reason: str, field: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.status = status


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """What happened in another system. `place` is where it stood in what came: empty, or `[n]` in a batch."""

    id: str
    source: str
    type: str
    time: str | None = None
    data: Any = None
    has_data: bool = False
    place: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """What tells it from every other one: by the specification its source and its id. A source holds no blank."""
        return f"{self.source} {self.id}"

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of what it says, however it was written."""
        said = json.dumps([self.type, self.time, self.has_data, self.data], default=str, sort_keys=True)
        return sha256(said.encode()).hexdigest()


def events_of(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> list[CloudEvent]:
    """The events of a request. Raises `Malformed`."""
    kind, charset = media_type(_only(headers, "content-type") or "")
    if kind in (STRUCTURED, BATCH) and charset not in ("", "utf-8"):
        raise Malformed("JSON is written in UTF-8.", "content-type", 415)
    if kind == STRUCTURED:
        return [_event(_json(body, "the body"), "")]
    if kind == BATCH:
        listed = _json(body, "the body")
        if not isinstance(listed, list):
            raise Malformed("A batch is a list of events.", "the body")
        if len(listed) > MAX_EVENTS:
            raise Malformed(
                f"A batch has at most {MAX_EVENTS} events, not {len(listed)}. Send several.", "the body", 413
            )
        return [_event(each, f"[{number}]") for number, each in enumerate(listed)]
    if kind.startswith(ANY_CLOUD_EVENT):
        raise Malformed(f"CloudEvents are taken as {STRUCTURED}, as {BATCH}, or in headers.", "content-type", 415)
    return [_binary(headers, body, kind, charset)]


def media_type(text: str) -> tuple[str, str]:
    """A media type without its parameters, and the charset among them; both in small letters."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    return kind, charsets[0] if charsets else ""


def _binary(headers: Sequence[tuple[bytes, bytes]], body: bytes, kind: str, charset: str) -> CloudEvent:
    found: dict[str, Any] = {}
    for raw, value in headers:
        name = raw.decode("latin-1").lower()
        if not name.startswith(PREFIX):
            continue
        if name[3:] in found:
            raise Malformed(f"The header {name} stands twice.", name)
        found[name[3:]] = _header(name, value)
    if not found:
        raise Malformed(
            f"Send CloudEvents 1.0: headers ce-specversion, ce-id, ce-source, ce-type and ce-time with the data as the "
            f"body, or a body of {STRUCTURED}.",
            "ce-specversion",
        )
    if "datacontenttype" in found:
        raise Malformed("With headers the type of the data is the content-type.", "ce-datacontenttype")
    attributes = _attributes(found, PREFIX)
    if not body:
        return _made(attributes, None, False, "")
    _must_be_json(kind, charset, "content-type")
    return _made(attributes, _json(body, "data"), True, "")


def _header(name: str, value: bytes) -> str:
    """The value of a header, which is percent-encoded UTF-8 (section 3.1.3.2 of the HTTP binding)."""
    if any(not 0x20 <= byte < 0x7F for byte in value):
        raise Malformed(f"In the header {name} everything but plain letters is percent-encoded.", name)
    try:
        return unquote_to_bytes(value.strip().strip(b'"')).decode()
    except UnicodeDecodeError:
        raise Malformed(f"The header {name} is not UTF-8 once it is decoded.", name) from None


def _event(found: Any, place: str) -> CloudEvent:
    at = f"{place}." if place else ""
    if not isinstance(found, dict):
        raise Malformed("An event is an object with specversion, id, source, type, time and data.", place or "the body")
    if "data_base64" in found:
        raise Malformed("A command is JSON: give it as data, not as data_base64.", f"{at}data_base64")
    attributes = _attributes({name: value for name, value in found.items() if name != "data"}, at)
    _must_be_json(*media_type(attributes.get("datacontenttype") or "application/json"), f"{at}datacontenttype")
    return _made(attributes, found.get("data"), "data" in found, place)


def _attributes(found: dict[str, Any], at: str) -> dict[str, Any]:
    """The attributes that say something. Raises `Malformed` if one is missing, or is none."""
    if len(found) > MAX_ATTRIBUTES:
        raise Malformed(
            f"An event has at most {MAX_ATTRIBUTES} attributes, not {len(found)}.", f"{at}{min(found)[:60]}"
        )
    said = {name: value for name, value in found.items() if value is not None}
    for name, value in said.items():
        where = f"{at}{name[:60]}"
        if NAME.fullmatch(name) is None:
            raise Malformed(f"Attributes have names of 1 to 20 small letters and digits, not {name[:60]!r}.", where)
        whole = type(value) is int and MIN_INT <= value <= MAX_INT
        if not isinstance(value, str) and not (name not in TEXTS and (whole or type(value) is bool)):
            raise Malformed(f"{name} is a text.", where)
        if isinstance(value, str) and (not value or len(value) > MAX_LINE or CONTROL.search(value)):
            raise Malformed(f"{name} is a line of 1 to {MAX_LINE} characters.", where)
    for name in REQUIRED:
        if name not in said:
            raise Malformed(f"{name} is missing. It is not made up here.", at + name)
    if said["specversion"] != VERSION:
        raise Malformed(f"CloudEvents {VERSION} are taken, not {said['specversion']!r}.", f"{at}specversion")
    if URI_REFERENCE.fullmatch(said["source"]) is None:
        raise Malformed("source is a URI reference (RFC 3986), as /shop or https://shop.example/orders.", f"{at}source")
    if "time" in said and RFC_3339.fullmatch(said["time"]) is None:
        raise Malformed("time is a moment with its zone (RFC 3339), as 2026-01-31T18:00:00+01:00.", f"{at}time")
    if len(said["source"]) + 1 + len(said["id"]) > MAX_LINE:
        raise Malformed(f"source and id have at most {MAX_LINE - 1} characters together.", f"{at}id")
    return said


def _made(said: dict[str, Any], data: Any, has_data: bool, place: str) -> CloudEvent:
    return CloudEvent(said["id"], said["source"], said["type"], said.get("time"), data, has_data, place)


def _must_be_json(kind: str, charset: str, where: str) -> None:
    if JSON_TYPE.fullmatch(kind) is None or charset not in ("", "utf-8"):
        raise Malformed(f"Data is taken as application/json in UTF-8, not as {kind[:60]!r}.", where, 415)


def _json(raw: bytes, where: str) -> Any:
    """A JSON value, decimal numbers exactly as written. Raises `Malformed`, also where a key stands twice in one object."""
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_once, parse_float=Decimal, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Malformed(f"Byte {error.start + 1} is not UTF-8.", where) from None
    except json.JSONDecodeError as error:
        raise Malformed(f"This is not JSON: {error.msg} at character {error.pos + 1}.", where) from None
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise Malformed(f"This is not JSON: {error}.", where) from None
    level = [found]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return found
    raise _too_deep(where)


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _too_deep(where: str) -> Malformed:
    return Malformed(f"This is nested more than {MAX_DEPTH} levels deep.", where)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(iter(_repeated(pairs)))
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return made


def _repeated(pairs: list[tuple[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            yield key
        seen.add(key)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _only(headers: Sequence[tuple[bytes, bytes]], name: str) -> str | None:
    """The one header of a name. Raises `Malformed` if it stands twice."""
    found = [value.decode("latin-1") for raw, value in headers if raw.decode("latin-1").lower() == name]
    if len(found) > 1:
        raise Malformed(f"The header {name} stands twice.", name)
    return found[0] if found else None
