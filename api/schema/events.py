"""The events as they are stored: the envelope, the body, and personal values only where they are asked for."""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import orjson
from strawberry.types.field import StrawberryField

from api.limits import MAX_PAGE
from api.schema import evidence
from api.schema.context import Info, Shown
from api.schema.customer import shown_customer
from api.schema.scalars import Json, Long, Position, Ref
from api.schema.shapes import REQUIRED, Argument, Shapes, answered, output, shown
from api.schema.views import FIRST, Edge, PageInfo, page_info
from domain.kernel import Refused, sealed_fields
from eventstore.commands import identify
from eventstore.envelope import Happened

MAX_TYPES = 100

ENVELOPE: tuple[tuple[str, Any, str], ...] = (
    ("position", Position, "Its place in the log."),
    ("stream_id", Ref, "What it happened to."),
    ("version", Long, "Its place in the stream, from 1."),
    ("type", str, "The name under which it is stored."),
    ("customer_id", Ref | None, "Whom it concerns."),
    ("occurred_at", datetime, "When it was so."),
    ("recorded_at", datetime, "When we learned of it."),
    ("actor", str, "Who said so."),
    ("origin", str, "How it came here: live, import or sync."),
    ("command_id", Ref | None, "The command that led to it."),
    ("correlation_id", Ref | None, "The command that began the whole chain."),
    ("because", Position | None, "The position of the event that caused it."),
)


@dataclass(frozen=True, slots=True)
class Events:
    """A page of events on its way out."""

    nodes: list[Shown[Any]]
    page_info: PageInfo
    edges: list[Edge]


def questions(shapes: Shapes) -> list[StrawberryField]:
    """`events(after, types, customer, first)`, `event(position)`, and the types that they need."""
    within = shapes.types
    _make(shapes)
    arguments = (
        Argument("after", Position | None, "The position to go on after; also the cursor of an event."),
        Argument("types", list[str] | None, "Only those stored under these names."),
        Argument("customer", Ref | None, "Only those that concern this customer."),
        FIRST,
    )
    one = (Argument("position", Position, "Its place in the log.", REQUIRED),)
    return [
        answered(
            "events",
            "EventConnection",
            "The log, in the order in which it was recorded.",
            _page,
            arguments,
            within=within,
        ),
        answered(
            "event", "Event | None", "One event; null if there is none at that position.", _one, one, within=within
        ),
    ]


def _make(shapes: Shapes) -> None:
    within = shapes.types
    envelope = [shown(name, shape, words, within=within) for name, shape, words in ENVELOPE]
    within["Event"] = output(
        "Event",
        "Something that happened, as it was stored.",
        [
            *envelope,
            answered("body", Json, "What happened, without personal values.", _body, within=within),
            answered(
                "disclosed", Json, "The personal values; null where they are forgotten.", _disclosed, within=within
            ),
            answered("customer", "Customer | None", "Whom it concerns, as they are now.", _customer, within=within),
            *evidence.of_event(shapes),
        ],
    )
    edge = [shown("cursor", str, within=within), shown("node", "Event", within=within)]
    within["EventEdge"] = output("EventEdge", "One event and its cursor.", edge)
    connection = [
        shown("edges", "list[EventEdge]", within=within),
        shown("nodes", "list[Event]", "The same without cursors.", within=within),
        shown("page_info", PageInfo, within=within),
        answered("position", Position, "The last position in the log.", _head, within=within),
    ]
    within["EventConnection"] = output("EventConnection", "A page of the log.", connection)


async def _page(
    root: None,
    info: Info,
    *,
    first: int,
    after: int | None = None,
    types: list[str] | None = None,
    customer: str | None = None,
) -> Events:
    context = info.context
    reader, codec = context.house.log.reader, context.house.log.codec
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} events at a time.", "first")
    if types is not None:
        _must_be_known(types, [*codec.shapes, *codec.upcasts])
    start = after or 0
    if customer is None:
        found = await context.ask(reader.page, start, first + 1, types=types)
    else:
        found = await context.ask(
            reader.of_customer, identify("customer", customer, "customer"), start, first + 1, types=types
        )
    nodes = [Shown(happened) for happened in found[:first]]
    cursors = [str(node.row.at.position) for node in nodes]
    edges = [Edge(cursor, node) for cursor, node in zip(cursors, nodes, strict=True)]
    return Events(nodes, page_info(cursors, len(found) > first, start > 0), edges)


async def _one(root: None, info: Info, *, position: int) -> Shown[Any] | None:
    if position < 1:
        raise Refused("Positions count from 1.", "position")
    found = await info.context.ask(info.context.house.log.reader.page, position - 1, 1)
    return Shown(found[0]) if found else None


def _must_be_known(types: list[str], known: list[str]) -> None:
    if len(types) > MAX_TYPES:
        raise Refused(f"Name at most {MAX_TYPES} types.", "types")
    for name in types:
        if name not in known:
            near = get_close_matches(name[:100], known, n=1)
            raise Refused(
                f"No event is stored as {name[:100]!r}. {f'Did you mean {near[0]}?' if near else ''}".strip(), "types"
            )


async def _body(root: Shown[Happened], info: Info) -> Any:
    return orjson.loads(info.context.house.log.codec.encode(root.row.event)[0])


async def _disclosed(root: Shown[Happened], info: Info) -> dict[str, Any]:
    happened = await info.context.personal(root.row.at.position)
    event = happened.event if happened is not None else root.row.event
    return {name: getattr(event, name) for name in sealed_fields(type(event))}


async def _customer(root: Shown[Happened], info: Info) -> Any:
    return await shown_customer(info, root.row.at.customer_id)


async def _head(root: Events, info: Info) -> int:
    return await info.context.ask(info.context.house.log.reader.head)
