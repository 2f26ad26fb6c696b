"""The patrol: the whole log is read again bit by bit, and the first event that is not what was sealed is told."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import psycopg
import pytest
from psycopg import Connection

from eventstore.embedded import EmbeddedServer
from eventstore.evidence import patrol as patrolling
from eventstore.evidence.patrol import ALARM_PAUSE_S, ROUND_EVERY, SLICE_PAUSE_S, WAIT_S, Patrol
from eventstore.evidence.proofs import leaf_hashes, prove
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.heads import newest
from eventstore.sealing.sources import EVENTS
from tests.eventstore.evidence.conftest import SealedLog, sealed_log

SIZE, SLICE = 300, 100
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patrolling, "SLICE_EVENTS", SLICE)


@pytest.fixture
def log(server: EmbeddedServer, tmp_path: Path) -> Iterator[SealedLog]:
    with sealed_log(server, tmp_path, SIZE) as log:
        yield log


@pytest.fixture
def db(log: SealedLog) -> Iterator[Connection]:
    with psycopg.connect(log.dsn, autocommit=True) as db:
        db.execute("alter table es.event disable trigger all")
        db.execute("alter table es.tile disable trigger all")
        yield db


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patrol_of(log: SealedLog, clock: Clock) -> Patrol:
    return Patrol(log.accounts.pool, log.home / "events.patrol", CheckpointFile(log.kept_file), now=clock)


def test_a_round_goes_through_all_and_the_next_one_begins_a_day_later(log: SealedLog, clock: Clock) -> None:
    patrol = patrol_of(log, clock)
    assert [patrol.step() for _ in range(4)] == [SLICE_PAUSE_S] * 3 + [WAIT_S]
    known = patrol.known()
    assert known is not None
    assert (known.position, known.began_at, known.ended_at, known.wrong) == (SIZE, NOW, NOW, None)
    log.accounts.deposit(None, 1, 2, 3)
    assert patrol.step() == WAIT_S
    log.sealer.run()
    assert patrol.step() == SLICE_PAUSE_S
    clock.now += ROUND_EVERY - timedelta(seconds=1)
    assert patrol.step() == WAIT_S
    clock.now += timedelta(seconds=1)
    assert patrol.step() == SLICE_PAUSE_S
    known = patrol.known()
    assert known is not None
    assert (known.position, known.began_at) == (SLICE, clock.now)


def test_it_goes_on_where_it_was_and_begins_anew_for_another_log_or_if_nobody_knows(
    log: SealedLog, clock: Clock
) -> None:
    patrol_of(log, clock).step()
    patrol_of(log, clock).step()
    again = patrol_of(log, clock)
    known = again.known()
    assert known is not None
    assert known.position == 2 * SLICE
    for lost in (again.file.read_bytes().replace(b"bitacora/events", b"bitacora/others"), b"{", b""):
        again.file.write_bytes(lost)
        again.step()
        known = again.known()
        assert known is not None
        assert known.position == SLICE


@pytest.mark.parametrize("position", [1, 257])
def test_it_stands_still_at_what_was_changed_until_that_is_mended(
    log: SealedLog, db: Connection, clock: Clock, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    patrol = patrol_of(log, clock)
    db.execute("update es.event set body = body || '\\x20' where position = %s", [position])
    before = (position - 1) // SLICE
    assert [patrol.step() for _ in range(before + 2)] == [SLICE_PAUSE_S] * before + [ALARM_PAUSE_S] * 2
    known = patrol.known()
    assert known is not None
    assert (known.position, known.ended_at) == (before * SLICE, None)
    assert f"What is at position {position} of the log is not what was sealed there" in (known.wrong or "")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    db.execute("update es.event set body = substring(body for octet_length(body) - 1) where position = %s", [position])
    assert patrol.step() == SLICE_PAUSE_S
    known = patrol.known()
    assert known is not None
    assert known.wrong is None


def test_a_tombstone_that_nothing_accounts_for_is_found(log: SealedLog, db: Connection, clock: Clock) -> None:
    db.execute("alter table es.erased disable trigger all")
    db.execute("update es.erased set because = 1 where position = (select min(position) from es.erased)")
    assert patrol_of(log, clock).step() == ALARM_PAUSE_S


@pytest.mark.parametrize("position", [255, 270])
def test_an_event_whose_hash_was_changed_with_it_is_found(
    log: SealedLog, db: Connection, clock: Clock, position: int
) -> None:
    """Only its tile tells then, which has another root than the one that was signed."""
    db.execute("alter table es.tile_part disable trigger all")
    db.execute("update es.event set body = body || '\\x20' where position = %s", [position])
    head = newest(db, EVENTS)
    assert head is not None
    leaf, index = leaf_hashes(db, [position])[position], position - 1
    db.execute(
        "update es.tile set hashes = overlay(hashes placing %s from %s) where level = 0 and number = %s",
        [leaf, index % 256 * 32 + 1, index // 256],
    )
    db.execute(
        "update es.tile_part set hashes = overlay(hashes placing %s from (%s - start) * 32 + 1) "
        " where number = %s and %s between start and start + octet_length(hashes) / 32 - 1",
        [leaf, index % 256, index // 256, index % 256],
    )
    assert prove(db, position, position).findings != ()
    patrol = patrol_of(log, clock)
    assert ALARM_PAUSE_S in [patrol.step() for _ in range(4)]


def test_a_tree_that_was_made_anew_and_signed_is_another_one_than_in_the_file(
    log: SealedLog, db: Connection, clock: Clock
) -> None:
    text = log.kept_file.read_text()
    *_, last = log.kept
    other = last.text().replace(last.text().split("\n")[2], "A" * 43 + "=")
    log.kept_file.write_text(text.replace(last.text(), other))
    patrol = patrol_of(log, clock)
    assert patrol.step() == ALARM_PAUSE_S
    known = patrol.known()
    assert known is not None
    assert f"The tree of the first {SIZE} events is not the one whose checkpoint is in the file" in (known.wrong or "")


def test_one_of_several_goes(log: SealedLog, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patrolling, "SLICE_PAUSE_S", 0.0)
    monkeypatch.setattr(patrolling, "WAIT_S", 0.05)
    stop, patrols = Signal(), [patrol_of(log, clock) for _ in range(2)]
    steps: list[Patrol] = []
    for patrol in patrols:
        step = patrol.step
        monkeypatch.setattr(patrol, "step", lambda step=step, patrol=patrol: steps.append(patrol) or step())
    threads = [Thread(target=patrol.follow, args=[stop]) for patrol in patrols]
    for thread in threads:
        thread.start()
    while len(steps) < 10:
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(set(map(id, steps))) == 1
