"""Why a value is what it is: the events that made it, found by watching what each one read and changed, and proven by replay."""

import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast
from uuid import UUID

from domain.kernel import Refused
from eventstore.envelope import Happened
from eventstore.reader import NOW, AsOf
from projections.lists import Lists
from projections.view import GONE, Key, R, View

MAX_EXPLAINED = 20_000
"""How many events of one row are looked through."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event did to a row: which fields it looked at, and what those were that it changed, before and after."""

    happened: Happened
    read: frozenset[str]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """An event without which the value would be another one. `before` and `after` are the field's, if it changed that itself."""

    happened: Happened
    changed: bool
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class DefinitionUsed:
    """A definition that decided in an event: a `pipeline` or a `policy`, say, by name or id, and its version."""

    kind: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A value with everything that made it. Replaying `causes` alone gives the value again: that was tried.

    `events` is how many events concern the row at all, and `position` how far the log was looked at.
    """

    view: View[Any]
    key: Key
    field: str
    value: Any
    causes: Sequence[Cause]
    definitions: Sequence[DefinitionUsed]
    events: int
    position: int


def explain(lists: Lists, view: View[R], key: Key, field: str, as_of: AsOf = NOW) -> Explanation | None:
    """Why a field of a row has its value, now as far as the view has been folded, or as of a moment. None: no such row."""
    must_be_field(view, field)
    moment, position = _moment(lists, view, as_of)
    return _explanation(view, key, field, events_of(lists, view, key, moment), position)


def explain_customers(
    lists: Lists, view: View[R], customer_ids: Sequence[UUID], field: str, as_of: AsOf = NOW
) -> dict[UUID, Explanation | None]:
    """The same for the rows of several customers, whose events are read at once."""
    must_be_field(view, field)
    moment, position = _moment(lists, view, as_of)
    names = lists.log.codec.names(view.events)
    theirs: dict[UUID | None, list[Happened]] = {key: [] for key in customer_ids}
    for happened in lists.log.reader.customers(customer_ids, types=names, as_of=moment, disclose=bool(view.personal)):
        theirs.setdefault(happened.at.customer_id, []).append(happened)
    return {key: _explanation(view, key, field, theirs[key], position) for key in customer_ids}


def _moment(lists: Lists, view: View[Any], as_of: AsOf) -> tuple[AsOf, int]:
    """As of when the events are read, and how far the log is looked at: now, as far as the view has been folded."""
    if as_of == NOW:
        position = lists.position(view)
        return AsOf(position=position), position
    return as_of, lists.log.reader.head() if as_of.position is None else as_of.position


def _explanation(view: View[Any], key: Key, field: str, found: Iterable[Happened], position: int) -> Explanation | None:
    trace = Trace(view, key, found)
    if trace.row is None:
        return None
    causes = trace.causes(field)
    value = getattr(trace.row, field)
    return Explanation(view, key, field, value, causes, definitions_of(causes), len(trace.steps), position)


def must_be_field(view: View[Any], field: str) -> None:
    """Raises `Refused` if the rows of a view have no such field."""
    if view.owner is not None:
        raise Refused(f"{view.name} are facts: each names its event. Explain {view.owner}.", "view")
    if field not in {column.name for column in view.columns}:
        raise Refused(f"There is no {field[:60]!r} in {view.name}.", "field")


class Trace:
    """One row folded under watch: what each of its events read and changed, and the one that removed it, if one did."""

    def __init__(self, view: View[Any], key: Key, found: Iterable[Happened]) -> None:
        self.view = view
        self.key = key
        self.row: Any = None
        self.steps: list[Step] = []
        self.removed: Happened | None = None
        reads: set[str] = set()
        make = _watched(view, reads)
        for happened, handlers in _concerning(view, key, found):
            if len(self.steps) >= MAX_EXPLAINED:
                raise Refused(f"More than {MAX_EXPLAINED:,} events made this row. Ask as of an earlier moment.", "key")
            row = self.row if self.row is not None else _made(make, key)
            before = _copied(view, row)
            reads.clear()
            gone = _handled(row, happened, handlers)
            read = frozenset(reads)
            if gone:
                self.row, self.steps, self.removed = None, [], happened
                continue
            after = _copied(view, row)
            changed = [name for name in before if before[name] != after[name]]
            self.row = row
            self.steps.append(
                Step(happened, read, {name: before[name] for name in changed}, {name: after[name] for name in changed})
            )

    def causes(self, field: str) -> list[Cause]:
        """The events that made a field what it is, in order.

        If replaying those that are needed does not give the value after all, every event that concerns the row counts.
        """
        chosen = self.needed(field)
        if not self._again(chosen, field):
            chosen = self.steps
        return [
            Cause(step.happened, field in step.after, step.before.get(field), step.after.get(field)) for step in chosen
        ]

    def needed(self, field: str) -> list[Step]:
        """The steps that a field depends on, in order.

        Backwards from the last: a step counts if it changed what is needed, and then whatever it looked at is needed
        instead (dynamic slicing: Korel and Laski, "Dynamic program slicing", 1988).
        """
        needed, chosen = {field}, list[Step]()
        for step in reversed(self.steps):
            if needed & step.after.keys():
                chosen.append(step)
                needed = (needed - step.after.keys()) | step.read
        return chosen[::-1]

    def _again(self, chosen: Sequence[Step], field: str) -> bool:
        row = _made(self.view.row, self.key)
        for happened, handlers in _concerning(self.view, self.key, [step.happened for step in chosen]):
            _handled(row, happened, handlers)
        return bool(getattr(row, field) == getattr(self.row, field))


def events_of(lists: Lists, view: View[Any], key: Key, as_of: AsOf) -> Iterable[Happened]:
    """The events that a row can have been made of: those of its customer or its stream, where its key says whose it is."""
    reader, names, disclose = lists.log.reader, lists.log.codec.names(view.events), bool(view.personal)
    parts = dict(zip(view.row.key, key if isinstance(key, tuple) else (key,), strict=True))
    if view.follows == "customer_id" and "customer_id" in parts:
        return reader.customers([parts["customer_id"]], types=names, as_of=as_of, disclose=disclose)
    if view.follows == "stream_id" and isinstance(key, UUID):
        found = reader.of_streams([key], types=names, as_of=as_of, disclose=disclose)
        if any(_handlers(view, key, happened) for happened in found):
            return found
    return (happened for page in reader.fold(types=names, as_of=as_of, disclose=disclose) for happened in page)


def definitions_of(causes: Iterable[Cause]) -> list[DefinitionUsed]:
    """The definitions that the events name with a version, each once, in order."""
    found: dict[DefinitionUsed, None] = {}
    for cause in causes:
        event = cause.happened.event
        for name in (part.name for part in fields(cast(Any, event))):
            version = getattr(event, name)
            if version is None or not (name == "version" or name.endswith("_version")):
                continue
            kind = name.removesuffix("_version") if name != "version" else cause.happened.at.type.partition(".")[0]
            which = getattr(event, kind, None) or getattr(event, f"{kind}_id", None)
            if name == "version":
                which = getattr(event, "survey", None) or getattr(event, "code", None) or cause.happened.at.stream_id
            found[DefinitionUsed(kind, "" if which is None else str(which), str(version))] = None
    return list(found)


def _concerning(view: View[Any], key: Key, found: Iterable[Happened]) -> Iterator[tuple[Happened, list[Any]]]:
    for happened in found:
        handlers = _handlers(view, key, happened)
        if handlers:
            yield happened, handlers


def _handlers(view: View[Any], key: Key, happened: Happened) -> list[Any]:
    event, at = happened
    return [
        handle
        for key_of, handle in view.handlers.get(type(event), ())
        if (at.customer_id if key_of is None else key_of(event, at)) == key
    ]


def _handled(row: Any, happened: Happened, handlers: Iterable[Callable[[Any, Any, Any], Any]]) -> bool:
    """Lets an event change a row; whether the row is gone with it."""
    gone = False
    for handle in handlers:
        result = handle(row, happened.event, happened.at)
        gone = result is GONE
        if result is not None and not gone:
            for _ in result:  # what it yields are facts; it changes its row on the way
                pass
    return gone


def _made(make: Callable[..., Any], key: Key) -> Any:
    return make(*key) if isinstance(key, tuple) else make(key)


def _watched(view: View[Any], reads: set[str]) -> type:
    """The row class, which notes the fields that are looked at."""
    names = {part.name for part in fields(cast(Any, view.row))} - set(view.row.key)

    def look(self: Any, name: str) -> Any:
        if name in names:
            reads.add(name)
        return object.__getattribute__(self, name)

    return types.new_class(
        view.row.__name__, (view.row,), exec_body=lambda body: body.update(__slots__=(), __getattribute__=look)
    )


def _copied(view: View[Any], row: Any) -> dict[str, Any]:
    return {part.name: _copy(getattr(row, part.name)) for part in fields(cast(Any, view.row))}


def _copy(value: Any) -> Any:
    """A value that no handler changes any more."""
    if isinstance(value, Mapping):
        return {name: _copy(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return set(value) if isinstance(value, set) else value
