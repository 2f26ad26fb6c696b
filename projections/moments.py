"""Moments from which is looked back with the identities of then: what stands in for what is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from domain.values import empty
from eventstore.reader import AsOf


@dataclass(frozen=True, slots=True)
class Then(AsOf):
    """A position, with what stands in for facts and rows, by the names of their views: see `projections.as_then`.

    `compared` is the moment at which all customers were compared with each other, if that was another one.
    """

    stands_in: Mapping[str, sql.Composable] = field(default_factory=empty, compare=False)
    compared: AsOf | None = field(default=None, compare=False)


def standing_in(as_of: AsOf, name: str) -> sql.Composable | None:
    """What stands in for a view as of a moment, if anything does."""
    return as_of.stands_in.get(name) if isinstance(as_of, Then) else None
