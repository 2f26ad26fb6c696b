"""Contact: what there is to know of a customer before the company turns to them, and whether it may, written once.

Every policy that writes to customers, or has somebody call them, keeps a `Contact` among what it remembers (`remembers`)
and decides by `keep` what becomes of a promise that is due: sent, put off, suppressed or taken back, each with its reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from domain import consent as consents
from domain import restriction as restrictions
from domain.consent import ConsentGranted, ConsentWithdrawn, Matter, Purpose, permits
from domain.customer import CustomerKind, CustomerProfileChanged, CustomerRegistered
from domain.erasure_events import SubjectBlocked
from domain.follow_up import (
    Action,
    ActionKind,
    CancelFollowUp,
    DispatchFollowUp,
    FollowUpAttempted,
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDelivered,
    FollowUpDeliveryUncertain,
    FollowUpDispatched,
    FollowUpFailed,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpStatus,
    FollowUpSuppressed,
    PostponeFollowUp,
)
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType
from domain.kernel import Command
from domain.restriction import ContactRestrictionLifted, ContactRestrictionSet, forbids
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import HOME_COUNTRY, HOME_ZONE, Calendar, country_code
from processes.places import NOWHERE, Place, placed
from processes.policy import LEFT_ALONE, Policy
from projections.touchpoints.due import Due

TOO_LATE_AFTER = timedelta(days=7)
"""What could not be sent for so long is not sent any more."""
CAPS: Mapping[Purpose, tuple[tuple[int, timedelta], ...]] = MappingProxyType(
    {
        Purpose.MARKETING: ((2, timedelta(days=7)), (6, timedelta(days=30))),
        Purpose.SURVEY: ((1, timedelta(days=90)),),
    }
)
"""How often a customer is written to at most, over all policies and channels: so many times in so long."""
BY_INTEREST = frozenset({Purpose.SURVEY, Purpose.SERVICE})
"""For what a customer who never said anything may be written to, because of what they bought or asked."""
ADDRESSES: Mapping[Channel, IdentifierType] = MappingProxyType(
    {Channel.EMAIL: IdentifierType.EMAIL, Channel.SMS: IdentifierType.PHONE, Channel.PHONE: IdentifierType.PHONE}
)
"""What a customer is reached by on each channel."""
ON_ITS_WAY = frozenset(
    {FollowUpStatus.DISPATCHED, FollowUpStatus.SENDING, FollowUpStatus.DELIVERED, FollowUpStatus.UNCERTAIN}
)
LANGUAGES = ("es", "en")
HOME_LANGUAGE = "es"
"""In which it is said what is for nobody in particular."""
OTHER_LANGUAGE = "en"
"""For whoever speaks none of ours."""
SAID_NOTHING = consents.Consent()
UNRESTRICTED = restrictions.Restriction()


@dataclass(slots=True)
class Promise:
    """What some policy promised to the customer, and how far it has come; `position` is that of the trigger."""

    policy: str
    step: str
    action: Action
    trigger: UUID
    position: int
    due_at: datetime
    status: FollowUpStatus = FollowUpStatus.SCHEDULED
    dispatched_at: datetime | None = None
    done_at: datetime | None = None


@dataclass(slots=True)
class Contact:
    """Who a customer is, how they are reached, what they agreed to, and what the company promised itself to do for them."""

    zone: str = HOME_ZONE
    country: str = HOME_COUNTRY
    language: str = HOME_LANGUAGE
    kind: CustomerKind = CustomerKind.PERSON
    place: Place = NOWHERE
    name: str | None = None
    told_by_itself: bool = False
    blocked: bool = False
    addresses: dict[tuple[UUID, int], tuple[IdentifierType, str | None]] = field(default_factory=dict)
    consent: consents.Consent = SAID_NOTHING
    granted_at: dict[Matter, int] = field(default_factory=dict)
    restriction: restrictions.Restriction = UNRESTRICTED
    promises: dict[UUID, Promise] = field(default_factory=dict)

    @property
    def calendar(self) -> Calendar:
        """The customer's own calendar."""
        return Calendar(self.zone, self.country)

    @property
    def written_in(self) -> str:
        """The language of what is written to them, of those that we can write."""
        language = self.language.partition("-")[0]
        return language if language in LANGUAGES else OTHER_LANGUAGE

    def address(self, channel: Channel = Channel.EMAIL) -> str | None:
        """What was given last to reach them by; None if there is nothing, or if it is forgotten."""
        wanted = ADDRESSES.get(channel)
        return next((told for type, told in reversed(self.addresses.values()) if type is wanted and told), None)


