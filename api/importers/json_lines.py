"""Lines of JSON as rows: every value by its path."""

import json
from collections.abc import Iterator
from typing import Any

from api.importers.importing import Rejected
from api.importers.lines import Source
from api.importers.plain_yaml import is_whole
from api.importers.tables import Cells
from domain.kernel import MAX_LINE, MAX_TEXT, Refused

MAX_VALUES = 50_000
"""How many values a line of JSON may have."""


def json_rows(source: Source) -> Iterator[tuple[int, Cells] | Rejected]:
    """Lines of JSON as rows: `customer.name` is the column of a name within a customer, `lines.0.sku` that of an entry."""
    for number, raw, wrong in source:
        if raw is None:
            yield Rejected(number, wrong)
        elif raw and not raw.isspace():
            cells: dict[str, str] = {}
            try:
                line = json.loads(
                    raw.decode(), object_pairs_hook=_each_key_once, parse_float=str, parse_int=str, parse_constant=str
                )
                if not isinstance(line, dict):
                    raise Refused("A line is an object.")
                flatten(line, "", cells)
            except UnicodeDecodeError as error:
                yield Rejected(number, f"Byte {error.start + 1} of this line is not UTF-8. Save the file as UTF-8.")
            except json.JSONDecodeError as error:
                yield Rejected(number, f"This line is not JSON: {error.msg} at character {error.pos + 1}.")
            except RecursionError:
                yield Rejected(number, "This line is nested too deeply.")
            except Refused as refused:
                yield Rejected(number, refused.reason, refused.field)
            else:
                yield number, cells


def flatten(value: Any, place: str, cells: dict[str, str]) -> None:
    """Notes every value of a line under its dotted path. Raises `Refused`."""
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            flatten(each, f"{place}.{key}" if place else str(key), cells)
        return
    cell = "" if value is None else str(value).lower() if isinstance(value, bool) else value.strip()
    if len(cell) > MAX_TEXT:
        raise Refused(f"This value has more than {MAX_TEXT:,} characters.", place[:MAX_LINE])
    if "\0" in cell:
        raise Refused("This value holds a NUL character, which no text may.", place[:MAX_LINE])
    if not cell.isascii() and not is_whole(cell):
        raise Refused("This value holds half of a character (an unpaired surrogate).", place[:MAX_LINE])
    if place in cells:
        raise Refused("This line has two values of the same path.", place[:MAX_LINE])
    if len(cells) >= MAX_VALUES:
        raise Refused(f"This line has more than {MAX_VALUES:,} values.")
    cells[place] = cell


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Refused("A key stands twice in one object of this line.")
    return made
