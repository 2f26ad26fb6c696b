"""The back-test: what was forecast on days of the past, held against what came, from history and not from snapshots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import repeat
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from psycopg import Connection, sql

from domain.kernel import Refused
from domain.values import EXACT
from eventstore.reader import NOW, AsOf, Reader
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.history import past
from projections.lists import Lists
from projections.periods import first_day
from projections.selling import opportunities
from projections.selling.deals import (
    EVERYTHING,
    Scope,
    StageRecord,
    added,
    currency_of,
    deals,
    looking,
    share,
    stage_records,
)
from projections.selling.forecast import ForecastSum, Terms, lines_of, must_be_periods
from projections.value.calibration import Decile, brier, by_decile, mape

MAX_LOOKS = 60
"""How many days of the past are looked back from at once."""
MAX_DAYS_BEFORE = 3_660
STEPS = {
    Granularity.DAY: relativedelta(days=1),
    Granularity.WEEK: relativedelta(weeks=1),
    Granularity.MONTH: relativedelta(months=1),
    Granularity.QUARTER: relativedelta(months=3),
    Granularity.YEAR: relativedelta(years=1),
}


class ForecastMethod(StrEnum):
    """Which forecast: what was closed and COMMIT; with BEST_CASE as well; WEIGHTED by probability, or by CALIBRATED ones."""

    COMMIT = "COMMIT"
    BEST_CASE = "BEST_CASE"
    WEIGHTED = "WEIGHTED"
    CALIBRATED = "CALIBRATED"


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """A forecast held against what came: `error` is |forecast - actual| / actual, empty if nothing came."""

    method: ForecastMethod
    forecast: Decimal
    error: Decimal | None


@dataclass(frozen=True, slots=True)
class BacktestDay:
    """What was forecast at the moment `looked_at` for the period from `period` on, whose `actual` is what was won in it.

    `opportunities` were open then, and of those `decided` are won or lost by now. `brier` is the mean of (p - y) squared over
    these, with p how probable each was then and y 1 if it was won, and `brier_calibrated` that of the calibrated probability.
    """

    period: date
    looked_at: datetime
    actual: Decimal
    scores: tuple[ForecastScore, ...]
    opportunities: int
    decided: int
    brier: float | None
    brier_calibrated: float | None


@dataclass(frozen=True, slots=True)
class MethodError:
    """The mean absolute percentage error of a method over the days, as a share; empty if nothing ever came."""

    method: ForecastMethod
    mape: float | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """How good the forecasts were, day by day and over all of them. `deciles` say what became of what was how probable.

    Sums are in `currency`; `position` is how far the log has been taken in.
    """

    currency: str | None
    time_zone: str
    days: tuple[BacktestDay, ...]
    errors: tuple[MethodError, ...]
    brier: float | None
    brier_calibrated: float | None
    deciles: tuple[Decile, ...]
    calibrated_deciles: tuple[Decile, ...]
    position: int


Said = list[tuple[Decimal | None, Decimal | None, str, int]]
"""How probable, how probable by the stage's past, what it is by now, and of how many opportunities that is so."""


