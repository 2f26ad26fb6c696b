"""Given what happened, when something is asked, then this happens, or the answer is no."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeVar

import pytest

from domain.kernel import Command, Decider, Event, Refused

C = TypeVar("C", bound=Command)


@dataclass(frozen=True)
class Asking:
    """A command, and the state that it meets."""

    decider: Decider[Any]
    state: Any
    command: Command

    def then(self, *events: Event) -> Any:
        """Exactly these events happen. Answers with the state that they lead to."""
        decided = list(self.decider.decide(self.command, self.state))
        assert decided == list(events)
        return reduce(self.decider.evolve, decided, self.state)

    def then_nothing(self) -> Any:
        """Nothing happens, because it is so already."""
        return self.then()

    def refused(self, reason: str, field: str | None = None) -> None:
        """The answer is no, in this sentence, about this field."""
        with pytest.raises(Refused) as refusal:
            list(self.decider.decide(self.command, self.state))
        assert (refusal.value.reason, refusal.value.field) == (reason, field)


@dataclass(frozen=True)
class Given:
    """A noun after what happened to it."""

    decider: Decider[Any]
    state: Any

    def when(self, command: Command) -> Asking:
        """Something is asked."""
        return Asking(self.decider, self.state, command)


def given(decider: Decider[Any], *events: Event) -> Given:
    """A noun to which these events happened, in this order."""
    return Given(decider, reduce(decider.evolve, events, decider.initial))


def but(command: C, **changes: Any) -> C:
    """The same command, but for what is said here."""
    return replace(command, **changes)


def events_of(decider: Decider[Any], commands: Iterable[Command]) -> list[Event]:
    """What happens when all of this is asked, one after the other."""
    state, happened = decider.initial, list[Event]()
    for command in commands:
        for event in list(decider.decide(command, state)):
            state = decider.evolve(state, event)
            happened.append(event)
    return happened
