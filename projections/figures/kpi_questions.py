"""Figures that other questions answer: each is asked for every period, as it is known now and as it was known then."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import AsOf
from projections.company import acquisition
from projections.facts import counted
from projections.figures.counting import ZERO, KpiDimension, Look, Tallied
from projections.lists import Lists
from projections.periods import CalendarPeriod
from projections.selling import orders
from projections.selling.sales import sales
from projections.value.buyers import Look as BuyersLook
from projections.value.lifetime import lifetime_of

MAX_QUESTIONS = 60
"""For how many periods another question is asked at once."""
MAX_LIFETIMES = 13
"""For how many periods the models of lifetime value are fitted at once: a year of months, and the whole of it."""

Answer = Mapping[str, Decimal]


def acquisition_costs(lists: Lists, look: Look) -> Mapping[str, Tallied]:
    """What it cost to win, to keep and to serve customers, by the published rules (see `projections.company.acquisition`)."""

    def ask(period: CalendarPeriod, as_of: AsOf) -> Answer:
        (found,) = acquisition.acquisition_costs(
            lists, period.starts_on, period.ends_on, zone=look.zone, currency=look.currency, as_of=as_of
        )
        return {
            "acquisition_cost": found.acquisition_cost,
            "new_customers": Decimal(found.new_customers),
            "retention_cost": found.retention_cost,
            "retained_customers": Decimal(found.retained_customers),
            "service_cost": found.service_cost,
            "cases": Decimal(found.cases),
            "served_customers": Decimal(found.served_customers),
        }

    return _for_each(look, ask, MAX_QUESTIONS)


def lifetime_values(lists: Lists, look: Look) -> Mapping[str, Tallied]:
    """What the customers who had ordered by the end of a period were worth then, and how many they were."""

    def ask(period: CalendarPeriod, as_of: AsOf) -> Answer:
        moments = (period.ends_at, as_of.valid_at)
        until = replace(as_of, valid_at=min(moment for moment in moments if moment is not None))
        with lists.reading(orders.view) as (db, _):
            query = sql.SQL("select distinct customer_id from {} where customer_id is not null and orders = 1")
            rows = db.execute(query.format(counted(sales, until, lists.log.reader))).fetchall()
        values = lifetime_of(
            lists, [row[0] for row in rows], BuyersLook(until, period.ends_at, look.zone, look.currency)
        ).values()
        return {"value": sum((value.total for value in values), ZERO), "customers": Decimal(len(values))}

    return _for_each(look, ask, MAX_LIFETIMES)


def _for_each(look: Look, ask: Callable[[CalendarPeriod, AsOf], Answer], limit: int) -> Mapping[str, Tallied]:
    """The answers for every period, and for all of them taken as one."""
    if len(look.periods) > limit:
        raise Refused(f"That is more than {limit} periods. Ask for longer ones, or for less time.", "grain")
    if any(scope.dimension is not KpiDimension.COMPANY for scope in look.scope):
        raise Refused("This figure is one of the whole company: leave the scope out.", "scope")
    found: dict[str, Tallied] = {}
    for nth, period in enumerate([*look.periods, look.whole]):
        for name, amount in ask(period, look.as_of).items():
            found.setdefault(name, Tallied.of(ZERO, len(look.periods))).restated[nth] = amount
        for name, amount in ask(period, look.known_by(period)).items():
            found[name].reported[nth] = amount
    return found
