"""Blocked values: single values that were corrected, sealed to the data protection officer until their term is over."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from domain.kernel import Refused
from eventstore.arrays import bytes_array, id_array
from eventstore.custody.custodian import BATCH_KEYS, CHANGING, Custodian, connected, must_be
from eventstore.custody.officer import Officer, place_of_value, seal


class Corrected(NamedTuple):
    """A value that another event corrected: where it stood, whose it is, and itself, as JSON."""

    position: int
    slot: int
    subject_id: UUID
    key_id: int
    because: int
    value: bytes


class BlockedValue(NamedTuple):
    """A value that only the officer can read, opened."""

    position: int
    slot: int
    because: int
    blocked_until: date
    basis: str
    value: bytes


class BlockedValues:
    """Keeps them in the keys' database. Doing it twice is the same as once."""

    def __init__(self, custodian: Custodian) -> None:
        self._custodian = custodian

    def keep(self, values: Sequence[Corrected], *, until: date, basis: str) -> None:
        """Seals values to the officer, all or none. Raises `Refused` if no officer was named."""
        officer = self._custodian.officer()
        if officer is None:
            raise Refused(
                "Nothing can be blocked yet: there is no officer to seal it to. Make a key: bitacora keys dpo."
            )
        number, public = officer
        sealed = [
            seal(public, each.value, place_of_value(each.position, each.slot, each.subject_id)) for each in values
        ]
        with connected(self._custodian.dsn) as db:
            db.execute(
                "insert into keys.blocked_value "
                "  (position, slot, subject_id, key_id, because, sealed, blocking_key, blocked_until, basis) "
                "select v.position, v.slot, v.subject_id, v.key_id, v.because, v.sealed, %s, %s, %s "
                "  from unnest(%s::bigint[], %s::smallint[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bytea[]) "
                "       v (position, slot, subject_id, key_id, because, sealed) "
                "on conflict do nothing",
                [
                    number, until, basis, [each.position for each in values], [each.slot for each in values],
                    id_array(each.subject_id for each in values), [each.key_id for each in values],
                    [each.because for each in values], bytes_array(sealed),
                ],
            )  # fmt: skip

    def opened(self, subjects: Collection[UUID], officer: Officer) -> list[BlockedValue]:
        """What is kept of these data subjects, by position. Raises `OfficerError`."""
        with connected(self._custodian.dsn) as db:
            rows = db.execute(
                "select v.position, v.slot, v.because, v.blocked_until, v.basis, v.sealed, v.subject_id, b.public "
                "  from keys.blocked_value v join keys.blocking_key b on b.id = v.blocking_key "
                " where v.subject_id = any(%s::uuid[]) and v.sealed is not null order by v.position, v.slot",
                [id_array(subjects)],
            ).fetchall()
        for row in rows:
            must_be(officer, bytes(row[7]))
        return [
            BlockedValue(
                position,
                slot,
                because,
                until,
                basis,
                officer.open(bytes(sealed), place_of_value(position, slot, subject)),
            )
            for position, slot, because, until, basis, sealed, subject, _ in rows
        ]

    def end(self, now: datetime) -> int:
        """Destroys the values whose term is over, at most BATCH_KEYS of them; that they were there stays. Returns how many."""
        with connected(self._custodian.dsn) as db, db.transaction():
            db.execute("select pg_advisory_xact_lock(%s)", [CHANGING])
            return db.execute(
                "update keys.blocked_value v set sealed = null, destroyed_at = %s from ("
                "  select position, slot from keys.blocked_value "
                "   where sealed is not null and blocked_until <= %s limit %s) over "
                " where v.position = over.position and v.slot = over.slot",
                [now, now.date(), BATCH_KEYS],
            ).rowcount
