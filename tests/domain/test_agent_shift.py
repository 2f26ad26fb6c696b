"""Agent shifts."""

from typing import Any
from uuid import UUID

import pytest

from domain.agent_shift import (
    MAX_CAPACITY,
    MAX_CHANGES,
    MAX_QUEUES,
    AgentSignedIn,
    AgentSignedOut,
    AgentStatus,
    AgentStatusChanged,
    ChangeAgentStatus,
    SignInAgent,
    SignOutAgent,
    decider,
)
from tests.domain.scenario import but, given

SHIFT, LUIS, PAZ = UUID(int=1), UUID(int=2), UUID(int=3)
SIGN_IN = SignInAgent(agent_shift_id=SHIFT, staff_id=LUIS, capacity=100, queues=("desk", "vip"))
SIGNED_IN = AgentSignedIn(staff_id=LUIS, capacity=100, queues=("desk", "vip"))
REST = ChangeAgentStatus(agent_shift_id=SHIFT, status=AgentStatus.BREAK, reason="LUNCH")
RESTED = AgentStatusChanged(status=AgentStatus.BREAK, reason="LUNCH")
FREE = AgentStatusChanged(status=AgentStatus.AVAILABLE)
SIGN_OUT, SIGNED_OUT = SignOutAgent(agent_shift_id=SHIFT), AgentSignedOut()


def test_a_shift_begins_once_and_is_of_one_agent() -> None:
    given(decider).when(SIGN_IN).then(SIGNED_IN)
    given(decider, SIGNED_IN, RESTED, SIGNED_OUT).when(SIGN_IN).then_nothing()
    for other in ({"staff_id": PAZ}, {"capacity": 50}, {"queues": ()}):
        given(decider, SIGNED_IN).when(but(SIGN_IN, **other)).refused(
            "This shift has already begun. Begin another one instead."
        )


@pytest.mark.parametrize(
    ("said", "sentence", "field"),
    [
        ({"capacity": 0}, f"The capacity must be from 1 to {MAX_CAPACITY}.", "capacity"),
        ({"queues": (" ",)}, "The queue must not be blank.", "queues"),
        ({"queues": ("a", "a")}, "Give every queue once.", "queues"),
        (
            {"queues": tuple(str(number) for number in range(MAX_QUEUES + 1))},
            f"Give at most {MAX_QUEUES} queues.",
            "queues",
        ),
    ],
)
def test_a_shift_must_make_sense(said: dict[str, Any], sentence: str, field: str) -> None:
    given(decider).when(but(SIGN_IN, **said)).refused(sentence, field)


def test_an_agent_does_one_thing_after_the_other() -> None:
    given(decider, SIGNED_IN).when(but(REST, status=AgentStatus.AVAILABLE, reason=None)).then_nothing()
    given(decider, SIGNED_IN).when(REST).then(RESTED)
    given(decider, SIGNED_IN, RESTED).when(REST).then_nothing()
    given(decider, SIGNED_IN, RESTED, FREE).when(REST).then(RESTED)
    given(decider, SIGNED_IN, RESTED).when(but(REST, reason="COFFEE")).then(
        AgentStatusChanged(status=AgentStatus.BREAK, reason="COFFEE")
    )
    given(decider, SIGNED_IN).when(but(REST, reason=" ")).refused("The reason must not be blank.", "reason")
    given(decider).when(REST).refused("This shift has not begun yet.", "agent_shift_id")


def test_a_shift_ends_once_and_nothing_is_done_in_it_after() -> None:
    given(decider, SIGNED_IN).when(SIGN_OUT).then(SIGNED_OUT)
    given(decider, SIGNED_IN, SIGNED_OUT).when(SIGN_OUT).then_nothing()
    given(decider, SIGNED_IN, SIGNED_OUT).when(REST).refused("This shift has ended. Sign in again.")
    given(decider).when(SIGN_OUT).refused("This shift has not begun yet.", "agent_shift_id")


def test_a_shift_holds_so_many_changes_and_can_still_be_ended() -> None:
    full = [RESTED, FREE] * (MAX_CHANGES // 2)
    given(decider, SIGNED_IN, *full).when(REST).refused(
        f"A shift holds at most {MAX_CHANGES} changes. Sign out, and in again."
    )
    given(decider, SIGNED_IN, *full).when(SIGN_OUT).then(SIGNED_OUT)
