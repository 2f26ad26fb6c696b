"""Explain over GraphQL: for any value of any list, the events and the definitions that made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.scalars import Json, Long, Position
from api.schema.shapes import Argument, Namespace, answered, output, shown
from api.schema.views import Lists
from domain.kernel import Refused
from eventstore.commands import camel, identify
from eventstore.reader import NOW
from projections.customers import customer_360, customers
from projections.figures.cube import known
from projections.figures.explaining import Cause, DefinitionUsed, Explanation, explain, explain_customers
from projections.view import Key, View

MAX_CAUSES = 1_000
DEFAULT_CAUSES = 100
SHOWN: tuple[View[Any], ...] = (customer_360.view, customers.view)
"""What a customer's own fields come from."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation on its way out."""

    view: str
    view_version: int
    field: str
    value: Any
    causes: Sequence[Cause]
    definitions: Sequence[DefinitionUsed]
    cause_count: int
    events: int
    position: int


def explained(found: Explanation | None, called: str) -> Explained | None:
    """An explanation under the name by which GraphQL calls the field."""
    if found is None:
        return None
    return Explained(
        camel(found.view.name), found.view.version, called, found.value, found.causes, found.definitions,
        len(found.causes), found.events, found.position,
    )  # fmt: skip


def questions(lists: Lists) -> list[StrawberryField]:
    """`explain(view, key, field, asOf, atLeast)`."""
    within = lists.types
    _make(within)
    views = {camel(noun.view.name): noun for noun in lists.nouns.values()}
    views[camel(customer_360.view.name)] = Noun(customer_360.view, "CustomerCard")

    async def answer(
        root: None,
        info: Info,
        *,
        view: str,
        key: list[str],
        field: str,
        as_of: AsOf | None = None,
        at_least: int | None = None,
    ) -> Explained | None:
        noun, moment = known(view, views, "view"), moment_of(as_of)
        if moment == NOW:
            await reached(info.context, [noun.view], at_least)
        column = _column(noun, field)
        lists, row = info.context.house.lists, key_of(noun.view, key)
        found = await info.context.ask(explain, lists, noun.view, row, column, moment)
        if column in noun.view.personal and isinstance(row, UUID):
            info.context.saw(row)
        return explained(found, field)

    arguments = (
        Argument(
            "view", str, "Which list, as in `customers` or `opportunities`; `customer360` is the card of a customer."
        ),
        Argument("key", list[str], "The id of the row; for a key of several columns, all of them, in order."),
        Argument("field", str, "Which field, as in `revenue`."),
        AS_OF,
        AT_LEAST,
    )
    words = "Why a value is what it is. Replaying the events named here, and no others, gives it again: that was tried."
    return [answered("explain", "Explanation | None", words, answer, arguments, within=within)]


def of_customer(lists: Lists) -> list[StrawberryField]:
    """`Customer.explain(field)`: of the line in the list, or of the card."""
    homes = [(view, {camel(column.name): column.name for column in view.columns}) for view in SHOWN]

    async def answer(root: Shown[Any], info: Info, *, field: str) -> Explained | None:
        known(field, {name: name for _, columns in homes for name in columns}, "field")
        view, columns = next((view, columns) for view, columns in homes if field in columns)
        context, as_of = info.context, root.as_of

        def explanations(keys: list[UUID]) -> dict[UUID, Explanation | None]:
            return explain_customers(context.house.lists, view, keys, columns[field], as_of)

        if columns[field] in view.personal:
            context.saw(root.row.customer_id)
        found = await context.each(("explain", view.name, field, as_of), explanations, root.row.customer_id)
        return explained(found, field)

    words = "Why a field of this customer is what it is."
    which = (Argument("field", str, "Which one."),)
    return [answered("explain", "Explanation | None", words, answer, which, within=lists.types)]


def key_of(view: View[Any], given: list[str]) -> Key:
    """A key as the rows of a view have it. Raises `Refused` if it cannot be one."""
    columns = [column for column in view.columns if column.name in view.row.key]
    if len(given) != len(columns):
        raise Refused(f"The key of {view.name} is {' and '.join(camel(column.name) for column in columns)}.", "key")
    parts: list[Any] = []
    for column, text in zip(columns, given, strict=True):
        if column.inner is UUID:
            parts.append(identify(column.name.removesuffix("_id"), text, "key"))
        elif column.inner is int:
            if not (text.isascii() and text.isdigit() and len(text) < 19):
                raise Refused(f"{camel(column.name)} is a whole number.", "key")
            parts.append(int(text))
        else:
            parts.append(column.read(text))
    return parts[0] if len(parts) == 1 else tuple(parts)


def _column(noun: Noun, field: str) -> str:
    names = {noun.called(column.name): column.name for column in noun.view.columns}
    return known(field, names, "field")


def _make(within: Namespace) -> None:
    within["Cause"] = output(
        "Cause",
        "An event without which a value would be another one.",
        [
            answered("position", Position, "Its place in the log.", _position, within=within),
            answered("type", str, "The name under which it is stored.", _type, within=within),
            shown(
                "changed", bool, "Whether it changed the value itself; otherwise it prepared what did.", within=within
            ),
            shown("before", Json | None, "The value before, if it changed.", within=within),
            shown("after", Json | None, "The value after, if it changed.", within=within),
            answered("event", "Event", "The event itself.", _event, within=within),
        ],
    )
    within["DefinitionUsed"] = output(
        "DefinitionUsed",
        "A versioned definition that decided.",
        [
            shown("kind", str, "Of which kind, as a policy or a pipeline.", within=within),
            shown("name", str, "By name or id.", within=within),
            shown("version", str, within=within),
        ],
    )
    how_many = Argument("first", int, f"How many, at most {MAX_CAUSES:,}.", DEFAULT_CAUSES)
    after = Argument("after", Position | None, "The position to go on after.")
    within["Explanation"] = output(
        "Explanation",
        "Why a value is what it is.",
        [
            shown("view", str, "Of which list.", within=within),
            shown("view_version", Long, "Of which meaning: it is raised when a column comes to mean another.", within=within),
            shown("field", str, "Of which field.", within=within),
            shown("value", Json | None, "The value.", within=within),
            answered("causes", "list[Cause]", "The events that made it, in order.", _causes, (how_many, after), within=within),
            shown("cause_count", Long, "How many they are in all.", within=within),
            shown("definitions", "list[DefinitionUsed]", "The definitions that decided in them.", within=within),
            shown("events", Long, "How many events concern the row at all.", within=within),
            shown("position", Position, "How far the log was looked at.", within=within),
        ],
    )  # fmt: skip


async def _position(root: Cause, info: Info) -> int:
    return root.happened.at.position


async def _type(root: Cause, info: Info) -> str:
    return root.happened.at.type


async def _event(root: Cause, info: Info) -> Shown[Any]:
    return Shown(root.happened)


async def _causes(root: Explained, info: Info, *, first: int, after: int | None = None) -> list[Cause]:
    if not 0 < first <= MAX_CAUSES:
        raise Refused(f"Ask for 1 to {MAX_CAUSES:,} at a time.", "first")
    return [cause for cause in root.causes if cause.happened.at.position > (after or 0)][:first]
