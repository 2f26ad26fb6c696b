"""Corrections: how what was recorded before is to be read since it was learnt who is whom, and what counts no longer."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain.kernel import SAME_AS, WITHDRAWN
from domain.values import EMPTY
from eventstore.arrays import id_array

_NEVER = f"origin <> 'import' or not (select exists (select from es.claim where kind = '{WITHDRAWN}'))"
_CLAIMED = f"select from es.claim k where k.kind = '{WITHDRAWN}' and k.key = uuid_send(correlation_id)"

STANDS = f"({_NEVER} or not exists ({_CLAIMED}))"
"""The condition that an event still counts: only what was imported can be withdrawn."""
STOOD = f"({_NEVER} or not exists ({_CLAIMED} and k.position <= %s))"
"""The condition that it counted at a position."""


class Changed(NamedTuple):
    """What a correction concerns: the customers, those of them who became another, and the streams that count no longer."""

    customers: set[UUID]
    identities: set[UUID]
    streams: set[UUID]


class Corrections(NamedTuple):
    """How what was recorded is to be read: who is taken to be whom, and which correlation ids count no longer."""

    same_as: Mapping[UUID, UUID] = EMPTY
    withdrawn: frozenset[UUID] = frozenset()

    def correct(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        """Rows of `Recorded` that name whom their customers are taken to be."""
        same_as = self.same_as
        return (
            [(*row[:4], same_as[row[4]], *row[5:]) if row[4] in same_as else row for row in rows] if same_as else rows
        )


def of_all(db: Connection, position: int) -> Corrections:
    """How the whole log was to be read at a position."""
    rows = db.execute(
        "select kind, encode(key, 'hex')::uuid, holder from es.claim "
        " where kind in (%s, %s) and position <= %s and (until is null or until > %s)",
        [SAME_AS, WITHDRAWN, position, position],
    ).fetchall()
    same_as = canonical(db, [key for kind, key, _ in rows if kind == SAME_AS], position)
    return Corrections(same_as, frozenset(key for kind, key, _ in rows if kind == WITHDRAWN))


def canonical(db: Connection, ids: Collection[UUID], position: int) -> dict[UUID, UUID]:
    """Whom each customer was taken to be at a position; those who were just themselves are left out."""
    if not ids:
        return {}
    return dict(
        db.execute("select id, canonical from es.canonical(%s::uuid[], %s)", [id_array(ids), position]).fetchall()
    )


def members(db: Connection, ids: Collection[UUID], position: int) -> set[UUID]:
    """These customers and everybody who was taken to be the same as one of them at a position."""
    return set(kin(db, ids, position))


def kin(db: Connection, ids: Collection[UUID], position: int) -> dict[UUID, UUID]:
    """The same, each with whom it was taken to be."""
    rows = db.execute(
        "select m.id, m.canonical from ("  # not as an argument: a function of a subquery is planned at each call
        "  select array_agg(coalesce(c.canonical, i.id)) as ids from unnest(%(ids)s::uuid[]) i (id) "
        "    left join es.canonical(%(ids)s::uuid[], %(at)s) c using (id)) k "
        "  cross join lateral es.members(k.ids, %(at)s) m where m.id <> m.canonical",  # who is just itself need not be told
        {"ids": id_array(ids), "at": position},
    ).fetchall()
    return {id: id for id in ids} | {whom: whom for _, whom in rows} | dict(rows)


def others(kin: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Of these, those who are taken to be somebody else."""
    return {id: whom for id, whom in kin.items() if id != whom}


def concerned_since(
    db: Connection, position: int, most: int, correcting: Sequence[str]
) -> tuple[set[UUID], int] | None:
    """The customers of all events after a position, and where the log ends. None if there are more than `most` events.

    None as well if one of them is `correcting`: then customers are concerned that it does not name.
    """
    row = db.execute(
        "select coalesce(max(position), %(at)s), array_agg(distinct customer_id) filter (where customer_id is not null), "
        "       coalesce(bool_or(type = any(%(correcting)s)), false) "
        "  from (select position, customer_id, type from es.event where position > %(at)s order by position limit %(most)s) e",
        {"at": position, "most": most + 1, "correcting": list(correcting)},
    ).fetchone()
    assert row is not None
    head, customers, corrected = row
    return None if corrected or head - position > most else (set(customers or ()), head)


