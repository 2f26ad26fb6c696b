"""Campaign contacts: the calls and visits, letters and mails by which somebody of the company carried a campaign out."""

from datetime import datetime
from uuid import UUID

from domain.call import CallAnswered, CallEnded, CallerIdentified, CallRinging, WrapUpCompleted
from domain.delivery import delivery_id
from domain.interaction import Direction, InteractionLogged, InteractionReattributed, InteractionStarted
from domain.values import Channel
from eventstore.envelope import Recorded
from projections.view import GONE, Gone, Row, View


class CampaignContact(Row, key="contact_id"):
    """A contact that belongs to a campaign: to `campaign_id` if it was a call, else to the one whose code is `campaign`.

    `staff_id` is who talked first; `reached_at` is when they began to talk, which a logged contact always did. A message
    that was dispatched under the id of the contact, and is known by this `delivery_id`, is the contact.
    """

    contact_id: UUID
    customer_id: UUID | None = None
    campaign_id: UUID | None = None
    campaign: str | None = None
    delivery_id: UUID | None = None
    channel: Channel | None = None
    direction: Direction | None = None
    staff_id: UUID | None = None
    started_at: datetime | None = None
    reached_at: datetime | None = None
    talk_s: int | None = None
    outcome: str | None = None


view = View(
    "campaign_contacts",
    CampaignContact,
    version=1,
    key=lambda _, at: at.stream_id,
    follows="stream_id",
    history=True,
    indexes=("(campaign_id, customer_id)", "(campaign, customer_id)", "(staff_id, started_at)"),
)


@view.on(CallRinging, key=lambda rung, at: None if rung.campaign_id is None else at.stream_id)
def ring(contact: CampaignContact, rung: CallRinging, at: Recorded) -> None:
    contact.customer_id = at.customer_id
    contact.campaign_id = rung.campaign_id
    contact.delivery_id = delivery_id(str(at.stream_id))
    contact.channel = Channel.PHONE
    contact.direction = rung.direction
    contact.started_at = at.occurred_at


@view.on(CallAnswered)
def answer(contact: CampaignContact, answered: CallAnswered, at: Recorded) -> Gone | None:
    contact.staff_id = contact.staff_id or answered.staff_id
    contact.reached_at = contact.reached_at or at.occurred_at
    return _of_campaign(contact)


@view.on(CallEnded)
def end(contact: CampaignContact, ended: CallEnded, at: Recorded) -> Gone | None:
    contact.talk_s = ended.talk_s
    return _of_campaign(contact)


@view.on(WrapUpCompleted)
def wrap_up(contact: CampaignContact, wrapped_up: WrapUpCompleted, at: Recorded) -> Gone | None:
    contact.outcome = wrapped_up.disposition
    return _of_campaign(contact)


@view.on(CallerIdentified, InteractionReattributed)
def identify(
    contact: CampaignContact, identified: CallerIdentified | InteractionReattributed, at: Recorded
) -> Gone | None:
    contact.customer_id = at.customer_id
    return _of_campaign(contact)


def named(met: InteractionLogged | InteractionStarted, at: Recorded) -> UUID | None:
    """The key of a contact that names a campaign."""
    return None if met.campaign is None else at.stream_id


@view.on(InteractionLogged, key=named)
@view.on(InteractionStarted, key=named)
def meet(contact: CampaignContact, met: InteractionLogged | InteractionStarted, at: Recorded) -> None:
    contact.customer_id = at.customer_id
    contact.campaign = met.campaign
    contact.delivery_id = delivery_id(str(at.stream_id))
    contact.channel = met.channel
    contact.direction = met.direction
    contact.staff_id = met.staff_id
    contact.started_at = at.occurred_at
    contact.reached_at = at.occurred_at
    if isinstance(met, InteractionLogged):
        contact.talk_s = met.duration_s


def _of_campaign(contact: CampaignContact) -> Gone | None:
    """What is told of a contact that belongs to no campaign leaves nothing here."""
    return GONE if contact.campaign_id is None and contact.campaign is None else None
