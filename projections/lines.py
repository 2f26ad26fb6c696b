"""Lines: rows as PostgreSQL's binary COPY reads them, which it takes in twice as quickly as texts."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from struct import Struct
from typing import Any, cast

import orjson
from psycopg.abc import Buffer
from psycopg.types.datetime import DateBinaryDumper
from psycopg.types.numeric import DecimalBinaryDumper

from domain.values import EMPTY
from eventstore.codec import json_form
from projections.view import Column

OPENING = b"PGCOPY\n\xff\r\n\0" + bytes(8)
CLOSING = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
EPOCH, MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
MAX_KNOWN = 5_000
"""How many values of a kind are kept in their written form: no more than the processor has at hand."""

FORMS = {
    "uuid": "uuid + {}.int.to_bytes(16)",
    "bigint": "bigint(8, {})",
    "double precision": "double(8, {})",
    "boolean": "(yes if {} else no)",
    "text": "text[{}]",
    "timestamptz": "bigint(8, ({} - epoch) // microsecond)",
    "date": "date[{}]",
    "numeric": "numeric[str({})]",  # what is equal may be written with more digits or fewer
    "jsonb": "json({})",
}
"""By the type of a column: the expression that writes a value."""
FIXED = {
    "uuid": ("i16s", "16, {}.int.to_bytes(16)"),
    "bigint": ("iq", "8, {}"),
    "double precision": ("id", "8, {}"),
    "boolean": ("i?", "1, {}"),
    "timestamptz": ("iq", "8, ({} - epoch) // microsecond"),
}
"""Those that are always as long: how a value is packed, together with others, and what is."""

_length = Struct(">i").pack
_fields = Struct(">h").pack
NOTHING = _length(3) + b"\1{}"


class Written(dict[Any, bytes]):
    """Values in the form that `write` gives them. Most come again and again: what comes of one event has the same few."""

    def __init__(self, write: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: Any) -> bytes:
        if len(self) >= MAX_KNOWN:
            self.clear()
        written = self[value] = self._write(value)
        return written


def line_of(columns: Sequence[Column]) -> Callable[[Any], bytes]:
    """A function that writes a row, whose columns these are, as one line."""
    return _writer(columns, _fields(len(columns)))


def start_of(columns: Sequence[Column], more: int) -> Callable[[Any], bytes]:
    """A function that writes these columns of a row as the start of a line that has so many `more` of them."""
    return _writer(columns, _fields(len(columns) + more))


def rest_of(columns: Sequence[Column]) -> Callable[[Any], bytes]:
    """A function that writes these columns of a row as the end of a line."""
    return _writer(columns, b"")


def _writer(columns: Sequence[Column], opening: bytes) -> Callable[[Any], bytes]:
    """It is made of an expression for each column, or for several that are packed at once: looking at each value of a
    million rows takes twice as long."""
    parts, names = ["opening"], {**NAMES, "opening": opening}
    for fixed, run in groupby(columns, lambda column: not column.nullable and column.sql_type in FIXED):
        if fixed:
            packed = [(each.name, *FIXED[each.sql_type]) for each in run]
            pack = f"pack_{len(parts)}"
            names[pack] = Struct(">" + "".join(code for _, code, _ in packed)).pack
            parts.append(f"{pack}({', '.join(form.format(f'row.{name}') for name, _, form in packed)})")
        else:
            parts += map(_expression, run)
    return cast(Callable[[Any], bytes], eval(f"lambda row: join(({', '.join(parts)},))", names))  # noqa: S307  # columns


def _expression(column: Column) -> str:
    value, form = f"row.{column.name}", FORMS[column.sql_type]
    return f"(null if (v := {value}) is None else {form.format('v')})" if column.nullable else form.format(value)


def _with_length(written: Buffer | None) -> bytes:
    assert written is not None
    return _length(len(written)) + written


def _json(value: object) -> bytes:
    if value is EMPTY:
        return NOTHING
    text = orjson.dumps(value, default=json_form, option=orjson.OPT_NON_STR_KEYS)
    return _length(len(text) + 1) + b"\1" + text


_dump_date = DateBinaryDumper(date).dump
_dump_numeric = DecimalBinaryDumper(Decimal).dump

NAMES: dict[str, Any] = {
    "join": b"".join,
    "null": NULL,
    "uuid": _length(16),
    "yes": _length(1) + b"\1",
    "no": _length(1) + b"\0",
    "json": _json,
    "bigint": Struct(">iq").pack,
    "epoch": EPOCH,
    "microsecond": MICROSECOND,
    "double": Struct(">id").pack,
    "text": Written(lambda text: _with_length(text.encode())),
    "date": Written(lambda day: _with_length(_dump_date(day))),
    "numeric": Written(lambda digits: _with_length(_dump_numeric(Decimal(digits)))),
}
"""What the expressions are made of; all tables have the same values in their written form."""
