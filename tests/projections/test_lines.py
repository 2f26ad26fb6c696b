"""A row that is written as a line is read back as one that is written by a statement."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg_pool import ConnectionPool

from projections import lines
from projections import table as table_module
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


def test_of_many_rows_only_what_changed_is_written(pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "MANY_ROWS", 3)
    table, asked = Table(View("everything", Everything, version=1)), list[str]()
    with pool.connection() as db, db.transaction():
        table.create(db)
        table.upsert(db, ROWS)
        rows = table.load(db, [row.id for row in ROWS])
        before = table.noted(rows)
        one, two, three, four = (rows[row.id] for row in ROWS)
        one.name, one.amount, one.other_id = "changed", Decimal("0.00"), UUID(int=9)
        two.other_tags, two.other_flag = ("b",), None
        three.other_amount = Decimal("1.0")  # the same number, in other digits
        four.at = LONG_AGO + timedelta(seconds=1)
        new = Everything(UUID(int=5), name="new")
        db.execute("update views.everything set number = 7 where id = %s", [one.id])  # seen if all were written
        with monkeypatch.context() as listening:
            execute = Connection.execute
            listening.setattr(
                Connection,
                "execute",
                lambda self, query, *args: asked.append(query.as_string()) or execute(self, query, *args),
            )
            table.upsert(db, [*rows.values(), new], before)
        one.number = 7
        found = table.load(db, [*rows, new.id])
        assert found == {**rows, new.id: new}
        assert [repr(found[row.id]) for row in rows.values()] == [repr(row) for row in rows.values()]
        update, insert = asked
        written = update[: update.index(" from ")]
        assert [each.name for each in table.columns if f'"{each.name}" =' in written] == [
            "amount", "name", "at", "tags", "other_id", "other_flag", "other_amount", "other_tags",
        ]  # fmt: skip
        assert insert.startswith("insert")
        db.execute("drop table views.everything")


def test_of_few_rows_all_is_written_by_the_one_statement_that_there_is(pool: ConnectionPool) -> None:
    table = Table(View("everything", Everything, version=1))
    assert table.noted({row.id: row for row in ROWS}) == {}
