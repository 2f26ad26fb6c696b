"""The KPIs of the pipeline: how much is won, how long it takes, how good forecasts are, and whether plans are kept."""

from collections.abc import Sequence
from decimal import Decimal

from psycopg import sql

from domain.kpi import KpiDirection
from projections.figures.counting import ZERO, Look, Part, Tallied, Timing
from projections.figures.kpi_sources import CLOSED, DEALS, PLANS
from projections.figures.measures import Measure, Quotient, Worked
from projections.selling.pipelines import known_stages

HIGHER, LOWER = KpiDirection.HIGHER_IS_BETTER, KpiDirection.LOWER_IS_BETTER
DAY_S = 86_400
DECILES = 10

LAST = "(replaced_at is null or replaced_at > {known})"
WON = Part("won", CLOSED, where="kind = 'WON'")
DECIDED = Part("decided", CLOSED, where="kind <> 'REOPENED'")
CYCLE_DAYS = Part("days", CLOSED, f"round(lasted_s / {DAY_S}, 6)", "kind = 'WON'")
ACTUAL = Part("actual", CLOSED, "coalesce(amount_after, 0)", "kind = 'WON'", money=True)
FORESEEN = Part(
    "foreseen", DEALS, "coalesce(base_amount, 0)",
    "status = 'OPEN' and valid_from <= %(start)s and (valid_to is null or valid_to > %(start)s)",
    timing=Timing.AT_END, at="valid_from", money=True,
)  # fmt: skip
"""What was open when the period began."""

_DEALS = """
    with stage as materialized ({stages}),
    period as (
      select * from unnest(%(starts)s::timestamptz[], %(ends_of)s::timestamptz[], %(numbers)s::int[])
        as p (starts_at, ends_at, nth)),
    looked as (select false as as_reported union all select true),
    deal as materialized (
      select p.nth, l.as_reported, p.starts_at, p.ends_at, d.opportunity_id, d.close_on, coalesce(d.base_amount, 0) as amount,
             coalesce(d.overridden, d.probability, s.probability, 0) as p
        from period p cross join looked l
        join lateral (select * from {rows} where {narrowed}) d on case when l.as_reported
               then d.known_from <= p.starts_at and (d.known_to is null or d.known_to > p.starts_at)
               else d.valid_from <= p.starts_at and (d.valid_to is null or d.valid_to > p.starts_at) end
        left join stage s on s.pipeline = d.pipeline and s.version = d.pipeline_version
         and (s.stage = d.stage or (d.stage is null and s.place = 1))
       where d.status = 'OPEN' {in_currency}),
    outcome as (
      select d.*, (select c.kind = 'WON' from {closed}
                    where c.owner_id = d.opportunity_id and c.kind <> 'REOPENED'
                      and c.occurred_at >= d.starts_at and c.occurred_at < d.ends_at
                      and (not d.as_reported or c.known_at <= d.ends_at)
                    order by c.position desc limit 1) as won
        from deal d)
"""


def _foreseen(look: Look, query: str, *, money: bool) -> Tallied:
    """What a query finds of `deal` or of `outcome`: the opportunities that were open when a period began.

    As it is known now, that is by what was so then; as it was reported, by what was known then.
    """
    periods = [*look.periods, look.whole]
    closed = sql.SQL("(select deal.* from {}) as c").format(look.rows(CLOSED))
    composed = sql.SQL(_DEALS + query).format(
        stages=known_stages(look.as_of, look.reader),
        rows=look.rows(DEALS),
        narrowed=look.narrowed(DEALS),
        closed=closed,
        in_currency=sql.SQL("and d.base_currency = %(currency)s" if money else ""),
    )
    found = Tallied.of(ZERO, len(look.periods))
    for nth, as_reported, amount in look.ask(
        composed,
        starts=[period.starts_at for period in periods],
        ends_of=[period.ends_at for period in periods],
        numbers=list(range(len(periods))),
    ):
        (found.reported if as_reported else found.restated)[nth] = ZERO if amount is None else Decimal(amount)
    return found


