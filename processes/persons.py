"""Persons: everything in the log that belongs to one person, whoever they were taken to be and before anybody knew."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.erasure_events import SubjectBlocked
from domain.kernel import Event, sealed_fields
from eventstore.arrays import id_array
from eventstore.envelope import Recorded
from eventstore.log import Log

TELLING = ("identity", "contact")
"""The classes of values by which a person is recognised in what others wrote."""
SHORTEST_WORD = 6
"""Shorter ones are found in texts that have nothing to do with the person."""
QUOTING = (
    "import_batch.rows-rejected.v1",
    "inbound_message.rejected.v1",
    "outbound_message.dead-lettered.v1",
    "reconciliation.run.v1",
)
"""The events in which the software itself may cite what it could not take."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person's customers, the streams that tell of them, and the position by which they were blocked."""

    erasure_id: UUID
    customers: tuple[UUID, ...]
    streams: frozenset[UUID]
    blocked_at: int
    until: datetime
    legal_basis: str

    @property
    def subjects(self) -> list[UUID]:
        """Whose keys are concerned: before it is known whom a stream concerns, its values are the stream's own."""
        return [*self.customers, *self.streams]


def person_of(log: Log, erasure_id: UUID, said: Sequence[tuple[SubjectBlocked, Recorded]]) -> Person:
    """Whom a request concerns, by all that was said of it: who by the first, until when and by which law by the last."""
    (first, at), (last, _) = said[0], said[-1]
    streams = log.reader.streams_of(first.subjects, at.position)
    return Person(erasure_id, first.subjects, frozenset(streams), at.position, last.until, last.legal_basis)


def words_of(log: Log, customers: Collection[UUID]) -> set[str]:
    """What a person is recognised by, in small letters: names, addresses, identifiers, in every form that was told."""
    shapes = log.codec.shapes.values()
    telling = [shape.event for shape in shapes if any(field.key_class in TELLING for field in shape.personal)]
    found = log.reader.customers(list(customers), types=log.codec.names(telling), disclose=True)
    return {word for event, _ in found for word in _words(event) if len(word) >= SHORTEST_WORD}


def quoting(log: Log, words: Collection[str]) -> set[UUID]:
    """The streams in which the software cites one of these words."""
    position, found = 0, set[UUID]()
    while words and (page := log.reader.page(position, types=QUOTING, disclose=True)):
        for event, at in page:
            said = " ".join(_words(event, every=True))
            if any(word in said for word in words):
                found.add(at.stream_id)
        position = page[-1].at.position
    return found


def letters_of(log: Log, customers: Collection[UUID]) -> list[str]:
    """The ids of the follow-ups that were sent to these customers, or may have been."""
    return _texts(
        log,
        "select distinct stream_id::text from es.event "
        " where customer_id = any(%s::uuid[]) and type in ('follow_up.dispatched.v1', 'follow_up.attempted.v1')",
        customers,
    )


def mails_of(log: Log, customers: Collection[UUID]) -> list[str]:
    """The Message-IDs of what these customers wrote and were written."""
    return _texts(
        log,
        "select distinct convert_from(body, 'UTF8')::jsonb ->> 'message_id' from es.event "
        " where customer_id = any(%s::uuid[]) "
        "   and type in ('interaction.message-received.v1', 'interaction.message-sent.v1')",
        customers,
    )


def _texts(log: Log, query: str, customers: Collection[UUID]) -> list[str]:
    with log.pool.connection() as db:
        rows = db.execute(query, [id_array(customers)]).fetchall()
    return [row[0] for row in rows if row[0]]


def _words(event: Event, *, every: bool = False) -> Iterator[str]:
    for name, word in sealed_fields(type(event)).items():
        if every or word.key_class in TELLING:
            yield from _texts_in(getattr(event, name))


def _texts_in(value: Any) -> Iterator[str]:
    match value:
        case None | bool() | int():
            return
        case str():
            yield value.lower()
        case tuple() | list():
            for each in value:
                yield from _texts_in(each)
        case _ if hasattr(value, "__dataclass_fields__"):
            for name in value.__dataclass_fields__:
                yield from _texts_in(getattr(value, name))
        case _:
            yield str(value).lower()