class Remembers(Protocol):
    """Whatever has a contact."""

    contact: Contact


def remembers(policy: Policy[Any]) -> None:
    """Lets a policy remember the contact of its customers: its memory must have a `contact`.

    What it sends is then not sent to whoever cannot, or must not, be reached any more.
    """

    @policy.remember(CustomerRegistered, CustomerProfileChanged, mark=True)
    def who(known: Remembers, told: CustomerRegistered | CustomerProfileChanged, at: Recorded) -> None:
        contact = known.contact
        if at.stream_id == at.customer_id:
            contact.told_by_itself = True
        elif contact.told_by_itself:
            return  # somebody who was merged into this customer has no say about it
        if isinstance(told, CustomerRegistered):
            contact.kind = told.kind
        contact.place = placed(contact.place, told)
        contact.name = told.name or contact.name
        contact.language = told.language or contact.language
        contact.zone = told.timezone or contact.zone
        contact.country = country_code(told.country) if told.country else contact.country

    @policy.remember(IdentifierAdded, mark=True)
    def reachable(known: Remembers, added: IdentifierAdded, at: Recorded) -> None:
        known.contact.addresses[at.stream_id, added.number] = added.type, added.value

    @policy.remember(IdentifierRemoved)
    def unreachable(known: Remembers, removed: IdentifierRemoved, at: Recorded) -> None:
        known.contact.addresses.pop((at.stream_id, removed.number), None)

    @policy.unless
    def not_reached(due: Due, now: datetime, known: Remembers) -> str | None:
        """Asked again before every attempt: what was let go may wait for long."""
        return None if due.channel is None else unreached(now, known.contact, due.purpose, due.channel)

    remembers_objections(policy)
    remembers_promises(policy)


def remembers_objections(policy: Policy[Any]) -> None:
    """Lets a policy remember what its customers agreed and objected to, and how they must not be reached."""

    @policy.remember(ConsentGranted, ConsentWithdrawn)
    def agreed(known: Remembers, said: ConsentGranted | ConsentWithdrawn, at: Recorded) -> None:
        known.contact.consent = consents.evolve(known.contact.consent, said)
        if isinstance(said, ConsentGranted):
            known.contact.granted_at[said.purpose, said.channel] = at.position

    @policy.remember(SubjectBlocked)
    def is_left_alone(known: Remembers, said: SubjectBlocked, at: Recorded) -> None:
        known.contact.blocked = True

    @policy.remember(ContactRestrictionSet, ContactRestrictionLifted)
    def restricted(known: Remembers, said: ContactRestrictionSet | ContactRestrictionLifted, at: Recorded) -> None:
        known.contact.restriction = restrictions.evolve(known.contact.restriction, said)


def remembers_promises(policy: Policy[Any]) -> None:
    """Lets a policy remember what was promised to its customers, by itself or by others, and what came of it."""

    @policy.remember(FollowUpScheduled)
    def promised(known: Remembers, scheduled: FollowUpScheduled, at: Recorded) -> None:
        known.contact.promises[at.stream_id] = Promise(
            scheduled.policy, scheduled.step, scheduled.action, scheduled.trigger, scheduled.trigger_position,
            scheduled.due_at,
        )  # fmt: skip

    @policy.remember(FollowUpPostponed)
    def promised_later(known: Remembers, postponed: FollowUpPostponed, at: Recorded) -> None:
        if (promise := known.contact.promises.get(at.stream_id)) is not None:
            promise.due_at = postponed.due_at

    @policy.remember(*STANDING)
    def went_on(known: Remembers, event: Any, at: Recorded) -> None:
        if (promise := known.contact.promises.get(at.stream_id)) is not None:
            promise.status = standing(event)
            if isinstance(event, FollowUpDispatched):
                promise.dispatched_at = at.occurred_at
            if isinstance(event, FollowUpCompleted):
                promise.done_at = at.occurred_at


STANDING: Mapping[type, FollowUpStatus] = MappingProxyType(
    {
        FollowUpDispatched: FollowUpStatus.DISPATCHED,
        FollowUpAttempted: FollowUpStatus.SENDING,
        FollowUpDelivered: FollowUpStatus.DELIVERED,
        FollowUpDeliveryUncertain: FollowUpStatus.UNCERTAIN,
        FollowUpFailed: FollowUpStatus.FAILED,
        FollowUpSuppressed: FollowUpStatus.SUPPRESSED,
        FollowUpCancelled: FollowUpStatus.CANCELLED,
        FollowUpCompleted: FollowUpStatus.DONE,
    }
)
"""How a promise stands after each event; one that failed and is to be tried again is still on its way."""


