"""Planning: what is to come by a series of numbers or by the sales, and how many agents the calls will take."""

from dataclasses import dataclass
from math import inf

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.looks import LOOK, look_of
from api.schema.moments import AsOf
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from projections.service import erlang
from projections.service.erlang import Staffing
from projections.value import sales_forecast, smoothing
from projections.value.sales_forecast import Grain, SalesForecast
from projections.value.smoothing import Expected, Smoothed


@dataclass(frozen=True, slots=True)
class SeriesForecast:
    """The model that was chosen for a series, and the values that it expects next."""

    name: str
    model: Smoothed
    expected: list[Expected]


def questions(lists: Lists) -> list[StrawberryField]:
    """`seriesForecast`, `salesForecast` and `staffing`."""
    shapes, within = lists.shapes, lists.types
    confidence = Argument("confidence", float, "How probable it is to be between the bounds.", 0.8)
    series = (
        Argument(
            "series", list[float], f"The values, the first one first; {smoothing.MIN_VALUES} to {smoothing.MAX_VALUES}."
        ),
        Argument("season", int, "How many values come round again: 12 for months, 7 for days; 1 if none do.", 1),
        Argument("horizon", int, f"How many to forecast, at most {smoothing.MAX_HORIZON}.", 12),
        confidence,
    )
    periods = (
        Argument("grain", shapes.enum(Grain), "How long a period is.", Grain.MONTH),
        Argument("horizon", int, f"How many to forecast, at most {smoothing.MAX_HORIZON}.", 12),
        confidence,
        *LOOK,
    )
    calls = (
        Argument("calls", float, "How many calls come in the interval."),
        Argument(
            "aht_s", float, "How long one keeps an agent on average, in seconds, with what is to be done afterwards."
        ),
        Argument("interval_s", float, "How long the interval is, in seconds.", 1800.0),
        Argument("service_level", float, "The share of calls to be answered in time.", 0.8),
        Argument("within_s", float, "Within how many seconds they are.", 20.0),
        Argument("max_occupancy", float, "The share of their time for which agents may be busy.", 1.0),
        Argument("max_asa_s", float | None, "The longest average speed of answer, in seconds."),
        Argument("shrinkage", float, "The share of paid time in which agents are not there to answer.", 0.0),
        Argument("agents", int | None, "What so many make of it, instead of how many it takes."),
    )
    return [
        answered(
            "series_forecast",
            shapes.output_of(SeriesForecast),
            "What comes next, by exponential smoothing with additive errors: trend and season as they explain most.",
            _series,
            series,
            within=within,
        ),
        answered(
            "sales_forecast",
            shapes.output_of(SalesForecast),
            sentence_of(SalesForecast),
            _sales,
            periods,
            within=within,
        ),
        answered(
            "staffing",
            shapes.output_of(Staffing),
            "How many agents it takes to answer calls in time, by Erlang C, or what so many make of them.",
            _staffing,
            calls,
            within=within,
        ),
    ]


async def _series(
    root: None, info: Info, *, series: list[float], season: int, horizon: int, confidence: float
) -> SeriesForecast:
    def answer() -> SeriesForecast:
        model = smoothing.best(series, season=season)
        return SeriesForecast(model.name, model, smoothing.forecast(model, horizon, confidence=confidence))

    return await info.context.ask(answer)


async def _sales(
    root: None,
    info: Info,
    *,
    grain: Grain,
    horizon: int,
    confidence: float,
    time_zone: str,
    currency: str | None = None,
    as_of: AsOf | None = None,
) -> SalesForecast:
    look = await look_of(info.context, as_of, time_zone, currency)
    return await info.context.ask(
        sales_forecast.sales_forecast,
        info.context.house.lists,
        look,
        grain=grain,
        horizon=horizon,
        confidence=confidence,
    )


async def _staffing(
    root: None,
    info: Info,
    *,
    calls: float,
    aht_s: float,
    interval_s: float,
    service_level: float,
    within_s: float,
    max_occupancy: float,
    shrinkage: float,
    max_asa_s: float | None = None,
    agents: int | None = None,
) -> Staffing:
    if agents is not None:
        return erlang.staffing(agents, calls, interval_s, aht_s, within_s=within_s, shrinkage=shrinkage)
    return erlang.needed(
        calls,
        interval_s,
        aht_s,
        service_level=service_level,
        within_s=within_s,
        max_occupancy=max_occupancy,
        max_asa_s=inf if max_asa_s is None else max_asa_s,
        shrinkage=shrinkage,
    )
