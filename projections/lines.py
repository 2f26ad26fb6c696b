"""Lines: rows as PostgreSQL's binary COPY reads them, which it takes in twice as quickly as texts."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import Struct
from typing import Any, cast

import orjson
from psycopg.abc import Buffer
from psycopg.types.datetime import DateBinaryDumper
from psycopg.types.numeric import DecimalBinaryDumper

from eventstore.codec import json_form
from projections.view import Column

OPENING = b"PGCOPY\n\xff\r\n\0" + bytes(8)
CLOSING = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
EPOCH, DAY_S = datetime(2000, 1, 1, tzinfo=UTC), 86_400
MAX_KNOWN = 50_000
"""How many values of a kind are kept in their written form."""

FORMS = {
    "uuid": "uuid + {}.int.to_bytes(16)",
    "bigint": "bigint(8, {})",
    "double precision": "double(8, {})",
    "boolean": "(yes if {} else no)",
    "text": "text[{}]",
    "timestamptz": "moment[{}]",
    "date": "date[{}]",
    "numeric": "numeric[str({})]",  # what is equal may be written with more digits or fewer
    "jsonb": "json({})",
}
"""By the type of a column: the expression that writes a value."""

_length = Struct(">i").pack
_fields = Struct(">h").pack
_long = Struct(">q").pack


class Written(dict[Any, bytes]):
    """Values in their written form. Most come again and again: what comes of one event has the same few."""

    def __init__(self, write: Callable[[Any], Buffer | None]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: Any) -> bytes:
        if len(self) >= MAX_KNOWN:
            self.clear()
        written = self._write(value)
        assert written is not None
        field = self[value] = _length(len(written)) + written
        return field


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
    """It is made of one expression for each column: looking at each value of a million rows takes twice as long."""
    parts = ["opening"]
    for column in columns:
        value, form = f"row.{column.name}", FORMS[column.sql_type]
        parts.append(
            f"(null if (v := {value}) is None else {form.format('v')})" if column.nullable else form.format(value)
        )
    made = f"lambda row: join(({', '.join(parts)},))"
    return cast(Callable[[Any], bytes], eval(made, {**NAMES, "opening": opening}))  # noqa: S307  # names of columns alone


def _moment(moment: datetime) -> bytes:
    since = moment - EPOCH
    return _long((since.days * DAY_S + since.seconds) * 1_000_000 + since.microseconds)


def _numeric(digits: str) -> Buffer | None:
    return DecimalBinaryDumper(Decimal).dump(Decimal(digits))


def _json(value: object) -> bytes:
    text = orjson.dumps(value, default=json_form, option=orjson.OPT_NON_STR_KEYS)
    return _length(len(text) + 1) + b"\1" + text


NAMES: dict[str, Any] = {
    "join": b"".join,
    "null": NULL,
    "uuid": _length(16),
    "yes": _length(1) + b"\1",
    "no": _length(1) + b"\0",
    "json": _json,
    "bigint": Struct(">iq").pack,
    "double": Struct(">id").pack,
    "text": Written(str.encode),
    "moment": Written(_moment),
    "date": Written(DateBinaryDumper(date).dump),
    "numeric": Written(_numeric),
}
"""What the expressions are made of; all tables have the same values in their written form."""
