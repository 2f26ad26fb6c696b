"""A view: the row, how events change it, and under which key. Its type hints are the columns of its table."""

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

import msgspec

from domain.kernel import Event
from domain.values import EMPTY
from eventstore.envelope import Recorded

R = TypeVar("R", bound="Row")
E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Any, Recorded], "Gone | Iterable[Row] | None"]
"""Changes a row by an event. It may yield facts, or say that the row is gone."""
H = TypeVar("H", bound=Handler)

LONG_AGO = datetime.min.replace(tzinfo=UTC)

Key = Any
"""A key: one value, or a tuple of them where the row's key has several columns."""


class Gone:
    """What a handler returns when its row is to be removed."""


GONE = Gone()


class Column:
    """One column of a view: its name, its PostgreSQL type, and how a value is read back."""

    def __init__(self, name: str, hint: Any) -> None:
        self.name = name
        self.hint = hint
        self.nullable = type(None) in get_args(hint) and get_origin(hint) in (Union, types.UnionType)
        inner = next((arg for arg in get_args(hint) if arg is not type(None)), hint) if self.nullable else hint
        self.inner = get_args(inner)[0] if get_origin(inner) is Annotated else inner
        self.sql_type = _sql_type(self.inner)
        self.is_json = self.sql_type == "jsonb"
        self._members: Mapping[Any, Enum] = (
            {each.value: each for each in self.inner}
            if isinstance(self.inner, type) and issubclass(self.inner, Enum)
            else EMPTY
        )
        self.converts = self.is_json or bool(self._members)

    def read(self, value: Any) -> Any:
        """A value as the database gives it -> as the row holds it."""
        if self._members and value in self._members:
            return self._members[value]
        return value if value is None or not self.converts else msgspec.convert(value, self.inner, strict=False)


def _sql_type(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "text"
    plain = {
        UUID: "uuid", int: "bigint", Decimal: "numeric", str: "text", datetime: "timestamptz",
        date: "date", bool: "boolean", float: "double precision",
    }  # fmt: skip
    return plain.get(hint, "jsonb")


@dataclass_transform(kw_only_default=False, field_specifiers=(field,))
class RowType(type):
    """Makes a slotted dataclass of every row class, and remembers which of its fields are the key."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **words: Any) -> "RowType":
        if "__slots__" in body:
            return super().__new__(mcs, name, bases, body)
        key = words.pop("key", ())
        made = super().__new__(mcs, name, bases, body, **words)
        if key:
            made.key = (key,) if isinstance(key, str) else tuple(key)  # type: ignore[attr-defined]  # declared by Row
        return cast(RowType, dataclass(slots=True)(made))


class Row(metaclass=RowType):
    """One line of a view. The fields of the key come first; every other field has a default."""

    key: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, eq=False)
class View(Generic[R]):
    """A named read model. Handlers are registered with `on` and get the row, the event and its envelope.

    `personal` names the columns that hold personal values: the view's events are read with theirs, and forgetting knows
    what to purge. `appends`: rows are only ever added, one for one event. `beside_log`: its table is what workers claim
    from, so it stays in the log's own database. `indexes` are lists of columns, each an index of the table. `follows` is
    the column of the envelope that decides on a row: events that differ in it can be folded apart. `facts` are what its
    handlers yield, and `history` keeps every version of its rows: with either, its key is one id. `owner` is the view that
    these tables of facts and of versions go along with.
    """

    name: str
    row: type[R]
    version: int
    personal: tuple[str, ...] = ()
    appends: bool = False
    beside_log: bool = False
    indexes: tuple[str, ...] = ()
    follows: str = "customer_id"
    facts: tuple["View[Any]", ...] = ()
    history: bool = False
    owner: str | None = None
    key: Callable[[Event, Recorded], Key] | None = None
    handlers: dict[type[Event], list[tuple[Callable[[Any, Recorded], Key] | None, Handler]]] = field(
        default_factory=dict
    )
    """By event: under which key, None being its customer's, and what it does."""
    versions: "View[Any] | None" = field(init=False, default=None, compare=False)
    """The versions of its rows, as a view, if they are kept."""

    def __post_init__(self) -> None:
        assert not (self.appends and (self.facts or self.history)), f"{self.name}: what is only ever added has no past"
        for facts in self.facts:
            object.__setattr__(facts, "owner", self.name)
            object.__setattr__(facts, "version", self.version)
        object.__setattr__(self, "versions", _versions_of(self) if self.history else None)

    @property
    def checkpoint(self) -> str:
        """The view whose checkpoint says how far the log is folded in here."""
        return self.owner or self.name

    @property
    def tables(self) -> Sequence["View[Any]"]:
        """What is shown of it: its rows, its facts, and the versions of its rows."""
        return (self, *self.facts, *(() if self.versions is None else (self.versions,)))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of the row's fields."""
        hints = get_type_hints(self.row, include_extras=True)
        return tuple(Column(f.name, hints[f.name]) for f in fields(cast(Any, self.row)))

    @property
    def events(self) -> Sequence[type[Event]]:
        """What changes this view."""
        return tuple(self.handlers)

    def on(self, *events: type[E], key: Callable[[E, Recorded], Key] | None = None) -> Callable[[H], H]:
        """Registers a handler `(row, event, at)`. The row is that of `key`, else of the view's key, else of the customer."""

        def register(handler: H) -> H:
            for event in events:
                self.handlers.setdefault(event, []).append((key or self.key, handler))
            return handler

        return register


SPAN: dict[str, tuple[Any, Any]] = {
    "from_position": (int, 0),
    "until_position": (int | None, None),
    "known_from": (datetime, LONG_AGO),
    "known_until": (datetime | None, None),
    "valid_from": (datetime, LONG_AGO),
    "valid_until": (datetime | None, None),
}
"""From where up to where a version holds: in the log, in what was known, and in what was so. Empty: it holds still."""


def _versions_of(view: View[R]) -> View[Any]:
    """The versions of a view's rows, as a view. Time never runs backwards within those of one row:
    what is imported late of something that was known already counts from when that was known."""
    key, *rest = fields(cast(Any, view.row))
    hints = get_type_hints(view.row, include_extras=True)
    assert not SPAN.keys() & hints.keys(), (
        f"{view.name}: {SPAN.keys() & hints.keys()} say from when to when a version held"
    )
    body: dict[str, Any] = {
        "__module__": view.row.__module__,
        "__doc__": f"A version of what is now a {view.row.__name__}, and from when to when it held.",
        "__annotations__": {
            key.name: hints[key.name],
            **{name: hint for name, (hint, _) in SPAN.items()},
            **{each.name: hints[each.name] for each in rest},
        },
        **{name: default for name, (_, default) in SPAN.items()},
        **{each.name: _default(each) for each in rest},
    }
    row = RowType(f"{view.row.__name__}Version", (Row,), body, key=(key.name, "from_position"))
    return View(f"{view.name}_history", cast(Any, row), view.version, personal=view.personal, owner=view.name)


def _default(of: "Field[Any]") -> Any:
    if of.default_factory is not MISSING:
        return field(default_factory=of.default_factory)
    return of.default
