"""Epochs: the key-encryption key is replaced each month, every key is wrapped anew, and the old one is destroyed in the end."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg import Connection

from eventstore.arrays import bytes_array
from eventstore.custody.custodian import CHANGING, SWITCHING, connected, unwrapped
from eventstore.custody.providers import KEY_BYTES, SECRETS, KeyFileError, Provider
from eventstore.personal import KeyRing

REWRAPPED_TOGETHER = 10_000
RETENTION = timedelta(days=30)
ROTATING = 7305842
"""The lock that whoever rotates holds, from beginning to end; the connection's end gives it back."""

Told = Callable[[int, int], None]


def _nobody(done: int, of: int) -> None:
    """Tells nobody."""


class EpochStanding(NamedTuple):
    """An epoch and what became of it; `keys` are still wrapped by it."""

    epoch: int
    state: str
    provider: str
    reference: str
    made_at: datetime
    retired_at: datetime | None
    emptied_at: datetime | None
    destroyed_at: datetime | None
    keys: int


class Rotated(NamedTuple):
    """What a rotation did: the epoch that is active now, how many keys were wrapped anew, which epochs were destroyed."""

    epoch: int
    rewrapped: int
    destroyed: tuple[int, ...]


class Epochs:
    """Rotates, in steps that can be killed anywhere and gone on with by anybody. Others work on meanwhile.

    `retention` is for how long backups of the keys are kept: an old epoch's key is destroyed so long after the last key
    left it, and what was destroyed before is then unreadable in every backup. `dsn` is that of the keys' database.
    """

    def __init__(self, dsn: str, ring: KeyRing, *, retention: timedelta = RETENTION) -> None:
        self.dsn = dsn
        self.ring = ring
        self.retention = retention

    def standings(self) -> list[EpochStanding]:
        """Every epoch, the first one first."""
        self.ring.active()
        with connected(self.dsn) as db:
            rows = db.execute(
                "select e.epoch, e.state, e.provider, e.reference, e.made_at, e.retired_at, e.emptied_at, e.destroyed_at, "
                "       coalesce(k.count, 0) from keys.epoch e "
                "  left join (select epoch, count(*) from keys.subject_key where epoch is not null group by epoch) k "
                "    using (epoch) order by e.epoch"
            ).fetchall()
        return [EpochStanding(*row) for row in rows]

    def step(self, now: datetime) -> bool:
        """Does what is due: a new epoch if a month began, what an earlier step left undone, and the end of old epochs."""
        standings = self.standings()
        active = next(each for each in standings if each.state == "ACTIVE")
        if _month(active.made_at) < _month(now):
            return self.rotate(now) is not None
        waits = any(each.state == "RETIRED" and self._is_due(each, now) for each in standings)
        return waits and self.go_on(now) is not None

    def rotate(self, now: datetime, tell: Told = _nobody) -> Rotated | None:
        """Begins an epoch under the provider that is set, and wraps every key by it. None: somebody else is at it."""
        for name in SECRETS:
            self.ring.secret(name)
        with self._alone() as db:
            if db is None:
                return None
            row = db.execute("select max(epoch) from keys.epoch").fetchone()
            assert row is not None
            self._switch(db, int(row[0]) + 1, now)
            return self._go_on(db, now, tell)

    def go_on(self, now: datetime, tell: Told = _nobody) -> Rotated | None:
        """Wraps what is still wrapped by an older epoch, and destroys epochs whose time has come. None: somebody is at it."""
        self.ring.active()
        with self._alone() as db:
            return None if db is None else self._go_on(db, now, tell)

    def _switch(self, db: Connection, epoch: int, now: datetime) -> None:
        provider = self.ring.providers.current
        reference = provider.make(epoch)
        probe = [os.urandom(KEY_BYTES)]
        if provider.unwrap(epoch, provider.wrap(epoch, probe)) != probe:
            raise KeyFileError(
                f"The provider {provider.name} does not give back what it wrapped by {reference}. Nothing was changed."
            )
        with db.transaction():
            db.execute("select pg_advisory_xact_lock(%s)", [SWITCHING])
            db.execute("update keys.epoch set state = 'RETIRED', retired_at = %s where state = 'ACTIVE'", [now])
            db.execute(
                "insert into keys.epoch (epoch, state, provider, reference, made_at) values (%s, 'ACTIVE', %s, %s, %s)",
                [epoch, provider.name, reference, now],
            )

    def _go_on(self, db: Connection, now: datetime, tell: Told) -> Rotated:
        row = db.execute("select epoch, provider from keys.epoch where state = 'ACTIVE'").fetchone()
        assert row is not None
        epoch, provider = int(row[0]), self.ring.providers[row[1]]
        self._rewrap_secrets(db, epoch, provider)
        rewrapped = sum(self._rewrapped(db, epoch, provider, tell))
        db.execute(
            "update keys.epoch e set emptied_at = %s where e.state = 'RETIRED' and e.emptied_at is null "
            "   and not exists (select from keys.subject_key k where k.epoch = e.epoch) "
            "   and not exists (select from keys.secret s where s.epoch = e.epoch)",
            [now],
        )
        return Rotated(epoch, rewrapped, tuple(self._destroyed(db, now)))

    def _rewrapped(self, db: Connection, epoch: int, provider: Provider, tell: Told) -> Iterator[int]:
        """Portion after portion, each committed; what changed meanwhile is left alone."""
        counted = db.execute("select count(*) from keys.subject_key where epoch < %s", [epoch]).fetchone()
        done, of, last = 0, int(counted[0]) if counted else 0, 0
        tell(0, of)
        while True:
            with db.cursor(binary=True) as cursor:
                rows = cursor.execute(
                    "select key_id, subject_id, wrapped, epoch, provider from ("
                    "  select k.key_id, k.subject_id, k.wrapped, k.epoch, e.provider from keys.subject_key k "
                    "    join keys.epoch e using (epoch) "
                    "   where k.key_id > %s and k.epoch < %s order by k.key_id limit %s) next order by epoch, key_id",
                    [last, epoch, REWRAPPED_TOGETHER],
                ).fetchall()
            if not rows:
                return
            last = max(row[0] for row in rows)
            keys = list(unwrapped(self.ring, rows))
            fresh = provider.wrap(epoch, [key for _, _, key in keys])
            with db.transaction():
                db.execute("select pg_advisory_xact_lock(%s)", [CHANGING])
                yield db.execute(
                    "update keys.subject_key k set wrapped = n.wrapped, epoch = %s "
                    "  from unnest(%s::bigint[], %s::bytea[], %s::int[]) n (key_id, wrapped, epoch) "
                    " where k.key_id = n.key_id and k.epoch = n.epoch and k.state = 'ACTIVE'",
                    [epoch, [row[0] for row in rows], bytes_array(fresh), [row[3] for row in rows]],
                ).rowcount
            done += len(rows)
            tell(done, max(done, of))

    def _rewrap_secrets(self, db: Connection, epoch: int, provider: Provider) -> None:
        rows = db.execute(
            "select s.name, s.wrapped, s.epoch, e.provider from keys.secret s join keys.epoch e using (epoch) where s.epoch < %s",
            [epoch],
        ).fetchall()
        for name, wrapped, old, by in rows:
            bare = self.ring.providers[by].unwrap(old, [bytes(wrapped)])
            db.execute(
                "update keys.secret set wrapped = %s, epoch = %s where name = %s and epoch = %s",
                [provider.wrap(epoch, bare)[0], epoch, name, old],
            )

    def _destroyed(self, db: Connection, now: datetime) -> Iterator[int]:
        rows = db.execute(
            "select e.epoch, e.provider from keys.epoch e where e.state = 'RETIRED' and e.emptied_at <= %s "
            "   and not exists (select from keys.subject_key k where k.epoch = e.epoch) order by e.epoch",
            [now - self.retention],
        ).fetchall()
        for epoch, by in rows:
            self.ring.providers[by].destroy(epoch)
            db.execute("update keys.epoch set state = 'DESTROYED', destroyed_at = %s where epoch = %s", [now, epoch])
            yield int(epoch)

    def _is_due(self, old: EpochStanding, now: datetime) -> bool:
        return old.emptied_at is None or old.emptied_at <= now - self.retention

    @contextmanager
    def _alone(self) -> Iterator[Connection | None]:
        with connected(self.dsn) as db:
            row = db.execute("select pg_try_advisory_lock(%s)", [ROTATING]).fetchone()
            if row is None or not row[0]:
                yield None
                return
            yield db
            db.execute(
                "select pg_advisory_unlock(%s)", [ROTATING]
            )  # who comes next need not wait for the end of this session


def _month(moment: datetime) -> tuple[int, int]:
    at = moment.astimezone(UTC)
    return at.year, at.month
