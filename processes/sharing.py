"""Sharing: what all memories of a policy share, kept for each of its versions from one batch to the next."""

from typing import Any

from eventstore.log import Log
from processes.memories import Shared
from processes.policy import Policy
from projections.lists import Lists


class Sharing:
    """What is shared, made when a version of a policy is first asked for."""

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

    def forget(self, name: str | None = None) -> None:
        """Begins anew, for one policy or for all: what was learnt of a decision may not have come to be."""
        for (policy, _), shared in self._shared.items():
            if name in (None, policy):
                shared.forget()
