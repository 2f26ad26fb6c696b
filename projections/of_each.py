"""The first rows of each of several customers, all in one statement: lists within a list."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import sql

from domain.kernel import Refused
from eventstore.reader import NOW, AsOf
from projections.lists import MAX_PAGE, Lists, Page
from projections.selecting import Condition, Operator, Order, cursor_of, terms_of, where_of
from projections.view import R, View


def first_of_each(
    lists: Lists,
    view: View[R],
    customer_ids: Sequence[UUID],
    conditions: Sequence[Condition] = (),
    order: Sequence[Order] = (),
    *,
    first: int = MAX_PAGE,
    as_of: AsOf = NOW,
) -> dict[UUID, Page[R]]:
    """The first page of each customer's rows. Raises `Refused` as `Lists.page` does."""
    if not 0 < first <= MAX_PAGE:
        raise Refused(f"Ask for 1 to {MAX_PAGE} rows at a time.", "first")
    theirs = [*conditions, Condition("customer_id", Operator.IN, list(customer_ids))]
    with lists.opened(view, as_of, customer_ids) as (db, table, position):
        terms = terms_of(table, order)
        where, parameters = where_of(table, theirs)
        sorting = sql.SQL(", ").join(
            sql.SQL("{} {}").format(term.expression, sql.SQL("desc" if term.descending else "asc")) for term in terms
        )
        query = sql.SQL(
            "select {columns}, array[{cursor}], customer_id from ("
            "  select *, row_number() over (partition by customer_id order by {sorting}) as place from {table} where {where}"
            ") ranked where place <= %s order by customer_id, place"
        ).format(
            columns=table.selected,
            cursor=sql.SQL(", ").join(sql.SQL("({})::text").format(term.expression) for term in terms),
            sorting=sorting,
            table=table.identifier,
            where=where,
        )
        with db.cursor(binary=True) as cursor:
            found = cursor.execute(query, [*parameters, first + 1]).fetchall()
        pages: dict[UUID, Page[R]] = {key: Page([], [], False, position) for key in customer_ids}
        for *values, place, customer_id in found:
            page = pages[customer_id]
            if len(page.rows) < first:
                page.rows.append(table.row(values))
                page.cursors.append(cursor_of(place, terms))
            else:
                pages[customer_id] = Page(page.rows, page.cursors, True, position)
    return pages


def count_of_each(
    lists: Lists,
    view: View[R],
    customer_ids: Sequence[UUID],
    conditions: Sequence[Condition] = (),
    *,
    as_of: AsOf = NOW,
) -> dict[UUID, int]:
    """How many rows each customer has."""
    theirs = [*conditions, Condition("customer_id", Operator.IN, list(customer_ids))]
    with lists.opened(view, as_of, customer_ids) as (db, table, _):
        where, parameters = where_of(table, theirs)
        query = sql.SQL("select customer_id, count(*) from {} where {} group by customer_id").format(
            table.identifier, where
        )
        counted: dict[UUID, int] = dict(db.execute(query, parameters).fetchall())
    return {key: counted.get(key, 0) for key in customer_ids}
