"""Credit: how great a risk a customer is, and how much they may owe."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked, derived
from domain.references import CustomerId
from domain.values import Money, money, must_be_amount, must_be_within, must_know_zone, must_say

MAX_SCORE = 1000

# What can be asked.


class AssessRisk(Command):
    """Note how great a risk, from 0 (none) to 1000, a model found a customer to be; `inputs_digest` is of what it saw."""

    customer_id: CustomerId
    score: int
    model: str
    model_version: str
    inputs_digest: str | None = None
    valid_until: datetime | None = None


class SetCreditLine(Command):
    """Say how much a customer may owe in all, in place of what was said before; with no limit, nothing any more."""

    customer_id: CustomerId
    limit: Decimal | None = None
    currency: str | None = None
    rate: Decimal | None = None
    base_currency: str | None = None
    reason: Text | None = None


# What can have happened.


class RiskScoreAssessed(Event, stored_as="credit.risk-score-assessed.v1"):
    """A model found a customer to be a risk from 0 (none) to 1000; from `valid_until` on that is out of date."""

    customer_id: CustomerId
    score: int
    model: str
    model_version: str
    inputs_digest: str | None
    valid_until: datetime | None


class CreditLineSet(Event, stored_as="credit.line-set.v1"):
    """The customer may owe this much in all, or nothing any more if the limit is empty."""

    customer_id: CustomerId
    limit: Money | None
    reason: Told[str]


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class Credit:
    """The last assessment, and the credit line if there is one."""

    customer_id: UUID | None = None
    assessed: RiskScoreAssessed | None = None
    limit: Money | None = None


Asked = AssessRisk | SetCreditLine
Happened = RiskScoreAssessed | CreditLineSet


def decide(asked: Asked, credit: Credit) -> Iterator[Event]:
    match asked:
        case AssessRisk():
            must_be_within(asked.score, 0, MAX_SCORE, "score")
            must_say(asked.model, "The model", "model")
            must_say(asked.model_version, "The model version", "model_version")
            must_say(asked.inputs_digest, "The digest of the inputs", "inputs_digest")
            if asked.valid_until is not None:
                must_know_zone(asked.valid_until, "valid_until")
            assessed = as_asked(RiskScoreAssessed, asked)
            if assessed != credit.assessed:
                yield assessed
        case SetCreditLine():
            limit = limit_of(asked)
            if limit != credit.limit:
                yield as_asked(CreditLineSet, asked, limit=limit)
        case _:
            assert_never(asked)


def evolve(credit: Credit, event: Happened) -> Credit:
    match event:
        case RiskScoreAssessed(customer_id=customer_id):
            return replace(credit, customer_id=customer_id, assessed=event)
        case CreditLineSet(customer_id=customer_id, limit=limit):
            return replace(credit, customer_id=customer_id, limit=limit)
        case _:
            assert_never(event)


def limit_of(asked: SetCreditLine) -> Money | None:
    """The limit that was asked for, which is more than nothing, if there is to be one."""
    if (asked.limit is None) is not (asked.currency is None):
        raise Refused("Give the limit and its currency together, or neither to withdraw the credit line.", "limit")
    if asked.limit is None and (asked.rate, asked.base_currency) != (None, None):
        raise Refused("Without a limit there is nothing to convert: leave the rate out.", "rate")
    if asked.limit is None or asked.currency is None:
        return None
    must_be_amount(asked.limit, "limit")
    if not asked.limit:
        raise Refused("The limit must be more than zero: leave it out to withdraw the credit line.", "limit")
    return money(asked.limit, asked.currency, asked.rate, asked.base_currency)


def credit_id(customer_id: UUID) -> UUID:
    """The stream that holds what a customer is trusted with."""
    return derived("credit", customer_id)


def stream(asked: Asked) -> UUID:
    """There is one stream per customer."""
    return credit_id(asked.customer_id)


decider = Decider("credit", Asked, Happened, Credit(), decide, evolve, stream=stream)
