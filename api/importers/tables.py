"""Tables: a CSV file as rows by the names of its columns, whatever separates them, with line breaks inside of quotes."""

import csv
from collections.abc import Iterator, Mapping, Sequence

from api.importers.importing import Rejected
from api.importers.lines import Source
from domain.kernel import MAX_TEXT, Refused

MAX_COLUMNS = 500
MAX_ROW_LINES = 1_000
"""How many lines one row may go over: a quotation mark that nobody closes must not swallow the file."""
SEPARATORS = ",;\t|"

Cells = Mapping[str, str]
"""The cells of a row by the names of their columns, without blanks around them."""


def rows(source: Source, required: Sequence[str] = ()) -> Iterator[tuple[int, Cells] | Rejected]:
    """Every row after the header, with the number of its first line.

    Raises `Refused` if there is no header, or if it lacks one of the columns that are `required`, or has one twice.
    """
    header: list[str] | None = None
    separator = ","
    for number, text, wrong in _texts(source):
        if text is None:
            yield Rejected(number, wrong)
            continue
        if not text.strip():
            continue
        if header is None:
            separator = max(SEPARATORS, key=text.count) if any(map(text.count, SEPARATORS)) else ","
            header = _header(_cells(text, separator), required)
            continue
        try:
            cells = _cells(text, separator)
        except Refused as refused:
            yield Rejected(number, refused.reason)
            continue
        if len(cells) > len(header) and not any(cells[len(header) :]):  # a separator at the end of every line
            del cells[len(header) :]
        if len(cells) != len(header):
            yield Rejected(number, f"This row has {len(cells)} cells and the header has {len(header)}.")
        elif (
            name := next((name for name, cell in zip(header, cells, strict=True) if len(cell) > MAX_TEXT), None)
        ) is not None:
            yield Rejected(number, f"This cell has more than {MAX_TEXT:,} characters.", name)
        else:
            yield number, dict(zip(header, cells, strict=True))
    if header is None:
        expected = f" It should begin with a header that names {', '.join(required)}." if required else ""
        raise Refused(f"This file is empty.{expected}", "file")


def _header(cells: list[str], required: Sequence[str]) -> list[str]:
    if cells and not cells[-1]:
        cells = cells[:-1]
    if len(cells) > MAX_COLUMNS:
        raise Refused(f"This header has {len(cells)} columns; {MAX_COLUMNS} is the limit.", "file")
    for name in cells:
        if name and cells.count(name) > 1:
            raise Refused(f"The column {name} stands twice in the header.", "file")
    for name in required:
        if name not in cells:
            raise Refused(
                f"The column {name} is missing from the header. It should name {', '.join(required)}, in any order.",
                "file",
            )
    return cells


def _cells(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return [cell.strip() for cell in text.split(separator)]
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=separator, strict=True))]
    except csv.Error:
        raise Refused("A quotation mark is opened on this row and not closed, or stands within a cell.") from None


def _texts(source: Source) -> Iterator[tuple[int, str | None, str]]:
    """Lines, those of which belong together that a quoted line break separates."""
    begun, held = 0, list[str]()
    for number, raw, wrong in source:
        text: str | None = None
        if raw is not None:
            try:
                text = raw.decode()
            except UnicodeDecodeError as error:
                wrong = f"Byte {error.start + 1} of this line is not UTF-8. Save the file as UTF-8."
            if text is not None and "\0" in text:
                text, wrong = None, "This line holds a NUL character, which no text may."
        if text is None:
            if held:
                yield begun, None, f"Line {number} of this row cannot be read. {wrong}"
                held.clear()
            else:
                yield number, None, wrong
            continue
        if not held:
            begun = number
        held.append(text)
        if sum(each.count('"') for each in held) % 2:
            if len(held) >= MAX_ROW_LINES:
                yield begun, None, f"A quotation mark is opened here and not closed within {MAX_ROW_LINES:,} lines."
                held.clear()
            continue
        yield begun, "\n".join(held), ""
        held.clear()
    if held:
        yield begun, None, "A quotation mark is opened on this row and not closed."
