"""What is said about an opportunity on the way: when, how surely, what, with and against whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Event, Refused, Text, Told, as_asked
from domain.references import CustomerId, OpportunityId
from domain.values import (
    EXACT,
    MAX_QUANTITY,
    Money,
    empty,
    must_be_amount,
    must_be_share,
    must_be_within,
    must_know_zone,
    must_say,
)

MAX_OPPORTUNITY_LINES = 200
MAX_STAKEHOLDERS = 100
MAX_COMPETITORS = 50


class ForecastCategory(StrEnum):
    """How surely an opportunity is counted on; OMITTED is not counted at all."""

    PIPELINE = "PIPELINE"
    BEST_CASE = "BEST_CASE"
    COMMIT = "COMMIT"
    OMITTED = "OMITTED"


# What can be asked.


class MoveCloseDate(Command):
    """Say when the sale is expected now."""

    opportunity_id: OpportunityId
    close_on: date
    reason: Text | None = None


class OverrideProbability(Command):
    """Say how probable the sale is, from 0 to 1, whatever its stage says; empty goes back to the stage's."""

    opportunity_id: OpportunityId
    probability: Decimal | None = None
    reason: Text | None = None


class SetForecastCategory(Command):
    """Say how surely the opportunity is to be counted on."""

    opportunity_id: OpportunityId
    category: ForecastCategory


class AddOpportunityLine(Command):
    """Name goods that the sale is about, at a price in the opportunity's currency; `line_id` tells lines apart."""

    opportunity_id: OpportunityId
    line_id: str
    sku: str
    quantity: int
    unit_price: Decimal


class RemoveOpportunityLine(Command):
    """Take a line away."""

    opportunity_id: OpportunityId
    line_id: str


class AddStakeholder(Command):
    """Say what part somebody plays: a code such as DECISION_MAKER, in place of the one before; empty is none any more."""

    opportunity_id: OpportunityId
    stakeholder_id: CustomerId
    role: str | None = None


class NoteCompetitor(Command):
    """Note which other company wants to make the sale."""

    opportunity_id: OpportunityId
    competitor: str


class SetNextStep(Command):
    """Say what is to be done next, and by when."""

    opportunity_id: OpportunityId
    text: Text
    due_at: datetime | None = None


# What can have happened.


class OpportunityCloseDateMoved(Event, stored_as="opportunity.close-date-moved.v1"):
    """The sale is expected on another day."""

    previous: date | None
    close_on: date
    reason: Told[str]


class OpportunityProbabilityOverridden(Event, stored_as="opportunity.probability-overridden.v1"):
    """Somebody found the sale this probable, whatever its stage says; empty is as probable as the stage says."""

    probability: Decimal | None
    reason: Told[str]


class ForecastCategorySet(Event, stored_as="opportunity.forecast-category-set.v1"):
    """The opportunity is counted on this surely."""

    category: ForecastCategory


class OpportunityLineAdded(Event, stored_as="opportunity.line-added.v1"):
    """The sale would include these goods; `value` is the exact product of quantity and price."""

    line_id: str
    sku: str
    quantity: int
    unit_price: Decimal
    value: Money


class OpportunityLineRemoved(Event, stored_as="opportunity.line-removed.v1"):
    """The sale would not include these goods any more."""

    line_id: str


class StakeholderAdded(Event, stored_as="opportunity.stakeholder-added.v1"):
    """Somebody plays this part in the sale; without a role, none any more."""

    stakeholder_id: CustomerId
    role: str | None


class CompetitorNoted(Event, stored_as="opportunity.competitor-noted.v1"):
    """Another company wants to make the sale."""

    competitor: str


class NextStepSet(Event, stored_as="opportunity.next-step-set.v1"):
    """It was said what is to be done next."""

    text: Told[str]
    due_at: datetime | None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Deal:
    """A line that was removed is None, and so is the role of who plays no part any more."""

    close_on: date | None = None
    overridden: Decimal | None = None
    category: ForecastCategory | None = None
    next_step: NextStepSet | None = None
    lines: Mapping[str, OpportunityLineAdded | None] = field(default_factory=empty)
    stakeholders: Mapping[UUID, str | None] = field(default_factory=empty)
    competitors: frozenset[str] = frozenset()


NOTHING = Deal()


Asked = (
    MoveCloseDate
    | OverrideProbability
    | SetForecastCategory
    | AddOpportunityLine
    | RemoveOpportunityLine
    | AddStakeholder
    | NoteCompetitor
    | SetNextStep
)
Happened = (
    OpportunityCloseDateMoved
    | OpportunityProbabilityOverridden
    | ForecastCategorySet
    | OpportunityLineAdded
    | OpportunityLineRemoved
    | StakeholderAdded
    | CompetitorNoted
    | NextStepSet
)


