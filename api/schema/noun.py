"""How a view is shown: what its row class does not say by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.shapes import sentence_of
from eventstore.commands import camel
from projections.selecting import Order
from projections.view import Column, View


@dataclass(frozen=True)
class Noun:
    """The name of a view's type, what is hidden, its order, and fields made by hand."""

    view: View[Any]
    type: str
    hidden: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    fields: Callable[[Any], list[StrawberryField]] = lambda lists: []
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
        return camel(column)
