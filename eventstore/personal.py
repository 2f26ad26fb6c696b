"""Personal values: enciphered under a key of their data subject, beside the log, so that a person can be forgotten."""

import base64
import hmac
import os
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import ConnectionPool

from eventstore.arrays import number_array
from eventstore.custody.providers import (
    CLAIMS,
    DERIVED,
    FIRST_EPOCH,
    KEY_BYTES,
    InMemory,
    Keks,
    KeyFileError,
    Provider,
    Providers,
)

DIGESTED = b"bitacora-personal/1\0"
"""What the digest of an event's personal values begins with."""
NONCE_BYTES = 12
MAX_CACHED_KEYS = 50_000
MAX_CACHED_S = 600.0
"""For how long a key may be held unwrapped."""
MAX_TRIES = 10
NOT_ACTIVE = "BT010"


class Subject(NamedTuple):
    """What a key is for: a data subject, a class of personal values, and the year in which they came about (0: before
    keys had one)."""

    subject_id: UUID
    key_class: str
    period: int


class SubjectKey(NamedTuple):
    key_id: int
    cipher: AESGCM


class Cached(NamedTuple):
    """A key that is held unwrapped, and since when."""

    subject: Subject
    cipher: AESGCM
    since: float


class SealedValue(NamedTuple):
    """A personal value as it is stored, beside its event."""

    slot: int
    subject_id: UUID
    key_id: int
    nonce: bytes
    ciphertext: bytes

    def as_json(self) -> dict[str, object]:
        return {
            "slot": self.slot,
            "subject_id": self.subject_id,
            "key_id": self.key_id,
            "nonce": base64.b64encode(self.nonce).decode(),
            "ciphertext": base64.b64encode(self.ciphertext).decode(),
        }


def context(stream_id: UUID, version: int, type: str, slot: int, subject_id: UUID, key_id: int) -> bytes:
    """The associated data that ties a ciphertext to its place: moved anywhere else, it does not decipher."""
    place = struct.pack(">16sIH16sQ", stream_id.bytes, version, slot, subject_id.bytes, key_id)
    return b"bitacora-personal/1\0" + place + type.encode()


def digest(values: Iterable[SealedValue]) -> bytes:
    """SHA-256 over slot, subject, key and `sha256(nonce || ciphertext)` of each value: what the event keeps of them."""
    whole = sha256(DIGESTED)
    for value in values:
        whole.update(struct.pack(">H16sQ", value.slot, value.subject_id.bytes, value.key_id))
        whole.update(sha256(value.nonce + value.ciphertext).digest())
    return whole.digest()


def fresh_nonces(count: int) -> Iterator[bytes]:
    """So many nonces that were never used before."""
    return _random(count, NONCE_BYTES)


def _random(count: int, size: int) -> Iterator[bytes]:
    """So many random values, asked of the system at once: every question lets other threads go first."""
    whole = os.urandom(count * size)
    return (whole[start : start + size] for start in range(0, count * size, size))


