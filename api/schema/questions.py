"""What the schema shows besides its lists: how views are shown that are more than their columns, and what else is asked."""

from collections.abc import Callable, Sequence
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema import (
    agenda,
    billing,
    case,
    catalogue,
    cube,
    customer,
    events,
    explaining,
    follow_up,
    forecast,
    identity,
    integration,
    knowledge,
    kpi,
    lead,
    loyalty,
    opportunity,
    order,
    pipeline,
    planning,
    quote,
    shop,
    staff,
    standing,
    timeline,
    value,
)
from api.schema.views import Lists
from projections import kpi_definitions, opportunities, orders
from projections import loyalty as accounts
from projections.cubes import CUBES
from projections.view import View

NOUNS = (
    customer.noun,
    timeline.noun,
    order.noun,
    follow_up.sheet,
    follow_up.ledger,
    agenda.noun,
    agenda.away,
    opportunity.noun,
    opportunity.versions,
    opportunity.changes,
    opportunity.pipeline,
    opportunity.stages,
    case.noun,
    *identity.NOUNS,
    *integration.NOUNS,
    loyalty.noun,
    loyalty.points,
    loyalty.tier_changes,
    catalogue.noun,
    catalogue.price_list,
    knowledge.noun,
    knowledge.use,
    lead.noun,
    quote.noun,
    shop.noun,
    shop.visit,
    billing.noun,
    billing.payment,
    billing.return_,
    billing.order_sync,
    staff.noun,
    staff.team,
    staff.territory,
)
"""How the views are shown that are more than their columns. Any other view is a list of its rows."""
PARTS = ("customer_360", "identities")
"""Views that are shown as a part of something else."""

QUESTIONS: Sequence[tuple[Sequence[View[Any]], Callable[[Lists], list[StrawberryField]]]] = (
    ((), lambda lists: [events.question(lists.shapes), standing.question(lists.shapes)]),
    ((customer.noun.view,), customer.questions),
    ((customer.noun.view, orders.view), lambda lists: value.questions(lists, customer.shown_customer)),
    ((orders.view,), planning.questions),
    ((accounts.view,), loyalty.questions),
    ([noun.view for noun in identity.NOUNS], identity.questions),
    ([noun.view for noun in integration.NOUNS], integration.questions),
    ((kpi_definitions.view,), lambda lists: kpi.questions(lists.shapes)),
    ((opportunities.view,), pipeline.questions),
    ((opportunities.view,), forecast.questions),
    ([each.facts for each in CUBES.values()], cube.questions),
    ((customer.noun.view,), explaining.questions),
    ((agenda.noun.view,), agenda.questions),
    ((catalogue.noun.view,), catalogue.questions),
    ((knowledge.noun.view,), knowledge.questions),
    ((lead.noun.view,), lead.questions),
    ((quote.noun.view,), quote.questions),
    ((shop.noun.view,), shop.questions),
    ((billing.noun.view,), billing.questions),
)
"""What can be asked besides lists, and which views must be there for it."""
