"""Subject access: the copies of their own data that people were given (GDPR, articles 15 and 20)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked
from domain.references import CustomerId
from domain.values import must_be_digest, must_be_within

MAX_EVENTS = 10**9

SubjectAccessId = Annotated[UUID, Ref("subject_access")]


class SubjectAccessKind(StrEnum):
    """What a copy holds: ACCESS is everything about a person, PORTABILITY what they gave themselves."""

    ACCESS = "ACCESS"
    PORTABILITY = "PORTABILITY"


class RecordSubjectAccess(Command):
    """Note that a copy of their data was made for a person, as of a position of the log; `digest` is the file's SHA-256."""

    subject_access_id: SubjectAccessId
    customer_id: CustomerId
    kind: SubjectAccessKind
    position: int
    events: int
    digest: str


class SubjectAccessExported(Event, stored_as="subject_access.exported.v1"):
    """A copy of their data was made for a person, of so many events up to a position; `digest` is the file's SHA-256."""

    customer_id: CustomerId
    kind: SubjectAccessKind
    position: int
    events: int
    digest: str


@dataclass(frozen=True, slots=True)
class SubjectAccess:
    """What was made."""

    exported: SubjectAccessExported | None = None


Asked = RecordSubjectAccess
Happened = SubjectAccessExported


def decide(asked: Asked, access: SubjectAccess) -> Iterator[Event]:
    must_be_within(asked.position, 1, MAX_EVENTS, "position")
    must_be_within(asked.events, 1, MAX_EVENTS, "events")
    must_be_digest(asked.digest, "digest")
    exported = as_asked(SubjectAccessExported, asked)
    if access.exported not in (None, exported):
        raise Refused("Another copy is already noted under this id.", "subject_access_id")
    if access.exported is None:
        yield exported


def evolve(access: SubjectAccess, event: Happened) -> SubjectAccess:
    return SubjectAccess(event)


decider = Decider("subject_access", Asked, Happened, SubjectAccess(), decide, evolve)
