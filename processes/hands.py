"""Hands: who decides about what is due, and the second one, another process, where there is much of it.

Python runs one thread at a time, and deciding is mostly Python (decision 025).
"""

import logging
import os
import subprocess
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, LiteralString
from uuid import UUID

import orjson

from eventstore.database import Unavailable

FOLLOW_UPS_PER_BATCH = 1_000
FEWEST_PER_BATCH = 10
"""So many are tried together while others keep recording things of the same customers."""
SHARES: tuple[LiteralString, ...] = (
    "and coalesce(uuid_hash(customer_id), 0) & 1 = 0",
    "and coalesce(uuid_hash(customer_id), 0) & 1 = 1",
)
"""Whose follow-ups each of two hands sees to."""
FIRST, SECOND = range(len(SHARES))
Decide = Callable[[datetime, Collection[str] | None, Callable[[], bool]], int]
"""By a moment, for these policies or for all, unless it is over: how many events that came to."""
READY = b"ready\n"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Batch:
    """What became of some follow-ups that are due: those that wait for another one, and those that cannot be decided."""

    claimed: int = 0
    appended: int = 0
    waiting: set[UUID] = field(default_factory=set)
    passed: set[UUID] = field(default_factory=set)


@dataclass(slots=True)
class Hand:
    """Who decides, and what they have come across: alone, or about the customers of their `share` while another one does.

    `careful`: the sheet is not trusted, the log is asked. `is_busy`: there was so much that there will be more.
    """

    share: int | None = None
    is_over: Callable[[], bool] = lambda: False
    most: int = field(default_factory=lambda: FOLLOW_UPS_PER_BATCH)
    careful: bool = False
    is_busy: bool = False
    waiting: set[UUID] = field(default_factory=set)
    """For another one to be decided."""
    passed: set[UUID] = field(default_factory=set)
    """What cannot be decided, or is another worker's, holds up nobody else."""

    def failed(self, *, careful: bool) -> None:
        """The next batch is smaller."""
        self.careful = careful
        self.most = max(FEWEST_PER_BATCH, self.most // 4)

    def went_on(self, batch: Batch) -> Batch:
        """The next batch is larger, and what waited may have been waited for long enough."""
        self.is_busy = batch.claimed == self.most
        self.careful, self.most = False, min(FOLLOW_UPS_PER_BATCH, 2 * self.most)
        self.passed |= batch.passed
        self.waiting = set() if batch.appended else self.waiting | batch.waiting
        return batch


class SecondHand:
    """Whoever begins a second hand, and asks it to decide: one line to it, one back.

    `process` gives the one that is there by now, if any; its pipes are not buffered. Whatever becomes of it, what it did
    not see to is still due.
    """

    def __init__(self, process: Callable[[], "subprocess.Popen[bytes] | None"]) -> None:
        self._process = process
        self._asked: subprocess.Popen[bytes] | None = None

    def begin(self, now: datetime, only: Collection[str] | None) -> bool:
        """Has it decide about its share; `end` is when it has. False: there is nobody to ask."""
        if (process := self._process()) is None or process.stdin is None:
            return False
        try:
            process.stdin.write(orjson.dumps({"now": now, "only": None if only is None else sorted(only)}) + b"\n")
        except (OSError, ValueError):  # it died, or was told to go
            return False
        self._asked = process
        return True

    def end(self) -> int:
        """Waits until it has decided; how many events that came to, as far as it lived to tell."""
        assert self._asked is not None
        assert self._asked.stdout is not None
        try:
            answer = self._asked.stdout.readline()
        except (OSError, ValueError):  # it ended, and was cleared away
            return 0
        return int(answer) if answer.endswith(b"\n") else 0


def lend(decide: Decide, asked: BinaryIO, answers: BinaryIO) -> None:
    """Is the second hand, until nobody asks any more. If whoever began it dies, it lets go of what it is at."""
    parent = os.getppid()
    _tell(answers, READY)
    for line in asked:
        words, appended = orjson.loads(line), 0
        try:
            appended = decide(datetime.fromisoformat(words["now"]), words["only"], lambda: os.getppid() != parent)
        except Unavailable as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("The second hand cannot go on with this. Nothing is lost: the first one sees to it.")
        _tell(answers, b"%d\n" % appended)


def _tell(answers: BinaryIO, line: bytes) -> None:
    with suppress(BrokenPipeError):  # nobody hears it any more
        answers.write(line)
        answers.flush()
