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
from projections.view import Fold, Key, View

REFOLDED_TOGETHER = 500
"""How many customers or streams are folded anew in one go."""


def until_correction(page: list[Happened]) -> list[Happened]:
    """The page up to its first correction: what comes after that one is read in its light."""
    return next((page[:n] for n, (event, _) in enumerate(page, 1) if event.corrects), page)


def fold_page(
    log: Log, db: Connection, table: Table[Any], page: Sequence[Happened], parked: Collection[str] = ()
) -> list[tuple[Key, int, Exception]]:
    """Folds a page, which nothing but its last event may correct, into a table. Returns the keys that were parked anew.

    `parked` are the texts of the keys that are passed over.
    """
    if not page:
        return []
    *before, last = page
    if not last.event.corrects:
        return _fold(log, db, table, page, parked)
    return _fold(log, db, table, before, parked) + _fold_anew(log, db, table, last, parked)


def key_text(key: Key) -> str:
    """A key as the parked ones are noted."""
    return "|".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _fold(
    log: Log, db: Connection, table: Table[Any], page: Sequence[Happened], parked: Collection[str]
) -> list[tuple[Key, int, Exception]]:
    view = table.view
    page = [happened for happened in page if type(happened.event) in view.handlers]
    if not page:
        return []
    page = log.reader.as_known(page, page[-1].at.position)
    fold = Fold(view, strict=False, tracking=True)
    keys = fold.keys(page)
    _pass_over(fold, keys, parked)
    if not view.appends:
        fold.rows = table.load(db, keys)
    fold.apply(page)
    return _write(db, table, fold, fold.gone)


def _fold_anew(
    log: Log, db: Connection, table: Table[Any], correction: Happened, parked: Collection[str]
) -> list[tuple[Key, int, Exception]]:
    """Makes the rows that a correction concerns anew from their events, as they are read now."""
    view, position = table.view, correction.at.position
    changed = log.reader.changed_by(position)
    found: list[tuple[Key, int, Exception]] = []
    if view.follows == "customer_id":
        for some in _chunks(changed.customers):
            found += _fold_some(log, db, table, some, (), position, parked)
    else:
        streams = changed.streams | log.reader.streams_of(changed.identities, position)
        for some in _chunks(streams):
            found += _fold_some(log, db, table, (), some, position, parked)
    return found


def _fold_some(
    log: Log,
    db: Connection,
    table: Table[Any],
    customers: Sequence[UUID],
    streams: Sequence[UUID],
    position: int,
    parked: Collection[str],
) -> list[tuple[Key, int, Exception]]:
    view: View[Any] = table.view
    names = log.codec.names(view.events)

    def read(until: int) -> list[Happened]:
        as_of, disclose = AsOf(position=until), bool(view.personal)
        if streams:
            return log.reader.of_streams(streams, types=names, as_of=as_of, disclose=disclose)
        return log.reader.customers(customers, types=names, as_of=as_of, disclose=disclose)

    now = read(position)
    fold = Fold(view, strict=False, tracking=True)
    keys = fold.keys(now) | fold.keys(read(position - 1))
    _pass_over(fold, keys, parked)
    fold.apply(now)
    return _write(db, table, fold, keys - fold.parked.keys() - fold.touched | fold.gone)


def _pass_over(fold: Fold[Any], keys: Collection[Key], parked: Collection[str]) -> None:
    if parked:
        fold.parked = {key: (0, Exception()) for key in keys if key_text(key) in parked}


def _write(
    db: Connection, table: Table[Any], fold: Fold[Any], gone: Collection[Key]
) -> list[tuple[Key, int, Exception]]:
    table.upsert(db, fold.changed())
    table.delete(db, gone)
    return [(key, position, error) for key, (position, error) in fold.parked.items() if position]


def _chunks(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    rest = iter(sorted(ids))
    while some := list(islice(rest, REFOLDED_TOGETHER)):
        yield some
