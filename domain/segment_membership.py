"""Segment memberships: when a customer entered a published segment, when they left it, and what showed it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, as_asked, derived
from domain.references import CustomerId, SegmentId
from domain.values import must_be_within

MAX_EVIDENCE = 100
MAX_VERSION = 2**31 - 1

# What can be asked.


class EnterSegment(Command):
    """Say that a version of a segment holds for a customer; `evidence` are the positions of the events that show it."""

    segment_id: SegmentId
    customer_id: CustomerId
    definition_version: int
    evidence: tuple[int, ...] = ()


class ExitSegment(Command):
    """Say that it holds no longer; `evidence` are the positions of the events that show it."""

    segment_id: SegmentId
    customer_id: CustomerId
    definition_version: int
    evidence: tuple[int, ...] = ()


# What can have happened.


class SegmentEntered(Event, stored_as="segment_membership.entered.v1"):
    """The customer came to belong to the segment, by this version of it."""

    segment_id: SegmentId
    customer_id: CustomerId
    definition_version: int
    evidence: tuple[int, ...] = ()


class SegmentExited(Event, stored_as="segment_membership.exited.v1"):
    """The customer ceased to belong to the segment, by this version of it."""

    segment_id: SegmentId
    customer_id: CustomerId
    definition_version: int
    evidence: tuple[int, ...] = ()


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class SegmentMembership:
    """Whether the customer is in (None before it was ever said), and by which version that was decided."""

    customer_id: UUID | None = None
    inside: bool | None = None
    version: int = 0


Asked = EnterSegment | ExitSegment
Happened = SegmentEntered | SegmentExited


def decide(asked: Asked, membership: SegmentMembership) -> Iterator[Event]:
    must_make_sense(asked)
    match asked:
        case EnterSegment():
            if not membership.inside:
                must_be_current(asked, membership)
                yield as_asked(SegmentEntered, asked)
        case ExitSegment():
            if membership.inside is None:
                raise Refused("This customer is not in this segment yet.", "customer_id")
            if membership.inside:
                must_be_current(asked, membership)
                yield as_asked(SegmentExited, asked)
        case _:
            assert_never(asked)


def evolve(membership: SegmentMembership, event: Happened) -> SegmentMembership:
    match event:
        case SegmentEntered():
            return SegmentMembership(event.customer_id, True, event.definition_version)
        case SegmentExited():
            return SegmentMembership(event.customer_id, False, event.definition_version)
        case _:
            assert_never(event)


def must_make_sense(asked: Asked) -> None:
    """Refused if there can be no such version, or if the evidence is too much or no positions."""
    must_be_within(asked.definition_version, 1, MAX_VERSION, "definition_version")
    if len(asked.evidence) > MAX_EVIDENCE:
        raise Refused(f"Give at most {MAX_EVIDENCE} positions as evidence.", "evidence")
    if any(position < 1 for position in asked.evidence):
        raise Refused("Positions count from 1.", "evidence")


def must_be_current(asked: Asked, membership: SegmentMembership) -> None:
    """Refused if a newer version has already decided: whoever asks has not seen it yet."""
    if asked.definition_version < membership.version:
        raise Refused(
            f"Version {membership.version} of this segment has already decided. Ask by that one.", "definition_version"
        )


def segment_membership_id(segment_id: UUID, customer_id: UUID) -> UUID:
    """The stream that holds when a customer was in a segment."""
    return derived("segment_membership", segment_id, customer_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per segment and customer."""
    return segment_membership_id(asked.segment_id, asked.customer_id)


decider = Decider("segment_membership", Asked, Happened, SegmentMembership(), decide, evolve, stream=stream)
