import gzip
import io
import sys
import tracemalloc
from pathlib import Path

import pytest

from api.importers.lines import MAX_LINE_BYTES, TOO_LONG, UNFINISHED, Source
from domain.kernel import Refused

TEXT = b"".join(b"line %d of the file\n" % n for n in range(1, 40_001))


def read(path: Path, content: bytes) -> tuple[Source, list[tuple[int, bytes | None, str]]]:
    path.write_bytes(content)
    source = Source(str(path))
    return source, list(source)


def test_lines_are_numbered_and_lose_their_ends(tmp_path: Path) -> None:
    source, found = read(tmp_path / "file", b"\xef\xbb\xbfone\r\n\ntwo\nlast")
    assert found == [(1, b"one", ""), (2, b"", ""), (3, b"two", ""), (4, b"last", "")]
    assert (source.damage, source.bytes_read, source.size, source.lines_read) == (None, 17, 17, 4)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "file", b"")[1] == []


def test_compressed_files_are_known_by_their_first_bytes_and_may_have_several_members(tmp_path: Path) -> None:
    half = len(TEXT) // 2
    source, found = read(tmp_path / "file", gzip.compress(TEXT[:half]) + gzip.compress(TEXT[half:]) + b"\0" * 512)
    assert [line for _, line, _ in found] == TEXT.splitlines()
    assert source.damage is None


@pytest.mark.parametrize("missing", [1, 4, 9, 1000])
def test_of_a_truncated_file_all_that_came_before_is_read_and_the_place_is_named(tmp_path: Path, missing: int) -> None:
    whole = gzip.compress(TEXT)
    source, found = read(tmp_path / "file", whole[:-missing])
    assert source.damage is not None
    assert f"truncated: it ends at byte {len(whole) - missing:,}" in source.damage
    good = [line for _, line, _ in found if line is not None]
    assert good == TEXT.splitlines()[: len(good)]
    assert len(good) > 30_000
    if len(good) < 40_000:
        assert found[-1] == (len(good) + 1, None, UNFINISHED)


def test_a_damaged_byte_ends_the_file_there_and_nothing_before_it_is_lost(tmp_path: Path) -> None:
    # In blocks that are stored as they are, damage to the head of one is noticed there and then.
    text = TEXT[:200_000]
    whole = bytearray(gzip.compress(text, compresslevel=0))
    first = 10  # after the header of the file; a block's own is its kind, its length and its length inverted
    place = first + 5 + int.from_bytes(whole[first + 1 : first + 3], "little")
    assert place < len(whole)
    whole[place : place + 5] = b"\xff" * 5
    source, found = read(tmp_path / "file", bytes(whole))
    assert (
        source.damage
        == f"The compressed data is damaged at byte {place:,}. {len(found):,} lines came before the damage."
    )
    good = [line for _, line, _ in found if line is not None]
    assert len(b"\n".join(good)) > place - 100
    assert good == text.splitlines()[: len(good)]


def test_what_is_not_compressed_after_a_member_is_damage(tmp_path: Path) -> None:
    source, found = read(tmp_path / "file", gzip.compress(b"one\n") + b"two\n")
    assert source.damage is not None
    assert found[0] == (1, b"one", "")


@pytest.mark.parametrize("length", [MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 5 * MAX_LINE_BYTES])
@pytest.mark.parametrize("end", [b"\nnext\n", b""])
def test_a_line_that_is_too_long_is_skipped_alone(tmp_path: Path, length: int, end: bytes) -> None:
    _, found = read(tmp_path / "file", b"first\n" + b"x" * length + end)
    assert found[0] == (1, b"first", "")
    assert found[1] == ((2, b"x" * length, "") if length <= MAX_LINE_BYTES else (2, None, TOO_LONG))
    assert found[2:] == ([(3, b"next", "")] if end else [])


def test_an_endless_line_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"x" * (64 * MAX_LINE_BYTES) + b"\nnext\n"))
    tracemalloc.start()
    found = list(Source(str(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [(1, None, TOO_LONG), (2, b"next", "")]
    assert peak < 8 * MAX_LINE_BYTES


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(Refused, match="Save it as UTF-8"):
        read(tmp_path / "file", '{"command": "placeOrder"}\n'.encode(encoding))


@pytest.mark.parametrize("path", ["nowhere/to/be/found", "nul\0"])
def test_a_file_that_is_not_there_is_refused_in_a_sentence(path: str) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        Source(path)


def test_a_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Is a directory"):
        list(Source(str(tmp_path)))


def test_the_standard_input_may_come_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed = gzip.compress(b"\xef\xbb\xbfone\ntwo\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Trickle(compressed))))
    assert list(Source("-")) == [(1, b"one", ""), (2, b"two", "")]


class Trickle(io.RawIOBase):
    """A pipe whose writer writes one byte at a time."""

    def __init__(self, content: bytes) -> None:
        self.rest = memoryview(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        taken, self.rest = self.rest[:1], self.rest[1:]
        buffer[: len(taken)] = taken
        return len(taken)
