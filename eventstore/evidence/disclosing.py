"""Disclosing: personal values in the clear, with what is needed to check that they are the ones that were sealed."""

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import Connection

from domain.kernel import Refused
from eventstore.codec import Codec, UnknownEvent
from eventstore.personal import KeyRing, context

MAX_DISCLOSED = 1_000
"""So many events may be disclosed in one bundle."""


class Disclosed(NamedTuple):
    """A personal value in the clear, and its seal. The data key opens what was sealed of the same person, class and year."""

    slot: int
    name: str
    value: object
    nonce: bytes
    ciphertext: bytes
    data_key: bytes

    def as_json(self) -> dict[str, object]:
        """As it stands in a bundle; bytes in base64."""
        return {
            "slot": self.slot,
            "name": self.name,
            "value": self.value,
            "nonce": base64.b64encode(self.nonce).decode(),
            "ciphertext": base64.b64encode(self.ciphertext).decode(),
            "data_key": base64.b64encode(self.data_key).decode(),
        }


class Discloser:
    """Deciphers for somebody who has a right to see it. What was erased or is blocked is not told."""

    def __init__(self, codec: Codec, ring: KeyRing) -> None:
        self.codec = codec
        self.ring = ring

    def values(self, db: Connection, positions: Sequence[int]) -> dict[int, list[Disclosed]]:
        """The values of the events at these positions. Raises `Refused` for a position of which nothing can be told."""
        if len(set(positions)) > MAX_DISCLOSED:
            raise Refused(f"At most {MAX_DISCLOSED:,} events can be disclosed in one bundle.", "disclose")
        rows = db.execute(
            "select e.position, e.stream_id, e.version, e.type, e.body, p.slot, p.subject_id, p.key_id, p.nonce, p.ciphertext "
            "  from es.event e join es.personal p using (position) where e.position = any(%s) order by e.position, p.slot",
            [sorted(set(positions))],
        ).fetchall()
        keys = self.ring.keys_themselves({row[7] for row in rows})
        found: dict[int, list[Disclosed]] = {}
        for position, stream_id, version, type, body, slot, subject_id, key_id, nonce, ciphertext in rows:
            if key_id not in keys:
                continue
            place = context(stream_id, version, type, slot, subject_id, key_id)
            try:
                value = json.loads(AESGCM(keys[key_id]).decrypt(nonce, ciphertext, place))
                name = self.codec.personal_field(self.codec.decode(type, body), slot).name
            except (InvalidTag, UnknownEvent, IndexError) as error:
                raise Refused(
                    f"A personal value of event {position:,} is not the one that was sealed there."
                ) from error
            found.setdefault(position, []).append(Disclosed(slot, name, value, nonce, ciphertext, keys[key_id]))
        for position in sorted(set(positions)):
            if position not in found:
                raise Refused(
                    f"Of event {position:,} nothing can be disclosed: it has no personal values, or they were erased or are "
                    "blocked, or there is no such event.",
                    "disclose",
                )
        return found
