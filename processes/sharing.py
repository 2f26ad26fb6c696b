"""Sharing: what all memories of a policy share, kept for each of its versions from one batch to the next."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from domain.kernel import Event
from eventstore.log import Log
from eventstore.reader import Reader
from processes.memories import Shared
from processes.policy import Policy
from projections.lists import Lists

PAGE_EVENTS = 10_000

logger = logging.getLogger(__name__)


class Sharing:
    """What is shared, made when a version of a policy is first asked for. For one thread."""

    def __init__(self, log: Log, lists: Lists) -> None:
        self._log = log
        self._lists = lists
        self._shared: dict[tuple[str, int], Shared] = {}

    def of(self, policy: Policy[Any]) -> Shared | None:
        """What the memories of this version share; None if they share nothing."""
        if policy.shared is None:
            return None
        key = policy.name, policy.version
        if key not in self._shared:
            self._shared[key] = Shared(policy, self._log.reader, self._lists)
        return self._shared[key]

    @contextmanager
    def learning(self, *names: str) -> Iterator[set[str]]:
        """Around a transaction: what the policies that are named learn of their decisions is taken back if it fails."""
        learning = set(names)
        try:
            yield learning
        except BaseException:
            self.take_back(learning)
            raise
        for shared in self._of(learning):
            shared.ahead = False

    def take_back(self, names: Collection[str]) -> None:
        """What these policies decided did not come to be: whoever learnt of it begins anew."""
        for shared in self._of(names):
            if shared.ahead:
                shared.forget()

    def _of(self, names: Collection[str]) -> Iterator[Shared]:
        return (shared for (policy, _), shared in self._shared.items() if policy in names)


def learn_together(reader: Reader, wanted: Iterable[tuple[Shared | None, int]]) -> None:
    """Brings what is shared up to a position each, as far as it is new, in one pass over the log for all of them.

    Where that cannot be done, each is left as it was, and reads for itself when it is asked.
    """
    new = [(shared, until) for shared, until in wanted if shared is not None and shared.is_new and until]
    learning: dict[type[Event], list[tuple[Shared, int]]] = {}
    for shared, until in new:
        for event in shared.learns:
            learning.setdefault(event, []).append((shared, until))
    try:
        _pass(reader, learning, max((until for _, until in new), default=0))
    except Exception as error:
        for shared, _ in new:
            shared.forget()
        if isinstance(error, psycopg.Error):
            raise
        logger.exception("What the policies share cannot be read in one pass. Each reads it for itself.")
        return
    for shared, until in new:
        shared.has_read(until)


def _pass(reader: Reader, learning: Mapping[type[Event], Sequence[tuple[Shared, int]]], end: int) -> None:
    position, types = 0, reader.codec.names(learning)
    while types and position < end:
        page = reader.page(position, PAGE_EVENTS, types=types)
        for event, at in page:
            for shared, until in learning[type(event)]:
                if at.position <= until:
                    shared.note(event, at)
        position = page[-1].at.position if len(page) == PAGE_EVENTS else end
