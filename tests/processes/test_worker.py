"""The worker: goes on by itself for as long as it is asked to, by whatever clock it is given."""

import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from domain.follow_up import FollowUpDeliveryUncertain
from eventstore.database import Unavailable
from processes.clock import Clock
from processes.transports import Answer
from tests.conftest import House
from tests.processes.doomed import Postbox
from tests.processes.shop import Shop, moment

WITHIN_S = 20.0


def wait_for(what: Callable[[], object], within_s: float = WITHIN_S) -> None:
    until = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < until, "It did not happen."
        time.sleep(0.02)


class Slow(Postbox):
    """A mail server that takes so long that another worker comes by meanwhile."""

    shop: Shop

    def send(self, follow_up_id: UUID, message: EmailMessage) -> Answer:
        self.shop.hire().step()
        return super().send(follow_up_id, message)


def test_what_one_worker_is_sending_the_others_leave_alone(house: House, tmp_path: Path) -> None:
    slow = Slow(tmp_path / "box")
    slow.shop = shop = Shop(house.log, tmp_path, slow)
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)
    assert slow.sent() == [str(shop.entry(order).follow_up_id)]
    assert not any(isinstance(event, FollowUpDeliveryUncertain) for event, _ in shop.events())


def test_a_year_passes_in_seconds(shop: Shop) -> None:
    customers = [shop.customer(email=f"c{n}@shop.test") for n in range(3)]
    for month in range(1, 13):
        shop.now = moment(f"2026-{month:02}-05 12:00")
        for customer in customers:
            shop.order(customer, shop.now)
        for days in (0, 7, 7, 7):
            shop.until(shop.now + timedelta(days=days))
    asked = [entry for entry in shop.ledger("survey") if entry.status == "DELIVERED"]
    # asked in February, and then whenever ninety days have passed since: 5 May is the eighty-ninth
    months = [entry.dispatched_at.month for entry in asked if entry.dispatched_at]
    assert sorted(months) == [month for month in (2, 6, 9, 12) for _ in customers]
    assert {entry.reason for entry in shop.ledger("survey") if entry.status == "SUPPRESSED"} == {"CAPPED"}


def test_the_clock_ticks_until_it_is_stopped_and_never_overlaps() -> None:
    ticks, running, overlapped = [], [], []

    def tick() -> None:
        overlapped.extend(running)
        running.append(1)
        time.sleep(0.05)
        running.pop()
        ticks.append(1)

    with Clock(tick, every_s=0.02):
        wait_for(lambda: len(ticks) >= 3)
    count = len(ticks)
    time.sleep(0.1)
    assert len(ticks) == count
    assert overlapped == []


def test_a_worker_follows_hears_at_once_and_comes_back_after_a_failure(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail")
    stop = Signal()
    thread = Thread(target=shop.worker.follow, args=(house.dsn, stop))
    thread.start()
    try:
        first = shop.order(shop.customer(), "2026-01-10 12:00")
        wait_for(lambda: any(entry.trigger == first for entry in shop.ledger()))
        with psycopg.connect(house.dsn, autocommit=True) as db:
            db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        second = tried(lambda: shop.order(shop.customer(), "2026-01-11 12:00"))
        wait_for(lambda: any(entry.trigger == second for entry in shop.ledger()))
        shop.now = moment("2026-02-10 10:00")
        wait_for(lambda: shop.outcome(first) == ("DELIVERED", None))
    finally:
        stop.set()
        thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_the_sheet_of_what_is_due_is_kept_beside_the_steps(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(house.log, tmp_path / "mail")
    worker, stop = shop.hire(), Signal()
    monkeypatch.setattr(worker, "step", lambda: False)  # it does not come to look
    thread = Thread(target=worker.follow, args=(house.dsn, stop))
    thread.start()
    try:
        shop.customer()
        wait_for(lambda: worker.runner.engine.standings()[0].position == house.log.reader.head())
    finally:
        stop.set()
        thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_what_was_decided_is_flushed_when_nothing_more_is_new(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes: list[object] = []
    worker = shop.hire()
    worker.step()
    monkeypatch.setattr(shop.log, "flush", flushes.append)
    monkeypatch.setattr(worker, "_is_pressed", lambda steps: True)
    shop.order(shop.customer(), "2026-01-10 12:00")
    assert worker.step()
    assert shop.ledger()
    assert flushes == []
    monkeypatch.undo()
    monkeypatch.setattr(shop.log, "flush", flushes.append)
    worker.step()
    assert len(flushes) == 1
    worker.step()
    assert len(flushes) == 1


def tried(what: Callable[[], UUID]) -> UUID:
    """The connections were cut: ask until one of them is new."""
    for _ in range(20):
        try:
            return what()
        except Unavailable:
            time.sleep(0.05)
    raise AssertionError("The database did not come back.")
