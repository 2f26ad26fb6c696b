"""The relationships: what one customer is of another, and since when, seen from either side."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql

from domain.relationship import RelationshipEnded, RelationshipEstablished, RelationshipKind
from eventstore.arrays import id_array
from eventstore.envelope import Recorded
from eventstore.reader import NOW, AsOf, Reader
from projections.history import past
from projections.lists import Lists
from projections.statements import kept
from projections.table import table_of
from projections.view import Row, View

MAX_RELATED = 100
"""How many relationships a customer is shown with, those that hold first."""


class RelationshipEntry(Row, key="relationship_id"):
    """What a customer is of the other one. It holds until `ended_at`; `role` and `contract` are as established last."""

    relationship_id: UUID
    customer_id: UUID | None = None
    other_id: UUID | None = None
    kind: RelationshipKind | None = None
    role: str | None = None
    contract: str | None = None
    holds: bool = False
    established_at: datetime | None = None
    ended_at: datetime | None = None


view = View(
    "relationships",
    RelationshipEntry,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(customer_id, kind)", "(other_id, kind)", "(contract) where contract is not null"),
)


@view.on(RelationshipEstablished)
def establish(entry: RelationshipEntry, established: RelationshipEstablished, at: Recorded) -> None:
    entry.customer_id = at.customer_id
    entry.other_id = established.other_id
    entry.kind = established.kind
    entry.role = established.role
    entry.contract = established.contract
    entry.holds = True
    entry.established_at = at.occurred_at
    entry.ended_at = None


@view.on(RelationshipEnded)
def end(entry: RelationshipEntry, ended: RelationshipEnded, at: Recorded) -> None:
    entry.holds = False
    entry.ended_at = at.occurred_at


@dataclass(frozen=True, slots=True)
class Related:
    """A relationship seen from one of its sides: `is_subject` says that this customer is that of the other one, and not
    the other one of this.
    """

    other_id: UUID
    is_subject: bool
    kind: RelationshipKind
    role: str | None
    contract: str | None
    holds: bool
    established_at: datetime
    ended_at: datetime | None


def related(lists: Lists, customer_ids: Sequence[UUID], *, as_of: AsOf = NOW) -> dict[UUID, list[Related]]:
    """The relationships of each of these customers, on either side, those first that hold, then the latest ones.

    Who was merged into a customer by now counts as that one.
    """
    reader = lists.log.reader
    known_as = reader.kin(customer_ids)
    parameters = {"ids": id_array(known_as)}
    found: defaultdict[UUID, list[Related]] = defaultdict(list)
    with lists.reading(view) as (db, _):
        rows = table_of(view).select(db, _of_either(as_of, reader), parameters)
    for row in rows:
        if row.customer_id is None or row.other_id is None or row.kind is None or row.established_at is None:
            continue
        one, other = known_as.get(row.customer_id, row.customer_id), known_as.get(row.other_id, row.other_id)
        for here, there, is_subject in ((one, other, True), (other, one, False)):
            if one != other and here in known_as and len(found[here]) < MAX_RELATED:
                found[here].append(
                    Related(
                        there, is_subject, row.kind, row.role, row.contract, row.holds, row.established_at, row.ended_at
                    )
                )
    return {id: found.get(known_as[id], []) for id in customer_ids}


@kept
def _of_either(as_of: AsOf, reader: Reader) -> sql.Composed:
    return sql.SQL(
        "select {} from {} where customer_id = any(%(ids)s::uuid[]) or other_id = any(%(ids)s::uuid[]) "
        " order by holds desc, established_at desc, relationship_id"
    ).format(table_of(view).selected, past(view, as_of, reader))
