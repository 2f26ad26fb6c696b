"""Personal values: enciphered under a key of their data subject, beside the log, so that a person can be forgotten."""

import base64
import hmac
import os
import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from psycopg_pool import ConnectionPool

KEY_BYTES = 32
NONCE_BYTES = 12
MAX_CACHED_KEYS = 50_000
EPOCH = 1

Subject = tuple[UUID, str]
"""A data subject and the class of the personal value."""


class KeyFileError(Exception):
    """The key-encryption key is missing or not readable."""


class SubjectKey(NamedTuple):
    key_id: int
    cipher: AESGCM


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


def key_encryption_key(file: Path) -> bytes:
    """The key that wraps the subjects' keys, from its file; made on the first use, readable by its owner only."""
    try:
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "wb") as out:
                out.write(os.urandom(KEY_BYTES))
                out.flush()
                os.fsync(out.fileno())
        key = file.read_bytes()
    except OSError as error:
        raise KeyFileError(
            f"The key file {file} cannot be used: {error.strerror}. Without it personal values stay unreadable."
        ) from error
    if len(key) != KEY_BYTES:
        raise KeyFileError(
            f"The key file {file} holds {len(key)} bytes instead of {KEY_BYTES}. Restore it from its backup."
        )
    return key


def context(stream_id: UUID, version: int, type: str, slot: int, subject_id: UUID, key_id: int) -> bytes:
    """The associated data that ties a ciphertext to its place: moved anywhere else, it does not decipher."""
    place = struct.pack(">16sIH16sQ", stream_id.bytes, version, slot, subject_id.bytes, key_id)
    return b"bitacora-personal/1\0" + place + type.encode()


def digest(values: Iterable[SealedValue]) -> bytes:
    """SHA-256 over slot, subject, key and `sha256(nonce || ciphertext)` of each value: what the event keeps of them."""
    whole = sha256(b"bitacora-personal/1\0")
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
    """The subjects' keys: made when first needed, wrapped in the database (AES key wrap, RFC 3394), cached unwrapped."""

    def __init__(self, pool: ConnectionPool, kek: bytes) -> None:
        self._pool = pool
        self._kek = kek
        self._index_key = hmac.digest(kek, b"bitacora-claim/1", "sha256")
        self._by_subject: OrderedDict[Subject, SubjectKey] = OrderedDict()
        self._by_id: OrderedDict[int, AESGCM] = OrderedDict()
        self._lock = Lock()

    def for_writing(self, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """A key for each, in one statement for those that are new. A key is durable before anything is written with it."""
        wanted = set(subjects)
        with self._lock:
            found = {subject: self._by_subject[subject] for subject in wanted if subject in self._by_subject}
        missing = sorted(wanted - found.keys())
        if missing:
            ids, classes = [subject for subject, _ in missing], [key_class for _, key_class in missing]
            fresh = [aes_key_wrap(self._kek, key) for key in _random(len(missing), KEY_BYTES)]
            with self._pool.connection() as db:
                rows = db.execute(
                    "with made as (insert into keys.subject_key (subject_id, class, wrapped, epoch) "
                    "  select u.subject_id, u.class, u.wrapped, %s "
                    "    from unnest(%s::uuid[], %s::text[], %s::bytea[]) u (subject_id, class, wrapped) "
                    "   where not exists (select from keys.subject_key k "
                    "                      where k.subject_id = u.subject_id and k.class = u.class) "
                    "  on conflict on constraint subject_key_meaning do nothing "
                    "  returning key_id, subject_id, class, wrapped) "
                    "select key_id, subject_id, class, wrapped from made union all "
                    "select k.key_id, k.subject_id, k.class, k.wrapped from keys.subject_key k "
                    "  join unnest(%s::uuid[], %s::text[]) w (subject_id, class) using (subject_id, class)",
                    [EPOCH, ids, classes, fresh, ids, classes],
                ).fetchall()
                if len(rows) < len(missing):  # somebody else made one at the same moment: it is there now
                    rows = db.execute(
                        "select k.key_id, k.subject_id, k.class, k.wrapped from keys.subject_key k "
                        "  join unnest(%s::uuid[], %s::text[]) w (subject_id, class) using (subject_id, class)",
                        [ids, classes],
                    ).fetchall()
            for key_id, subject_id, key_class, wrapped in rows:
                found[subject_id, key_class] = self._keep((subject_id, key_class), key_id, wrapped)
        return found

    def for_reading(self, key_ids: Iterable[int]) -> dict[int, AESGCM]:
        """The keys that still exist. Those that are missing were destroyed: what they sealed is forgotten."""
        wanted = set(key_ids)
        with self._lock:
            found = {key_id: self._by_id[key_id] for key_id in wanted if key_id in self._by_id}
        missing = list(wanted - found.keys())
        if missing:
            with self._pool.connection() as db:
                rows = db.execute(
                    "select key_id, subject_id, class, wrapped from keys.subject_key where key_id = any(%s)", [missing]
                ).fetchall()
            for key_id, subject_id, key_class, wrapped in rows:
                found[key_id] = self._keep((subject_id, key_class), key_id, wrapped).cipher
        return found

    def hashed(self, kind: str, value: str) -> bytes:
        """By what a value is found again without being kept: HMAC-SHA-256 of its kind and itself under the ring's own key."""
        return hmac.digest(self._index_key, f"{kind}\0{value}".encode(), "sha256")

    def forget(self) -> None:
        """Drops every unwrapped key from memory."""
        with self._lock:
            self._by_subject.clear()
            self._by_id.clear()

    def _keep(self, subject: Subject, key_id: int, wrapped: bytes) -> SubjectKey:
        try:
            key = SubjectKey(key_id, AESGCM(aes_key_unwrap(self._kek, bytes(wrapped))))
        except InvalidUnwrap as error:
            raise KeyFileError(
                "The key file is not the one under which the personal values were sealed. Restore it from its backup."
            ) from error
        with self._lock:
            self._by_subject[subject] = key
            self._by_id[key_id] = key.cipher
            if len(self._by_id) > MAX_CACHED_KEYS:
                self._by_subject.popitem(last=False)
                self._by_id.popitem(last=False)
        return key
