"""A file as numbered lines, be it plain or compressed, damaged or endless."""

import io
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from domain.kernel import Refused

MAX_LINE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00")
GZIP_BITS = 31  # zlib: the largest window, and a gzip header

UNFINISHED = "The file breaks off in the middle of this line."
TOO_LONG = f"This line has more than {MAX_LINE_BYTES:,} bytes."


@dataclass(slots=True)
class Source:
    """A file, or "-" for the standard input; gzip is known by its first bytes.

    Iterating gives (number, line without its end, or None where it cannot be given, and why). After that `damage` says
    what is wrong with the file as a whole, if anything is. Raises `Refused` if it cannot be read at all.
    """

    path: str
    size: int | None = None
    bytes_read: int = 0
    lines_read: int = 0
    damage: str | None = None
    _opened: list[BinaryIO] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if self.path == "-":
            return
        try:
            self.size = Path(self.path).stat().st_size
        except (OSError, ValueError) as error:
            raise Refused(f"{self.path!r} cannot be read: {_why(error)}.", "file") from None

    def __iter__(self) -> Iterator[tuple[int, bytes | None, str]]:
        try:
            yield from self._lines()
        finally:
            for file in self._opened:
                file.close()

    def _lines(self) -> Iterator[tuple[int, bytes | None, str]]:
        number, rest, skipping = 0, b"", False
        for chunk in self._text():
            *whole, last = chunk.split(b"\n")
            for part in whole:
                number += 1
                self.lines_read = number
                if skipping or len(rest) + len(part) > MAX_LINE_BYTES:
                    yield number, None, TOO_LONG
                else:
                    line = rest + part if rest else part
                    yield number, line[:-1] if line.endswith(b"\r") else line, ""
                rest, skipping = b"", False
            if not skipping:
                rest += last
                if len(rest) > MAX_LINE_BYTES:
                    rest, skipping = b"", True
        if rest or skipping:
            number += 1
            self.lines_read = number
            if skipping:
                yield number, None, TOO_LONG
            elif self.damage is not None:
                yield number, None, UNFINISHED
            else:
                yield number, rest.removesuffix(b"\r"), ""
        if self.damage is not None:
            self.damage += f" {number:,} lines came before the damage."

    def _text(self) -> Iterator[bytes]:
        """The decompressed bytes without a byte order mark."""
        chunks = self._bytes()
        head = _at_least(len(GZIP), chunks)
        text = self._gunzipped(head, chunks) if head.startswith(GZIP) else _again(head, chunks)
        first = _at_least(len(BOM), text).removeprefix(BOM)
        if first.startswith(OTHER_ENCODINGS) or first[1:2] == b"\0":
            raise Refused("This file is UTF-16 or no text at all. Save it as UTF-8 and import that.", "file")
        yield first
        yield from text

    def _bytes(self) -> Iterator[bytes]:
        file: BinaryIO
        try:
            if self.path == "-":
                file = sys.stdin.buffer
            else:
                file = Path(self.path).open("rb", buffering=0)  # noqa: SIM115  # closed when the lines are
                self._opened.append(file)
            while chunk := _read(file):
                self.bytes_read += len(chunk)
                yield chunk
        except OSError as error:
            if not self.bytes_read:
                raise Refused(f"{self.path!r} cannot be read: {_why(error)}.", "file") from None
            self.damage = f"The file cannot be read beyond byte {self.bytes_read:,}: {_why(error)}."

    def _gunzipped(self, head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """One gzip member after the other. Of damaged data, all that comes before the damage."""
        member, begun = zlib.decompressobj(GZIP_BITS), False
        for chunk in _again(head, chunks):
            while chunk:
                before = member.copy()
                try:
                    out = member.decompress(chunk, CHUNK_BYTES)
                except zlib.error:
                    good, out = _byte_by_byte(before, chunk)
                    yield out
                    self.damage = f"The compressed data is damaged at byte {self.bytes_read - len(chunk) + good:,}."
                    return
                begun = True
                if out:
                    yield out
                if member.eof:
                    chunk = member.unused_data.lstrip(b"\0")
                    member, begun = zlib.decompressobj(GZIP_BITS), False
                else:
                    chunk = member.unconsumed_tail
        if begun:
            while out := member.decompress(member.unconsumed_tail, CHUNK_BYTES):
                yield out
            yield member.flush()
            if self.damage is None:
                self.damage = f"The compressed file is truncated: it ends at byte {self.bytes_read:,}, too soon."


def _byte_by_byte(member: "zlib._Decompress", chunk: bytes) -> tuple[int, bytes]:
    """How many bytes could be decompressed, and to what."""
    out = io.BytesIO()
    for place in range(len(chunk)):
        try:
            out.write(member.decompress(chunk[place : place + 1]))
        except zlib.error:
            return place, out.getvalue()
    return len(chunk), out.getvalue()


def _read(file: BinaryIO) -> bytes:
    # read1 answers with what a pipe holds already, so that a slow writer is seen line by line
    return file.read1(CHUNK_BYTES) if isinstance(file, io.BufferedReader) else file.read(CHUNK_BYTES)


def _at_least(size: int, chunks: Iterator[bytes]) -> bytes:
    """The first chunks together, because a pipe may bring them byte by byte."""
    head = b""
    while len(head) < size and (more := next(chunks, b"")):
        head += more
    return head


def _again(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
