"""Consent: for what, and by which channel, a customer lets the company write or call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Text, Told, derived
from domain.references import CustomerId
from domain.values import Channel, empty


class Purpose(StrEnum):
    """What somebody is contacted for."""

    MARKETING = "MARKETING"
    SURVEY = "SURVEY"
    SERVICE = "SERVICE"
    PROFILING = "PROFILING"


class LegalBasis(StrEnum):
    """Why contacting somebody is lawful."""

    CONSENT = "CONSENT"
    CONTRACT = "CONTRACT"
    LEGITIMATE_INTEREST = "LEGITIMATE_INTEREST"


# What can be asked.


class GrantConsent(Command):
    """Note that a customer agrees to a purpose; without a channel it is for all that were not withdrawn by name."""

    customer_id: CustomerId
    purpose: Purpose
    channel: Channel | None = None
    legal_basis: LegalBasis = LegalBasis.CONSENT
    evidence: Text | None = None


class WithdrawConsent(Command):
    """Note that a customer objects to a purpose, agreed to before or not; without a channel it is for every one."""

    customer_id: CustomerId
    purpose: Purpose
    channel: Channel | None = None
    reason: Text | None = None


# What can have happened.


class ConsentGranted(Event, stored_as="consent.granted.v1"):
    """The customer agreed; `evidence` says how that can be shown."""

    customer_id: CustomerId
    purpose: Purpose
    channel: Channel | None
    legal_basis: LegalBasis
    evidence: Told[str]


class ConsentWithdrawn(Event, stored_as="consent.withdrawn.v1"):
    """The customer objected."""

    customer_id: CustomerId
    purpose: Purpose
    channel: Channel | None
    reason: Told[str]


# What must be remembered in order to decide.

Matter = tuple[Purpose, Channel | None]


@dataclass(frozen=True, slots=True)
class Consent:
    """The last word on each matter: a purpose by one channel, or by every one (None)."""

    granted: Mapping[Matter, LegalBasis] = field(default_factory=empty)
    withdrawn: frozenset[Matter] = frozenset()


Asked = GrantConsent | WithdrawConsent
Happened = ConsentGranted | ConsentWithdrawn


def decide(asked: Asked, consent: Consent) -> Iterator[Event]:
    matter = (asked.purpose, asked.channel)
    match asked:
        case GrantConsent():
            if consent.granted.get(matter) is not asked.legal_basis:
                yield ConsentGranted(
                    customer_id=asked.customer_id,
                    purpose=asked.purpose,
                    channel=asked.channel,
                    legal_basis=asked.legal_basis,
                    evidence=asked.evidence,
                )
        case WithdrawConsent():
            if matter not in consent.withdrawn or any(covers(matter, each) for each in consent.granted):
                yield ConsentWithdrawn(
                    customer_id=asked.customer_id,
                    purpose=asked.purpose,
                    channel=asked.channel,
                    reason=asked.reason,
                )
        case _:
            assert_never(asked)


def evolve(consent: Consent, event: Happened) -> Consent:
    matter = (event.purpose, event.channel)
    match event:
        case ConsentGranted():
            return Consent({**consent.granted, matter: event.legal_basis}, consent.withdrawn - {matter})
        case ConsentWithdrawn():
            still = {each: basis for each, basis in consent.granted.items() if not covers(matter, each)}
            return Consent(still, consent.withdrawn | {matter})
        case _:
            assert_never(event)


def covers(matter: Matter, other: Matter) -> bool:
    """Whether a word on one matter is also one on the other: a word on every channel is a word on each."""
    purpose, channel = matter
    return purpose == other[0] and channel in (None, other[1])


def permits(consent: Consent, purpose: Purpose, channel: Channel | None) -> bool | None:
    """Whether the customer agreed (True) or objected (False), or has never said (None).

    What was said of the channel by name comes before what was said of every channel. A withdrawal for every channel
    takes back what was granted for each; a later grant for one opens that one again.
    """
    for matter in ((purpose, channel), (purpose, None)):
        if matter in consent.granted:
            return True
        if matter in consent.withdrawn:
            return False
    return None


def consent_id(customer_id: UUID) -> UUID:
    """The stream that holds what a customer agreed to."""
    return derived("consent", customer_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per customer."""
    return consent_id(asked.customer_id)


decider = Decider("consent", Asked, Happened, Consent(), decide, evolve, stream=stream)
