"""As it was: a moment to look back from with the identities of then, and with what was taken back since.

Facts and the history of rows are kept with today's identities (decision 010). For whoever must see what was seen, what was
corrected since is folded anew as of that moment, and stands in for what is kept.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from typing import Any, cast
from uuid import UUID

import orjson
from psycopg import sql

from domain.kernel import Refused
from eventstore import corrections
from eventstore.codec import json_form
from eventstore.reader import AsOf
from projections.facts import Facts, counted
from projections.fold import Fold
from projections.history import past
from projections.lists import Lists
from projections.moments import Then
from projections.view import Row, View

MAX_FOLDED_ANEW = 20_000
"""How many streams and customers are folded anew because they were corrected since."""


def as_then(lists: Lists, views: Sequence[View[Any]], position: int, compared: int | None = None) -> AsOf:
    """A position, and that at which all customers were compared, as these views showed it then.

    Raises `Refused` if so much was corrected since that it takes a rebuild.
    """
    moment = AsOf(position=position)
    other = None if compared is None or compared == position else as_then(lists, views, compared)
    reader = lists.log.reader
    with reader.pool.connection() as db:
        since = corrections.since(db, position)
        if not since and other is None:
            return moment
        changed = corrections.changed_by(db, since, position)
    customers, streams = changed.customers, changed.streams | reader.streams_of(changed.customers, position)
    if len(streams) + len(customers) > MAX_FOLDED_ANEW:
        raise Refused(
            f"More than {MAX_FOLDED_ANEW:,} streams were corrected since. Restore a backup of the views.", "position"
        )
    stands_in: dict[str, sql.Composable] = {}
    for view in views:
        concerned = customers if view.follows == "customer_id" else streams
        fold = _folded(lists, view, moment, concerned)
        for facts in view.facts:
            kept = sql.SQL("select {} from {}").format(
                _columns(facts), counted(cast(Facts[Any], facts), moment, reader)
            )
            stands_in[facts.name] = _instead(facts, kept, "owner_id", concerned, fold.facts[facts.row])
        if view.history:
            kept = sql.SQL("select {} from {}").format(_columns(view), past(view, moment, reader))
            stands_in[view.name] = _instead(view, kept, view.row.key[0], concerned, fold.rows.values())
    return Then(position=position, stands_in=stands_in, compared=other)


def _folded(lists: Lists, view: View[Any], moment: AsOf, concerned: Collection[UUID]) -> Fold[Any]:
    if view.follows == "customer_id":
        return lists.fold(view, moment, list(concerned))
    fold = Fold(view)
    names = lists.log.codec.names(view.events)
    fold.apply(lists.log.reader.of_streams(concerned, types=names, as_of=moment, disclose=bool(view.personal)))
    return fold


def _columns(view: View[Any]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in view.columns)


def _instead(
    view: View[Any], kept: sql.Composable, key: str, concerned: Collection[UUID], rows: Iterable[Row]
) -> sql.Composable:
    """What is kept of the others, and the rows of those who are concerned, to select from under the view's name."""
    told = [{part.name: getattr(row, part.name) for part in fields(cast(Any, row))} for row in rows]
    text = orjson.dumps(told, default=json_form, option=orjson.OPT_NON_STR_KEYS).decode()
    return sql.SQL(
        "(select * from ({kept}) kept where {key} <> all({ids}::uuid[])"
        " union all select {columns} from jsonb_populate_recordset(null::{table}, {rows}::jsonb)) as {name}"
    ).format(
        kept=kept, key=sql.Identifier(key), ids=sql.Literal(list(concerned)), columns=_columns(view),
        table=sql.Identifier("views", view.name), rows=sql.Literal(text), name=sql.Identifier(view.name),
    )  # fmt: skip
