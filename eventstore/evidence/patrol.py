"""The patrol: slice by slice the whole log is read again and held against its tree, round after round, without being asked.

The sealer looks at the last entries when it begins, and at the newest ever after. What is older is looked at here, slowly.
"""

import fcntl
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal

import msgspec
from psycopg import Connection
from psycopg_pool import ConnectionPool

from eventstore.database import Unavailable, reachable
from eventstore.evidence.proofs import proven
from eventstore.locks import take
from eventstore.sealing.agreement import CALL
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.heads import Head, newest
from eventstore.sealing.merkle import covering, root
from eventstore.sealing.sources import EVENTS
from eventstore.sealing.state import StateError
from eventstore.sealing.tiles import WIDTH, Stored

SLICE_EVENTS = 16 * WIDTH
"""So many events are read at once."""
SLICE_PAUSE_S = 3.0
"""How long it rests after each slice: a million events take a quarter of an hour, and two hundredths of one processor."""
ROUND_EVERY = timedelta(days=1)
"""From the beginning of a round to that of the next one, if it is not longer than that."""
ALARM_PAUSE_S = 300.0
"""When it is looked again at what was found wrong: somebody may have mended it."""
WAIT_S = 30.0
"""When it is looked again whether there is something to do."""

logger = logging.getLogger(__name__)


class Round(msgspec.Struct, frozen=True):
    """How far a round has come; `wrong` is what it stands still at. `ended_at` is when the last whole one was over."""

    origin: str
    position: int
    began_at: datetime
    looked_at: datetime
    ended_at: datetime | None = None
    wrong: str | None = None


class Patrol:
    """One round after the other. Of several processes of a machine one goes; the others wait.

    `file` is where it remembers how far it came: losing it costs a round. `checkpoints` is the file of what was signed.
    """

    def __init__(
        self, pool: ConnectionPool, file: Path, checkpoints: CheckpointFile, *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self.file = file
        self._pool = pool
        self._checkpoints = checkpoints
        self._now = now

    def follow(self, stop: Signal) -> None:
        """Goes on until `stop`."""
        while not stop.is_set():
            try:
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                alone = take(self.file.with_name(f"{self.file.name}.lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # another process goes, or the folder cannot be used, of which the sealer tells
                stop.wait(WAIT_S)
                continue
            try:
                while not stop.is_set():
                    stop.wait(self._tried())
            finally:
                os.close(alone)

    def _tried(self) -> float:
        try:
            return self.step()
        except (Unavailable, StateError) as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("The log cannot be read again just now. It is tried again.")
        return WAIT_S

    def step(self) -> float:
        """Looks at the next slice; says for how many seconds to rest then. Raises `Unavailable` and `StateError`."""
        now = self._now()
        with reachable(), self._pool.connection() as db, db.transaction():
            db.execute("set transaction isolation level repeatable read, read only")
            head = newest(db, EVENTS)
            if head is None or head.size == 0:
                return WAIT_S
            known = self.known()
            if known is None or known.origin != head.origin:
                known = Round(head.origin, 0, now, now)
            if known.position >= head.size:
                if now < known.began_at + ROUND_EVERY:
                    return WAIT_S
                known = msgspec.structs.replace(known, position=0, began_at=now)
            last = min(known.position + SLICE_EVENTS, head.size)
            wrong = self._other_tree(db, head) or _wrong(db, head, known.position + 1, last)
        if wrong is not None:
            if wrong != known.wrong:
                logger.error("%s", wrong)
            self._keep(msgspec.structs.replace(known, looked_at=now, wrong=wrong))
            return ALARM_PAUSE_S
        ended_at = now if last == head.size else known.ended_at
        self._keep(msgspec.structs.replace(known, position=last, looked_at=now, wrong=None, ended_at=ended_at))
        return SLICE_PAUSE_S

    def known(self) -> Round | None:
        """How far it has come; None if it never began, or if nobody knows."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self.file.read_bytes(), type=Round)
        return None

    def _keep(self, known: Round) -> None:
        draft = self.file.with_suffix(".new")
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(known))
            draft.rename(self.file)
        except OSError as error:
            raise StateError(f"{self.file} cannot be written: {error.strerror}.") from error

    def _other_tree(self, db: Connection, head: Head) -> str | None:
        """What is wrong with the whole tree: it does not begin with that of the last checkpoint in the file."""
        told = self._checkpoints.last(head.origin)
        if (
            told is None or told.size > head.size
        ):  # the file is written after the head: it may be ahead of this snapshot
            return None
        try:
            hashes = Stored(db, head.tree).lookup(covering(0, told.size))
        except ValueError as error:
            return f"Hashes were removed from the tree of the log. {error} {CALL}"
        if root(told.size, hashes) == told.root:
            return None
        return f"The tree of the first {told.size:,} events is not the one whose checkpoint is in the file. {CALL}"


def _wrong(db: Connection, head: Head, first: int, last: int) -> str | None:
    report = proven(db, head, range(first, last + 1))
    if not report.findings:
        return None
    found = report.findings[0]
    return f"What is at position {found.place} of the log is not what was sealed there: {found.what}. {CALL}"
