"""Survey memory: what there is to know of a customer before asking how it went, as the log tells it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from domain import consent as consents
from domain import restriction as restrictions
from domain import survey as surveys
from domain.consent import ConsentGranted, ConsentWithdrawn, Matter
from domain.customer import CustomerProfileChanged, CustomerRegistered
from domain.follow_up import (
    ActionKind,
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
)
from domain.identifiers import IdentifierAdded, IdentifierRemoved, IdentifierType
from domain.invitation import SurveyDeclined, SurveyExpired, SurveyInvitationSent, SurveyResponded
from domain.order import LinesReturned, OrderCancelled, OrderLinesCancelled, OrderPlaced
from domain.restriction import ContactRestrictionLifted, ContactRestrictionSet
from domain.survey import POST_PURCHASE, SurveyPublished, SurveyRetired
from eventstore.envelope import Recorded
from processes.calendar import HOME_COUNTRY, HOME_ZONE, Calendar, country_code
from processes.policy import Policy


@dataclass(slots=True)
class Bought:
    """An order: when it was placed, and why nobody is to be asked about it any more."""

    day: date
    position: int
    number: str | None
    called_off: str | None = None


@dataclass(slots=True)
class Promise:
    """A survey or a reminder that was promised, and how far it has come."""

    kind: ActionKind
    trigger: UUID
    position: int
    due_at: datetime
    status: FollowUpStatus = FollowUpStatus.SCHEDULED
    dispatched_at: datetime | None = None


@dataclass(slots=True)
class Invited:
    """An invitation: when it was sent, for which order, and what became of it."""

    sent_at: datetime
    order_id: UUID | None
    follow_up_id: UUID
    ended: str | None = None


@dataclass(slots=True)
class Known:
    """What there is to know of one customer before asking."""

    zone: str = HOME_ZONE
    country: str = HOME_COUNTRY
    language: str = "es"
    name: str | None = None
    told_by_itself: bool = False
    addresses: dict[tuple[UUID, int], str | None] = field(default_factory=dict)
    consent: consents.Consent = field(default_factory=consents.Consent)
    granted_at: dict[Matter, int] = field(default_factory=dict)
    restriction: restrictions.Restriction = field(default_factory=restrictions.Restriction)
    orders: dict[UUID, Bought] = field(default_factory=dict)
    promises: dict[UUID, Promise] = field(default_factory=dict)
    invitations: dict[UUID, Invited] = field(default_factory=dict)
    survey: surveys.Survey = field(default_factory=surveys.Survey)

    @property
    def calendar(self) -> Calendar:
        """The customer's own calendar."""
        return Calendar(self.zone, self.country)

    @property
    def address(self) -> str | None:
        """The e-mail address that was given last; None if there is none, or if it is forgotten."""
        return next((address for address in reversed(self.addresses.values()) if address is not None), None)


policy = Policy(
    "post-purchase-survey", version=1, memory=Known, needs=(POST_PURCHASE,), also=(POST_PURCHASE.survey_id,)
)


@policy.remember(CustomerRegistered, CustomerProfileChanged, disclose=True)
def who(known: Known, told: CustomerRegistered | CustomerProfileChanged, at: Recorded) -> None:
    if at.stream_id == at.customer_id:
        known.told_by_itself = True
    elif known.told_by_itself:
        return  # somebody who was merged into this customer has no say about it
    known.name = told.name or known.name
    known.language = told.language or known.language
    known.zone = told.timezone or known.zone
    known.country = country_code(told.country) if told.country else known.country


@policy.remember(IdentifierAdded, disclose=True)
def reachable(known: Known, added: IdentifierAdded, at: Recorded) -> None:
    if added.type is IdentifierType.EMAIL:
        known.addresses[at.stream_id, added.number] = added.value


@policy.remember(IdentifierRemoved)
def unreachable(known: Known, removed: IdentifierRemoved, at: Recorded) -> None:
    known.addresses.pop((at.stream_id, removed.number), None)


@policy.remember(ConsentGranted, ConsentWithdrawn)
def agreed(known: Known, said: ConsentGranted | ConsentWithdrawn, at: Recorded) -> None:
    known.consent = consents.evolve(known.consent, said)
    if isinstance(said, ConsentGranted):
        known.granted_at[said.purpose, said.channel] = at.position


