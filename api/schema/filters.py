"""Filters and orders: what may be asked of a list follows from the types of its columns."""

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, ForwardRef, cast, get_args
from uuid import UUID

import strawberry

from api.limits import MAX_SORT_TERMS
from api.schema.noun import Noun
from api.schema.scalars import Long, Position
from api.schema.shapes import REQUIRED, Namespace, Shapes, asked
from domain.kernel import MAX_TEXT, Ref, Refused
from eventstore.commands import identify
from projections.customers.customers import folded
from projections.selecting import MAX_NESTED, MAX_VALUES, AllOf, AnyOf, Clause, Condition, Not, Operator, Order
from projections.view import Column

CONNECTIVES = ("and_", "or_", "not_")
"""What filters are joined by, beside the columns."""


@strawberry.enum(description="Which way to sort.")
class SortDirection(StrEnum):
    """What is unknown comes last either way."""

    ASC = "ASC"
    DESC = "DESC"


class Filters:
    """Makes the input types of the lists, each once."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._asked: dict[str, tuple[Any, Any]] = {}
        self._fields: dict[str, Any] = {}
        self._operators: dict[str, type] = {}

    def of(self, noun: Noun) -> tuple[Any, Any]:
        """The types of `filter` and of `orderBy`."""
        if noun.type not in self._asked:
            comparable = {
                column.name: kind for column in noun.columns if (kind := self._operators_of(column)) is not None
            }
            names = {name: noun.called(name) for name in comparable}
            called = f"{noun.type}Filter"
            filters: dict[str, tuple[Any, Any]] = {
                "and_": (f"list[{called}] | None", strawberry.UNSET),
                "or_": (f"list[{called}] | None", strawberry.UNSET),
                "not_": (f"{called} | None", strawberry.UNSET),
                **{name: (kind | None, strawberry.UNSET) for name, kind in comparable.items()},
            }
            names |= {name: name[:-1] for name in CONNECTIVES}
            words = "What must hold, all of it. `and`, `or` and `not` hold others of the same kind."
            within = Namespace({called: ForwardRef(called), "list": list})
            filter_type = asked(called, words, filters, names=names, within=within)
            within[called] = filter_type
            sort = {"field": (self.fields_of(noun), REQUIRED), "direction": (SortDirection, SortDirection.ASC)}
            self._asked[noun.type] = filter_type, asked(f"{noun.type}Sort", "By what to sort, and which way.", sort)
        return self._asked[noun.type]

    def fields_of(self, noun: Noun) -> Any:
        """The columns that a list can be sorted or grouped by, as an enumeration."""
        if noun.type not in self._fields:
            members = {_upper(noun.called(column.name)): column.name for column in noun.columns if not column.is_json}
            self._fields[noun.type] = strawberry.enum(
                cast(Any, Enum)(f"{noun.type}Field", members),
                description=f"By what a list of {noun.type} is sorted or grouped.",
            )
        return self._fields[noun.type]

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
            made = {f"{op}_": (list_of(shape) if op == "in" else shape | None, strawberry.UNSET) for op in operators}
            made["isNull_"] = (bool | None, strawberry.UNSET)
            names = {key: key[:-1] for key in made}
            self._operators[name] = asked(
                f"{name}Filter", f"Comparisons of {name}: all that are given must hold.", made, names=names
            )
        return self._operators[name]


def list_of(inner: Any) -> Any:
    """A list that may be left out."""
    return list[inner] | None


def _upper(name: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in name).upper()


def order_of(given: list[Any] | None) -> list[Order]:
    """By what to sort. Raises `Refused` if that is too much."""
    if given is not None and len(given) > MAX_SORT_TERMS:
        raise Refused(f"Sort by at most {MAX_SORT_TERMS} fields.", "orderBy")
    return [Order(term.field.value, term.direction is SortDirection.DESC) for term in given or ()]


def searched(noun: Noun, words: str | None) -> list[Clause]:
    """Every one of these words must be found."""
    if words is None or noun.searched is None:
        return []
    return [Condition(noun.searched, Operator.CONTAINS, folded(text_of(word, "search"))) for word in words.split()]


def conditions_of(noun: Noun, given: Any, path: str = "filter", depth: int = 0) -> list[Clause]:
    """What must hold. Raises `Refused` for a value that nothing can be compared with."""
    found: list[Clause] = []
    if given is None:
        return found
    if depth > MAX_NESTED:
        raise Refused(f"Conditions may be {MAX_NESTED} deep within one another.", "filter")
    columns = {column.name: column for column in noun.columns}
    for part in fields(given):
        comparison = getattr(given, part.name)
        if comparison is None or comparison is strawberry.UNSET:
            continue
        if part.name in CONNECTIVES:
            found.append(_connected(noun, part.name, comparison, f"{path}.{part.name[:-1]}", depth + 1))
            continue
        here = f"{path}.{noun.called(part.name)}"
        for operator in fields(comparison):
            value, name = getattr(comparison, operator.name), operator.name.rstrip("_")
            if value is strawberry.UNSET:
                continue
            if value is None:
                raise Refused(f"{name}: null says nothing. To find what is not known: isNull: true.", f"{here}.{name}")
            if isinstance(value, list) and len(value) > MAX_VALUES:
                raise Refused(f"{name} takes at most {MAX_VALUES} values. Ask in several queries.", f"{here}.{name}")
            found.append(Condition(part.name, Operator(name), _compared(columns[part.name], value, f"{here}.{name}")))
    return found


def _connected(noun: Noun, name: str, given: Any, path: str, depth: int) -> Clause:
    if name == "not_":
        return Not(AllOf(conditions_of(noun, given, path, depth)))
    parts = [AllOf(conditions_of(noun, each, path, depth)) for each in given]
    return AnyOf(parts) if name == "or_" else AllOf(parts)


def _compared(column: Column, value: Any, path: str) -> Any:
    """A value as the column holds it."""
    if isinstance(value, list):
        return [_compared(column, each, path) for each in value]
    if isinstance(value, Enum):
        return str(value.value)
    if column.inner is UUID and isinstance(value, str):
        hints = (column.hint, *get_args(column.hint))  # an id that may be unknown says it within
        words = (word for hint in hints for word in getattr(hint, "__metadata__", ()) if isinstance(word, Ref))
        noun = next((word.noun for word in words), column.name.removesuffix("_id"))
        return identify(noun, value, path)
    return text_of(value, path) if isinstance(value, str) else value


def text_of(value: str, path: str) -> str:
    """The text, if it can be one. Raises `Refused`."""
    if len(value) > MAX_TEXT:
        raise Refused(f"{MAX_TEXT} characters are the limit.", path)
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise Refused("This holds a character that no text has (NUL, or half of a pair). Leave it out.", path)
    return value
