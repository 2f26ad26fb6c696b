"""Noting: of whom an answer shows personal values stands in the log of reads before it is shown."""

import asyncio
from asyncio import Task
from collections.abc import Awaitable, Callable
from uuid import UUID


class Noting:
    """Notes of whom personal values are made for one answer.

    Whoever is seen first is noted while the rest of the answer is still made: the disk takes longer than all else about it.
    Whoever is seen later is noted together when the answer is made, so it takes two entries at most.
    """

    def __init__(self, note: Callable[[set[UUID]], Awaitable[object]]) -> None:
        self._note = note
        self._seen: set[UUID] = set()
        self._first: Task[set[UUID]] | None = None

    def saw(self, subject_id: UUID) -> None:
        """A personal value of somebody was made. Asked in the event loop."""
        self._seen.add(subject_id)
        if self._first is None:
            self._first = asyncio.create_task(self._begin())
            self._first.add_done_callback(_heard)

    async def finish(self) -> None:
        """Returns when all who were seen are noted. Raises what keeps them from being noted."""
        if self._first is not None and (rest := self._seen - await self._first):
            await self._note(rest)

    async def _begin(self) -> set[UUID]:
        whom = set(
            self._seen
        )  # by now all are there who were seen in the same turn of the loop, such as those of a page
        await self._note(whom)
        return whom


def _heard(task: Task[set[UUID]]) -> None:
    """Whoever gave the answer up does not ask any more why it could not be noted."""
    if not task.cancelled():
        task.exception()
