"""Appends of concurrent callers go to the database together: whoever comes first takes the others along."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from uuid import UUID

import psycopg

MAX_TOGETHER = 64

Placed = tuple[int, int, bool]
"""The first and the last position, and whether the command had been done before."""


@dataclass(eq=False, slots=True)
class Ticket:
    """The events of one command as a JSON array, and what became of them."""

    command_id: UUID
    events: str
    count: int
    placed: Placed | None = None
    error: BaseException | None = None

    @property
    def waits(self) -> bool:
        return self.placed is None and self.error is None


class Together:
    """Appends for several threads, one call at a time. Each gets its own answer, after the flush that they share.

    If the database turns a shared call down, nothing of it was appended, and each is tried alone.
    """

    def __init__(self, call: Callable[[str], Placed]) -> None:
        self._call = call
        self._waiting: list[Ticket] = []
        self._busy = False
        self._turn = Condition()

    def append(self, command_id: UUID, events: str, count: int) -> Placed:
        """Where the events came to stand. Raises what the database says of them alone."""
        ticket = Ticket(command_id, events, count)
        with self._turn:
            self._waiting.append(ticket)
        while batch := self._batch(ticket):
            try:
                self._do(batch)
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.placed is not None
        return ticket.placed

    def _batch(self, ticket: Ticket) -> list[Ticket]:
        """Whom to take along, when it is this caller's turn; nobody, when its own ticket was answered."""
        with self._turn:
            while self._busy and ticket.waits:
                self._turn.wait()
            if not ticket.waits:
                return []
            self._busy = True
            found: dict[UUID, Ticket] = {}  # the same command twice must not go in one call
            for waiting in self._waiting[:MAX_TOGETHER]:
                found.setdefault(waiting.command_id, waiting)
            taken = list(found.values())
            self._waiting = [waiting for waiting in self._waiting if waiting not in taken]
            return taken

    def _do(self, batch: list[Ticket]) -> None:
        if len(batch) > 1 and self._all(batch):
            return
        for ticket in batch:
            if ticket.waits:
                try:
                    ticket.placed = self._call(ticket.events)
                except BaseException as error:
                    ticket.error = error

    def _all(self, batch: list[Ticket]) -> bool:
        try:
            first, _, duplicate = self._call("[" + ",".join(ticket.events[1:-1] for ticket in batch) + "]")
        except BaseException as error:
            if isinstance(error, psycopg.DatabaseError) and not isinstance(error, psycopg.OperationalError):
                return False
            # Nobody knows what became of it.
            for ticket in batch:
                ticket.error = error
            return True
        if duplicate:  # the first one has been done before, and the routine looked no further
            return False
        for ticket in batch:
            ticket.placed = (first, first + ticket.count - 1, False)
            first += ticket.count
        return True
