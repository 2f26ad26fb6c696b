"""The value of customers: RFM, Pareto, cohorts, who is about to leave, and what the rest will be worth."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.looks import LOOK, look_from, look_of
from api.schema.moments import AsOf
from api.schema.shapes import Argument, answered, sentence_of
from api.schema.views import Lists
from projections.value import buying_backtest, churn, cohorts, customer_value, lifetime, pareto, rfm, spending
from projections.value.buying_backtest import BuyingBacktest
from projections.value.churn import Churn, ChurnStatus, QuietCustomer
from projections.value.cohorts import Cohorts
from projections.value.customer_value import CustomerValue
from projections.value.lifetime import BuyingReport, LifetimeValue
from projections.value.pareto import Pareto
from projections.value.rfm import Rfm

Find = Callable[[Info, UUID], Awaitable[Shown[Any] | None]]
"""How a customer is found by id."""


def questions(lists: Lists, find: Find) -> list[StrawberryField]:
    """`rfm`, `pareto`, `cohorts`, `churn`, `buyingModel` and `buyingBacktest`."""
    shapes, within = lists.shapes, lists.types

    async def customer(root: QuietCustomer, info: Info) -> Shown[Any] | None:
        return await find(info, root.customer_id)

    shapes.output_of(QuietCustomer, answered("customer", "Customer | None", "Who it is.", customer, within=within))
    percentage = (
        Argument("top", Decimal | None, "The top so many percent of the customers; 20 if nothing is asked for."),
        Argument("best", int | None, "Or the best so many."),
        Argument("share", Decimal | None, "Or how few make so many percent of the revenue."),
        Argument("steps", int, f"Into how many steps the curve is parted, at most {pareto.MAX_STEPS}.", 20),
    )
    between = (
        Argument(
            "from_",
            date | None,
            f"Whose first order was in the month of this day or later; else {cohorts.MAX_COHORTS} months.",
        ),
        Argument("to", date | None, "And in the month of this day or before; else up to now."),
    )
    which = (
        Argument("status", shapes.enum(ChurnStatus), "Of whom the first are listed.", ChurnStatus.AT_RISK),
        Argument("first", int, "How many, at most 100.", 20),
    )
    return [
        answered("rfm", shapes.output_of(Rfm), sentence_of(Rfm), _rfm, LOOK, within=within),
        answered("pareto", shapes.output_of(Pareto), sentence_of(Pareto), _pareto, (*percentage, *LOOK), within=within),
        answered(
            "cohorts", shapes.output_of(Cohorts), sentence_of(Cohorts), _cohorts, (*between, *LOOK), within=within
        ),
        answered("churn", shapes.output_of(Churn), sentence_of(Churn), _churn, (*which, *LOOK), within=within),
        answered(
            "buying_model", shapes.output_of(BuyingReport), sentence_of(BuyingReport), _buying, LOOK, within=within
        ),
        answered(
            "buying_backtest",
            shapes.output_of(BuyingBacktest),
            sentence_of(BuyingBacktest),
            _backtest,
            (Argument("from_", datetime, "The moment on whose day the model is fitted."), *LOOK),
            within=within,
        ),
    ]


def of_customer(lists: Lists) -> list[StrawberryField]:
    """`Customer.customerValue` and `Customer.lifetimeValue(months, annualRate)`, each asked for all customers at once."""
    shapes, within = lists.shapes, lists.types
    horizon = (
        Argument("months", int, f"Of how many months to come, at most {spending.MAX_MONTHS}.", lifetime.MONTHS),
        Argument("annual_rate", float, "At which rate a year they are discounted.", lifetime.ANNUAL_RATE),
    )
    value, worth = shapes.output_of(CustomerValue), shapes.output_of(LifetimeValue)
    return [
        answered("customer_value", value | None, sentence_of(CustomerValue), _value, within=within),
        answered("lifetime_value", worth | None, sentence_of(LifetimeValue), _lifetime, horizon, within=within),
    ]


async def _rfm(
    root: None, info: Info, *, time_zone: str, currency: str | None = None, as_of: AsOf | None = None
) -> Rfm:
    look = await look_of(info.context, as_of, time_zone, currency)
    return await info.context.ask(rfm.rfm, info.context.house.lists, look)


async def _pareto(
    root: None,
    info: Info,
    *,
    steps: int,
    time_zone: str,
    top: Decimal | None = None,
    best: int | None = None,
    share: Decimal | None = None,
    currency: str | None = None,
    as_of: AsOf | None = None,
) -> Pareto:
    look = await look_of(info.context, as_of, time_zone, currency)
    if (top, best, share) == (None, None, None):
        top = pareto.USUAL
    return await info.context.ask(
        pareto.pareto, info.context.house.lists, look, top=top, best=best, share=share, steps=steps
    )


async def _cohorts(
    root: None,
    info: Info,
    *,
    time_zone: str,
    from_: date | None = None,
    to: date | None = None,
    currency: str | None = None,
    as_of: AsOf | None = None,
) -> Cohorts:
    look = await look_of(info.context, as_of, time_zone, currency)
    return await info.context.ask(cohorts.cohorts, info.context.house.lists, look, first=from_, last=to)


async def _churn(
    root: None,
    info: Info,
    *,
    status: ChurnStatus,
    first: int,
    time_zone: str,
    currency: str | None = None,
    as_of: AsOf | None = None,
) -> Churn:
    look = await look_of(info.context, as_of, time_zone, currency)
    return await info.context.ask(churn.churn, info.context.house.lists, look, status=status, first=first)


async def _buying(
    root: None, info: Info, *, time_zone: str, currency: str | None = None, as_of: AsOf | None = None
) -> BuyingReport:
    look = await look_of(info.context, as_of, time_zone, currency)
    return await info.context.ask(lifetime.buying_report, info.context.house.lists, look)


async def _backtest(
    root: None, info: Info, *, from_: datetime, time_zone: str, currency: str | None = None, as_of: AsOf | None = None
) -> BuyingBacktest:
    look = await look_of(info.context, as_of, time_zone, currency)
    return await info.context.ask(buying_backtest.buying_backtest, info.context.house.lists, look, from_)


async def _value(root: Shown[Any], info: Info) -> CustomerValue | None:
    lists, look = info.context.house.lists, await look_from(info.context, root)

    def values(keys: list[UUID]) -> dict[UUID, CustomerValue]:
        return customer_value.values_of(lists, keys, look)

    return await info.context.each(("customer value", root.as_of), values, root.row.customer_id)


async def _lifetime(root: Shown[Any], info: Info, *, months: int, annual_rate: float) -> LifetimeValue | None:
    lists, look = info.context.house.lists, await look_from(info.context, root)

    def values(keys: list[UUID]) -> dict[UUID, LifetimeValue]:
        return lifetime.lifetime_of(lists, keys, look, months=months, annual_rate=annual_rate)

    name = ("lifetime value", root.as_of, months, annual_rate)
    return await info.context.each(name, values, root.row.customer_id)
