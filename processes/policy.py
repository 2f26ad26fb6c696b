"""A policy: what the company does by itself when something happens, as pure functions of what is known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from domain.follow_up import Action, CancelFollowUp, CompleteFollowUp, ScheduleFollowUp, SuppressFollowUp
from domain.kernel import Command, Event, derived
from domain.policy import RegisterPolicy, policy_id
from domain.rules import Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Calendar
from projections.touchpoints.due import Due
from projections.view import View

M = TypeVar("M")
H = TypeVar("H", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be sent: a template with its values, and what is to be recorded once it was delivered.

    `hours` are those in which it may go; without them, at any. `invitation_id` is what its links lead to, if there is
    something to answer; else they lead to the withdrawal of what the customer agreed to.
    """

    to: str
    name: str | None
    language: str
    template: str
    hours: Calendar | None
    invitation_id: UUID | None = None
    channel: Channel = Channel.EMAIL
    values: Mapping[str, str] = field(default_factory=dict)
    then: tuple[Command, ...] = ()


class Subject(StrEnum):
    """Of whom a policy remembers things: of the customer, or of the noun that it is about (a lead, a case)."""

    CUSTOMER = "CUSTOMER"
    NOUN = "NOUN"


LOOP = "LOOP"
"""Why nothing is done because of an event: it is the end of too long a chain of events that caused one another."""
LEFT_ALONE = "BLOCKED"
"""Why nothing is done because of an event: the customer is blocked, or was erased."""
NOT_CONCERNED = "NOT_CONCERNED"
"""Why nothing is promised for a trigger of which a policy found that it is nothing to it."""
ALREADY_PROMISED = "ALREADY_PROMISED"
"""Why nothing is promised for a trigger: the same step was promised because of an earlier one of the same noun."""

Remember = Callable[..., object]
React = Callable[[Any, Recorded, Any], Iterator[Command]]
Matches = Callable[[Any], bool]
Decide = Callable[[Due, datetime, Any], Iterator[Command]]
Objection = Callable[[Due, datetime, Any], str | None]
Write = Callable[[Due, Any], Letter]


