"""Two workers route what waits as one does: nothing twice, nothing to nobody, the same to the same."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from domain import DECIDERS
from domain.agent_shift import SignInAgent
from domain.case_events import CasePriority
from domain.kernel import derived
from domain.values import Channel
from domain.work_item import AcceptWorkItem, CompleteWorkItem, QueueWorkItem, WorkItemOffered
from eventstore.database import open_pool
from eventstore.log import Log
from eventstore.personal import KeyRing
from processes import queue_routing
from processes.worker import Worker
from tests.conftest import KEK
from tests.processes.shop import Shop

STAFF = [derived("staff", n) for n in range(3)]


def test_two_workers_route_as_one_does(new_database: Callable[[], str], tmp_path: Path) -> None:
    assert day(new_database(), tmp_path / "one", workers=1) == day(new_database(), tmp_path / "two", workers=2)


def day(dsn: str, folder: Path, *, workers: int) -> tuple[list[Any], list[Any]]:
    """A quarter of an hour of a contact centre: what was offered to whom and when, and what the ledger says of it."""
    with open_pool(dsn) as pool:
        shop = Shop(Log(pool, DECIDERS, KeyRing(pool, KEK)), folder, policies=[queue_routing.policy])
        shop.until("2026-03-10 10:00:00")
        hands = [shop.worker, *(shop.hire() for _ in range(workers - 1))]
        channels, priorities = (Channel.PHONE, Channel.CHAT, Channel.EMAIL), list(CasePriority)
        for n in range(30):
            shop.now += timedelta(seconds=10)
            queued = QueueWorkItem(
                work_item_id=derived("work_item", n), channel=channels[n % 3], queue="service",
                priority=priorities[n % 4], score=0,
            )  # fmt: skip
            shop.do(queued)
            if n % 10 == 4:
                shift = derived("agent_shift", n)
                shop.do(SignInAgent(agent_shift_id=shift, staff_id=STAFF[n // 10]))
            together(hands)
            if n % 5 == 4:
                deal_with_one(shop)
                together(hands)
        offered = [
            (at.stream_id, e.staff_id, at.occurred_at) for e, at in shop.events() if isinstance(e, WorkItemOffered)
        ]
        entries = [(each.follow_up_id, each.status, each.reason, each.due_at) for each in shop.ledger()]
        assert len({(each[0], each[2]) for each in offered}) == len(offered)
        return sorted(offered), sorted(entries, key=lambda entry: entry[0])


def deal_with_one(shop: Shop) -> None:
    """Somebody takes what they were offered last, and is done with it."""
    offered = [(at.stream_id, e.staff_id) for e, at in shop.events() if isinstance(e, WorkItemOffered)]
    open_ones = {each.about for each in shop.ledger("offer") if each.status == "SCHEDULED"}
    for work_item_id in sorted(each for each, _ in offered):
        if work_item_id in open_ones:
            shop.do(AcceptWorkItem(work_item_id=work_item_id, staff_id=dict(offered)[work_item_id]))
            shop.do(CompleteWorkItem(work_item_id=work_item_id, outcome="SOLVED"))
            return


def together(workers: list[Worker]) -> None:
    """All of them do what there is to do, at the same time; then the first one, should they have waited for each other."""
    threads = [Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workers[0].run()
