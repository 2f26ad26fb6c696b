"""Memories: what policies remember, folded from the log up to a position that only ever grows."""

from collections.abc import Iterable
from heapq import merge
from typing import Any, Generic, TypeVar
from uuid import UUID

from domain.kernel import Event
from eventstore.envelope import Happened, Recorded
from eventstore.reader import AsOf, Reader
from processes.policy import Policy, Subject

M = TypeVar("M")

PAGE_EVENTS = 2_000


class Shared:
    """What all memories of a policy share, kept from one batch to the next: only what is new is read."""

    def __init__(self, policy: Policy[Any], reader: Reader) -> None:
        self._policy = policy
        self._reader = reader
        self._types = reader.codec.names(policy.learning)
        self.forget()

    def forget(self) -> None:
        """Begins anew: what was learnt of a decision may not have come to be."""
        self.known = self._policy.shared() if self._policy.shared is not None else None
        self._position = 0
        self._coming: list[Happened] = []
        self._read = 0

    def at(self, position: int) -> Any:
        """What is known to all at a position. One that lies behind is read from the beginning."""
        if position < self._position:
            self.forget()
        self._position = position
        while True:
            while self._coming and self._coming[-1].at.position <= position:
                self.note(*self._coming.pop())
            if self._coming or self._read >= position:
                return self.known
            page = self._reader.page(self._read, PAGE_EVENTS, types=self._types) if self._types else []
            last = page[-1].at.position if page else 0
            self._read = last if len(page) == PAGE_EVENTS else max(last, position)
            self._coming = page[::-1]

    def note(self, event: Event, at: Recorded) -> None:
        """Something more to know."""
        if (handler := self._policy.learning.get(type(event))) is not None:
            handler(self.known, event, at)


class Memories(Generic[M]):
    """What a policy remembers of many subjects, each up to a position that only ever grows."""

    def __init__(
        self,
        policy: Policy[M],
        reader: Reader,
        subjects: Iterable[UUID | None],
        position: int,
        shared: Shared | None = None,
    ) -> None:
        """Reads the whole history of these subjects up to a position, in one query. `shared` is made if it is needed."""
        wanted = list({each for each in subjects if each is not None})
        names = reader.codec.names(policy.remembering)
        disclosed = reader.codec.names(policy.disclosed) or False
        as_of = AsOf(position=position)
        self._policy = policy
        self._shared = shared or (Shared(policy, reader) if policy.shared is not None else None)
        self._own: dict[UUID | None, list[Happened]] = {}
        self._same_as: dict[UUID, UUID] = {}
        if wanted and policy.subject is Subject.CUSTOMER:
            self._same_as = reader.canonical(wanted, position)
            found = reader.customers(wanted, types=names, as_of=as_of, disclose=disclosed) if names else []
            for happened in found:
                self._own.setdefault(happened.at.customer_id, []).append(happened)
        elif wanted:
            nouns = {stream: noun for noun in wanted for stream in policy.streams_of(noun)}
            for happened in reader.of_streams(list(nouns), types=names, as_of=as_of, disclose=disclosed):
                self._own.setdefault(nouns[happened.at.stream_id], []).append(happened)
            if policy.with_customer:
                links = {noun: _whose(of_noun) for noun, of_noun in self._own.items()}
                customers = list({each for whose in links.values() for each in whose})
                types = reader.codec.names(policy.with_customer)
                found = reader.customers(customers, types=types, as_of=as_of, disclose=disclosed) if customers else []
                self._own |= {noun: _with_customer(self._own[noun], links[noun], found) for noun in links}
        also = [each for each in reader.streams(policy.also) if each.at.position <= position] if policy.also else []
        self._also = sorted(also, key=_position)
        self._waiting: dict[UUID | None, list[Happened]] = {}
        self._known: dict[UUID | None, M] = {}

    def of(self, subject: UUID | None, position: int) -> M:
        """What is remembered of a subject, and of whoever is taken to be the same, up to a position."""
        subject = self._canonical(subject)
        shared = () if self._shared is None else (self._shared.at(position),)
        if subject not in self._known:
            self._known[subject] = self._policy.memory(*shared)
            self._waiting[subject] = list(merge(self._own.get(subject, ()), self._also, key=_position))[::-1]
        waiting = self._waiting[subject]
        while waiting and waiting[-1].at.position <= position:
            self._remember(subject, *waiting.pop())
        return self._known[subject]

    def note(self, subject: UUID | None, event: Event, at: Recorded) -> None:
        """Something that was decided just now, to be remembered of a subject, and to be known to all."""
        self._remember(self._canonical(subject), event, at)
        if self._shared is not None:
            self._shared.note(event, at)

    def _remember(self, subject: UUID | None, event: Event, at: Recorded) -> None:
        if (handler := self._policy.remembering.get(type(event))) is not None:
            handler(self._known[subject], event, at)

    def _canonical(self, subject: UUID | None) -> UUID | None:
        return None if subject is None else self._same_as.get(subject, subject)


def _position(happened: Happened) -> int:
    return happened.at.position


def _whose(of_noun: Iterable[Happened]) -> dict[UUID, int]:
    """Whose a noun was said to be, and the position at which that became known."""
    links: dict[UUID, int] = {}
    for _, at in of_noun:
        if at.customer_id is not None:
            links.setdefault(at.customer_id, at.position)
    return links


def _with_customer(of_noun: list[Happened], links: dict[UUID, int], found: Iterable[Happened]) -> list[Happened]:
    """What tells of a noun and of its customer; what was before it was known whose the noun is comes just after that."""
    told = [(each.at.position, 0, each) for each in of_noun]
    for each in found:
        since = links.get(each.at.customer_id) if each.at.customer_id is not None else None
        if since is not None:
            told.append((max(since, each.at.position), each.at.position, each))
    return [each for *_, each in sorted(told, key=lambda known: known[:2])]
