"""The journal: the log searched by who, what, of whom and when, page by page, and what went back to what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.kernel import Refused
from eventstore import corrections
from eventstore.arrays import id_array
from eventstore.disclosure import Disclose
from eventstore.envelope import Happened, Origin
from eventstore.reader import HEAD, WHOLE, Reader

MAX_ENTRIES = 1_000
"""How many events a page of the journal has at most."""
MAX_NAMES = 100
"""How many actors, types or customers are looked for at once."""
MAX_NAME = 200
"""Characters of the name of an actor or a type."""
MAX_CHAIN_DEPTH = 32
"""How many causes behind one another are followed, in each direction."""
MAX_CHAIN_EVENTS = 500
"""How many effects a chain shows."""
MAX_EFFECTS_OF_ONE = 50
"""How many effects of one event a chain shows."""
ANY = "*"
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for: all of it must hold, and what is left out does not restrict.

    An actor that ends in `*` is every one that begins so; a type is a stored name, or `order.*` for all of a noun. Customers
    are found with whoever is taken to be them now. Moments are included.
    """

    actors: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    customers: tuple[UUID, ...] = ()
    stream_id: UUID | None = None
    correlation_id: UUID | None = None
    command_id: UUID | None = None
    because: int | None = None
    origin: Origin | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    occurred_from: datetime | None = None
    occurred_until: datetime | None = None


EVERYTHING = Search()


class Entries(NamedTuple):
    """A page of the journal in the order of the log, and whether there is more on either side."""

    found: list[Happened]
    has_next: bool
    has_previous: bool


class Link(StrEnum):
    """How an event goes back to another.

    CAUSED: it was set off by it. KEPT: it keeps what that one promised. CONTINUED: that one began what it goes on with.
    """

    CAUSED = "CAUSED"
    KEPT = "KEPT"
    CONTINUED = "CONTINUED"


@dataclass(slots=True)
class Node:
    """An event in a chain, how it goes back to the one before, and what followed; `more` followed than is shown."""

    happened: Happened
    link: Link | None
    effects: list["Node"] = field(default_factory=list)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """Why an event is there: its causes, the first of all first, and what came of it. `older`: the causes go back further."""

    causes: list[Node]
    event: Node
    older: bool


