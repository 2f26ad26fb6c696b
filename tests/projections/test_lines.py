"""A row that is written as a line is read back as one that is written by a statement."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from psycopg_pool import ConnectionPool

from projections import lines
from projections.table import Table
from projections.view import LONG_AGO, Row, View


class Colour(StrEnum):
    RED = "RED"


class Everything(Row, key="id"):
    """A column of each type, which must be there and which may be missing."""

    id: UUID
    number: int = 0
    flag: bool = False
    share: float = 0.0
    amount: Decimal = Decimal(0)
    name: str = ""
    colour: Colour = Colour.RED
    at: datetime = LONG_AGO
    day: date = date.min
    tags: tuple[str, ...] = ()
    other_id: UUID | None = None
    other_number: int | None = None
    other_flag: bool | None = None
    other_share: float | None = None
    other_amount: Decimal | None = None
    other_name: str | None = None
    other_colour: Colour | None = None
    other_at: datetime | None = None
    other_day: date | None = None
    other_tags: tuple[str, ...] | None = None


ROWS = [
    Everything(UUID(int=1)),
    Everything(
        UUID(int=2**128 - 1), -(2**63), True, -0.1, Decimal("-12345678901234567890.000100"), "\t\\N\nñ€😀",
        Colour.RED, datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC), date(1999, 12, 31), ("a", '"\\'),
        UUID(int=0), 2**63 - 1, False, 1e300, Decimal("1E+3"), "", Colour.RED,
        datetime(2026, 2, 28, 12, tzinfo=timezone(timedelta(hours=-5))), date.max, (),
    ),
    Everything(UUID(int=3), amount=Decimal("1.0"), other_amount=Decimal("1.00"), other_flag=True),
    Everything(UUID(int=4), amount=Decimal("0.00"), other_amount=Decimal("-0.0001")),
]  # fmt: skip


@pytest.mark.parametrize("kept", [lines.MAX_KNOWN, 1])
def test_lines_and_statements_write_the_same(pool: ConnectionPool, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_KNOWN", kept)
    table = Table(View("everything", Everything, version=1))
    with pool.connection() as db, db.transaction():
        table.create(db)
        table.upsert(db, ROWS)
        by_statement, digest = table.load(db, [row.id for row in ROWS]), table.digest(db)
        table.delete(db, [row.id for row in ROWS])
        table.copy_in(db, ROWS)
        by_line = table.load(db, [row.id for row in ROWS])
        assert by_line == by_statement == {row.id: row for row in ROWS}
        assert [repr(row) for row in by_line.values()] == [repr(row) for row in by_statement.values()]
        assert table.digest(db) == digest
        db.execute("drop table views.everything")


def test_lines_are_written_frozen_where_the_table_was_made_in_the_same_transaction(pool: ConnectionPool) -> None:
    table = Table(View("everything", Everything, version=1))
    with pool.connection() as db, db.transaction():
        table.create(db, keyed=False)
        table.copy_lines(db, map(table.line, ROWS), frozen=True)
        assert table.load(db, [row.id for row in ROWS]) == {row.id: row for row in ROWS}
        db.execute("drop table views.everything")
