"""Completeness: the triggers for which the ledger has no row. There are none, or something is wrong."""

import strawberry
from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.scalars import Position
from api.schema.shapes import Shapes, answered
from processes.completeness import gaps


@strawberry.type(description="A trigger of a policy for which the ledger has no row.")
class FollowUpGap:
    """A gap, with its sentence."""

    policy: str
    position: Position = strawberry.field(description="Where the trigger stands in the log.")
    sentence: str = strawberry.field(description="What it means, and what to do.")


def question(shapes: Shapes) -> StrawberryField:
    """`followUpGaps`."""
    return answered(
        "follow_up_gaps",
        list[FollowUpGap],
        "The triggers for which the ledger has no row, as the worker found them. It must be empty.",
        _gaps,
        within=shapes.types,
    )


async def _gaps(root: None, info: Info) -> list[FollowUpGap]:
    found = await info.context.ask(gaps, info.context.house.log)
    return [FollowUpGap(policy=gap.policy, position=Position(gap.position), sentence=gap.sentence()) for gap in found]