def backtest(
    lists: Lists,
    now: datetime,
    start: date,
    end: date,
    granularity: Granularity = Granularity.MONTH,
    scope: Scope = EVERYTHING,
    *,
    days_before: Sequence[int] = (),
    zone: str = BUSINESS_ZONE,
    as_of: AsOf = NOW,
) -> Backtest:
    """Looks back from the beginning of each period between two days that is over, or from so many days before its end.

    What was known then is all that a forecast of then is made of, the pasts of the stages included: it is `forecast` with that
    moment. `as_of` is what is known of how it came. Sources: `projections.value.calibration`, and abs(forecast - actual) / actual
    for the error. Raises `Refused` for too many days.
    """
    must_be_periods(start, end, granularity, zone)
    if any(not 0 <= days <= MAX_DAYS_BEFORE for days in days_before):
        raise Refused(f"Look back from 0 to {MAX_DAYS_BEFORE:,} days before the end.", "days_before")
    reader = lists.log.reader
    looks = list(looks_of(start, end, granularity, days_before, zone, now))
    if len(looks) > MAX_LOOKS:
        raise Refused(f"Look back from at most {MAX_LOOKS} days at once.", "to")
    days: list[BacktestDay] = []
    said: Said = []
    with looking(lists) as (db, position):
        terms = Terms(scope, (), granularity, zone, currency_of(db, scope, as_of, reader))
        for first, last, looked_at in looks:
            then = AsOf(time=looked_at)
            records = stage_records(db, then, reader)
            was = added(ForecastSum, [line.total for line in lines_of(db, reader, terms, first, last, records, then)])
            came = added(ForecastSum, [line.total for line in lines_of(db, reader, terms, first, last, (), as_of)])
            found = outcomes(db, scope, then, as_of, reader, records)
            days.append(_day(first, looked_at, was, came.closed, found))
            said += found
    errors = [
        MethodError(method, mape((float(score.forecast), float(day.actual)) for day, score in _scores(days, method)))
        for method in ForecastMethod
    ]
    return Backtest(
        currency=terms.currency,
        time_zone=zone,
        days=tuple(days),
        errors=tuple(errors),
        brier=brier(_forecasts(said)),
        brier_calibrated=brier(_forecasts(said, True)),
        deciles=tuple(by_decile(_forecasts(said))),
        calibrated_deciles=tuple(by_decile(_forecasts(said, True))),
        position=position,
    )


def looks_of(
    start: date, end: date, granularity: Granularity, days_before: Sequence[int], zone: str, now: datetime
) -> Iterator[tuple[date, date, datetime]]:
    """The first and the last day of each period that is over, and the moments from which to look at it."""
    first, step = first_day(start, granularity), STEPS[granularity]
    while first <= end:
        after = first + step
        if datetime.combine(after, time(), ZoneInfo(zone)) > now:
            return
        for day in [after - timedelta(days=days) for days in days_before] or [first]:
            yield first, after - timedelta(days=1), datetime.combine(day, time(), ZoneInfo(zone))
        first = after


def outcomes(
    db: Connection, scope: Scope, then: AsOf, as_of: AsOf, reader: Reader, records: Sequence[StageRecord]
) -> Said:
    """How probable what was open then was said to be, and what became of it."""
    begun, parameters = deals(scope, then, reader, records=records)
    query = begun + sql.SQL(
        "select d.probability, d.calibrated, opportunities.status, count(*) "
        "  from deal d join {now} on opportunities.opportunity_id = d.opportunity_id "
        " where d.status = 'OPEN' group by 1, 2, 3"
    ).format(now=past(opportunities.view, as_of, reader))
    return db.execute(query, parameters).fetchall()


def _day(first: date, moment: datetime, was: ForecastSum, actual: Decimal, said: Said) -> BacktestDay:
    commit = EXACT.add(was.closed, was.commit)
    forecasts = (commit, EXACT.add(commit, was.best_case), was.weighted, was.calibrated)
    scores = (
        ForecastScore(method, forecast, share(abs(EXACT.subtract(forecast, actual)), actual))
        for method, forecast in zip(ForecastMethod, forecasts, strict=True)
    )
    return BacktestDay(
        period=first,
        looked_at=moment,
        actual=actual,
        scores=tuple(scores),
        opportunities=sum(many for *_, many in said),
        decided=sum(many for _, _, status, many in said if status != "OPEN"),
        brier=brier(_forecasts(said)),
        brier_calibrated=brier(_forecasts(said, True)),
    )


def _scores(days: Sequence[BacktestDay], method: ForecastMethod) -> Iterator[tuple[BacktestDay, ForecastScore]]:
    return ((day, score) for day in days for score in day.scores if score.method is method)


def _forecasts(said: Said, calibrated: bool = False) -> Iterator[tuple[float, bool]]:
    """A pair for each opportunity that is decided and was said to be somehow probable."""
    for probability, by_stage, status, many in said:
        likely = by_stage if calibrated else probability
        if status != "OPEN" and likely is not None:
            yield from repeat((float(likely), status == "WON"), many)
