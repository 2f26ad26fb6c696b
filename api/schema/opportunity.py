"""The opportunities, newest first, each with its name, its customer and every change of it, and the pipelines."""

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of
from api.schema.noun import Noun
from api.schema.relation import one
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


def opportunity_of(lists: Lists, column: str = "opportunity_id") -> list[StrawberryField]:
    """The opportunity that a column of a row names, looked at from the same moment."""
    return one(lists, "opportunity", opportunities.view, column, "Which one it is of.")


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
    fields=lambda lists: [customer_of(lists), *opportunity_of(lists, "owner_id")],
)
pipeline = Noun(pipelines.view, "PipelineDefinition", order=(Order("pipeline"),))
stages = Noun(pipelines.stages, "StageDefinition", order=(Order("pipeline"), Order("version"), Order("place")))
