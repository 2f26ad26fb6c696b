"""Facts: what happened, one row for each thing that counts, to be added up by day, by product, by whom or by anything else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg import sql

from eventstore.envelope import Origin, Recorded
from eventstore.reader import NOW, AsOf, Reader
from projections.moments import standing_in
from projections.view import LONG_AGO, Row, View

F = TypeVar("F", bound="Fact")

NOBODY = UUID(int=0)
IMPORT = Origin.IMPORT


class Fact(Row, key=("owner_id", "position", "number")):
    """Something that counts. The handler of a view yields it, and says what is its own; the engine says the rest.

    `owner_id` is the key of the view's row, `position` that of the event, and `number` counts the facts of both from 0.
    `known_at` is when it counts as known: when it happened, if it was imported, and when it was recorded otherwise.
    """

    owner_id: UUID = NOBODY
    position: int = 0
    number: int = 0
    customer_id: UUID | None = None
    occurred_at: datetime = LONG_AGO
    known_at: datetime = LONG_AGO


@dataclass(frozen=True, eq=False)
class Facts(View[F]):
    """The facts of one kind that the handlers of a view yield: rows that are only ever added, and change by corrections alone."""

    version: int = 0


def known_at(at: Recorded) -> datetime:
    """When an event counts as known: imported history when it happened, everything else when it was recorded."""
    return at.occurred_at if at.origin == IMPORT else at.recorded_at


def counted(facts: Facts[Any], as_of: AsOf, reader: Reader) -> sql.Composable:
    """The facts that count as of a moment, to select from under the facts' own name.

    Identities are those of today, and what was taken back since does not count.
    """
    table, name = sql.Identifier("views", facts.name), sql.Identifier(facts.name)
    if as_of == NOW:
        return sql.SQL("{} as {}").format(table, name)
    if (instead := standing_in(as_of, facts.name)) is not None:
        return instead
    conditions = [
        sql.SQL("{} <= {}").format(sql.Identifier(column), sql.Literal(end))
        for column, end in (
            ("position", as_of.position),
            ("position", None if as_of.known_at is None else reader.position_at(as_of.known_at)),
            ("known_at", as_of.time),
            ("occurred_at", as_of.valid_at),
        )
        if end is not None
    ]
    return sql.SQL("(select * from {} where {}) as {}").format(table, sql.SQL(" and ").join(conditions), name)
