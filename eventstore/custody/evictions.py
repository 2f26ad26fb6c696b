"""Evictions: a process hears at once when a key was blocked or destroyed, and drops it from its memory."""

import logging
import os
from contextlib import closing
from select import POLLIN, poll
from threading import Event as Signal
from threading import Thread

import psycopg
from psycopg import Connection

from eventstore.database import connect
from eventstore.personal import KeyRing

CHANNEL = "es_keys"
LOOK_EVERY_S = 5.0
"""How often keys that were held for long enough are looked for."""
RETRY_S = 2.0

logger = logging.getLogger(__name__)


class Evictions:
    """Listens in a thread of its own while it is entered. While the database cannot be heard, keys go by their age."""

    def __init__(self, dsn: str, ring: KeyRing) -> None:
        self._dsn = dsn
        self._ring = ring
        self._stop = Signal()
        self._woken, self._wake = os.pipe()
        self._thread = Thread(target=self._listen, name="evictions", daemon=True)

    def __enter__(self) -> "Evictions":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        os.close(self._wake)
        self._thread.join()
        os.close(self._woken)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(connect(self._dsn)) as db:
                    db.execute(f"listen {CHANNEL}")
                    self._ring.forget()  # what changed while nobody listened
                    self._hear(db)
            except psycopg.Error as error:
                logger.warning(
                    "The keys' database cannot be heard (%s). Unwrapped keys are dropped by their age.", error
                )
                self._ring.forget()
                self._stop.wait(RETRY_S)

    def _hear(self, db: Connection) -> None:
        waiting = poll()
        waiting.register(db.fileno(), POLLIN)
        waiting.register(self._woken, POLLIN)
        while not self._stop.is_set():
            if waiting.poll(LOOK_EVERY_S * 1000):
                for told in db.notifies(timeout=0):
                    self._ring.evict(int(told.payload))
            self._ring.expire()
