"""Deliveries."""

from typing import Any
from uuid import UUID

import pytest

from domain.delivery import (
    MAX_LINKS,
    BounceKind,
    LinkClicked,
    MessageBounced,
    MessageDelivered,
    MessageOpened,
    RecordLinkClicked,
    RecordMessageBounced,
    RecordMessageDelivered,
    RecordMessageOpened,
    decider,
    delivery_id,
)
from domain.kernel import Command, Event, derived
from tests.domain.scenario import but, given

ANA, EVA, THREAD = UUID(int=1), UUID(int=2), UUID(int=3)
SAID: dict[str, Any] = {"message_id": "<1@shop>", "customer_id": ANA, "interaction_id": THREAD}
CLICK, CLICKED = RecordLinkClicked(link="offer", **SAID), LinkClicked(link="offer", **SAID)
DELIVER, DELIVERED = RecordMessageDelivered(**SAID), MessageDelivered(**SAID)
BOUNCE = RecordMessageBounced(kind=BounceKind.HARD, reason="5.1.1", **SAID)
BOUNCED = MessageBounced(kind=BounceKind.HARD, reason="5.1.1", **SAID)

NOTICES: list[tuple[Command, Event]] = [
    (DELIVER, DELIVERED),
    (RecordMessageOpened(**SAID), MessageOpened(**SAID)),
    (CLICK, CLICKED),
    (BOUNCE, BOUNCED),
    (
        RecordMessageBounced(kind=BounceKind.SPAM_REPORT, **SAID),
        MessageBounced(kind=BounceKind.SPAM_REPORT, reason=None, **SAID),
    ),
]
EACH = pytest.mark.parametrize(("command", "event"), NOTICES)


@EACH
def test_what_became_of_a_message_is_noted_once(command: Command, event: Event) -> None:
    state = given(decider).when(command).then(event)
    assert (state.customer_id, state.interaction_id) == (ANA, THREAD)
    given(decider, event).when(command).then_nothing()


@EACH
def test_notices_come_in_any_order(command: Command, event: Event) -> None:
    others = [other for _, other in NOTICES if other != event]
    given(decider, *others).when(command).then(event)
    given(decider, event, *others).when(command).then_nothing()


@EACH
def test_a_message_was_sent_to_one_customer_in_one_interaction(command: Command, event: Event) -> None:
    given(decider, DELIVERED).when(but(command, customer_id=EVA)).refused(
        "This message was sent to another customer.", "customer_id"
    )
    given(decider, DELIVERED).when(but(command, interaction_id=EVA)).refused(
        "This message belongs to another interaction.", "interaction_id"
    )


def test_the_interaction_may_be_said_later_or_not_again() -> None:
    unsaid = but(DELIVER, interaction_id=None)
    state = given(decider).when(unsaid).then(MessageDelivered(**SAID | {"interaction_id": None}))
    assert state.interaction_id is None
    state = given(decider, MessageDelivered(**SAID | {"interaction_id": None})).when(CLICK).then(CLICKED)
    assert state.interaction_id == THREAD
    state = given(decider, CLICKED).when(unsaid).then(MessageDelivered(**SAID | {"interaction_id": None}))
    assert state.interaction_id == THREAD


def test_every_link_counts_once_whatever_follows_it() -> None:
    page = LinkClicked(link="https://shop.example/lamps", **SAID)
    for link in ("https://shop.example/lamps?who=ana@example.com", "https://shop.example/lamps#ana", page.link):
        given(decider, CLICKED).when(but(CLICK, link=link)).then(page)
        given(decider, CLICKED, page).when(but(CLICK, link=link)).then_nothing()
    given(decider).when(but(CLICK, link="?who=ana")).refused("The link must not be blank.", "link")


def test_a_message_has_a_limited_number_of_links() -> None:
    clicked = [LinkClicked(**SAID, link=str(n)) for n in range(MAX_LINKS)]
    given(decider, *clicked[1:]).when(but(CLICK, link="0")).then(clicked[0])
    given(decider, *clicked).when(but(CLICK, link="0")).then_nothing()
    given(decider, *clicked).when(CLICK).refused("A message has at most 100 links: leave the others out.", "link")


def test_a_message_may_come_back_for_a_while_and_then_for_good() -> None:
    soft = but(BOUNCE, kind=BounceKind.SOFT, reason="MAILBOX_FULL")
    softly = MessageBounced(kind=BounceKind.SOFT, reason="MAILBOX_FULL", **SAID)
    given(decider).when(soft).then(softly)
    given(decider, softly).when(but(soft, reason="4.2.2")).then_nothing()
    given(decider, softly).when(BOUNCE).then(BOUNCED)
    given(decider, DELIVERED).when(BOUNCE).then(BOUNCED)


@pytest.mark.parametrize("reason", ["", "ana@example.com does not exist", "5.1.1 unknown", "x" * 65])
def test_the_reason_is_a_code_because_a_mail_server_says_addresses(reason: str) -> None:
    given(decider).when(but(BOUNCE, reason=reason)).refused(
        "Give the reason as a code, such as 5.1.1 or MAILBOX_FULL.", "reason"
    )
    given(decider).when(but(BOUNCE, reason=None)).then(MessageBounced(kind=BounceKind.HARD, **SAID))


def test_a_message_has_an_id_and_a_stream_of_its_own() -> None:
    given(decider).when(but(DELIVER, message_id=" ")).refused("The id of the message must not be blank.", "message_id")
    assert decider.stream_of(DELIVER) == decider.stream_of(CLICK) == delivery_id("<1@shop>")
    assert delivery_id("<1@shop>") == derived("delivery", "<1@shop>")
