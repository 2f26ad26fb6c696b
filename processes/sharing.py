"""Sharing: what all memories of a policy share, kept for each of its versions from one batch to the next."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from eventstore.log import Log
from processes.memories import Shared
from processes.policy import Policy
from projections.lists import Lists


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
