"""Verifying: whether anything of a person who was erased is left, read again wherever it could be."""

from collections.abc import Sequence

from psycopg import Connection

from domain.erasure_events import Check
from eventstore.arrays import id_array
from eventstore.custody.custodian import KeyStanding
from eventstore.log import Log
from eventstore.personal import DIGESTED
from processes.papers import Papers
from processes.persons import Person, letters_of, mails_of
from processes.taking_back import open_promises
from projections.engine import Engine
from projections.forgetting import held, left_over, personal_views, told

VALUES = (
    "select (select count(*) from es.personal p where p.subject_id = any(%(ids)s::uuid[])), "
    "       (select count(*) from es.claim c where c.holder = any(%(ids)s::uuid[]) "
    "           and c.kind not in ('SAME_AS', 'WITHDRAWN', 'BLOCKED', 'ERASURE')), "
    "       (select count(*) from es.snapshot s where s.stream_id = any(%(ids)s::uuid[]))"
)
DIGESTS = (
    "with ours as (select e.position, e.personal from es.event e "
    "               where e.customer_id = any(%(ids)s::uuid[]) and e.personal is not null union "
    "              select e.position, e.personal from es.event e "
    "               where e.stream_id = any(%(ids)s::uuid[]) and e.personal is not null), "
    "left_of as (select o.position, x.slot, x.subject_id, x.key_id, x.digest from ours o join es.erased x using (position) "
    "             union all "
    "            select o.position, p.slot, p.subject_id, p.key_id, sha256(p.nonce || p.ciphertext) "
    "              from ours o join es.personal p using (position)), "
    "again as (select position, count(*) as count, sha256(%(prefix)s || string_agg("
    "            int2send(slot) || uuid_send(subject_id) || int8send(key_id) || digest, ''::bytea order by slot)) as digest "
    "            from left_of group by position) "
    "select count(*), coalesce(sum(a.count), 0)::bigint, count(*) filter (where a.digest is distinct from o.personal) "
    "  from ours o left join again a using (position)"
)
"""How many events there are, how many values they had, and of how many the digest does not follow from what is left."""


def checks_of(
    log: Log, engine: Engine, keys: Sequence[KeyStanding], papers: Papers, person: Person
) -> tuple[Check, ...]:
    """Each place, at how many things was looked there, and in how many of them something is left."""
    customers = list(person.customers)
    with log.pool.connection() as db:
        values_left, claims, snapshots = _numbers(db, VALUES, person)
        events, values, wrong = _numbers(db, DIGESTS, person)
    letters, mails = letters_of(log, customers), mails_of(log, customers)
    found = [
        ("keys", len(keys), sum(key.state != "DESTROYED" for key in keys)),
        ("values in the log", values, values_left),
        ("digests of events", events, wrong),
        *((view.name, held(engine, view, customers), told(engine, view, customers)) for view in personal_views(engine)),
        ("tables that were replaced", 0, left_over(engine)),
        ("identifiers", len(customers), claims),
        ("promises", len(letters), open_promises(log, customers)),
        ("snapshots", len(person.subjects), snapshots),
        ("files", len(letters), len(papers.named([*letters, *map(str, customers)]))),
        ("inbox", len(mails), len(papers.posted(mails, ()))),
    ]
    return tuple(Check(name=name, looked_at=looked_at, found=left) for name, looked_at, left in found)


def _numbers(db: Connection, query: str, person: Person) -> tuple[int, int, int]:
    row = db.execute(
        query,
        {"ids": id_array(person.subjects), "prefix": DIGESTED},
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])
