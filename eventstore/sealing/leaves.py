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

READ_FORMAT = b"bitacora-read/1"
READ_COLUMNS = (
    "position, (extract(epoch from recorded_at) * 1000000)::bigint, convert_to(actor, 'UTF8'), convert_to(door, 'UTF8'), "
    "convert_to(purpose, 'UTF8'), convert_to(operation, 'UTF8'), document, seen, "
    "(select string_agg(uuid_send(subject), ''::bytea order by n) from unnest(subjects) with ordinality s (subject, n))"
)
"""What is selected from `es.read` for `read_entry`, in its order."""

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


def read_entry(row: Sequence[Any]) -> bytes:
    """The entry of a read from its `READ_COLUMNS` (bitacora-read/1), written as that of an event is. Raises `Unsealable`."""
    position, recorded_us, actor, door, purpose, operation, document, seen, subjects = row
    fields = (
        READ_FORMAT, _number(position), _number(recorded_us), actor, door, purpose or b"", operation or b"",
        document or b"", _number(seen), subjects or b"",
    )  # fmt: skip
    try:
        entry = b"".join(_short(len(field)) + field for field in fields)
    except struct.error as error:
        raise Unsealable(f"Read {position} cannot be sealed: {error}.") from error
    if len(entry) > MAX_ENTRY_BYTES:
        raise Unsealable(f"Read {position} cannot be sealed: {len(entry):,} bytes are too many for an entry.")
    return entry


def fields(entry: bytes) -> list[bytes]:
    """The fields of an entry. Raises `ValueError` if it is none."""
    found, at = [], 0
    while at < len(entry):
        end = at + 2 + int.from_bytes(entry[at : at + 2])
        if end > len(entry):
            raise ValueError("This is no entry of a log: a field of it is cut off.")
        found.append(entry[at + 2 : end])
        at = end
    return found


_number = struct.Struct(">q").pack
