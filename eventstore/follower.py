"""A follower: hears of new events at once, sees every one of them, and comes back by itself after a failure."""

import logging
import time
from collections.abc import Iterator
from threading import Event as Signal

import psycopg
from psycopg import Connection

from eventstore.database import Unavailable, connect, reachable
from eventstore.envelope import Happened
from eventstore.reader import Reader

POLL_S = 1.0
MAX_BACKOFF_S = 5.0

logger = logging.getLogger(__name__)


class Bell:
    """Rings when something was appended. It listens first and then lets its owner look, so nothing falls in between."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._db: Connection | None = None
        self._failures = 0

    def wait(self, timeout_s: float = POLL_S) -> bool:
        """Returns True when something was appended, or at once after (re)connecting; False otherwise. Never raises."""
        try:
            if self._db is None:
                self._db = connect(self._dsn)
                self._db.execute("listen es_event")
                self._failures = 0
                return True
            return any(True for _ in self._db.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.Error as error:
            self.close()
            self._failures += 1
            pause = min(MAX_BACKOFF_S, 0.1 * 2**self._failures)
            logger.warning("The database is away (%s). Looking again in %.1f s; nothing is lost.", error, pause)
            time.sleep(pause)
            return False

    def close(self) -> None:
        """Hangs up."""
        if self._db is not None:
            self._db.close()
            self._db = None


class Follower:
    """Every event after a position, in order, page by page, for as long as it is asked."""

    def __init__(self, reader: Reader, dsn: str, after: int = 0) -> None:
        self.position = after
        self._reader = reader
        self._bell = Bell(dsn)

    def pages(self, stop: Signal, *, poll_s: float = POLL_S) -> Iterator[list[Happened]]:
        """Pages of events until `stop` is set. A page counts as seen when the next one is asked for."""
        try:
            while not stop.is_set():
                try:
                    with reachable():
                        page = self._reader.page(self.position)
                except Unavailable:
                    page = []
                if page:
                    yield page
                    self.position = page[-1].at.position
                else:
                    self._bell.wait(poll_s)
        finally:
            self._bell.close()
