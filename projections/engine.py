"""The engine: keeps every view up to date with the log, in batches, data and checkpoint in one transaction."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Signal
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from eventstore.arrays import names_array
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Happened
from eventstore.follower import Bell
from eventstore.log import Log
from eventstore.reader import PAGE_EVENTS
from projections.fold import Fold
from projections.pages import Page, as_read, fold_page, key_text
from projections.stored import stored_of
from projections.view import Key, View

MAX_ERROR_TEXT = 2_000
ELSEWHERE_S = 0.002

BEGIN = (
    "begin; set local synchronous_commit = off; "  # what is committed comes later in the write-ahead log than its events
    "set local plan_cache_mode = force_generic_plan; "  # all is asked by keys: nothing is to be planned a second time
    "set local enable_hashjoin = off; set local enable_mergejoin = off; set local enable_seqscan = off"  # nor a table read
)
"""The beginning of a batch, in one exchange with the server."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a view stands: how far it is, how far the log is, and which keys wait for an operator."""

    view: str
    version: int
    position: int
    lag_events: int
    changed_at: datetime
    parked: int

    def sentence(self) -> str:
        """What happened, what it means, what to do."""
        if self.parked:
            return (
                f"{self.view}: {self.parked} rows are parked because an event could not be folded into them. "
                f"The others are right. When the cause is mended: bitacora rebuild {self.view}."
            )
        if self.lag_events:
            return (
                f"{self.view} is {self.lag_events:,} events behind. It catches up by itself; nothing is lost. "
                f"To build it anew: bitacora rebuild {self.view}."
            )
        return f"{self.view} is up to date."


