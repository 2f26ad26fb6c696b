"""Canaries: texts that stand nowhere else, one for each person, and where they are found in files, however they are written."""

import base64
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

BLOCK_BYTES = 8 << 20
OVERLAP = 256
DIGITS = 12
SIGN = "cañ"
"""What every canary begins with: its second half is not ASCII, so that each encoding writes it differently."""


@cache
def canary(number: int) -> str:
    """The canary of a person: `cañ` and twelve digits."""
    return SIGN + format((number + 1) * 0x9E3779B97F4A & 0xFFFFFFFFFFFF, f"0{DIGITS}x")


def _base64_heads() -> Iterator[tuple[int, bytes]]:
    """What base64 of the sign, as it is or folded, begins with after 0, 1 or 2 other bytes, without the letters that others
    have a part in."""
    for sign in (SIGN.encode(), b"can"):
        for before in range(3):
            whole = base64.b64encode(b"\0" * before + sign + b"000")
            yield before, whole[LOST[before] : (before + len(sign)) * 8 // 6]


LOST = (0, 2, 3)
PLAIN = re.compile(rb"(?:ca(?:\xc3\xb1|\xf1|\\u00f1)|can)([0-9a-f]{12})", re.IGNORECASE)
WIDE = re.compile(
    rb"c\x00a\x00[\xf1n]\x00((?:[0-9a-f]\x00){12})|\x00c\x00a\x00[\xf1n]((?:\x00[0-9a-f]){12})", re.IGNORECASE
)
HEXED = re.compile(rb"6361(?:c3b1|6e)((?:3[0-9]|[46][1-6]){12})", re.IGNORECASE)
QUOTED = re.compile(rb"ca[%=]c3[%=]b1([0-9a-f]{12})", re.IGNORECASE)
BASE64 = [(before, re.compile(re.escape(head) + rb"[A-Za-z0-9+/_-]{16,23}")) for before, head in _base64_heads()]


def found_in(raw: bytes) -> Iterator[str]:
    """The digits of every canary in some bytes: in UTF-8, Latin-1, UTF-16, folded, in hex, URL-encoded, quoted or base64."""
    for pattern in (PLAIN, QUOTED):
        for hit in pattern.finditer(raw):
            yield hit[1].decode().lower()
    for hit in WIDE.finditer(raw):
        yield (hit[1] or hit[2]).replace(b"\0", b"").decode().lower()
    for hit in HEXED.finditer(raw):
        yield bytes.fromhex(hit[1].decode()).decode(errors="replace").lower()
    for before, pattern in BASE64:
        for hit in pattern.finditer(raw):
            text = b"A" * LOST[before] + hit[0].replace(b"-", b"+").replace(b"_", b"/")
            told = base64.b64decode(text[: len(text) // 4 * 4])
            if (inside := re.search(rb"a(?:\xc3\xb1|n)([0-9a-f]{12})", told)) is not None:
                yield inside[1].decode()


def found_under(paths: Iterable[Path]) -> dict[str, set[str]]:
    """The digits of the canaries in all files below some places, each with the files that hold it."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
            with suppress(FileNotFoundError), file.open("rb") as opened:  # a server removes files as it likes
                before = b""
                while block := opened.read(BLOCK_BYTES):
                    for digits in found_in(before + block):
                        found.setdefault(digits, set()).add(str(file.relative_to(path)) or file.name)
                    before = block[-OVERLAP:]
    return found


def digits(number: int) -> str:
    """By what the canary of a person is told from others."""
    return canary(number)[len(SIGN) :]
