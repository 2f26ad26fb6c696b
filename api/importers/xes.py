"""XES event logs (IEEE 1849): every event as a row, by the names of its attributes and of those of its trace."""

import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from xml.parsers import expat

from api.importers.importing import Rejected
from api.importers.lines import BOM, GZIP, GZIP_BITS, Source
from api.importers.tables import MAX_COLUMNS, Cells
from domain.kernel import MAX_TEXT, Refused

MAX_DEPTH = 64
MAX_TAG_BYTES = 1 << 20
"""How long one tag may be: what is longer is no event log, and would have to be held in memory."""
HEAD_BYTES = 4096

NAME = "concept:name"
STANDARD = {"activity": NAME, "timestamp": "time:timestamp", "resource": "org:resource"}
"""The attributes of an event that the standard's extensions name, by what they are in a table."""
TRANSITION = "lifecycle:transition"
COMPLETE = "complete"
NO_DTD = "This file declares a document type or entities, which no event log needs. Save it without them."


class _Stream(Source):
    """A file as its bytes: a tag may go over lines, and a line hold the whole log."""

    def chunks(self) -> Iterator[bytes]:
        """What is in it, decompressed."""
        try:
            yield from self._text()
        finally:
            for file in self._opened:
                file.close()


def is_xml(source: Source) -> bool:
    """Whether a file, be it compressed or not, begins as XML does."""
    head = b""
    with suppress(OSError, zlib.error):
        if source.path == "-":
            head = cast(io.BufferedReader, sys.stdin.buffer).peek(HEAD_BYTES)
        else:
            with Path(source.path).open("rb") as file:
                head = file.read(HEAD_BYTES)
        if head.startswith(GZIP):
            head = zlib.decompressobj(GZIP_BITS).decompress(head, HEAD_BYTES)
    return head.removeprefix(BOM).lstrip().startswith(b"<")


def events(source: Source, case: str, names: dict[str, str]) -> Iterator[tuple[int, Cells] | Rejected]:
    """Every event with the number of its first line, as a row whose columns have these `names`; `case` is the trace's.

    A trace's attributes are those of its events that have none of that name. An activity that did not just complete is
    `activity+transition`. Raises `Refused` if the file is no event log, or declares a document type.
    """
    log = _Log(case, {STANDARD[each]: name for each, name in names.items()})
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, found: log.begin(name, found, parser.CurrentLineNumber)
    parser.EndElementHandler = lambda name: log.end()
    parser.StartDoctypeDeclHandler = _refuse
    stream, fed, wrong = _Stream(source.path), 0, ""
    try:
        for chunk in stream.chunks():
            parser.Parse(chunk)
            fed += len(chunk)
            source.bytes_read, source.lines_read = stream.bytes_read, parser.CurrentLineNumber
            yield from log.rows()
            if fed - parser.CurrentByteIndex > MAX_TAG_BYTES:
                line = parser.CurrentLineNumber
                raise Refused(f"Line {line:,} has a tag of more than {MAX_TAG_BYTES:,} bytes.", "file")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        wrong = f"This is not well-formed XML from line {error.lineno:,} on: {expat.ErrorString(error.code)}."
    except Refused as refused:
        wrong = refused.reason
    yield from log.rows()
    source.bytes_read = stream.bytes_read
    source.damage = stream.damage or (f"{wrong} What came before is taken." if wrong else None)
    if wrong and not log.begun and stream.damage is None:
        raise Refused(wrong, "file")


def _refuse(*_: object) -> None:
    raise Refused(NO_DTD, "file")


@dataclass(slots=True)
class _Log:
    """What is open of the log, and the rows that are complete."""

    case: str
    names: dict[str, str]
    begun: bool = False
    open: list[str] = field(default_factory=list)
    trace: dict[str, str] = field(default_factory=dict)
    event: dict[str, str] = field(default_factory=dict)
    line: int = 0
    found: list[tuple[int, Cells] | Rejected] = field(default_factory=list)

    def begin(self, name: str, given: dict[str, str], line: int) -> None:
        """A tag was opened. What lies within an attribute, or in `global`, is no attribute of an event."""
        tag = name.rpartition(" ")[2]
        self.open.append(tag)
        if len(self.open) > MAX_DEPTH:
            raise Refused(f"Line {line:,} is nested deeper than {MAX_DEPTH} tags, which no event log is.", "file")
        match self.open:
            case [root]:
                if root != "log":
                    raise Refused(f"This is XML, but no XES event log: it begins with {root[:60]!r}.", "file")
            case ["log", "trace"]:
                self.trace = {}
            case ["log", "trace", "event"]:
                self.event, self.line = {}, line
            case ["log", "trace", "event", _]:
                _keep(self.event, given)
            case ["log", "trace", _]:
                _keep(self.trace, given)
            case _:
                pass

    def end(self) -> None:
        """A tag was closed."""
        if self.open == ["log", "trace", "event"]:
            self.begun = True
            self.found.append(self._row())
        self.open.pop()

    def rows(self) -> list[tuple[int, Cells] | Rejected]:
        """What is complete since the last time."""
        found, self.found = self.found, []
        return found

    def _row(self) -> tuple[int, Cells] | Rejected:
        for key, value in (*self.trace.items(), *self.event.items()):
            if len(value) > MAX_TEXT:
                return Rejected(self.line, f"This attribute has more than {MAX_TEXT:,} characters.", key[:60])
        if max(len(self.trace), len(self.event)) > MAX_COLUMNS:
            return Rejected(self.line, f"This event has more than {MAX_COLUMNS} attributes.")
        cells = {key: value for key, value in self.trace.items() if key != NAME} | self.event
        named = {self.names.get(key, key): value.strip() for key, value in cells.items()}
        step = named.get(TRANSITION, COMPLETE)
        if step.casefold() != COMPLETE:
            activity = self.names[NAME]
            named[activity] = f"{named.get(activity, '')}+{step}"
        return self.line, named | {self.case: self.trace.get(NAME, "").strip()}


def _keep(kept: dict[str, str], given: dict[str, str]) -> None:
    """Keeps an attribute, unless there is one of its name, or far too many."""
    if "key" in given and "value" in given and len(kept) <= MAX_COLUMNS:
        kept.setdefault(given["key"], given["value"])
