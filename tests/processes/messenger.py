"""A policy that writes to whoever buys something, by any channel and for any purpose; for tests of how messages leave."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.consent import GrantConsent, Purpose
from domain.follow_up import Action, ActionKind
from domain.kernel import Command
from domain.order import OrderPlaced
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.contact import Contact, keep, objection, remembers
from processes.policy import Letter, Policy
from projections.touchpoints.due import Due
from tests.processes.shop import Shop

STEP = "message"


@dataclass(slots=True)
class Known:
    """Whom is written to."""

    contact: Contact = field(default_factory=Contact)


def messenger(
    channel: Channel = Channel.EMAIL, purpose: Purpose | None = Purpose.MARKETING, template: str = "message"
) -> Policy[Known]:
    """The policy. What is sent is two paragraphs about the order."""
    policy = Policy("messenger", version=1, memory=Known)
    remembers(policy)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        action = Action(
            kind=ActionKind.SEND_MESSAGE, template=template, purpose=purpose, channel=channel, about=at.stream_id
        )
        yield policy.promise(at, STEP, action, at.occurred_at)

    @policy.due
    def decide(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        yield from keep(policy, due, now, known.contact, None)

    @policy.unless
    def no_longer(due: Due, now: datetime, known: Known) -> str | None:
        return objection(due, now, known.contact)

    @policy.letter
    def write(due: Due, known: Known) -> Letter:
        assert due.channel is not None
        assert due.template is not None
        return Letter(
            to=known.contact.address(due.channel) or "",
            name=known.contact.name,
            language=known.contact.written_in,
            template=due.template,
            hours=known.contact.calendar,
            channel=due.channel,
            values={"subject": "Tazas <nuevas>", "text": "Han llegado.\n\nVenga a verlas."},
        )

    return policy


def willing(shop: Shop, purpose: Purpose = Purpose.MARKETING, **said: Any) -> Any:
    """A customer who agreed to a purpose by every channel, and has a phone."""
    customer = shop.customer(phone="+34600111222", **said)
    shop.do(GrantConsent(customer_id=customer, purpose=purpose))
    return customer
