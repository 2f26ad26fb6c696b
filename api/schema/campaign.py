"""The campaigns, newest first, with how they did; their members and contacts, what was delivered, and the offers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.filters import text_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one
from api.schema.scalars import Ref
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.staff import staff_of
from api.schema.views import Lists
from eventstore.commands import identify
from eventstore.reader import NOW
from projections.marketing import campaign_contacts, campaign_members, campaigns, offers, segments
from projections.marketing.campaign_performance import CampaignBy, CampaignPerformance, performance
from projections.marketing.offer_outcomes import OfferBy, OfferOutcome, outcomes
from projections.selecting import Order
from projections.selling import orders
from projections.touchpoints import deliveries

PERFORMANCE_VIEWS = (campaigns.view, campaign_members.view, campaign_contacts.view, deliveries.view, orders.view)


def _fields(lists: Lists) -> list[StrawberryField]:
    shape = lists.shapes.output_of(CampaignPerformance)
    return [answered("performance", shape | None, "How it did, as a whole.", _performance_of, within=lists.types)]


def _of_campaign(lists: Lists) -> list[StrawberryField]:
    return [
        customer_of(lists),
        *one(lists, "campaign", campaigns.view, "campaign_id", "Which campaign."),
    ]


def _member_fields(lists: Lists) -> list[StrawberryField]:
    return [
        *_of_campaign(lists),
        *one(lists, "segment", segments.view, "segment_id", "Because of which segment."),
        *one(lists, "offer", offers.view, "offer_id", "With which offer."),
    ]


noun = Noun(campaigns.view, "Campaign", order=(Order("starts_at", True),), fields=_fields)
member = Noun(
    campaign_members.view,
    "CampaignMember",
    hidden=("steps",),
    order=(Order("chosen_at", True),),
    fields=_member_fields,
)
step = Noun(campaign_members.campaign_steps, "CampaignStep", order=(Order("position", True),), fields=_member_fields)
contact = Noun(
    campaign_contacts.view,
    "CampaignContact",
    hidden=("delivery_id",),
    order=(Order("started_at", True),),
    fields=lambda lists: [*_of_campaign(lists), *staff_of(lists, words="Who talked first.")],
)
delivery = Noun(
    deliveries.view, "Delivery", order=(Order("delivered_at", True),), fields=lambda lists: [customer_of(lists)]
)
notice = Noun(
    deliveries.delivery_notices,
    "DeliveryNotice",
    order=(Order("position", True),),
    fields=lambda lists: [customer_of(lists)],
)
offer = Noun(
    offers.view,
    "Offer",
    order=(Order("made_at", True),),
    fields=lambda lists: [
        *_of_campaign(lists),
        *one(lists, "order", orders.view, "order_id", "The order by which it was taken."),
    ],
)
offer_move = Noun(offers.offer_moves, "OfferMove", order=(Order("position", True),), fields=_of_campaign)


def questions(lists: Lists) -> list[StrawberryField]:
    """`campaignPerformance(campaign, by, model, asOf, atLeast)` and `offerOutcomes(by, from, to, asOf, atLeast)`."""
    shapes = lists.shapes
    return [
        answered(
            "campaign_performance",
            shapes.output_of(CampaignPerformance) | None,
            sentence_of(CampaignPerformance),
            _performance,
            (
                Argument("campaign", Ref, "Which campaign."),
                Argument("by", shapes.enum(CampaignBy) | None, "By what its parts are told apart."),
                Argument(
                    "model", str | None, "By which model of attribution; by the one that was used last, if left out."
                ),
                AS_OF,
                AT_LEAST,
            ),
            within=lists.types,
        ),
        answered(
            "offer_outcomes",
            shapes.output(tuple[OfferOutcome, ...]),
            f"{sentence_of(OfferOutcome)} Those that were made most often come first.",
            _outcomes,
            (
                Argument("by", shapes.enum(OfferBy), "By what offers are told apart.", OfferBy.OFFER),
                Argument("from_", datetime | None, "Made from this moment on."),
                Argument("to", datetime | None, "Made up to this one."),
                AS_OF,
                AT_LEAST,
            ),
            within=lists.types,
        ),
    ]


async def _performance_of(root: Shown[Any], info: Info) -> CampaignPerformance | None:
    house = info.context.house

    def ask(keys: list[UUID]) -> dict[UUID, CampaignPerformance]:
        return performance(house.lists, keys, as_of=root.as_of)

    return await info.context.each(("performance", root.as_of), ask, root.row.campaign_id)


async def _performance(
    root: None,
    info: Info,
    *,
    campaign: str,
    by: CampaignBy | None = None,
    model: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> CampaignPerformance | None:
    context, moment, which = info.context, moment_of(as_of), identify("campaign", campaign, "campaign")
    named = None if model is None else text_of(model, "model")
    if moment == NOW:
        await reached(context, PERFORMANCE_VIEWS, at_least)
    found = await context.ask(performance, context.house.lists, [which], by, model=named, as_of=moment)
    return found.get(which)


async def _outcomes(
    root: None,
    info: Info,
    *,
    by: OfferBy,
    from_: datetime | None = None,
    to: datetime | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[OfferOutcome]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [offers.view], at_least)
    return await context.ask(outcomes, context.house.lists, by, start=from_, end=to, as_of=moment)
