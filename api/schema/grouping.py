"""Aggregates: every list counted, summed and grouped, by as much of it as a query selects."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from types import GenericAlias, SimpleNamespace
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.nodes import SelectedField, Selection

from api.schema.context import Info
from api.schema.filters import Filters, SortDirection, conditions_of, list_of, searched
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.scalars import Json, Long, Position
from api.schema.shapes import REQUIRED, Argument, Shapes, answered, asked, output, shown
from domain.kernel import Refused
from eventstore.commands import camel
from eventstore.reader import NOW
from projections.buckets import BUSINESS_ZONE, Granularity
from projections.grouping import (
    COUNT,
    MAX_GROUPS,
    Aggregate,
    Function,
    Group,
    GroupOrder,
    Part,
    aggregates_of,
    grouped,
)
from projections.view import Column

DEFAULT_GROUPS = 100

FUNCTIONS = {camel(function.value.lower()): function for function in Function}
"""What is selected of an aggregate, by its name in GraphQL."""
WORDS = {
    Function.COUNT_DISTINCT: "How many different values there are.",
    Function.SUM: "The sums, exact; that of nothing is 0.",
    Function.AVG: "The means, to 28 digits.",
    Function.MIN: "The least.",
    Function.MAX: "The greatest.",
}

Summary = Callable[[Collection[Aggregate]], Awaitable[Group]]
"""How a list is summed up by these aggregates."""


@strawberry.enum(description="By what groups are sorted.")
class GroupOrderBy(StrEnum):
    """The key, or an aggregate."""

    KEY = "KEY"
    COUNT = "COUNT"
    COUNT_DISTINCT = "COUNT_DISTINCT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"


class Groupings:
    """Makes the types of the aggregates of each list, and the questions for its groups."""

    def __init__(self, shapes: Shapes, filters: Filters) -> None:
        self.shapes = shapes
        self.types = shapes.types
        self.filters = filters

    def aggregate(self, noun: Noun) -> StrawberryField:
        """`aggregate` of a connection, and its type. The connection has a `summary`."""
        self._make(noun)

        async def answer(root: Any, info: Info) -> SimpleNamespace:
            wanted = selected(noun, _below(info.selected_fields, ()))
            return _shown(await root.summary(wanted), wanted)

        words = "The whole list summed up, of which this is a page."
        return answered("aggregate", f"{noun.type}Aggregate", words, answer, within=self.types)

    def field(self, noun: Noun) -> StrawberryField:
        """`customersGroupBy(filter, groupBy, orderBy, first, asOf, atLeast)`."""
        filter_type, _ = self.filters.of(noun)
        part, sort = self._asked(noun)
        arguments = (
            Argument(
                "group_by",
                GenericAlias(list, (part,)),
                "By what, in this order; nothing makes one group of all.",
                REQUIRED,
            ),
            Argument("filter", filter_type | None, "What must hold, all of it."),
            Argument("order_by", list_of(sort), "By what to sort, the first first; by the key if nothing is said."),
            *((Argument("search", str | None, "Words to look for."),) if noun.searched else ()),
            Argument("first", int, f"How many groups, at most {MAX_GROUPS}.", DEFAULT_GROUPS),
            AS_OF,
            AT_LEAST,
        )

        async def answer(
            root: None,
            info: Info,
            *,
            group_by: list[Any],
            first: int,
            filter: Any = None,
            order_by: list[Any] | None = None,
            search: str | None = None,
            as_of: AsOf | None = None,
            at_least: int | None = None,
        ) -> SimpleNamespace:
            context, moment = info.context, moment_of(as_of)
            parts = [Part(each.field.value, each.granularity or None, each.time_zone) for each in group_by]
            if any(each.column in noun.view.personal for each in parts):
                raise Refused(
                    "Personal values are not grouped by: ask for the list, which notes who read it.", "group_by"
                )
            conditions = [*conditions_of(noun, filter), *searched(noun, search)]
            wanted = selected(noun, _below(info.selected_fields, ("groups",)))
            order = [_order(term, parts) for term in order_by or ()]
            if moment == NOW:
                await reached(context, [noun.view], at_least)
            found = await context.ask(
                grouped,
                context.house.lists,
                noun.view,
                parts,
                wanted,
                conditions,
                order,
                first=first,
                as_of=moment,
            )
            groups = [_shown(group, wanted) for group in found.groups]
            return SimpleNamespace(groups=groups, has_more=found.more, position=found.position)

        words = f"{noun.sentence} Counted and summed, by whatever you group."
        name = f"{noun.view.name}_group_by"
        return answered(name, f"{noun.type}Groups", words, answer, arguments, within=self.types)

    def _asked(self, noun: Noun) -> tuple[Any, Any]:
        choice = self.filters.fields_of(noun)
        part = asked(
            f"{noun.type}GroupBy",
            "One thing to group by.",
            {
                "field": (choice, REQUIRED),
                "granularity": (self.shapes.enum(Granularity) | None, None),
                "time_zone": (str, BUSINESS_ZONE),
            },
        )
        sort = asked(
            f"{noun.type}GroupSort",
            "By what to sort groups, and which way; `field` says of which column, COUNT needs none.",
            {
                "by": (GroupOrderBy, REQUIRED),
                "field": (choice | None, None),
                "direction": (SortDirection, SortDirection.ASC),
            },
        )
        return part, sort

    def _make(self, noun: Noun) -> None:
        """The types of an aggregate and of a page of them."""
        within, name = self.types, noun.type
        fields = [
            shown("key", Json, "What it is of: a value for each thing grouped by, in that order.", within=within),
            shown("count", Long, "How many rows.", within=within),
        ]
        for function, words in WORDS.items():
            made = self._values(noun, function)
            if made is not None:
                fields.append(shown(function.value.lower(), made, words, within=within))
        within[f"{name}Aggregate"] = output(f"{name}Aggregate", f"A number of {name}, summed up.", fields)
        within[f"{name}Groups"] = output(
            f"{name}Groups",
            f"{name}, grouped.",
            [
                shown("groups", f"list[{name}Aggregate]", within=within),
                shown("has_more", bool, "Whether there are more groups than these.", within=within),
                shown("position", Position, "How far the log has been taken in.", within=within),
            ],
        )

    def _values(self, noun: Noun, function: Function) -> str | None:
        """The type of what a function gives for each column that it can be made of; sums share theirs with means."""
        extremes = function in (Function.MIN, Function.MAX)  # which would tell a personal value
        columns = [
            column
            for column in noun.columns
            if function in self._functions(column) and not (extremes and column.name in noun.view.personal)
        ]
        if not columns:
            return None
        kind = {Function.COUNT_DISTINCT: "Distinct", Function.MIN: "Extremes", Function.MAX: "Extremes"}
        name = f"{noun.type}{kind.get(function, 'Numbers')}"
        if name not in self.types:
            self.types[name] = output(
                name,
                f"A number for each field of {noun.type}.",
                [
                    shown(column.name, self._shape(column, function), as_=noun.called(column.name), within=self.types)
                    for column in columns
                ],
            )
        return name

    def _functions(self, column: Column) -> Iterable[Function]:
        """A position is no amount: it is not added up."""
        made = aggregates_of(column)
        return made[:3] if self.shapes.output(column.inner, column.name) is Position else made

    def _shape(self, column: Column, function: Function) -> Any:
        if function is Function.COUNT_DISTINCT:
            return Long
        if function in (Function.MIN, Function.MAX):
            return self.shapes.output(column.inner, column.name) | None
        return float | None if column.inner is float else Decimal | None


def selected(noun: Noun, selections: Iterable[SelectedField]) -> list[Aggregate]:
    """The aggregates that a selection names."""
    columns = {noun.called(column.name): column.name for column in noun.columns}
    found = [COUNT]
    for each in selections:
        function = FUNCTIONS.get(each.name)
        if function is not None and function is not Function.COUNT:
            found += [
                Aggregate(function, columns[inner.name]) for inner in _fields(each.selections) if inner.name in columns
            ]
    return found


def selected_names(info: Info) -> set[str]:
    """The fields that are selected of what is being answered."""
    return {field.name for field in _below(info.selected_fields, ())}


def _below(fields: Sequence[Selection], path: Sequence[str]) -> list[SelectedField]:
    """The fields that are selected below a path from here."""
    here = [inner for field in _fields(fields) for inner in _fields(field.selections)]
    for name in path:
        here = [inner for field in here if field.name == name for inner in _fields(field.selections)]
    return here


def _fields(selections: Iterable[Selection]) -> list[SelectedField]:
    """The fields of a selection, fragments opened."""
    found: list[SelectedField] = []
    for each in selections:
        found += [each] if isinstance(each, SelectedField) else _fields(each.selections)
    return found


def _order(term: Any, parts: Sequence[Part]) -> GroupOrder:
    descending = term.direction is SortDirection.DESC
    column = None if term.field is None else term.field.value
    if term.by is GroupOrderBy.COUNT:
        return GroupOrder(COUNT, descending)
    if column is None:
        raise Refused("Say by which field.", "orderBy")
    if term.by is GroupOrderBy.KEY:
        numbers = [n for n, part in enumerate(parts) if part.column == column]
        return GroupOrder(numbers[0] if numbers else len(parts), descending)
    return GroupOrder(Aggregate(Function(term.by.value), column), descending)


def _shown(group: Group, wanted: Iterable[Aggregate]) -> SimpleNamespace:
    """A group as GraphQL reads it."""
    found: dict[str, dict[str, Any]] = {}
    for each in wanted:
        if each.function is not Function.COUNT:
            found.setdefault(each.function.value.lower(), {})[each.column] = group.values[each]
    inner = {name: SimpleNamespace(**values) for name, values in found.items()}
    return SimpleNamespace(key=list(group.key), count=group.values[COUNT], **inner)
