"""The KPIs of the pipeline, against a naive evaluation of the same events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from uuid import UUID

import pytest

from domain.activity import (
    ActivityCancelled,
    ActivityCompleted,
    ActivityRescheduled,
    ActivityScheduled,
)
from domain.deal import OpportunityCloseDateMoved, OpportunityProbabilityOverridden
from domain.opportunity import (
    OpportunityAmountRevised,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
)
from domain.pipeline import DEFAULT
from eventstore.envelope import Happened
from projections import VIEWS
from projections.buckets import Granularity
from projections.engine import Engine
from projections.figures.counting import KpiDimension, KpiScope
from projections.figures.kpis import kpi
from projections.lists import Lists
from projections.periods import CalendarPeriod
from tests.conftest import House
from tests.importers.conftest import Import, load  # noqa: F401  # a fixture
from tests.projections.kpis.story import Company, Naive, Quotient, differences, known, within
from tests.projections.kpis.story_pipeline import STAFF

Events = Sequence[Happened]
PROBABLE = {stage.key: stage.probability for stage in DEFAULT.stages}
CRM = Path(__file__).parents[4] / "shared/data/crm_sales_opportunities"
DEAL_EVENTS = (
    OpportunityOpened, OpportunityStageChanged, OpportunityAmountRevised, OpportunityCloseDateMoved,
    OpportunityProbabilityOverridden, OpportunityWon, OpportunityLost, OpportunityReopened,
)  # fmt: skip


def opened_at(events: Events) -> dict[UUID, datetime]:
    return {each.at.stream_id: each.at.occurred_at for each in events if isinstance(each.event, OpportunityOpened)}


def win_rate(events: Events, period: CalendarPeriod) -> Quotient:
    won = len(within(events, period, OpportunityWon))
    return won, won + len(within(events, period, OpportunityLost))


def by_opening(events: Events, period: CalendarPeriod) -> Quotient:
    ended: dict[UUID, bool] = {}
    for each in sorted(events, key=lambda each: each.at.position):
        if isinstance(each.event, OpportunityWon | OpportunityLost):
            ended[each.at.stream_id] = isinstance(each.event, OpportunityWon)
        elif isinstance(each.event, OpportunityReopened):
            ended.pop(each.at.stream_id, None)
    found = [
        ended[each.at.stream_id] for each in within(events, period, OpportunityOpened) if each.at.stream_id in ended
    ]
    return sum(found), len(found)


def days(events: Events, period: CalendarPeriod) -> list[Decimal]:
    since = opened_at(events)
    return [
        round(Decimal(str((each.at.occurred_at - since[each.at.stream_id]).total_seconds())) / 86_400, 6)
        for each in within(events, period, OpportunityWon)
    ]


def cycle(events: Events, period: CalendarPeriod) -> Quotient:
    found = days(events, period)
    return sum(found, Decimal(0)), len(found)


@dataclass(frozen=True)
class Deal:
    """An opportunity as it was at some moment."""

    amount: Decimal
    stage: str | None
    said: Decimal | None
    overridden: Decimal | None
    close_on: date | None
    open: bool = True

    @property
    def probability(self) -> Decimal:
        said = self.said if self.overridden is None else self.overridden
        return PROBABLE[self.stage or "PROSPECTING"] if said is None else said


def deals(events: Events, until: datetime, *, as_known: bool) -> dict[UUID, Deal]:
    """What was open at a moment, by what had happened or by what was known; a stream's time never runs backwards."""
    found: dict[UUID, Deal] = {}
    last: dict[UUID, datetime] = {}
    for event, at in sorted(events, key=lambda each: each.at.position):
        if not isinstance(event, DEAL_EVENTS):
            continue
        moment = max(known(at) if as_known else at.occurred_at, last.get(at.stream_id, at.occurred_at))
        last[at.stream_id] = moment
        if moment > until:
            continue
        deal = found.get(at.stream_id)
        if isinstance(event, OpportunityOpened):
            amount = event.amount.base if event.amount else Decimal(0)
            found[at.stream_id] = Deal(amount, event.stage, event.probability, None, event.close_on)
            continue
        assert deal is not None
        match event:
            case OpportunityStageChanged():
                deal = replace(deal, stage=event.stage, said=event.probability, overridden=None)
            case OpportunityAmountRevised():
                deal = replace(deal, amount=event.amount.base)
            case OpportunityCloseDateMoved():
                deal = replace(deal, close_on=event.close_on)
            case OpportunityProbabilityOverridden():
                deal = replace(deal, overridden=event.probability)
            case OpportunityReopened():
                deal = replace(deal, open=True)
            case _:
                deal = replace(deal, open=False)
        found[at.stream_id] = deal
    return {key: deal for key, deal in found.items() if deal.open}


def forecast_error(as_known: bool) -> Naive:
    def naive(events: Events, period: CalendarPeriod) -> Quotient:
        forecast = sum(
            (
                deal.amount * deal.probability
                for deal in deals(events, period.starts_at, as_known=as_known).values()
                if deal.close_on and period.starts_on <= deal.close_on <= period.ends_on
            ),
            Decimal(0),
        )
        actual = sum((amount for _, amount in won(events, period)), Decimal(0))
        return abs(forecast - actual), actual

    return naive


