"""Control: costs and what they are shared out to, profitability, the cost of winning customers, and objectives."""

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.filters import text_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, instant_of, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import one
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.staff import staff_of
from api.schema.views import Lists
from domain.values import must_be_zone
from eventstore.reader import NOW
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.company import allocations, costs, objectives, territories
from projections.company.acquisition import AcquisitionCost, acquisition_costs
from projections.company.cost_shares import ProfitBy
from projections.company.objective_measures import measuring
from projections.company.objective_status import ObjectiveStanding, standings
from projections.company.profitability import MAX_LINES, Profitability, profitability
from projections.marketing import campaigns
from projections.selecting import Order
from projections.selling import orders


def _cost_fields(lists: Lists) -> list[StrawberryField]:
    return [
        *one(lists, "campaign", campaigns.view, "campaign_id", "For which campaign."),
        *staff_of(lists, words="For whom."),
        *one(lists, "territory", territories.view, "territory_id", "For which territory."),
    ]


cost = Noun(costs.view, "Cost", order=(Order("period_from", True),), fields=_cost_fields)
entry = Noun(costs.costs, "CostEntry", order=(Order("position", True),), fields=_cost_fields)
rule = Noun(allocations.view, "AllocationRule", order=(Order("code"),))
objective = Noun(
    objectives.view,
    "Objective",
    order=(Order("ends_on", True),),
    fields=lambda lists: staff_of(lists, name="owner", words="Who answers for it."),
)

FROM = Argument("from_", date, "The first day.")
TO = Argument("to", date, "The last day.")
TIME_ZONE = Argument("time_zone", str, "Whose days they are, by its IANA name.", BUSINESS_ZONE)
CURRENCY = Argument("currency", str | None, "In which base currency; needed only if the books are in several.")


def questions(lists: Lists) -> list[StrawberryField]:
    """`profitability(by, from, to, first, ...)`, `acquisitionCost(from, to, grain, ...)` and `objectiveStatus(on, ...)`."""
    shapes, within = lists.shapes, lists.types
    return [
        answered(
            "profitability",
            shapes.output_of(Profitability),
            sentence_of(Profitability),
            _profitability,
            (
                Argument("by", shapes.enum(ProfitBy) | None, "Told apart by what; left out, as one."),
                FROM,
                TO,
                Argument("first", int, f"How many lines, at most {MAX_LINES}.", 100),
                TIME_ZONE,
                CURRENCY,
                AS_OF,
                AT_LEAST,
            ),
            within=within,
        ),
        answered(
            "acquisition_cost",
            shapes.output(tuple[AcquisitionCost, ...]),
            sentence_of(AcquisitionCost),
            _acquisition,
            (
                FROM,
                TO,
                Argument("grain", shapes.enum(Granularity) | None, "How long a period is; left out, all of it is one."),
                TIME_ZONE,
                CURRENCY,
                AS_OF,
                AT_LEAST,
            ),
            within=within,
        ),
        answered(
            "objective_status",
            shapes.output(tuple[ObjectiveStanding, ...]),
            f"{sentence_of(ObjectiveStanding)} Those that end first come first.",
            _standings,
            (Argument("on", date | None, "On this day, instead of today."), TIME_ZONE, AS_OF, AT_LEAST),
            within=within,
        ),
    ]


async def _profitability(
    root: None,
    info: Info,
    *,
    from_: date,
    to: date,
    first: int,
    time_zone: str,
    by: ProfitBy | None = None,
    currency: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Profitability:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [orders.view, costs.view], at_least)
    ask = partial(profitability, first=first, zone=time_zone, currency=_code(currency), as_of=moment)
    return await context.ask(ask, context.house.lists, by, from_, to)


async def _acquisition(
    root: None,
    info: Info,
    *,
    from_: date,
    to: date,
    time_zone: str,
    grain: Granularity | None = None,
    currency: str | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[AcquisitionCost]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [orders.view, costs.view], at_least)
    ask = partial(acquisition_costs, zone=time_zone, currency=_code(currency), as_of=moment)
    return await context.ask(ask, context.house.lists, from_, to, grain)


async def _standings(
    root: None,
    info: Info,
    *,
    time_zone: str,
    on: date | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> list[ObjectiveStanding]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, [objectives.view], at_least)
    must_be_zone(time_zone, "timeZone")
    day = on or (await instant_of(context, moment)).astimezone(ZoneInfo(time_zone)).date()
    lists = context.house.lists
    return await context.ask(partial(standings, as_of=moment), lists, measuring(lists, moment, time_zone), day)


def _code(currency: str | None) -> str | None:
    return None if currency is None else text_of(currency, "currency")
