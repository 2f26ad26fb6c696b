"""How the views stand: how far each has taken the log in, and what to do if one does not go on."""

import strawberry
from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.scalars import Long, Position
from api.schema.shapes import Shapes, answered


@strawberry.type(description="How a view stands.")
class ViewStanding:
    """A standing of the engine, with its sentence."""

    name: str
    version: Long
    position: Position
    lag_events: Long = strawberry.field(description="How many events it is behind the log.")
    parked: Long = strawberry.field(description="How many rows wait for an operator.")
    sentence: str = strawberry.field(description="What it means, and what to do.")


def question(shapes: Shapes) -> StrawberryField:
    """`views`."""
    return answered("views", list[ViewStanding], "How every view stands.", _standings, within=shapes.types)


async def _standings(root: None, info: Info) -> list[ViewStanding]:
    return [
        ViewStanding(
            name=each.view,
            version=Long(each.version),
            position=Position(each.position),
            lag_events=Long(each.lag_events),
            parked=Long(each.parked),
            sentence=each.sentence(),
        )
        for each in await info.context.ask(info.context.house.engine.standings)
    ]