@policy.remember(ContactRestrictionSet, ContactRestrictionLifted)
def restricted(known: Known, said: ContactRestrictionSet | ContactRestrictionLifted, at: Recorded) -> None:
    known.restriction = restrictions.evolve(known.restriction, said)


@policy.remember(OrderPlaced)
def bought(known: Known, placed: OrderPlaced, at: Recorded) -> None:
    known.orders[at.stream_id] = Bought(known.calendar.day(at.occurred_at), at.position, placed.number)


@policy.remember(OrderCancelled, OrderLinesCancelled, LinesReturned)
def came_back(known: Known, back: OrderCancelled | OrderLinesCancelled | LinesReturned, at: Recorded) -> None:
    if at.stream_id in known.orders and (reason := called_off(back)):
        known.orders[at.stream_id].called_off = reason


@policy.remember(FollowUpScheduled)
def promised(known: Known, scheduled: FollowUpScheduled, at: Recorded) -> None:
    if scheduled.policy == policy.name:
        known.promises[at.stream_id] = Promise(
            scheduled.action.kind, scheduled.trigger, scheduled.trigger_position, scheduled.due_at
        )


@policy.remember(FollowUpPostponed)
def promised_later(known: Known, postponed: FollowUpPostponed, at: Recorded) -> None:
    if (promise := known.promises.get(at.stream_id)) is not None:
        promise.due_at = postponed.due_at


@policy.remember(
    FollowUpDispatched, FollowUpAttempted, FollowUpDelivered, FollowUpDeliveryUncertain, FollowUpFailed,
    FollowUpSuppressed, FollowUpCancelled, FollowUpCompleted,
)  # fmt: skip
def went_on(
    known: Known,
    event: FollowUpDispatched | FollowUpAttempted | FollowUpDelivered | FollowUpDeliveryUncertain | FollowUpFailed
    | FollowUpSuppressed | FollowUpCancelled | FollowUpCompleted,
    at: Recorded,
) -> None:  # fmt: skip
    if (promise := known.promises.get(at.stream_id)) is None:
        return
    match event:
        case FollowUpDispatched():
            promise.status, promise.dispatched_at = FollowUpStatus.DISPATCHED, at.occurred_at
        case FollowUpFailed(retry_at=retry_at):
            promise.status = FollowUpStatus.FAILED if retry_at is None else FollowUpStatus.DISPATCHED
        case FollowUpSuppressed():
            promise.status = FollowUpStatus.SUPPRESSED
        case FollowUpCancelled():
            promise.status = FollowUpStatus.CANCELLED
        case FollowUpDelivered():
            promise.status = FollowUpStatus.DELIVERED
        case FollowUpDeliveryUncertain():
            promise.status = FollowUpStatus.UNCERTAIN
        case FollowUpAttempted():
            promise.status = FollowUpStatus.SENDING
        case FollowUpCompleted():
            promise.status = FollowUpStatus.DONE


@policy.remember(SurveyInvitationSent)
def invited(known: Known, sent: SurveyInvitationSent, at: Recorded) -> None:
    known.invitations[at.stream_id] = Invited(at.occurred_at, sent.order_id, sent.follow_up_id)


@policy.remember(SurveyResponded, SurveyDeclined, SurveyExpired)
def ended(known: Known, event: SurveyResponded | SurveyDeclined | SurveyExpired, at: Recorded) -> None:
    if (invitation := known.invitations.get(at.stream_id)) is not None:
        invitation.ended = how_ended(event)


@policy.remember(SurveyPublished, SurveyRetired)
def asked_now(known: Known, event: SurveyPublished | SurveyRetired, at: Recorded) -> None:
    known.survey = surveys.evolve(known.survey, event)


def called_off(back: OrderCancelled | OrderLinesCancelled | LinesReturned) -> str | None:
    """Why nothing is left of an order, if nothing is."""
    if isinstance(back, OrderCancelled):
        return "ORDER_CANCELLED"
    if not back.nothing_left:
        return None
    return "ORDER_RETURNED" if isinstance(back, LinesReturned) else "ORDER_CANCELLED"


def how_ended(event: SurveyResponded | SurveyDeclined | SurveyExpired) -> str:
    """What became of an invitation, as a code."""
    match event:
        case SurveyResponded():
            return "ANSWERED"
        case SurveyDeclined():
            return "DECLINED"
        case SurveyExpired():
            return "EXPIRED"
