"""Moments: as of when a question is answered, and how fresh the answer must be."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from time import monotonic
from typing import Any, cast

import strawberry
from graphql import GraphQLError

from api.limits import AT_LEAST_WAIT_S
from api.schema.context import Context
from api.schema.scalars import Position
from api.schema.shapes import Argument
from eventstore.reader import NOW
from eventstore.reader import AsOf as Moment
from projections.moment_of import moment_of as when
from projections.view import View

POLL_S = 0.02


@strawberry.input(description="What had happened by one moment, as far as it was known by another.")
class Both:
    """Both clocks at once."""

    valid_at: datetime = strawberry.field(description="What had happened by then.")
    known_at: datetime = strawberry.field(description="What had been recorded by then.")


@strawberry.input(one_of=True, description="A moment to look back from: exactly one of these.")
class AsOf:
    """The fields of `eventstore.reader.AsOf`."""

    time: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="What was known then; imported history counts as known when it happened."
    )
    position: Position | None = strawberry.field(default=strawberry.UNSET, description="The log up to this position.")
    known_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="What had been recorded by then."
    )
    valid_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="What had happened by then, with what is known today."
    )
    both: Both | None = strawberry.field(
        default=strawberry.UNSET, description="What had happened by one moment, as it was known by another."
    )


AS_OF = Argument("as_of", AsOf | None, "Answer as it was.")
AT_LEAST = Argument("at_least", Position | None, "Wait until this position has been taken in: read your own writes.")


def moment_of(as_of: AsOf | None) -> Moment:
    """The moment that was asked for."""
    if as_of is None:
        return NOW
    if isinstance(as_of.both, Both):
        return Moment(valid_at=as_of.both.valid_at, known_at=as_of.both.known_at)
    given = {field.name: getattr(as_of, field.name) for field in fields(cast(Any, as_of)) if field.name != "both"}
    return Moment(**{name: value for name, value in given.items() if value is not strawberry.UNSET})


async def instant_of(context: Context, as_of: Moment) -> datetime:
    """When it is, seen from a moment: what is late, due or free is so as of then."""
    lists = context.house.lists
    return await context.each("instant", lambda moments: {each: when(lists, each) for each in moments}, as_of)


async def reached(context: Context, views: Sequence[View[Any]], at_least: int | None) -> int:
    """Waits until the views have taken a position in; returns how far they are. Raises STALE after AT_LEAST_WAIT_S."""
    until = monotonic() + AT_LEAST_WAIT_S
    while at_least is not None:
        positions = await context.ask(lambda: {view.name: context.house.lists.position(view) for view in views})
        slowest = min(positions, key=lambda name: positions[name])
        if positions[slowest] >= at_least:
            return positions[slowest]
        if monotonic() > until:
            raise GraphQLError(
                f"{slowest} is at position {positions[slowest]}, not yet at {at_least}. It catches up by itself: "
                "ask again in a moment, or without atLeast.",
                extensions={"code": "STALE", "retryable": True, "position": str(positions[slowest])},
            )
        await asyncio.sleep(POLL_S)
    return 0


async def moment_reached(
    context: Context, views: Sequence[View[Any]], as_of: AsOf | None, at_least: int | None
) -> Moment:
    """The moment that was asked for; if that is now, once the views have taken a position in. Raises STALE."""
    moment = moment_of(as_of)
    if moment == NOW:
        await reached(context, views, at_least)
    return moment
