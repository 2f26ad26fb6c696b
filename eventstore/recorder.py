"""The log under the `eventsourcing` library: its applications record here when PERSISTENCE_MODULE is this module.

The library's environment says where: BITACORA_DSN, and optionally APPEND_MODE (`early` or `locked`) and POOL_SIZE.
All its applications share the one log, so a notification id is a position.
"""

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import orjson
import psycopg
from eventsourcing import persistence as library
from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.utils import Environment, EnvType, resolve_topic
from psycopg import Connection
from psycopg_pool import ConnectionPool

from eventstore.database import open_pool
from eventstore.envelope import Request
from eventstore.follower import POLL_S, Bell
from eventstore.log import VERSION_GAP

APPEND_MODES = ("early", "locked")
POOL_SIZE = 8
PAGE_NOTIFICATIONS = 500
STOP_NOTICED_S = 0.1

ERRORS = (
    (psycopg.InterfaceError, library.InterfaceError),
    (psycopg.OperationalError, library.OperationalError),
    (psycopg.DataError, library.DataError),
    (psycopg.IntegrityError, library.IntegrityError),
    (psycopg.InternalError, library.InternalError),
    (psycopg.ProgrammingError, library.ProgrammingError),
    (psycopg.NotSupportedError, library.NotSupportedError),
    (psycopg.DatabaseError, library.DatabaseError),
)


@contextmanager
def in_its_words() -> Iterator[None]:
    """Raises the database's errors as the errors of the library; a gap in the versions is an IntegrityError."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate == VERSION_GAP:
            raise library.IntegrityError(str(error)) from error
        raise next((its for ours, its in ERRORS if isinstance(error, ours)), library.PersistenceError)(
            str(error)
        ) from error


class Recorder:
    """What every recorder needs: connections, a name and whether to release the log's lock early."""

    def __init__(self, pool: ConnectionPool, application: str, *, early: bool = True) -> None:
        self.pool = pool
        self.application = application
        self.early = early

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with in_its_words(), self.pool.connection() as db, db.cursor(binary=True) as cursor:
            return cursor.execute(query, parameters).fetchall()


R = TypeVar("R", bound=Recorder)


class StreamRecorder(Recorder, library.AggregateRecorder):
    """Records events in the log and reads them by stream."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends events. `meta=Request(...)` says who, when and why; its command id makes a retry harmless."""
        self._append(stored_events, kwargs.get("meta"))
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of a stream between two versions, the latest first if `desc`."""
        rows = self._rows(
            "select stream_id, version, type, body from es.event "
            " where stream_id = %s and version > coalesce(%s::int, -1) and version <= coalesce(%s::int, 2147483647) "
            f"order by version {'desc' if desc else 'asc'} limit %s::int",
            originator_id, gt, lte, limit,
        )  # fmt: skip
        return [StoredEvent(*row) for row in rows]

    def _append(self, stored_events: Sequence[StoredEvent], meta: Request | None) -> Sequence[int]:
        if not stored_events:
            return []
        with in_its_words(), self.pool.connection() as db:
            row = db.execute(
                "call es.append(%s::jsonb, null, %s, null, null, null)",
                [self._as_json(stored_events, meta), self.early],
            ).fetchone()
        assert row is not None
        first, last, _ = row
        if last - first + 1 != len(stored_events):
            raise library.IntegrityError("Something else was already recorded under this command id. Take a new one.")
        return range(first, last + 1)

    def _as_json(self, stored_events: Sequence[StoredEvent], meta: Request | None) -> str:
        asked = meta or Request(actor=f"application:{self.application}")
        command_id = asked.command_id or uuid4()
        around = {
            "occurred_at": asked.occurred_at or datetime.now(UTC),
            "actor": asked.actor,
            "origin": asked.origin,
            "command_id": command_id,
            "correlation_id": asked.correlation_id or command_id,
            "because": asked.because,
        }
        events = [
            {
                "stream_id": event.originator_id,
                "version": event.originator_version,
                "type": event.topic,
                "body64": base64.b64encode(event.state).decode(),
                **around,
            }
            for event in stored_events
        ]
        return orjson.dumps(events).decode()


class LogRecorder(StreamRecorder, library.ApplicationRecorder):
    """Records events and reads them in the order of the whole log."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends events and returns their positions."""
        return list(self._append(stored_events, kwargs.get("meta")))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position, at most `limit` of them; of all types, or of some."""
        after = (start or 0) - (1 if inclusive_of_start else 0)
        kind, kinds = ("and type = any(%s)", [list(topics)]) if topics else ("", [])
        rows = self._rows(
            "select position, stream_id, version, type, body from es.event "
            f" where position > %s and position <= coalesce(%s::bigint, 9223372036854775807) {kind} "
            " order by position limit %s",
            after, stop, *kinds, limit,
        )  # fmt: skip
        return [
            Notification(id=position, originator_id=stream_id, originator_version=version, topic=type, state=body)
            for position, stream_id, version, type, body in rows
        ]

    def max_notification_id(self) -> int | None:
        """The last position; None if nothing was recorded yet."""
        head: int | None = self._rows("select max(position) from es.event")[0][0]
        return head

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LogSubscription":
        """Every event after a position, for as long as it is asked."""
        return LogSubscription(self, gt, topics)


class LogSubscription(library.Subscription[LogRecorder]):
    """Hears of new events at once and never skips one: it listens before it looks, and comes back after a failure."""

    def __init__(self, recorder: LogRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._after = gt or 0
        self._page: Iterator[Notification] = iter(())
        assert isinstance(recorder.pool.conninfo, str)
        self._bell = Bell(recorder.pool.conninfo)
        self._iterating = Lock()

    def __next__(self) -> Notification:
        with self._iterating:
            while not self._has_been_stopped:
                found = next(self._page, None)
                if found is not None:
                    return found
                self._page = iter(self._look() or self._wait())
            raise StopIteration

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        super().__exit__(*args, **kwargs)
        with self._iterating:
            self._bell.close()

    def _look(self) -> Sequence[Notification]:
        try:
            head = self._recorder.max_notification_id() or 0
            page = self._recorder.select_notifications(
                self._after, PAGE_NOTIFICATIONS, head, self._topics, inclusive_of_start=False
            )
        except (library.OperationalError, library.InterfaceError):
            return []
        full = len(page) == PAGE_NOTIFICATIONS
        self._after = page[-1].id if full else max(self._after, head)  # past what was of another type, too
        return page

    def _wait(self) -> Sequence[Notification]:
        until = time.monotonic() + POLL_S
        while not self._has_been_stopped and time.monotonic() < until and not self._bell.wait(STOP_NOTICED_S):
            pass
        return []


class CheckpointRecorder(Recorder, library.TrackingRecorder):
    """Records how far an application has come with the notifications of others."""

    def insert_tracking(self, tracking: Tracking) -> None:
        """Moves on. Raises `IntegrityError` if the application has been there already."""
        with in_its_words(), self.pool.connection() as db:
            self._track(db, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """How far it has come; None before the first."""
        rows = self._rows("select position from es.checkpoint where name = %s", self._name(application_name))
        return rows[0][0] if rows else None

    def _track(self, db: Connection, tracking: Tracking) -> None:
        moved = db.execute(
            "insert into es.checkpoint as c (name, position) values (%s, %s) "
            "on conflict (name) do update set position = excluded.position, changed_at = now() "
            "  where c.position < excluded.position "
            "returning c.position",
            [self._name(tracking.application_name), tracking.notification_id],
        ).fetchone()
        if moved is None:
            raise library.IntegrityError(
                f"{self.application} has already seen {tracking.application_name} {tracking.notification_id}."
            )

    def _name(self, application_name: str) -> str:
        return f"application:{self.application}:{application_name}"


class ReactionRecorder(CheckpointRecorder, LogRecorder, library.ProcessRecorder):
    """Records events together with the notification that they answer: both or neither."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends events and, with `tracking=`, moves on in the same transaction."""
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is None:
            return super().insert_events(stored_events, **kwargs)
        if not stored_events:
            self.insert_tracking(tracking)
            return []
        with in_its_words(), self.pool.connection() as db:
            with db.transaction():
                self._track(db, tracking)
                if self.early:
                    db.execute("set local synchronous_commit = off")
                row = db.execute(
                    "select first, last from es.append_core(%s::jsonb, null)",
                    [self._as_json(stored_events, kwargs.get("meta"))],
                ).fetchone()
                db.execute("notify es_event")
            if self.early:
                db.execute("select pg_logical_emit_message(true, 'es', '')")
        assert row is not None
        return list(range(row[0], row[1] + 1))


