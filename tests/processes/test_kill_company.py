"""Workers of a whole company may be killed at any moment: with every policy at work, nothing is lost or done twice."""

import random
import signal
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import get_args

import pytest

from processes import POLICIES, points
from tests.conftest import House
from tests.processes.conftest import Found
from tests.processes.doomed import begin
from tests.processes.following import Company, must_be_the_same

POINTS = [point for point in get_args(points.Point) if not point.startswith(("outbox", "inbox", "erasing"))]
DONE_WITHIN_S = 60.0
MAX_ARRIVALS = 3
HALF_DAYS = 20
"""So long at least, until every policy has come to something."""


class Killer:
    """Ends workers before they have done what there is to do: at each point in turn, and at any moment."""

    def __init__(self, company: Company, seed: int, *, at_points: int = 0, at_random: int = 0) -> None:
        """So many each half day."""
        self.company, self.chance = company, random.Random(seed)  # no secret
        self.at_points, self.at_random = at_points, at_random
        self.left = list(POINTS)
        self.killed = 0
        self.at: set[str] = set()

    def __call__(self, now: datetime) -> None:
        for _ in range(self.at_points):
            self._at_a_point(now)
        for _ in range(self.at_random):
            self._at_random(now)

    def _at_a_point(self, now: datetime) -> None:
        """At the next point at which none has died in this round; if it does not come there, it has done all there was."""
        point = self.left.pop(0)
        arrivals = self.chance.randrange(1, MAX_ARRIVALS) if point in self.at else 1
        worker = self._begin(now, point, arrivals)
        worker.join(DONE_WITHIN_S)
        if worker.exitcode == -signal.SIGKILL:
            self.killed += 1
            self.at.add(point)
        else:
            assert worker.exitcode == 0
            self.left.append(point)
        if not self.left:
            self.left = list(POINTS)

    def _at_random(self, now: datetime) -> None:
        """One of two that are at it at once."""
        workers = [self._begin(now) for _ in range(2)]
        workers[0].join(self.chance.uniform(0.1, 0.6))
        for worker in workers:
            worker.kill()
            worker.join(DONE_WITHIN_S)
            self.killed += worker.exitcode == -signal.SIGKILL

    def _begin(self, now: datetime, point: str | None = None, arrivals: int = 1) -> BaseProcess:
        company = self.company
        return begin(company.dsn, company.folder, [now], dies_at=point, arrivals=arrivals, whole=True)


def policies_of(company: Company) -> set[str]:
    return {dict(row)["policy"] for row in company.ledger()}


@pytest.mark.parametrize(
    ("busy", "at_points", "at_random", "kills"),
    [(6, 2, 0, 20), pytest.param(20, 24, 3, 1_000, marks=pytest.mark.long)],
    ids=["each point", "a thousand"],
)
@pytest.mark.timeout(3600)
def test_however_many_workers_are_killed_the_ledger_is_that_of_one_that_is_not(
    house: House, tmp_path: Path, undisturbed: Found, busy: int, at_points: int, at_random: int, kills: int
) -> None:
    ours = Company(house, tmp_path / "ours", busy=busy)
    killer = Killer(ours, kills, at_points=at_points, at_random=at_random)
    ours.go_on(HALF_DAYS, killer)
    while killer.killed < kills:
        ours.go_on(1, killer)
    theirs = undisturbed(ours.half_days, busy=busy)
    must_be_the_same(ours, theirs)
    assert killer.at == set(POINTS)
    assert policies_of(theirs) == {policy.name for policy in POLICIES}


@pytest.mark.parametrize(
    ("mutant", "point", "found"),
    [
        ("forgetful", "reaction: committed, not flushed", "doubled"),
        ("hasty", "reaction: decided", "missing"),
        ("eager", "delivery: sent", "sent 2x, not 1x"),
    ],
)
def test_a_worker_of_a_company_that_is_broken_on_purpose_is_found_out(
    house: House, tmp_path: Path, undisturbed: Found, mutant: str, point: str, found: str
) -> None:
    ours = Company(house, tmp_path / "ours", blind=True)

    def broken(now: datetime) -> None:
        worker = begin(ours.dsn, ours.folder, [now], dies_at=point, blind=True, mutant=mutant, whole=True)
        worker.join(DONE_WITHIN_S)
        if mutant == "forgetful":
            ours.read_again()

    ours.go_on(8, broken)
    theirs = undisturbed(8, blind=True)
    with pytest.raises(AssertionError, match=found):
        must_be_the_same(ours, theirs)


def test_reactions_of_every_policy_that_are_repeated_change_nothing(house: House, tmp_path: Path) -> None:
    company = Company(house, tmp_path / "ours").go_on(24)
    head = house.log.reader.head()
    company.read_again()
    company.shop.hire().run()
    assert [(at.actor, event) for event, at in house.log.reader.page(head)] == []


@pytest.mark.parametrize("count", [2, 4])
def test_several_workers_at_once_come_to_the_same_as_one(
    house: House, tmp_path: Path, undisturbed: Found, count: int
) -> None:
    ours = Company(house, tmp_path / "ours", busy=30)

    def at_once(now: datetime) -> None:
        workers = [begin(ours.dsn, ours.folder, [now], whole=True) for _ in range(count)]
        for worker in workers:
            worker.join(DONE_WITHIN_S)
        assert [worker.exitcode for worker in workers] == [0] * count

    ours.go_on(4, at_once)
    must_be_the_same(ours, undisturbed(4, busy=30))
