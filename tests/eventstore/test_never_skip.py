"""A reader of the log never skips an event, whatever the writers, the server and the other databases do.

The nine cases in which event stores are known to lose events or to stall (the ninth, the crash, is in test_durability).
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Event as Signal
from threading import Thread
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from eventstore.database import LogCorrupted, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.envelope import Happened
from eventstore.follower import Follower
from eventstore.programs import program
from eventstore.reader import Reader
from eventstore.recorder import LogRecorder, LogSubscription
from tests.eventstore.conftest import Accounts

SLOW, FAILS = 1_001, 1_002
NEVER_S = 600.0  # a poll that never comes: what is heard was told by the bell
PATIENCE_S = 20.0

SLOW_COMMIT = f"""
create function public.dawdle() returns trigger language plpgsql as $$
begin
  if new.body like '%{SLOW}%' or new.body like '%{FAILS}%' then perform pg_sleep(0.4); end if;
  if new.body like '%{FAILS}%' then raise exception 'changed my mind'; end if;
  return null;
end $$;
create trigger dawdle after insert on es.event for each row execute function public.dawdle();
"""

FROM_A_SEQUENCE = """
create sequence es.leaky;
grant usage on es.leaky to es_owner;
create or replace function es.next_position(out next bigint, out since timestamptz) language sql
as 'select nextval(''es.leaky''), clock_timestamp()';
"""
"""The mutant: positions are given out before the commit, and nothing keeps their order."""


class Tail:
    """A follower at work in a thread, and what it has seen."""

    def __init__(self, log: Accounts, dsn: str, *, poll_s: float = 0.02, reader: Reader | None = None) -> None:
        self.seen: list[int] = []
        self.alarm: LogCorrupted | None = None
        self._stop = Signal()
        self._follower = Follower(reader or log.reader, dsn)
        self._thread = Thread(target=self._run, args=(poll_s,), daemon=True)
        self._thread.start()

    def _run(self, poll_s: float) -> None:
        try:
            for page in self._follower.pages(self._stop, poll_s=poll_s):
                self.seen.extend(at.position for _, at in page)
        except LogCorrupted as alarm:
            self.alarm = alarm

    def reaches(self, position: int) -> list[int]:
        """What was seen by the time that the position is, or by the end of all patience."""
        until = time.monotonic() + PATIENCE_S
        while self._thread.is_alive() and position not in self.seen and time.monotonic() < until:
            time.sleep(0.005)
        return list(self.seen)

    def stop(self, log: Accounts) -> None:
        self._stop.set()
        log.deposit()  # so that it need not wait for the next poll to notice
        self._thread.join(PATIENCE_S)


@contextmanager
def tailing(log: Accounts, dsn: str, *, poll_s: float = 0.02, reader: Reader | None = None) -> Iterator[Tail]:
    tail = Tail(log, dsn, poll_s=poll_s, reader=reader)
    try:
        yield tail
    finally:
        tail.stop(log)


def slow_then_fast(log: Accounts, dsn: str, first: int) -> tuple[list[int], list[int], LogCorrupted | None]:
    """Appends a slow event and a fast one meanwhile; what a naive reader saw, what the follower saw, its alarm."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(SLOW_COMMIT)
        naive: list[int] = []
        with tailing(log, dsn) as tail:
            slow = Thread(target=lambda: _tolerant(lambda: log.deposit(None, first)))
            slow.start()
            time.sleep(0.15)
            other = Accounts(log.pool, early=log.early)  # as from another process: one process takes turns by itself
            fast = Thread(target=lambda: other.deposit(None, 1))
            fast.start()
            while slow.is_alive() or fast.is_alive():
                naive += _after(db, naive)
                time.sleep(0.01)
            naive += _after(db, naive)
            tail.reaches(max(log.table()))
            return naive, list(tail.seen), tail.alarm


def _after(db: psycopg.Connection, seen: list[int]) -> list[int]:
    rows = db.execute("select position from es.event where position > %s order by position", [seen[-1] if seen else 0])
    return [row[0] for row in rows.fetchall()]


def _tolerant(work: Callable[[], object]) -> None:
    with suppress(psycopg.errors.RaiseException):
        work()


def test_a_slow_writer_is_not_overtaken(log: Accounts, dsn: str) -> None:
    naive, followed, alarm = slow_then_fast(log, dsn, SLOW)
    assert (naive, followed, alarm) == ([1, 2], [1, 2], None)


def test_positions_from_a_sequence_would_be_caught(accounts: Accounts, dsn: str) -> None:
    with psycopg.connect(dsn) as db:
        db.execute(FROM_A_SEQUENCE)
    naive, _, alarm = slow_then_fast(accounts, dsn, SLOW)
    assert naive == [2]  # 1 was skipped for ever
    assert alarm is not None  # and our own reader says so


