"""The segments, with who is in them on any day, and whom other words would mean."""

from asyncio import gather
from typing import Any, cast, get_type_hints
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.limits import PAGE_ROWS
from api.schema.commands import written
from api.schema.context import Context, Info, Shown
from api.schema.customer import customer_of, shown_customer
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one
from api.schema.scalars import Long, Ref
from api.schema.shapes import REQUIRED, Argument, answered, output, sentence_of, shown
from api.schema.views import Lists
from domain.predicate import Predicate
from domain.segment import DefineSegment
from eventstore.commands import identify
from eventstore.reader import NOW
from projections.customers import customers
from projections.marketing import segment_memberships, segments
from projections.marketing.segment_members import SegmentMember, SegmentMembers, SegmentPreview, members, preview, sizes
from projections.selecting import Order


def _membership_fields(lists: Lists) -> list[StrawberryField]:
    return [customer_of(lists), *one(lists, "segment", segments.view, "segment_id", "Which segment.")]


noun = Noun(
    segments.view,
    "Segment",
    order=(Order("code"),),
    fields=lambda lists: [
        answered("size", Long, "How many customers are in it; nobody is once it is retired.", _size, within=lists.types)
    ],
)
membership = Noun(
    segment_memberships.view, "SegmentMembership", order=(Order("entered_at", True),), fields=_membership_fields
)
move = Noun(
    segment_memberships.segment_moves, "SegmentMove", order=(Order("position", True),), fields=_membership_fields
)

FIRST = Argument("first", int, "How many, at most 100.", PAGE_ROWS)
AFTER = Argument("after", Ref | None, "The customer to go on after, in the order of their ids.")


def questions(lists: Lists) -> list[StrawberryField]:
    """`segmentMembers(segment, first, after, asOf, atLeast)` and `segmentPreview(predicate, first, after, asOf, atLeast)`."""
    _make_types(lists)
    within = lists.types
    return [
        answered(
            "segment_members",
            "SegmentMembers",
            "Who is in a segment, on any day.",
            _members,
            (Argument("segment", Ref, "Which segment."), FIRST, AFTER, AS_OF, AT_LEAST),
            within=within,
        ),
        answered(
            "segment_preview",
            "SegmentPreview",
            "Whom a predicate would mean, before a segment is defined by it.",
            _preview,
            (
                Argument("predicate", lists.shapes.input(Predicate), "Who is meant, as in defineSegment.", REQUIRED),
                FIRST,
                AFTER,
                AS_OF,
                AT_LEAST,
            ),
            within=within,
        ),
    ]


def _make_types(lists: Lists) -> None:
    """Members and previews show customers, seen from the same moment, so that they are made by hand."""
    within = lists.types

    def made(kind: type, names: tuple[str, ...], more: StrawberryField) -> None:
        hints = get_type_hints(kind)
        plain = [shown(name, lists.shapes.output(hints[name], name), within=within) for name in names]
        within[kind.__name__] = output(kind.__name__, sentence_of(kind), [*plain, more])

    made(SegmentMember, ("entered_at", "version", "evidence"), customer_of(lists))
    made(
        SegmentMembers,
        ("count", "has_next", "position"),
        answered("members", "list[SegmentMember]", "The next of them, by their ids.", _each, within=within),
    )
    made(
        SegmentPreview,
        ("count", "out_of", "has_next", "at", "position"),
        answered("customers", "list[Customer]", "The next of them, by their ids.", _customers, within=within),
    )


async def _each(root: Shown[SegmentMembers], info: Info) -> list[Shown[SegmentMember]]:
    return [Shown(member, root.as_of) for member in root.row.members]


async def _customers(root: Shown[SegmentPreview], info: Info) -> list[Shown[Any]]:
    found = await gather(*(shown_customer(info, id, root) for id in root.row.customer_ids))
    return [each for each in found if each is not None]


async def _size(root: Shown[Any], info: Info) -> int:
    house = info.context.house

    def ask(keys: list[UUID]) -> dict[UUID, int]:
        return sizes(house.lists, keys, as_of=root.as_of)

    return await info.context.each(("size", root.as_of), ask, root.row.segment_id)


async def _members(
    root: None,
    info: Info,
    *,
    segment: str,
    first: int,
    after: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Shown[SegmentMembers]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [segments.view, segment_memberships.view], at_least)
    found = await context.ask(
        members,
        context.house.lists,
        identify("segment", segment, "segment"),
        first=first,
        after=_after(after),
        as_of=moment,
    )
    return Shown(found, moment)


async def _preview(
    root: None,
    info: Info,
    *,
    predicate: Any,
    first: int,
    after: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Shown[SegmentPreview]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [customers.view], at_least)
    found = await context.ask(
        preview,
        context.house.lists,
        _predicate(context, predicate),
        at=await instant_of(context, moment),
        first=first,
        after=_after(after),
        as_of=moment,
    )
    return Shown(found, moment)


def _predicate(context: Context, given: Any) -> Predicate:
    """The predicate as the command by which a segment is defined reads it. Raises `Refused`."""
    raw = {"segmentId": str(UUID(int=0)), "key": "preview", "title": {}, "predicate": written(given)}
    return cast(DefineSegment, context.house.commands.read("defineSegment", raw)).predicate


def _after(after: str | None) -> UUID | None:
    return None if after is None else identify("customer", after, "after")
