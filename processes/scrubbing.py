"""Scrubbing: the files of the database are written anew, so that nothing is left in them of what was deleted.

PostgreSQL leaves what it deletes in the page until something else comes there, and recycles the files of its write-ahead
log with all that is in them. What holds nothing but ciphertext is written anew as well, where the keys are in the same cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql

from eventstore.database import CONNECT_TIMEOUT_S
from projections.engine import Engine
from projections.forgetting import personal_views
from projections.stored import Stored

LOCK_TIMEOUT_S = 30
MAX_WAL_FILES = 1_000
"""So many files of the write-ahead log are gone through at most."""
LOG_TABLES = ("es.personal", "es.claim", "es.snapshot", "es.attempt", "views.parked", "pg_catalog.pg_statistic")
KEY_TABLES = ("keys.subject_key", "keys.epoch")


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A step, and why it was not done, if it was not."""

    step: str
    done: bool
    why: str = ""


def scrub_all(
    engine: Engine,
    dsn: str,
    views_dsn: str,
    keys_dsn: str,
    *,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Scrubbed]:
    """Every step, each by itself: one that is not allowed holds up no other one."""
    views = [table.name for view in personal_views(engine) for table in Stored(view).tables]
    steps: list[tuple[str, str, str]] = [(f"views.{name}", views_dsn, "vacuum (full, analyze) {}") for name in views]
    steps += [(name, dsn, "vacuum (full, analyze) {}") for name in LOG_TABLES]
    steps += [(name, keys_dsn, "vacuum (full, analyze) {}") for name in KEY_TABLES]
    done = []
    databases = list(dict.fromkeys((dsn, views_dsn, keys_dsn)))
    for number, (name, where, statement) in enumerate(steps):
        done.append(_tried(name, where, lambda db: _rewrite(db, name, statement)))  # noqa: B023  # called at once
        progress(number + 1, len(steps) + len(databases))
    for number, where in enumerate(databases):
        done.append(_tried(f"write-ahead log {number + 1}", where, renew_wal))
        progress(len(steps) + number + 1, len(steps) + len(databases))
    return done


def renew_wal(db: Connection) -> None:
    """Goes through every file of the write-ahead log that was recycled, so that each is written over, and drops the old ones."""
    with _without_recycling(db):
        db.execute("checkpoint")
        for _ in range(MAX_WAL_FILES):
            row = db.execute(
                "select count(*) from pg_ls_waldir() "
                " where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_lsn())"
            ).fetchone()
            db.execute("select pg_logical_emit_message(true, 'es', '')")
            db.execute("select pg_switch_wal()")
            if row is None or not row[0]:
                break
        db.execute("checkpoint")
        db.execute("checkpoint")


def _rewrite(db: Connection, name: str, statement: str) -> None:
    schema, _, table = name.partition(".")
    db.execute(sql.SQL(statement).format(sql.Identifier(schema, table)))


class _without_recycling:  # used like a function
    """While old files of the write-ahead log are removed, and not kept to be written over."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._set("alter system set wal_recycle = off", "alter system set min_wal_size = '32MB'")

    def __exit__(self, *_: object) -> None:
        self._set("alter system reset wal_recycle", "alter system reset min_wal_size")

    def _set(self, *statements: str) -> None:
        for statement in statements:
            self._db.execute(statement)
        self._db.execute("select pg_reload_conf()")


def _tried(step: str, dsn: str, do: Callable[[Connection], None]) -> Scrubbed:
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as db:
            db.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S}s'")
            do(db)
    except psycopg.Error as error:
        return Scrubbed(
            step, False, f"{error.diag.message_primary or type(error).__name__}. Ask who may, and try again."
        )
    return Scrubbed(step, True)
