"""Opportunities evaluated by hand: their states replayed from the events one by one, without any view."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

from domain import opportunity
from domain.deal import (
    ForecastCategorySet,
    OpportunityCloseDateMoved,
    OpportunityLineAdded,
    OpportunityLineRemoved,
    OpportunityProbabilityOverridden,
)
from domain.opportunity import (
    OpportunityAmountRevised,
    OpportunityAssigned,
    OpportunityCustomerIdentified,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
)
from domain.pipeline import DEFAULT, PipelineDefined
from eventstore.envelope import Happened, Recorded
from eventstore.log import Log
from eventstore.reader import NOW, AsOf
from projections.facts import known_at
from projections.selling.deals import Scope

ZERO = Decimal(0)
FOR_EVER = date(9999, 12, 31)


@dataclass
class Deal:
    """How an opportunity stands after an event."""

    id: UUID
    customer: UUID | None = None
    pipeline: str = ""
    version: int = 0
    stage: str | None = None
    since: datetime | None = None
    said: Decimal | None = None
    overridden: Decimal | None = None
    amount: Decimal | None = None
    currency: str = ""
    close_on: date | None = None
    owner: UUID | None = None
    product: str | None = None
    source: str | None = None
    lines: dict[str, str] = field(default_factory=dict)
    category: str = "PIPELINE"
    status: str = "UNKNOWN"
    opened: datetime | None = None
    closed: datetime | None = None
    passed: list[str | None] = field(default_factory=list)

    def happen(self, event: Any, at: Recorded) -> None:
        match event:
            case OpportunityOpened():
                self.customer, self.pipeline, self.version = at.customer_id, event.pipeline, event.pipeline_version
                self.said, self.close_on, self.owner = event.probability, event.close_on, event.staff_id
                self.product, self.source, self.status = event.product, event.source, "OPEN"
                self.currency, self.opened = event.base_currency or event.currency, at.occurred_at
                self.amount = event.amount.base if event.amount else None
                self.passed.clear()
                self.enter(event.stage, at)
            case OpportunityCustomerIdentified():
                self.customer = at.customer_id
            case OpportunityAssigned():
                self.owner = event.staff_id
            case OpportunityStageChanged():
                self.version, self.said, self.overridden = event.pipeline_version, event.probability, None
                if event.stage != self.stage:
                    self.enter(event.stage, at)
            case OpportunityAmountRevised():
                self.amount, self.currency = event.amount.base, event.amount.base_currency
            case OpportunityCloseDateMoved():
                self.close_on = event.close_on
            case OpportunityProbabilityOverridden():
                self.overridden = event.probability
            case ForecastCategorySet():
                self.category = str(event.category)
            case OpportunityLineAdded():
                self.lines[event.line_id] = event.sku
            case OpportunityLineRemoved():
                self.lines.pop(event.line_id, None)
            case OpportunityWon():
                self.status, self.closed = "WON", at.occurred_at
                self.amount = event.amount.base if event.amount else None
                self.currency = event.amount.base_currency if event.amount else self.currency
            case OpportunityLost():
                self.status, self.closed = "LOST", at.occurred_at
            case OpportunityReopened():
                self.status, self.closed, self.since = "OPEN", None, at.occurred_at
                if event.stage != self.stage:
                    self.said = self.overridden = None
                    self.enter(event.stage, at)

    def enter(self, stage: str | None, at: Recorded) -> None:
        self.stage, self.since = stage, at.occurred_at
        self.passed.append(stage)


@dataclass
class Version:
    """What an event made of an opportunity, and when that counts from: in the log, by what was known, and by what was so."""

    position: int
    known: datetime
    valid: datetime
    event: Any
    at: Recorded
    deal: Deal

    def is_by(self, moment: AsOf) -> bool:
        return (
            (moment.position is None or self.position <= moment.position)
            and (moment.time is None or self.known <= moment.time)
            and (moment.valid_at is None or self.valid <= moment.valid_at)
        )


class Sales:
    """Everything that the log says of opportunities and of what stands around them."""

    def __init__(self, log: Log) -> None:
        types = log.codec.names([*get_args(opportunity.Happened), PipelineDefined])
        self.events: list[Happened] = [each for page in log.reader.fold(types=types) for each in page]
        self.versions: dict[UUID, list[Version]] = {}
        for event, at in self.events:
            if not at.type.startswith("opportunity."):
                continue
            past = self.versions.setdefault(at.stream_id, [])
            deal = deepcopy(past[-1].deal) if past else Deal(at.stream_id)
            deal.happen(event, at)
            known, valid = known_at(at), at.occurred_at
            if past:
                known, valid = max(known, past[-1].known), max(valid, past[-1].valid)
            past.append(Version(at.position, known, valid, event, at, deal))

    def at(self, moment: AsOf) -> list[Deal]:
        """The opportunities as of a moment."""
        found = []
        for versions in self.versions.values():
            known = [version for version in versions if version.is_by(moment)]
            if known:
                found.append(known[-1].deal)
        return found

    def stages(self, moment: AsOf) -> dict[tuple[str, int], list[Any]]:
        """The stages of each version of a pipeline that was known then."""
        defined: dict[tuple[str, int], list[Any]] = {(DEFAULT.key, 1): list(DEFAULT.stages)}
        for event, _ in self.counting(moment):
            if isinstance(event, PipelineDefined):
                defined[event.key, event.version] = list(event.stages)
        return defined

    def counting(self, moment: AsOf) -> Iterator[Happened]:
        """The events that count as of a moment, each by itself."""
        return (Happened(event, at) for event, at in self.events if counts_by(at, moment))


def counts_by(at: Recorded, moment: AsOf) -> bool:
    """Whether an event counts as of a moment, by itself."""
    return (
        (moment.position is None or at.position <= moment.position)
        and (moment.time is None or known_at(at) <= moment.time)
        and (moment.valid_at is None or at.occurred_at <= moment.valid_at)
    )


def stage_of(deal: Deal, stages: dict[tuple[str, int], list[Any]]) -> Any | None:
    """The stage at which an opportunity is, as its version of the pipeline has it."""
    known = stages.get((deal.pipeline, deal.version), [])
    return next(
        (each for n, each in enumerate(known) if each.key == deal.stage or (deal.stage is None and not n)), None
    )


def probability_of(deal: Deal, stages: dict[tuple[str, int], list[Any]]) -> Decimal | None:
    """How probable it is: as somebody said against the stage, or when it came there, or as the stage says."""
    if deal.overridden is not None:
        return deal.overridden
    if deal.said is not None:
        return deal.said
    stage = stage_of(deal, stages)
    return None if stage is None else stage.probability


def in_scope(scope: Scope, territories: dict[UUID, str | None], *, dated: bool = True) -> Callable[[Deal], bool]:
    """Whether an opportunity is within a scope; with `dated` its close date, too."""

    def holds(deal: Deal) -> bool:
        territory = territories.get(deal.customer) if deal.customer is not None else None
        goods = {deal.product, *deal.lines.values()}
        return (
            scope.pipeline in (None, deal.pipeline)
            and (not scope.staff_ids or deal.owner in scope.staff_ids)
            and (not scope.territories or territory in scope.territories)
            and (not scope.products or bool(goods & set(scope.products)))
            and (not scope.sources or deal.source in scope.sources)
            and scope.customer_id in (None, deal.customer)
            and (not dated or scope.close_from is None or (deal.close_on or date.min) >= scope.close_from)
            and (not dated or scope.close_to is None or (deal.close_on or FOR_EVER) <= scope.close_to)
        )

    return holds


def currency_of(sales: Sales, scope: Scope, deals: list[Deal]) -> str | None:
    """The one that is asked for, or the only one that there is, or that of most of these."""
    known = {deal.currency for deal in sales.at(NOW)} - {""}
    if scope.currency is not None or len(known) == 1:
        return scope.currency or min(known)
    counts = {currency: sum(deal.currency == currency for deal in deals) for currency in known}
    return min((c for c in counts if counts[c]), key=lambda each: (-counts[each], each), default=None)
