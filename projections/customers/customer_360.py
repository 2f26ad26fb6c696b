"""The customer 360: what a colleague should know before saying hello."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.consent import ConsentGranted, ConsentWithdrawn
from domain.customer import CustomerProfileChanged, CustomerRegistered, PreferenceStated
from domain.follow_up import (
    FollowUpCancelled,
    FollowUpCompleted,
    FollowUpDelivered,
    FollowUpDeliveryUncertain,
    FollowUpFailed,
    FollowUpPostponed,
    FollowUpScheduled,
    FollowUpSuppressed,
)
from domain.identifiers import IdentifierVerified
from domain.interaction import (
    Direction,
    InformationRequested,
    InteractionLogged,
    InteractionStarted,
    MessageReceived,
    MessageSent,
)
from domain.invitation import SurveyInvitationSent, SurveyResponded
from domain.order import (
    GoodsReturned,
    LinesReturned,
    OrderCancelled,
    OrderDelivered,
    OrderLinesCancelled,
    OrderPlaced,
)
from domain.restriction import ContactRestrictionLifted, ContactRestrictionSet
from domain.values import EXACT, empty
from eventstore.envelope import Recorded
from projections.buckets import BUSINESS_ZONE
from projections.customers.customers import later, told
from projections.takings import take
from projections.view import Row, View

ZERO = Decimal(0)
KEPT_ANSWERS = 6


class CustomerCard(Row, key="customer_id"):
    """All about a customer on one card. `revenue` is `gross` less what was `returned` or cancelled, in `currency`.

    `restrictions` are the ways in which the customer is not to be reached, each with its end if it has one. `contact_hours`
    counts the contacts that the customer began by the hour of the day where they live, `own_channels` by the way they chose.
    `csats` and `npses` are the last answers, the latest last.
    """

    customer_id: UUID
    since: datetime | None = None
    order_count: int = 0
    open_orders: int = 0
    cancelled_orders: int = 0
    returns: int = 0
    pieces: int = 0
    currency: str | None = None
    gross: Decimal = ZERO
    returned: Decimal = ZERO
    revenue: Decimal = ZERO
    other_revenue: Mapping[str, Decimal] = field(default_factory=empty)
    first_order_at: datetime | None = None
    last_order_at: datetime | None = None
    last_order_total: Decimal | None = None
    sales_channels: dict[str, int] = field(default_factory=dict)
    interaction_count: int = 0
    inbound: int = 0
    channels: dict[str, int] = field(default_factory=dict)
    own_channels: Mapping[str, int] = field(default_factory=empty)
    contact_hours: Mapping[str, int] = field(default_factory=empty)
    timezone: str | None = None
    last_contact_at: datetime | None = None
    last_contact_channel: str | None = None
    information_requests: int = 0
    verified_identifiers: int = 0
    preferences: tuple[str, ...] = ()
    consents: Mapping[str, bool] = field(default_factory=empty)
    restrictions: Mapping[str, datetime | None] = field(default_factory=empty)
    surveys_sent: int = 0
    surveys_answered: int = 0
    last_survey_at: datetime | None = None
    last_csat: int | None = None
    last_nps: int | None = None
    csats: tuple[int, ...] = ()
    npses: tuple[int, ...] = ()
    follow_ups: Mapping[str, datetime] = field(default_factory=empty)


view = View("customer_360", CustomerCard, version=3, indexes=("(revenue desc, customer_id)",))


@view.on(CustomerRegistered)
def welcome(card: CustomerCard, registered: CustomerRegistered, at: Recorded) -> None:
    if card.since is None or at.occurred_at < card.since:
        card.since = at.occurred_at
    told(card, registered, at, ("timezone",))


@view.on(CustomerProfileChanged)
def move(card: CustomerCard, changed: CustomerProfileChanged, at: Recorded) -> None:
    told(card, changed, at, ("timezone",))


@view.on(IdentifierVerified)
def count_verified(card: CustomerCard, verified: IdentifierVerified, at: Recorded) -> None:
    card.verified_identifiers += 1


@view.on(PreferenceStated)
def note_preference(card: CustomerCard, stated: PreferenceStated, at: Recorded) -> None:
    if stated.topic not in card.preferences:
        card.preferences = (*card.preferences, stated.topic)


@view.on(OrderPlaced)
def count_order(card: CustomerCard, placed: OrderPlaced, at: Recorded) -> None:
    card.order_count += 1
    card.open_orders += 1
    for line in placed.lines:
        card.pieces += line.quantity
    if take(card, placed.total):
        card.gross = EXACT.add(card.gross, placed.total.base)
    count(card.sales_channels, placed.channel.value)
    if card.first_order_at is None or at.occurred_at < card.first_order_at:
        card.first_order_at = at.occurred_at
    if card.last_order_at is None or at.occurred_at >= card.last_order_at:
        card.last_order_at = at.occurred_at
        card.last_order_total = placed.total.base


@view.on(OrderDelivered)
def close_order(card: CustomerCard, delivered: OrderDelivered, at: Recorded) -> None:
    card.open_orders -= 1


@view.on(OrderCancelled, OrderLinesCancelled)
def count_cancelled(card: CustomerCard, cancelled: OrderCancelled | OrderLinesCancelled, at: Recorded) -> None:
    if isinstance(cancelled, OrderCancelled) or cancelled.nothing_left:
        card.cancelled_orders += 1
        card.open_orders -= 1
    if take(card, cancelled.value, -1):
        card.returned = EXACT.add(card.returned, cancelled.value.base)


@view.on(LinesReturned, GoodsReturned)
def count_return(card: CustomerCard, back: LinesReturned | GoodsReturned, at: Recorded) -> None:
    card.returns += 1
    if take(card, back.value, -1):
        card.returned = EXACT.add(card.returned, back.value.base)


@view.on(InteractionLogged, InteractionStarted)
def count_contact(card: CustomerCard, contact: InteractionLogged | InteractionStarted, at: Recorded) -> None:
    card.interaction_count += 1
    if contact.direction is Direction.IN:
        card.inbound += 1
        card.own_channels = one_more(card.own_channels, contact.channel.value)
        hour = at.occurred_at.astimezone(zone(card.timezone)).hour
        card.contact_hours = one_more(card.contact_hours, f"{hour:02}")
    count(card.channels, contact.channel.value)
    if card.last_contact_at is None or at.occurred_at >= card.last_contact_at:
        card.last_contact_at = at.occurred_at
        card.last_contact_channel = contact.channel.value


@view.on(MessageReceived, MessageSent)
def note_message(card: CustomerCard, message: MessageReceived | MessageSent, at: Recorded) -> None:
    card.last_contact_at = later(card.last_contact_at, at.occurred_at)


@view.on(InformationRequested)
def count_request(card: CustomerCard, requested: InformationRequested, at: Recorded) -> None:
    card.information_requests += 1


@view.on(ConsentGranted)
def note_consent(card: CustomerCard, granted: ConsentGranted, at: Recorded) -> None:
    card.consents = {**card.consents, consented(granted): True}


@view.on(ConsentWithdrawn)
def note_withdrawal(card: CustomerCard, withdrawn: ConsentWithdrawn, at: Recorded) -> None:
    kept = {
        said: yes
        for said, yes in card.consents.items()
        if withdrawn.channel or not said.startswith(f"{withdrawn.purpose}/")
    }
    card.consents = {**kept, consented(withdrawn): False}


@view.on(ContactRestrictionSet)
def restrict(card: CustomerCard, restricted: ContactRestrictionSet, at: Recorded) -> None:
    card.restrictions = {**card.restrictions, restricted.kind.value: restricted.until}


@view.on(ContactRestrictionLifted)
def lift(card: CustomerCard, lifted: ContactRestrictionLifted, at: Recorded) -> None:
    card.restrictions = {kind: until for kind, until in card.restrictions.items() if kind != lifted.kind.value}


@view.on(SurveyInvitationSent)
def count_survey(card: CustomerCard, sent: SurveyInvitationSent, at: Recorded) -> None:
    card.surveys_sent += 1
    card.last_survey_at = later(card.last_survey_at, at.occurred_at)


@view.on(SurveyResponded)
def note_answer(card: CustomerCard, responded: SurveyResponded, at: Recorded) -> None:
    card.surveys_answered += 1
    card.last_csat = card.last_csat if responded.csat is None else responded.csat
    card.last_nps = card.last_nps if responded.nps is None else responded.nps
    if responded.csat is not None:
        card.csats = (*card.csats[1 - KEPT_ANSWERS :], responded.csat)
    if responded.nps is not None:
        card.npses = (*card.npses[1 - KEPT_ANSWERS :], responded.nps)


@view.on(FollowUpScheduled)
def promise(card: CustomerCard, scheduled: FollowUpScheduled, at: Recorded) -> None:
    card.follow_ups = {**card.follow_ups, str(at.stream_id): scheduled.due_at}


@view.on(FollowUpPostponed)
def postpone(card: CustomerCard, postponed: FollowUpPostponed, at: Recorded) -> None:
    card.follow_ups = {**card.follow_ups, str(at.stream_id): postponed.due_at}


@view.on(
    FollowUpDelivered,
    FollowUpCancelled,
    FollowUpSuppressed,
    FollowUpCompleted,
    FollowUpDeliveryUncertain,
    FollowUpFailed,
)
def keep_promise(
    card: CustomerCard,
    kept: FollowUpDelivered
    | FollowUpCancelled
    | FollowUpSuppressed
    | FollowUpCompleted
    | FollowUpDeliveryUncertain
    | FollowUpFailed,
    at: Recorded,
) -> None:
    if isinstance(kept, FollowUpFailed) and kept.retry_at is not None:
        card.follow_ups = {**card.follow_ups, str(at.stream_id): kept.retry_at}
    else:
        card.follow_ups = {key: due for key, due in card.follow_ups.items() if key != str(at.stream_id)}


def one_more(counts: Mapping[str, int], what: str) -> Mapping[str, int]:
    """The counts with one more of something."""
    return {**counts, what: counts.get(what, 0) + 1}


@cache
def zone(name: str | None) -> ZoneInfo:
    """The time zone of this name, or that of the business unit if nobody said where somebody lives."""
    return ZoneInfo(name or BUSINESS_ZONE)


def count(counts: dict[str, int], what: str) -> None:
    """One more of something."""
    counts[what] = counts.get(what, 0) + 1


def consented(said: ConsentGranted | ConsentWithdrawn) -> str:
    """What a word on consent is about: `SURVEY/EMAIL`, or `SURVEY/*` for every channel."""
    return f"{said.purpose}/{said.channel or '*'}"
