"""The opportunities, newest first, each with its name, its customer and every change of it, and the pipelines."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.noun import Noun
from api.schema.shapes import answered
from api.schema.views import Lists
from domain.opportunity import OpportunityOpened
from projections.selecting import Order
from projections.selling import opportunities, pipelines
from projections.selling.opportunities import OpportunitySheet
from projections.selling.transitions import transitions


def fields(lists: Lists) -> list[StrawberryField]:
    """Its name, which is read from the log only when it is shown, and its customer."""
    return [customer_of(lists), answered("name", str | None, "What it is called.", _name, within=lists.types)]


def opportunity_of(lists: Lists, key: Callable[[Any], UUID]) -> StrawberryField:
    """The opportunity of a row, looked at from the same moment."""

    async def read(root: Shown[Any], info: Info) -> Shown[OpportunitySheet] | None:
        lists, as_of = info.context.house.lists, root.as_of

        def rows(keys: list[UUID]) -> dict[UUID, OpportunitySheet | None]:
            return dict(opportunities.as_of_then(lists, keys, as_of))

        row = await info.context.each(("opportunity", as_of), rows, key(root.row))
        return None if row is None else Shown(row, as_of)

    return answered("opportunity", "Opportunity | None", "Which one it is of.", read, within=lists.types)


async def _name(root: Shown[OpportunitySheet], info: Info) -> str | None:
    happened = await info.context.personal(root.row.opened_position)
    return happened.event.name if happened is not None and isinstance(happened.event, OpportunityOpened) else None


WORKINGS = ("lines", "passed", "opened_position")

noun = Noun(opportunities.view, "Opportunity", hidden=WORKINGS, order=(Order("opened_at", True),), fields=fields)
assert opportunities.view.versions is not None
versions = Noun(
    opportunities.view.versions,
    "OpportunityVersion",
    hidden=WORKINGS,
    order=(Order("from_position", True),),
    fields=lambda lists: [customer_of(lists)],
)
changes = Noun(
    transitions,
    "Transition",
    order=(Order("position", True),),
    fields=lambda lists: [customer_of(lists), opportunity_of(lists, lambda row: row.owner_id)],
)
pipeline = Noun(pipelines.view, "PipelineDefinition", order=(Order("pipeline"),))
stages = Noun(pipelines.stages, "StageDefinition", order=(Order("pipeline"), Order("version"), Order("place")))
