"""Relations: the row that another one names, and the rows that name it, each asked for once for a whole page."""

from collections.abc import Sequence
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.shapes import answered
from api.schema.views import Lists
from eventstore.reader import NOW
from eventstore.reader import AsOf as Moment
from projections.looking_back import rows_of_each
from projections.selecting import Order
from projections.view import View


def one(lists: Lists, name: str, view: View[Any], column: str, words: str) -> list[StrawberryField]:
    """The row of a view that a column names, seen from the same moment. Nothing where the view is not shown."""
    if view.name not in lists.nouns:
        return []

    async def read(root: Any, info: Info) -> Shown[Any] | None:
        row, as_of = _seen(root)
        return await shown_row(info, view, getattr(row, column), as_of)

    return [answered(name, f"{lists.nouns[view.name].type} | None", words, read, within=lists.types)]


async def shown_row(info: Info, view: View[Any], key: Any, as_of: Moment = NOW) -> Shown[Any] | None:
    """The row of a key, asked for together with all others of its view."""
    found = None if key is None else await info.context.row(view, key, as_of)
    return None if found is None else Shown(found, as_of)


def many(
    lists: Lists, name: str, view: View[Any], column: str, of: str, words: str, order: Sequence[Order] = ()
) -> list[StrawberryField]:
    """The rows of a view that name this one by a column, at most MAX_OF_EACH. Nothing where the view is not shown."""
    if view.name not in lists.nouns:
        return []

    async def read(root: Any, info: Info) -> list[Shown[Any]]:
        row, as_of = _seen(root)
        house = info.context.house
        found = await info.context.each(
            ("many", view.name, column, as_of),
            lambda values: rows_of_each(house.lists, view, column, values, order, as_of),
            getattr(row, of),
        )
        return [Shown(each, as_of) for each in found or ()]

    return [answered(name, f"list[{lists.nouns[view.name].type}]", words, read, within=lists.types)]


def told(lists: Lists, name: str, shape: Any, at: str, words: str, unsaid: Any = None) -> StrawberryField:
    """What the event at the position in a column says under this name, personal values included, read when it is shown.

    `unsaid` is what is shown where it says nothing.
    """

    async def answer(root: Any, info: Info) -> Any:
        row, _ = _seen(root)
        position = getattr(row, at)
        happened = None if position is None else await info.context.personal(position)
        said = None if happened is None else getattr(happened.event, name, None)
        return unsaid if said is None else said

    return answered(name, shape, words, answer, within=lists.types)


def _seen(root: Any) -> tuple[Any, Moment]:
    """A row, and the moment it is looked at from."""
    return (root.row, root.as_of) if isinstance(root, Shown) else (root, NOW)
