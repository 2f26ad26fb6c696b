"""Rebuild: makes a view anew from the whole log beside the one that serves, checks it, and swaps the two."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from domain.kernel import Refused
from eventstore.reader import AsOf
from projections.engine import Engine
from projections.fold import Fold
from projections.pages import as_read, fold_page
from projections.parts import (
    PartFailed,
    Progress,
    Work,
    build_anew,
    fold_apart,
    processors,
    shares,
    unhurried,
    worth_parts,
)
from projections.stored import BUILD, RETIRED, Stored, stored_of
from projections.table import Table
from projections.view import View

CHECKED_KEYS = 20
SAMPLED_FROM = 50_000
"""From how many rows on those that are checked are taken from some pages alone."""
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
    return rebuild_all(engine, [view], progress=progress)[0]


def rebuild_all(
    engine: Engine, views: Sequence[View[Any]], *, progress: Progress = lambda done, of: None
) -> list[Rebuilt]:
    """Builds several views anew, as `rebuild` does, in one pass over the log. Each is swapped when all are right."""
    began = time.monotonic()
    with alone(engine, views):
        position, events = _bulk(engine, views, progress)
        with ThreadPoolExecutor(processors(), thread_name_prefix="rebuild") as threads:
            builds = [(view, Table(view, view.name + BUILD)) for view in views]
            list(threads.map(lambda build: _check(engine, build[0], build[1], position), builds))
            return list(threads.map(lambda view: _switched(engine, view, position, events, began), views))


def _switched(engine: Engine, view: View[Any], position: int, events: int, began: float) -> Rebuilt:
    unchanged, rows, digest = _switch(engine, Stored(view, BUILD), position)
    text = f"{digest % 2**64:016x}"
    return Rebuilt(view.name, view.version, position, rows, text, unchanged, events, time.monotonic() - began)


@contextmanager
def alone(engine: Engine, views: Sequence[View[Any]]) -> Iterator[None]:
    """While nobody else rebuilds one of these views. Refused if somebody does."""
    with ExitStack() as stack:
        locks = {id(engine.pool_of(view)): engine.pool_of(view) for view in views}
        held = {key: stack.enter_context(pool.connection()) for key, pool in locks.items()}
        for view in views:
            db = held[id(engine.pool_of(view))]
            taken = db.execute("select pg_try_advisory_lock(hashtext('rebuild.' || %s))", [view.name]).fetchone()
            if taken is None or not taken[0]:
                raise Refused(f"Somebody is rebuilding {view.name} already. Wait for it to end.")
            stack.callback(db.execute, "select pg_advisory_unlock(hashtext('rebuild.' || %s))", [view.name])
        yield


def _bulk(engine: Engine, views: Sequence[View[Any]], progress: Progress) -> tuple[int, int]:
    """The new tables filled up to the head, and indexed. Returns the head and how many events were folded."""
    head, events = engine.log.reader.head(), 0
    for pool in {id(engine.pool_of(view)): engine.pool_of(view) for view in views}.values():
        builds = [Stored(view, BUILD) for view in views if engine.pool_of(view) is pool]
        with pool.connection() as db, unhurried(db):
            try:
                events = max(events, _built(engine, pool, db, builds, head, progress))
            except PartFailed as failed:
                names = ", ".join(build.view.name for build in builds)
                raise RebuildFailed(f"{names} cannot be folded ({failed}). The old view goes on serving.") from failed
    return head, events


def _built(
    engine: Engine,
    pool: ConnectionPool,
    db: Connection,
    builds: Sequence[Stored[Any]],
    head: int,
    progress: Progress,
) -> int:
    """Makes the tables, by several processes if the log is long. Returns how many events were folded."""
    views = [build.view for build in builds]
    reader = engine.log.reader

    def work(views: Sequence[View[Any]], number: int = 0, of: int = 1) -> Work:
        return Work(_dsn(engine.log.pool), _dsn(pool), [view.name for view in views], head, number, of)

    if not worth_parts(views, head):
        return build_anew(reader, db, builds, head, progress)
    if len(views) == 1 and not views[0].personal:
        of = processors()
        builds[0].drop(db)
        builds[0].create(db, keyed=False)
        events = fold_apart([work(views, number, of) for number in range(of)], progress)
        builds[0].index(db, keyed=False)
        builds[0].analyze(db)
        return events
    first, *others = shares(views, reader.counts(), reader.codec.names, processors())
    with ThreadPoolExecutor(1, thread_name_prefix="shares") as beside:
        apart = beside.submit(fold_apart, [work(share) for share in others], lambda done, of: None)
        events = build_anew(reader, db, [Stored(view, BUILD) for view in first], head, progress)
        return max(events, apart.result())


def _dsn(pool: ConnectionPool) -> str:
    assert isinstance(pool.conninfo, str)
    return pool.conninfo


def _check(engine: Engine, view: View[Any], build: Table[Any], position: int) -> None:
    """Some rows, taken at random and folded again from the events of their customers alone, are the same."""
    if "customer_id" not in {column.name for column in build.columns}:
        return
    with engine.pool_of(view).connection() as db:
        sampled = db.execute(
            sql.SQL("select reltuples > %s from pg_class where oid = {}::regclass").format(
                sql.Literal(f"views.{build.name}")
            ),
            [SAMPLED_FROM],
        ).fetchone()
        query = sql.SQL("select {} from {} {} where customer_id is not null order by random() limit %s").format(
            build.selected, build.identifier, sql.SQL("tablesample system (1)" if sampled and sampled[0] else "")
        )
        rows = build.select(db, query, [CHECKED_KEYS])
    reader, names = engine.log.reader, engine.log.codec.names(view.events)
    as_of, disclose = AsOf(position=position), bool(view.personal)
    whose = list({row.customer_id for row in rows})
    happened = reader.customers(whose, types=names, as_of=as_of, disclose=disclose)
    if view.follows == "stream_id":  # what happened to it before it was known whose it is belongs to it, too
        happened = reader.of_streams({at.stream_id for _, at in happened}, types=names, as_of=as_of, disclose=disclose)
    fold = Fold(view)
    fold.apply(happened)
    for row in rows:
        if fold.rows.get(build.key_of(row)) != row:
            raise RebuildFailed(
                f"{view.name}: row {build.key_of(row)} is not what its events say. The old view goes on serving."
            )


def _switch(engine: Engine, build: Stored[Any], position: int) -> tuple[bool, int, int]:
    """Brings the build to where the serving view stands, with that one held still, and swaps the names."""
    view = build.view
    for _ in range(SWITCH_TRIES):
        position = _follow(engine, build, position)
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
                unchanged = same_shape and stored_of(view).digest(db) == (rows, digest)
                _swap(db, build)
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


def _follow(engine: Engine, build: Stored[Any], position: int) -> int:
    """Folds what came since the bulk pass into the build, page by page."""
    view = build.view
    names: Sequence[str] = engine.log.codec.names(view.events) if view.personal else ()
    while page := engine.log.reader.page(position, engine.batch, disclose=names):
        with engine.pool_of(view).connection() as db, db.transaction():
            for key, at, error in fold_page(engine.log, db, build, as_read(engine.log, page)):
                raise RebuildFailed(f"{view.name}: row {key} cannot be folded at event {at} ({error}).") from error
        position = page[-1].at.position
    return position


def _swap(db: Connection, build: Stored[Any]) -> None:
    Stored(build.view, RETIRED).drop(db)
    stored_of(build.view).rename(db, RETIRED)
    build.rename(db, "")
