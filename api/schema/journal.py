"""The journal over GraphQL: the log searched page by page both ways, and because of what something happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

import strawberry
from strawberry.types.field import StrawberryField

from api.limits import MAX_PAGE, PAGE_ROWS
from api.schema.context import Context, Info, Shown
from api.schema.customer import recognised
from api.schema.events import Events
from api.schema.scalars import Position, Ref
from api.schema.shapes import REQUIRED, Argument, answered, output, sentence_of, shown
from api.schema.views import Edge, Lists, page_info
from domain.kernel import Refused
from eventstore.commands import command_id, identify
from eventstore.envelope import Happened, Origin
from eventstore.journal import EVERYTHING, MAX_CHAIN_DEPTH, MAX_NAMES, Chain, Journal, Link, Node, Search

SHOWN_DEPTH = 12
"""How many causes behind one another are followed when nobody says."""


@strawberry.input(description="What is looked for in the log: all of it must hold. Moments are included.")
class JournalFilter:
    """The fields of `eventstore.journal.Search`, as they are asked for."""

    actors: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Who said so: user:ana, or policy:* for all that begin so."
    )
    types: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="What happened: order.placed.v1, or order.* for all of a noun."
    )
    customers: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Of whom: ids or identifiers; whoever is taken to be them is found too."
    )
    stream_id: Ref | None = strawberry.field(default=strawberry.UNSET, description="To what it happened, by its UUID.")
    correlation_id: Ref | None = strawberry.field(
        default=strawberry.UNSET, description="Of the chain that this command began."
    )
    command_id: Ref | None = strawberry.field(default=strawberry.UNSET, description="By this command.")
    because: Position | None = strawberry.field(
        default=strawberry.UNSET, description="Set off by the event at this position."
    )
    origin: str | None = strawberry.field(
        default=strawberry.UNSET, description="How it came here: live, import or sync."
    )
    recorded_from: datetime | None = strawberry.field(default=strawberry.UNSET, description="Recorded from then on.")
    recorded_until: datetime | None = strawberry.field(default=strawberry.UNSET, description="Recorded by then.")
    occurred_from: datetime | None = strawberry.field(default=strawberry.UNSET, description="It was so from then on.")
    occurred_until: datetime | None = strawberry.field(default=strawberry.UNSET, description="It was so by then.")


@dataclass(frozen=True, slots=True)
class Placed:
    """An event of a chain on its way out, with the one that it goes back to."""

    node: Node
    back: int | None


def questions(lists: Lists) -> list[StrawberryField]:
    """`journal(filter, first, after, last, before)` and `why(position, depth)`."""
    within = lists.types
    _make(lists)
    page = (
        Argument("filter", JournalFilter | None, "What is looked for; everything, if it is left out."),
        Argument("first", int | None, f"How many, at most {MAX_PAGE}; {PAGE_ROWS} if nothing is said."),
        Argument("after", Position | None, "The position to go on after."),
        Argument("last", int | None, "How many from the end, instead of `first`: to go backwards."),
        Argument("before", Position | None, "The position to stop before."),
    )
    chain = (
        Argument("position", Position, "The event.", REQUIRED),
        Argument("depth", int, f"How many causes behind one another, at most {MAX_CHAIN_DEPTH}.", SHOWN_DEPTH),
    )
    words = "The log searched, in its order. Pages are complete and disjoint while events are added."
    return [
        answered("journal", "EventConnection", words, _journal, page, within=within),
        answered("why", "EventChain", sentence_of(Chain), _why, chain, within=within),
    ]


def _make(lists: Lists) -> None:
    within = lists.types
    within["ChainedEvent"] = output(
        "ChainedEvent",
        "An event in a chain, and how it goes back to another.",
        [
            answered("event", "Event", "The event.", _event, within=within),
            answered("link", lists.shapes.enum(Link) | None, "How it goes back.", _link, within=within),
            answered("back", Position | None, "The position of the event that it goes back to.", _back, within=within),
            answered("more", bool, "Whether more came of it than is shown.", _more, within=within),
        ],
    )
    within["EventChain"] = output(
        "EventChain",
        sentence_of(Chain),
        [
            answered("event", "ChainedEvent", "The event that was asked about.", _asked, within=within),
            answered("causes", "list[ChainedEvent]", "Its causes, the first of all first.", _causes, within=within),
            answered(
                "effects", "list[ChainedEvent]", "What came of it, each after what it goes back to.", _effects, within=within
            ),
            shown("older", bool, "Whether its causes go back further than is shown.", within=within),
        ],
    )  # fmt: skip


async def _journal(
    root: None,
    info: Info,
    *,
    filter: JournalFilter | None = None,
    first: int | None = None,
    after: int | None = None,
    last: int | None = None,
    before: int | None = None,
) -> Events:
    context = info.context
    if first is None and last is None:
        first = PAGE_ROWS
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 < size <= MAX_PAGE:
            raise Refused(f"Ask for 1 to {MAX_PAGE} events at a time.", name)
    search = EVERYTHING if filter is None else await search_of(context, filter)
    journal = Journal(context.house.log.reader)
    page = await context.ask(journal.page, search, first=first, after=after, last=last, before=before)
    nodes = [Shown(happened) for happened in page.found]
    cursors = [str(node.row.at.position) for node in nodes]
    edges = [Edge(cursor, node) for cursor, node in zip(cursors, nodes, strict=True)]
    return Events(nodes, page_info(cursors, page.has_next, page.has_previous), edges)


async def search_of(context: Context, given: JournalFilter) -> Search:
    """What is looked for. Raises `Refused` for a name or an id that cannot be."""
    said: dict[str, Any] = {}
    for part in fields(cast(Any, given)):
        value = getattr(given, part.name)
        if value is not None and value is not strawberry.UNSET:
            said[part.name] = value
    for name in ("actors", "types"):
        if name in said:
            said[name] = tuple(said[name])
    if "customers" in said:
        if len(said["customers"]) > MAX_NAMES:
            raise Refused(f"Name at most {MAX_NAMES} customers.", "customers")
        found = [await recognised(context, text) for text in said["customers"]]
        if None in found:
            raise Refused(f"Nobody is known by {said['customers'][found.index(None)]!r}.", "customers")
        said["customers"] = tuple(found)
    for name in ("stream_id", "correlation_id"):
        if name in said:
            said[name] = identify("customer", said[name], name)
    if "command_id" in said:
        said["command_id"] = command_id(said["command_id"])
    if "origin" in said:
        if said["origin"] not in list(Origin):
            raise Refused(f"An origin is one of {', '.join(Origin)}.", "origin")
        said["origin"] = Origin(said["origin"])
    return Search(**said)


async def _why(root: None, info: Info, *, position: int, depth: int) -> Chain:
    return await info.context.ask(Journal(info.context.house.log.reader).why, position, depth=depth)


async def _asked(root: Chain, info: Info) -> Placed:
    return _placed(root.event, root.causes[-1:])


async def _causes(root: Chain, info: Info) -> list[Placed]:
    return [_placed(node, root.causes[max(n - 1, 0) : n]) for n, node in enumerate(root.causes)]


async def _effects(root: Chain, info: Info) -> list[Placed]:
    return list(_below(root.event))


def _placed(node: Node, back: Sequence[Node]) -> Placed:
    return Placed(node, back[0].happened.at.position if back else None)


def _below(node: Node) -> Iterator[Placed]:
    for effect in node.effects:
        yield _placed(effect, [node])
        yield from _below(effect)


async def _event(root: Placed, info: Info) -> Shown[Happened]:
    return Shown(root.node.happened)


async def _link(root: Placed, info: Info) -> Link | None:
    return root.node.link


async def _back(root: Placed, info: Info) -> int | None:
    return root.back


async def _more(root: Placed, info: Info) -> bool:
    return root.node.more
