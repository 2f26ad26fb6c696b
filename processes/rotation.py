"""Rotation: a new epoch of key-encryption keys each month, and the end of old ones, without being asked."""

from collections.abc import Callable
from threading import Event as Signal

from eventstore.custody.epochs import Epochs
from processes.clock import Now, wall_clock
from processes.worker import tried

LOOK_EVERY_S = 60.0


class Rotation:
    """Looks whether something is due. Any number of workers, in any number of processes, do it once."""

    def __init__(self, epochs: Epochs, *, now: Now = wall_clock) -> None:
        self._epochs = epochs
        self._now = now

    def step(self) -> bool:
        """Does what is due, and says whether something was. Raises `Unavailable` and `KeyFileError`."""
        return self._epochs.step(self._now())


def now_and_then(stop: Signal, *steps: Callable[[], bool]) -> None:
    """Does each until there is nothing left to do, at once and every LOOK_EVERY_S, until `stop`. A failure is told."""
    while True:
        for step in steps:
            while tried(step) and not stop.is_set():
                pass
        if stop.wait(LOOK_EVERY_S):
            return