TOLD_BY = (
    CustomerRegistered, CustomerProfileChanged, IdentifierAdded, IdentifierRemoved, ConsentGranted, ConsentWithdrawn,
    ContactRestrictionSet, ContactRestrictionLifted, SubjectBlocked, FollowUpScheduled, FollowUpPostponed, *STANDING,
)  # fmt: skip
"""The events that tell of a contact, for policies that remember a noun with its customer."""


def standing(event: Any) -> FollowUpStatus:
    """How a promise stands after an event."""
    if isinstance(event, FollowUpFailed) and event.retry_at is not None:
        return FollowUpStatus.DISPATCHED
    return STANDING[type(event)]


# Whether the company may turn to a customer, and what becomes of a promise that is due.


def unreached(now: datetime, contact: Contact, purpose: Purpose | None, channel: Channel) -> str | None:
    """Why a customer cannot or must not be reached, as a code; a restriction comes before a consent."""
    if contact.blocked:
        return LEFT_ALONE
    if channel in ADDRESSES and contact.address(channel) is None:
        return "NO_ADDRESS"
    if purpose is None:
        return None
    if forbids(contact.restriction, purpose, channel, now):
        return "RESTRICTED"
    said = permits(contact.consent, purpose, channel)
    return None if said or (said is None and purpose in BY_INTEREST) else "NO_CONSENT"


def profiling_forbidden(now: datetime, contact: Contact) -> str | None:
    """NO_PROFILING if the customer's behaviour is not to be used to choose what to do about them: they objected to it."""
    said = permits(contact.consent, Purpose.PROFILING, None)
    forbidden = forbids(contact.restriction, Purpose.PROFILING, None, now) or said is False
    return "NO_PROFILING" if forbidden else None


def capped(now: datetime, contact: Contact, purpose: Purpose | None, apart_from: UUID) -> str | None:
    """CAPPED if the customer was written to for a purpose as often as may be, by whatever policy and channel."""
    if purpose is None:
        return None
    sent = [
        promise.dispatched_at
        for id, promise in contact.promises.items()
        if id != apart_from
        and promise.action.purpose is purpose
        and promise.action.kind is not ActionKind.REMIND_SURVEY  # which asks nothing new
        and promise.status in ON_ITS_WAY
        and promise.dispatched_at is not None
    ]
    over = any(sum(now - moment < within for moment in sent) >= most for most, within in CAPS.get(purpose, ()))
    return "CAPPED" if over else None


def grounds(contact: Contact, purpose: Purpose | None, channel: Channel, else_on: int) -> tuple[str, int]:
    """The legal basis, and the position of the event that it rests on: the consent, or else another one."""
    if purpose is None:
        return "CONTRACT", else_on
    for matter in ((purpose, channel), (purpose, None)):
        if matter in contact.consent.granted:
            return contact.consent.granted[matter].value, contact.granted_at[matter]
    return "LEGITIMATE_INTEREST", else_on


def objection(due: Due, now: datetime, contact: Contact) -> str | None:
    """Why something is not to be sent at all at this moment, whatever the hour."""
    assert due.channel is not None
    return unreached(now, contact, due.purpose, due.channel) or capped(now, contact, due.purpose, due.follow_up_id)


def keep(
    policy: Policy[Any], due: Due, now: datetime, contact: Contact, no_longer: str | None, *, quiet: bool = True
) -> Iterator[Command]:
    """What becomes of a promise to send something that is due.

    `no_longer` is why there is no reason for it any more. Without `quiet`, hours and holidays do not matter.
    """
    assert due.due_at is not None
    assert due.channel is not None
    if no_longer is not None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=no_longer)
    elif now - due.due_at > TOO_LATE_AFTER:
        yield policy.suppress(due, "TOO_LATE")
    elif reason := objection(due, now, contact):
        yield policy.suppress(due, reason)
    elif quiet and (later := contact.calendar.allowed(now)) > now:
        yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=later, reason="QUIET_HOURS")
    else:
        basis, relied_on = grounds(contact, due.purpose, due.channel, due.trigger_position)
        yield DispatchFollowUp(follow_up_id=due.follow_up_id, basis=basis, relied_on=relied_on)
