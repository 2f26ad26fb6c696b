"""Statements: what is asked of the views as they are now, again and again, is put together once."""

from collections.abc import Callable
from typing import Any, cast

from psycopg import sql

from eventstore.reader import NOW, AsOf, Reader

Statement = Callable[[AsOf, Reader], sql.SQL | sql.Composed]
"""Puts a statement together that looks from a moment, by parameters for everything else."""


def fixed(query: sql.Composable) -> sql.SQL:
    """A statement, or a part of one, as the text that it comes to."""
    return sql.SQL(cast(Any, query.as_string()))


def kept(compose: Statement) -> Callable[[AsOf, Reader], sql.SQL | sql.Composed]:
    """The same, put together only once for now. Its text stays the same, so the server plans it once as well."""
    now: list[sql.SQL] = []

    def statement(as_of: AsOf, reader: Reader) -> sql.SQL | sql.Composed:
        if as_of != NOW:
            return compose(as_of, reader)
        if not now:
            now.append(fixed(compose(as_of, reader)))
        return now[0]

    return statement
