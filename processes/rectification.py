"""Rectification: what was corrected is blocked, as LOPDGDD art. 32 asks: sealed to the officer, and gone from the log.

What counts as a correction is in `domain.superseding.SUPERSEDED`, and why in docs/decisions/017.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from dateutil.relativedelta import relativedelta

from eventstore.custody.custodian import Custodian
from eventstore.custody.eraser import Eraser
from eventstore.custody.values import BlockedValues, Corrected
from eventstore.database import LogCorrupted, reachable
from eventstore.evidence.correcting import RULES
from eventstore.log import Log
from eventstore.personal import context
from processes.clock import Now, wall_clock

NAME = "rectification"
"""Of the checkpoint."""
PAGE_POSITIONS = 5_000
BASIS = "LOPDGDD art. 32"
YEARS = 3
"""For how long a corrected value is kept blocked: the longest time in which an infringement can be prosecuted (art. 72)."""


CORRECTED = """
select distinct on (p.position, p.slot)
       p.position, p.slot, p.subject_id, p.key_id, p.nonce, p.ciphertext, e.stream_id, e.version, e.type, c.position
  from es.event c
  join unnest(%s::text[], %s::smallint[], %s::text[], %s::smallint[], %s::text[]) r (by, by_slot, of, of_slot, alike)
    on r.by = c.type
  join es.event e on e.stream_id = c.stream_id and e.version < c.version and e.type = r.of
  join es.personal p on p.position = e.position and p.slot = r.of_slot
 where c.position > %s and c.position <= %s
   and (r.by_slot is null
        or exists (select from es.personal n where n.position = c.position and n.slot = r.by_slot)
        or exists (select from es.erased n where n.position = c.position and n.slot = r.by_slot))
   and (r.alike is null or convert_from(c.body, 'UTF8')::jsonb -> r.alike = convert_from(e.body, 'UTF8')::jsonb -> r.alike)
   and not exists (select from es.claim w where w.kind = 'WITHDRAWN' and w.key = uuid_send(c.correlation_id))
 order by p.position, p.slot, c.position
"""
"""The values that the events of some positions correct, and by which of them first."""


class Rectification:
    """Follows the sealed part of the log. Any number of workers may do it: twice is the same as once.

    Does nothing while no officer was named: then nothing can be kept blocked, so nothing is taken away either.
    `fold_anew` makes the views forget, once what they show of these people is gone.
    """

    def __init__(
        self,
        log: Log,
        custodian: Custodian,
        eraser: Eraser,
        fold_anew: Callable[[Collection[UUID], int], None],
        *,
        now: Now = wall_clock,
    ) -> None:
        self._log = log
        self._custodian = custodian
        self._values = BlockedValues(custodian)
        self._eraser = eraser
        self._fold_anew = fold_anew
        self._now = now

    def step(self) -> bool:
        """Blocks what the next sealed events correct, and ends what was blocked for long enough. True: look again."""
        now = self._now()
        with reachable():
            if self._values.end(now):
                return True
            if self._custodian.officer() is None:
                return False
            after, sealed = self._where()
            if after >= sealed:
                return False
            until = min(after + PAGE_POSITIONS, sealed)
            self._rectify(after, until, now)
            with self._log.pool.connection() as db:
                db.execute(
                    "insert into es.checkpoint as c (name, position) values (%s, %s) on conflict (name) do update "
                    "   set position = excluded.position, changed_at = now() where c.position < excluded.position",
                    [NAME, until],
                )
            return True

    def waiting(self) -> int:
        """How many sealed events were not looked at yet."""
        after, sealed = self._where()
        return max(sealed - after, 0)

    def _rectify(self, after: int, until: int, now: datetime) -> None:
        with self._log.pool.connection() as db, db.cursor(binary=True) as cursor:
            rows = cursor.execute(CORRECTED, [*map(list, zip(*RULES, strict=True)), after, until]).fetchall()
        ciphers = self._log.keys.for_reading({row[3] for row in rows})  # what is under a blocked key is blocked already
        found = []
        for position, slot, subject, key_id, nonce, ciphertext, stream, version, type, because in rows:
            if key_id not in ciphers:
                continue
            try:
                place = context(stream, version, type, slot, subject, key_id)
                value = ciphers[key_id].decrypt(nonce, ciphertext, place)
            except InvalidTag as error:
                raise LogCorrupted(
                    f"A personal value of event {position} is not the one that was sealed there."
                ) from error
            found.append(Corrected(position, slot, subject, key_id, because, value))
        if found:
            self._values.keep(found, until=now.date() + relativedelta(years=YEARS), basis=BASIS)
            self._eraser.rectify(found)
        with self._log.pool.connection() as db:  # also those of an earlier try that came to an end before this
            people = db.execute(
                "select distinct subject_id from es.erased where because > %s and because <= %s and reason = 'RECTIFIED'",
                [after, until],
            ).fetchall()
        if people:
            self._fold_anew({person for (person,) in people}, until)

    def _where(self) -> tuple[int, int]:
        """How far it has come, and how much is sealed."""
        with self._log.pool.connection() as db:
            row = db.execute(
                "select coalesce((select position from es.checkpoint where name = %s), 0), es.sealed_size()", [NAME]
            ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])