def _forecast(look: Look) -> Tallied:
    """What was to be expected of each period when it began: the amounts that were to close in it x their probability."""
    return _foreseen(
        look,
        "select nth, as_reported, sum(amount * p) from deal"
        " where close_on >= (starts_at at time zone %(zone)s)::date and close_on < (ends_at at time zone %(zone)s)::date"
        " group by 1, 2",
        money=True,
    )


def _squares(look: Look) -> Tallied:
    return _foreseen(
        look,
        "select nth, as_reported, sum((p - won::int) * (p - won::int)) from outcome where won is not null group by 1, 2",
        money=False,
    )


def _decided(look: Look) -> Tallied:
    return _foreseen(
        look, "select nth, as_reported, count(*) from outcome where won is not null group by 1, 2", money=False
    )


def _deviations(look: Look) -> Tallied:
    return _foreseen(
        look,
        "select nth, as_reported, sum(off) from ("
        f"  select nth, as_reported, abs(sum(p) - sum(won::int)) as off from outcome where won is not null"
        f"   group by nth, as_reported, least(floor(p * {DECILES}), {DECILES - 1})) d group by 1, 2",
        money=False,
    )


def _error(amounts: Sequence[Decimal]) -> Quotient:
    forecast, actual = amounts
    return abs(forecast - actual), actual


MEASURES = (
    Measure(
        "win_rate",
        {"en": "Win rate", "es": "Tasa de éxito"},
        "Opportunities won ÷ opportunities won or lost, by the day on which that happened, in %.",
        "%", HIGHER, "S0", (WON, DECIDED),
    ),
    Measure(
        "win_rate",
        {"en": "Win rate by the day of opening", "es": "Tasa de éxito por fecha de apertura"},
        "Opportunities won ÷ opportunities won or lost by now, of those that were opened in the period, in %.",
        "%", HIGHER, "S0",
        (
            Part("won", CLOSED, where=f"kind = 'WON' and {LAST}", at="opened_at"),
            Part("decided", CLOSED, where=f"kind <> 'REOPENED' and {LAST}", at="opened_at"),
        ),
        version=2,
    ),
    Measure(
        "sales_cycle_days",
        {"en": "Sales cycle", "es": "Ciclo de venta"},
        "The median of the days from the opening of an opportunity until it was won, by the day on which it was.",
        "days", LOWER, "S0 S3",
        (CYCLE_DAYS, WON), spread=CYCLE_DAYS.median("cycle"), by_median=True,
    ),
    Measure(
        "forecast_error",
        {"en": "Forecast error", "es": "Error de previsión"},
        "| forecast − actual | ÷ actual, in %: the forecast is the sum of amount × probability of what was open when the"
        " period began and was to close in it, actual is what was won in it.",
        "%", LOWER, "S1; APE in Hyndman & Athanasopoulos, Forecasting, 3rd ed., 5.8",
        (Worked("forecast", _forecast, FORESEEN), ACTUAL),
        combined=_error,
    ),
    Measure(
        "brier",
        {"en": "Brier score", "es": "Puntuación de Brier"},
        "The mean of (p − y)² over the opportunities that were open when the period began and were decided in it: p is how"
        " probable each was then, y is 1 if it was won.",
        "score", LOWER, "S1; Brier 1950",
        (Worked("squares", _squares, FORESEEN), Worked("decided", _decided, FORESEEN)),
    ),
    Measure(
        "calibration",
        {"en": "Calibration error", "es": "Error de calibración"},
        "The mean over the same opportunities of how far, in each tenth of p, the mean of p is from the share that was won.",
        "score", LOWER, "S1; expected calibration error, Naeini, Cooper & Hauskrecht 2015",
        (Worked("deviations", _deviations, FORESEEN), Worked("decided", _decided, FORESEEN)),
    ),
    Measure(
        "activity_vs_plan",
        {"en": "Activities done as planned", "es": "Actividades realizadas sobre plan"},
        "Activities that were to be in the period and were completed ÷ those that were to be in it and were not called off,"
        " in %.",
        "%", HIGHER, "S2",
        (
            Part("completed", PLANS, where="status = 'COMPLETED' and (known_to is null or known_to > {known})"),
            Part("planned", PLANS, where="status <> 'CANCELLED' and (known_to is null or known_to > {known})"),
        ),
    ),
)  # fmt: skip
