"""What the recorder does beyond what the library asks: the envelope, harmless retries, subscriptions that come back."""

from collections.abc import Callable, Iterator
from itertools import islice
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import InfrastructureFactoryError, IntegrityError, Notification, StoredEvent, Tracking
from psycopg_pool import ConnectionPool

from eventstore.envelope import Origin, Request
from eventstore.recorder import Factory, LogRecorder, LogSubscription, ReactionRecorder

PATIENCE_S = 20.0


def event(version: int = 1) -> StoredEvent:
    return StoredEvent(uuid4(), version, "thing.happened.v1", b"\x00\xff not json")


@pytest.fixture(params=[True, False], ids=["early", "locked"])
def recorder(request: pytest.FixtureRequest, pool: ConnectionPool) -> ReactionRecorder:
    return ReactionRecorder(pool, "Shop", early=request.param)


def rows(recorder: LogRecorder, query: str) -> list[tuple[Any, ...]]:
    with recorder.pool.connection() as db:
        return db.execute(query).fetchall()


def test_an_application_passes_the_envelope_on(dsn: str) -> None:
    command_id = uuid4()
    with Application(env={"PERSISTENCE_MODULE": "eventstore.recorder", "BITACORA_DSN": dsn}) as shop:  # type: ignore[var-annotated]
        shop.save(Aggregate())
        shop.save(Aggregate(), meta=Request(actor="user:ana", origin=Origin.SYNC, command_id=command_id, because=1))
        shop.factory.close()
    with psycopg.connect(dsn) as db:
        found = db.execute("select actor, origin, because from es.event order by position").fetchall()
        commands = db.execute("select command_id from es.command where first = 2").fetchall()
    assert found == [("application:Application", "live", None), ("user:ana", "sync", 1)]
    assert commands == [(command_id,)]


def test_a_retry_with_its_command_id_returns_the_same_positions(recorder: ReactionRecorder) -> None:
    events, meta = [event(), event()], Request(command_id=uuid4())
    assert recorder.insert_events(events, meta=meta) == recorder.insert_events(events, meta=meta) == [1, 2]
    with pytest.raises(IntegrityError, match="Take a new one"):
        recorder.insert_events([event()], meta=meta)
    assert recorder.max_notification_id() == 2


def test_a_version_gap_is_an_integrity_error(recorder: ReactionRecorder) -> None:
    with pytest.raises(IntegrityError, match="gap"):
        recorder.insert_events([event(version=5)])
    assert recorder.max_notification_id() is None


def test_events_and_tracking_are_recorded_together_or_not_at_all(recorder: ReactionRecorder) -> None:
    taken = event()
    assert recorder.insert_events([taken], tracking=Tracking("upstream", 7)) == [1]
    with pytest.raises(IntegrityError):
        recorder.insert_events([taken], tracking=Tracking("upstream", 8))
    assert recorder.max_tracking_id("upstream") == 7
    with pytest.raises(IntegrityError):
        recorder.insert_events([event()], tracking=Tracking("upstream", 7))
    assert recorder.max_notification_id() == 1


def test_two_applications_track_apart(recorder: ReactionRecorder) -> None:
    recorder.insert_tracking(Tracking("upstream", 7))
    assert ReactionRecorder(recorder.pool, "Other").max_tracking_id("upstream") is None


@pytest.mark.parametrize(
    ("env", "sentence"), [({}, "Set BITACORA_DSN"), ({"BITACORA_DSN": "x", "APPEND_MODE": "fast"}, "early or locked")]
)
def test_a_wrong_environment_is_explained(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(InfrastructureFactoryError, match=sentence):
        Factory(env)


class Interrupted(LogRecorder):
    """A recorder in which something is appended right after the first look found nothing."""

    interrupted = False

    def select_notifications(self, *args: Any, **kwargs: Any) -> list[Notification]:
        found = super().select_notifications(*args, **kwargs)
        if not self.interrupted:
            self.interrupted = True
            self.insert_events([event()])
        return list(found)


def in_time(work: Callable[[], Iterator[Notification]], count: int) -> list[int]:
    """The ids of the next notifications, or of those that came while there was patience."""
    seen: list[int] = []
    thread = Thread(target=lambda: seen.extend(found.id for found in islice(work(), count)), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return seen


def test_nothing_is_lost_between_the_first_look_and_the_first_listening(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.recorder.POLL_S", 600.0)
    with Interrupted(pool, "Shop").subscribe() as subscription:
        assert in_time(lambda: subscription, 1) == [1]


def test_a_subscription_survives_its_connections(recorder: ReactionRecorder, dsn: str) -> None:
    recorder.insert_events([event()])
    with recorder.subscribe() as subscription:
        assert isinstance(subscription, LogSubscription)
        assert in_time(lambda: subscription, 1) == [1]
        waiting = Thread(target=lambda: seen.append(next(subscription).id), daemon=True)
        seen: list[int] = []
        waiting.start()
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'bitacora'"
            )
        recorder.insert_events([event()])
        waiting.join(PATIENCE_S)
    assert seen == [2]
    assert len(rows(recorder, "select from es.event")) == 2
