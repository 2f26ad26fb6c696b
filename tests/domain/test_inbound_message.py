"""Inbound messages."""

from dataclasses import replace
from typing import Any

import pytest

from domain.inbound_message import (
    AcceptInboundMessage,
    InboundMessageAccepted,
    InboundMessageRejected,
    RejectInboundMessage,
    decider,
    inbound_message_id,
)
from domain.kernel import derived
from tests.domain.scenario import but, given

ONE, TWO = "1" * 64, "2" * 64
ACCEPT = AcceptInboundMessage(source="erp", key="m-1", digest=ONE, command="PlaceOrder")
ACCEPTED = InboundMessageAccepted(source="erp", key="m-1", digest=ONE, command="PlaceOrder")
REJECT = RejectInboundMessage(source="erp", key="m-1", digest=ONE, reason="This is not an e-mail address: ana.")
REJECTED = InboundMessageRejected(source="erp", key="m-1", digest=ONE, reason="This is not an e-mail address: ana.")
ANOTHER = "Another message came under this key. Send a new message under a key of its own."


def test_there_is_one_stream_per_message() -> None:
    assert decider.stream_of(ACCEPT) == decider.stream_of(REJECT) == derived("inbound_message", "erp", "m-1")
    assert inbound_message_id("erp", "m-1") != inbound_message_id("erp", "m-2")


def test_a_message_is_accepted_once() -> None:
    given(decider).when(ACCEPT).then(ACCEPTED)
    given(decider, ACCEPTED).when(ACCEPT).then_nothing()
    given(decider, ACCEPTED).when(replace(ACCEPT, command="CancelOrder")).refused(
        "This message has already been accepted as another command.", "command"
    )


def test_a_message_is_rejected_once() -> None:
    given(decider).when(REJECT).then(REJECTED)
    given(decider, REJECTED).when(REJECT).then_nothing()
    given(decider, REJECTED).when(but(REJECT, reason="It is late.")).then_nothing()


def test_a_message_that_was_rejected_may_be_accepted_later_but_not_the_other_way_round() -> None:
    given(decider, REJECTED).when(ACCEPT).then(ACCEPTED)
    given(decider, REJECTED, ACCEPTED).when(ACCEPT).then_nothing()
    given(decider, ACCEPTED).when(REJECT).refused("This message has already been accepted.")


@pytest.mark.parametrize("before", [ACCEPTED, REJECTED])
@pytest.mark.parametrize("command", [ACCEPT, REJECT])
def test_another_message_cannot_have_the_same_key(
    before: InboundMessageAccepted | InboundMessageRejected, command: AcceptInboundMessage | RejectInboundMessage
) -> None:
    given(decider, replace(before, digest=TWO)).when(command).refused(ANOTHER, "digest")


@pytest.mark.parametrize(
    ("asked", "changes", "sentence", "field"),
    [
        (ACCEPT, {"source": ""}, "The source must not be blank.", "source"),
        (ACCEPT, {"source": "erp:m"}, "The source must not hold a colon.", "source"),
        (REJECT, {"key": " "}, "The key must not be blank.", "key"),
        (ACCEPT, {"digest": "abc"}, "The digest must be a SHA-256 in 64 hexadecimal digits.", "digest"),
        (ACCEPT, {"command": " "}, "The command must not be blank.", "command"),
        (REJECT, {"reason": ""}, "The reason must not be blank.", "reason"),
    ],
)
def test_a_message_must_make_sense(
    asked: AcceptInboundMessage | RejectInboundMessage, changes: dict[str, Any], sentence: str, field: str
) -> None:
    given(decider).when(replace(asked, **changes)).refused(sentence, field)
