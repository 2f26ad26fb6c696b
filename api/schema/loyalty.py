"""Loyalty: the accounts with where their members stand, who is to be watched, and what all points would cost."""

from datetime import datetime
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.looks import look_from, look_of
from api.schema.moments import AS_OF, AsOf, moment_of
from api.schema.noun import Noun
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from projections.buckets import BUSINESS_ZONE
from projections.selecting import Order
from projections.value import loyalty, loyalty_standing
from projections.value.loyalty_standing import LoyaltyStanding, PointsLiability, TierMigration, TierWatch


def fields(lists: Lists) -> list[StrawberryField]:
    """Whose it is, and where the member stands."""
    standing = lists.shapes.output_of(LoyaltyStanding)
    return [
        customer_of(lists),
        answered("standing", standing | None, sentence_of(LoyaltyStanding), _standing, within=lists.types),
    ]


noun = Noun(loyalty.view, "LoyaltyAccount", order=(Order("enrolled_at", True),), fields=fields)
points = Noun(
    loyalty.points, "PointsEntry", order=(Order("position", True),), fields=lambda lists: [customer_of(lists)]
)
tier_changes = Noun(
    loyalty.tier_changes, "TierChange", order=(Order("position", True),), fields=lambda lists: [customer_of(lists)]
)

PROGRAMME = Argument("programme", str | None, "The key of one programme.")


def questions(lists: Lists) -> list[StrawberryField]:
    """`tierWatch`, `pointsLiability` and `tierMigrations`."""
    shapes, within = lists.shapes, lists.types

    watch = (
        Argument("watch", shapes.enum(TierWatch), "Whom to look for."),
        PROGRAMME,
        Argument("first", int, "How many, at most 100.", 20),
        AS_OF,
    )
    between = (
        Argument("from_", datetime, "From this moment on."),
        Argument("to", datetime, "Up to this one."),
        PROGRAMME,
        AS_OF,
    )
    return [
        answered(
            "tier_watch",
            shapes.output(tuple[LoyaltyStanding, ...]),
            "The members who are near the next tier or about to lose theirs, those with the fewest days left first.",
            _watched,
            watch,
            within=within,
        ),
        answered(
            "points_liability",
            shapes.output(tuple[PointsLiability, ...]),
            sentence_of(PointsLiability),
            _liabilities,
            (AS_OF,),
            within=within,
        ),
        answered(
            "tier_migrations",
            shapes.output(tuple[TierMigration, ...]),
            sentence_of(TierMigration),
            _migrations,
            between,
            within=within,
        ),
    ]


async def _standing(root: Shown[Any], info: Info) -> LoyaltyStanding | None:
    lists, look = info.context.house.lists, await look_from(info.context, root)

    def standings(keys: list[UUID]) -> dict[UUID, LoyaltyStanding]:
        return loyalty_standing.standings_of(lists, keys, look)

    return await info.context.each(("standing", root.as_of), standings, root.row.account_id)


async def _watched(
    root: None,
    info: Info,
    *,
    watch: TierWatch,
    first: int,
    programme: str | None = None,
    as_of: AsOf | None = None,
) -> list[LoyaltyStanding]:
    look = await look_of(info.context, as_of, BUSINESS_ZONE, None)
    lists = info.context.house.lists
    return await info.context.ask(loyalty_standing.watched, lists, look, watch, programme=programme, first=first)


async def _liabilities(root: None, info: Info, *, as_of: AsOf | None = None) -> list[PointsLiability]:
    return await info.context.ask(loyalty_standing.liabilities, info.context.house.lists, moment_of(as_of))


async def _migrations(
    root: None,
    info: Info,
    *,
    from_: datetime,
    to: datetime,
    programme: str | None = None,
    as_of: AsOf | None = None,
) -> list[TierMigration]:
    lists, moment = info.context.house.lists, moment_of(as_of)
    return await info.context.ask(loyalty_standing.tier_migrations, lists, from_, to, programme=programme, as_of=moment)
