"""Memories: what policies remember, folded from the log up to a position that only ever grows."""

from collections.abc import Collection, Container, Iterable, Sequence
from heapq import merge
from typing import Any, Generic, TypeVar
from uuid import UUID

from domain.kernel import Event
from eventstore.corrections import others
from eventstore.envelope import Draft, Happened, Recorded
from eventstore.reader import AsOf, Reader
from processes.policy import Policy, Subject
from processes.triggers import Histories, is_reaction
from projections.lists import Lists

M = TypeVar("M")

PAGE_EVENTS = 2_000
ALL = UUID(int=0)
"""Whom nobody is, for what concerns everybody."""


class Shared:
    """What all memories of a policy share, kept from one batch to the next: only what is new is read.

    `counted` is the position up to which the views have come that the policy counts from. `without` are the positions of
    events that do not count; they may become more. Up to the position `there` it may be read at once: all of it is there.
    `unsure`: it was learnt of a decision that may not come to be.
    """

    def __init__(
        self,
        policy: Policy[Any],
        reader: Reader,
        lists: Lists | None = None,
        without: Container[int] = (),
        there: int = 0,
    ) -> None:
        self._policy = policy
        self._lists = lists
        self.counted = 0
        self._there = there
        self._reader = reader
        self._without = without
        self._types = reader.codec.names(policy.learning)
        self.forget()

    def forget(self) -> None:
        """Begins anew."""
        self.unsure = False
        given = (self._lists,) if self._policy.views else ()
        self.known = self._policy.shared(*given) if self._policy.shared is not None else None
        self._position = 0
        self._coming: list[Happened] = []
        self._read = 0

    def at(self, position: int) -> Any:
        """What is known to all at a position. One that lies behind is read from the beginning."""
        if position < self._position:
            self.forget()
        self._position = position
        if self.known is not None and self._policy.views:
            self.known.position = min(position, self.counted)
        while True:
            while self._coming and self._coming[-1].at.position <= position:
                event, at = self._coming[-1]
                if at.position not in self._without:
                    self.note(event, at)
                self._coming.pop()
            if self._coming or self._read >= position:
                return self.known
            page = self._reader.page(self._read, PAGE_EVENTS, types=self._types) if self._types else []
            last = page[-1].at.position if page else 0
            self._read = last if len(page) == PAGE_EVENTS else max(last, position, self._there)
            self._coming = page[::-1]

    @property
    def learns(self) -> Collection[type[Event]]:
        """What it learns from."""
        return self._policy.learning.keys()

    @property
    def is_new(self) -> bool:
        """Whether nothing was read yet."""
        return not self._read

    def has_read(self, position: int) -> None:
        """All that there was up to a position was noted already, since it was new."""
        self._position = self._read = position

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
        *,
        reacted: tuple[int, int] | None = None,
        without: Container[int] = (),
        imagined: Sequence[Happened] = (),
        histories: Histories | None = None,
        writing: bool = False,
    ) -> None:
        """Reads the whole history of these subjects up to a position, in one query. `shared` is made if it is needed.

        `reacted` is for a policy that reacts to something of before: what it decided itself, reacting, between these two
        positions counts from the event that it reacted to, whenever that was. `without` are positions of events that do
        not count, and may become more; `imagined` are events that count as if they were in the log. `histories` were read
        for others as well. `writing`: a letter is to be written, so what is `marked` is told.
        """
        self._policy = policy
        self._reader = reader
        self._shared = shared or (Shared(policy, reader) if policy.shared is not None else None)
        self._own: dict[UUID | None, list[Happened]] = {}
        self._same_as: dict[UUID, UUID] = {}
        self._wanted = {each for each in subjects if each is not None}
        self._nouns: dict[UUID, list[UUID]] = {}
        self._links: dict[UUID | None, dict[UUID, int]] = {}
        self._reacted = reacted
        self._without = without
        if self._wanted and policy.remembering:
            self._read(position, imagined, histories, writing)
        also = [each for each in reader.streams(policy.also) if each.at.position <= position] if policy.also else []
        self._also = sorted(also, key=_position)
        self._minds: dict[UUID | None, tuple[M, list[Happened]]] = {}
        """What is remembered of each, and what is still to be remembered, the next one last."""
        self._noted: dict[UUID | None, int] = {}

    @property
    def streams(self) -> set[UUID]:
        """The streams that tell of the nouns, if it is nouns that are remembered."""
        return set(self._nouns)

    def of(self, subject: UUID | None, position: int) -> M:
        """What is remembered of a subject, and of whoever is taken to be the same, up to a position."""
        subject = self.whom(subject)
        shared = () if self._shared is None else (self._shared.at(position),)
        if (mind := self._minds.get(subject)) is None:
            own = self._own.get(subject, [])
            waiting = list(merge(own, self._also, key=_position)) if self._also else own
            mind = self._minds[subject] = self._policy.memory(*shared), waiting[::-1]
        known, waiting = mind
        while waiting and waiting[-1].at.position <= position:
            event, at = waiting.pop()
            if at.position not in self._without:
                self._remember(known, event, at)
        return known

    def foreseen(self, subject: UUID | None, position: int) -> M:
        """What may be remembered by then, with what all share as it is now: good enough to guess what will be asked."""
        known = self._policy.memory(*(() if self._shared is None else (self._shared.known,)))
        for event, at in merge(self._own.get(self.whom(subject), ()), self._also, key=_position):
            if at.position <= position and at.position not in self._without:
                self._remember(known, event, at)
        return known

    def changes(self, subject: UUID | None) -> int:
        """How often something was noted that changed what is remembered of a subject, or what all share."""
        return self._noted.get(self.whom(subject), 0) + self._noted.get(ALL, 0) if self._noted else 0

    def listens_to(self, draft: Draft) -> bool:
        """Whether it may make a difference that this was decided."""
        policy = self._policy
        if self._shared is not None and type(draft.event) in policy.learning:
            return True
        return policy.subject is Subject.NOUN or self.whom(draft.customer_id) in self._wanted

    def note(self, event: Event, at: Recorded, position: int) -> None:
        """Something that was decided just now on what stands at a position, to be remembered as the log will tell it."""
        if self._policy.subject is Subject.NOUN:
            subjects: list[UUID | None] = [noun for noun in self._nouns.get(at.stream_id, ()) if noun in self._wanted]
            if isinstance(event, self._policy.with_customer):
                subjects = [
                    noun for noun, whose in self._links.items() if at.customer_id in whose and noun in self._wanted
                ]
        else:
            subject = self.whom(at.customer_id)
            subjects = [] if subject is None or subject not in self._wanted else [subject]
        for each in subjects:
            self._remember(self.of(each, position), event, at)
            self._noted[each] = self._noted.get(each, 0) + 1
        if self._shared is not None and type(event) in self._policy.learning:
            self._shared.note(event, at)
            self._shared.unsure = True
            self._noted[ALL] = self._noted.get(ALL, 0) + 1

    def leave(self, subject: UUID | None) -> None:
        """Nobody asks for a subject any more: what is noted need not be remembered of it."""
        if (subject := self.whom(subject)) is not None:
            self._wanted.discard(subject)

    def _read(self, position: int, imagined: Sequence[Happened], histories: Histories | None, writing: bool) -> None:
        policy, reader, wanted = self._policy, self._reader, list(self._wanted)
        names = reader.codec.names(policy.remembering)
        disclosed = reader.codec.names([*policy.disclosed, *(policy.marked if writing else ())])
        marked = () if writing else reader.codec.names(policy.marked)
        by_customer = policy.subject is Subject.CUSTOMER
        read = None if imagined or not by_customer else histories
        if read is not None and read.tell(wanted, position, names, disclosed, marked):
            self._same_as = others(read.kin)
            self._wanted = {read.kin[each] for each in wanted}
            self._own = {each: self._counted(read.of(each), position) for each in self._wanted}
            return
        as_of = AsOf(position=position)
        if by_customer:
            told = {each.at.customer_id for each in imagined if each.at.customer_id is not None}
            kin = reader.kin([*wanted, *(told - self._wanted)], position)
            self._same_as = others(kin)
            self._wanted = {kin[each] for each in wanted}
            if told:
                kin = {id: whom for id, whom in kin.items() if whom in self._wanted}
            found = reader.customers(wanted, types=names, as_of=as_of, disclose=disclosed, mark=marked, kin=kin)
            for each in self._told(found, [each for each in imagined if self._concerns(each.at)], position):
                self._own.setdefault(self.whom(each.at.customer_id), []).append(each)
            return
        for noun in wanted:
            for stream in policy.streams_of(noun):
                self._nouns.setdefault(stream, []).append(noun)
        found = reader.of_streams(list(self._nouns), types=names, as_of=as_of, disclose=disclosed, mark=marked)
        for each in self._told(found, [each for each in imagined if self._concerns(each.at)], position):
            for noun in self._nouns[each.at.stream_id]:
                self._own.setdefault(noun, []).append(each)
        if policy.with_customer:
            self._links = {noun: _whose(of_noun) for noun, of_noun in self._own.items()}
            customers = {each for whose in self._links.values() for each in whose}
            types = reader.codec.names(policy.with_customer)
            found = (
                reader.customers(list(customers), types=types, as_of=as_of, disclose=disclosed, mark=marked)
                if customers
                else []
            )
            more = [each for each in imagined if isinstance(each.event, policy.with_customer)]
            of_customers = self._told(found, [each for each in more if each.at.customer_id in customers], position)
            self._own |= {
                noun: _with_customer(self._own[noun], self._links[noun], of_customers) for noun in self._links
            }

    def _told(self, found: list[Happened], imagined: list[Happened], position: int) -> list[Happened]:
        """What was found and what was imagined, in the order in which it counts."""
        found = self._counted(found, position)
        return sorted([*found, *imagined], key=_position) if imagined else found

    def _counted(self, found: list[Happened], position: int) -> list[Happened]:
        """The events in the order in which they count."""
        if self._reacted is None:
            return found
        after, head = self._reacted
        later = [] if head <= position else self._decided_later(position, head)
        ours = self._policy.actor
        since = [each for each in found if each.at.position > after and each.at.actor == ours]
        moved = {each.at.position: each.at.because or 0 for each in since if is_reaction(self._policy, each.at)}
        if not moved and not later:
            return found
        placed = [
            Happened(each.event, each.at._replace(position=moved[each.at.position]))
            if each.at.position in moved
            else each
            for each in found
        ]
        return sorted([*placed, *later], key=_position)

    def _decided_later(self, position: int, head: int) -> list[Happened]:
        """What the policy decided, reacting to what stands up to a position, that came to stand after it."""
        with self._reader.pool.connection() as db:
            rows = db.execute(
                "select position from es.event where position > %s and position <= %s and actor = %s and because <= %s "
                "   and type = any(%s)",
                [position, head, self._policy.actor, position, self._reader.codec.names(self._policy.remembering)],
            ).fetchall()
        if not rows:
            return []
        read = self._reader.personal([row[0] for row in rows])
        found = self._reader.as_known([read[place] for place in sorted(read)], position)
        return [
            Happened(event, at._replace(position=at.because or 0))
            for event, at in found
            if is_reaction(self._policy, at) and self._concerns(at)
        ]

    def _concerns(self, at: Recorded) -> bool:
        """Whether an event tells of one of the subjects."""
        if self._policy.subject is Subject.NOUN:
            return at.stream_id in self._nouns
        return self.whom(at.customer_id) in self._wanted

    def _remember(self, known: M, event: Event, at: Recorded) -> None:
        if (handler := self._policy.remembering.get(type(event))) is not None:
            handler(known, event, at)

    def whom(self, subject: UUID | None) -> UUID | None:
        """Whom a subject is taken to be."""
        return self._same_as.get(subject, subject) if self._same_as and subject is not None else subject


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
