"""Segments: groups of customers by what is known of them, version by version, and what each group is offered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import assert_never

from domain.kernel import Command, Decider, Event, Refused, Text, as_asked
from domain.predicate import FieldKind, Predicate, must_be_predicate
from domain.references import SegmentId
from domain.values import must_be_worded, must_say

MAX_LANGUAGES = 50

FIELDS: Mapping[str, FieldKind] = MappingProxyType(
    {
        "kind": FieldKind.TEXT,
        "language": FieldKind.TEXT,
        "timezone": FieldKind.TEXT,
        "country": FieldKind.TEXT,
        "region": FieldKind.TEXT,
        "territory": FieldKind.TEXT,
        "source": FieldKind.TEXT,
        "sector": FieldKind.TEXT,
        "size": FieldKind.TEXT,
        "account_manager": FieldKind.TEXT,
        "lifecycle_stage": FieldKind.TEXT,
        "tier": FieldKind.TEXT,
        "roles": FieldKind.TEXTS,
        "tags": FieldKind.TEXTS,
        "interests": FieldKind.TEXTS,
        "categories": FieldKind.TEXTS,
        "campaigns": FieldKind.TEXTS,
        "orders": FieldKind.NUMBER,
        "returns": FieldKind.NUMBER,
        "revenue": FieldKind.NUMBER,
        "average_order": FieldKind.NUMBER,
        "open_opportunities": FieldKind.NUMBER,
        "open_quotes": FieldKind.NUMBER,
        "open_cases": FieldKind.NUMBER,
        "points": FieldKind.NUMBER,
        "risk_score": FieldKind.NUMBER,
        "nps": FieldKind.NUMBER,
        "csat": FieldKind.NUMBER,
        "registered_at": FieldKind.MOMENT,
        "first_order_at": FieldKind.MOMENT,
        "last_order_at": FieldKind.MOMENT,
        "last_contact_at": FieldKind.MOMENT,
        "marketing_consent": FieldKind.FLAG,
    }
)
"""What a predicate may ask of a customer. Amounts are in the base currency; `nps` and `csat` are the last answers."""


# What can be asked.


class DefineSegment(Command):
    """Say who belongs to a group, and by `proposition` what the company promises it; more words make a new version."""

    segment_id: SegmentId
    key: str
    title: Mapping[str, str]
    predicate: Predicate
    proposition: Text | None = None


class PublishSegment(Command):
    """Begin to follow who enters and leaves the group, by its latest version."""

    segment_id: SegmentId


class RetireSegment(Command):
    """Stop using the group; its history stays."""

    segment_id: SegmentId


# What can have happened.


class SegmentDefined(Event, stored_as="segment.defined.v1"):
    """A group was described, as a whole; versions count from 1, and nobody enters or leaves by one before it is published."""

    version: int
    key: str
    title: Mapping[str, str]
    predicate: Predicate
    proposition: Text | None = None


class SegmentPublished(Event, stored_as="segment.published.v1"):
    """From here on this version says who belongs to the group."""

    version: int


class SegmentRetired(Event, stored_as="segment.retired.v1"):
    """The group is used no longer, and nobody belongs to it."""


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said last, and which version is the published one (0 for none)."""

    said: SegmentDefined | None = None
    published: int = 0
    retired: bool = False


Asked = DefineSegment | PublishSegment | RetireSegment
Happened = SegmentDefined | SegmentPublished | SegmentRetired


def decide(asked: Asked, segment: Segment) -> Iterator[Event]:
    said = segment.said
    match asked:
        case DefineSegment():
            must_make_sense(asked)
            if said is None:
                yield as_asked(SegmentDefined, asked, version=1)
            elif as_asked(SegmentDefined, asked, version=said.version) != said:
                must_be_in_use(segment)
                if asked.key != said.key:
                    raise Refused(f"The key of this segment is {said.key}. Define another segment instead.", "key")
                yield as_asked(SegmentDefined, asked, version=said.version + 1)
        case _ if said is None:
            raise Refused("This segment is not defined yet.", "segment_id")
        case PublishSegment():
            must_be_in_use(segment)
            if segment.published != said.version:
                yield SegmentPublished(version=said.version)
        case RetireSegment():
            if not segment.retired:
                yield SegmentRetired()
        case _:
            assert_never(asked)


def evolve(segment: Segment, event: Happened) -> Segment:
    match event:
        case SegmentDefined():
            return replace(segment, said=event)
        case SegmentPublished(version=version):
            return replace(segment, published=version)
        case SegmentRetired():
            return replace(segment, retired=True)
        case _:
            assert_never(event)


def must_make_sense(asked: DefineSegment) -> None:
    """Refused if the segment has no name, or if its predicate cannot be asked of a customer."""
    must_say(asked.key, "The key", "key")
    must_be_worded(asked.title, "title")
    if len(asked.title) > MAX_LANGUAGES:
        raise Refused(f"Give the title in at most {MAX_LANGUAGES} languages.", "title")
    must_be_predicate(asked.predicate, "predicate", FIELDS)
    must_say(asked.proposition, "The proposition", "proposition")


def must_be_in_use(segment: Segment) -> None:
    """Refused if the segment is retired."""
    if segment.retired:
        raise Refused("This segment is retired. Define another one instead.", "segment_id")


decider = Decider("segment", Asked, Happened, Segment(), decide, evolve)
