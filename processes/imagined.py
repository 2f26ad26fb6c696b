"""The imagined log: the past as it would have been, had a policy decided otherwise; nothing of it is written."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from domain import follow_up
from domain.kernel import Command, Decider, Event, Refused
from eventstore.envelope import Draft, Happened, Recorded, Request
from eventstore.log import Log
from processes.decisions import Decisions, as_recorded
from processes.memories import Memories, Shared
from processes.policy import Policy, Subject
from processes.triggers import corrected_between
from projections.lists import Lists


class Imagined(Decisions):
    """States of streams, and decisions on them, of which some events did not happen and others did."""

    def __init__(self, log: Log, without: set[int], ours: set[UUID]) -> None:
        """`without` are the positions of what did not happen; `ours` the follow-ups of which all is imagined."""
        super().__init__(log)
        self.position = 0
        self._without = without
        self._ours = ours
        self._deciders = {event: noun for noun in log.deciders.values() for event in noun.events}

    def learn(self, streams: Mapping[UUID, Decider[Any]]) -> None:
        """Reads the states of these streams as they were at the position that was come to."""
        for disclose in (False, True):
            wanted = {id: noun for id, noun in streams.items() if id not in self._states and noun.disclose is disclose}
            for id, noun in wanted.items():
                self._states[id] = (noun.initial, 0)
            asked = [id for id in wanted if id not in self._ours]
            for event, at in self.log.reader.streams(asked, disclose=disclose) if asked else ():
                if at.position <= self.position and at.position not in self._without:
                    self.happened(event, at)

    def keeps(self, stream_id: UUID) -> bool:
        """Whether the state of a stream is kept."""
        return stream_id in self._states

    def happened(self, event: Event, at: Recorded) -> None:
        """Something that did happen to a stream whose state is kept."""
        if (found := self._states.get(at.stream_id)) is not None:
            self._states[at.stream_id] = (self._deciders[type(event)].evolve(found[0], event), at.version)

    def stands(self, follow_up_id: UUID) -> follow_up.FollowUp:
        """How one of the policy's follow-ups stands."""
        self.learn({follow_up_id: follow_up.decider})
        state: follow_up.FollowUp = self.state(follow_up_id)
        return state

    def begin(self, follow_up_id: UUID) -> None:
        """A follow-up that was promised before: it is kept from its first event on."""
        self._states.setdefault(follow_up_id, (follow_up.decider.initial, 0))

    def take(self, command: Command, request: Request) -> list[Draft]:
        """Decides a command; nothing is kept for appending."""
        self.drafts.clear()
        return super().take(command, request)

    def refuse(self, command: Command, request: Request, refused: Refused) -> None:
        """Notes a refusal, and tells nobody."""
        self.refused.append((command, refused))


class ImaginedMemories:
    """What a policy would have remembered: the log up to a position but for some events, and what it would have decided."""

    def __init__(
        self, policy: Policy[Any], log: Log, lists: Lists | None, without: set[int], start: int, end: int
    ) -> None:
        self._policy = policy
        self._reader = log.reader
        self._without = without
        self._shared = Shared(policy, log.reader, lists, without, end) if policy.shared is not None else None
        if self._shared is not None:
            self._shared.counted = end
        self._imagined: dict[UUID | None, list[Happened]] = {}
        self._by_stream: dict[UUID, list[Memories[Any]]] = {}
        self._books: dict[UUID | None, Memories[Any]] = {}
        with log.pool.connection() as db:
            self._cuts = corrected_between(db, start, end)
        changed = log.reader.changed_by(self._cuts, end).customers if self._cuts else set()
        self._touched = changed if policy.subject is Subject.CUSTOMER else None
        self._same_as: dict[UUID, UUID] = {}
        self._end = end
        self._last = 0
        self.go_on(start)

    def go_on(self, position: int) -> None:
        """The log has come to a position: what was corrected there is read anew."""
        if self._last and not any(self._last < cut <= position for cut in self._cuts):
            self._last = position
            return
        self._last = position
        self._until = next((cut - 1 for cut in self._cuts if cut > position), self._end)
        if not self._cuts:
            return
        if self._touched is None:
            self._books.clear()
            self._by_stream.clear()
        else:
            for subject in self._touched & self._books.keys():
                del self._books[subject]
        self._same_as = self._reader.canonical(self._touched or (), position)

    def canonical(self, customer_id: UUID | None) -> UUID | None:
        """Whom a customer is taken to be now."""
        return None if customer_id is None else self._same_as.get(customer_id, customer_id)

    def expect(self, subjects: Iterable[UUID | None]) -> None:
        """Reads what there is of these subjects, in as few queries as there can be."""
        new = {whom for each in subjects if (whom := self._whom(each)) not in self._books}
        steady = {each for each in new if self._touched is not None and each not in self._touched}
        for group, end in ((steady, self._end), (new - steady, self._until)):
            if not group:
                continue
            book = Memories(
                self._policy, self._reader, group, end, self._shared, without=self._without,
                imagined=self._told_of(group),
            )  # fmt: skip
            self._books.update(dict.fromkeys(group, book))
            for stream in book.streams:
                self._by_stream.setdefault(stream, []).append(book)

    def of(self, subject: UUID | None, position: int) -> Any:
        """What would be remembered of a subject at a position."""
        self.expect([subject])
        whom = self._whom(subject)
        return self._books[whom].of(whom, position)

    def note(self, draft: Draft, position: int) -> Happened:
        """Something that would have been decided just now."""
        happened = Happened(draft.event, as_recorded(draft, position))
        if self._policy.subject is Subject.NOUN:
            self._imagined.setdefault(draft.stream_id, []).append(happened)
            books = self._by_stream.get(draft.stream_id, [])
            if isinstance(draft.event, self._policy.with_customer):
                self._imagined.setdefault(None, []).append(happened)
                books = list(self._books.values())
        else:
            self._imagined.setdefault(draft.customer_id, []).append(happened)
            book = self._books.get(self.canonical(draft.customer_id))
            books = [] if book is None else [book]
        for book in {id(book): book for book in books}.values():
            book.note(draft.event, happened.at, position)
        if not books and self._shared is not None:
            self._shared.note(draft.event, happened.at)
        return happened

    def _whom(self, subject: UUID | None) -> UUID | None:
        """Whose memory a subject has: that of whom it is taken to be, if it is a customer."""
        return self.canonical(subject) if self._policy.subject is Subject.CUSTOMER else subject

    def _told_of(self, subjects: set[UUID | None]) -> list[Happened]:
        """What was imagined of these subjects, or of whom they may be taken to be, in its order."""
        if self._policy.subject is Subject.NOUN:
            keys: set[UUID | None] = {None} | {
                stream for each in subjects if each is not None for stream in self._policy.streams_of(each)
            }
        elif self._touched is not None and not subjects.isdisjoint(self._touched):
            keys = {*subjects, *self._touched} - {None}
        else:
            keys = subjects - {None}
        found = [each for key in keys for each in self._imagined.get(key, ())]
        return sorted(found, key=lambda each: each.at.position)
