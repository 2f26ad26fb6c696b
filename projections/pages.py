"""Pages: how the next events of the log come into a view's table, and what is folded anew when history is corrected."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from eventstore.envelope import Happened
from eventstore.log import Log
from eventstore.reader import AsOf
from projections.table import Table
from projections.view import Fold, Key

REFOLDED_TOGETHER = 500
"""How many customers or streams are folded anew in one go."""

Parked = list[tuple[Key, int, Exception]]
"""The keys that an event could not be folded into, the position of that event, and why."""


def fold_page(
    log: Log, db: Connection, table: Table[Any], page: Sequence[Happened], parked: Collection[str] = ()
) -> Parked:
    """Folds a page into a table, as its events are read at its end. Returns the keys that were parked anew.

    What the corrections among them concern is folded anew from all of its events; the rest goes on from its rows.
    `parked` are the texts of the keys that are passed over.
    """
    first, last = page[0].at.position, page[-1].at.position
    corrections = [at.position for event, at in page if event.corrects]
    if not corrections:
        return _fold(log, db, table, page, parked)
    changed = log.reader.changed_by(corrections, last)
    by_customer = table.view.follows == "customer_id"
    ids = changed.customers if by_customer else changed.streams | log.reader.streams_of(changed.identities, last)
    rest = [each for each in page if (each.at.customer_id if by_customer else each.at.stream_id) not in ids]
    found = _fold(log, db, table, rest, parked)
    for some in _chunks(ids):
        found += _fold_anew(log, db, table, some, first - 1, last, parked)
    return found


def key_text(key: Key) -> str:
    """A key as the parked ones are noted."""
    return "|".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _fold(log: Log, db: Connection, table: Table[Any], page: Sequence[Happened], parked: Collection[str]) -> Parked:
    page = [happened for happened in page if type(happened.event) in table.view.handlers]
    if not page:
        return []
    page = log.reader.as_known(page, page[-1].at.position)
    fold = Fold(table.view, strict=False, tracking=True)
    keys = fold.keys(page)
    _pass_over(fold, keys, parked)
    if not table.view.appends:
        fold.rows = table.load(db, keys)
    fold.apply(page)
    return _write(db, table, fold, fold.gone)


def _fold_anew(
    log: Log, db: Connection, table: Table[Any], ids: Sequence[UUID], before: int, now: int, parked: Collection[str]
) -> Parked:
    """Makes the rows of these customers or streams anew from their events, in place of those that there were before."""
    names, disclose = log.codec.names(table.view.events), bool(table.view.personal)
    read = log.reader.customers if table.view.follows == "customer_id" else log.reader.of_streams
    found = read(ids, types=names, as_of=AsOf(position=now), disclose=disclose)
    fold = Fold(table.view, strict=False, tracking=True)
    keys = fold.keys(found) | fold.keys(read(ids, types=names, as_of=AsOf(position=before), disclose=disclose))
    _pass_over(fold, keys, parked)
    fold.apply(found)
    return _write(db, table, fold, keys - fold.parked.keys() - fold.touched | fold.gone)


def _pass_over(fold: Fold[Any], keys: Collection[Key], parked: Collection[str]) -> None:
    if parked:
        fold.parked = {key: (0, Exception()) for key in keys if key_text(key) in parked}


def _write(db: Connection, table: Table[Any], fold: Fold[Any], gone: Collection[Key]) -> Parked:
    table.upsert(db, fold.changed())
    table.delete(db, gone)
    return [(key, position, error) for key, (position, error) in fold.parked.items() if position]


def _chunks(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    rest = iter(sorted(ids))
    while some := list(islice(rest, REFOLDED_TOGETHER)):
        yield some
