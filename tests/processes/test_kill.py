"""A worker may be killed at any moment: no follow-up is lost, none is doubled, and no letter goes out twice."""

import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from domain.follow_up import FollowUpStatus
from processes import points
from tests.conftest import House
from tests.processes.doomed import Postbox, begin, transport_in
from tests.processes.shop import Shop, moment

DAYS = [moment("2026-01-20 12:00"), moment("2026-02-10 10:00"), moment("2026-02-17 10:00")]
POINTS = [point for point in get_args(points.Point) if not point.startswith(("outbox", "inbox", "erasing"))]
SETTLED_WITHIN_S = 20.0
OPEN = {FollowUpStatus.SCHEDULED, FollowUpStatus.DISPATCHED, FollowUpStatus.SENDING}

Promises = list[tuple[UUID, str, str, str | None]]


class Scene:
    """Orders of one day in January, seen by nobody yet, and what is to become of them by the end of February."""

    def __init__(self, house: House, folder: Path, *, blind: bool = False, copies: int = 1) -> None:
        self.dsn, self.folder, self.blind = house.dsn, folder, blind
        self.shop = Shop(house.log, folder, transport_in(folder, blind))
        self.expected: Promises = []
        for _ in range(copies):
            self._add()

    def _add(self) -> None:
        shop = self.shop
        ana, bea, carlos, david = (shop.customer(), shop.customer(), shop.customer(), shop.customer(email=None))
        asked = shop.order(ana, "2026-01-10 10:00")
        first, second = shop.order(bea, "2026-01-10 10:00"), shop.order(bea, "2026-01-10 11:00")
        cancelled, unreachable = shop.order(carlos, "2026-01-10 10:00"), shop.order(david, "2026-01-10 10:00")
        shop.cancel(cancelled)
        self.expected += [
            (asked, "survey", "DELIVERED", None),
            (first, "survey", "DELIVERED", None),
            (second, "survey", "SUPPRESSED", "COALESCED"),
            (cancelled, "survey", "CANCELLED", "ORDER_CANCELLED"),
            (unreachable, "survey", "SUPPRESSED", "NO_ADDRESS"),
        ]

    def live_through(self, dies_at: str | None, arrivals: int = 1, mutant: str | None = None) -> int | None:
        """A worker lives through the days, or dies on the way; answers with how it ended."""
        worker = begin(self.dsn, self.folder, DAYS, dies_at=dies_at, arrivals=arrivals, blind=self.blind, mutant=mutant)
        worker.join(SETTLED_WITHIN_S)
        return worker.exitcode

    def read_again(self) -> None:
        """The checkpoint goes back to the beginning, as after a restore of an older copy of it."""
        with self.shop.log.pool.connection() as db:
            db.execute("update es.checkpoint set position = 0")

    def settle(self, within_s: float = SETTLED_WITHIN_S) -> None:
        """An unhurt worker does what is left, once the database has noticed that the others are dead."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for day in DAYS:
                self.shop.worker = self.shop.hire()
                self.shop.until(day)
            waiting = [each for each in self.shop.ledger() if each.step != "expiry" and each.status in OPEN]
            if self.shop.ledger("reminder") and not waiting:
                return

    def check(self) -> None:
        """Every trigger has its one follow-up, which stands as it must, and nothing was sent twice."""
        ledger = self.shop.ledger()
        surveys = [
            (each.trigger, each.step, each.status.value, each.reason) for each in ledger if each.step == "survey"
        ]
        uncertain = {each.trigger for each in ledger if each.status == "UNCERTAIN"} if self.blind else set()
        assert [each for each in sorted(surveys, key=str) if each[0] not in uncertain] == [
            each for each in sorted(self.expected, key=str) if each[0] not in uncertain
        ]
        assert len({each[0] for each in surveys}) == len(surveys)
        steps = Counter(each.step for each in ledger)
        delivered = [each for each in ledger if each.status == "DELIVERED"]
        asked = [each for each in delivered if each.step == "survey"]
        doubtful = [each for each in ledger if each.status == "UNCERTAIN" and each.step == "survey"]
        assert (steps["reminder"], steps["expiry"]) == (len(asked), len(asked) + len(doubtful))
        sent = self.sent()
        assert max(Counter(sent).values()) == 1
        assert {str(each.follow_up_id) for each in delivered} <= set(sent)
        certain = {str(each.follow_up_id) for each in ledger if each.status != "UNCERTAIN"}
        assert set(sent) & certain == {str(each.follow_up_id) for each in delivered}

    def sent(self) -> list[str]:
        """The follow-ups whose letters are out, as often as they are."""
        if self.blind:
            return Postbox(self.folder).sent()
        return [str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in self.shop.mails()]


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_at_a_point_loses_and_doubles_nothing(house: House, tmp_path: Path, point: str) -> None:
    scene = Scene(house, tmp_path / "mail")
    ends = [scene.live_through(point, arrivals) for arrivals in (1, 2)]
    assert ends[0] == -signal.SIGKILL
    scene.settle()
    scene.check()
    assert all(each.status != "UNCERTAIN" for each in scene.shop.ledger())


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("delivery")])
def test_with_a_mail_server_that_cannot_tell_nothing_is_sent_twice(house: House, tmp_path: Path, point: str) -> None:
    scene = Scene(house, tmp_path / "box", blind=True)
    assert scene.live_through(point) == -signal.SIGKILL
    scene.settle()
    scene.check()
    doubtful = point in ("delivery: attempt recorded", "delivery: sent", "delivery: outcome appended, not committed")
    assert sum(each.status == "UNCERTAIN" for each in scene.shop.ledger()) == doubtful


def test_reactions_that_are_repeated_change_nothing(house: House, tmp_path: Path) -> None:
    scene = Scene(house, tmp_path / "mail")
    assert scene.live_through(None) == 0
    scene.read_again()
    head = house.log.reader.head()
    scene.settle()
    scene.check()
    assert house.log.reader.head() == head


@pytest.mark.parametrize(
    ("mutant", "point"),
    [("forgetful", "reaction: committed, not flushed"), ("hasty", "reaction: decided"), ("eager", "delivery: sent")],
)
def test_a_worker_that_is_broken_on_purpose_is_found_out(house: House, tmp_path: Path, mutant: str, point: str) -> None:
    scene = Scene(house, tmp_path / "box", blind=True)
    assert scene.live_through(point, mutant=mutant) == -signal.SIGKILL
    if mutant == "forgetful":
        scene.read_again()
    scene.settle(within_s=3)
    with pytest.raises(AssertionError):
        scene.check()


@pytest.mark.parametrize("blind", [False, True], ids=["maildir", "mail server"])
def test_two_workers_at_once_come_to_the_same_as_one(house: House, tmp_path: Path, blind: bool) -> None:
    scene = Scene(house, tmp_path / "mail", copies=8, blind=blind)
    workers = [begin(scene.dsn, scene.folder, DAYS, blind=blind) for _ in range(2)]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    scene.settle()
    scene.check()
    assert all(each.status != "UNCERTAIN" for each in scene.shop.ledger())


@pytest.mark.parametrize("kills", [6, pytest.param(300, marks=pytest.mark.long)])
@pytest.mark.timeout(1200)
def test_workers_that_are_killed_at_any_moment_lose_and_double_nothing(
    house: House, tmp_path: Path, kills: int
) -> None:
    scene = Scene(house, tmp_path / "mail", copies=5 if kills < 100 else 40)
    chance = random.Random(kills)
    workers = [begin(scene.dsn, scene.folder, DAYS) for _ in range(2)]
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 0.4))
        worker = workers.pop(0)
        worker.kill()
        worker.join()
        workers.append(begin(scene.dsn, scene.folder, DAYS))
    for worker in workers:
        worker.join(60)
    scene.settle()
    scene.check()
