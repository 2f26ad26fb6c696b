"""The forecast in GraphQL: what is expected, as it stood on any day, and how good such forecasts were."""

from datetime import UTC, date, datetime
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info
from api.schema.filters import list_of, text_of
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.pipeline import VIEWS, group_by_argument, scope_argument, scope_of
from api.schema.shapes import REQUIRED, Argument, answered, sentence_of
from api.schema.views import Lists
from eventstore.reader import NOW
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.selling.backtest import Backtest, backtest
from projections.selling.deals import Axis
from projections.selling.forecast import Forecast, Quota, forecast


def questions(lists: Lists) -> list[StrawberryField]:
    """`forecast` and `forecastBacktest`."""
    shapes, within = lists.shapes, lists.types
    scope, group_by = scope_argument(lists), group_by_argument(lists)
    periods = (
        Argument("from_", date, "From the period of this day on.", REQUIRED),
        Argument("to", date, "Up to this day, which is included.", REQUIRED),
        Argument("period", shapes.enum(Granularity), "How long a period is.", Granularity.MONTH),
        Argument("time_zone", str, "Whose days these are.", BUSINESS_ZONE),
    )
    quotas = Argument("quotas", list_of(shapes.input_of(Quota, "QuotaInput")), "What should be won.")
    before = Argument(
        "days_before", list_of(int), "So many days before the end of a period; at its beginning, if empty."
    )
    return [
        answered(
            "forecast",
            shapes.output_of(Forecast),
            sentence_of(Forecast),
            _forecast,
            (*periods, group_by, scope, quotas, AS_OF, AT_LEAST),
            within=within,
        ),
        answered(
            "forecast_backtest",
            shapes.output_of(Backtest),
            sentence_of(Backtest),
            _backtest,
            (*periods, before, scope, AS_OF, AT_LEAST),
            within=within,
        ),
    ]


async def _forecast(
    root: None,
    info: Info,
    *,
    from_: date,
    to: date,
    period: Granularity,
    time_zone: str,
    group_by: list[Axis] | None = None,
    filter: Any = None,
    quotas: list[Any] | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Forecast:
    context, moment = info.context, moment_of(as_of)
    await reached(context, VIEWS, at_least if moment == NOW else None)
    wanted = [
        Quota(each.period, each.amount, text_of(each.key, "quotas") if isinstance(each.key, str) else None)
        for each in quotas or ()
    ]
    lists, axes, scope = context.house.lists, group_by or (), scope_of(filter)
    return await context.ask(
        forecast, lists, from_, to, period, axes, scope, quotas=wanted, zone=time_zone, as_of=moment
    )


async def _backtest(
    root: None,
    info: Info,
    *,
    from_: date,
    to: date,
    period: Granularity,
    time_zone: str,
    days_before: list[int] | None = None,
    filter: Any = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Backtest:
    context, moment = info.context, moment_of(as_of)
    await reached(context, VIEWS, at_least if moment == NOW else None)
    lists, scope, before = context.house.lists, scope_of(filter), tuple(days_before or ())
    return await context.ask(
        backtest, lists, datetime.now(UTC), from_, to, period, scope, days_before=before, zone=time_zone, as_of=moment
    )
