"""What changed in a row between two moments, and the events because of which it did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.kernel import Refused
from eventstore import corrections
from eventstore.envelope import Happened
from eventstore.reader import NOW, AsOf
from projections.figures.explaining import Cause, Trace, events_of, must_be_field
from projections.lists import Lists
from projections.view import Key, R, View


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not the same at two moments.

    `causes` are the events that made the difference: those that changed the field among them, if there are any, else those
    that it depends on. `gone` are those that counted at the first moment and do not at the second. Where both are empty,
    the same events are read in another way: see `Differences.corrections`.
    """

    field: str
    before: Any
    after: Any
    causes: tuple[Cause, ...]
    gone: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not the same in a row at two moments; `before` and `after` say whether it was there at all.

    A row that was not there counts as one of which nothing has been said yet.

    `corrections` are the positions between them at which somebody was merged or unmerged, or an import was taken back.
    """

    view: View[Any]
    key: Key
    start: AsOf
    end: AsOf
    before: bool
    after: bool
    fields: tuple[Difference, ...]
    corrections: tuple[int, ...]


def differences(
    lists: Lists, view: View[Any], key: Key, start: AsOf, end: AsOf = NOW, fields: Sequence[str] = ()
) -> Differences:
    """What changed in a row from one moment to another, in these fields or in all; both may look back in different ways.

    A customer is looked for as whom they were taken to be at either moment. Raises `Refused` for a field that there is not,
    and for a row that too many events made.
    """
    names = [column.name for column in view.columns if column.name not in view.row.key]
    if view.owner is not None:
        raise Refused(f"{view.name} are facts: each names its event. Compare {view.owner}.", "view")
    for name in fields:
        must_be_field(view, name)
    then, now = (_trace(lists, view, key, moment) for moment in (start, end))
    found = []
    for name in fields or names:
        before, after = _value(then, name), _value(now, name)
        if before == after:
            continue
        found.append(Difference(name, before, after, _causes(now, name, then), _causes(then, name, now)))
    return Differences(
        view, key, start, end, then.row is not None, now.row is not None, tuple(found),
        _corrections(lists, [*then.found, *now.found], key, start, end),
    )  # fmt: skip


def row_at(lists: Lists, view: View[R], key: Key, as_of: AsOf = NOW) -> R | None:
    """A row as of a moment, from the events that can have made it, with the identities of then; None if there was none."""
    if view.owner is not None:
        raise Refused(f"{view.name} are facts, which change by corrections alone. Replay {view.owner}.", "view")
    seen = _trace(lists, view, key, as_of).row
    return None if seen is None else view.row(**{column.name: getattr(seen, column.name) for column in view.columns})


class _Seen(Trace):
    """A trace that remembers all that was read for it."""

    def __init__(self, view: View[Any], key: Key, found: Iterable[Happened]) -> None:
        self.found = list(found)
        super().__init__(view, key, self.found)


def _trace(lists: Lists, view: View[Any], key: Key, as_of: AsOf) -> _Seen:
    if view.row.key == ("customer_id",):
        key = lists.log.reader.whom([key], as_of)[key]
    return _Seen(view, key, events_of(lists, view, key, as_of))


def _value(trace: Trace, field: str) -> Any:
    """The value of a field; a row that is not there has those with which one begins."""
    row = trace.row
    if row is None:
        key = trace.key
        row = trace.view.row(*key) if isinstance(key, tuple) else trace.view.row(key)
    return getattr(row, field)


def _causes(trace: _Seen, field: str, other: _Seen) -> tuple[Cause, ...]:
    """What made a field what it is in one trace and did not count in the other."""
    but = {at.position for _, at in other.found}
    if trace.row is None:
        removed = trace.removed
        if removed is None or removed.at.position in but:
            return ()
        return (Cause(removed, True, _value(other, field), None),)
    own = [step for step in trace.steps if step.happened.at.position not in but]
    chosen = [step for step in own if field in step.after]
    if not chosen:
        positions = {step.happened.at.position for step in own}
        chosen = [step for step in trace.needed(field) if step.happened.at.position in positions]
    return tuple(
        Cause(step.happened, field in step.after, step.before.get(field), step.after.get(field)) for step in chosen
    )


def _corrections(lists: Lists, found: Iterable[Happened], key: Key, start: AsOf, end: AsOf) -> tuple[int, ...]:
    reader = lists.log.reader
    low, high = sorted(map(reader.counted_to, (start, end)))
    events = list(found)
    customers = {at.customer_id for _, at in events if at.customer_id is not None}
    if isinstance(key, UUID):
        customers.add(key)
    correlations = {at.correlation_id for _, at in events if at.correlation_id is not None}
    with reader.pool.connection() as db:
        return tuple(corrections.between(db, customers, correlations, low, high))
