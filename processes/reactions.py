"""Reactions: what a policy asks for because of events, in which turns, and by which ids it is known again."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from domain.kernel import Command
from eventstore.envelope import Happened, Origin, Recorded, Request
from processes.memories import Memories
from processes.policy import Policy
from processes.triggers import reaction_id


def because_of(policy: Policy[Any], at: Recorded, command_id: UUID) -> Request:
    """How a policy asks for something because of an event."""
    return Request(
        actor=policy.actor,
        origin=Origin(at.origin) if policy.include_imported else Origin.LIVE,
        occurred_at=at.occurred_at,
        command_id=command_id,
        correlation_id=at.correlation_id,
        because=at.position,
    )


def turns_of(policy: Policy[Any], memories: Memories[Any], triggers: Sequence[Happened]) -> Iterator[list[Happened]]:
    """The triggers in turns that are decided together: in none of them anybody comes twice.

    Where all memories share something, each knows what was decided before it, so everyone has a turn of its own.
    """
    turn: list[Happened] = []
    seen: set[UUID | None] = set()
    for each in triggers:
        subject = memories.whom(policy.subject_of(*each))
        if turn and (subject in seen or policy.shared is not None):
            yield turn
            turn, seen = [], set()
        turn.append(each)
        seen.add(subject)
    yield turn


def ids_of(policy: Policy[Any], at: Recorded, commands: Sequence[Command]) -> list[UUID]:
    """The ids of what a policy asks for because of an event: the one of a row that nothing else makes, and the others."""
    return [reaction_id(policy, at.position, step) for step in ("row", *range(len(commands)))]
