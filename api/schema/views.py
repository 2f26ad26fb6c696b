"""Lists: every view as a type with filters, an order and a Relay connection, made from its row class."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from time import monotonic
from typing import Any, Generic, cast, get_args
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.types.field import StrawberryField

from api.limits import AT_LEAST_WAIT_S, MAX_SORT_TERMS, PAGE_ROWS
from api.schema.context import Context, Info, Shown
from api.schema.scalars import Long, Position
from api.schema.shapes import REQUIRED, Argument, Shapes, answered, asked, output, sentence_of, shown
from domain.kernel import Refused
from domain.kernel import Ref as RefWord
from eventstore.commands import camel, identify
from eventstore.reader import NOW
from eventstore.reader import AsOf as Moment
from projections.customers import folded
from projections.lists import Condition, Operator, Order, Page
from projections.view import Column, R, View

POLL_S = 0.02


@dataclass(frozen=True)
class Noun:
    """How a view is shown: the name of its type, what is hidden or called otherwise, its order, and fields by hand."""

    view: View[Any]
    type: str
    hidden: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    order: tuple[Order, ...] = ()
    fields: Callable[["Lists"], list[StrawberryField]] = lambda lists: []
    searched: str | None = None
    """The column that `search` looks into."""
    words: str | None = None
    """What it is, if the row does not say it."""

    @property
    def columns(self) -> list[Column]:
        """What is shown of the row."""
        return [column for column in self.view.columns if column.name not in self.hidden]

    @property
    def sentence(self) -> str:
        """What it is."""
        return self.words or sentence_of(self.view.row)

    def called(self, column: str) -> str:
        """The name of a column in GraphQL."""
        return dict(self.renamed).get(column) or camel(column)


@strawberry.input(one_of=True, description="A moment to look back from: exactly one of these.")
class AsOf:
    """The fields of `eventstore.reader.AsOf`."""

    time: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="What was known then; imported history counts as known when it happened."
    )
    position: Position | None = strawberry.field(default=strawberry.UNSET, description="The log up to this position.")
    known_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="What had been recorded by then."
    )
    valid_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="What had happened by then, with what is known today."
    )


@strawberry.enum(description="Which way to sort.")
class SortDirection(StrEnum):
    """What is unknown comes last either way."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """As the Relay connection specification has it."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """A page on its way out, with what is needed to count the whole list if somebody asks for it."""

    page: Page[R]
    as_of: Moment
    later: bool
    count: Callable[[], int]

    @property
    def nodes(self) -> list[Shown[R]]:
        return [Shown(row, self.as_of) for row in self.page.rows]

    @property
    def edges(self) -> list["Edge"]:
        return [Edge(cursor, node) for cursor, node in zip(self.page.cursors, self.nodes, strict=True)]

    @property
    def position(self) -> int:
        return self.page.position

    @property
    def page_info(self) -> PageInfo:
        return page_info(self.page.cursors, self.page.has_next, self.later)


@dataclass(frozen=True, slots=True)
class Edge:
    """A node and its place."""

    cursor: str
    node: Any


def page_info(cursors: Sequence[str], has_next: bool, later: bool) -> PageInfo:
    """Where these cursors stand."""
    first, last = (cursors[0], cursors[-1]) if cursors else (None, None)
    return PageInfo(has_next_page=has_next, has_previous_page=later, start_cursor=first, end_cursor=last)


FIRST = Argument("first", int, "How many, at most 100.", PAGE_ROWS)
AFTER = Argument("after", str | None, "The cursor to go on after.")
AS_OF = Argument("as_of", AsOf | None, "Answer as it was.")
AT_LEAST = Argument("at_least", Position | None, "Wait until this position has been taken in: read your own writes.")
SEARCH = Argument("search", str | None, "Words to look for, accents and capitals aside.")


class Lists:
    """Makes the types of the views, and answers for them. `nouns` by the name of their view."""

    def __init__(self, shapes: Shapes, nouns: Mapping[str, Noun]) -> None:
        self.shapes = shapes
        self.types = shapes.types
        self.nouns = nouns
        self._asked: dict[str, tuple[Any, Any]] = {}
        self._operators: dict[Any, type] = {}

    def make(self) -> list[StrawberryField]:
        """Makes the type and the connection of every noun; returns a list field for each."""
        for noun in self.nouns.values():
            columns = [self.column(noun, column) for column in noun.columns]
            by_hand = noun.fields(self)
            covered = {field.python_name for field in by_hand}
            plain = [field for field in columns if field.python_name not in covered]
            self.types[noun.type] = output(noun.type, noun.sentence, plain + by_hand)
        for noun in self.nouns.values():
            self._make_connection(noun)
        return [self.field(view) for view in self.nouns]

    def column(self, noun: Noun, column: Column) -> StrawberryField:
        """A column as a field."""
        shape = self.shapes.output(column.hint, column.name)
        return shown(column.name, shape, as_=noun.called(column.name), within=self.types)

    def field(self, view: str, *, name: str | None = None, of_customer: bool = False) -> StrawberryField:
        """The list of a view: the whole of it, or that of the customer whom the field is of."""
        noun = self.nouns[view]
        filter_type, sort_type = self._asked_of(noun)
        arguments = (
            Argument("filter", filter_type | None, "What must hold, all of it."),
            Argument("order_by", types_list(sort_type), "By what to sort, the first first."),
            *((SEARCH,) if noun.searched and not of_customer else ()),
            FIRST,
            AFTER,
            *(() if of_customer else (AS_OF, AT_LEAST)),
        )

        async def answer(
            root: Any,
            info: Info,
            *,
            first: int,
            after: str | None = None,
            filter: Any = None,
            order_by: list[Any] | None = None,
            search: str | None = None,
            as_of: AsOf | None = None,
            at_least: int | None = None,
        ) -> Listed[Any]:
            conditions = [*_conditions(noun, filter), *_searched(noun, search)]
            order = _order(order_by) or noun.order
            moment = root.as_of if of_customer else moment_of(as_of)
            customer_id = root.row.customer_id if of_customer else None
            if moment == NOW:
                await reached(info.context, [noun.view], at_least)
            return await self._listed(info.context, noun, conditions, order, first, after, moment, customer_id)

        return answered(name or view, f"{noun.type}Connection", noun.sentence, answer, arguments, within=self.types)

    async def _listed(
        self,
        context: Context,
        noun: Noun,
        conditions: list[Condition],
        order: Sequence[Order],
        first: int,
        after: str | None,
        moment: Moment,
        customer_id: UUID | None,
    ) -> Listed[Any]:
        lists, view = context.house.lists, noun.view
        page = await context.ask(
            lists.page, view, conditions, order, first=first, after=after, as_of=moment, customer_id=customer_id
        )
        return Listed(
            page,
            moment,
            after is not None,
            lambda: lists.count(view, conditions, as_of=moment, customer_id=customer_id),
        )

    def _make_connection(self, noun: Noun) -> None:
        async def count(root: Listed[Any], info: Info) -> int:
            return await info.context.ask(root.count)

        within = self.types
        edge = [shown("cursor", str, within=within), shown("node", noun.type, within=within)]
        self.types[f"{noun.type}Edge"] = output(f"{noun.type}Edge", f"One {noun.type} and its cursor.", edge)
        self.types["PageInfo"] = PageInfo
        connection = [
            shown("edges", f"list[{noun.type}Edge]", within=within),
            shown("nodes", f"list[{noun.type}]", "The same without cursors.", within=within),
            shown("page_info", PageInfo, within=within),
            answered(
                "total_count",
                Long | None,
                "How many there are in all; counted only when asked for.",
                count,
                within=within,
            ),
            shown("position", Position, "How far the log has been taken in.", within=within),
        ]
        made = output(f"{noun.type}Connection", f"A page of {noun.type}.", connection)
        self.types[f"{noun.type}Connection"] = made

    # What may be asked of a list.

    def _asked_of(self, noun: Noun) -> tuple[Any, Any]:
        if noun.type not in self._asked:
            comparable = {
                column.name: kind for column in noun.columns if (kind := self._operators_of(column)) is not None
            }
            names = {name: noun.called(name) for name in comparable}
            filters = {name: (kind | None, strawberry.UNSET) for name, kind in comparable.items()}
            filter_type = asked(f"{noun.type}Filter", "What must hold, all of it.", filters, names=names)
            members = {_upper(noun.called(column.name)): column.name for column in noun.columns if not column.is_json}
            choice = strawberry.enum(
                cast(Any, Enum)(f"{noun.type}SortField", members),
                description=f"By what a list of {noun.type} is sorted.",
            )
            sort = {"field": (choice, REQUIRED), "direction": (SortDirection, SortDirection.ASC)}
            self._asked[noun.type] = filter_type, asked(f"{noun.type}Sort", "By what to sort, and which way.", sort)
        return self._asked[noun.type]

    def _operators_of(self, column: Column) -> Any:
        """The comparisons for a column: which ones follows from its type. None: it cannot be compared."""
        if column.is_json:
            if get_args(column.inner) != (str, ...):
                return None
            return self._operators_for("Texts", str, ("contains",))
        shape = self.shapes.output(column.inner, column.name)
        if isinstance(column.inner, type) and issubclass(column.inner, Enum):
            return self._operators_for(column.inner.__name__, shape, ("eq", "ne", "in"))
        name = {str: "Text", UUID: "Ref", bool: "Boolean"}.get(column.inner)
        if name is None:
            name = {Long: "Long", Position: "Position", Decimal: "Decimal", datetime: "DateTime", date: "Date"}.get(
                shape
            )
            return (
                None if name is None else self._operators_for(name, shape, ("eq", "ne", "in", "lt", "le", "gt", "ge"))
            )
        more = ("contains", "startsWith") if column.inner is str else ()
        return self._operators_for(name, shape, ("eq", "ne") if name == "Boolean" else ("eq", "ne", "in", *more))

    def _operators_for(self, name: str, shape: Any, operators: tuple[str, ...]) -> Any:
        if name not in self._operators:
            made = {f"{op}_": (types_list(shape) if op == "in" else shape | None, strawberry.UNSET) for op in operators}
            made["isNull_"] = (bool | None, strawberry.UNSET)
            names = {key: key[:-1] for key in made}
            self._operators[name] = asked(
                f"{name}Filter", f"Comparisons of {name}: all that are given must hold.", made, names=names
            )
        return self._operators[name]


def types_list(inner: Any) -> Any:
    """A list that may be left out."""
    return list[inner] | None


def _upper(name: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in name).upper()


def moment_of(as_of: AsOf | None) -> Moment:
    """The moment that was asked for."""
    if as_of is None:
        return NOW
    given = {field.name: getattr(as_of, field.name) for field in fields(cast(Any, as_of))}
    return Moment(**{name: value for name, value in given.items() if value is not strawberry.UNSET})


async def reached(context: Context, views: Sequence[View[Any]], at_least: int | None) -> int:
    """Waits until the views have taken a position in; returns how far they are. Raises STALE after AT_LEAST_WAIT_S."""
    until = monotonic() + AT_LEAST_WAIT_S
    while at_least is not None:
        positions = await context.ask(lambda: {view.name: context.house.lists.position(view) for view in views})
        slowest = min(positions, key=lambda name: positions[name])
        if positions[slowest] >= at_least:
            return positions[slowest]
        if monotonic() > until:
            raise GraphQLError(
                f"{slowest} is at position {positions[slowest]}, not yet at {at_least}. It catches up by itself: "
                "ask again in a moment, or without atLeast.",
                extensions={"code": "STALE", "retryable": True, "position": str(positions[slowest])},
            )
        await asyncio.sleep(POLL_S)
    return 0


def _order(given: list[Any] | None) -> list[Order]:
    if given is not None and len(given) > MAX_SORT_TERMS:
        raise Refused(f"Sort by at most {MAX_SORT_TERMS} fields.", "orderBy")
    return [Order(term.field.value, term.direction is SortDirection.DESC) for term in given or ()]


def _searched(noun: Noun, words: str | None) -> list[Condition]:
    if words is None or noun.searched is None:
        return []
    return [Condition(noun.searched, Operator.CONTAINS, folded(_text(word, "search"))) for word in words.split()]


def _conditions(noun: Noun, given: Any) -> list[Condition]:
    found: list[Condition] = []
    if given is None:
        return found
    columns = {column.name: column for column in noun.columns}
    for part in fields(given):
        comparison = getattr(given, part.name)
        if comparison is None or comparison is strawberry.UNSET:
            continue
        path = f"filter.{noun.called(part.name)}"
        for operator in fields(comparison):
            value, name = getattr(comparison, operator.name), operator.name.rstrip("_")
            if value is strawberry.UNSET:
                continue
            if value is None:
                raise Refused(f"{name}: null says nothing. To find what is not known: isNull: true.", f"{path}.{name}")
            found.append(Condition(part.name, Operator(name), _compared(columns[part.name], value, f"{path}.{name}")))
    return found


def _compared(column: Column, value: Any, path: str) -> Any:
    """A value as the column holds it."""
    if isinstance(value, list):
        return [_compared(column, each, path) for each in value]
    if isinstance(value, Enum):
        return str(value.value)
    if column.inner is UUID and isinstance(value, str):
        words = (word for word in getattr(column.hint, "__metadata__", ()) if isinstance(word, RefWord))
        noun = next((word.noun for word in words), column.name.removesuffix("_id"))
        return identify(noun, value, path)
    return _text(value, path) if isinstance(value, str) else value


def _text(value: str, path: str) -> str:
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise Refused("This holds a character that no text has (NUL, or half of a pair). Leave it out.", path)
    return value


__all__ = ["AFTER", "AS_OF", "AT_LEAST", "FIRST", "Lists", "Noun", "moment_of", "reached"]
