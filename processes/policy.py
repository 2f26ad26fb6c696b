"""A policy: what the company does by itself when something happens, as pure functions of what is known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from domain.kernel import Command, Event, derived
from eventstore.codec import Codec
from eventstore.envelope import Happened, Recorded
from eventstore.reader import AsOf, Reader
from processes.calendar import Calendar
from projections.touchpoints.due import Due

M = TypeVar("M")
H = TypeVar("H", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be sent: a template with its values, and what is to be recorded once it was delivered.

    `hours` are those in which it may go. `invitation_id` is what its links lead to.
    """

    to: str
    name: str | None
    language: str
    template: str
    invitation_id: UUID
    hours: Calendar
    values: Mapping[str, str] = field(default_factory=dict)
    then: tuple[Command, ...] = ()


Remember = Callable[..., object]
React = Callable[[Any, Recorded, Any], Iterator[Command]]
Decide = Callable[[Due, datetime, Any], Iterator[Command]]
Objection = Callable[[Due, datetime, Any], str | None]
Write = Callable[[Due, Any], Letter]


@dataclass(frozen=True)
class Policy(Generic[M]):
    """A named policy. Its version is not part of any id, so revising it never repeats what was done.

    `memory` makes an empty memory; what is remembered is folded from the customer's own events, and from the streams in
    `also`. `needs` are commands that are done once, when the policy is activated. Unless `include_imported`, only what
    happens live sets it off.
    """

    name: str
    version: int
    memory: Callable[[], M]
    include_imported: bool = False
    needs: tuple[Command, ...] = ()
    also: tuple[UUID, ...] = ()
    remembering: dict[type[Event], Remember] = field(default_factory=dict)
    disclosed: list[type[Event]] = field(default_factory=list)
    reactions: dict[type[Event], React] = field(default_factory=dict)
    decisions: list[Decide] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)
    writers: list[Write] = field(default_factory=list)

    @property
    def actor(self) -> str:
        """Who it is in the log."""
        return f"policy:{self.name}"

    def remember(self, *events: type[Event], disclose: bool = False) -> Callable[[H], H]:
        """Registers `(known, event, at)`: how events change the memory. `disclose`: with their personal values."""

        def register(handler: H) -> H:
            for event in events:
                if event in self.remembering:
                    raise ValueError(f"{self.name} already remembers {event.__name__}.")
                self.remembering[event] = handler
                if disclose:
                    self.disclosed.append(event)
            return handler

        return register

    def on(self, *events: type[Event]) -> Callable[[H], H]:
        """Registers `(event, at, known)`: what is asked for when something happens.

        The memory is that of the event's customer, up to and with the event.
        """

        def register(handler: H) -> H:
            for event in events:
                if event in self.reactions:
                    raise ValueError(f"{self.name} already reacts to {event.__name__}.")
                self.reactions[event] = cast(React, handler)
            return handler

        return register

    def due(self, handler: Callable[[Due, datetime, M], Iterator[Command]]) -> Decide:
        """Registers what is asked for when a follow-up is due. Nothing: it waits for another one to be decided."""
        self.decisions.append(handler)
        return handler

    def unless(self, handler: Callable[[Due, datetime, M], str | None]) -> Objection:
        """Registers why a follow-up that was dispatched is not sent any more, as a code. Asked before every attempt."""
        self.objections.append(handler)
        return handler

    def letter(self, handler: Callable[[Due, M], Letter]) -> Write:
        """Registers what is sent for a follow-up."""
        if self.writers:
            raise ValueError(f"{self.name} already writes letters.")
        self.writers.append(handler)
        return handler

    def decide(self, due: Due, now: datetime, known: M) -> Iterator[Command]:
        """What is to be done about a follow-up that is due."""
        for handler in self.decisions:
            yield from handler(due, now, known)

    def objects(self, due: Due, now: datetime, known: M) -> str | None:
        """Why a follow-up is not to be sent any more; None if it is."""
        return next((reason for handler in self.objections if (reason := handler(due, now, known))), None)

    def write(self, due: Due, known: M) -> Letter:
        """What is to be sent for a follow-up."""
        return self.writers[0](due, known)

    def follow_up_id(self, trigger: UUID, step: str) -> UUID:
        """The id of what is promised because of a trigger: the same trigger and step promise the same thing."""
        return derived("follow-up", self.name, trigger, step)


class Memories(Generic[M]):
    """What a policy remembers of many customers, each up to a position that only ever grows."""

    def __init__(self, policy: Policy[M], reader: Reader, customers: Sequence[UUID], position: int) -> None:
        """Reads the whole history of these customers up to a position, in one query."""
        names, disclosed = _names(policy, reader.codec)
        own: dict[UUID | None, list[Happened]] = {}
        if customers and names:
            for happened in reader.customers(
                list(set(customers)), types=names, as_of=AsOf(position=position), disclose=disclosed or False
            ):
                own.setdefault(happened.at.customer_id, []).append(happened)
        shared = [each for each in reader.streams(policy.also) if each.at.position <= position] if policy.also else []
        shared.sort(key=_position)
        self._policy = policy
        self._same_as = reader.canonical(customers, position)
        self._own = own
        self._shared = shared
        self._waiting: dict[UUID | None, list[Happened]] = {}
        self._known: dict[UUID | None, M] = {}

    def of(self, customer_id: UUID | None, position: int) -> M:
        """What is remembered of a customer, and of whoever is taken to be the same, up to a position."""
        customer_id = self._canonical(customer_id)
        if customer_id not in self._known:
            self._known[customer_id] = self._policy.memory()
            self._waiting[customer_id] = list(merge(self._own.get(customer_id, ()), self._shared, key=_position))[::-1]
        waiting = self._waiting[customer_id]
        while waiting and waiting[-1].at.position <= position:
            self.note(customer_id, *waiting.pop())
        return self._known[customer_id]

    def note(self, customer_id: UUID | None, event: Event, at: Recorded) -> None:
        """Something more to remember."""
        if (handler := self._policy.remembering.get(type(event))) is not None:
            handler(self._known[self._canonical(customer_id)], event, at)

    def _canonical(self, customer_id: UUID | None) -> UUID | None:
        return None if customer_id is None else self._same_as.get(customer_id, customer_id)


def _position(happened: Happened) -> int:
    return happened.at.position


def _names(policy: Policy[Any], codec: Codec) -> tuple[list[str], list[str]]:
    return codec.names(policy.remembering), codec.names(policy.disclosed)