class SnapshotRecorder(Recorder, library.AggregateRecorder):
    """Keeps states of streams beside the log."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Keeps snapshots, all or none."""
        rows = [(self.application, e.originator_id, e.originator_version, e.topic, e.state) for e in stored_events]
        with in_its_words(), self.pool.connection() as db, db.transaction(), db.cursor() as cursor:
            cursor.executemany(
                "insert into es.snapshot (application, stream_id, version, type, body) values (%s, %s, %s, %s, %s)",
                rows,
            )
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The snapshots of a stream between two versions, the latest first if `desc`."""
        rows = self._rows(
            "select stream_id, version, type, body from es.snapshot where application = %s "
            "   and stream_id = %s and version > coalesce(%s::int, -1) and version <= coalesce(%s::int, 2147483647) "
            f"order by version {'desc' if desc else 'asc'} limit %s::int",
            self.application, originator_id, gt, lte, limit,
        )  # fmt: skip
        return [StoredEvent(*row) for row in rows]


class Factory(library.InfrastructureFactory[CheckpointRecorder]):
    """Makes the recorders of one application, which share a pool of connections until `close`."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        dsn, mode = self.env.get("BITACORA_DSN"), self.env.get("APPEND_MODE", APPEND_MODES[0])
        if not dsn:
            raise library.InfrastructureFactoryError("Set BITACORA_DSN to the database that holds the log.")
        if mode not in APPEND_MODES:
            raise library.InfrastructureFactoryError(f"APPEND_MODE is {mode!r}. Set it to early or locked.")
        self.early = mode == "early"
        self.pool = open_pool(dsn, size=int(self.env.get("POOL_SIZE", str(POOL_SIZE))))

    def aggregate_recorder(self, purpose: str = "events") -> library.AggregateRecorder:
        return self._made(SnapshotRecorder) if purpose == "snapshots" else self._made(StreamRecorder)

    def application_recorder(self) -> LogRecorder:
        return self._made(self._chosen(self.APPLICATION_RECORDER_TOPIC, LogRecorder))

    def tracking_recorder(self, tracking_recorder_class: type[CheckpointRecorder] | None = None) -> CheckpointRecorder:
        return self._made(tracking_recorder_class or self._chosen(self.TRACKING_RECORDER_TOPIC, CheckpointRecorder))

    def process_recorder(self) -> ReactionRecorder:
        return self._made(self._chosen(self.PROCESS_RECORDER_TOPIC, ReactionRecorder))

    def close(self) -> None:
        """Closes the connections."""
        self.pool.close()

    def _chosen(self, variable: str, ours: type[R]) -> type[R]:
        topic = self.env.get(variable)
        return cast(type[R], resolve_topic(topic)) if topic else ours

    def _made(self, kind: type[R]) -> R:
        return kind(self.pool, self.env.name, early=self.early)
