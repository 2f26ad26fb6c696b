"""The rows of each of several customers, all in one statement: lists within a list."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import sql

from eventstore.reader import NOW, AsOf
from projections.cursors import Walk, span_of
from projections.lists import Lists, Page, comparing, page_of
from projections.selecting import Clause, Condition, Operator, Order
from projections.view import R, View


def page_of_each(
    lists: Lists,
    view: View[R],
    customer_ids: Sequence[UUID],
    conditions: Sequence[Clause] = (),
    order: Sequence[Order] = (),
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    as_of: AsOf = NOW,
) -> dict[UUID, Page[R]]:
    """The same page of each customer's rows. Raises `Refused` as `Lists.page` does."""
    span = span_of(first, after, last, before)
    theirs = [*conditions, Condition("customer_id", Operator.IN, list(customer_ids))]
    with lists.opened(view, as_of, customer_ids) as (db, table, position):
        walk = Walk(table, theirs, order, span)
        query = sql.SQL(
            "select {columns}, {places}, customer_id from ("
            "  select *, row_number() over (partition by customer_id order by {sorting}) as place from {table} where {where}"
            ") ranked where place <= %s order by customer_id, place"
        ).format(
            columns=table.selected,
            places=walk.places,
            sorting=walk.sorting,
            table=table.identifier,
            where=walk.where,
        )
        with comparing(), db.cursor(binary=True) as cursor:
            found = cursor.execute(query, [*walk.parameters, span.size + 1]).fetchall()
        rows: dict[UUID, list[tuple[object, ...]]] = {key: [] for key in customer_ids}
        for *row, customer_id in found:
            rows[customer_id].append(tuple(row))
        return {key: page_of(table, walk, some, position) for key, some in rows.items()}