class Engine:
    """Follows the log for a set of views. Any number of engines may run: each batch is arbitrated by its checkpoint's row."""

    def __init__(self, log: Log, pool: ConnectionPool, views: Sequence[View[Any]], *, batch: int = PAGE_EVENTS) -> None:
        self.log = log
        self.pool = pool
        self.views = tuple(views)
        self.batch = batch

    def pool_of(self, view: View[Any]) -> ConnectionPool:
        """Where a view's table is: beside the log, or in the views' own database."""
        return self.log.pool if view.beside_log else self.pool

    def prepare(self) -> list[View[Any]]:
        """Makes the tables that are not there yet; returns the views whose stored version is another one."""
        outdated = []
        for view in self.views:
            with self.pool_of(view).connection() as db, db.transaction():
                db.execute("select pg_advisory_xact_lock(hashtext('views.' || %s))", [view.name])
                row = db.execute("select version from views.checkpoint where name = %s", [view.name]).fetchone()
                if row is None:
                    stored = stored_of(view)
                    stored.create(db)
                    stored.index(db)
                    db.execute(
                        "insert into views.checkpoint (name, version, position) values (%s, %s, 0)",
                        [view.name, view.version],
                    )
                elif row[0] != view.version:
                    outdated.append(view)
        return outdated

    def advance(self, only: Sequence[View[Any]] | None = None) -> int:
        """Folds the next batch into the views that are furthest behind.

        Returns how many events it was: 0 at the head, or where another engine is at them.
        """
        events, _ = self._step(self.views if only is None else only)
        return events

    def catch_up(self, only: Sequence[View[Any]] | None = None, *, moved: Callable[[], None] = lambda: None) -> None:
        """Advances until there is nothing more, whether it is this engine or another that does it."""
        more = True
        while more:
            events, more = self._step(self.views if only is None else only)
            if events:
                moved()
            elif more:
                time.sleep(ELSEWHERE_S)

    def _step(self, views: Sequence[View[Any]]) -> tuple[int, bool]:
        """One batch, and whether there may be more: with nothing folded, another engine is at it."""
        with reachable():
            positions = self._positions(views)
            if not positions:
                return 0, False
            start = min(positions.values())
            behind = [view for view in views if positions.get(view.name) == start]
            personal = self.log.codec.names([event for view in behind if view.personal for event in view.events])
            page = self.log.reader.page(start, self.batch, disclose=personal)
            if not page:
                return 0, False
            taken = [
                self._take(pool, [view for view in behind if self.pool_of(view) is pool], start, page)
                for pool in {id(self.pool_of(view)): self.pool_of(view) for view in behind}.values()
            ]
            whole = all(taken) and len(page) < self.batch and len(behind) == len(positions)
            return len(page) if any(taken) else 0, not whole

    def follow(self, dsn: str, stop: Signal) -> None:
        """Keeps the views up to date until `stop`; comes back by itself when the database was away."""
        bell = Bell(dsn)
        while not stop.is_set():
            try:
                advanced = self.advance()
            except Unavailable:
                advanced = 0
            except Exception:
                logger.exception("The views cannot go on. They stay as they are, nothing is lost; trying again.")
                advanced = 0
            if not advanced:
                bell.wait()
        bell.close()

    def standings(self) -> list[Standing]:
        """How each view stands."""
        head = self.log.reader.head()
        found = []
        for pool in {id(self.pool_of(view)): self.pool_of(view) for view in self.views}.values():
            names = [view.name for view in self.views if self.pool_of(view) is pool]
            with pool.connection() as db:
                rows = db.execute(
                    "select c.name, c.version, c.position, c.changed_at, count(p.key) "
                    "  from views.checkpoint c left join views.parked p on p.view = c.name "
                    " where c.name = any(%s) group by c.name order by c.name",
                    [names],
                ).fetchall()
            found += [
                Standing(name, version, at, max(0, head - at), changed, parked)
                for name, version, at, changed, parked in rows
            ]
        return found

    def _positions(self, views: Sequence[View[Any]]) -> dict[str, int]:
        """The checkpoints of the views whose stored version is ours; the others wait for their rebuild."""
        found: dict[str, int] = {}
        for pool in {id(self.pool_of(view)): self.pool_of(view) for view in views}.values():
            with pool.connection() as db:
                rows = db.execute("select name, version, position from views.checkpoint").fetchall()
            stored = {name: (version, position) for name, version, position in rows}
            for view in views:
                version, position = stored.get(view.name, (None, 0))
                if self.pool_of(view) is pool and version == view.version:
                    found[view.name] = position
        return found

    def _take(self, pool: ConnectionPool, views: Sequence[View[Any]], start: int, page: list[Happened]) -> bool:
        """One batch into several views. If the database refuses it, ever smaller parts, until the one event is found."""
        try:
            return self._fold_in(pool, views, start, page)
        except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as error:
            if len(views) > 1:
                for view in views:
                    self._take(pool, [view], start, page)
            elif len(page) > 1:
                middle = len(page) // 2
                self._take(pool, views, start, page[:middle])
                self._take(pool, views, page[middle - 1].at.position, page[middle:])
            else:
                self._park_event(pool, views[0], start, page[0], error)
            return True

    def _fold_in(self, pool: ConnectionPool, views: Sequence[View[Any]], start: int, page: list[Happened]) -> bool:
        read = as_read(self.log, page)
        with pool.connection() as db:  # which commits in the end, or rolls back
            db.execute(BEGIN)
            names = names_array(view.name for view in views)
            rows = db.execute(
                "with ours as (select name from views.checkpoint where name = any(%s::text[]) and position = %s "
                "               order by name for update skip locked) "
                "update views.checkpoint c set position = %s, changed_at = now() from ours where c.name = ours.name "
                "returning c.name, (select array_agg(p.key) from views.parked p where p.view = c.name)",
                [names, start, page[-1].at.position],
            ).fetchall()
            ours = {name: set(parked or ()) for name, parked in rows}
            with db.pipeline():  # what is written is waited for in the end
                for view in views:
                    if view.name in ours:
                        self._fold_view(db, view, read, ours[view.name])
            return bool(ours)

    def _fold_view(self, db: Connection, view: View[Any], page: Page, parked: set[str]) -> None:
        for key, position, error in fold_page(self.log, db, stored_of(view), page, parked):
            self._park(db, view, key, position, error)

    def _park_event(
        self, pool: ConnectionPool, view: View[Any], start: int, happened: Happened, error: Exception
    ) -> None:
        with pool.connection() as db, db.transaction():
            row = db.execute(
                "select 1 from views.checkpoint where name = %s and position = %s for update skip locked",
                [view.name, start],
            ).fetchone()
            if row is None:
                return
            for key in Fold(view).keys([happened]):
                self._park(db, view, key, happened.at.position, error)
            db.execute(
                "update views.checkpoint set position = %s, changed_at = now() where name = %s",
                [happened.at.position, view.name],
            )

    def _park(self, db: Connection, view: View[Any], key: Key, position: int, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"[:MAX_ERROR_TEXT].replace("\0", "\\0")
        logger.error("%s: row %s is parked at event %d: %s. The others go on.", view.name, key, position, text)
        db.execute(
            "insert into views.parked (view, key, position, error) values (%s, %s, %s, %s) on conflict do nothing",
            [view.name, key_text(key), position, text],
        )
