"""The rows of each of several customers, all in one statement: lists within a list."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from psycopg import sql

from eventstore.reader import NOW, AsOf
from projections.cursors import Span, Walk, span_of
from projections.lists import Lists, Page, comparing, page_of
from projections.selecting import Clause, Order
from projections.statements import fixed
from projections.table import Table
from projections.view import R, View

MAX_KEPT = 256


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
    statement = _usual if as_of == NOW and not conditions else _pages
    with lists.opened(view, as_of, customer_ids) as (db, table, position):
        walk, query = statement(table, tuple(conditions), tuple(order), span)
        with comparing(), db.cursor(binary=True) as cursor:
            found = cursor.execute(query, [*walk.parameters, list(customer_ids), span.size + 1]).fetchall()
        rows: dict[UUID, list[tuple[object, ...]]] = {key: [] for key in customer_ids}
        for *row, customer_id in found:
            rows[customer_id].append(tuple(row))
        return {key: page_of(table, walk, some, position) for key, some in rows.items()}


def _pages(
    table: Table[R], conditions: tuple[Clause, ...], order: tuple[Order, ...], span: Span
) -> tuple[Walk[R], sql.SQL]:
    walk = Walk(table, conditions, order, span)
    query = sql.SQL(
        "select {columns}, {places}, customer_id from ("
        "  select *, row_number() over (partition by customer_id order by {sorting}) as place"
        "    from {table} where {where} and customer_id = any(%s)"
        ") ranked where place <= %s order by customer_id, place"
    ).format(
        columns=table.selected,
        places=walk.places,
        sorting=walk.sorting,
        table=table.identifier,
        where=walk.where,
    )
    return walk, fixed(query)


_usual = lru_cache(MAX_KEPT)(_pages)
"""The statements for what is asked again and again: lists as they are now, without a filter."""
