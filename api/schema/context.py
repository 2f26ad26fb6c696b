"""What a query is answered with: the house, worker threads for its questions, and loaders that ask once for many."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, cast
from uuid import UUID, uuid4

import psycopg
import strawberry
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext

from api.house import House
from domain.kernel import Refused
from eventstore.database import reachable
from eventstore.envelope import Happened
from eventstore.reader import NOW, AsOf
from projections.view import Fold, Key, R, View

P = ParamSpec("P")
T = TypeVar("T")

ANYBODY = "user:anonymous"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """A row of a view with the moment it is looked at from, which its relations keep to."""

    row: T
    as_of: AsOf = NOW


class Context(BaseContext):
    """One request: who asks, of which house, and how long it may take. `timeout_s` None: as long as it takes."""

    def __init__(self, house: House, *, actor: str = ANYBODY, timeout_s: float | None = None) -> None:
        super().__init__()
        self.house = house
        self.actor = actor
        self.timeout_s = timeout_s
        self.request_id = uuid4().hex
        self.command_id: UUID | None = None
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Asks in a worker thread. Raises `Unavailable` if the database is away, `Refused` if a value is none."""

        def answer() -> T:
            with reachable():
                try:
                    return question(*args, **kwargs)
                except psycopg.DataError as error:
                    logger.info("request %s: %s", self.request_id, type(error).__name__)
                    raise Refused(
                        "The database cannot compare with one of these values. Correct the filter or the cursor."
                    ) from error

        return await asyncio.to_thread(answer)

    async def row(self, view: View[R], key: Key, as_of: AsOf = NOW) -> R | None:
        """One row, asked together with all others that this request needs of the same view."""

        def rows(keys: list[Key]) -> dict[Key, R]:
            return self.house.lists.get(view, keys) if as_of == NOW else rows_as_of(self.house, view, keys, as_of)

        return cast("R | None", await self._loader(("row", view.name, as_of), rows).load(key))

    async def personal(self, position: int) -> Happened | None:
        """An event with its personal values, asked together with all others that this request shows."""
        reader = self.house.log.reader
        return cast("Happened | None", await self._loader("personal", reader.personal).load(position))

    def _loader(self, name: Hashable, question: Callable[[list[Any]], dict[Any, Any]]) -> DataLoader[Any, Any]:
        async def load(keys: list[Any]) -> list[Any]:
            found = await self.ask(question, keys)
            return [found.get(key) for key in keys]

        if name not in self._loaders:
            self._loaders[name] = DataLoader(load_fn=cast(Callable[[list[Any]], Awaitable[Any]], load))
        return self._loaders[name]


Info = strawberry.Info[Context, None]


def rows_as_of(house: House, view: View[R], customer_ids: list[UUID], as_of: AsOf) -> dict[Key, R]:
    """The rows of these customers as they were, folded from their events alone."""
    fold = Fold(view)
    names = house.log.codec.names(view.events)
    fold.apply(house.log.reader.customers(customer_ids, types=names, as_of=as_of, disclose=bool(view.personal)))
    return fold.rows