@dataclass(frozen=True)
class Policy(Generic[M]):
    """A named policy. Its version is not part of any id, so revising it never repeats what was done.

    `memory` makes an empty memory of one `subject`; what is remembered is folded from the subject's own events, and from
    the streams in `also`. With `shared`, which makes an empty memory of the whole company (who works there, when it is
    open), `memory` is given that: see `learn`. A policy that counts something names the `views` that it counts from: these
    are brought up to a position before it decides about what is due, and `shared` is given the lists, to be asked as of
    that position and no other, which it finds in its own `position`. `streams_of` says which streams tell of a noun,
    besides its own; the events `with_customer` tell of it, too, if they are of its customer, as soon as it is known whose
    it is. `needs` are commands that are done once, when the policy is activated, and `begins` says with which promise it
    begins at that moment, if it goes on by itself. Unless `include_imported`, only what happens live sets it off. `rules`
    show to people what the policy does.
    """

    name: str
    version: int
    memory: Callable[..., M]
    subject: Subject = Subject.CUSTOMER
    shared: Callable[..., Any] | None = None
    views: tuple[View[Any], ...] = ()
    streams_of: Callable[[UUID], tuple[UUID, ...]] = lambda noun_id: (noun_id,)
    with_customer: tuple[type[Event], ...] = ()
    include_imported: bool = False
    needs: tuple[Command, ...] = ()
    begins: Callable[[datetime], ScheduleFollowUp] | None = None
    also: tuple[UUID, ...] = ()
    rules: Rules | None = None
    remembering: dict[type[Event], Remember] = field(default_factory=dict)
    learning: dict[type[Event], Remember] = field(default_factory=dict)
    disclosed: list[type[Event]] = field(default_factory=list)
    marked: list[type[Event]] = field(default_factory=list)
    reactions: dict[type[Event], React] = field(default_factory=dict)
    triggers: dict[type[Event], Matches] = field(default_factory=dict)
    abouts: dict[type[Event], str] = field(default_factory=dict)
    decisions: list[Decide] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)
    writers: list[Write] = field(default_factory=list)

    @property
    def actor(self) -> str:
        """Who it is in the log."""
        return f"policy:{self.name}"

    @property
    def registration(self) -> RegisterPolicy | None:
        """What makes it known in the log that the policy is there, if its rules are shown."""
        if self.rules is None:
            return None
        return RegisterPolicy(policy_id=policy_id(self.name), key=self.name, version=self.version, rules=self.rules)

    # How a policy is written.

    def remember(self, *events: type[Event], disclose: bool = False, mark: bool = False) -> Callable[[H], H]:
        """Registers `(known, event, at)`: how events change the memory. `disclose`: with their personal values.

        `mark`: with their personal texts for whoever writes a letter; to decide, it is only told that they are there
        (`UNTOLD`).
        """

        def register(handler: H) -> H:
            for event in events:
                if event in self.remembering:
                    raise ValueError(f"{self.name} already remembers {event.__name__}.")
                self.remembering[event] = handler
                if disclose:
                    self.disclosed.append(event)
                if mark:
                    self.marked.append(event)
            return handler

        return register

    def learn(self, *events: type[Event]) -> Callable[[H], H]:
        """Registers `(shared, event, at)`: how events, whoever they are of, change what all its memories share.

        What is learnt twice is learnt once: what a policy decided is learnt at once, and again as it is in the log.
        """

        def register(handler: H) -> H:
            for event in events:
                if event in self.learning:
                    raise ValueError(f"{self.name} already learns from {event.__name__}.")
                self.learning[event] = handler
            return handler

        return register

    def on(self, *events: type[Event], about: str | None = None) -> Callable[[H], H]:
        """Registers `(event, at, known)`: what is asked for when something happens.

        The memory is that of the event's customer, or of the noun, up to and with the event. `about` is the field that
        holds the noun's id; without it, the noun is the one that the event happened to.
        """

        def register(handler: H) -> H:
            for event in events:
                if event in self.reactions:
                    raise ValueError(f"{self.name} already reacts to {event.__name__}.")
                self.reactions[event] = cast(React, handler)
                if about is not None:
                    self.abouts[event] = about
            return handler

        return register

    def trigger(self, *events: type[Event], when: Matches | None = None, about: str | None = None) -> Callable[[H], H]:
        """Registers a reaction, as `on` does, to what the policy exists for: each such event has a row in the ledger.

        `when` says of the event alone whether it is one of them; the others are nothing to the policy and leave no
        trace. If the reaction promises and suppresses nothing, the row says NOT_CONCERNED.
        """

        def register(handler: H) -> H:
            for event in events:
                self.triggers[event] = when or always
            return self.on(*events, about=about)(handler)

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

    # What a policy says.

    def is_trigger(self, event: Event) -> bool:
        """Whether an event must have a row in the ledger."""
        matches = self.triggers.get(type(event))
        return matches is not None and matches(event)

    def react(self, event: Event, at: Recorded, known: M) -> Iterator[Command]:
        """What is asked for because of an event; a trigger never goes without a row in the ledger."""
        matches = self.triggers.get(type(event))
        if matches is not None and not matches(event):
            return
        rows = 0
        for command in self.reactions[type(event)](event, at, known):
            rows += isinstance(command, ScheduleFollowUp | SuppressFollowUp)
            yield command
        if matches is not None and not rows:
            yield self.pass_over(at, NOT_CONCERNED)

    def stop(self, event: Event, at: Recorded, reason: str = LOOP) -> Iterator[Command]:
        """What is noted of a trigger to which the policy does not react: LOOP, or LEFT_ALONE."""
        if (matches := self.triggers.get(type(event))) is not None and matches(event):
            yield self.pass_over(at, reason)

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

    def subject_of(self, event: Event, at: Recorded) -> UUID | None:
        """Whose memory an event calls for."""
        if self.subject is Subject.CUSTOMER:
            return at.customer_id
        field = self.abouts.get(type(event))
        return at.stream_id if field is None else cast("UUID | None", getattr(event, field))

    def subject_of_due(self, due: Due) -> UUID | None:
        """Whose memory a follow-up calls for."""
        return due.customer_id if self.subject is Subject.CUSTOMER else due.about or due.trigger

    def follow_up_id(self, trigger: UUID, step: str) -> UUID:
        """The id of what is promised because of a trigger: the same trigger and step promise the same thing."""
        return derived("follow-up", self.name, trigger, step)

    def promise(
        self,
        at: Recorded,
        step: str,
        action: Action,
        due_at: datetime,
        *,
        wanted_at: datetime | None = None,
        trigger: UUID | None = None,
    ) -> ScheduleFollowUp:
        """A promise because of an event. `trigger` is what the step is done once for: the event's noun, mostly.

        Where a noun may set the same step off several times, it is `occasion(at)`.
        """
        trigger = at.stream_id if trigger is None else trigger
        return self._promised(trigger, at.position, at.customer_id, step, action, due_at, wanted_at)

    def promise_next(
        self,
        due: Due,
        step: str,
        action: Action,
        due_at: datetime,
        *,
        wanted_at: datetime | None = None,
        trigger: UUID | None = None,
    ) -> ScheduleFollowUp:
        """A promise because another one is being kept: it goes back to the same trigger, unless another one is given."""
        trigger = due.trigger if trigger is None else trigger
        assert trigger is not None
        return self._promised(trigger, due.trigger_position, due.customer_id, step, action, due_at, wanted_at)

    def _promised(
        self,
        trigger: UUID,
        position: int,
        customer_id: UUID | None,
        step: str,
        action: Action,
        due_at: datetime,
        wanted_at: datetime | None,
    ) -> ScheduleFollowUp:
        return ScheduleFollowUp(
            follow_up_id=self.follow_up_id(trigger, step),
            customer_id=customer_id,
            policy=self.name,
            policy_version=self.version,
            step=step,
            trigger=trigger,
            trigger_position=position,
            action=action,
            due_at=due_at,
            wanted_at=due_at if wanted_at is None else wanted_at,
        )

    def pass_over(self, at: Recorded, reason: str, step: str = "none", trigger: UUID | None = None) -> SuppressFollowUp:
        """Notes why nothing is promised because of an event, as a code."""
        trigger = occasion(at) if trigger is None else trigger
        return SuppressFollowUp(
            follow_up_id=self.follow_up_id(trigger, step),
            customer_id=at.customer_id,
            policy=self.name,
            policy_version=self.version,
            step=step,
            trigger=trigger,
            trigger_position=at.position,
            reason=reason,
        )

    def suppress(self, due: Due | ScheduleFollowUp, reason: str) -> SuppressFollowUp:
        """Notes why what was promised, or would be, is not done, as a code."""
        assert due.trigger is not None
        return SuppressFollowUp(
            follow_up_id=due.follow_up_id,
            customer_id=due.customer_id,
            policy=due.policy,
            policy_version=due.policy_version,
            step=due.step,
            trigger=due.trigger,
            trigger_position=due.trigger_position,
            reason=reason,
        )


def always(event: Event) -> bool:
    """Every event of the type is a trigger."""
    return True


def occasion(at: Recorded) -> UUID:
    """The id of one event as what set something off, for nouns that may set the same thing off again."""
    return derived("occasion", at.stream_id, at.version)


def cancel(reason: str, *follow_up_ids: UUID) -> Iterator[Command]:
    """Takes back what is still only promised, or waits to be sent."""
    for follow_up_id in follow_up_ids:
        yield CancelFollowUp(follow_up_id=follow_up_id, reason=reason)


def done(due: Due, outcome: str) -> CompleteFollowUp:
    """Notes that what a policy does itself is done, and what came of it, as a code."""
    return CompleteFollowUp(follow_up_id=due.follow_up_id, outcome=outcome)
