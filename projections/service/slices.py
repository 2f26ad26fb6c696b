"""Slices: what figures are told apart by, what was not asked for being empty."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, cast

from psycopg import sql

from domain.kernel import Refused

MAX_FIGURES = 10_000
"""How many rows one question is answered with."""

Columns = Mapping[Any, tuple[str, str]]
"""By dimension: the column that it is in, and the type of that."""


def sliced(columns: Columns, by: Collection[StrEnum]) -> sql.Composable:
    """All of these columns in their order, those that were not asked for being empty."""
    return sql.SQL(", ").join(
        sql.Identifier(name) if each in by else sql.SQL(cast(Any, f"null::{kind}"))
        for each, (name, kind) in columns.items()
    )


def must_be_few(rows: int, limit: int = MAX_FIGURES) -> None:
    """Refused if a question has more rows than it may be answered with."""
    if rows > limit:
        raise Refused(f"That is more than {limit:,} rows. Ask for less time, or by less.", "by")


def share(part: float, whole: float) -> float | None:
    """A part of a whole; none if there is no whole."""
    return part / whole if whole > 0 else None
