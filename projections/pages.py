"""Pages: how the next events of the log come into a view's table, and what is folded anew when history is corrected."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from domain.kernel import Event
from eventstore.envelope import Happened
from eventstore.log import Log
from eventstore.reader import AsOf
from projections.fold import Fold
from projections.stored import Stored
from projections.view import Key

REFOLDED_TOGETHER = 500
"""How many customers or streams are folded anew in one go."""

Parked = list[tuple[Key, int, Exception]]
"""The keys that an event could not be folded into, the position of that event, and why."""


@dataclass(frozen=True, slots=True)
class Page:
    """The next events as they are read at the end of the page, and whom and what the corrections among them concern."""

    events: Sequence[Happened]
    kinds: Collection[type[Event]]
    before: int
    end: int
    customers: Collection[UUID] = ()
    streams: Collection[UUID] = ()


def as_read(log: Log, found: Sequence[Happened]) -> Page:
    """A page of the log, read once for all views."""
    before, end = found[0].at.position - 1, found[-1].at.position
    events = log.reader.as_known(found, end)
    kinds = {type(event) for event, _ in found}
    corrections = [at.position for event, at in found if event.corrects]
    if not corrections:
        return Page(events, kinds, before, end)
    changed = log.reader.changed_by(corrections, end)
    return Page(
        events, kinds, before, end, changed.customers, changed.streams | log.reader.streams_of(changed.identities, end)
    )


def fold_page(log: Log, db: Connection, stored: Stored[Any], page: Page, parked: Collection[str] = ()) -> Parked:
    """Folds a page into the tables of a view. Returns the keys that were parked anew.

    What its corrections concern is folded anew from all of its events; the rest goes on from its rows. `parked` are the
    texts of the keys that are passed over.
    """
    by_customer = stored.view.follows == "customer_id"
    ids = page.customers if by_customer else page.streams
    if not ids and stored.view.handlers.keys().isdisjoint(page.kinds):
        return []
    rest = page.events
    if ids:
        rest = [each for each in rest if (each.at.customer_id if by_customer else each.at.stream_id) not in ids]
    found = _fold(db, stored, rest, parked)
    for some in _chunks(ids):
        found += _fold_anew(log, db, stored, some, page, parked)
    return found


def key_text(key: Key) -> str:
    """A key as the parked ones are noted."""
    return "|".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _fold(db: Connection, stored: Stored[Any], events: Sequence[Happened], parked: Collection[str]) -> Parked:
    fold = Fold(stored.view, strict=False, tracking=True)
    keys = fold.keys(events)
    if not keys:
        return []
    _pass_over(fold, keys, parked)
    stored.load(db, fold, keys)
    fold.apply(events)
    stored.write(db, fold, fold.gone)
    return _parked(fold)


def _fold_anew(
    log: Log, db: Connection, stored: Stored[Any], ids: Sequence[UUID], page: Page, parked: Collection[str]
) -> Parked:
    """Makes the rows of these customers or streams anew from their events, in place of those that there were before."""
    view = stored.view
    names, disclose = log.codec.names(view.events), bool(view.personal)
    read = log.reader.customers if view.follows == "customer_id" else log.reader.of_streams
    found = read(ids, types=names, as_of=AsOf(position=page.end), disclose=disclose)
    fold = Fold(view, strict=False, tracking=True)
    keys = fold.keys(found) | fold.keys(read(ids, types=names, as_of=AsOf(position=page.before), disclose=disclose))
    _pass_over(fold, keys, parked)
    fold.apply(found)
    stored.forget(db, keys - fold.parked.keys())
    stored.write(db, fold, keys - fold.parked.keys() - fold.touched | fold.gone)
    return _parked(fold)


def _pass_over(fold: Fold[Any], keys: Collection[Key], parked: Collection[str]) -> None:
    if parked:
        fold.parked = {key: (0, Exception()) for key in keys if key_text(key) in parked}


def _parked(fold: Fold[Any]) -> Parked:
    return [(key, position, error) for key, (position, error) in fold.parked.items() if position]


def _chunks(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    rest = iter(sorted(ids))
    while some := list(islice(rest, REFOLDED_TOGETHER)):
        yield some
