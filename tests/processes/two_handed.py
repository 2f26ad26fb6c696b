"""`python -m tests.processes.two_handed first|second DSN FOLDER`: a worker and its second hand, which can be killed.

Each order of a customer is numbered by how many were before it, so that it shows if one is missed, doubled, or out of turn.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from domain import DECIDERS
from domain.follow_up import FollowUpCompleted
from domain.kernel import Command
from domain.order import OrderPlaced
from eventstore.database import open_pool
from eventstore.envelope import Recorded
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import hands
from processes.firing import Firing
from processes.hands import READY, SecondHand, lend
from processes.policy import Policy, done
from projections.engine import Engine
from projections.touchpoints import due
from projections.touchpoints.due import Due
from tests.conftest import KEK
from tests.processes.shop import Shop
from tests.processes.test_read_once import ACT, Counts

PER_BATCH = 3


def numbering() -> Policy[Counts]:
    """For each order a number, when it is due: how many of the customer's had one before."""
    policy = Policy("numbering", version=1, memory=Counts)

    @policy.remember(FollowUpCompleted)
    def kept(known: Counts, event: FollowUpCompleted, at: Recorded) -> None:
        known.kept += 1

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Counts) -> Iterator[Command]:
        yield policy.promise(at, "number", ACT, at.occurred_at)

    @policy.due
    def keep(due: Due, now: datetime, known: Counts) -> Iterator[Command]:
        yield done(due, f"NUMBER_{known.kept}")

    return policy


@contextmanager
def begun(hand: str, dsn: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """One of the two, which says so when it is `ready`. In the end it is killed."""
    command = [sys.executable, "-m", __spec__.name, hand, dsn, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: "subprocess.Popen[bytes]") -> bool:
    """Waits until it is."""
    assert process.stdout is not None
    return process.stdout.readline() == READY


def main(hand: str, dsn: str, folder: str) -> None:
    """Either of the two."""
    hands.FOLLOW_UPS_PER_BATCH = PER_BATCH
    pool = open_pool(dsn)
    log = Log(pool, DECIDERS, KeyRing(pool, KEK))
    if hand == "second":
        firing = Firing(log, Engine(log, pool, [due.view]), [numbering()])
        with open(1, "wb", buffering=0, closefd=False) as answers:
            lend(firing.fire_share, sys.stdin.buffer, answers)
        return
    with begun("second", dsn, Path(folder)) as second:
        assert ready(second)
        print(READY.decode(), end="", flush=True)
        shop = Shop(log, Path(folder) / "mail", policies=[numbering()], second=SecondHand(lambda: second))
        while True:  # and also when another one has been at it, and is killed
            shop.worker.run()
            time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
