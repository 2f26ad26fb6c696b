"""Rotation: a new epoch of key-encryption keys each month, and the end of old ones, without being asked."""

from threading import Event as Signal

from eventstore.custody.epochs import Epochs
from processes.clock import Now, wall_clock
from processes.worker import tried

LOOK_EVERY_S = 60.0


class Rotation:
    """Looks now and then whether something is due. Any number of workers, in any number of processes, do it once."""

    def __init__(self, epochs: Epochs, *, now: Now = wall_clock) -> None:
        self._epochs = epochs
        self._now = now

    def step(self) -> bool:
        """Does what is due, and says whether something was. Raises `Unavailable` and `KeyFileError`."""
        return self._epochs.step(self._now())

    def follow(self, stop: Signal) -> None:
        """Looks until `stop`: at once, and every LOOK_EVERY_S. A failure is told, and tried again."""
        tried(self.step)
        while not stop.wait(LOOK_EVERY_S):
            tried(self.step)