def decide(asked: Asked, deal: Deal, terms: Money) -> Iterator[Event]:
    """What happens to a deal whose lines are priced by these terms."""
    match asked:
        case MoveCloseDate(close_on=close_on):
            must_say(asked.reason, "The reason", "reason")
            if close_on != deal.close_on:
                yield as_asked(OpportunityCloseDateMoved, asked, previous=deal.close_on)
        case OverrideProbability(probability=probability):
            must_be_share(probability, "probability")
            must_say(asked.reason, "The reason", "reason")
            if probability != deal.overridden:
                yield as_asked(OpportunityProbabilityOverridden, asked)
        case SetForecastCategory(category=category):
            if category is not deal.category:
                yield as_asked(ForecastCategorySet, asked)
        case AddOpportunityLine():
            yield from add_line(asked, deal.lines, terms)
        case RemoveOpportunityLine(line_id=line_id):
            if line_id not in deal.lines:
                raise Refused("There was never such a line.", "line_id")
            if deal.lines[line_id] is not None:
                yield as_asked(OpportunityLineRemoved, asked)
        case SetNextStep(due_at=due_at):
            must_say(asked.text, "The next step", "text")
            if due_at is not None:
                must_know_zone(due_at, "due_at")
            step = as_asked(NextStepSet, asked)
            if step != deal.next_step:
                yield step
        case AddStakeholder(stakeholder_id=stakeholder_id, role=role):
            must_say(role, "The role", "role")
            if role is None and stakeholder_id not in deal.stakeholders:
                raise Refused("This was never a stakeholder. Give the role.", "role")
            if len(deal.stakeholders) >= MAX_STAKEHOLDERS and stakeholder_id not in deal.stakeholders:
                raise Refused(f"An opportunity has at most {MAX_STAKEHOLDERS} stakeholders.")
            if deal.stakeholders.get(stakeholder_id) != role:
                yield as_asked(StakeholderAdded, asked)
        case NoteCompetitor(competitor=competitor):
            must_say(competitor, "The competitor", "competitor")
            if competitor not in deal.competitors:
                if len(deal.competitors) >= MAX_COMPETITORS:
                    raise Refused(f"At most {MAX_COMPETITORS} competitors of an opportunity are kept.")
                yield as_asked(CompetitorNoted, asked)
        case _:
            assert_never(asked)


def evolve(deal: Deal, event: Happened) -> Deal:
    match event:
        case OpportunityCloseDateMoved():
            return replace(deal, close_on=event.close_on)
        case OpportunityProbabilityOverridden():
            return replace(deal, overridden=event.probability)
        case ForecastCategorySet():
            return replace(deal, category=event.category)
        case OpportunityLineAdded(line_id=line_id):
            return replace(deal, lines={**deal.lines, line_id: event})
        case OpportunityLineRemoved(line_id=line_id):
            return replace(deal, lines={**deal.lines, line_id: None})
        case StakeholderAdded(stakeholder_id=stakeholder_id, role=role):
            return replace(deal, stakeholders={**deal.stakeholders, stakeholder_id: role})
        case CompetitorNoted():
            return replace(deal, competitors=deal.competitors | {event.competitor})
        case NextStepSet():
            return replace(deal, next_step=event)
        case _:
            assert_never(event)


def add_line(
    asked: AddOpportunityLine, lines: Mapping[str, OpportunityLineAdded | None], terms: Money
) -> Iterator[OpportunityLineAdded]:
    """The line, if it is new. Refused if it makes no sense, or if it is there already with something else."""
    must_say(asked.line_id, "The line", "line_id")
    must_say(asked.sku, "The sku", "sku")
    must_be_within(asked.quantity, 1, MAX_QUANTITY, "quantity")
    must_be_amount(asked.unit_price, "unit_price")
    there = lines.get(asked.line_id)
    if there is None:
        if len(lines) >= MAX_OPPORTUNITY_LINES and asked.line_id not in lines:
            raise Refused(f"An opportunity has at most {MAX_OPPORTUNITY_LINES} lines.")
        value = terms.like(EXACT.multiply(asked.unit_price, asked.quantity))
        yield as_asked(OpportunityLineAdded, asked, value=value)
    elif (there.sku, there.quantity, there.unit_price) != (asked.sku, asked.quantity, asked.unit_price):
        raise Refused("This line is already there with something else. Remove it first.", "line_id")
