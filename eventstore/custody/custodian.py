"""The custodian: blocks keys so that only the data protection officer can read, unblocks them, and destroys them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import Connection

from domain.kernel import Refused
from eventstore.arrays import id_array
from eventstore.custody.officer import Officer, OfficerError, fingerprint, place_of_key, seal
from eventstore.database import CUSTODIAN_ROLE, connect, reachable
from eventstore.personal import KeyRing

BATCH_KEYS = 1_000
LONGEST_BASIS = 200

CHANGING = 7305841
"""The lock under which a custodian changes keys: one at a time, so that none waits for another in a circle."""
SWITCHING = 7305840
"""The lock under which the epoch changes (schema_keys/020_epoch.sql)."""


class KeyStanding(NamedTuple):
    """A key and what became of it."""

    key_id: int
    subject_id: UUID
    key_class: str
    period: int
    state: str
    blocked_until: date | None
    basis: str | None
    destroyed_at: datetime | None
    destroyed_because: int | None


class Custodian:
    """Changes the state of keys, in batches that are each done or not. Doing it twice is the same as once.

    Every process drops the keys concerned from its memory at once. `dsn` is that of the keys' database.
    """

    def __init__(self, dsn: str, ring: KeyRing) -> None:
        self.dsn = dsn
        self.ring = ring

    def name_officer(self, public: bytes) -> int:
        """From now on it is sealed to this officer; what was sealed to an earlier one stays so. Returns the key's number."""
        with self._connected() as db, db.transaction():
            db.execute("select pg_advisory_xact_lock(%s)", [CHANGING])
            known = db.execute(
                "select id, retired_at is null from keys.blocking_key where public = %s", [public]
            ).fetchone()
            if known is not None:
                if not known[1]:
                    raise Refused("This officer's key was replaced by another one. Make a new one.")
                return int(known[0])
            db.execute("update keys.blocking_key set retired_at = now() where retired_at is null")
            row = db.execute("insert into keys.blocking_key (public) values (%s) returning id", [public]).fetchone()
        assert row is not None
        return int(row[0])

    def officer(self) -> tuple[int, bytes] | None:
        """To whom is sealed: the number of the key and its public half. None: nobody was named yet."""
        with self._connected() as db:
            return _officer(db)

    def of(self, subjects: Collection[UUID], *, classes: Collection[str] | None = None) -> list[KeyStanding]:
        """Every key of these data subjects, by subject, class and period."""
        with self._connected() as db:
            return _standings(
                db,
                "subject_id = any(%s::uuid[]) and (%s::text[] is null or class = any(%s))",
                [id_array(subjects), *[None if classes is None else list(classes)] * 2],
            )

    def keys(self, key_ids: Collection[int]) -> list[KeyStanding]:
        """These keys, whatever became of them."""
        with self._connected() as db:
            return _standings(db, "key_id = any(%s)", [list(key_ids)])

    def aged(self, key_class: str, before: int) -> list[KeyStanding]:
        """Every active key of a class that seals what happened before a year. Those from before keys had one: `undated`."""
        with self._connected() as db:
            return _standings(db, "state = 'ACTIVE' and class = %s and period > 0 and period < %s", [key_class, before])

    def undated(self, key_class: str) -> list[KeyStanding]:
        """Every active key of a class from before keys had a year."""
        with self._connected() as db:
            return _standings(db, "state = 'ACTIVE' and class = %s and period = 0", [key_class])

    def overdue(self, on: date, limit: int = BATCH_KEYS) -> list[KeyStanding]:
        """Blocked keys whose term is over, those that ended first first."""
        with self._connected() as db:
            return _standings(db, "state = 'BLOCKED' and blocked_until <= %s", [on], "blocked_until, key_id", limit)

    def counts(self) -> dict[str, int]:
        """How many keys are in each state."""
        with self._connected() as db:
            return dict(db.execute("select state, count(*) from keys.subject_key group by state").fetchall())

    def block(self, key_ids: Collection[int], *, until: date, basis: str) -> int:
        """Seals keys to the officer: nobody else can read what is under them. Returns how many were not blocked before.

        Of what is blocked already, the later term counts. Raises `Refused` if no officer was named.
        """
        if not 0 < len(basis.strip()) <= LONGEST_BASIS:
            raise Refused(f"Say on what legal basis it is kept, in at most {LONGEST_BASIS} characters.", "basis")
        done = 0
        with self._connected() as db:
            for ids in portions(key_ids):
                with db.transaction():
                    done += self._block(db, ids, until, basis)
        for key_id in key_ids:
            self.ring.evict(key_id)
        return done

    def unblock(self, key_ids: Collection[int], officer: Officer) -> int:
        """Gives blocked keys back to everybody, by the officer's key. Returns how many there were. Raises `OfficerError`."""
        done = 0
        with self._connected() as db:
            for ids in portions(key_ids):
                keys = _opened(db, ids, officer)
                if not keys:
                    continue
                with db.transaction():
                    db.execute("select pg_advisory_xact_lock(%s)", [CHANGING])
                    db.execute("select pg_advisory_xact_lock_shared(%s)", [SWITCHING])
                    row = db.execute("select epoch, provider from keys.epoch where state = 'ACTIVE'").fetchone()
                    assert row is not None
                    wrapped = self.ring.providers[row[1]].wrap(row[0], list(keys.values()))
                    done += db.execute(
                        "update keys.subject_key k set state = 'ACTIVE', wrapped = n.wrapped, epoch = %s, blocking_key = null, "
                        "       blocked_at = null, blocked_until = null, basis = null "
                        "  from unnest(%s::bigint[], %s::bytea[]) n (key_id, wrapped) "
                        " where k.key_id = n.key_id and k.state = 'BLOCKED'",
                        [row[0], list(keys), wrapped],
                    ).rowcount
        return done

    def opened(self, key_ids: Collection[int], officer: Officer) -> dict[int, AESGCM]:
        """Blocked keys, to read by; they stay blocked. Raises `OfficerError`."""
        found: dict[int, AESGCM] = {}
        with self._connected() as db:
            for ids in portions(key_ids):
                found |= {key_id: AESGCM(key) for key_id, key in _opened(db, ids, officer).items()}
        return found

    def destroy(self, key_ids: Collection[int], *, because: int, on: date | None = None) -> int:
        """Destroys keys for good. `because` is the position of the event that says so; the rows stay, without material.

        Raises `Refused` if one is to be kept blocked beyond `on` (today, in UTC). Returns how many there still were.
        """
        done, today = 0, on or datetime.now(UTC).date()
        with self._connected() as db:
            ids = sorted(set(key_ids))
            row = db.execute(
                "select key_id, blocked_until from keys.subject_key "
                " where key_id = any(%s) and state = 'BLOCKED' and blocked_until > %s limit 1",
                [ids, today],
            ).fetchone()
            if row is not None:
                raise Refused(f"Key {row[0]} is to be kept blocked until {row[1]}. Destroy it then.")
            for some in portions(ids):
                with db.transaction():
                    db.execute("select pg_advisory_xact_lock(%s)", [CHANGING])
                    done += db.execute(
                        "update keys.subject_key set state = 'DESTROYED', wrapped = null, epoch = null, blocking_key = null, "
                        "       destroyed_at = now(), destroyed_because = %s "
                        " where key_id = any(%s) and state <> 'DESTROYED' and (state <> 'BLOCKED' or blocked_until <= %s)",
                        [because, some, today],
                    ).rowcount
        for key_id in ids:
            self.ring.evict(key_id)
        return done

    def count_on_after(self, key_id: int) -> None:
        """No key that is made from now on has this number or a lower one."""
        with self._connected() as db:
            db.execute("select keys.count_on_after(%s)", [key_id])

    def _block(self, db: Connection, ids: Sequence[int], until: date, basis: str) -> int:
        db.execute("select pg_advisory_xact_lock(%s)", [CHANGING])
        officer = _officer(db)
        if officer is None:
            raise Refused(
                "Nothing can be blocked yet: there is no officer to seal it to. Make a key: bitacora keys dpo."
            )
        db.execute(
            "update keys.subject_key set blocked_until = %s, basis = %s "
            " where key_id = any(%s) and state = 'BLOCKED' and blocked_until < %s",
            [until, basis, list(ids), until],
        )
        rows = db.execute(
            "select k.key_id, k.subject_id, k.wrapped, k.epoch, e.provider "
            "  from keys.subject_key k join keys.epoch e using (epoch) "
            " where k.key_id = any(%s) and k.state = 'ACTIVE' order by k.epoch, k.key_id",
            [list(ids)],
        ).fetchall()
        sealed = [
            (key_id, seal(officer[1], key, place_of_key(key_id, subject_id)))
            for key_id, subject_id, key in unwrapped(self.ring, rows)
        ]
        return db.execute(
            "update keys.subject_key k set state = 'BLOCKED', wrapped = n.sealed, epoch = null, blocking_key = %s, "
            "       blocked_at = now(), blocked_until = %s, basis = %s "
            "  from unnest(%s::bigint[], %s::bytea[]) n (key_id, sealed) where k.key_id = n.key_id",
            [officer[0], until, basis, [key_id for key_id, _ in sealed], [each for _, each in sealed]],
        ).rowcount

    def _connected(self) -> AbstractContextManager[Connection]:
        return connected(self.dsn)


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """A connection with the rights of the custodian. Raises `Unavailable`."""
    with reachable(), connect(dsn, role=CUSTODIAN_ROLE) as db:
        yield db


