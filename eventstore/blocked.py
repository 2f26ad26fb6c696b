"""Blocked: whoever is blocked, or was erased, is left alone: nothing new is recorded of them, and nothing is told."""

from collections.abc import Collection, Sequence
from uuid import UUID

import psycopg
from psycopg import Connection

from domain.kernel import BLOCKED, Refused
from eventstore.envelope import Draft

TURNED_DOWN = "BT004"
"""How the append routine says so (schema/150_blocked.sql)."""
NOTHING_MORE = "This customer is blocked or was erased: nothing more can be recorded of them."
GOES_ON = ("erasure.", "follow_up.")
"""What is recorded even of who is blocked: how the request goes on, and how what was promised to them ends."""

_VALUES = (
    "es.personal p where p.position = any(%s::bigint[]) and (%s or not exists ("
    "   select from es.claim k "
    f"   where k.kind = '{BLOCKED}' and k.key = uuid_send(p.subject_id) and k.owner and k.until is null))"
)
SEALED = f"select p.position, p.slot, p.subject_id, p.key_id, p.nonce, p.ciphertext from {_VALUES}"
"""The personal values of events, as they are sealed; those of who is blocked only if that is asked for."""
MARKED = f"select p.position, p.slot, p.key_id from {_VALUES}"
"""Where there are some, and by which keys they are sealed."""


def blocked(db: Connection, ids: Collection[UUID | None]) -> set[UUID]:
    """Those of these data subjects who are blocked or were erased."""
    wanted = {id.bytes for id in ids if id is not None}
    if not wanted:
        return set()
    rows = db.execute(
        "select encode(key, 'hex')::uuid from es.claim where kind = %s and key = any(%s) and owner and until is null",
        [BLOCKED, list(wanted)],
    ).fetchall()
    return {row[0] for row in rows}


def turned_down(drafts: Sequence[Draft], error: psycopg.DatabaseError) -> tuple[Draft, Refused] | None:
    """Which of these events concerns who is blocked, if that is why the database turned them down."""
    if error.sqlstate != TURNED_DOWN:
        return None
    ours = next((draft for draft in drafts if str(draft.customer_id) == error.diag.message_detail), None)
    return None if ours is None else (ours, Refused(NOTHING_MORE, "customer_id"))


def goes_on(type: str) -> bool:
    """Whether such an event is recorded even of who is blocked."""
    return type.startswith(GOES_ON)
