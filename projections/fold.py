"""A fold: the rows of a view as events change them, in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic

from domain.values import EMPTY
from eventstore.envelope import Happened, Recorded
from projections.facts import known_at
from projections.history import Versions
from projections.view import GONE, Gone, Key, R, Row, View


class Fold(Generic[R]):
    """A view being folded: rows by key, in memory. A key of None concerns nobody and is passed over.

    `strict` raises what a handler raises; otherwise the key is parked and the others go on. `tracking` remembers which
    rows were touched, for those who write only these, and `before` is what they said if there are many. `facts` are what
    handlers yielded, by class, and `versions` those of the rows, if the view has a history; who does without their rows may
    give others.
    """

    def __init__(
        self,
        view: View[R],
        *,
        strict: bool = True,
        tracking: bool = False,
        versions: Versions[R] | None = None,
    ) -> None:
        self.view = view
        self.rows: dict[Key, R] = {}
        self.before: Mapping[Key, tuple[Any, ...]] = EMPTY
        self.tracking = tracking
        self.touched: set[Key] = set()
        self.gone: set[Key] = set()
        self.parked: dict[Key, tuple[int, Exception]] = {}
        self.facts: dict[type[Row], list[Any]] = {facts.row: [] for facts in view.facts}
        self.versions = versions or (Versions(view) if view.history else None)
        self.strict = strict
        self._make: Callable[[Key], R] = (lambda key: view.row(*key)) if len(view.row.key) > 1 else view.row

    def keys(self, page: Iterable[Happened]) -> set[Key]:
        """Every key that a page touches."""
        return {
            key
            for event, at in page
            for key_of, _ in self.view.handlers.get(type(event), ())
            if (key := at.customer_id if key_of is None else key_of(event, at)) is not None
        }

    def apply(self, page: Iterable[Happened]) -> None:
        """Folds a page in."""
        handlers, rows, make, tracking = self.view.handlers, self.rows, self._make, self.tracking
        versions, appends = self.versions, self.view.appends
        for event, at in page:
            for key_of, handle in handlers.get(type(event), ()):
                key = at.customer_id if key_of is None else key_of(event, at)
                if key is None or (self.parked and key in self.parked):
                    continue
                row = None if appends else rows.get(key)
                if row is None:
                    row = rows[key] = make(key)
                if tracking:
                    self.touched.add(key)
                try:
                    result = handle(row, event, at)
                    if result is not None and result is not GONE:
                        self._keep(key, result, at)
                except Exception as error:
                    if self.strict:
                        raise
                    self._park(key, at.position, error)
                    continue
                if result is GONE:
                    del rows[key]
                    self.gone.add(key)
                    if versions is not None:
                        versions.end(key, at)
                    continue
                if self.gone:
                    self.gone.discard(key)
                if versions is not None:
                    versions.add(key, row, at)

    def added(self, page: Iterable[Happened]) -> Iterator[R]:
        """The rows that a page adds to a view whose rows are only ever added, for who does not keep them."""
        handlers, make = self.view.handlers, self._make
        for event, at in page:
            for key_of, handle in handlers.get(type(event), ()):
                key = at.customer_id if key_of is None else key_of(event, at)
                if key is not None:
                    row = make(key)
                    handle(row, event, at)
                    yield row

    def changed(self) -> Iterator[R]:
        """The rows that were touched and are still there."""
        return (self.rows[key] for key in self.touched if key in self.rows)

    def _keep(self, key: Key, yielded: Gone | Iterable[Row], at: Recorded) -> None:
        """The facts that a handler yielded, with whose they are and when they count."""
        assert not isinstance(yielded, Gone)
        known = known_at(at)
        facts: Iterable[Any] = yielded
        for fact in facts:
            kept = self.facts[type(fact)]
            last = kept[-1] if kept else None
            fact.owner_id = key
            fact.position = at.position
            if last is not None and last.position == at.position and last.owner_id == key:
                fact.number = last.number + 1
            if fact.customer_id is None:
                fact.customer_id = at.customer_id
            fact.occurred_at = at.occurred_at
            fact.known_at = known
            kept.append(fact)

    def _park(self, key: Key, position: int, error: Exception) -> None:
        """Half changed is not a state: what is stored of the key stays as it is until it is folded anew."""
        self.parked[key] = (position, error)
        self.touched.discard(key)
        del self.rows[key]
        for row, kept in self.facts.items():
            self.facts[row] = [fact for fact in kept if fact.owner_id != key]
        if self.versions is not None:
            self.versions.drop(key)