def portions(ids: Collection[int]) -> Iterator[list[int]]:
    """The ids, each once and in order, in lists of at most BATCH_KEYS."""
    whole = sorted(set(ids))
    return (whole[start : start + BATCH_KEYS] for start in range(0, len(whole), BATCH_KEYS))


def unwrapped(ring: KeyRing, rows: Sequence[tuple[int, UUID, bytes, int, str]]) -> Iterator[tuple[int, UUID, bytes]]:
    """The bare keys of rows of key, subject, wrapped key, epoch and provider, which stand epoch by epoch."""
    for (epoch, provider), group in groupby(rows, lambda row: (row[3], row[4])):
        wrapped = list(group)
        keys = ring.providers[provider].unwrap(epoch, [bytes(row[2]) for row in wrapped])
        yield from ((row[0], row[1], key) for row, key in zip(wrapped, keys, strict=True))


def _officer(db: Connection) -> tuple[int, bytes] | None:
    row = db.execute("select id, public from keys.blocking_key where retired_at is null").fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]))


def _opened(db: Connection, ids: Sequence[int], officer: Officer) -> dict[int, bytes]:
    rows = db.execute(
        "select k.key_id, k.subject_id, k.wrapped, b.public from keys.subject_key k "
        "  join keys.blocking_key b on b.id = k.blocking_key where k.key_id = any(%s) and k.state = 'BLOCKED'",
        [list(ids)],
    ).fetchall()
    for _, _, _, public in rows:
        must_be(officer, bytes(public))
    return {
        key_id: officer.open(bytes(wrapped), place_of_key(key_id, subject_id))
        for key_id, subject_id, wrapped, _ in rows
    }


def must_be(officer: Officer, public: bytes) -> None:
    """Raises `OfficerError` if something was sealed to somebody else."""
    if officer.public != public:
        raise OfficerError(
            f"This was sealed to the key {fingerprint(public)}, and the file is that of {fingerprint(officer.public)}."
        )


def _standings(
    db: Connection,
    which: str,
    parameters: list[object],
    order: str = "subject_id, class, period, serial",
    limit: int | None = None,
) -> list[KeyStanding]:
    rows = db.execute(
        "select key_id, subject_id, class, period, state, blocked_until, basis, destroyed_at, destroyed_because "
        f"  from keys.subject_key where {which} order by {order} limit %s",
        [*parameters, limit],
    ).fetchall()
    return [KeyStanding(*row) for row in rows]