def test_a_writer_that_gives_up_blocks_nobody_and_leaves_no_hole(log: Accounts, dsn: str) -> None:
    naive, followed, alarm = slow_then_fast(log, dsn, FAILS)
    assert (naive, followed, alarm) == ([1], [1], None)


def test_a_transaction_in_another_database_delays_nothing(log: Accounts, dsn: str, server: EmbeddedServer) -> None:
    with psycopg.connect(server.dsn(dbname="postgres")) as other, tailing(log, dsn) as tail:
        other.execute("select pg_current_xact_id()")
        assert tail.reaches(log.deposit().position) == [1]


def test_an_idle_transaction_in_the_same_database_delays_nothing(log: Accounts, dsn: str) -> None:
    with psycopg.connect(dsn) as other, tailing(log, dsn) as tail:
        other.execute("insert into es.checkpoint (name, position) values ('idle', 1)")
        other.execute("select from es.event")
        assert tail.reaches(log.deposit().position) == [1]


class Interrupted(Reader):
    """A reader behind whose back something is appended, right after its first look found nothing."""

    def __init__(self, log: Accounts) -> None:
        super().__init__(log.pool, log.codec, log.keys)
        self._log: Accounts | None = log

    def page(self, after: int, *args: object, **kwargs: object) -> list[Happened]:
        found = super().page(after)
        if self._log is not None:
            self._log.deposit()
            self._log = None
        return found


def test_what_is_appended_between_the_first_look_and_the_first_listening_is_delivered(log: Accounts, dsn: str) -> None:
    with tailing(log, dsn, poll_s=NEVER_S, reader=Interrupted(log)) as tail:
        assert tail.reaches(1) == [1]


def test_a_follower_whose_connection_was_killed_comes_back(log: Accounts, dsn: str) -> None:
    with tailing(log, dsn, poll_s=NEVER_S) as tail, psycopg.connect(dsn, autocommit=True) as db:
        tail.reaches(log.deposit().position)
        until = time.monotonic() + PATIENCE_S
        while not db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen es_event' and state = 'idle'"
        ).fetchall():
            assert time.monotonic() < until
            time.sleep(0.01)
        assert tail.reaches(log.deposit().position) == [1, 2]


class Watched(LogRecorder):
    """A recorder that notes from where and to where it was read."""

    looks: list[tuple[int, int]]

    def select_notifications(self, start: int | None, limit: int, stop: int | None = None, *args: object, **kw: object):  # type: ignore[no-untyped-def]
        self.looks.append((start or 0, stop or 0))
        return super().select_notifications(start, limit, stop, *args, **kw)  # type: ignore[arg-type]


@pytest.mark.parametrize("others", [5_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_rare_event_costs_the_same_however_far_back_the_last_one_was(accounts: Accounts, others: int) -> None:
    recorder = Watched(accounts.pool, "Shop")
    recorder.looks = []

    def insert(type: str, count: int) -> int:
        ids = recorder.insert_events([StoredEvent(uuid4(), 1, type, b"{}") for _ in range(count)])
        assert ids
        return ids[-1]

    with LogSubscription(recorder, topics=["rare"]) as subscription:
        seen: list[int] = []
        thread = Thread(target=lambda: seen.extend(found.id for found in islice(subscription, 10)), daemon=True)
        thread.start()
        for _ in range(9):
            insert("rare", 1)
        for _ in range(others // 1_000):
            before = insert("common", 1_000)
        _until(lambda: recorder.looks[-1][1] >= before)
        rare = insert("rare", 1)
        thread.join(PATIENCE_S)
    assert seen == [*range(1, 10), rare]
    assert next(start for start, stop in recorder.looks if stop >= rare) >= before


def _until(so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_followers_go_on_from_their_checkpoints_after_a_restore(
    accounts: Accounts, dsn: str, server: EmbeddedServer, new_database: Callable[[], str]
) -> None:
    for _ in range(5):
        accounts.deposit(note="kept")
    dump = subprocess.run([program("pg_dump"), "--format=custom", dsn], check=True, capture_output=True).stdout
    with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        db.execute("create database restored template template0")
    try:
        restored = server.dsn(dbname="restored")
        subprocess.run([program("pg_restore"), "--exit-on-error", "-d", restored], check=True, input=dump)
        with open_pool(restored) as pool:
            log = Accounts(pool)
            assert log.deposit().position == 6
            follower, stop = Follower(log.reader, restored, after=3), Signal()
            page = next(follower.pages(stop))
            assert [at.position for _, at in page] == [4, 5, 6]
            assert [event.note for event, _ in log.reader.page(0, disclose=True)] == ["kept"] * 5 + [None]  # type: ignore[attr-defined]
        with psycopg.connect(restored) as db, pytest.raises(psycopg.errors.RestrictViolation):
            db.execute("delete from es.event")
    finally:
        with psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
            db.execute("drop database restored with (force)")
