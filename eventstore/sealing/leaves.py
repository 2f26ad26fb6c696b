"""Leaves: the exact bytes of an event that are hashed into the tree (bitacora-leaf/1)."""

import struct
from collections.abc import Sequence
from typing import Any

FORMAT = b"bitacora-leaf/1"
MAX_ENTRY_BYTES = 65_535
"""What an entry bundle of C2SP tlog-tiles can hold."""

EVENT_COLUMNS = (
    "position, (extract(epoch from recorded_at) * 1000000)::bigint, uuid_send(stream_id), version, convert_to(type, 'UTF8'), "
    "uuid_send(customer_id), (extract(epoch from occurred_at) * 1000000)::bigint, convert_to(actor, 'UTF8'), "
    "convert_to(origin, 'UTF8'), uuid_send(command_id), uuid_send(correlation_id), because, sha256(body), personal"
)
"""What is selected from `es.event` for `event_entry`, in its order."""

_head = struct.pack(">H", len(FORMAT)) + FORMAT
_begin = struct.Struct(">HqHqH16sHiH").pack
_short = struct.Struct(">H").pack
_long = struct.Struct(">Hq").pack
_ids = struct.Struct(">H16sH16s").pack
_empty = _short(0)


class Unsealable(Exception):
    """An entry is longer than an entry of a log may be."""


def event_entry(row: Sequence[Any]) -> bytes:
    """The entry of an event from its `EVENT_COLUMNS`: each field after its length as two bytes, big-endian.

    Times are in microseconds since 1970, UTC. The body is there as its SHA-256 only, and personal values as the digest
    that the event keeps of them, so that both can be forgotten and the entry still be proven. Raises `Unsealable`.
    """
    (
        position, recorded_us, stream_id, version, type, customer_id, occurred_us,
        actor, origin, command_id, correlation_id, because, body, personal,
    ) = row  # fmt: skip
    try:
        entry = b"".join(
            (
                _head,
                _begin(8, position, 8, recorded_us, 16, stream_id, 4, version, len(type)),
                type,
                _empty if customer_id is None else b"\0\x10" + customer_id,
                _long(8, occurred_us),
                _short(len(actor)),
                actor,
                _short(len(origin)),
                origin,
                _ids(16, command_id, 16, correlation_id),
                _empty if because is None else _long(8, because),
                b"\0\x20" + body,
                _empty if personal is None else _short(len(personal)) + personal,
            )
        )
    except struct.error as error:
        raise Unsealable(f"Event {position} cannot be sealed: {error}.") from error
    if len(entry) > MAX_ENTRY_BYTES:
        raise Unsealable(f"Event {position} cannot be sealed: {len(entry):,} bytes are too many for an entry.")
    return entry