def won(events: Events, period: CalendarPeriod) -> Iterator[tuple[Happened, Decimal]]:
    """What was won, and for how much: the amount that was said then, or before."""
    amounts: dict[UUID, Decimal] = {}
    now = {each.at.position for each in within(events, period, OpportunityWon)}
    for each in sorted(events, key=lambda each: each.at.position):
        event = each.event
        if isinstance(event, OpportunityOpened | OpportunityAmountRevised):
            amounts[each.at.stream_id] = event.amount.base if event.amount else Decimal(0)
        elif isinstance(event, OpportunityWon):
            if event.amount is not None:
                amounts[each.at.stream_id] = event.amount.base
            if each.at.position in now:
                yield each, amounts[each.at.stream_id]


def judged(events: Events, period: CalendarPeriod, as_known: bool) -> list[tuple[Decimal, int]]:
    """How probable each was that was open at the start and decided in the period, and whether it was won."""
    ended = {
        each.at.stream_id: int(isinstance(each.event, OpportunityWon))
        for each in sorted(within(events, period, OpportunityWon, OpportunityLost), key=lambda each: each.at.position)
    }
    held = deals(events, period.starts_at, as_known=as_known)
    return [(deal.probability, ended[key]) for key, deal in held.items() if key in ended]


def brier(as_known: bool) -> Naive:
    def naive(events: Events, period: CalendarPeriod) -> Quotient:
        found = judged(events, period, as_known)
        return sum(((p - y) ** 2 for p, y in found), Decimal(0)), len(found)

    return naive


def calibration(as_known: bool) -> Naive:
    def naive(events: Events, period: CalendarPeriod) -> Quotient:
        found, deciles = judged(events, period, as_known), defaultdict(list)
        for p, y in found:
            deciles[min(int(p * 10), 9)].append((p, y))
        off = [abs(sum(p for p, _ in each) - sum(y for _, y in each)) for each in deciles.values()]
        return sum(off, Decimal(0)), len(found)

    return naive


def plans(events: Events, period: CalendarPeriod) -> Quotient:
    when: dict[UUID, datetime] = {}
    what: dict[UUID, str] = {}
    for event, at in sorted(events, key=lambda each: each.at.position):
        match event:
            case ActivityScheduled() | ActivityRescheduled():
                moment = event.starts_at or event.due_at
                assert moment is not None
                when[at.stream_id], what[at.stream_id] = moment, "PLANNED"
            case ActivityCompleted():
                what[at.stream_id] = "COMPLETED"
            case ActivityCancelled():
                what[at.stream_id] = "CANCELLED"
            case _:
                pass
    due = [what[key] for key, moment in when.items() if period.starts_at <= moment < period.ends_at]
    return due.count("COMPLETED"), len(due) - due.count("CANCELLED")


NAIVE: dict[str, tuple[Naive, Naive]] = {
    "win_rate": (win_rate, win_rate),
    "sales_cycle_days": (cycle, cycle),
    "forecast_error": (forecast_error(False), forecast_error(True)),
    "brier": (brier(False), brier(True)),
    "calibration": (calibration(False), calibration(True)),
    "activity_vs_plan": (plans, plans),
}


@pytest.mark.parametrize("key", NAIVE)
def test_a_figure_is_what_the_events_say(company: Company, key: str) -> None:
    for granularity in (Granularity.WEEK, Granularity.MONTH, Granularity.YEAR):
        assert differences(company, company.series(key, granularity), *NAIVE[key]) == []


def test_the_win_rate_may_be_told_by_the_day_of_opening(company: Company) -> None:
    on_trial = company.series("win_rate", measure="win_rate.v2")
    assert differences(company, on_trial, by_opening, as_reported=win_rate) == []
    assert (on_trial.definition.version, on_trial.points[0].reported.definition.version) == (0, 1)


def test_a_cycle_is_told_by_its_median_too(company: Company) -> None:
    for point in company.series("sales_cycle_days").points:
        found = days(company.events, CalendarPeriod(point.starts_on, point.ends_on, point.starts_at, point.ends_at))
        assert float(point.restated.value or 0) == pytest.approx(float(median(found)) if found else 0)


def test_it_is_narrowed_down_to_who_made_it(company: Company) -> None:
    eva = KpiScope(dimension=KpiDimension.REP, value=str(STAFF[1]))
    hers = {
        each.at.stream_id
        for each in company.events
        if isinstance(each.event, OpportunityOpened) and each.event.staff_id == STAFF[1]
    }
    only = [each for each in company.events if each.at.stream_id in hers]
    for key, (now, then) in NAIVE.items():
        if key != "activity_vs_plan":
            series = company.series(key, scope=[eva])
            assert differences(replace(company, events=only), series, now, then) == []


@pytest.mark.skipif(not CRM.exists(), reason="The shared data is not there.")
def test_of_a_real_company_the_win_rate_and_the_cycle_are_what_is_known(house: House, load: Import) -> None:  # noqa: F811
    load("crm", CRM)
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    lists = Lists(house.log, house.pool)
    year = (date(2016, 1, 1), date(2018, 12, 31), Granularity.YEAR)
    rate = kpi(lists, "win_rate", *year).total.restated
    assert (rate.numerator, rate.denominator, round(rate.value or 0, 2)) == (4_238, 6_711, Decimal("63.15"))
    cycle = kpi(lists, "sales_cycle_days", *year).total.restated
    assert cycle.denominator == 4_238
    assert round(cycle.numerator / cycle.denominator, 1) == Decimal("51.8")
