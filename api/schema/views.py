"""Lists: every view as a type with filters, an order and a Relay connection, made from its row class."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from api.limits import PAGE_ROWS
from api.schema.context import Context, Info, Shown
from api.schema.filters import Filters, conditions_of, list_of, order_of, searched
from api.schema.grouping import Groupings, Summary
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.scalars import Long, Position
from api.schema.shapes import Argument, Shapes, answered, output, shown
from eventstore.reader import NOW
from eventstore.reader import AsOf as Moment
from projections.grouping import COUNT, Aggregate, Group, grouped, summary_of_each
from projections.lists import Page
from projections.of_each import page_of_each
from projections.selecting import Clause, Order
from projections.view import Column, R, View


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """As the Relay connection specification has it."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """A page on its way out, with what is needed to sum up the whole list if somebody asks for it."""

    page: Page[R]
    as_of: Moment
    summary: Summary

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
        return page_info(self.page.cursors, self.page.has_next, self.page.has_previous)


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
PAGED = (
    Argument("first", int | None, f"How many, at most 100; {PAGE_ROWS} if nothing is said."),
    AFTER,
    Argument("last", int | None, "How many from the end, instead of `first`: to go backwards."),
    Argument("before", str | None, "The cursor to stop before."),
)
SEARCH = Argument("search", str | None, "Words to look for, accents and capitals aside.")


class Lists:
    """Makes the types of the views, and answers for them. `nouns` by the name of their view."""

    def __init__(self, shapes: Shapes, nouns: Mapping[str, Noun]) -> None:
        self.shapes = shapes
        self.types = shapes.types
        self.nouns = nouns
        self.filters = Filters(shapes)
        self.groupings = Groupings(shapes, self.filters)

    def make(self) -> list[StrawberryField]:
        """Makes the type and the connection of every noun; returns a list field for each."""
        for noun in self.nouns.values():
            columns = [self.column(noun, column) for column in noun.columns]
            by_hand = noun.fields(self)
            covered = {field.graphql_name for field in by_hand}
            plain = [field for field in columns if field.graphql_name not in covered]
            self.types[noun.type] = output(noun.type, noun.sentence, plain + by_hand)
        for noun in self.nouns.values():
            self._make_connection(noun)
        return [
            *(self.field(view) for view in self.nouns),
            *(self.groupings.field(noun) for noun in self.nouns.values()),
        ]

    def parts(self, of: "Iterable[Part]") -> list[StrawberryField]:
        """The fields of those parts whose views are all shown."""
        return [field for needed, make in of if self.show(needed) for field in make(self)]

    def show(self, needed: Iterable[View[Any]]) -> bool:
        """Whether all of these views are shown."""
        return all(view.name in self.nouns for view in needed)

    def column(self, noun: Noun, column: Column) -> StrawberryField:
        """A column as a field; who reads one that is personal, is noted."""
        shape = self.shapes.output(column.hint, column.name)
        if column.name not in noun.view.personal:
            return shown(column.name, shape, as_=noun.called(column.name), within=self.types)
        made = answered(column.name, shape, "", _personal(noun.view, column.name), within=self.types)
        made.graphql_name, made.description = noun.called(column.name), None
        return made

    def field(self, view: str, *, of_customer: bool = False) -> StrawberryField:
        """The list of a view: the whole of it, or that of the customer whom the field is of."""
        noun = self.nouns[view]
        filter_type, sort_type = self.filters.of(noun)
        arguments = (
            Argument("filter", filter_type | None, "What must hold, all of it."),
            Argument("order_by", list_of(sort_type), "By what to sort, the first first."),
            *((SEARCH,) if noun.searched and not of_customer else ()),
            *PAGED,
            *(() if of_customer else (AS_OF, AT_LEAST)),
        )

        async def answer(
            root: Any,
            info: Info,
            *,
            first: int | None = None,
            after: str | None = None,
            last: int | None = None,
            before: str | None = None,
            filter: Any = None,
            order_by: list[Any] | None = None,
            search: str | None = None,
            as_of: AsOf | None = None,
            at_least: int | None = None,
        ) -> Listed[Any]:
            conditions = [*conditions_of(noun, filter), *searched(noun, search)]
            order = order_of(order_by) or noun.order
            part = _part(first, after, last, before)
            if of_customer:
                return await self._of_customer(info, root, noun, conditions, order, part)
            moment = moment_of(as_of)
            if moment == NOW:
                await reached(info.context, [noun.view], at_least)
            return await self._listed(info.context, noun, conditions, order, part, moment)

        return answered(
            f"{view}_" if of_customer else view,
            f"{noun.type}Connection",
            noun.sentence,
            answer,
            arguments,
            within=self.types,
        )

    async def _listed(
        self,
        context: Context,
        noun: Noun,
        conditions: list[Clause],
        order: Sequence[Order],
        part: dict[str, Any],
        as_of: Moment,
    ) -> Listed[Any]:
        lists, view = context.house.lists, noun.view
        page = await context.ask(lambda: lists.page(view, conditions, order, **part, as_of=as_of))

        async def summary(wanted: Collection[Aggregate]) -> Group:
            found = await context.ask(grouped, lists, view, (), wanted, conditions, as_of=as_of)
            return found.groups[0]

        return Listed(page, as_of, summary)

    async def _of_customer(
        self,
        info: Info,
        of: Shown[Any],
        noun: Noun,
        conditions: list[Clause],
        order: Sequence[Order],
        part: dict[str, Any],
    ) -> Listed[Any]:
        """The list of one customer. Those of all customers of a page are asked for at once."""
        context, key, as_of = info.context, of.row.customer_id, of.as_of
        lists, view = context.house.lists, noun.view
        # The same place in the query has the same arguments, whatever the customer.
        place = (*(step for step in info.path.as_list() if isinstance(step, str)), as_of)

        def pages(keys: list[UUID]) -> dict[UUID, Page[Any]]:
            return page_of_each(lists, view, keys, conditions, order, **part, as_of=as_of)

        async def summary(wanted: Collection[Aggregate]) -> Group:
            def summaries(keys: list[UUID]) -> dict[UUID, Group]:
                return summary_of_each(lists, view, keys, wanted, conditions, as_of=as_of)

            return await context.each((*place, "summary", *wanted), summaries, key)

        page = await context.each((*place, "page"), pages, key)
        return Listed(page, as_of, summary)

    def _make_connection(self, noun: Noun) -> None:
        async def count(root: Listed[Any], info: Info) -> int:
            return int((await root.summary([COUNT])).values[COUNT])

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
            self.groupings.aggregate(noun),
            shown("position", Position, "How far the log has been taken in.", within=within),
        ]
        made = output(f"{noun.type}Connection", f"A page of {noun.type}.", connection)
        self.types[f"{noun.type}Connection"] = made


def _personal(view: View[Any], column: str) -> Callable[[Shown[Any], Info], Any]:
    """A value of a person, or of whoever works here, whose id is the key of the row."""
    key = view.row.key[0]

    def read(root: Shown[Any], info: Info) -> Any:
        info.context.saw(getattr(root.row, key))
        return getattr(root.row, column)

    return read


Part = tuple[Sequence[View[Any]], Callable[[Lists], list[StrawberryField]]]
"""Fields that are made by hand, and which views must be shown for them."""


def _part(first: int | None, after: str | None, last: int | None, before: str | None) -> dict[str, Any]:
    """Which part of a list, as the lists are asked for it; a page of the usual size if nothing says how much."""
    if last is None and first is None:
        first = PAGE_ROWS
    return {"first": first, "after": after, "last": last, "before": before}
