"""A worker: reacts, keeps promises and sends letters, for as long as it is asked to."""

import logging
from collections.abc import Callable, Sequence
from threading import Event as Signal
from threading import Lock
from typing import Any

from domain.values import EMPTY
from eventstore.database import Unavailable
from eventstore.follower import Bell
from eventstore.log import Log
from processes.clock import Clock, Now, wall_clock
from processes.delivery import Delivery
from processes.letters import Stationery
from processes.mailboxes import Away
from processes.policy import Policy
from processes.ports import Ports
from processes.runner import Runner
from processes.transports import Transport
from projections.engine import Engine

logger = logging.getLogger(__name__)


class Worker:
    """Everything that is done without being asked. Any number of workers, in any number of processes, do it once.

    The engine must have the view `due`. `now` is the time by which promises are kept.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        policies: Sequence[Policy[Any]],
        transport: Transport,
        stationery: Stationery,
        *,
        ports: Ports = EMPTY,
        now: Now = wall_clock,
    ) -> None:
        self.runner = Runner(log, engine, policies)
        self.delivery = Delivery(log, engine, policies, transport, stationery, ports)
        self._now = now
        self._busy = Lock()
        self._ready = False

    def step(self) -> bool:
        """Reacts, decides and delivers once. True: something happened, look again.

        Raises `Unavailable`, and what a policy raised, after everything else was done.
        """
        with self._busy:
            if not self._ready:
                self.runner.activate()
                self._ready = True
            went_on, failures = False, list[Exception]()
            for policy in self.runner.policies:
                try:
                    step = self.runner.react(policy)
                except Unavailable:
                    raise
                except (
                    Exception
                ) as failure:  # one policy that cannot go on holds up neither the others nor the promises
                    failures.append(failure)
                else:
                    went_on |= step.appended > 0 or not step.at_head
            went_on |= self.runner.fire(self._now()) > 0
            went_on |= self.delivery.deliver(self._now) > 0
            if failures:
                raise failures[0]
            return went_on

    def run(self) -> None:
        """Steps until there is nothing to do at this moment."""
        while self.step():
            pass

    def follow(self, dsn: str, stop: Signal) -> None:
        """Works until `stop`: each second, and at once when something is appended. Comes back after a failure."""
        with Clock(lambda: tried(self.step)):
            keep_on(self.step, dsn, stop)


def keep_on(step: Callable[[], bool], dsn: str, stop: Signal) -> None:
    """Does something until `stop`, again as long as it says so, and when something is appended or a second has passed."""
    bell = Bell(dsn)
    while not stop.is_set():
        if not tried(step):
            bell.wait()
    bell.close()


def tried(step: Callable[[], bool]) -> bool:
    """What came of it; a failure is told, and is no reason to stop."""
    try:
        return step()
    except (Unavailable, Away) as error:
        logger.warning("%s", error)
    except Exception:
        logger.exception("The worker cannot go on with this. Nothing is lost; it tries again.")
    return False
