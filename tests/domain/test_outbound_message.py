"""Outbound messages."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command
from domain.outbound_message import (
    MAX_QUEUINGS,
    AcknowledgeOutboundMessage,
    DeadLetterOutboundMessage,
    OutboundMessageAcknowledged,
    OutboundMessageDeadLettered,
    OutboundMessageQueued,
    QueueOutboundMessage,
    decider,
)
from tests.domain.scenario import but, given

MESSAGE, ORDER = UUID(int=1), UUID(int=2)
ONE, TWO = "1" * 64, "2" * 64
QUEUE = QueueOutboundMessage(outbound_message_id=MESSAGE, target="erp", noun="order", about=ORDER, digest=ONE)
QUEUED = OutboundMessageQueued(target="erp", noun="order", about=ORDER, digest=ONE)
ACKNOWLEDGE = AcknowledgeOutboundMessage(outbound_message_id=MESSAGE, external_ref="4711")
ACKNOWLEDGED = OutboundMessageAcknowledged(external_ref="4711")
GIVE_UP = DeadLetterOutboundMessage(outbound_message_id=MESSAGE, reason="No such article", attempts=5)
GIVEN_UP = OutboundMessageDeadLettered(reason="No such article", attempts=5)


def test_a_message_is_queued_once() -> None:
    given(decider).when(QUEUE).then(QUEUED)
    given(decider, QUEUED).when(QUEUE).then_nothing()
    given(decider, QUEUED, ACKNOWLEDGED).when(QUEUE).then_nothing()
    for changes in ({"target": "bi"}, {"noun": "case"}, {"about": None}, {"digest": TWO}):
        given(decider, QUEUED).when(but(QUEUE, **changes)).refused(
            "This message is already queued. Queue another one instead."
        )


@pytest.mark.parametrize("command", [ACKNOWLEDGE, GIVE_UP])
def test_what_was_not_queued_has_no_end(command: Command) -> None:
    given(decider).when(command).refused("This message is not queued yet.", "outbound_message_id")


def test_a_message_is_acknowledged_once_even_if_it_was_given_up() -> None:
    given(decider, QUEUED).when(ACKNOWLEDGE).then(ACKNOWLEDGED)
    given(decider, QUEUED, GIVEN_UP).when(ACKNOWLEDGE).then(ACKNOWLEDGED)
    given(decider, QUEUED, ACKNOWLEDGED).when(ACKNOWLEDGE).then_nothing()
    given(decider, QUEUED, ACKNOWLEDGED).when(but(ACKNOWLEDGE, external_ref="4712")).refused(
        "This message has already been acknowledged by another reference.", "external_ref"
    )


def test_a_message_is_given_up_once_after_each_queuing() -> None:
    given(decider, QUEUED).when(GIVE_UP).then(GIVEN_UP)
    given(decider, QUEUED, GIVEN_UP).when(GIVE_UP).then_nothing()
    given(decider, QUEUED, replace(GIVEN_UP, reason=None)).when(GIVE_UP).then_nothing()
    given(decider, QUEUED, GIVEN_UP).when(but(GIVE_UP, attempts=6)).refused(
        "This message has already been given up. Queue it again first.", "attempts"
    )
    given(decider, QUEUED, GIVEN_UP, QUEUED).when(GIVE_UP).then(GIVEN_UP)


def test_a_message_that_was_given_up_is_queued_again_once() -> None:
    given(decider, QUEUED, GIVEN_UP).when(QUEUE).then(QUEUED)
    given(decider, QUEUED, GIVEN_UP, QUEUED).when(QUEUE).then_nothing()
    given(decider, QUEUED, GIVEN_UP).when(but(QUEUE, digest=TWO)).refused(
        "This message is already queued. Queue another one instead."
    )
    often = (QUEUED, GIVEN_UP) * MAX_QUEUINGS
    given(decider, *often[2:]).when(QUEUE).then(QUEUED)
    given(decider, *often).when(QUEUE).refused("This message has been queued 100 times. Queue another one instead.")
    given(decider, *often, ACKNOWLEDGED).when(QUEUE).then_nothing()


def test_what_was_acknowledged_meanwhile_is_neither_given_up_nor_queued_again() -> None:
    given(decider, QUEUED, ACKNOWLEDGED).when(GIVE_UP).refused("This message has already been acknowledged.")
    given(decider, QUEUED, GIVEN_UP, ACKNOWLEDGED).when(QUEUE).then_nothing()


@pytest.mark.parametrize(
    ("command", "changes", "sentence", "field"),
    [
        (QUEUE, {"target": ""}, "The target must not be blank.", "target"),
        (QUEUE, {"noun": " "}, "The noun must not be blank.", "noun"),
        (QUEUE, {"digest": "abc"}, "The digest must be a SHA-256 in 64 hexadecimal digits.", "digest"),
        (ACKNOWLEDGE, {"external_ref": ""}, "The external ref must not be blank.", "external_ref"),
        (GIVE_UP, {"reason": " "}, "The reason must not be blank.", "reason"),
        (GIVE_UP, {"attempts": 0}, "The attempts must be from 1 to 1000000.", "attempts"),
    ],
)
def test_what_is_said_of_a_message_must_make_sense(
    command: Command, changes: dict[str, Any], sentence: str, field: str
) -> None:
    history = () if command is QUEUE else (QUEUED,)
    given(decider, *history).when(but(command, **changes)).refused(sentence, field)
