"""Restored keys: what became of keys since the backup from which their database was restored becomes of them again."""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from domain.erasure_events import SubjectBlocked
from eventstore.custody.custodian import Custodian
from eventstore.custody.eraser import DESTROYED, destroy_again
from eventstore.envelope import Recorded
from eventstore.log import Log
from processes.persons import person_of


class Again(NamedTuple):
    """How many keys were destroyed and blocked again."""

    destroyed: int
    blocked: int


def do_again(log: Log, custodian: Custodian, tell: Callable[[int, int], None] = lambda done, of: None) -> Again:
    """Destroys and blocks again what the log says was. Raises `Refused` if there is no officer to block for.

    From then on new keys have numbers that the log knows of no other. Twice is the same as once. What an officer gave back by
    hand since is blocked as well: the log does not know of that.
    """
    custodian.count_on_after(_last_key(log))
    return Again(destroy_again(log.pool, custodian), block_again(log, custodian, tell))


def block_again(log: Log, custodian: Custodian, tell: Callable[[int, int], None]) -> int:
    """Blocks the keys of everybody who is blocked, for the term and by the law that the log says. Returns how many."""
    said: dict[UUID, list[tuple[SubjectBlocked, Recorded]]] = defaultdict(list)
    after, done = 0, 0
    while page := log.reader.page(after, types=log.codec.names([SubjectBlocked])):
        for event, at in page:
            assert isinstance(event, SubjectBlocked)
            said[at.stream_id].append((event, at))
            after = at.position
    for n, (erasure_id, events) in enumerate(said.items(), 1):
        person = person_of(log, erasure_id, events)
        there = [key.key_id for key in custodian.of(person.subjects) if key.state == "ACTIVE"]
        done += custodian.block(there, until=person.until.date(), basis=person.legal_basis)
        tell(n, len(said))
    return done


def _last_key(log: Log) -> int:
    """The highest number of a key that the log knows."""
    with log.pool.connection() as db:
        row = db.execute(
            "select greatest(0, (select max(key_id) from es.personal), (select max(key_id) from es.erased), "
            "  (select max(n::bigint) from es.event e "
            "     cross join jsonb_array_elements_text(convert_from(e.body, 'UTF8')::jsonb -> 'key_ids') n "
            "    where e.type = any(%s)))",
            [list(DESTROYED)],
        ).fetchone()
    return int(row[0]) if row else 0
