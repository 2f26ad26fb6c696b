"""What stands in the log at a range of positions, with its personal values and tombstones, read for evidence."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from psycopg import Connection

from eventstore.sealing.leaves import EVENT_COLUMNS, Unsealable, event_entry

DESTROYED = ("erasure.keys_destroyed.", "retention.keys_destroyed.")
"""How the stored names of events begin that say which keys were destroyed."""
CLEAR_COLUMNS = re.sub(
    r"(\(extract\(epoch from (\w+)\) \* 1000000\)::bigint)",
    r"case when isfinite(\2) then \1 end",
    EVENT_COLUMNS.replace("sha256(body)", "body"),
)
"""As the sealer reads them, but with the body itself, whose digest is computed here, and without failing at any time."""

NO_SUCH = "it is not there"
CHANGED = "it is not the one that was sealed"
TWICE = "it stands there more than once"
UNREADABLE = "it cannot be read as an event"
PERSONAL = "its personal values are not those that were sealed"

_place = struct.Struct(">H16sQ").pack
_by_position = itemgetter(0)


class Kept(NamedTuple):
    """A personal value, or what is left of it: `because` is the position of the event by which it was forgotten."""

    slot: int
    subject: bytes
    key_id: int
    digest: bytes
    because: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at a position. Without `entry` there is nothing that can be read as one event."""

    position: int
    entry: bytes = b""
    recorded_us: int = 0
    type: str = ""
    stream: bytes = b""
    body: bytes = b""
    kept: tuple[Kept, ...] = ()
    wrong: str = ""
    """What is wrong with it by itself, whatever was sealed; nothing, mostly."""


class Rows(NamedTuple):
    """What the tables hold at some positions, which go upwards."""

    positions: Sequence[int]
    events: Sequence[tuple[Any, ...]]
    kept: Sequence[tuple[Any, ...]]


def fetch(db: Connection, positions: Sequence[int]) -> Rows:
    """What the tables hold at these positions: a range, or any that go upwards."""
    cursor = db.cursor(binary=True)
    asked: dict[str, object]
    if isinstance(positions, range):
        where, asked = "position between %(first)s and %(last)s", {"first": positions.start, "last": positions.stop - 1}
    else:
        where, asked = "position = any(%(positions)s)", {"positions": list(positions)}
    events = cursor.execute(f"select {CLEAR_COLUMNS} from es.event where {where} order by position", asked).fetchall()
    kept = cursor.execute(
        "select position, slot, uuid_send(subject_id), key_id, nonce || ciphertext, null::bytea, null::bigint "
        f"  from es.personal where {where} union all "
        "select position, slot, uuid_send(subject_id), key_id, null, digest, because "
        f"  from es.erased where {where} order by 1, 2",
        asked,
    ).fetchall()
    return Rows(positions, events, kept)


def standing(rows: Rows) -> Iterator[Standing]:
    """What stands at each position: one for each, whatever was done to the tables."""
    kept = {
        position: tuple(
            Kept(slot, subject, key_id, sha256(sealed).digest() if digest is None else digest, because)
            for _, slot, subject, key_id, sealed, digest, because in of
        )
        for position, of in groupby(rows.kept, _by_position)
    }
    events = iter(rows.events)
    row = next(events, None)
    for position in rows.positions:
        values = kept.get(position, ())
        if row is None or row[0] != position:
            yield Standing(position, kept=values, wrong=NO_SUCH)
            continue
        here, row = row, next(events, None)
        if row is None or row[0] != position:
            yield _standing(here, values)
            continue
        while row is not None and row[0] == position:
            row = next(events, None)
        yield Standing(position, kept=values, wrong=TWICE)


def digest_of(kept: Sequence[Kept]) -> bytes | None:
    """What an event keeps of these values (`eventstore.personal.digest`); None if there are none."""
    if not kept:
        return None
    whole = sha256(b"bitacora-personal/1\0")
    for value in kept:
        whole.update(_place(value.slot & 0xFFFF, value.subject, value.key_id & 2**64 - 1))
        whole.update(value.digest)
    return whole.digest()


def destroyed_by(body: bytes) -> list[int]:
    """The keys that such an event says were destroyed; none, if it cannot be read."""
    try:
        return [int(key_id) for key_id in orjson.loads(body)["key_ids"]]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return []


def _standing(row: tuple[Any, ...], kept: tuple[Kept, ...]) -> Standing:
    position, body, personal, type = row[0], row[12] or b"", row[13], (row[4] or b"").decode(errors="replace")
    try:
        entry = event_entry((*row[:12], sha256(body).digest(), personal))
    except (Unsealable, TypeError):  # nobody gets there but a superuser who takes constraints away
        return Standing(position, b"", row[1] or 0, type, row[2] or b"", body, kept, UNREADABLE)
    wrong = "" if digest_of(kept) == personal else PERSONAL
    return Standing(position, entry, row[1], type, row[2], body, kept, wrong)
