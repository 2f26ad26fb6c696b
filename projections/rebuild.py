"""Rebuild: makes a view anew from the whole log beside the one that serves, checks it, and swaps the two."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.reader import AsOf
from projections.engine import Engine
from projections.pages import as_read, fold_page
from projections.parts import PartFailed, Progress, fold_in_parts, fold_into, worth_parts
from projections.table import Table
from projections.view import Fold, View

CHECKED_KEYS = 20
SWITCH_TRIES = 50
SWITCH_LOCK_TIMEOUT_MS = 500


class RebuildFailed(Exception):
    """The new build is not right, so the old one goes on serving."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `digest` is a sum over the rows that does not depend on their order."""

    view: str
    version: int
    position: int
    rows: int
    digest: str
    unchanged: bool
    events: int
    seconds: float


def rebuild(engine: Engine, view: View[Any], *, progress: Progress = lambda done, of: None) -> Rebuilt:
    """Builds a view anew while the old one serves, then swaps them; the old one stays as `<name>__retired`.

    Strict: any event that cannot be folded raises, and nothing changes. Needs a checkpoint row, so `Engine.prepare` first.
    """
    began = time.monotonic()
    build = Table(view, f"{view.name}__build")
    pool = engine.pool_of(view)
    with pool.connection() as lock:
        taken = lock.execute("select pg_try_advisory_lock(hashtext('rebuild.' || %s))", [view.name]).fetchone()
        if taken is None or not taken[0]:
            raise Refused(f"Somebody is rebuilding {view.name} already. Wait for it to end.")
        try:
            try:
                position, events = _bulk(engine, view, build, progress)
            except PartFailed as failed:
                raise RebuildFailed(
                    f"{view.name} cannot be folded ({failed}). The old view goes on serving."
                ) from failed
            _check(engine, view, build, position)
            unchanged, rows, digest = _switch(engine, view, build, position)
        finally:
            lock.execute("select pg_advisory_unlock(hashtext('rebuild.' || %s))", [view.name])
    return Rebuilt(
        view.name, view.version, position, rows, f"{digest % 2**64:016x}", unchanged, events, time.monotonic() - began
    )  # fmt: skip


def _bulk(engine: Engine, view: View[Any], build: Table[Any], progress: Progress) -> tuple[int, int]:
    """The new table filled up to the head, and indexed. Returns the head and how many events were folded."""
    pool = engine.pool_of(view)
    head = engine.log.reader.head()
    parts = worth_parts(view, head)
    with pool.connection() as db:
        db.execute("set statement_timeout = 0")
        try:
            db.execute(sql.SQL("drop table if exists {}").format(build.identifier))
            build.create(db)
            if parts > 1:
                events = fold_in_parts(_dsn(engine.log.pool), _dsn(pool), build, head, parts, progress)
            else:
                events = fold_into(engine.log.reader, db, build, head, None, progress)
            build.index(db)
            db.execute(sql.SQL("analyze {}").format(build.identifier))
        finally:
            db.execute("reset statement_timeout")
    return head, events


def _dsn(pool: ConnectionPool) -> str:
    assert isinstance(pool.conninfo, str)
    return pool.conninfo


def _check(engine: Engine, view: View[Any], build: Table[Any], position: int) -> None:
    """Some rows, taken at random and folded again each from its own customer's events, are the same."""
    if "customer_id" not in {column.name for column in build.columns}:
        return
    with engine.pool_of(view).connection() as db:
        query = sql.SQL("select {} from {} where customer_id is not null order by random() limit %s").format(
            build.selected, build.identifier
        )
        rows = build.select(db, query, [CHECKED_KEYS])
    reader, names = engine.log.reader, engine.log.codec.names(view.events)
    as_of, disclose = AsOf(position=position), bool(view.personal)
    for row in rows:
        fold = Fold(view)
        happened = reader.customers([row.customer_id], types=names, as_of=as_of, disclose=disclose)
        if view.follows == "stream_id":  # what happened to it before it was known whose it is belongs to it, too
            streams = {at.stream_id for _, at in happened}
            happened = reader.of_streams(streams, types=names, as_of=as_of, disclose=disclose)
        fold.apply(happened)
        if fold.rows.get(build.key_of(row)) != row:
            raise RebuildFailed(
                f"{view.name}: row {build.key_of(row)} is not what its events say. The old view goes on serving."
            )


def _switch(engine: Engine, view: View[Any], build: Table[Any], position: int) -> tuple[bool, int, int]:
    """Brings the build to where the serving view stands, with that one held still, and swaps the names."""
    serving = Table(view)
    for _ in range(SWITCH_TRIES):
        position = _follow(engine, view, build, position)
        try:
            with engine.pool_of(view).connection() as db, db.transaction():
                db.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{SWITCH_LOCK_TIMEOUT_MS}ms")))
                row = db.execute(
                    "select position, version from views.checkpoint where name = %s for update", [view.name]
                ).fetchone()
                assert row is not None
                if row[0] > position:
                    continue
                rows, digest = build.digest(db)
                same_shape = row[1] == view.version and row[0] == position
                unchanged = same_shape and serving.digest(db) == (rows, digest)
                _rename(db, view, build)
                db.execute(
                    "update views.checkpoint set version = %s, position = %s, changed_at = now() where name = %s",
                    [view.version, position, view.name],
                )
                db.execute("delete from views.parked where view = %s", [view.name])
            return unchanged, rows, digest
        except psycopg.errors.LockNotAvailable:
            time.sleep(0.05)
    raise RebuildFailed(
        f"{view.name} is in use without a pause; the build is ready and could not be put in place. Try again."
    )


def _follow(engine: Engine, view: View[Any], build: Table[Any], position: int) -> int:
    """Folds what came since the bulk pass into the build, page by page."""
    names: Sequence[str] = engine.log.codec.names(view.events) if view.personal else ()
    while page := engine.log.reader.page(position, engine.batch, disclose=names):
        with engine.pool_of(view).connection() as db, db.transaction():
            for key, at, error in fold_page(engine.log, db, build, as_read(engine.log, page)):
                raise RebuildFailed(f"{view.name}: row {key} cannot be folded at event {at} ({error}).") from error
        position = page[-1].at.position
    return position


def _rename(db: Connection, view: View[Any], build: Table[Any]) -> None:
    retired = sql.Identifier("views", f"{view.name}__retired")
    db.execute(sql.SQL("drop table if exists {}").format(retired))
    db.execute(
        sql.SQL("alter table {} rename to {}").format(Table(view).identifier, sql.Identifier(f"{view.name}__retired"))
    )
    db.execute(sql.SQL("alter table {} rename to {}").format(build.identifier, sql.Identifier(view.name)))
