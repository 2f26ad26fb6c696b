"""Looking back: the rows that belong to others, many at a time, as they are or as they were."""

from collections.abc import Collection, Sequence
from typing import Any

from psycopg import sql

from eventstore.reader import NOW, AsOf
from projections.fold import Fold
from projections.history import past
from projections.lists import Lists
from projections.selecting import Order
from projections.table import table_of
from projections.view import Key, R, View

MAX_OF_EACH = 100
"""How many rows of each are shown."""


def rows(lists: Lists, view: View[R], keys: Collection[Key], as_of: AsOf = NOW) -> dict[Key, R]:
    """The rows of these keys, in one statement or from the events of these rows alone."""
    wanted = list(keys)
    if as_of == NOW:
        return lists.get(view, wanted)
    table, reader = table_of(view), lists.log.reader
    if view.history:
        query = sql.SQL("select {} from {} where {} = any(%s)").format(
            table.selected, past(view, as_of, reader), sql.Identifier(table.key[0])
        )
        with lists.reading(view) as (db, _):
            return {table.key_of(row): row for row in table.select(db, query, [wanted])}
    if view.follows == "customer_id":
        return lists.fold(view, as_of, wanted).rows
    fold = Fold(view)
    fold.apply(
        reader.of_streams(wanted, types=lists.log.codec.names(view.events), as_of=as_of, disclose=bool(view.personal))
    )
    return fold.rows


def rows_of_each(
    lists: Lists,
    view: View[R],
    column: str,
    values: Collection[Any],
    order: Sequence[Order] = (),
    as_of: AsOf = NOW,
) -> dict[Any, list[R]]:
    """For each of these values of a column its first rows, MAX_OF_EACH at most, in one statement. The view has a history."""
    table = table_of(view)
    terms = [
        sql.SQL("{} {} nulls last").format(sql.Identifier(term.column), sql.SQL("desc" if term.descending else "asc"))
        for term in (*order, *map(Order, table.key))
    ]
    query = sql.SQL(
        "select {columns} from ("
        "  select *, row_number() over (partition by {column} order by {terms}) as place from {rows}"
        "   where {column} = any(%s)"
        ") ranked where place <= %s order by {column}, place"
    ).format(
        columns=table.selected,
        column=sql.Identifier(column),
        terms=sql.SQL(", ").join(terms),
        rows=past(view, as_of, lists.log.reader),
    )
    found: dict[Any, list[R]] = {value: [] for value in values}
    with lists.reading(view) as (db, _):
        for row in table.select(db, query, [list(values), MAX_OF_EACH]):
            found[getattr(row, column)].append(row)
    return found
