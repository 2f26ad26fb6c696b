"""Wins and losses, the funnel, the forecast and its back-test are what a replay by hand comes to."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from statistics import fmean, mean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from domain.opportunity import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
)
from eventstore.log import Log
from eventstore.reader import NOW, AsOf
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.selling.backtest import ForecastMethod, backtest
from projections.selling.deals import Axis, Scope, share
from projections.selling.forecast import ForecastSum, LeftOut, forecast
from projections.selling.funnel import funnel
from projections.selling.win_loss import WinLossBasis, win_loss
from tests.projections.histories_sales import (
    SCOPES,
    UNSHRUNK,
    History,
    histories_of_sales,
    lived_through,
    territories,
    two_moments,
)
from tests.projections.naive_sales import (
    ZERO,
    Deal,
    Sales,
    counts_by,
    currency_of,
    in_scope,
    probability_of,
    stage_of,
)

START, END = date(2026, 3, 1), date(2026, 11, 30)
LATER = datetime(2027, 6, 1, tzinfo=UTC)


def day_of(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(BUSINESS_ZONE)).date()


def rounded(number: Fraction | None) -> Decimal | None:
    if number is None:
        return None
    return (Decimal(number.numerator) / Decimal(number.denominator)).quantize(Decimal("1e-6"), ROUND_HALF_UP)


def within(sales: Sales, log: Log, pool: ConnectionPool, scope: Scope, moment: AsOf) -> list[Deal]:
    return list(filter(in_scope(scope, territories(log, pool, moment)), sales.at(moment)))


def days_open(deals: Iterable[Deal], status: str) -> list[Fraction]:
    return [
        max(Fraction(0), Fraction(int((deal.closed - deal.opened).total_seconds()), 86_400))
        for deal in deals
        if deal.status == status and deal.closed is not None and deal.opened is not None
    ]


def test_wins_and_losses_are_counted_by_the_day_of_closing_or_of_opening(new_database: Callable[[], str]) -> None:
    @given(history=histories_of_sales, data=st.data())
    @settings(max_examples=12, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    def check(history: History, data: st.DataObject) -> None:
        with lived_through(new_database(), history) as (log, lists, pool):
            sales = Sales(log)
            for scope in SCOPES:
                basis = data.draw(st.sampled_from(list(WinLossBasis)))
                for moment in (NOW, two_moments(data.draw, log)[0]):
                    deals = within(sales, log, pool, scope, moment)
                    currency = currency_of(sales, scope, deals)
                    chosen = [
                        deal
                        for deal in deals
                        if (day := deal.closed if basis is WinLossBasis.CLOSED else deal.opened) is not None
                        and START <= day_of(day) <= END
                    ]
                    found = win_loss(lists, scope, [Axis.OWNER], basis=basis, start=START, end=END, as_of=moment)
                    total = found.total
                    won = [deal for deal in chosen if deal.status == "WON"]
                    lost = [deal for deal in chosen if deal.status == "LOST"]
                    paid = [deal.amount for deal in won if deal.currency == currency and deal.amount is not None]
                    assert (total.won, total.lost) == (len(won), len(lost))
                    assert total.open == sum(deal.status == "OPEN" for deal in chosen)
                    assert total.win_rate == share(len(won), len(won) + len(lost))
                    assert total.won_amount == sum(paid, ZERO)
                    assert total.mean_amount == (rounded(mean(map(Fraction, paid))) if paid else None)
                    for said, middle, status in (
                        (total.mean_days_won, total.median_days_won, "WON"),
                        (total.mean_days_lost, total.median_days_lost, "LOST"),
                    ):
                        took = days_open(chosen, status)
                        assert said == (rounded(mean(took)) if took else None)
                        assert middle == (rounded(median(took)) if took else None)
                    owners = {str(deal.owner) if deal.owner else None for deal in chosen}
                    assert {group.keys[0] for group in found.groups} == owners
                    assert sum(group.total.won for group in found.groups) == total.won

    check()


LEAVES = ("OpportunityStageChanged", "OpportunityWon", "OpportunityLost")


def stays(sales: Sales, moment: AsOf, deals: list[Deal]) -> dict[tuple[str, str | None], list[Any]]:
    """By stage, every stay at it: whose, since when, what ended it, after how long, and what it came to later."""
    stages, found = sales.stages(moment), defaultdict(list)
    for deal in deals:
        steps: list[tuple[str, Deal, datetime, Fraction | None]] = []
        last: Deal | None = None
        for version in sales.versions[deal.id]:
            event, now = version.event, version.deal
            moved = isinstance(event, OpportunityStageChanged) and (last is None or last.stage != now.stage)
            if counts_by(version.at, moment) and (
                moved or isinstance(event, OpportunityOpened | OpportunityReopened | OpportunityWon | OpportunityLost)
            ):
                took = None
                if last is not None and last.since is not None:
                    took = Fraction(max(0, int((version.at.occurred_at - last.since).total_seconds())), 86_400)
                steps.append((type(event).__name__, now, version.at.occurred_at, took))
            last = now
        for n, (name, at, since, _) in enumerate(steps):
            if name in ("OpportunityWon", "OpportunityLost"):
                continue
            stage, later = stage_of(at, stages), steps[n + 1 :]
            won = any(each[0] == "OpportunityWon" for each in later)
            place = place_of(at, stages)
            advanced = won or any(
                place is not None and (reached := place_of(each[1], stages)) is not None and reached > place
                for each in later
            )
            ended = later[0] if later else None
            took = ended[3] if ended is not None and ended[0] in LEAVES else None
            name_of = at.stage or (stage.key if stage else None)
            found[at.pipeline, name_of].append((deal.id, since, ended[0] if ended else None, took, advanced, won))
    return found


def place_of(deal: Deal, stages: Any) -> int | None:
    stage = stage_of(deal, stages)
    return None if stage is None else stages[deal.pipeline, deal.version].index(stage)


def test_the_funnel_follows_everybody_from_stage_to_stage(new_database: Callable[[], str]) -> None:
    @given(history=histories_of_sales, data=st.data())
    @settings(max_examples=12, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    def check(history: History, data: st.DataObject) -> None:
        with lived_through(new_database(), history) as (log, lists, pool):
            sales = Sales(log)
            for scope in SCOPES:
                for moment in (NOW, two_moments(data.draw, log)[0]):
                    deals = within(sales, log, pool, scope, moment)
                    wanted = {}
                    for key, each in stays(sales, moment, deals).items():
                        chosen = [stay for stay in each if START <= day_of(stay[1]) <= END]
                        took = [stay[3] for stay in chosen if stay[3] is not None]
                        if chosen:
                            wanted[key] = (
                                len({stay[0] for stay in chosen}),
                                len({stay[0] for stay in chosen if stay[4]}),
                                len({stay[0] for stay in chosen if stay[5]}),
                                len({stay[0] for stay in chosen if stay[2] == "OpportunityLost"}),
                                len({stay[0] for stay in chosen if stay[2] is None}),
                                rounded(mean(took)) if took else None,
                                rounded(median(took)) if took else None,
                            )
                    found = funnel(lists, scope, start=START, end=END, as_of=moment)
                    assert {
                        (s.pipeline, s.stage): (
                            s.entered, s.advanced, s.won, s.lost, s.waiting, s.mean_days, s.median_days,
                        )
                        for s in found.stages
                    } == wanted  # fmt: skip

    check()


def expected(deals: list[Deal], stages: Any, currency: str | None, start: date, end: date) -> dict[date, ForecastSum]:
    """The forecast by month, by hand; without records, a calibrated probability is that of the stage."""
    sums: dict[date, dict[str, Any]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for deal in deals:
        won = deal.status == "WON"
        day = day_of(deal.closed) if won and deal.closed else deal.close_on if deal.status == "OPEN" else None
        if day is None or not start <= day <= end or deal.currency != currency:
            continue
        line, amount = sums[day.replace(day=1)], deal.amount or ZERO
        line["closed" if won else deal.category.lower()] += amount
        line["won" if won else "open"] += 1
        if won:
            line["weighted"] += amount
        elif deal.category != "OMITTED":
            line["weighted"] += amount * (probability_of(deal, stages) or ZERO)
    names = ("closed", "commit", "best_case", "pipeline", "omitted", "weighted", "weighted", "won", "open")
    return {period: ForecastSum(*(line[name] for name in names)) for period, line in sums.items()}


def test_the_forecast_of_any_day_and_its_errors_are_those_by_hand(new_database: Callable[[], str]) -> None:
    @given(history=histories_of_sales, data=st.data())
    @settings(max_examples=12, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    def check(history: History, data: st.DataObject) -> None:
        with lived_through(new_database(), history) as (log, lists, pool):
            sales = Sales(log)
            for scope in SCOPES:
                for moment in (NOW, two_moments(data.draw, log)[0]):
                    deals = within(sales, log, pool, scope, moment)
                    currency, stages = currency_of(sales, scope, deals), sales.stages(moment)
                    found = forecast(lists, START, END, scope=scope, as_of=moment)
                    by_month = {line.period: line.total for line in found.lines}
                    assert by_month == expected(deals, stages, currency, START, END)
                    assert found.total.weighted == sum((total.weighted for total in by_month.values()), ZERO)
                    still = [deal for deal in deals if deal.status == "OPEN" and deal.currency == currency]
                    late = [
                        deal.amount or ZERO for deal in still if deal.close_on is not None and deal.close_on < START
                    ]
                    undated = [deal.amount or ZERO for deal in still if deal.close_on is None]
                    assert found.left_out == LeftOut(len(late), sum(late, ZERO), len(undated), sum(undated, ZERO))
                before = data.draw(st.integers(0, 40))
                looked = backtest(lists, LATER, START, END, Granularity.QUARTER, scope, days_before=[before])
                hold_to_account(sales, log, pool, scope, looked, before)

    check()


def hold_to_account(sales: Sales, log: Log, pool: ConnectionPool, scope: Scope, looked: Any, before: int) -> None:
    """The days of a back-test, each against the forecast of then and what is known now."""
    now = within(sales, log, pool, scope, NOW)
    currency = currency_of(sales, scope, now)
    became = {deal.id: deal.status for deal in sales.at(NOW)}
    pairs: list[tuple[float, bool]] = []
    assert [day.period for day in looked.days] == [date(2026, n, 1) for n in (1, 4, 7, 10)]
    for day in looked.days:
        end = date(day.period.year + day.period.month // 10, (day.period.month + 2) % 12 + 1, 1)
        then = datetime.combine(end - timedelta(days=before), datetime.min.time(), ZoneInfo(BUSINESS_ZONE))
        assert day.looked_at == then
        moment, last = AsOf(time=then), end - timedelta(days=1)
        deals, stages = within(sales, log, pool, scope, moment), sales.stages(moment)
        was = list(expected(deals, stages, currency, day.period, last).values())
        assert day.actual == sum((s.closed for s in expected(now, {}, currency, day.period, last).values()), ZERO)
        commit = sum((s.closed + s.commit for s in was), ZERO)
        wanted = {
            ForecastMethod.COMMIT: commit,
            ForecastMethod.BEST_CASE: commit + sum((s.best_case for s in was), ZERO),
            ForecastMethod.WEIGHTED: sum((s.weighted for s in was), ZERO),
            ForecastMethod.CALIBRATED: sum((s.weighted for s in was), ZERO),
        }
        assert {score.method: score.forecast for score in day.scores} == wanted
        for score in day.scores:
            assert score.error == share(abs(score.forecast - day.actual), day.actual)
        still = [deal for deal in deals if deal.status == "OPEN" and deal.id in became]
        decided = [deal for deal in still if became[deal.id] != "OPEN"]
        assert (day.opportunities, day.decided) == (len(still), len(decided))
        said = [
            (float(probability), became[deal.id] == "WON")
            for deal in decided
            if (probability := probability_of(deal, stages)) is not None
        ]
        assert day.brier == (pytest.approx(fmean((p - y) ** 2 for p, y in said)) if said else None)
        pairs += said
    assert looked.brier == (pytest.approx(fmean((p - y) ** 2 for p, y in pairs)) if pairs else None)
    assert sum(decile.count for decile in looked.deciles) == len(pairs)
    for decile in looked.deciles:
        inside = [(p, y) for p, y in pairs if decile.from_ - 1e-9 <= p and (p < decile.to - 1e-9 or decile.to == 1)]
        assert (decile.count, decile.came) == (len(inside), pytest.approx(fmean(y for _, y in inside)))
    for error in looked.errors:
        scored = [
            (score.forecast, day.actual) for day in looked.days for score in day.scores if score.method == error.method
        ]
        shares = [abs(f - a) / a for f, a in scored if a]
        assert error.mape == (pytest.approx(float(sum(shares) / len(shares))) if shares else None)
