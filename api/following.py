"""Following: the views are kept up to date by a process of their own, so that nobody who answers or decides waits for it.

Python runs one thread at a time. Sixty-five views that follow the log beside a worker and a server keep both waiting.
"""

import logging
import os
import subprocess
import sys
from threading import Event as Signal
from threading import Thread

from api.house import open_house
from api.logs import tell_the_operator
from api.settings import Settings
from eventstore.garbage import collect_seldom
from projections import VIEWS
from projections.engine import Engine
from projections.touchpoints import due

FOLLOWED = tuple(view for view in VIEWS if view is not due.view)
"""All but the sheet of what is due, which is kept by whoever works from it."""
CONNECTIONS = 4
PRIORITY = 10
"""How much less urgent it is than to answer and to decide, as `nice` counts."""
LOOK_EVERY_S = 0.2
AGAIN_AFTER_S = 2.0
STOP_TIMEOUT_S = 10

logger = logging.getLogger(__name__)


def follow_apart(settings: Settings, stop: Signal) -> None:
    """Lets a process keep the views up to date until `stop`. If it ends before, another one begins where it was."""
    while not stop.is_set():
        try:
            ended = f"ended with {_one(settings, stop)}"
        except OSError as error:
            ended = f"could not be told what to do ({error})"
        if not stop.is_set():
            logger.warning(
                "The process that keeps the views up to date %s. Nothing is lost; another one begins.", ended
            )
            stop.wait(AGAIN_AFTER_S)


def _one(settings: Settings, stop: Signal) -> int:
    """Begins one, and lets it go on until `stop`. Returns what it ended with. Raises `OSError`."""
    command = [sys.executable, "-m", "api.following"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:  # Ctrl-C is for us
        assert process.stdin is not None
        process.stdin.write(told(settings))
        process.stdin.flush()
        while process.poll() is None and not stop.wait(LOOK_EVERY_S):
            pass
        process.stdin.close()  # which is what it stops at, and also what it sees should we be killed
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def told(settings: Settings) -> bytes:
    """What it has to know of the settings: all but the secrets of webhooks, which it does not need."""
    its = settings.model_copy(update={"pool_size": CONNECTIONS})
    return its.model_dump_json(exclude={"webhooks", "webhook_senders"}).encode() + b"\n"


def main() -> None:
    """The process: reads its settings from the standard input, and stops when that ends."""
    tell_the_operator()
    os.nice(PRIORITY)
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    stop = Signal()
    with open_house(settings) as house:
        Thread(target=_stop_at_the_end, args=(stop,), daemon=True).start()
        collect_seldom()
        Engine(house.log, house.engine.pool, FOLLOWED).follow(house.dsn, stop)


def _stop_at_the_end(stop: Signal) -> None:
    sys.stdin.buffer.read()
    stop.set()


if __name__ == "__main__":
    main()