def withdrawn(db: Connection, correlation_ids: Collection[UUID], position: int) -> frozenset[UUID]:
    """Those of these correlation ids under which nothing counted any longer at a position."""
    if not correlation_ids:
        return frozenset()
    rows = db.execute(
        "select encode(key, 'hex')::uuid from es.claim where kind = %s and position <= %s and key = any(%s)",
        [WITHDRAWN, position, [id.bytes for id in correlation_ids]],
    ).fetchall()
    return frozenset(row[0] for row in rows)


def changed_by(db: Connection, positions: Sequence[int], position: int) -> Changed:
    """Whom and what the corrections at these positions concern, as it is read at a later one."""
    rows = db.execute(
        "select kind, encode(key, 'hex')::uuid, holder from es.claim "
        " where kind in (%s, %s) and (position = any(%s) or until = any(%s))",
        [SAME_AS, WITHDRAWN, list(positions), list(positions)],
    ).fetchall()
    identities = members(db, {id for kind, *both in rows if kind == SAME_AS for id in both}, position)
    runs, batches = ([row[n] for row in rows if row[0] == WITHDRAWN] for n in (1, 2))
    touched = db.execute(  # what was imported came after the first word about its import
        "select distinct e.customer_id, e.stream_id from es.event e "
        " where e.position > (select min(b.position) from es.event b where b.stream_id = any(%s::uuid[])) "
        "   and e.position <= %s and e.correlation_id = any(%s::uuid[])",
        [id_array(batches), position, id_array(runs)],
    ).fetchall()
    customers = {customer for customer, _ in touched if customer is not None}
    return Changed(identities | members(db, customers, position), identities, {stream for _, stream in touched})


def between(
    db: Connection, customers: Collection[UUID], correlation_ids: Collection[UUID], low: int, high: int
) -> list[int]:
    """The positions after `low` up to `high` at which one of these customers was merged or unmerged, or an import with one
    of these correlation ids was taken back."""
    rows = db.execute(
        "select distinct changed from es.claim c cross join lateral (values (c.position), (c.until)) at (changed) "
        " where changed > %(low)s and changed <= %(high)s and c.kind in (%(same)s, %(withdrawn)s) and ("
        "   c.kind = %(same)s and (c.holder = any(%(ids)s::uuid[]) or c.key = any(%(keys)s)) "
        "   or c.kind = %(withdrawn)s and c.key = any(%(correlations)s)) order by changed",
        {
            "low": low, "high": high, "same": SAME_AS, "withdrawn": WITHDRAWN, "ids": id_array(customers),
            "keys": [id.bytes for id in customers], "correlations": [id.bytes for id in correlation_ids],
        },
    ).fetchall()  # fmt: skip
    return [row[0] for row in rows]


def since(db: Connection, position: int) -> list[int]:
    """The positions after this one at which anybody was merged or unmerged, or an import was taken back."""
    rows = db.execute(
        "select distinct changed from es.claim c cross join lateral (values (c.position), (c.until)) at (changed) "
        " where c.kind in (%s, %s) and changed > %s order by changed",
        [SAME_AS, WITHDRAWN, position],
    ).fetchall()
    return [row[0] for row in rows]


def ever_taken_back(pool: ConnectionPool) -> bool:
    """Whether anything at all counts no longer."""
    with pool.connection() as db:
        row = db.execute("select exists (select from es.claim where kind = %s)", [WITHDRAWN]).fetchone()
    return row is not None and bool(row[0])


def taken_back(pool: ConnectionPool, command_ids: Collection[UUID]) -> set[UUID]:
    """Those of these commands that were done, and count no longer."""
    with pool.connection() as db:
        rows = db.execute(
            "select c.command_id from es.command c join es.event e on e.position = c.first "
            "  join es.claim w on w.kind = %s and w.key = uuid_send(e.correlation_id) "
            " where c.command_id = any(%s::uuid[])",
            [WITHDRAWN, id_array(command_ids)],
        ).fetchall()
    return {row[0] for row in rows}


def extent(pool: ConnectionPool, stream_id: UUID, correlation_id: UUID) -> tuple[int, int]:
    """How many events came of what a stream began under a correlation id, and how many of their streams went on
    in other ways since."""
    with pool.connection() as db:
        row = db.execute(
            "with ours as materialized ("
            "  select e.stream_id, e.version from es.event e "
            "   where e.position > (select min(b.position) from es.event b where b.stream_id = %s) "
            "     and e.correlation_id = %s) "
            "select (select count(*) from ours), count(*) "
            "  from (select o.stream_id, min(o.version) as first from ours o group by o.stream_id) s "
            " where exists (select from es.event e where e.stream_id = s.stream_id and e.version > s.first "
            "                  and e.correlation_id <> %s)",
            [stream_id, correlation_id, correlation_id],
        ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
