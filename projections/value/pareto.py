"""Pareto: which part of the revenue comes from which part of the customers, measured and never assumed to be 80 of 20.

V. Pareto, "Cours d'économie politique" (1897); the curve is that of M. O. Lorenz (1905), from the best customers down.
"""

from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from domain.kernel import Refused
from projections.lists import Lists
from projections.selling import orders
from projections.value.buyers import Look, buyers, currency_of
from projections.value.rfm import percent

MAX_STEPS = 100
USUAL = Decimal(20)


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """The best `customers`, and what they spent: each also in percent of all."""

    customers: int
    share_of_customers: Decimal
    revenue: Decimal
    share_of_revenue: Decimal


@dataclass(frozen=True, slots=True)
class Pareto:
    """What was asked for, `answer`, and the curve. Customers who spent the same are in the order of their ids."""

    customers: int
    revenue: Decimal
    currency: str | None
    answer: ParetoPoint | None
    curve: list[ParetoPoint]
    position: int


def pareto(
    lists: Lists,
    look: Look,
    *,
    top: Decimal | None = None,
    best: int | None = None,
    share: Decimal | None = None,
    steps: int = 20,
) -> Pareto:
    """What the `top` percent of the customers spent, or the `best` so many; or how few spent a `share` of the revenue.

    The `top` percent are rounded up to whole customers. No answer if nobody ordered, or if all revenue went back. Raises
    `Refused` if it is not exactly one of these that is asked for.
    """
    if sum(asked is not None for asked in (top, best, share)) != 1:
        raise Refused("Ask for one of top, best and share.", "top")
    for percentage, field in ((top, "top"), (share, "share")):
        if percentage is not None and not 0 < percentage <= 100:
            raise Refused("This is a percentage, more than 0 and at most 100.", field)
    if best is not None and best < 1:
        raise Refused("Ask for the best 1 or more.", "best")
    if not 1 <= steps <= MAX_STEPS:
        raise Refused(f"The curve has 1 to {MAX_STEPS} steps.", "steps")
    reader = lists.log.reader
    with lists.reading(orders.view) as (db, position):
        currency = currency_of(db, reader, look)
        found = db.execute(
            buyers(reader, look, currency)
            + sql.SQL(
                ", ranked as ("
                "  select row_number() over best as place, sum(spent) over best as spent"
                "    from buyers window best as (order by spent desc, customer_id rows unbounded preceding)"
                "), whole as ("
                "  select count(*) as customers, sum(spent) as revenue from buyers"
                "), curve as ("
                "  select ceil(n::numeric * customers / %(steps)s) as place from whole, generate_series(1, %(steps)s) n"
                "), wanted as ("
                "  select min(place) as place from ranked, whole"
                "   where case when %(share)s::numeric is not null then spent * 100 >= %(share)s * revenue and revenue > 0"
                "              when %(best)s::bigint is not null then place >= least(%(best)s, customers)"
                "              else place >= ceil(%(top)s::numeric * customers / 100) end"
                ") "
                "select place, spent, customers, revenue, place = (select place from wanted), place in (select place from curve)"
                "  from ranked, whole"
                " where place in (select place from curve) or place = (select place from wanted) order by place"
            ),
            {"top": top, "best": best, "share": share, "steps": steps},
        ).fetchall()
    customers, revenue = found[0][2:4] if found else (0, Decimal(0))
    points = [
        ParetoPoint(place, percent(Decimal(place), Decimal(customers)), spent, percent(spent, revenue))
        for place, spent, *_ in found
    ]
    return Pareto(
        customers,
        revenue,
        currency,
        next((point for point, row in zip(points, found, strict=True) if row[4] and revenue > 0), None),
        [point for point, row in zip(points, found, strict=True) if row[5]],
        position,
    )
