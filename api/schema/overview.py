"""The whole of a customer in GraphQL: what is open, what to do next and why, and the screen pop."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.house import House
from api.schema.context import Context, Info, Shown
from api.schema.looks import look_from, look_of
from api.schema.moments import AS_OF, AsOf
from api.schema.scalars import Position
from api.schema.shapes import REQUIRED, Argument, answered, sentence_of
from api.schema.views import Lists
from projections.buckets import BUSINESS_ZONE
from projections.customers import benefits, data_quality, profiles
from projections.customers.decided import DecisionReplay, decision_replay
from projections.customers.eligibility import BenefitEligibility
from projections.customers.open_requests import QUERIES, OpenRequest
from projections.customers.overview import (
    FavouriteCategory,
    Habits,
    OpenPipeline,
    Overview,
    Satisfaction,
    favourites,
    open_pipelines,
    overviews,
)
from projections.customers.recommending import Recommendation
from projections.customers.screen_pop import ScreenPop, screen_pop
from projections.selling import opportunities, products
from projections.value import loyalty, programmes
from projections.value.buyers import Look
from projections.view import View

VIEWS: tuple[View[Any], ...] = (
    benefits.view,
    loyalty.view,
    opportunities.view,
    products.view,
    programmes.view,
    profiles.view,
    data_quality.view,
    *(view for view, _ in QUERIES.values()),
)
"""What the overview of a customer is put together from."""

Find = Callable[[Context, str], Awaitable[UUID | None]]
"""How a customer is recognised by an id or an identifier."""

PARTS: tuple[tuple[str, Any, str], ...] = (
    (
        "open_requests",
        tuple[OpenRequest, ...],
        "What is open: cases, orders, quotes, returns, activities, opportunities.",
    ),
    ("satisfaction", Satisfaction, sentence_of(Satisfaction)),
    ("habits", Habits, sentence_of(Habits)),
    ("recommended", tuple[Recommendation, ...], "What to do next, the most pressing first, and why."),
    ("benefit", BenefitEligibility, sentence_of(BenefitEligibility)),
)
"""What the overview says of a customer: the field, its shape, and what it is."""


def of_customer(lists: Lists) -> list[StrawberryField]:
    """The fields of Customer that the overview gives; all customers of a page are looked at together."""
    shapes, within = lists.shapes, lists.types
    made = [answered(name, shapes.output(shape), words, _part(name), within=within) for name, shape, words in PARTS]
    return [
        *made,
        answered(
            "open_pipeline", shapes.output(OpenPipeline) | None, sentence_of(OpenPipeline), _pipeline, within=within
        ),
        answered(
            "favourite_categories",
            shapes.output(tuple[FavouriteCategory, ...]),
            "Of which categories of products they kept most.",
            _favourites,
            within=within,
        ),
    ]


def questions(lists: Lists, recognise: Find) -> list[StrawberryField]:
    """`screenPop(identifier, asOf)` and `decisionReplay(position)`."""

    async def pop(root: None, info: Info, *, identifier: str, as_of: AsOf | None = None) -> ScreenPop | None:
        context = info.context
        key = await recognise(context, identifier)
        if key is None:
            return None
        look = await look_of(context, as_of, BUSINESS_ZONE, None)
        context.saw(key)
        return await context.ask(_pop, context.house, key, look)

    arguments = (
        Argument("identifier", str, "A card number, an e-mail, a phone, a tax id, or the customer's id."),
        AS_OF,
    )
    shape = lists.shapes.output_of(ScreenPop)
    place = Argument(
        "position", Position, "The event by which a benefit was asked for, authorised or denied.", REQUIRED
    )
    again = lists.shapes.output_of(DecisionReplay)
    return [
        answered("screen_pop", shape | None, sentence_of(ScreenPop), pop, arguments, within=lists.types),
        answered("decision_replay", again, sentence_of(DecisionReplay), _replay, (place,), within=lists.types),
    ]


async def _replay(root: None, info: Info, *, position: int) -> DecisionReplay:
    return await info.context.ask(decision_replay, info.context.house.lists, position)


def _pop(house: House, key: UUID, look: Look) -> ScreenPop | None:
    return screen_pop(house.lists, house.log.reader.whom([key], look.as_of)[key], look)


def _part(name: str) -> Callable[..., Awaitable[Any]]:
    async def read(root: Shown[Any], info: Info) -> Any:
        return getattr(await _overview(root, info), name)

    return read


async def _overview(root: Shown[Any], info: Info) -> Overview:
    look = await look_from(info.context, root)

    def ask(keys: list[UUID]) -> dict[UUID, Overview]:
        return overviews(info.context.house.lists, keys, look)

    return await info.context.each(("overview", root.as_of), ask, root.row.customer_id)


async def _pipeline(root: Shown[Any], info: Info) -> OpenPipeline | None:
    look = await look_from(info.context, root)

    def ask(keys: list[UUID]) -> dict[UUID, OpenPipeline]:
        return open_pipelines(info.context.house.lists, keys, look)

    return await info.context.each(("open pipeline", root.as_of), ask, root.row.customer_id)


async def _favourites(root: Shown[Any], info: Info) -> list[FavouriteCategory]:
    look = await look_from(info.context, root)

    def ask(keys: list[UUID]) -> dict[UUID, list[FavouriteCategory]]:
        return favourites(info.context.house.lists, keys, look)

    return await info.context.each(("favourites", root.as_of), ask, root.row.customer_id)
