"""The clock: calls a function every second, for as long as it is started."""

from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

TICK_S = 1

Now = Callable[[], datetime]
"""The time as a port: aware, in UTC. A virtual clock lets a year pass in seconds."""


def wall_clock() -> datetime:
    """The time on the wall, in UTC."""
    return datetime.now(UTC)


class Clock:
    """Ticks until it is stopped. A tick that comes late is not lost, several late ones are one, and none overlap."""

    def __init__(self, tick: Callable[[], object], *, every_s: float = TICK_S) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC, jobstores={"default": MemoryJobStore()}, executors={"default": ThreadPoolExecutor(1)}
        )
        self._scheduler.add_job(
            tick, "interval", seconds=every_s, coalesce=True, max_instances=1, misfire_grace_time=None, id="tick"
        )

    def __enter__(self) -> "Clock":
        self._scheduler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._scheduler.shutdown(wait=True)
