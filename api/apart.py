"""Apart: what takes a processor of its own is done by a process of our own, begun again if it ends.

Python runs one thread at a time: what is much work keeps whoever answers or decides in the same process waiting.
"""

import logging
import subprocess
import sys
from select import POLLIN, poll
from threading import Event as Signal
from threading import Thread

from api.logs import tell_the_operator
from api.settings import Settings

CONNECTIONS = 4
LOOK_EVERY_S = 0.2
AGAIN_AFTER_S = 2.0
STOP_TIMEOUT_S = 10

logger = logging.getLogger(__name__)


class Apart:
    """A process that runs one of our modules on a house, and stops when its standard input ends.

    `what` says what it is there for. With `answers` it says so in a line when it is `ready` to be asked.
    """

    def __init__(self, module: str, what: str, settings: Settings, *, answers: bool = False) -> None:
        self._module = module
        self._what = what
        self._settings = settings
        self._answers = answers
        self.ready: subprocess.Popen[bytes] | None = None

    def keep(self, stop: Signal) -> None:
        """Lets it do its work until `stop`. If it ends before, another one begins where it was."""
        while not stop.is_set():
            try:
                ended = f"ended with {self._one(stop)}"
            except OSError as error:
                ended = f"could not be told what to do ({error})"
            if not stop.is_set():
                logger.warning("The process that %s %s. Nothing is lost; another one begins.", self._what, ended)
                stop.wait(AGAIN_AFTER_S)

    def _one(self, stop: Signal) -> int:
        """Begins one, and lets it go on until `stop`. Returns what it ended with. Raises `OSError`."""
        with subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if self._answers else None,
            bufsize=0,  # what it did not live to read is not kept for it
            start_new_session=True,  # Ctrl-C is for us
        ) as process:
            assert process.stdin is not None
            process.stdin.write(told(self._settings))
            while process.poll() is None and not stop.is_set():
                if self.ready is process or not self._is_ready(process):
                    stop.wait(LOOK_EVERY_S)
            self.ready = None
            process.stdin.close()  # which is what it stops at, and also what it sees should we be killed
            try:
                return process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()

    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        if process.stdout is None:
            return False
        says = poll()
        says.register(process.stdout, POLLIN)
        if not says.poll(0) or not process.stdout.readline():
            return False
        self.ready = process
        return True


def told(settings: Settings) -> bytes:
    """What it has to know of the settings: all but the secrets of webhooks, which it does not need."""
    its = settings.model_copy(update={"pool_size": CONNECTIONS})
    return its.model_dump_json(exclude={"webhooks", "webhook_senders"}).encode() + b"\n"


def hear() -> Settings:
    """What such a process is told, from within it; from then on its logs are for the operator."""
    tell_the_operator()
    return Settings.model_validate_json(sys.stdin.buffer.readline())


def until_the_end() -> Signal:
    """What is set when its standard input ends."""
    stop = Signal()

    def read() -> None:
        sys.stdin.buffer.read()
        stop.set()

    Thread(target=read, daemon=True).start()
    return stop
