"""Disclosure: the personal values of events that were read, deciphered or only marked as there."""

from collections.abc import Collection, Iterable
from typing import Any

from cryptography.exceptions import InvalidTag
from psycopg_pool import ConnectionPool

from eventstore.arrays import number_array
from eventstore.blocked import MARKED, SEALED
from eventstore.codec import Codec
from eventstore.database import LogCorrupted
from eventstore.envelope import Happened
from eventstore.personal import KeyRing, context

Disclose = bool | Collection[str]
"""Whether personal values are deciphered: for no events, for all, or for those that are stored under these names."""


class Disclosure:
    """Puts personal values into events that nobody else has seen yet. What was forgotten, or is blocked, stays None."""

    def __init__(self, pool: ConnectionPool, codec: Codec, keys: KeyRing) -> None:
        self._pool = pool
        self._codec = codec
        self._keys = keys

    def tell(self, found: list[Happened], names: Disclose) -> None:
        """Deciphers those of a page, in two statements. Raises `LogCorrupted`."""
        holders = self._holders(found, names)
        values = self._values(SEALED, holders) if holders else []
        ciphers = self._keys.for_reading({value[3] for value in values}) if values else {}
        for position, slot, subject_id, key_id, nonce, ciphertext in values:
            if key_id not in ciphers:
                continue
            event, at = holders[position]
            place = context(at.stream_id, at.version, at.type, slot, subject_id, key_id)
            try:
                self._codec.disclose(event, slot, ciphers[key_id].decrypt(nonce, ciphertext, place))
            except InvalidTag as error:
                raise LogCorrupted(
                    f"A personal value of event {position} is not the one that was sealed there."
                ) from error

    def mark(self, found: list[Happened], names: Collection[str]) -> None:
        """Says of each personal text of a page whether it could be told (`UNTOLD`): no key is opened for that."""
        holders = self._holders(found, names)
        values = self._values(MARKED, holders) if holders else []
        readable = self._keys.readable({value[2] for value in values}) if values else ()
        for position, slot, key_id in values:
            if key_id in readable:
                self._codec.mark(holders[position].event, slot)

    def _holders(self, found: list[Happened], names: Disclose) -> dict[int, Happened]:
        """Which of these events may have personal values, by their positions."""
        shapes = self._codec.shapes
        return {
            each.at.position: each
            for each in found
            if shapes[each.event.stored_as].personal and (isinstance(names, bool) or each.at.type in names)
        }

    def _values(self, query: str, holders: Iterable[int]) -> list[tuple[Any, ...]]:
        with self._pool.connection() as db, db.cursor(binary=True) as cursor:  # given back before keys are asked for
            return cursor.execute(query, [number_array(holders), self._keys.reads_blocked]).fetchall()
