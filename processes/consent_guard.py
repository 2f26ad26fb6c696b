"""Consent guard: what a customer objects to is taken back at once, whichever policy promised it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from domain.consent import ConsentWithdrawn, permits
from domain.follow_up import Action, ActionKind, FollowUpStatus
from domain.kernel import Command
from domain.rules import Rules
from eventstore.envelope import Recorded
from processes.contact import Contact, Promise, remembers_objections, remembers_promises
from processes.policy import Policy, cancel, done, occasion
from processes.telling import AT_ONCE, BY_ITSELF, any_of
from projections.touchpoints.due import Due

WITHDRAWN = "CONSENT_WITHDRAWN"
OPEN = frozenset({FollowUpStatus.SCHEDULED, FollowUpStatus.DISPATCHED})
"""What nobody has begun to send."""


@dataclass(slots=True)
class Known:
    """What was promised to a customer, and what they objected to."""

    contact: Contact = field(default_factory=Contact)


RULES = Rules(
    triggers=any_of(ConsentWithdrawn),
    delay=AT_ONCE,
    action=BY_ITSELF,
    note="Takes back what is promised to the customer for that purpose by that channel, whichever policy promised it.",
)

policy = Policy("consent-guard", version=1, memory=Known, rules=RULES)
remembers_objections(policy)
remembers_promises(policy)


@policy.trigger(ConsentWithdrawn)
def look_through(withdrawn: ConsentWithdrawn, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, "guard", Action(kind=ActionKind.ACT), at.occurred_at, trigger=occasion(at))


@policy.due
def guard(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    found = 0
    for follow_up_id, promise in known.contact.promises.items():
        if promise.status in OPEN and is_objected(promise, known.contact):
            found += 1
            yield from cancel(WITHDRAWN, follow_up_id)
    yield done(due, "CANCELLED" if found else "NOTHING_TO_CANCEL")


def is_objected(promise: Promise, contact: Contact) -> bool:
    """Whether the customer objects to it as they stand; what goes without a purpose needs no consent."""
    purpose, channel = promise.action.purpose, promise.action.channel
    return purpose is not None and permits(contact.consent, purpose, channel) is False
