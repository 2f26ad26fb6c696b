"""Forgetting: what the views hold of people who are blocked is folded anew, without what is not told of them any more.

A row that was written over is still in its file, until that is written anew: `scrub` does so.
"""

import logging
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, sql

from domain.kernel import Refused
from projections.engine import Engine
from projections.pages import Page, fold_page, key_text
from projections.rebuild import alone
from projections.stored import BUILD, RETIRED, Stored, stored_of
from projections.table import Table
from projections.view import Key, View

SCRUBBED_BYTES = 64 << 20
"""Tables up to this size are written anew at once, which holds up their readers for less than a second."""
SCRUB_LOCK_TIMEOUT_MS = 500
"""How long readers may be held up by waiting for that."""

logger = logging.getLogger(__name__)


class Behind(Exception):
    """A view is not where it has to be, or somebody rebuilds it: try again."""


def personal_views(engine: Engine) -> list[View[Any]]:
    """The views that hold personal values."""
    return [view for view in engine.views if view.personal]


def forget(engine: Engine, customers: Collection[UUID], after: int) -> None:
    """Folds anew all that the views hold of these customers, who were blocked by a position; also what is parked of them.

    Builds that were given up and those that are kept to go back to are dropped: they hold what was. Raises `Behind`.
    """
    streams = engine.log.reader.streams_of(customers, after)
    for view in personal_views(engine):
        engine.catch_up([view])
        try:
            with alone(engine, [view]), engine.pool_of(view).connection() as db, db.transaction():
                _forget(engine, db, view, customers, streams, after)
        except Refused as refused:
            raise Behind(refused.reason) from refused


def held(engine: Engine, view: View[Any], customers: Collection[UUID]) -> int:
    """How many rows a view, its facts and its history hold of these customers."""
    with engine.pool_of(view).connection() as db:
        return sum(_count(db, table, customers, "true") for table in Stored(view).tables)


def told(engine: Engine, view: View[Any], customers: Collection[UUID]) -> int:
    """How many of these rows say something personal."""
    found = 0
    with engine.pool_of(view).connection() as db:
        for table in Stored(view).tables:
            said = [_says(column.name, column.sql_type) for column in table.columns if column.name in view.personal]
            if said:
                found += _count(db, table, customers, " or ".join(said))
    return found


def left_over(engine: Engine) -> int:
    """How many tables there are still that were replaced, or never came to serve, of views that hold personal values."""
    names = [view.name + suffix for view in personal_views(engine) for suffix in (BUILD, RETIRED)]
    count = 0
    for pool in {id(engine.pool_of(view)): engine.pool_of(view) for view in personal_views(engine)}.values():
        with pool.connection() as db:
            row = db.execute(
                "select count(*) from pg_tables where schemaname = 'views' and tablename = any(%s)", [names]
            ).fetchone()
        count += int(row[0]) if row else 0
    return count


def scrub(engine: Engine, *, most_bytes: int = SCRUBBED_BYTES) -> list[str]:
    """Writes the files of the views that hold personal values anew, so that nothing of what was is in them.

    Returns the tables that are left for later: those that are larger, and those that somebody is reading for long.
    """
    later = []
    for view in personal_views(engine):
        for table in Stored(view).tables:
            with engine.pool_of(view).connection() as db:
                row = db.execute("select pg_total_relation_size(%s)", [f"views.{table.name}"]).fetchone()
                if row is None or row[0] > most_bytes:
                    later.append(table.name)
                    continue
                db.execute("select set_config('lock_timeout', %s, false)", [f"{SCRUB_LOCK_TIMEOUT_MS}ms"])
                try:
                    db.execute(sql.SQL("vacuum (full) {}").format(table.identifier))
                except psycopg.errors.LockNotAvailable:
                    later.append(table.name)
                finally:
                    db.execute("reset lock_timeout")
    return later


def _forget(
    engine: Engine,
    db: Connection,
    view: View[Any],
    customers: Collection[UUID],
    streams: Collection[UUID],
    after: int,
) -> None:
    row = db.execute(
        "select position, version from views.checkpoint where name = %s for update", [view.name]
    ).fetchone()
    if row is None or row[1] != view.version or row[0] < after:
        raise Behind(f"{view.name} is not where it has to be to forget. It catches up, or is built anew, first.")
    stored, end = stored_of(view), row[0]
    Stored(view, BUILD).drop(db)
    Stored(view, RETIRED).drop(db)
    parked = fold_page(engine.log, db, stored, Page((), (), end, end, customers, streams))
    keys: Sequence[Key] = [key for key, _, _ in parked]
    if keys:  # rather nothing than what was
        stored.forget(db, keys)
        stored.rows.delete(db, keys)
    gone = [*map(str, customers), *map(str, streams)]
    db.execute("delete from views.parked where view = %s and key = any(%s)", [view.name, gone])
    for key, position, error in parked:
        logger.error("%s: row %s cannot be folded anew (%s), and is removed.", view.name, key, type(error).__name__)
        db.execute(
            "insert into views.parked (view, key, position, error) values (%s, %s, %s, %s) on conflict do nothing",
            [view.name, key_text(key), position, type(error).__name__],
        )


def _count(db: Connection, table: Table[Any], customers: Collection[UUID], which: str) -> int:
    if "customer_id" not in {column.name for column in table.columns}:
        return 0
    query = sql.SQL("select count(*) from {} where customer_id = any(%s) and ({})").format(
        table.identifier,
        sql.SQL(which),
    )
    row = db.execute(query, [list(customers)]).fetchone()
    return int(row[0]) if row else 0


def _says(column: str, kind: str) -> str:
    empty = {"text": "''", "jsonb": "'null', '[]', '{}', '\"\"'"}.get(kind)
    return f"({column} is not null{f' and {column} not in ({empty})' if empty else ''})"
