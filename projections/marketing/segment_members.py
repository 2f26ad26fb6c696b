"""Segment members: who is in a segment on any day, and who would be in one that is not defined yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from domain.predicate import Predicate, fields_of, must_be_predicate
from domain.segment import FIELDS
from domain.segment_membership import segment_membership_id
from eventstore.reader import NOW, AsOf, Reader
from projections.customers.traits import customers_with
from projections.history import past
from projections.lists import MAX_PAGE, Lists
from projections.marketing import segment_memberships, segments
from projections.marketing.predicates import where_of


@dataclass(frozen=True, slots=True)
class SegmentMember:
    """A customer who is in a segment: since when, by which version of it, and the positions of what showed it."""

    customer_id: UUID
    entered_at: datetime
    version: int
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SegmentMembers:
    """The next members after one, by their ids, and how many there are in all."""

    count: int
    members: tuple[SegmentMember, ...]
    has_next: bool
    position: int


@dataclass(frozen=True, slots=True)
class SegmentPreview:
    """Whom a predicate means: how many, out of how many customers, and the next of them after one, by their ids.

    `at` is the moment from which days are counted.
    """

    count: int
    out_of: int
    customer_ids: tuple[UUID, ...]
    has_next: bool
    at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class SegmentMoves:
    """Who comes to belong to a segment, and who ceases to, by their ids; `more`: so do others."""

    enter: tuple[UUID, ...] = ()
    leave: tuple[UUID, ...] = ()
    more: bool = False


MEMBERS = sql.SQL("""
  from {segment_memberships} join {segments} on segments.segment_id = segment_memberships.segment_id
 where segment_memberships.segment_id = any(%(segments)s) and inside and retired_at is null
""")


def members(
    lists: Lists, segment_id: UUID, *, first: int = MAX_PAGE, after: UUID | None = None, as_of: AsOf = NOW
) -> SegmentMembers:
    """Who is in a segment as of a moment. Somebody who was merged from two members is one, in since the first of them.

    Nobody is in a segment that is retired. Raises `Refused` for a size that cannot be.
    """
    must_be_page(first)
    query = sql.SQL("""
      with members as (
        select distinct on (customer_id) customer_id, entered_at, segment_memberships.version, evidence {}
         order by customer_id, entered_at)
      select (select count(*) from members), customer_id, entered_at, version, evidence from members
       where %(after)s::uuid is null or customer_id > %(after)s order by customer_id limit %(first)s
    """).format(_inside(as_of, lists.log.reader))
    asked = {"segments": [segment_id], "after": after, "first": first + 1}
    with lists.reading(segment_memberships.view) as (db, position):
        rows = db.execute(query, asked).fetchall()
    found = tuple(
        SegmentMember(customer_id, entered_at, version, tuple(evidence))
        for _, customer_id, entered_at, version, evidence in rows[:first]
    )
    count = rows[0][0] if rows else (0 if after is None else sizes(lists, [segment_id], as_of=as_of)[segment_id])
    return SegmentMembers(count, found, len(rows) > first, position)


def sizes(lists: Lists, segment_ids: Sequence[UUID], *, as_of: AsOf = NOW) -> dict[UUID, int]:
    """How many customers are in each of these segments as of a moment."""
    query = sql.SQL("select segments.segment_id, count(distinct customer_id) {} group by 1").format(
        _inside(as_of, lists.log.reader)
    )
    with lists.reading(segment_memberships.view) as (db, _):
        counted = dict(db.execute(query, {"segments": list(segment_ids)}).fetchall())
    return {id: counted.get(id, 0) for id in segment_ids}


def preview(
    lists: Lists,
    predicate: Predicate,
    *,
    at: datetime,
    first: int = MAX_PAGE,
    after: UUID | None = None,
    as_of: AsOf = NOW,
) -> SegmentPreview:
    """Who would be in a segment with this predicate at a moment. Raises `Refused` if it cannot be asked.

    As of a moment, it is asked of the customers as they were.
    """
    must_be_page(first)
    must_be_predicate(predicate, "predicate", FIELDS)
    with customers_with(lists, fields_of(predicate), as_of) as (db, position, source, fields):
        where, values = where_of(predicate, fields, FIELDS, at)
        query = sql.SQL("""
          with meant as materialized (select line.customer_id from {source} where {where})
          select (select count(*) from meant), (select count(*) from {source}), array(
            select customer_id from meant where %s::uuid is null or customer_id > %s order by customer_id limit %s)
        """).format(source=source, where=where)
        row = db.execute(query, [*values, after, after, first + 1]).fetchone()
    assert row is not None
    count, out_of, found = row
    return SegmentPreview(count, out_of, tuple(found[:first]), len(found) > first, at, position)


def moves(
    lists: Lists, segment_id: UUID, predicate: Predicate, *, at: datetime, most: int, as_of: AsOf = NOW
) -> SegmentMoves:
    """What differs between who is in a segment and whom its predicate means at a moment: the first `most` of it.

    Somebody who leaves is told by the id under which they entered, which is that of somebody who was merged, perhaps.
    Raises `Refused` if the predicate cannot be asked.
    """
    must_be_predicate(predicate, "predicate", FIELDS)
    with customers_with(lists, fields_of(predicate), as_of) as (db, _, source, fields):
        where, values = where_of(predicate, fields, FIELDS, at)
        query = sql.SQL("""
          with meant as materialized (select line.customer_id from {source} where {where}),
               members as materialized (
                 select customer_id, membership_id from {memberships} where segment_id = %s and inside)
          select customer_id, null::uuid from meant where customer_id not in (select customer_id from members)
          union all
          select customer_id, membership_id from members where customer_id not in (select customer_id from meant)
          order by 1, 2 limit %s
        """).format(source=source, where=where, memberships=past(segment_memberships.view, as_of, lists.log.reader))
        rows = db.execute(query, [*values, segment_id, most + 1]).fetchall()
    leaving = {customer_id for customer_id, membership_id in rows[:most] if membership_id is not None}
    entered_as = {segment_membership_id(segment_id, id): id for id in {*leaving, *lists.log.reader.kin(leaving)}}
    return SegmentMoves(
        tuple(customer_id for customer_id, membership_id in rows[:most] if membership_id is None),
        tuple(entered_as[membership_id] for _, membership_id in rows[:most] if membership_id is not None),
        len(rows) > most,
    )


def _inside(as_of: AsOf, reader: Reader) -> sql.Composed:
    """Who is in the segments that are asked about, to select from."""
    return MEMBERS.format(
        segment_memberships=past(segment_memberships.view, as_of, reader),
        segments=past(segments.view, as_of, reader),
    )


def must_be_page(first: int) -> None:
    """Refused if a page cannot have this size."""
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
