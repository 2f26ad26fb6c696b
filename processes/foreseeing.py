"""Foreseeing: which policies events would set off if they were recorded, and which of these do not count for them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.policy import PolicyStatus
from eventstore.envelope import Draft
from processes.defined_memory import Known, later
from processes.lives import Lives
from processes.policy import Policy
from processes.triggers import origins


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Of one policy: how many events set it off, and of how many it would be so if they happened live, but is not.

    `to_come` are those of the latter whose follow-up would be due only after now, by the policy's own rules: None if these
    say in words when that is.
    """

    policy: str
    sets_off: int
    passed_over: int
    to_come: int | None

    def sentence(self) -> str:
        """For people."""
        if self.sets_off:
            return f"{self.policy}: {self.sets_off:,} events set it off."
        due = "" if self.to_come is None else f"; of {self.to_come:,} of them what follows would still be to come"
        return f"{self.policy}: {self.passed_over:,} events would set it off if they happened live{due}."


class Foresight:
    """Looks at events that may come to be. Only the events themselves decide, not what is known of their customers."""

    def __init__(self, lives: Lives, now: datetime) -> None:
        lives.refresh()
        self._now = now
        self._known = Known()
        self._by_event: dict[type[Any], list[Policy[Any]]] = {}
        for life in lives:
            if life.status in (PolicyStatus.ACTIVE, PolicyStatus.PAUSED):
                for event in life.policy.triggers:
                    self._by_event.setdefault(event, []).append(life.policy)
        self._policies = [life.policy for life in lives]
        self._allowed = {policy.name: frozenset(origins(policy)) for policy in self._policies}
        self._sets_off: Counter[str] = Counter()
        self._passed_over: Counter[str] = Counter()
        self._to_come: Counter[str] = Counter()

    def note(self, drafts: Sequence[Draft]) -> None:
        """Looks at some more events."""
        for draft in drafts:
            for policy in self._by_event.get(type(draft.event), ()):
                if draft.actor == policy.actor or not policy.is_trigger(draft.event):
                    continue
                if draft.origin in self._allowed[policy.name]:
                    self._sets_off[policy.name] += 1
                    continue
                self._passed_over[policy.name] += 1
                delay = None if policy.rules is None else policy.rules.delay
                if (
                    delay is not None
                    and delay.until is None
                    and later(delay, draft.occurred_at, self._known) > self._now
                ):
                    self._to_come[policy.name] += 1

    def told(self) -> list[Foreseen]:
        """What it came to, by policy: those whom nothing concerns are left out."""
        return [
            Foreseen(
                policy.name, self._sets_off[policy.name], self._passed_over[policy.name],
                None if policy.rules is None or policy.rules.delay.until is not None else self._to_come[policy.name],
            )
            for policy in self._policies
            if self._sets_off[policy.name] or self._passed_over[policy.name]
        ]  # fmt: skip


def summary(found: Sequence[Foreseen]) -> str:
    """What all of it comes to, in a sentence."""
    count = sum(each.sets_off for each in found)
    if count:
        policies = sum(each.sets_off > 0 for each in found)
        return f"sets off follow-ups: {policies} {'policy is' if policies == 1 else 'policies are'} set off {count:,} times."
    passed = sum(each.passed_over for each in found)
    why = ": policies pass over what did not happen live." if passed else "."
    return f"sets off no follow-up{why}"