class Journal:
    """Searches the log of a reader."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def page(
        self,
        search: Search = EVERYTHING,
        *,
        first: int | None = None,
        after: int | None = None,
        last: int | None = None,
        before: int | None = None,
        disclose: Disclose = False,
    ) -> Entries:
        """The `first` events after a position, or the `last` before one. Pages are disjoint and complete while events are added.

        Raises `Refused` for a size or for names that cannot be.
        """
        if first is not None and last is not None:
            raise Refused("Go forwards with first, or backwards with last: not both at once.", "last")
        size, backwards = (first or 0, False) if last is None else (last, True)
        if not 0 < size <= MAX_ENTRIES:
            raise Refused(f"Ask for 1 to {MAX_ENTRIES:,} events at a time.", "last" if backwards else "first")
        where, parameters = self.where(search)
        query = (
            f"select {WHOLE} from es.event where position > %s and position < %s and {where} "
            f" order by position {'desc' if backwards else 'asc'} limit %s"
        )
        start, end = after or 0, HEAD if before is None else before
        found = self.reader.ask(query, [start, end, *parameters, size + 1], disclose, planned=False)
        more, kept = len(found) > size, found[:size]
        if backwards:
            return Entries(kept[::-1], before is not None, more)
        return Entries(kept, more, after is not None and after > 0)

    def where(self, search: Search) -> tuple[str, list[object]]:
        """The condition on `es.event` and its parameters. Raises `Refused` for a name that is none."""
        parts = list(self._conditions(search))
        return (
            " and ".join(condition for condition, _ in parts) or "true",
            [value for _, values in parts for value in values],
        )

    def why(self, position: int, *, depth: int = MAX_CHAIN_DEPTH) -> Chain:
        """The causes of an event and its effects, so many behind one another. Raises `Refused` if there is no such event."""
        if not 0 < depth <= MAX_CHAIN_DEPTH:
            raise Refused(f"Follow 1 to {MAX_CHAIN_DEPTH} causes behind one another.", "depth")
        with self.reader.pool.connection() as db:
            asked = {"at": position, "depth": depth, "each": MAX_EFFECTS_OF_ONE + 1, "most": MAX_CHAIN_EVENTS + 2}
            up, down = db.execute(CAUSES, asked).fetchall(), db.execute(EFFECTS, asked).fetchall()
        events = self.reader.at([*(row[0] for row in up), *(row[0] for row in down)])
        if position not in events:
            raise Refused(f"There is no event at position {position}.", "position")
        nodes = {position: Node(events[position], None)}
        for effect, parent, link, more in down[1 : MAX_CHAIN_EVENTS + 1]:
            if parent not in nodes:  # it belongs to an effect that was left out
                continue
            if len(nodes[parent].effects) == MAX_EFFECTS_OF_ONE:
                nodes[parent].more = True
                continue
            nodes[effect] = Node(events[effect], Link(link), more=more)
            nodes[parent].effects.append(nodes[effect])
        for _, parent, *_ in down[MAX_CHAIN_EVENTS + 1 :]:
            if parent in nodes:
                nodes[parent].more = True
        links = {row[0]: None if row[2] is None else Link(row[2]) for row in up}
        nodes[position].link = links[position]
        causes = [Node(events[row[0]], links[row[0]]) for row in reversed(up) if row[0] != position]
        return Chain(causes, nodes[position], up[-1][1] is not None)

    def _conditions(self, search: Search) -> Iterator[tuple[str, list[object]]]:
        if search.actors:
            yield _actors(_few(search.actors, "actors"))
        if search.types:
            yield "type = any(%s)", [self.types(search.types)]
        if search.customers:
            yield "customer_id = any(%s::uuid[])", [self._members(search.customers)]
        for column in ("stream_id", "correlation_id", "because", "origin"):
            if (value := getattr(search, column)) is not None:
                yield f"{column} = %s", [value]
        if search.command_id is not None:
            first, last = self._done_by(search.command_id)
            yield "position between %s and %s and command_id = %s", [first, last, search.command_id]
        if search.recorded_from is not None:
            yield "position > %s", [self.reader.position_at(search.recorded_from - TICK)]
        if search.recorded_until is not None:
            yield "position <= %s", [self.reader.position_at(search.recorded_until)]
        if search.occurred_from is not None:
            yield "occurred_at >= %s", [search.occurred_from]
        if search.occurred_until is not None:
            yield "occurred_at <= %s", [search.occurred_until]

    def types(self, asked: Sequence[str]) -> list[str]:
        """The stored names that are meant. Raises `Refused` for one that there is not, with what it may be instead."""
        codec = self.reader.codec
        known = dict.fromkeys([*codec.shapes, *codec.upcasts])
        nouns = dict.fromkeys(name.partition(".")[0] for name in known)
        found: dict[str, None] = {}
        for name in _few(asked, "types"):
            noun = name.removesuffix(f".{ANY}")
            if noun != name and noun in nouns:
                found |= {each: None for each in known if each.startswith(f"{noun}.")}
            elif name in known:
                found[name] = None
            else:
                near = get_close_matches(name, [*known, *(f"{each}.{ANY}" for each in nouns)], n=1)
                raise Refused(f"No event is stored as {name!r}.{f' Did you mean {near[0]}?' if near else ''}", "types")
        return list(found)

    def _members(self, customers: Sequence[UUID]) -> str:
        if len(customers) > MAX_NAMES:
            raise Refused(f"Name at most {MAX_NAMES} customers.", "customers")
        with self.reader.pool.connection() as db:
            return id_array(corrections.members(db, customers, HEAD))

    def _done_by(self, command_id: UUID) -> tuple[int, int]:
        with self.reader.pool.connection() as db:
            row = db.execute("select first, last from es.command where command_id = %s", [command_id]).fetchone()
        return (row[0], row[1]) if row else (0, 0)


def _actors(names: Sequence[str]) -> tuple[str, list[object]]:
    """The condition on the actor; one for names alone is found by the index."""
    whole = [name for name in names if not name.endswith(ANY)]
    begun = [name.removesuffix(ANY) for name in names if name.endswith(ANY)]
    if not begun:
        return "actor = any(%s)", [whole]
    return "(actor = any(%s) or actor ^@ any(%s))", [whole, begun]


def _few(names: Sequence[str], field: str) -> Sequence[str]:
    if len(names) > MAX_NAMES:
        raise Refused(f"Name at most {MAX_NAMES} of them.", field)
    for name in names:
        if not 0 < len(name) <= MAX_NAME or "\0" in name:
            raise Refused(f"A name has 1 to {MAX_NAME} characters.", field)
    return names


CAUSES = """
    with recursive up (position, cause, link, depth) as (
      select %(at)s::bigint, b.cause, b.link, 0 from es.went_back(%(at)s) b
      union all
      select u.cause, b.cause, b.link, u.depth + 1 from up u cross join lateral es.went_back(u.cause) b
       where u.cause is not null and u.depth < %(depth)s)
    select position, cause, link from up order by depth
"""
"""An event and its causes, each with the one before it."""
EFFECTS = """
    with recursive down (position, cause, link, depth) as (
      select %(at)s::bigint, null::bigint, null::text, 0
      union all
      select f.effect, d.position, f.link, d.depth + 1
        from down d cross join lateral es.followed(d.position, %(each)s) f where d.depth < %(depth)s)
    select position, cause, link, depth = %(depth)s and exists (select from es.followed(position, 1)) from down limit %(most)s
"""
"""An event and what came of it, the nearest first: the recursion goes no further than rows are taken."""
