"""Costs: what the company spent to win and to serve its customers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, Text, Told, as_asked
from domain.references import CampaignId, StaffId, TerritoryId
from domain.values import Money, money, must_be_amount, must_say

CostId = Annotated[UUID, Ref("cost")]


class CostCategory(StrEnum):
    """What money was spent on."""

    SALARY = "SALARY"
    MEDIA = "MEDIA"
    CREATIVE = "CREATIVE"
    PRINT = "PRINT"
    POSTAGE = "POSTAGE"
    TELEPHONY = "TELEPHONY"
    VENUE = "VENUE"
    AGENCY = "AGENCY"
    COMMISSION = "COMMISSION"
    TOOL = "TOOL"
    EVENT = "EVENT"
    SUPPORT = "SUPPORT"
    OTHER = "OTHER"


# What can be asked.


class RecordCost(Command):
    """Note a cost of a period, both days included; `allocation` is the key of the rule by which it is shared out.

    `rate` and `base_currency` say what one unit of its currency is worth in the company's books. Recorded again with
    another amount it is corrected, and zero takes it back; `note` may say why."""

    cost_id: CostId
    category: CostCategory
    amount: Decimal
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    period_from: date
    period_to: date
    allocation: str | None = None
    campaign_id: CampaignId | None = None
    staff_id: StaffId | None = None
    territory_id: TerritoryId | None = None
    note: Text | None = None


# What can have happened.


class CostRecorded(Event, stored_as="cost.recorded.v1"):
    """Money was spent in a period; told again of the same cost, this amount stands in place of the one before."""

    category: CostCategory
    amount: Money
    period_from: date
    period_to: date
    allocation: str | None
    campaign_id: CampaignId | None
    staff_id: StaffId | None
    territory_id: TerritoryId | None
    note: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Cost:
    """What was recorded last, without its note."""

    recorded: CostRecorded | None = None


Asked = RecordCost
Happened = CostRecorded


def decide(asked: Asked, cost: Cost) -> Iterator[Event]:
    must_be_amount(asked.amount, "amount")
    must_say(asked.allocation, "The allocation", "allocation")
    if asked.period_to < asked.period_from:
        raise Refused("The period must not end before it starts.", "period_to")
    recorded = as_asked(
        CostRecorded, asked, amount=money(asked.amount, asked.currency, asked.rate, asked.base_currency)
    )
    known, unworded = cost.recorded, replace(recorded, note=None)
    if known is not None and known != replace(unworded, amount=known.amount):
        raise Refused("This cost is already recorded. Correct it to zero and record another one instead.")
    if known != unworded:
        yield recorded


def evolve(cost: Cost, event: Happened) -> Cost:
    return Cost(replace(event, note=None))


decider = Decider("cost", Asked, Happened, Cost(), decide, evolve)