class KeyRing:
    """The subjects' keys: made when first needed, wrapped in the database by the epoch's key, cached unwrapped.

    `keys` are the providers of key-encryption keys, or one such key for a database that nobody keeps. Nothing is asked
    of the database before a key is.
    """

    reads_blocked = False
    """Whether what is blocked is read by it."""

    def __init__(
        self, pool: ConnectionPool, keys: Providers | bytes, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.pool = pool
        self.providers = keys if isinstance(keys, Providers) else Providers(InMemory({FIRST_EPOCH: keys}))
        self._now = now
        self._active: tuple[int, Provider] | None = None
        self._secrets: dict[str, bytes] = {}
        self._by_subject: dict[Subject, int] = {}
        self._by_id: OrderedDict[int, Cached] = OrderedDict()
        self._turn = 0
        self._lock = Lock()

    def for_writing(self, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """A key for each, in one statement for those that are new. A key is durable before anything is written with it."""
        wanted = set(subjects)
        self.expire()
        with self._lock:
            found = {
                subject: SubjectKey(key_id, self._by_id[key_id].cipher)
                for subject in wanted
                if (key_id := self._by_subject.get(subject)) is not None
            }
        for _ in range(MAX_TRIES):
            if not (missing := sorted(wanted - found.keys())):
                return found
            found |= self._there(missing)
            if absent := [subject for subject in missing if subject not in found]:
                found |= self._made(absent)
        raise KeyFileError("The keys of personal values change faster than one can be taken. Try again.")

    def for_reading(self, key_ids: Iterable[int]) -> dict[int, AESGCM]:
        """The keys that can be read by. Those that are missing were blocked or destroyed: what they sealed is not told."""
        wanted = set(key_ids)
        self.expire()
        with self._lock:
            found = {key_id: self._by_id[key_id].cipher for key_id in wanted if key_id in self._by_id}
        if missing := list(wanted - found.keys()):
            found |= {key.key_id: key.cipher for _, key in self._unwrapped("k.key_id = any(%s)", [missing])}
        return found

    def readable(self, key_ids: Iterable[int]) -> set[int]:
        """Those of these keys that can be read by, as the database knows them: none of them is unwrapped."""
        with self.pool.connection() as db:
            rows = db.execute(
                "select key_id from keys.subject_key where state = 'ACTIVE' and key_id = any(%s::bigint[])",
                [number_array(key_ids)],
            ).fetchall()
        return {row[0] for row in rows}

    def keys_themselves(self, key_ids: Iterable[int]) -> dict[int, bytes]:
        """Keys to be handed out, with values that are disclosed so that others can check them. Not kept in memory."""
        return {key_id: key for key_id, _, key in self._read("k.key_id = any(%s)", [list(key_ids)])}

    def hashed(self, kind: str, value: str) -> bytes:
        """By what a value is found again without being kept: HMAC-SHA-256 of its kind and itself under a secret of ours."""
        return hmac.digest(self.secret(CLAIMS), f"{kind}\0{value}".encode(), "sha256")

    def secret(self, name: str) -> bytes:
        """A secret of 32 bytes that outlives every epoch. Made when first asked for. Raises `KeyFileError`."""
        if name not in self._secrets:
            for _ in range(MAX_TRIES):
                if (known := self._kept_secret(name)) is not None:
                    self._secrets[name] = known
                    break
                self._make_secret(name)
        return self._secrets[name]

    def evict(self, key_id: int) -> None:
        """Drops an unwrapped key from memory: it was blocked or destroyed."""
        with self._lock:
            self._turn += 1
            self._drop(key_id)

    def expire(self) -> None:
        """Drops every key from memory that was held for long enough."""
        before = self._now() - MAX_CACHED_S
        with self._lock:
            while self._by_id and next(iter(self._by_id.values())).since <= before:
                self._drop(next(iter(self._by_id)))

    def forget(self) -> None:
        """Drops every unwrapped key from memory."""
        with self._lock:
            self._turn += 1
            self._by_subject.clear()
            self._by_id.clear()

    def active(self) -> tuple[int, Provider]:
        """The epoch by which new keys are wrapped, and its provider; the first one is made now."""
        while self._active is None:
            with self.pool.connection() as db:
                row = db.execute("select epoch, provider from keys.epoch where state = 'ACTIVE'").fetchone()
            if row is not None:
                self._active = self._proved(row[0], self.providers[row[1]])
            else:
                current = self.providers.current
                reference = current.make(FIRST_EPOCH)
                with self.pool.connection() as db:
                    db.execute("select keys.begin(%s, %s)", [current.name, reference])
        return self._active

    def _proved(self, epoch: int, provider: Provider) -> tuple[int, Provider]:
        """Nothing is wrapped by another key than the one by which the rest is. Raises `KeyFileError`."""
        with self.pool.connection() as db:
            row = db.execute(
                "select wrapped from keys.secret where epoch = %s union all "
                "(select wrapped from keys.subject_key where epoch = %s limit 1) limit 1",
                [epoch, epoch],
            ).fetchone()
        if row is not None:
            provider.unwrap(epoch, [bytes(row[0])])
        return epoch, provider

    def _there(self, subjects: Sequence[Subject]) -> dict[Subject, SubjectKey]:
        """The keys that there are for writing; of several that mean the same, the youngest."""
        return dict(
            self._unwrapped(
                "(k.subject_id, k.class, k.period) in (select * from unnest(%s::uuid[], %s::text[], %s::smallint[]))",
                [list(column) for column in zip(*subjects, strict=True)],
            )
        )

    def _made(self, subjects: Sequence[Subject]) -> dict[Subject, SubjectKey]:
        """New keys for those for which nobody else made one at the same moment."""
        epoch, provider = self.active()
        fresh = list(_random(len(subjects), KEY_BYTES))
        wrapped = provider.wrap(epoch, fresh)  # before a connection is taken: nobody holds one and waits for another
        turn = self._turn
        try:
            with self.pool.connection() as db:
                rows = db.execute(
                    "insert into keys.subject_key (subject_id, class, period, serial, wrapped, epoch) "
                    "select w.subject_id, w.class, w.period, "
                    "       coalesce((select max(k.serial) + 1 from keys.subject_key k where k.subject_id = w.subject_id "
                    "                    and k.class = w.class and k.period = w.period), 0), w.wrapped, %s "
                    "  from unnest(%s::uuid[], %s::text[], %s::smallint[], %s::bytea[]) w (subject_id, class, period, wrapped) "
                    " where not exists (select from keys.subject_key k where k.subject_id = w.subject_id "
                    "                      and k.class = w.class and k.period = w.period and k.state = 'ACTIVE') "
                    "on conflict on constraint subject_key_meaning do nothing "
                    "returning key_id, subject_id, class, period",
                    [epoch, *(list(column) for column in zip(*subjects, strict=True)), wrapped],
                ).fetchall()
        except psycopg.DatabaseError as error:
            if error.sqlstate != NOT_ACTIVE:
                raise
            self._active = None  # it was rotated meanwhile
            return {}
        keys = dict(zip(subjects, fresh, strict=True))
        made = [(key_id, Subject(*subject)) for key_id, *subject in rows]
        return dict(self._keep([(key_id, subject, keys[subject]) for key_id, subject in made], turn))

    def _unwrapped(self, which: str, parameters: list[Any]) -> list[tuple[Subject, SubjectKey]]:
        turn = self._turn
        try:
            rows = self._read(which, parameters)
        except KeyFileError:  # wrapped anew, and the old epoch destroyed, since we read it? Or really not readable
            rows = self._read(which, parameters)
        return self._keep(rows, turn)

    def _read(self, which: str, parameters: list[Any]) -> list[tuple[int, Subject, bytes]]:
        with self.pool.connection() as db, db.cursor(binary=True) as cursor:
            rows = cursor.execute(
                "select k.key_id, k.subject_id, k.class, k.period, k.wrapped, k.epoch, e.provider "
                "  from keys.subject_key k join keys.epoch e on e.epoch = k.epoch "
                f"where k.state = 'ACTIVE' and {which} order by k.serial, k.epoch",
                parameters,
            ).fetchall()
        found: list[tuple[int, Subject, bytes]] = []
        for (epoch, provider), group in groupby(rows, lambda row: (row[5], row[6])):
            wrapped = list(group)
            keys = self.providers[provider].unwrap(epoch, [row[4] for row in wrapped])
            found += [(row[0], Subject(*row[1:4]), key) for row, key in zip(wrapped, keys, strict=True)]
        return found

    def _keep(self, keys: list[tuple[int, Subject, bytes]], turn: int) -> list[tuple[Subject, SubjectKey]]:
        found = [(subject, SubjectKey(key_id, AESGCM(key))) for key_id, subject, key in keys]
        now = self._now()
        with self._lock:
            for subject, key in found if turn == self._turn else ():  # or it may have been blocked since it was read
                self._drop(key.key_id)
                self._by_id[key.key_id] = Cached(subject, key.cipher, now)
                self._by_subject[subject] = key.key_id
            while len(self._by_id) > MAX_CACHED_KEYS:
                self._drop(next(iter(self._by_id)))
        return found

    def _drop(self, key_id: int) -> None:
        held = self._by_id.pop(key_id, None)
        if held is not None and self._by_subject.get(held.subject) == key_id:
            del self._by_subject[held.subject]

    def _kept_secret(self, name: str) -> bytes | None:
        with self.pool.connection() as db:
            row = db.execute(
                "select s.wrapped, s.epoch, e.provider from keys.secret s join keys.epoch e using (epoch) where s.name = %s",
                [name],
            ).fetchone()
        return None if row is None else self.providers[row[2]].unwrap(row[1], [bytes(row[0])])[0]

    def _make_secret(self, name: str) -> None:
        """Keeps a secret for good: the one that the first key file always led to, if that is what there is."""
        epoch, provider = self.active()
        first = isinstance(provider, Keks) and epoch == FIRST_EPOCH and name in DERIVED
        fresh = DERIVED[name](provider.key(epoch)) if first and isinstance(provider, Keks) else os.urandom(KEY_BYTES)
        wrapped = provider.wrap(epoch, [fresh])[0]
        try:
            with self.pool.connection() as db:
                db.execute(
                    "insert into keys.secret (name, wrapped, epoch) values (%s, %s, %s) on conflict do nothing",
                    [name, wrapped, epoch],
                )
        except psycopg.DatabaseError as error:
            if error.sqlstate != NOT_ACTIVE:
                raise
            self._active = None
