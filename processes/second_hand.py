"""A second hand: another process of the same worker, which decides about half of what is due where there is much of it.

Python runs one thread at a time, and deciding is mostly Python (decision 025).
"""

import logging
import os
import subprocess
from collections.abc import Callable, Collection
from datetime import datetime
from typing import BinaryIO

import orjson

from eventstore.database import Unavailable

Decide = Callable[[datetime, Collection[str] | None, Callable[[], bool]], int]
"""By a moment, for these policies or for all, unless it is over: how many events that came to."""
READY = b"ready\n"

logger = logging.getLogger(__name__)


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
        answer = self._asked.stdout.readline()
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
    answers.write(line)
    answers.flush()
