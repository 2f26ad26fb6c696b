"""A view: the row, how events change it, and under which key. Its type hints are the columns of its table."""

import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
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
from eventstore.envelope import Happened, Recorded

R = TypeVar("R", bound="Row")
E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Any, Recorded], "Gone | None"]
H = TypeVar("H", bound=Handler)

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
        self.converts = self.is_json or (isinstance(self.inner, type) and issubclass(self.inner, Enum))

    def read(self, value: Any) -> Any:
        """A value as the database gives it -> as the row holds it."""
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


@dataclass(frozen=True)
class View(Generic[R]):
    """A named read model. Handlers are registered with `on` and get the row, the event and its envelope.

    `personal` names the columns that hold personal values: the view's events are read with theirs, and forgetting knows
    what to purge. `appends`: rows are only ever added, one for one event. `beside_log`: its table is what workers claim
    from, so it stays in the log's own database. `indexes` are lists of columns, each an index of the table. `follows` is
    the column of the envelope that decides on a row: events that differ in it can be folded apart.
    """

    name: str
    row: type[R]
    version: int
    personal: tuple[str, ...] = ()
    appends: bool = False
    beside_log: bool = False
    indexes: tuple[str, ...] = ()
    follows: str = "customer_id"
    key: Callable[[Event, Recorded], Key] | None = None
    handlers: dict[type[Event], list[tuple[Callable[[Any, Recorded], Key] | None, Handler]]] = field(
        default_factory=dict
    )
    """By event: under which key, None being its customer's, and what it does."""

    @property
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


class Fold(Generic[R]):
    """A view being folded: rows by key, in memory. A key of None concerns nobody and is passed over.

    `strict` raises what a handler raises; otherwise the key is parked and the others go on. `tracking` remembers which
    rows were touched, for those who write only these.
    """

    def __init__(self, view: View[R], *, strict: bool = True, tracking: bool = False) -> None:
        self.view = view
        self.rows: dict[Key, R] = {}
        self.tracking = tracking
        self.touched: set[Key] = set()
        self.gone: set[Key] = set()
        self.parked: dict[Key, tuple[int, Exception]] = {}
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
        for event, at in page:
            for key_of, handle in handlers.get(type(event), ()):
                key = at.customer_id if key_of is None else key_of(event, at)
                if key is None or (self.parked and key in self.parked):
                    continue
                row = rows.get(key)
                if row is None:
                    row = rows[key] = make(key)
                if tracking:
                    self.touched.add(key)
                try:
                    result = handle(row, event, at)
                except Exception as error:
                    if self.strict:
                        raise
                    # Half changed is not a state: the stored row stays as it is until the key is folded anew.
                    self.parked[key] = (at.position, error)
                    self.touched.discard(key)
                    del rows[key]
                    continue
                if result is GONE:
                    del rows[key]
                    self.gone.add(key)
                elif self.gone:
                    self.gone.discard(key)

    def changed(self) -> Iterator[R]:
        """The rows that were touched and are still there."""
        return (self.rows[key] for key in self.touched if key in self.rows)
