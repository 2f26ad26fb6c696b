"""A worker: reacts, keeps promises and sends letters, for as long as it is asked to."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any, NamedTuple

from domain.values import EMPTY
from eventstore.database import Unavailable, reachable
from eventstore.follower import Bell
from eventstore.log import Log
from processes.alone import alone
from processes.calendar import Calendar
from processes.clock import Clock, Now, wall_clock
from processes.completeness import Completeness
from processes.delivery import Delivery
from processes.hands import SecondHand
from processes.letters import Stationery
from processes.lives import Lives
from processes.mailboxes import Away
from processes.policy import Policy
from processes.ports import Ports
from processes.runner import Runner, Step
from processes.transports import Transport
from projections.engine import Engine
from projections.touchpoints import due, follow_ups
from projections.view import View

CHECK_EVERY_S = 1.0
"""How often at least it is looked whether the ledger is complete; whenever there is nothing else to do as well."""
FIRE_EVERY_S = 0.5
"""How often at least it is looked what is due, however much there is to react to."""
SHEET_EVERY_S = 0.05
"""How often at most the sheet of what is due is brought up beside everything else."""
DECIDING = "deciding"
"""What only one worker of a database is at."""

logger = logging.getLogger(__name__)


def needed_views(policies: Sequence[Policy[Any]]) -> list[View[Any]]:
    """The views without which no worker can do: the sheet of what is due, and what the policies count from."""
    found = {view.name: view for policy in policies for view in policy.views}
    return [due.view, *(view for view in found.values() if view is not due.view)]


class Worker:
    """Everything that is done without being asked. Any number of workers, in any number of processes, do it once.

    One of them decides at a time, so that the ledger is that of one; all of them send. If it dies, the next one goes on.
    The engine must have the `needed_views`. `now` is the time by which promises are kept. Where much is due, a `second`
    hand decides as well.
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
        second: SecondHand | None = None,
    ) -> None:
        lives = Lives(log, policies)
        self.runner = Runner(log, engine, lives, second)
        self.delivery = Delivery(log, engine, lives, transport, stationery, ports)
        self.completeness = Completeness(log, engine, lives) if follow_ups.view in engine.views else None
        self._checked = self._fired = 0.0
        self._now = now
        self._busy = Lock()
        self._ready = False

    def step(self) -> bool:
        """Reacts, decides and delivers once. True: something happened, look again.

        Raises `Unavailable`, and what a policy raised, after everything else was done.
        """
        with self._busy:
            if not self._ready:
                self.runner.activate(self._now())
                Calendar().allowed(self._now())  # the holidays of a country take a while, the first time
                self._ready = True
            decided = self._decide()
            went_on, failures = decided.went_on, decided.failures
            if not decided.pressed:
                went_on |= self.delivery.deliver(self._now, caught_up=decided.fired) > 0
            if not went_on or time.monotonic() - self._checked > CHECK_EVERY_S:
                self._check()
            if failures:
                raise failures[0]
            return went_on

    def _decide(self) -> "Decided":
        """Reacts and keeps promises, unless another worker is at it: what depends on an order has that of one worker."""
        with reachable(), self.runner.log.pool.connection() as db, alone(db, DECIDING) as ours:
            if not ours:
                return Decided()
            steps, failures = self.runner.react_all()
            if self._is_pressed(steps):
                return Decided(failures, went_on=True, pressed=True)
            self.runner.flush()
            went_on = any(step.appended > 0 or not step.at_head for step in steps)
            # Who has reacted to all there is may decide about what is due.
            ready = {step.policy for step in steps if step.at_head and not step.taken}
            went_on |= self.runner.fire(self._now(), ready) > 0
            self._fired = time.monotonic()
            return Decided(failures, went_on, fired=True)

    def _is_pressed(self, steps: Sequence[Step]) -> bool:
        """Whether others have recorded more meanwhile, which is reacted to before it is looked what is due.

        Not if something was promised for now, nor if it was not looked for a while.
        """
        if time.monotonic() - self._fired > FIRE_EVERY_S:
            return False
        now = self._now()
        if any(step.soonest is not None and step.soonest <= now for step in steps):
            return False
        ours = max((step.position for step in steps), default=0) + sum(step.appended for step in steps)
        return self.runner.log.reader.head() > ours

    def _check(self) -> None:
        if self.completeness is not None:
            self.completeness.go_on()
            self._checked = time.monotonic()

    def run(self) -> None:
        """Steps until there is nothing to do at this moment."""
        while self.step():
            pass

    def follow(self, dsn: str, stop: Signal) -> None:
        """Works until `stop`: each second, and at once when something is appended. Comes back after a failure.

        The sheet of what is due is kept beside, so that a look at it takes no longer than a look.
        """
        sheet = Thread(target=keep_on, args=(partial(self._keep_sheet, stop), dsn, stop), name="sheet")
        sheet.start()
        with Clock(lambda: tried(self.step)):
            keep_on(self.step, dsn, stop)
        sheet.join()

    def _keep_sheet(self, stop: Signal) -> bool:
        stop.wait(SHEET_EVERY_S)
        self.runner.engine.catch_up([due.view])
        return False


class Decided(NamedTuple):
    """What came of deciding: what went wrong, whether something happened, and whether there was time to fire.

    `pressed`: there is so much to react to that it was not looked what is due.
    """

    failures: Sequence[Exception] = ()
    went_on: bool = False
    pressed: bool = False
    fired: bool = False


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
