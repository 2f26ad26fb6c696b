"""Buying back-test: what the model of buying expected of customers on a day, against what they bought from then on."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg import sql

from domain.kernel import Refused
from projections.lists import Lists
from projections.selling import orders
from projections.value import buying
from projections.value.buyers import Look, buyers, currency_of
from projections.value.buying import BuyingModel, NotFitted

CLASSES = 8
"""Customers are compared by how often they had bought again: never, once, ... six times, and more often."""


@dataclass(frozen=True, slots=True)
class BuyingClass:
    """Customers who had bought again `frequency` times, in the last class or more often, and their purchases on average."""

    frequency: int
    customers: int
    expected: float
    came: float


@dataclass(frozen=True, slots=True)
class BuyingBacktest:
    """The model as it was fitted on `fitted_on`, and the purchases it expected until `until` with those that came.

    A purchase is a day on which a customer ordered. `error` is the part by which more was expected than came.
    """

    fitted_on: date
    until: date
    model: BuyingModel
    customers: int
    expected: float
    came: int
    error: float | None
    classes: list[BuyingClass]
    position: int


def buying_backtest(lists: Lists, seen: Look, start: datetime) -> BuyingBacktest:
    """Fits the model on the days up to that of `start`, and holds it to those from then up to the one that is looked from.

    Fader, Hardie and Lee (2005), figures 3 to 5. Raises `Refused` if there was too little to fit, or no time since.
    """
    fitted_on, until = start.astimezone(seen.today.tzinfo).date(), seen.today.date()
    if not fitted_on < until:
        raise Refused("The model must be fitted before the day that it is held to.", "from")
    reader = lists.log.reader
    with lists.reading(orders.view) as (db, position):
        rows = db.execute(
            buyers(reader, seen, currency_of(db, reader, seen))
            + sql.SQL(
                ", days as ("
                "  select distinct customer_id, (placed_at at time zone %(zone)s)::date as day from bought where counts"
                "), known as ("
                "  select count(*) filter (where day <= %(fitted_on)s) - 1 as frequency,"
                "         max(day) filter (where day <= %(fitted_on)s) - min(day) as recency,"
                "         %(fitted_on)s::date - min(day) as age, count(*) filter (where day > %(fitted_on)s) as came"
                "    from days where day <= %(until)s group by customer_id having min(day) <= %(fitted_on)s"
                ") "
                "select frequency, recency, age, count(*), sum(came)::bigint from known group by frequency, recency, age"
            ),
            {"zone": seen.zone, "fitted_on": fitted_on, "until": until},
        ).fetchall()
    counts, recency, age = [row[0] for row in rows], [row[1] / 7 for row in rows], [row[2] / 7 for row in rows]
    try:
        model = buying.fit(counts, recency, age, [row[3] for row in rows])
    except NotFitted as error:
        raise Refused(f"There was no model to test: {error}", "from") from None
    told = buying.expected(model, (until - fitted_on).days / 7, counts, recency, age).tolist()
    classes = []
    for frequency in range(CLASSES):
        ours = [
            (row[3], each, row[4])
            for row, each in zip(rows, told, strict=True)
            if min(row[0], CLASSES - 1) == frequency
        ]
        count = sum(customers for customers, _, _ in ours)
        if count:
            expected = sum(customers * each for customers, each, _ in ours) / count
            classes.append(BuyingClass(frequency, count, expected, sum(came for _, _, came in ours) / count))
    expected, came = sum(each.expected * each.customers for each in classes), sum(row[4] for row in rows)
    return BuyingBacktest(
        fitted_on,
        until,
        model,
        sum(each.customers for each in classes),
        expected,
        came,
        (expected - came) / came if came else None,
        classes,
        position,
    )
