"""Opportunities: sales that may come about, and whether they did."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from domain import deal
from domain.kernel import Command, Decider, Event, Refused, Text, Told, as_asked
from domain.lead import MAX_RULE_VERSION, AssignmentCandidate, must_be_chosen
from domain.references import CampaignId, CustomerId, LeadId, OpportunityId, OrderId, StaffId
from domain.values import Money, money, must_be_amount, must_be_share, must_be_within, must_say

# What can be asked.


class OpenOpportunity(Command):
    """Begin to work on a sale; without a stage it is at the first, without a probability it has that of its stage."""

    opportunity_id: OpportunityId
    customer_id: CustomerId | None = None
    name: str | None = None
    pipeline: str = "default"
    pipeline_version: int = 1
    stage: str | None = None
    probability: Decimal | None = None
    amount: Decimal | None = None
    currency: str = "EUR"
    rate: Decimal | None = None
    base_currency: str | None = None
    close_on: date | None = None
    staff_id: StaffId | None = None
    source: str | None = None
    lead_id: LeadId | None = None
    campaign_id: CampaignId | None = None
    product: str | None = None


class IdentifyOpportunityCustomer(Command):
    """Say whose opportunity it is, if that was not known."""

    opportunity_id: OpportunityId
    customer_id: CustomerId


class AssignOpportunity(Command):
    """Give an opportunity to somebody; `rule` and its version say what chose them, if no person did."""

    opportunity_id: OpportunityId
    staff_id: StaffId
    rule: str | None = None
    rule_version: int | None = None
    candidates: tuple[AssignmentCandidate, ...] = ()


class ChangeOpportunityStage(Command):
    """Move an opportunity to another stage that is open, in the same version of its pipeline or in another one."""

    opportunity_id: OpportunityId
    stage: str
    probability: Decimal | None = None
    pipeline_version: int | None = None


class ReviseOpportunityAmount(Command):
    """Say what the sale would be worth; without a currency in that of before, and always with the same base currency."""

    opportunity_id: OpportunityId
    amount: Decimal
    currency: str | None = None
    rate: Decimal | None = None
    base_currency: str | None = None


class WinOpportunity(Command):
    """Say that the sale was made; `amount` is what it came to, if that is not what was expected."""

    opportunity_id: OpportunityId
    order_id: OrderId | None = None
    amount: Decimal | None = None


class LoseOpportunity(Command):
    """Say that there will be no sale; `reason` is a code such as PRICE, and `competitor` who made it instead."""

    opportunity_id: OpportunityId
    reason: str
    competitor: str | None = None
    note: Text | None = None


class ReopenOpportunity(Command):
    """Work again on what was won or lost, at a stage or at the one where it stood."""

    opportunity_id: OpportunityId
    stage: str | None = None
    reason: Text | None = None


# What can have happened.


class OpportunityOpened(Event, stored_as="opportunity.opened.v1"):
    """A sale became possible; `stage` empty is the first, and `product` a sku; the currency holds for what follows."""

    customer_id: CustomerId | None
    name: Told[str]
    pipeline: str
    pipeline_version: int
    stage: str | None
    probability: Decimal | None
    amount: Money | None
    currency: str
    rate: Decimal | None
    base_currency: str | None
    close_on: date | None
    staff_id: StaffId | None
    source: str | None
    lead_id: LeadId | None
    campaign_id: CampaignId | None
    product: str | None


class OpportunityCustomerIdentified(Event, stored_as="opportunity.customer-identified.v1"):
    """It became known whose opportunity it is."""

    customer_id: CustomerId


class OpportunityAssigned(Event, stored_as="opportunity.assigned.v1"):
    """Somebody of the company has to make the sale; `previous` had to before."""

    staff_id: StaffId
    previous: StaffId | None
    rule: str | None
    rule_version: int | None
    candidates: tuple[AssignmentCandidate, ...]


class OpportunityStageChanged(Event, stored_as="opportunity.stage-changed.v1"):
    """The opportunity moved between stages; an overridden probability ended with that."""

    previous: str | None
    stage: str
    probability: Decimal | None
    pipeline_version: int


class OpportunityAmountRevised(Event, stored_as="opportunity.amount-revised.v1"):
    """The sale would be worth another amount."""

    amount: Money
    previous: Money | None


class OpportunityWon(Event, stored_as="opportunity.won.v1"):
    """The sale was made, for this amount if one is known."""

    amount: Money | None
    order_id: OrderId | None


class OpportunityLost(Event, stored_as="opportunity.lost.v1"):
    """There will be no sale; `reason` is a code."""

    reason: str
    competitor: str | None
    note: Told[str]


class OpportunityReopened(Event, stored_as="opportunity.reopened.v1"):
    """The opportunity is worked on again, at this stage."""

    stage: str | None
    reason: Told[str]


# What must be remembered in order to decide.

Closed = OpportunityWon | OpportunityLost


@dataclass(frozen=True, slots=True)
class Opportunity:
    """`terms` is nothing, in the currency and at the rate that hold; `closed` is how it ended, if it did."""

    opened: OpportunityOpened | None = None
    customer_id: UUID | None = None
    terms: Money | None = None
    amount: Money | None = None
    pipeline_version: int = 1
    stage: str | None = None
    probability: Decimal | None = None
    staff_id: UUID | None = None
    said: deal.Deal = deal.NOTHING
    closed: Closed | None = None


Asked = (
    OpenOpportunity
    | IdentifyOpportunityCustomer
    | AssignOpportunity
    | ChangeOpportunityStage
    | ReviseOpportunityAmount
    | WinOpportunity
    | LoseOpportunity
    | ReopenOpportunity
    | deal.Asked
)
Happened = (
    OpportunityOpened
    | OpportunityCustomerIdentified
    | OpportunityAssigned
    | OpportunityStageChanged
    | OpportunityAmountRevised
    | OpportunityWon
    | OpportunityLost
    | OpportunityReopened
    | deal.Happened
)


def decide(asked: Asked, known: Opportunity) -> Iterator[Event]:
    match asked:
        case OpenOpportunity():
            opened = opening(asked)
            if known.opened is None:
                yield opened
            elif opened != known.opened:
                raise Refused("This opportunity is already open. Change what is different instead.")
        case _ if known.opened is None or known.terms is None:
            raise Refused("This opportunity is not open yet.", "opportunity_id")
        case IdentifyOpportunityCustomer(customer_id=customer_id):
            if known.customer_id is None:
                yield OpportunityCustomerIdentified(customer_id=customer_id)
            elif known.customer_id != customer_id:
                raise Refused("This opportunity is another customer's already.", "customer_id")
        case deal.AddStakeholder() | deal.NoteCompetitor():
            yield from deal.decide(asked, known.said, known.terms)
        case ReopenOpportunity(stage=stage):
            must_say(asked.reason, "The reason", "reason")
            must_stay_open(stage)
            stage = known.stage if stage is None else stage
            if known.closed is not None:
                yield as_asked(OpportunityReopened, asked, stage=stage)
            elif stage != known.stage:
                raise Refused("This opportunity is open. Change its stage instead.", "stage")
        case WinOpportunity(amount=amount):
            must_be_amount(amount, "amount")
            won = as_asked(OpportunityWon, asked, amount=known.amount if amount is None else known.terms.like(amount))
            if known.closed is None:
                yield won
            elif not is_that(known.closed, won):
                raise over(known.closed)
        case LoseOpportunity():
            must_say(asked.reason, "The reason", "reason")
            must_say(asked.competitor, "The competitor", "competitor")
            must_say(asked.note, "The note", "note")
            lost = as_asked(OpportunityLost, asked)
            if known.closed is None:
                yield lost
            elif not is_that(known.closed, lost):
                raise over(known.closed)
        case _ if known.closed is not None:
            raise over(known.closed)
        case AssignOpportunity(staff_id=staff_id):
            must_be_chosen(staff_id, asked.rule, asked.rule_version, asked.candidates)
            if staff_id != known.staff_id:
                yield as_asked(OpportunityAssigned, asked, previous=known.staff_id)
        case ChangeOpportunityStage(stage=stage, probability=probability, pipeline_version=version):
            must_be_share(probability, "probability")
            must_be_within(version, 1, MAX_RULE_VERSION, "pipeline_version")
            must_say(stage, "The stage", "stage")
            must_stay_open(stage)
            version = version or known.pipeline_version
            if (stage, version) != (known.stage, known.pipeline_version):
                yield as_asked(OpportunityStageChanged, asked, previous=known.stage, pipeline_version=version)
            elif probability not in (None, known.probability):
                raise Refused("It is at this stage already. Override the probability instead.", "probability")
        case ReviseOpportunityAmount():
            must_be_amount(asked.amount, "amount")
            revised = worth(asked, known.terms)
            if revised != known.amount:
                yield OpportunityAmountRevised(amount=revised, previous=known.amount)
        case _:
            yield from deal.decide(asked, known.said, known.terms)


def evolve(known: Opportunity, event: Happened) -> Opportunity:
    match event:
        case OpportunityOpened():
            return Opportunity(
                opened=event,
                customer_id=event.customer_id,
                terms=terms_of(event),
                amount=event.amount,
                pipeline_version=event.pipeline_version,
                stage=event.stage,
                probability=event.probability,
                staff_id=event.staff_id,
                said=deal.Deal(close_on=event.close_on),
            )
        case OpportunityCustomerIdentified():
            return replace(known, customer_id=event.customer_id)
        case OpportunityAssigned():
            return replace(known, staff_id=event.staff_id)
        case OpportunityStageChanged():
            return at_stage(known, event.stage, event.probability, event.pipeline_version)
        case OpportunityAmountRevised(amount=amount):
            return replace(known, amount=amount, terms=amount.zero())
        case OpportunityWon():
            return replace(known, amount=event.amount, closed=event)
        case OpportunityLost():
            return replace(known, closed=event)
        case OpportunityReopened(stage=stage):
            at = known if stage == known.stage else at_stage(known, stage, None, known.pipeline_version)
            return replace(at, closed=None)
        case _:
            return replace(known, said=deal.evolve(known.said, event))


def opening(asked: OpenOpportunity) -> OpportunityOpened:
    """What an opportunity begins with. Refused if that makes no sense."""
    for name in ("name", "pipeline", "stage", "source", "product"):
        must_say(getattr(asked, name), f"The {name}", name)
    must_stay_open(asked.stage)
    must_be_within(asked.pipeline_version, 1, MAX_RULE_VERSION, "pipeline_version")
    must_be_share(asked.probability, "probability")
    must_be_amount(asked.amount, "amount")
    nothing = money(Decimal(0), asked.currency, asked.rate, asked.base_currency)
    return as_asked(OpportunityOpened, asked, amount=None if asked.amount is None else nothing.like(asked.amount))


def at_stage(known: Opportunity, stage: str | None, probability: Decimal | None, version: int) -> Opportunity:
    """The opportunity at another stage; a probability that was said of the one before does not hold there."""
    said = replace(known.said, overridden=None)
    return replace(known, stage=stage, probability=probability, pipeline_version=version, said=said)


def terms_of(opened: OpportunityOpened) -> Money:
    """Nothing, in the currency and at the rate of the opening."""
    return Money(
        amount=Decimal(0),
        currency=opened.currency,
        base=Decimal(0),
        base_currency=opened.base_currency or opened.currency,
        rate=opened.rate or Decimal(1),
    )


def worth(asked: ReviseOpportunityAmount, terms: Money) -> Money:
    """The amount that was said, by the terms of before if no others are said. Refused if bases would be mixed."""
    same = asked.currency in (None, terms.currency) and asked.base_currency in (None, terms.base_currency)
    if same and asked.rate is None:
        return terms.like(asked.amount)
    revised = money(asked.amount, asked.currency or terms.currency, asked.rate, asked.base_currency)
    if revised.base_currency != terms.base_currency:
        raise Refused(f"This opportunity is reckoned in {terms.base_currency}: give the rate to it.", "base_currency")
    return revised


def must_stay_open(stage: str | None) -> None:
    """Refused if a sale would be closed by its stage, without saying what came of it."""
    must_say(stage, "The stage", "stage")
    if stage is not None and stage.upper() in ("WON", "LOST"):
        raise Refused(f"{'Win' if stage.upper() == 'WON' else 'Lose'} the opportunity instead.", "stage")


def is_that(closed: Closed, said: Closed) -> bool:
    """Whether what is said now is how the opportunity ended; an order or a competitor that is not named may be any."""
    if isinstance(closed, OpportunityWon) and isinstance(said, OpportunityWon):
        return closed.amount == said.amount and said.order_id in (None, closed.order_id)
    if isinstance(closed, OpportunityLost) and isinstance(said, OpportunityLost):
        return closed.reason == said.reason and said.competitor in (None, closed.competitor)
    return False


def over(closed: Closed) -> Refused:
    """Why nothing more can be done with what is closed."""
    return Refused(f"This opportunity is {'won' if isinstance(closed, OpportunityWon) else 'lost'}. Reopen it first.")


decider = Decider("opportunity", Asked, Happened, Opportunity(), decide, evolve, disclose=True)
