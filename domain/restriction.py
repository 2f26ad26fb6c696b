"""Contact restrictions: what the company must not do to reach a customer, whatever they agreed to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.consent import Purpose
from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import CustomerId
from domain.values import Channel, empty, must_know_zone


class ContactRestrictionKind(StrEnum):
    """What must not be done.

    DO_NOT_... closes a channel to marketing and surveys, and DO_NOT_CONTACT every one; NO_PROFILING forbids profiling;
    ROBINSON_LIST, a public list of those who want no advertising, forbids marketing; LEGAL_HOLD all but service.
    """

    DO_NOT_CALL = "DO_NOT_CALL"
    DO_NOT_MAIL = "DO_NOT_MAIL"
    DO_NOT_EMAIL = "DO_NOT_EMAIL"
    DO_NOT_TEXT = "DO_NOT_TEXT"
    DO_NOT_CONTACT = "DO_NOT_CONTACT"
    NO_PROFILING = "NO_PROFILING"
    ROBINSON_LIST = "ROBINSON_LIST"
    LEGAL_HOLD = "LEGAL_HOLD"


# What can be asked.


class SetContactRestriction(Command):
    """Restrict how a customer is reached, up to but not including `until`, or until it is lifted."""

    customer_id: CustomerId
    kind: ContactRestrictionKind
    until: datetime | None = None
    reason: Text | None = None


class LiftContactRestriction(Command):
    """Say that a restriction no longer holds."""

    customer_id: CustomerId
    kind: ContactRestrictionKind
    reason: Text | None = None


# What can have happened.


class ContactRestrictionSet(Event, stored_as="restriction.set.v1"):
    """The customer is not to be reached in some way, up to but not including `until`; the last word on a kind holds."""

    customer_id: CustomerId
    kind: ContactRestrictionKind
    until: datetime | None
    reason: Told[str]


class ContactRestrictionLifted(Event, stored_as="restriction.lifted.v1"):
    """A restriction no longer holds."""

    customer_id: CustomerId
    kind: ContactRestrictionKind
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Restriction:
    """The restrictions that hold, with their ends, and those that were lifted."""

    customer_id: UUID | None = None
    held: Mapping[ContactRestrictionKind, datetime | None] = field(default_factory=empty)
    lifted: frozenset[ContactRestrictionKind] = frozenset()


Asked = SetContactRestriction | LiftContactRestriction
Happened = ContactRestrictionSet | ContactRestrictionLifted


def decide(asked: Asked, restriction: Restriction) -> Iterator[Event]:
    match asked:
        case SetContactRestriction(kind=kind, until=until):
            if until is not None:
                must_know_zone(until, "until")
            if kind not in restriction.held or restriction.held[kind] != until:
                yield as_asked(ContactRestrictionSet, asked)
        case LiftContactRestriction(kind=kind):
            if kind in restriction.held:
                yield as_asked(ContactRestrictionLifted, asked)
            elif kind not in restriction.lifted:
                raise Refused("This restriction was never set.", "kind")
        case _:
            assert_never(asked)


def evolve(restriction: Restriction, event: Happened) -> Restriction:
    kind, known = event.kind, replace(restriction, customer_id=event.customer_id)
    match event:
        case ContactRestrictionSet(until=until):
            return replace(known, held={**known.held, kind: until}, lifted=known.lifted - {kind})
        case ContactRestrictionLifted():
            held = {each: until for each, until in known.held.items() if each is not kind}
            return replace(known, held=held, lifted=known.lifted | {kind})
        case _:
            assert_never(event)


ADVANCES = frozenset({Purpose.MARKETING, Purpose.SURVEY})
"""What the company contacts somebody for of its own accord."""
FORBIDDEN: Mapping[ContactRestrictionKind, tuple[frozenset[Purpose], frozenset[Channel]]] = {
    ContactRestrictionKind.DO_NOT_CALL: (ADVANCES, frozenset({Channel.PHONE})),
    ContactRestrictionKind.DO_NOT_MAIL: (ADVANCES, frozenset({Channel.LETTER})),
    ContactRestrictionKind.DO_NOT_EMAIL: (ADVANCES, frozenset({Channel.EMAIL})),
    ContactRestrictionKind.DO_NOT_TEXT: (ADVANCES, frozenset({Channel.SMS})),
    ContactRestrictionKind.DO_NOT_CONTACT: (ADVANCES, frozenset(Channel)),
    ContactRestrictionKind.NO_PROFILING: (frozenset({Purpose.PROFILING}), frozenset(Channel)),
    ContactRestrictionKind.ROBINSON_LIST: (frozenset({Purpose.MARKETING}), frozenset(Channel)),
    ContactRestrictionKind.LEGAL_HOLD: (ADVANCES | {Purpose.PROFILING}, frozenset(Channel)),
}
"""The purposes that a restriction forbids, and by which channels."""


def forbids(restriction: Restriction, purpose: Purpose, channel: Channel | None, at: datetime | None = None) -> bool:
    """Whether a restriction that holds at a moment forbids a purpose by a channel, or by every one (None).

    Without a moment, what holds until some day is taken to hold. It comes before any consent.
    """
    wanted = frozenset(Channel) if channel is None else frozenset({channel})
    for kind, until in restriction.held.items():
        purposes, channels = FORBIDDEN[kind]
        if purpose in purposes and wanted <= channels and (at is None or until is None or at < until):
            return True
    return False


def restriction_id(customer_id: UUID) -> UUID:
    """The stream that holds how a customer must not be reached."""
    return derived("restriction", customer_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per customer."""
    return restriction_id(asked.customer_id)


decider = Decider("restriction", Asked, Happened, Restriction(), decide, evolve, stream=stream)
