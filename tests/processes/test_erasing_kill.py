"""An eraser may be killed at any moment: what it began is gone on with, and done once."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from datetime import datetime
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from domain import DECIDERS
from domain.erasure_events import ErasureStatus
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import points
from tests.conftest import KEK, House
from tests.processes.privacy import Office
from tests.processes.shop import Shop

POINTS = [point for point in get_args(points.Point) if point.startswith("erasing")]
SETTLED_WITHIN_S = 60.0

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__])


def begin(dsn: str, home: Path, now: datetime, dies_at: str | None = None, arrivals: int = 1) -> BaseProcess:
    """Starts an eraser that does all there is to do, and dies when it has come to a point so many times."""
    process = context.Process(target=work, args=(dsn, home, now, dies_at, arrivals), daemon=True)
    process.start()
    return process


def work(dsn: str, home: Path, now: datetime, dies_at: str | None, arrivals: int) -> None:
    left = count(arrivals, -1)

    def reached(point: str) -> None:
        if point == dies_at and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    points.reached = reached  # type: ignore[assignment]
    with open_pool(dsn) as pool:
        Office(Log(pool, DECIDERS, KeyRing(pool, KEK)), dsn, home, now=now).run()


def settle(office: Office) -> None:
    """An unhurt eraser does what is left, once the database has noticed that the others are dead."""
    until = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < until and office.query(
        "select 1 from views.erasures where status not in ('COMPLETED', 'PURGED')"
    ):
        office.run(office.hire())
        time.sleep(0.05)


def check(office: Office, ids: list[UUID]) -> None:
    """Each request came to its end, each step of it happened once, and nothing is left."""
    for id in ids:
        assert office.state(id).status is ErasureStatus.COMPLETED
        types = Counter(at.type for _, at in office.log.reader.stream(id))
        twice = types.pop("erasure.blocked.v1")  # by the term, and by the officer
        assert twice == 2
        assert set(types.values()) == {1}
        for subject in office.state(id).subjects:
            assert office.query("select count(*) from es.personal where subject_id = %s", subject) == [(0,)]
    assert office.rebuilt_is_live()


def test_an_eraser_that_is_killed_at_every_step_comes_to_its_end(house: House, tmp_path: Path) -> None:
    office, shop = Office(house.log, house.dsn, tmp_path), Shop(house.log, tmp_path / "mail")
    ana, bea = shop.customer(), shop.customer(email="bea@shop.test")
    for each in (ana, bea):
        shop.order(each, "2026-05-20 10:00")
    shop.worker.run()
    id = office.verified(ana)
    for point in POINTS:
        if point == "erasing: destruction recorded":
            office.at_once(id)
        process = begin(office.dsn, tmp_path, office.now, point)
        process.join(SETTLED_WITHIN_S)
        assert process.exitcode == -signal.SIGKILL, point
    settle(office)
    check(office, [id])
    assert office.query("select name from views.customers where customer_id = %s", bea) == [("Ana",)]
    assert len(shop.ledger("survey")) == 2


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
def test_erasers_that_are_killed_at_any_moment_come_to_their_end(house: House, tmp_path: Path, kills: int) -> None:
    office, shop = Office(house.log, house.dsn, tmp_path), Shop(house.log, tmp_path / "mail")
    people = [shop.customer(email=f"somebody{n}@shop.test") for n in range(max(4, kills))]
    ids = [office.verified(each) for each in people]
    chance = random.Random(kills)
    for number in range(kills):
        if number == kills // 2:
            settle(office)
            for id in ids:
                office.at_once(id)
        processes = [begin(office.dsn, tmp_path, office.now) for _ in range(2)]
        time.sleep(chance.uniform(0.5, 2.5))
        for process in processes:
            process.kill()
            process.join()
    settle(office)
    office.run(office.hire())
    settle(office)
    check(office, ids)
