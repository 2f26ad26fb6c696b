"""What a query is answered with: the house, worker threads for its questions, and loaders that ask once for many."""

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar, cast
from uuid import UUID, uuid4

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext

from api.house import House
from api.schema.noting import Noting
from eventstore.database import reachable
from eventstore.envelope import Happened
from eventstore.reader import NOW, AsOf
from projections.looking_back import rows as rows_as_of
from projections.view import Key, R, View

P = ParamSpec("P")
T = TypeVar("T")

ANYBODY = "user:anonymous"


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """A row of a view with the moment it is looked at from, which its relations keep to."""

    row: T
    as_of: AsOf = NOW


class Context(BaseContext):
    """One request: who asks, of which house, by which door and what for, and how long it may take.

    `timeout_s` None: as long as it takes. `document` is what was asked, and `operation` what the client calls it.
    """

    def __init__(
        self,
        house: House,
        *,
        actor: str = ANYBODY,
        door: str = "graphql",
        purpose: str | None = None,
        timeout_s: float | None = None,
    ) -> None:
        super().__init__()
        self.house = house
        self.actor = actor
        self.door = door
        self.purpose = purpose
        self.timeout_s = timeout_s
        self.request_id = uuid4().hex
        self.command_id: UUID | None = None
        self.document: str | None = None
        self.operation: str | None = None
        self.noting = Noting(self._note)
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self._asked: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._answering: set[asyncio.Task[None]] = set()

    @cached_property
    def now(self) -> datetime:
        """The moment from which all that is said of now in this request is seen."""
        return datetime.now(UTC)

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Asks in a worker thread. Raises `Unavailable` if the database is away."""

        def answer() -> T:
            with reachable():
                return question(*args, **kwargs)

        return await asyncio.to_thread(answer)

    def row(self, view: View[R], key: Key, as_of: AsOf = NOW) -> "Future[R | None]":
        """One row, asked together with all others that this request needs of the same view."""
        return cast("Future[R | None]", self._rows(view, as_of).load(key))

    async def each(self, name: Hashable, question: Callable[[list[Any]], dict[Any, T]], key: Any) -> T:
        """What a question has to say on a key, asked together with all others of the same name."""
        return cast(T, await self._loader(name, question).load(key))

    async def personal(self, position: int) -> Happened | None:
        """An event with its personal values, which are about to be shown."""
        happened = await self._personal(position)
        if happened is not None:
            self.saw(happened.at.customer_id or happened.at.stream_id)
        return happened

    async def event(self, position: int) -> Shown[Happened] | None:
        """An event as a node, asked together with all others that this request shows."""
        happened = await self._personal(position)
        return None if happened is None else Shown(happened)

    def saw(self, subject_id: UUID) -> None:
        """Notes of whom personal values are shown, for the log of reads."""
        self.noting.saw(subject_id)

    def let_go(self) -> None:
        """Forgets what was loaded, when nothing is asked any more, so that nobody has to look for it in cycles."""
        self._loaders.clear()

    async def _note(self, subjects: set[UUID]) -> None:
        await self.ask(
            self.house.reads.note,
            subjects,
            actor=self.actor,
            door=self.door,
            purpose=self.purpose,
            operation=self.operation,
            document=self.document,
        )

    async def _personal(self, position: int) -> Happened | None:
        reader = self.house.log.reader
        return cast("Happened | None", await self._loader("personal", reader.personal).load(position))

    async def _together(self, question: Callable[[], T]) -> T:
        """Asks in a worker thread, from one moment and on one connection with whatever else is asked at the same time."""
        answered: Future[T] = asyncio.get_running_loop().create_future()
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._answer)
        self._asked.append((question, answered))
        return await answered

    def _answer(self) -> None:
        asked, self._asked = self._asked, []
        task = asyncio.create_task(self._answer_all(asked))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer_all(self, asked: list[tuple[Callable[[], Any], Future[Any]]]) -> None:
        def answer(question: Callable[[], Any]) -> tuple[Any, BaseException | None]:
            try:
                with reachable():
                    return question(), None
            except Exception as error:
                return None, error

        def answers() -> list[tuple[Any, BaseException | None]]:
            if len(asked) == 1:
                return [answer(asked[0][0])]
            with self.house.lists.together():
                return [answer(question) for question, _ in asked]

        found: list[tuple[Any, BaseException | None]]
        try:
            found = await asyncio.to_thread(answers)
        except Exception as error:  # the look could not be ended: what was seen in it is not sure
            found = [(None, error)] * len(asked)
        for (_, future), (value, failure) in zip(asked, found, strict=True):
            if future.done():  # nobody waits for it any more
                continue
            if failure is None:
                future.set_result(value)
            else:
                future.set_exception(failure)

    def _rows(self, view: View[R], as_of: AsOf) -> DataLoader[Any, Any]:
        def rows(keys: list[Key]) -> dict[Key, R]:
            return rows_as_of(self.house.lists, view, keys, as_of)

        return self._loader(("row", view.name, as_of), rows)

    def _loader(self, name: Hashable, question: Callable[[list[Any]], dict[Any, Any]]) -> DataLoader[Any, Any]:
        async def load(keys: list[Any]) -> list[Any]:
            found = await self._together(lambda: question(keys))
            return [found.get(key) for key in keys]

        if name not in self._loaders:
            self._loaders[name] = DataLoader(load_fn=cast(Callable[[list[Any]], Awaitable[Any]], load))
        return self._loaders[name]


Info = strawberry.Info[Context, None]
